/**
 * Gather, scatter and slices at computed positions. Rows along one axis are ONNX's Gather; everything else goes by the positions of the
 * elements in the flat array, which are computed in the graph.
 * May import: `primitives`, `onnx/{graph,lowering}`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import type { DType } from '../ir/dtype.ts';
import { rowMajorStrides, type Shape, sizeOf } from '../ir/shape.ts';
import { updateWindow } from '../primitives/define-scatter.ts';
import { type IndexMap, makeIndexMap, windowShape } from '../primitives/index-map.ts';
import * as p from '../primitives/index.ts';
import { type OnnxGraph, type Operand, range } from './graph.ts';
import { entry, type Entry, type Lowering } from './lowering.ts';

/** Positions in the flat operand, and which of them count. */
interface Positions {
  /** int64, in the shape of the gathered array (or the updates). */
  readonly name: string;
  /** Absent where all do. */
  readonly isInside: string | undefined;
}

/** Component `k` of the rows of indices: int64 in the shape of the batch. */
function component(g: OnnxGraph, indices: Operand, k: number): string {
  const { shape } = indices.aval;
  const last = shape.length - 1;
  const column = g.op('Gather', [indices.name, g.scalar(k, 'int64')], { axis: last });
  return g.cast(column, 'int64');
}

function clamped(g: OnnxGraph, index: string, limit: number): string {
  return g.op('Min', [g.op('Max', [index, g.scalar(0, 'int64')]), g.scalar(limit, 'int64')]);
}

/** A value per element of one axis, so that it broadcasts along the others. */
const alongAxis = (g: OnnxGraph, line: string, n: number, rank: number, axis: number): string =>
  g.reshape(
    line,
    [n],
    range(rank).map((d) => (d === axis ? n : 1)),
  );

const scaled = (g: OnnxGraph, x: string, factor: number): string => g.op('Mul', [x, g.scalar(factor, 'int64')]);

/** start(batch) + window, as one number an element. */
function positionsOf(g: OnnxGraph, map: IndexMap, indices: Operand): Positions {
  const strides = rowMajorStrides(map.shape);
  const rank = map.batchShape.length + map.windowAxes.length;
  const batchDims = range(rank).filter((d) => !map.offsetDims.includes(d));
  const shape = mergedShape(map, rank);
  const widened =
    map.batchShape.length === rank ? map.batchShape : shape.map((n, d) => (batchDims.includes(d) ? n : 1));
  const terms: string[] = [g.scalar(0, 'int64')];
  let isInside: string | undefined;
  map.startMap.forEach((axis, k) => {
    const limit = map.shape[axis]! - map.window[axis]!;
    const index = g.reshape(component(g, indices, k), map.batchShape, widened);
    const inRange = clamped(g, index, limit);
    terms.push(scaled(g, inRange, strides[axis]!));
    if (map.mode !== 'fill') return;
    const fits = g.op('Equal', [inRange, index]);
    isInside = isInside === undefined ? fits : g.op('And', [isInside, fits]);
  });
  const counting = (axis: number, n: number, stride: number): void => {
    terms.push(scaled(g, alongAxis(g, g.count0(n, 'int64'), n, rank, axis), stride));
  };
  map.batchingDims.forEach((axis, i) => {
    const from = map.indicesBatchingDims[i]!;
    counting(batchDims[from]!, map.batchShape[from]!, strides[axis]!);
  });
  map.windowAxes.forEach((axis, w) => {
    if (map.window[axis] !== 1) counting(map.offsetDims[w]!, map.window[axis]!, strides[axis]!);
  });
  const sum = terms.reduce((a, b) => g.op('Add', [a, b]));
  return { name: g.filled(sum, shape), isInside };
}

function mergedShape(map: IndexMap, rank: number): number[] {
  const window = windowShape(map);
  let [b, w] = [0, 0];
  return range(rank).map((d) => (map.offsetDims.includes(d) ? window[w++]! : map.batchShape[b++]!));
}

/** Whole rows along one axis, which stay in their place: an embedding. The axis, if it is so. */
function rowAxis(map: IndexMap, indices: Aval): number | undefined {
  const [axis] = map.startMap;
  const isWhole = map.window.every((n, d) => d === axis || n === map.shape[d]);
  const isOne = map.startMap.length === 1 && map.window[axis!] === 1 && map.batchingDims.length === 0;
  if (!isOne || !isWhole || map.windowAxes.includes(axis!) || map.shape[axis!] === 0) return undefined;
  const batch = indices.ndim - 1;
  const expected = map.windowAxes.map((d) => (d < axis! ? d : d + batch - 1));
  return map.offsetDims.every((d, i) => d === expected[i]) ? axis : undefined;
}

function chosen(g: OnnxGraph, inside: string | undefined, value: string, fill: number, dtype: DType): string {
  if (inside === undefined) return value;
  if (dtype === 'bool') return fill === 0 ? g.op('And', [inside, value]) : g.op('Or', [g.op('Not', [inside]), value]);
  if (dtype !== 'uint32') return g.where(inside, value, g.scalar(fill, dtype));
  return g.cast(g.where(inside, g.cast(value, 'int64'), g.scalar(fill, 'int64')), dtype);
}

const gather: Lowering<p.GatherParams> = ({ g, x, params, outs }) => {
  const [operand, indices] = x as [Operand, Operand];
  const { dimensionNumbers: n, sliceSizes, mode } = params;
  const map = makeIndexMap('gather', operand.aval, indices.aval, sliceSizes, {
    offsetDims: n.offsetDims,
    droppedDims: n.collapsedSliceDims,
    startMap: n.startIndexMap,
    batchingDims: n.operandBatchingDims,
    indicesBatchingDims: n.startIndicesBatchingDims,
    mode,
  });
  const { dtype } = operand.aval;
  const fill = p.fillOf(params, dtype);
  const axis = rowAxis(map, indices.aval);
  if (axis !== undefined && mode !== 'fill') {
    const rows = clamped(g, component(g, indices, 0), map.shape[axis]! - 1);
    return g.op('Gather', [operand.name, rows], { axis });
  }
  const flat = g.reshape(operand.name, operand.aval.shape, [operand.aval.size]);
  const at = positionsOf(g, map, indices);
  const value = g.op('Gather', [flat, at.name], { axis: 0 });
  return chosen(g, at.isInside, value, fill, outs[0]!.dtype);
};

/** Updates at positions of the flat operand; those that do not count fall on an element behind the end, which is cut off. */
function scattered(g: OnnxGraph, x: Operand, at: Positions, updates: Operand, reduction: string): string {
  const { shape, size, dtype } = x.aval;
  const type = dtype === 'uint32' || dtype === 'uint8' ? 'int64' : dtype;
  const flat = g.reshape(g.as(x, type), shape, [size]);
  const flatUpdates = g.reshape(g.as(updates, type), updates.aval.shape, [updates.aval.size]);
  const list = (y: string): string => g.op('Reshape', [y, g.ints([updates.aval.size])]);
  const run = (data: string, positions: string): string =>
    g.op('ScatterElements', [data, list(positions), flatUpdates], { axis: 0, reduction });
  let y: string;
  if (at.isInside === undefined) y = run(flat, at.name);
  else {
    const extra = g.reshape(g.scalar(0, type), [], [1]);
    const longer = g.op('Concat', [flat, extra], { axis: 0 });
    const positions = g.where(at.isInside, at.name, g.scalar(size, 'int64'));
    y = g.slice(run(longer, positions), [0], [size]);
  }
  const whole = g.reshape(y, [size], shape);
  return type === dtype ? whole : g.cast(whole, dtype);
}

const scatter =
  (reduction: string): Lowering<p.ScatterParams> =>
  ({ g, x, params }) => {
    const [operand, indices, updates] = x as [Operand, Operand, Operand];
    if (updates.aval.size === 0) return operand.name;
    const n = params.dimensionNumbers;
    const map = makeIndexMap(
      'scatter',
      operand.aval,
      indices.aval,
      updateWindow(operand.aval.shape, updates.aval.shape, n),
      {
        offsetDims: n.updateWindowDims,
        droppedDims: n.insertedWindowDims,
        startMap: n.scatterDimsToOperandDims,
        batchingDims: n.operandBatchingDims,
        indicesBatchingDims: n.scatterIndicesBatchingDims,
        mode: params.mode,
      },
    );
    return scattered(g, operand, positionsOf(g, map, indices), updates, reduction);
  };

/** Starts moved inside, int64. */
const startsOf = (g: OnnxGraph, starts: readonly Operand[], x: Shape, sizes: Shape): string[] =>
  starts.map((start, d) => clamped(g, g.as(start, 'int64'), x[d]! - sizes[d]!));

const dynamicSlice: Lowering<{ readonly sizes: Shape }> = ({ g, x: [operand, ...starts], params: { sizes } }) => {
  if (starts.length === 0) return operand!.name;
  const lines = startsOf(g, starts, operand!.aval.shape, sizes).map((start) => g.reshape(start, [], [1]));
  const from = g.op('Concat', lines, { axis: 0 });
  const to = g.op('Add', [from, g.ints(sizes)]);
  const y = g.op('Slice', [operand!.name, from, to, g.ints(range(sizes.length))]);
  // Says the shape, which depends on no value.
  return g.op('Reshape', [y, g.ints(sizes)], { allowzero: 1 });
};

const dynamicUpdateSlice: Lowering<object> = ({ g, x: [operand, update, ...starts] }) => {
  const { shape } = operand!.aval;
  const window = update!.aval.shape;
  if (starts.length === 0) return update!.name;
  if (sizeOf(window) === 0) return operand!.name;
  const strides = rowMajorStrides(shape);
  const terms = startsOf(g, starts, shape, window).map((start, d) => {
    const line = g.op('Add', [start, g.count0(window[d]!, 'int64')]);
    return scaled(g, alongAxis(g, line, window[d]!, window.length, d), strides[d]!);
  });
  const name = g.filled(
    terms.reduce((a, b) => g.op('Add', [a, b])),
    window,
  );
  return scattered(g, operand!, { name, isInside: undefined }, update!, 'none');
};

export const indexing: readonly Entry[] = [
  entry(p.gatherP, gather),
  entry(p.scatterP, scatter('none')),
  entry(p.scatterAddP, scatter('add')),
  entry(p.scatterMulP, scatter('mul')),
  entry(p.scatterMinP, scatter('min')),
  entry(p.scatterMaxP, scatter('max')),
  entry(p.dynamicSliceP, dynamicSlice),
  entry(p.dynamicUpdateSliceP, dynamicUpdateSlice),
];

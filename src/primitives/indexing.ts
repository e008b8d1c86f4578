/**
 * gather and its adjoint scatter_add, and scatter (set). Dimension numbers and semantics are XLA's.
 * May import: `ir`, `core`, `primitives/{structural,arithmetic,compare,select,iota,fill,index-map,define-scatter}`.
 * @module
 */
import { type Aval, bool, f32, f64, i32 } from '../ir/aval.ts';
import { type DType, isFloat } from '../ir/dtype.ts';
import { largestOf, leastOf } from '../ir/limits.ts';
import { binary, constant, select as selectExpr } from '../ir/loop/expr.ts';
import { rowMajorStrides, type Shape, sizeOf } from '../ir/shape.ts';
import {
  type BatchContext,
  type BatchDim,
  type BatchRule,
  definePrimitive,
  type HostArray,
  isLinearInput,
  type Primitive,
  residual,
  type Sample,
} from '../core/primitive.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { eq } from './compare.ts';
import {
  boolScatterSample,
  defineScatter,
  type ScatterDimensionNumbers,
  type ScatterParams,
  scatterSamples,
  updateWindow,
} from './define-scatter.ts';
import { filled } from './fill.ts';
import {
  hostWindowStart,
  type IndexMap,
  type IndexMode,
  makeIndexMap,
  mergeIndex,
  operandIndex,
  windowShape,
  windowStart,
} from './index-map.ts';
import { iota } from './iota.ts';
import { select } from './select.ts';
import { forEachIndex, moveBatchToFront, reshape } from './structural.ts';

/** As `jax.lax.GatherDimensionNumbers`; the components of a position are the last axis of the indices. */
export interface GatherDimensionNumbers {
  /** Axes of the result that lie in the window. */
  readonly offsetDims: readonly number[];
  /** Operand axes missing in the window. */
  readonly collapsedSliceDims: readonly number[];
  /** Operand axis of each component of a position. */
  readonly startIndexMap: readonly number[];
  readonly operandBatchingDims: readonly number[];
  readonly startIndicesBatchingDims: readonly number[];
}

export interface GatherParams {
  readonly dimensionNumbers: GatherDimensionNumbers;
  readonly sliceSizes: Shape;
  readonly mode: IndexMode;
  /** What `fill` reads outside: by default NaN, the least signed or the greatest unsigned integer, true. */
  readonly fillValue?: number;
}

/** What a gather reads outside its operand in mode `fill`. */
export function fillOf({ fillValue }: GatherParams, dtype: DType): number {
  if (fillValue !== undefined) return fillValue;
  if (isFloat(dtype)) return Number.NaN;
  return dtype === 'int32' ? leastOf(dtype) : largestOf(dtype);
}

function gatherMap(x: Aval, indices: Aval, { dimensionNumbers: n, sliceSizes, mode }: GatherParams): IndexMap {
  return makeIndexMap('gather', x, indices, sliceSizes, {
    offsetDims: n.offsetDims,
    droppedDims: n.collapsedSliceDims,
    startMap: n.startIndexMap,
    batchingDims: n.operandBatchingDims,
    indicesBatchingDims: n.startIndicesBatchingDims,
    mode,
  });
}

const scatterNumbers = (n: GatherDimensionNumbers): ScatterDimensionNumbers => ({
  updateWindowDims: n.offsetDims,
  insertedWindowDims: n.collapsedSliceDims,
  scatterDimsToOperandDims: n.startIndexMap,
  operandBatchingDims: n.operandBatchingDims,
  scatterIndicesBatchingDims: n.startIndicesBatchingDims,
});

const gatherNumbers = (n: ScatterDimensionNumbers): GatherDimensionNumbers => ({
  offsetDims: n.updateWindowDims,
  collapsedSliceDims: n.insertedWindowDims,
  startIndexMap: n.scatterDimsToOperandDims,
  operandBatchingDims: n.operandBatchingDims,
  startIndicesBatchingDims: n.scatterIndicesBatchingDims,
});

/** y[b, w] = x[start(indices[b]) + w]. */
export const gatherP: Primitive<GatherParams> = definePrimitive<GatherParams>({
  name: 'gather',
  abstractEval: ([x, indices], params) => {
    const map = gatherMap(x!, indices!, params);
    return [x!.withShape(mergeIndex(map, map.batchShape, windowShape(map)))];
  },
  calculus: {
    // Linear but for the fill value, which does not move.
    kind: 'smooth',
    jvp: ([, indices], [t], _outs, params) => [t! && gather(t, indices!, { ...params, fillValue: 0 })],
    transpose: ([ct], [x, indices], { dimensionNumbers, mode }) => [
      scatterAdd(filled(x!.aval, 0), residual(indices!), ct!, {
        dimensionNumbers: scatterNumbers(dimensionNumbers),
        mode,
        uniqueIndices: false,
        indicesAreSorted: false,
      }),
      null,
    ],
  },
  batch: (context, args, dims, params) => batchGather(context, args, dims, params),
  reference: (args, [out], params) => evaluateGather(args, out!, params),
  lower: {
    kind: 'pointwise',
    element: ({ inputs: [x, indices], params, index, load }) => {
      const map = gatherMap(x!, indices!, params);
      const isWindow = (d: number): boolean => map.offsetDims.includes(d);
      const batch = index.filter((_, d) => !isWindow(d));
      const window = index.filter((_, d) => isWindow(d));
      const at = windowStart(map, batch, (k) => load(1, [...batch, constant(k, 'int32')]));
      const inside = load(0, operandIndex(map, at.start, window));
      return [at.isInside ? selectExpr(at.isInside, inside, constant(fillOf(params, x!.dtype), x!.dtype)) : inside];
    },
  },
  samples: gatherSamples(),
});

function evaluateGather(args: readonly HostArray[], out: HostArray, params: GatherParams): void {
  const [x, indices] = args as [HostArray, HostArray];
  const map = gatherMap(x.aval, indices.aval, params);
  const strides = rowMajorStrides(map.shape);
  const outStrides = rowMajorStrides(out.aval.shape);
  forEachIndex(map.batchShape, (batch) => {
    const start = hostWindowStart(map, indices, batch);
    forEachIndex(windowShape(map), (window) => {
      const o = mergeIndex(map, batch, window).reduce((sum, e, d) => sum + e * outStrides[d]!, 0);
      if (!start) {
        out.data[o] = fillOf(params, x.aval.dtype);
        return;
      }
      let i = start.reduce((sum, s, d) => sum + s * strides[d]!, 0);
      map.windowAxes.forEach((d, w) => (i += window[w]! * strides[d]!));
      out.data[o] = x.data[i]!;
    });
  });
}

const shift = (dims: readonly number[]): number[] => dims.map((d) => d + 1);

function batchGather(
  { size }: BatchContext,
  [x, indices]: readonly Tensor[],
  [xdim, idim]: readonly BatchDim[],
  params: GatherParams,
): ReturnType<BatchRule<GatherParams>> {
  const n = params.dimensionNumbers;
  if (xdim === null) {
    // Only the indices are mapped: one more axis of rows.
    const dimensionNumbers = {
      ...n,
      offsetDims: shift(n.offsetDims),
      startIndicesBatchingDims: shift(n.startIndicesBatchingDims),
    };
    return [[gather(x!, moveBatchToFront(indices!, idim!), { ...params, dimensionNumbers })], [0]];
  }
  // Unmapped indices put the whole batch in the window; mapped ones make it a batching axis.
  const isMapped = idim !== null;
  const dimensionNumbers: GatherDimensionNumbers = {
    offsetDims: isMapped ? shift(n.offsetDims) : [0, ...shift(n.offsetDims)],
    collapsedSliceDims: shift(n.collapsedSliceDims),
    startIndexMap: shift(n.startIndexMap),
    operandBatchingDims: isMapped ? [0, ...shift(n.operandBatchingDims)] : shift(n.operandBatchingDims),
    startIndicesBatchingDims: isMapped ? [0, ...shift(n.startIndicesBatchingDims)] : n.startIndicesBatchingDims,
  };
  const sliceSizes = [isMapped ? 1 : size, ...params.sliceSizes];
  const rows = isMapped ? moveBatchToFront(indices!, idim!) : indices!;
  return [[gather(moveBatchToFront(x!, xdim!), rows, { ...params, dimensionNumbers, sliceSizes })], [0]];
}

/** Windows of `x` at the rows of `indices` (int32). */
export const gather = (x: Tensor, indices: Tensor, params: GatherParams): Tensor =>
  bind1(gatherP, [x, indices], params);

/** y[…, j, …] = x[…, indices[…, j, …], …] along `axis`; the other axes of both agree. Indices must be in bounds. */
export function takeAlongAxis(x: Tensor, indices: Tensor, axis: number): Tensor {
  const others = x.aval.shape.map((_, d) => d).filter((d) => d !== axis);
  return gather(x, reshape(indices, [...indices.aval.shape, 1]), {
    dimensionNumbers: {
      offsetDims: [],
      collapsedSliceDims: [axis],
      startIndexMap: [axis],
      operandBatchingDims: others,
      startIndicesBatchingDims: others,
    },
    sliceSizes: x.aval.shape.map(() => 1),
    mode: 'promise_in_bounds',
  });
}

/** What lies where a scatter of `updates` writes; 0 for those that it drops. */
export function gatherUpdates(
  x: Tensor,
  indices: Tensor,
  updates: Aval,
  { dimensionNumbers, mode }: ScatterParams,
): Tensor {
  return gather(x, indices, {
    dimensionNumbers: gatherNumbers(dimensionNumbers),
    sliceSizes: updateWindow(x.aval.shape, updates.shape, dimensionNumbers),
    mode,
    fillValue: 0,
  });
}

/** y = x, with every update added to the element it falls on. */
export const scatterAddP: Primitive<ScatterParams> = defineScatter({
  name: 'scatter_add',
  acceptsBool: false,
  combine: (old, update) => binary('add', old, update),
  combineHost: (old, update) => old + update,
  calculus: {
    kind: 'linear',
    linearOperands: () => [0, 2],
    transpose: ([ct], [x, indices, updates], params) => [
      isLinearInput(x!) ? ct! : null,
      null,
      isLinearInput(updates!) ? gatherUpdates(ct!, residual(indices!), updates.aval, params) : null,
    ],
  },
  samples: scatterSamples(true),
});

export const scatterAdd = (x: Tensor, indices: Tensor, updates: Tensor, params: ScatterParams): Tensor =>
  bind1(scatterAddP, [x, indices, updates], params);

/** y = x, with every update in place of the element it falls on. */
export const scatterP: Primitive<ScatterParams> = defineScatter({
  name: 'scatter',
  acceptsBool: true,
  combine: (_old, update) => update,
  combineHost: (_old, update) => update,
  calculus: {
    // For fixed indices this is linear, also where several updates meet: the one that stays takes the cotangent.
    kind: 'linear',
    linearOperands: () => [0, 2],
    transpose: ([ct], [x, indices, updates], params) => {
      const rows = residual(indices!);
      const toUpdates = (aval: Aval): Tensor => {
        const cts = gatherUpdates(ct!, rows, aval, params);
        if (params.uniqueIndices) return cts;
        return select(staying(ct!.aval.shape, rows, aval, params), cts, scalarTensor(0, ct!.aval.dtype));
      };
      return [
        isLinearInput(x!) ? scatter(ct!, rows, filled(updates!.aval, 0), params) : null,
        null,
        isLinearInput(updates!) ? toUpdates(updates.aval) : null,
      ];
    },
  },
  samples: [...scatterSamples(true), ...scatterSamples(false), boolScatterSample],
});

/** Which updates are still there after a scatter: those that find their own number where they were written. */
function staying(shape: Shape, rows: Tensor, updates: Aval, params: ScatterParams): Tensor {
  const numbers = reshape(iota([sizeOf(updates.shape)], 'int32', 0), updates.shape);
  const written = scatter(filled(i32(...shape), -1), rows, numbers, params);
  return eq(gatherUpdates(written, rows, updates, params), numbers);
}

export const scatter = (x: Tensor, indices: Tensor, updates: Tensor, params: ScatterParams): Tensor =>
  bind1(scatterP, [x, indices, updates], params);

function gatherSamples(): readonly Sample<GatherParams>[] {
  const points: GatherDimensionNumbers = {
    offsetDims: [],
    collapsedSliceDims: [0],
    startIndexMap: [0],
    operandBatchingDims: [],
    startIndicesBatchingDims: [],
  };
  const rows = { ...points, offsetDims: [1] };
  const both = { ...points, collapsedSliceDims: [0, 1], startIndexMap: [1, 0] };
  const batched = {
    ...points,
    collapsedSliceDims: [1],
    startIndexMap: [1],
    operandBatchingDims: [0],
    startIndicesBatchingDims: [0],
  };
  return [
    {
      avals: [f32(4), i32(3, 1)],
      params: { dimensionNumbers: points, sliceSizes: [1], mode: 'clip' },
      data: [undefined, [0, 9, 0]],
    },
    {
      avals: [f64(3, 2), i32(2, 1)],
      params: { dimensionNumbers: rows, sliceSizes: [1, 2], mode: 'fill', fillValue: 5 },
      data: [undefined, [2, -1]],
    },
    {
      avals: [f32(3, 9), i32(4, 1)],
      params: { dimensionNumbers: rows, sliceSizes: [1, 9], mode: 'fill', fillValue: 5 },
      data: [undefined, [2, -1, 2147483647, 0]],
    },
    {
      avals: [f64(5), i32(2, 1)],
      params: { dimensionNumbers: { ...rows, collapsedSliceDims: [] }, sliceSizes: [3], mode: 'clip' },
      data: [undefined, [1, 4]],
    },
    {
      avals: [f32(2, 3), i32(2, 2)],
      params: { dimensionNumbers: both, sliceSizes: [1, 1], mode: 'promise_in_bounds' },
      data: [undefined, [2, 1, 0, 0]],
    },
    {
      avals: [f32(2, 3), i32(2, 2, 1)],
      params: { dimensionNumbers: batched, sliceSizes: [1, 1], mode: 'clip' },
      data: [undefined, [0, 2, 2, 1]],
    },
    // The window's axis first, rows after it.
    {
      avals: [f64(3, 4), i32(2, 1)],
      params: { dimensionNumbers: { ...points, offsetDims: [0] }, sliceSizes: [1, 4], mode: 'clip' },
      data: [undefined, [1, 1]],
    },
    {
      avals: [f32(3), i32(0, 1)],
      params: { dimensionNumbers: points, sliceSizes: [1], mode: 'clip' },
      data: [undefined, []],
    },
    {
      avals: [i32(3), i32(2, 1)],
      params: { dimensionNumbers: points, sliceSizes: [1], mode: 'fill' },
      data: [undefined, [1, 7]],
    },
    {
      avals: [bool(3), i32(2, 1)],
      params: { dimensionNumbers: points, sliceSizes: [1], mode: 'fill' },
      data: [undefined, [1, 7]],
    },
  ];
}

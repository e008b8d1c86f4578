/**
 * Everything the scatter family shares; its members differ in how an update meets the element it falls on, and in their derivatives.
 * Updates apply in row-major order of the rows of indices: of several that set one element the last stays.
 * May import: `ir`, `core`, `primitives/{structural,index-map}`.
 * @module
 */
import { type Aval, bool, f32, f64, i32 } from '../ir/aval.ts';
import type { DType } from '../ir/dtype.ts';
import { DTypeError, ShapeError } from '../ir/errors.ts';
import { type Expr, linearize, load } from '../ir/loop/expr.ts';
import type { KernelBuilder } from '../ir/loop/kernel.ts';
import { rowMajorStrides, sameShape, type Shape } from '../ir/shape.ts';
import {
  type BatchContext,
  type BatchDim,
  type BatchRule,
  type Calculus,
  definePrimitive,
  type HostArray,
  type Primitive,
  type Sample,
} from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind } from '../core/trace.ts';
import {
  hostWindowStart,
  type IndexMap,
  type IndexMode,
  keptWindowAxes,
  makeIndexMap,
  mergeIndex,
  operandIndex,
  windowShape,
  windowStart,
} from './index-map.ts';
import { nestedLoops } from './strided-view.ts';
import { forEachIndex, materializeBatch, moveBatchToFront } from './structural.ts';

/** As `jax.lax.ScatterDimensionNumbers`; the components of a position are the last axis of the indices. */
export interface ScatterDimensionNumbers {
  /** Axes of the updates that lie in the window. */
  readonly updateWindowDims: readonly number[];
  /** Operand axes missing in the window. */
  readonly insertedWindowDims: readonly number[];
  /** Operand axis of each component of a position. */
  readonly scatterDimsToOperandDims: readonly number[];
  readonly operandBatchingDims: readonly number[];
  readonly scatterIndicesBatchingDims: readonly number[];
}

/** Positions are places along the first axis of the operand; `updateWindowDims` are the axes of what lies there. */
export const alongFirstAxis = (updateWindowDims: readonly number[]): ScatterDimensionNumbers => ({
  updateWindowDims,
  insertedWindowDims: [0],
  scatterDimsToOperandDims: [0],
  operandBatchingDims: [],
  scatterIndicesBatchingDims: [],
});

export interface ScatterParams {
  readonly dimensionNumbers: ScatterDimensionNumbers;
  readonly mode: IndexMode;
  /** Promises that no element is updated twice. */
  readonly uniqueIndices: boolean;
  /** Promises ascending positions. */
  readonly indicesAreSorted: boolean;
}

/** Extent of the window of an update along every operand axis. */
export function updateWindow(x: Shape, updates: Shape, dimensionNumbers: ScatterDimensionNumbers): number[] {
  const { insertedWindowDims, operandBatchingDims, updateWindowDims } = dimensionNumbers;
  const kept = keptWindowAxes(x.length, insertedWindowDims, operandBatchingDims);
  return x.map((_, d) => (kept.includes(d) ? (updates[updateWindowDims[kept.indexOf(d)]!] ?? 0) : 1));
}

function scatterMap(name: string, x: Aval, indices: Aval, updates: Aval, params: ScatterParams): IndexMap {
  const numbers = params.dimensionNumbers;
  const map = makeIndexMap(name, x, indices, updateWindow(x.shape, updates.shape, numbers), {
    offsetDims: numbers.updateWindowDims,
    droppedDims: numbers.insertedWindowDims,
    startMap: numbers.scatterDimsToOperandDims,
    batchingDims: numbers.operandBatchingDims,
    indicesBatchingDims: numbers.scatterIndicesBatchingDims,
    mode: params.mode,
  });
  const expected = mergeIndex(map, map.batchShape, windowShape(map));
  if (!sameShape(expected, updates.shape)) {
    throw new ShapeError(
      `${name}: expected updates of shape [${expected.join(',')}], got ${updates.toString()} for operand ${x.toString()} and ` +
        `indices ${indices.toString()}.`,
      'broadcast the updates to that shape.',
      { expected, updates: updates.shape },
    );
  }
  return map;
}

export interface ScatterRules {
  readonly name: string;
  readonly acceptsBool: boolean;
  readonly combine: (old: Expr, update: Expr) => Expr;
  readonly combineHost: (old: number, update: number, dtype: DType) => number;
  readonly calculus: Calculus<ScatterParams>;
  readonly samples: readonly Sample<ScatterParams>[];
}

export function defineScatter(rules: ScatterRules): Primitive<ScatterParams> {
  const { name } = rules;
  const primitive: Primitive<ScatterParams> = definePrimitive<ScatterParams>({
    name,
    abstractEval: ([x, indices, updates], params) => {
      if (x!.dtype !== updates!.dtype || (x!.dtype === 'bool' && !rules.acceptsBool)) {
        throw new DTypeError(
          `${name}: expected operand and updates of one ${rules.acceptsBool ? '' : 'number '}dtype, got ${x!.toString()} and ${updates!.toString()}.`,
          'convert with astype first.',
        );
      }
      scatterMap(name, x!, indices!, updates!, params);
      return [x!.weakType && !updates!.weakType ? x!.strong() : x!];
    },
    calculus: rules.calculus,
    batch: (context, args, dims, params) => batchScatter(primitive, context, args, dims, params),
    reference: (args, [out], params) => evaluateScatter(rules, args, out!, params),
    lower: {
      kind: 'loops',
      startsFrom: 0,
      build: (b, avals, _outputs, params) => buildScatter(rules, b, avals, params),
    },
    samples: rules.samples,
  });
  return primitive;
}

function evaluateScatter(rules: ScatterRules, args: readonly HostArray[], out: HostArray, params: ScatterParams): void {
  const [x, indices, updates] = args as [HostArray, HostArray, HostArray];
  const map = scatterMap(rules.name, x.aval, indices.aval, updates.aval, params);
  const strides = rowMajorStrides(map.shape);
  const updateStrides = rowMajorStrides(updates.aval.shape);
  out.data.set(x.data);
  forEachIndex(map.batchShape, (batch) => {
    const start = hostWindowStart(map, indices, batch);
    if (!start) return;
    forEachIndex(windowShape(map), (window) => {
      let o = 0;
      for (let d = 0; d < start.length; d++) o += start[d]! * strides[d]!;
      map.windowAxes.forEach((d, w) => (o += window[w]! * strides[d]!));
      const u = mergeIndex(map, batch, window).reduce((sum, e, d) => sum + e * updateStrides[d]!, 0);
      out.data[o] = rules.combineHost(out.data[o]!, updates.data[u]!, x.aval.dtype);
    });
  });
}

/** Rows of indices run in order, since several may fall on one element; the elements of a window differ. */
function buildScatter(rules: ScatterRules, b: KernelBuilder, avals: readonly Aval[], params: ScatterParams): void {
  const [x, indices, updates] = avals as [Aval, Aval, Aval];
  const map = scatterMap(rules.name, x, indices, updates, params);
  const out = b.outputs[0]!;
  const perRow = (batch: readonly Expr[]): void => {
    const at = windowStart(map, batch, (k) => componentLocal(b, indices, batch, k));
    const write = (): void =>
      b.parallel(windowShape(map), (window) => {
        const o = linearize(operandIndex(map, at.start, window), map.shape);
        const u = load(b.inputs[2]!, linearize(mergeIndex(map, batch, window), updates.shape));
        b.store(out, o, rules.combine(load(out, o), u));
      });
    if (at.isInside) b.if(at.isInside, write);
    else write();
  };
  nestedLoops(b, map.batchShape, perRow);
}

function componentLocal(b: KernelBuilder, indices: Aval, batch: readonly Expr[], k: number): Expr {
  const at = linearize([...batch, { op: 'const', dtype: 'int32', value: k }], indices.shape);
  return b.get(b.local('int32', load(b.inputs[1]!, at)));
}

const shift = (dims: readonly number[]): number[] => dims.map((d) => d + 1);

function batchScatter(
  primitive: Primitive<ScatterParams>,
  { size }: BatchContext,
  args: readonly Tensor[],
  dims: readonly BatchDim[],
  params: ScatterParams,
): ReturnType<BatchRule<ScatterParams>> {
  const n = params.dimensionNumbers;
  const [x, updates] = materializeBatch(size, [args[0]!, args[2]!], [dims[0]!, dims[2]!]);
  const isMapped = dims[1] !== null;
  const indices = isMapped ? moveBatchToFront(args[1]!, dims[1]!) : args[1]!;
  // Unmapped indices put the whole batch in the window; mapped ones make it a batching axis.
  const dimensionNumbers: ScatterDimensionNumbers = {
    updateWindowDims: isMapped ? shift(n.updateWindowDims) : [0, ...shift(n.updateWindowDims)],
    insertedWindowDims: shift(n.insertedWindowDims),
    scatterDimsToOperandDims: shift(n.scatterDimsToOperandDims),
    operandBatchingDims: isMapped ? [0, ...shift(n.operandBatchingDims)] : shift(n.operandBatchingDims),
    scatterIndicesBatchingDims: isMapped ? [0, ...shift(n.scatterIndicesBatchingDims)] : n.scatterIndicesBatchingDims,
  };
  const isSorted = params.indicesAreSorted && !isMapped;
  return [bind(primitive, [x!, indices, updates!], { ...params, dimensionNumbers, indicesAreSorted: isSorted }), [0]];
}

const rows = alongFirstAxis([1]);
const points = alongFirstAxis([]);
const defaults = { uniqueIndices: false, indicesAreSorted: false } as const;

/** Samples every member takes. Repeated positions only where `allowsRepeats`. */
export function scatterSamples(allowsRepeats: boolean): readonly Sample<ScatterParams>[] {
  const last = allowsRepeats ? 0 : 1;
  const unique = { ...defaults, uniqueIndices: !allowsRepeats };
  return [
    {
      avals: [f32(4), i32(3, 1), f32(3)],
      params: { dimensionNumbers: points, mode: 'clip', ...unique },
      data: [undefined, [0, 2, last], undefined],
    },
    {
      avals: [f64(3, 2), i32(3, 1), f64(3, 2)],
      params: { dimensionNumbers: rows, mode: 'fill', ...unique },
      data: [undefined, [2, -1, last], undefined],
    },
    {
      // A window that keeps its axis: starts are clamped so that it fits.
      avals: [f64(5), i32(1, 1), f64(1, 2)],
      params: { dimensionNumbers: { ...rows, insertedWindowDims: [] }, mode: 'clip', ...unique },
      data: [undefined, [9], undefined],
    },
    {
      avals: [f32(2, 3), i32(2, 2, 1), f32(2, 2)],
      params: {
        dimensionNumbers: {
          ...points,
          insertedWindowDims: [1],
          scatterDimsToOperandDims: [1],
          operandBatchingDims: [0],
          scatterIndicesBatchingDims: [0],
        },
        mode: 'promise_in_bounds',
        ...unique,
      },
      data: [undefined, [0, 2, 2, 1], undefined],
    },
    {
      avals: [f32(2, 3), i32(2, 2), f32(2)],
      params: {
        dimensionNumbers: { ...points, insertedWindowDims: [0, 1], scatterDimsToOperandDims: [1, 0] },
        mode: 'fill',
        ...unique,
      },
      data: [undefined, [2, 1, 3, 0], undefined],
    },
    {
      avals: [f32(3), i32(0, 1), f32(0)],
      params: { dimensionNumbers: points, mode: 'clip', ...unique },
      data: [undefined, [], undefined],
    },
    {
      avals: [i32(3), i32(2, 1), i32(2)],
      params: { dimensionNumbers: points, mode: 'clip', ...unique },
      data: [undefined, [1, allowsRepeats ? 1 : 2], undefined],
    },
  ];
}

/** One more for members that take booleans. */
export const boolScatterSample: Sample<ScatterParams> = {
  avals: [bool(3), i32(1, 1), bool(1)],
  params: { dimensionNumbers: points, mode: 'clip', ...defaults },
  data: [undefined, [1], undefined],
};

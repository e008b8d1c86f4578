/**
 * Reductions over sliding windows: sum, max, min, product, and the position of the extremum.
 * May import: `ir`, `core`, `primitives/{structural,arithmetic,fill,slice,indexing,conv-shape,window-shape}`.
 * @module
 */
import { f32, f64, i32 } from '../ir/aval.ts';
import type { DType } from '../ir/dtype.ts';
import { largestOf, leastOf } from '../ir/limits.ts';
import { constant, type Expr, select } from '../ir/loop/expr.ts';
import type { Combine } from '../ir/loop/kernel.ts';
import type { Shape } from '../ir/shape.ts';
import { type Calculus, definePrimitive, type MaybeZero, type Primitive, type Sample } from '../core/primitive.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { add, mul } from './arithmetic.ts';
import { lhsCotangentPadding } from './conv-shape.ts';
import { filled } from './fill.ts';
import { gather } from './indexing.ts';
import { pad, slice } from './slice.ts';
import { broadcastInDim, forEachIndex, reshape } from './structural.ts';
import { windowArgExtremum } from './window-arg.ts';
import {
  forEachWindowElement,
  insertWindowAxis,
  windowedShape,
  windowElement,
  type WindowParams,
} from './window-shape.ts';

export type { WindowParams } from './window-shape.ts';

interface WindowRules {
  readonly name: string;
  readonly combine: Combine;
  readonly identity: (dtype: DType) => number;
  readonly combineHost: (x: number, y: number, dtype: DType) => number;
  readonly calculus: Calculus<WindowParams>;
  /** Whether windows of nothing but padding give infinities, which have no difference quotients. */
  readonly isInfiniteOutside?: boolean;
}

function defineWindowReduction({
  name,
  combine,
  identity,
  combineHost,
  calculus,
  isInfiniteOutside,
}: WindowRules): Primitive<WindowParams> {
  const primitive: Primitive<WindowParams> = definePrimitive<WindowParams>({
    name,
    abstractEval: ([x], params) => [x!.withShape(windowedShape(name, x!, params))],
    calculus,
    batch: (_context, [x], [bdim], params) => [[bind1(primitive, [x!], insertWindowAxis(params, bdim!))], [bdim!]],
    reference: ([x], [out], params) => {
      const { dtype } = out!.aval;
      // Accumulated in float64 and rounded once.
      const totals = new Float64Array(out!.data.length).fill(identity(dtype));
      forEachWindowElement(
        x!,
        out!.aval.shape,
        params,
        (o, i) => (totals[o] = combineHost(totals[o]!, x!.data[i]!, dtype)),
      );
      out!.data.set(totals);
    },
    lower: {
      kind: 'reduction',
      combine: () => combine,
      extents: (_inputs, { windowDimensions }) => windowDimensions,
      element: ({ inputs: [x], outputs: [out], params, index, reduceIndex, load }): Expr => {
        const neutral = constant(identity(x!.dtype), x!.dtype);
        if (x!.size === 0) return neutral;
        const element = windowElement(x!.shape, out!.shape, index, reduceIndex, params);
        const value = load(0, element.index);
        return element.exists ? select(element.exists, value, neutral) : value;
      },
    },
    samples: windowSamples(isInfiniteOutside === true ? { maxOrder: 0 } : {}),
  });
  return primitive;
}

const isInt = (dtype: DType): boolean => dtype === 'int32' || dtype === 'uint32';

/** y[o] = Σ_k x[o·stride + k]. */
export const reduceWindowSumP: Primitive<WindowParams> = defineWindowReduction({
  name: 'reduce_window_sum',
  combine: 'add',
  identity: () => 0,
  combineHost: (x, y, dtype) => (isInt(dtype) ? (x + y) | 0 : x + y),
  calculus: {
    // A convolution with ones: its transpose sums the dilated and padded cotangent over the same window.
    kind: 'linear',
    transpose: ([ct], [x], p) => {
      const { shape } = x!.aval;
      if (x!.aval.size === 0 || ct!.aval.size === 0) return [filled(x!.aval, 0)];
      if (isTiling(p)) return [tile(ct!, shape, p)];
      const geometry = { ...p, lhsDilation: p.baseDilation, rhsDilation: p.windowDilation };
      const edges = lhsCotangentPadding(shape, p.windowDimensions, ct!.aval.shape, geometry);
      const spread = pad(ct!, scalarTensor(0, ct!.aval.dtype), {
        low: edges.map(([low]) => low),
        high: edges.map(([, high]) => high),
        interior: p.windowStrides.map((s) => s - 1),
      });
      const none = shape.map(() => 1);
      const padding = shape.map((): [number, number] => [0, 0]);
      return [reduceWindowSum(spread, { ...p, windowStrides: p.baseDilation, padding, baseDilation: none })];
    },
  },
});

/** Windows side by side: every element lies in one window at most. */
const isTiling = (p: WindowParams): boolean =>
  p.windowDimensions.every(
    (k, d) => p.windowStrides[d] === k && p.baseDilation[d] === 1 && (p.windowDilation[d] === 1 || k === 1),
  );

/** The transpose of the sum over windows side by side: each cotangent is copied to the elements of its window. */
function tile(ct: Tensor, shape: Shape, { windowDimensions, padding }: WindowParams): Tensor {
  const out = ct.aval.shape;
  const pairs = out.flatMap((n, d) => [n, windowDimensions[d]!]);
  const copies = broadcastInDim(
    ct,
    pairs,
    out.map((_, d) => 2 * d),
  );
  const joined = reshape(
    copies,
    out.map((n, d) => n * windowDimensions[d]!),
  );
  const low = padding.map(([before]) => -before);
  const high = shape.map((n, d) => n - joined.aval.shape[d]! - low[d]!);
  return pad(joined, scalarTensor(0, ct.aval.dtype), { low, high, interior: shape.map(() => 0) });
}

export const reduceWindowSum = (x: Tensor, params: WindowParams): Tensor => bind1(reduceWindowSumP, [x], params);

/** The tangent of an extremum is that of the (first) element that attains it; a window of nothing but padding has none. */
const extremum = (largest: boolean): Calculus<WindowParams> => ({
  kind: 'smooth',
  jvp: ([x], [t], [y], params) => {
    if (!t || t.aval.size === 0) return [null];
    const at = windowArgExtremum(x!, { ...params, largest, batchDims: 0 });
    return [
      gather(reshape(t, [t.aval.size]), reshape(at, [...y!.aval.shape, 1]), {
        dimensionNumbers: {
          offsetDims: [],
          collapsedSliceDims: [0],
          startIndexMap: [0],
          operandBatchingDims: [],
          startIndicesBatchingDims: [],
        },
        sliceSizes: [1],
        mode: 'fill',
        fillValue: 0,
      }),
    ];
  },
});

/** y[o] = max_k x[o·stride + k]; NaN if there is one. */
export const reduceWindowMaxP: Primitive<WindowParams> = defineWindowReduction({
  name: 'reduce_window_max',
  combine: 'max',
  identity: leastOf,
  combineHost: (x, y) => Math.max(x, y),
  calculus: extremum(true),
  isInfiniteOutside: true,
});

/** y[o] = min_k x[o·stride + k]; NaN if there is one. */
export const reduceWindowMinP: Primitive<WindowParams> = defineWindowReduction({
  name: 'reduce_window_min',
  combine: 'min',
  identity: largestOf,
  combineHost: (x, y) => Math.min(x, y),
  calculus: extremum(false),
  isInfiniteOutside: true,
});

export const reduceWindowMax = (x: Tensor, params: WindowParams): Tensor => bind1(reduceWindowMaxP, [x], params);
export const reduceWindowMin = (x: Tensor, params: WindowParams): Tensor => bind1(reduceWindowMinP, [x], params);

/** For each place in the window, the elements that all windows have there; `value` where there is none. */
function patches(x: Tensor, value: number, out: readonly number[], p: WindowParams): Tensor[] {
  const spread = pad(x, scalarTensor(value, x.aval.dtype), {
    low: p.padding.map(([low]) => low),
    high: p.padding.map(([, high]) => high),
    interior: p.baseDilation.map((s) => s - 1),
  });
  const found: Tensor[] = [];
  forEachIndex(p.windowDimensions, (k) => {
    const start = k.map((e, d) => e * p.windowDilation[d]!);
    const limit = start.map((s, d) => s + (out[d]! - 1) * p.windowStrides[d]! + 1);
    found.push(slice(spread, { start, limit, strides: p.windowStrides }));
  });
  return found;
}

/** y[o] = ∏_k x[o·stride + k]. */
export const reduceWindowMulP: Primitive<WindowParams> = defineWindowReduction({
  name: 'reduce_window_mul',
  combine: 'mul',
  identity: () => 1,
  combineHost: (x, y, dtype) => (isInt(dtype) ? Math.imul(x, y) : x * y),
  calculus: {
    // dy = Σ_k dx[k] · ∏_{j≠k} x[j], the products of all others as products of those before and after: right also at zeros.
    kind: 'smooth',
    jvp: ([x], [t], [y], params) => {
      if (!t || y!.aval.size === 0) return [null];
      const xs = patches(x!, 1, y!.aval.shape, params);
      const before: MaybeZero[] = [null];
      for (const factor of xs) before.push(times(before[before.length - 1]!, factor));
      let after: MaybeZero = null;
      let total: MaybeZero = null;
      for (const [k, dx] of [...patches(t, 0, y!.aval.shape, params).entries()].reverse()) {
        const others: MaybeZero = before[k] ? times(after, before[k]) : after;
        const term = others ? mul(dx, others) : dx;
        total = total ? add(total, term) : term;
        after = times(after, xs[k]!);
      }
      return [total];
    },
  },
});

/** A product in which `null` stands for 1. */
const times = (x: Tensor | null, y: Tensor): Tensor => (x ? mul(x, y) : y);

export const reduceWindowMul = (x: Tensor, params: WindowParams): Tensor => bind1(reduceWindowMulP, [x], params);

function windowSamples(outside: { readonly maxOrder?: number }): readonly Sample<WindowParams>[] {
  const plain = (rank: number, changed: Partial<WindowParams>): WindowParams => {
    const ones = Array.from({ length: rank }, () => 1);
    const padding = ones.map((): [number, number] => [0, 0]);
    return {
      windowDimensions: ones,
      windowStrides: ones,
      padding,
      baseDilation: ones,
      windowDilation: ones,
      ...changed,
    };
  };
  return [
    { avals: [f64(1, 4, 4, 2)], params: plain(4, { windowDimensions: [1, 2, 2, 1], windowStrides: [1, 2, 2, 1] }) },
    { avals: [f32(5)], params: plain(1, { windowDimensions: [3], padding: [[1, 1]] }) },
    {
      avals: [f64(3, 4)],
      params: plain(2, {
        windowDimensions: [2, 2],
        windowStrides: [2, 2],
        padding: [
          [1, 1],
          [0, 1],
        ],
      }),
    },
    {
      avals: [f64(5, 3)],
      params: plain(2, {
        windowDimensions: [2, 2],
        baseDilation: [2, 1],
        windowDilation: [1, 2],
        padding: [
          [-1, 2],
          [1, 0],
        ],
      }),
      ...outside,
    },
    {
      avals: [f64(5, 3)],
      params: plain(2, {
        windowDimensions: [3, 2],
        baseDilation: [2, 1],
        windowDilation: [1, 2],
        padding: [
          [-1, 1],
          [1, 0],
        ],
      }),
    },
    { avals: [f32(2)], params: plain(1, { windowDimensions: [3] }) },
    { avals: [f32(0)], params: plain(1, { windowDimensions: [2], padding: [[2, 1]] }), ...outside },
    { avals: [f32()], params: plain(0, {}) },
    { avals: [i32(5)], params: plain(1, { windowDimensions: [2], windowStrides: [2] }) },
  ];
}

/**
 * Sorting along an axis, of several operands together.
 * May import: `ir`, `core`, `primitives/{structural,iota,indexing,sort-lower}`.
 * @module
 */
import { type Aval, bool, f32, f64, i32 } from '../ir/aval.ts';
import { ArgumentError, ShapeError } from '../ir/errors.ts';
import { rowMajorStrides, sameShape } from '../ir/shape.ts';
import { definePrimitive, type HostArray, type Primitive } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind } from '../core/trace.ts';
import { takeAlongAxis } from './indexing.ts';
import { iota } from './iota.ts';
import { lowerSort, type SortParams } from './sort-lower.ts';
import { forEachIndex, materializeBatch } from './structural.ts';

export type { SortParams } from './sort-lower.ts';

function checkSort(avals: readonly Aval[], { dimension, numKeys }: SortParams): void {
  const first = avals[0];
  if (!first || !avals.every((a) => sameShape(a.shape, first.shape))) {
    throw new ShapeError(
      `sort: expected operands of one shape, got (${avals.map(String).join(', ')}).`,
      'broadcast them to one shape.',
      { shapes: avals.map((a) => a.shape) },
    );
  }
  if (dimension < 0 || dimension >= first.ndim) {
    throw new ShapeError(
      `sort: expected an axis of ${first.toString()}, got ${dimension}.`,
      first.ndim === 0 ? 'a scalar has nothing to sort.' : `the operands have ${first.ndim} axes.`,
      { shape: first.shape, dimension },
    );
  }
  if (numKeys < 1 || numKeys > avals.length) {
    throw new ArgumentError(
      `sort: expected between 1 and ${avals.length} keys, got ${numKeys}.`,
      'the first numKeys operands are compared.',
    );
  }
}

/** Negative where `x` sorts before `y`: numbers ascend, −0 equals 0, NaN comes last. */
export function compare(x: number, y: number): number {
  if (x < y) return -1;
  if (x > y) return 1;
  return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
}

/** All operands permuted alike, so that the first `numKeys` ascend lexicographically along the axis. Always stable. */
export const sortP: Primitive<SortParams> = definePrimitive<SortParams>({
  name: 'sort',
  abstractEval: (avals, params) => {
    checkSort(avals, params);
    return avals;
  },
  // Locally a fixed permutation: tangents move with their elements.
  calculus: {
    kind: 'smooth',
    jvp: (primals, tangents, _outs, params) => {
      if (tangents.every((t) => t === null)) return tangents;
      const { dimension } = params;
      const positions = iota(primals[0]!.aval.shape, 'int32', dimension);
      const order = sort([...primals, positions], params)[primals.length]!;
      return tangents.map((t) => t && takeAlongAxis(t, order, dimension));
    },
  },
  batch: ({ size }, args, dims, params) => {
    const outs = sort(materializeBatch(size, args, dims), { ...params, dimension: params.dimension + 1 });
    return [outs, outs.map(() => 0)];
  },
  reference: (args, outs, params) => evaluateSort(args, outs, params),
  lower: { kind: 'loops', build: (b, inputs, _outputs, params) => lowerSort(b, inputs, params) },
  samples: [
    { avals: [f32(7)], params: { dimension: 0, numKeys: 1, isStable: true } },
    { avals: [f64(3, 5)], params: { dimension: 0, numKeys: 1, isStable: true } },
    { avals: [f64(2, 6, 2)], params: { dimension: 1, numKeys: 1, isStable: false } },
    // Equal keys keep their order; the second operand is carried.
    {
      avals: [i32(9), f64(9)],
      params: { dimension: 0, numKeys: 1, isStable: true },
      data: [[2, 1, 2, 0, 1, 1, 2, 0, 1], undefined],
    },
    {
      avals: [i32(2, 4), f32(2, 4), i32(2, 4)],
      params: { dimension: 1, numKeys: 2, isStable: true },
      data: [[1, 0, 1, 0, 3, 3, 3, 3], undefined, [0, 1, 2, 3, 4, 5, 6, 7]],
    },
    { avals: [bool(5)], params: { dimension: 0, numKeys: 1, isStable: true } },
    { avals: [f32(1)], params: { dimension: 0, numKeys: 1, isStable: true } },
    { avals: [f32(2, 0)], params: { dimension: 1, numKeys: 1, isStable: true } },
  ],
});

function evaluateSort(
  args: readonly HostArray[],
  outs: readonly HostArray[],
  { dimension, numKeys }: SortParams,
): void {
  const { shape } = args[0]!.aval;
  const step = rowMajorStrides(shape)[dimension]!;
  const strides = rowMajorStrides(shape);
  forEachIndex(shape.with(dimension, 1), (index) => {
    const start = index.reduce((sum, e, d) => sum + e * strides[d]!, 0);
    const line = Array.from({ length: shape[dimension]! }, (_, i) => start + i * step);
    const keys = args.slice(0, numKeys);
    const sorted = line.toSorted((p, q) => {
      for (const key of keys) {
        const order = compare(key.data[p]!, key.data[q]!);
        if (order !== 0) return order;
      }
      return p - q;
    });
    sorted.forEach((from, i) => outs.forEach((out, k) => (out.data[line[i]!] = args[k]!.data[from]!)));
  });
}

/** The operands sorted together along `dimension`. */
export const sort = (xs: readonly Tensor[], params: SortParams): Tensor[] => bind(sortP, xs, params);

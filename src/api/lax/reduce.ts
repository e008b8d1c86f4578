/**
 * Functions of `lax` along axes: reductions, running reductions, positions of extremes, sorting.
 * May import: everything up to `control`, `api/args`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import { normalizeAxis, sizeOf } from '../../ir/shape.ts';
import { unflatten } from '../../core/pytree.ts';
import { Tensor } from '../../core/tensor.ts';
import * as arg from '../../primitives/arg-reduce.ts';
import * as cumulative from '../../primitives/cumulative.ts';
import * as reductions from '../../primitives/reduce.ts';
import { sort as sortOf } from '../../primitives/sort.ts';
import { topK as topKOf } from '../../primitives/top-k.ts';
import { broadcastTo, reduceSum as reduceSumOf, reshape, transpose } from '../../primitives/structural.ts';
import { type AnyFunction, flattenArgs, type Tensors } from '../args.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { type DTypeLike, optionalDType } from '../numpy/dtypes.ts';
import { readArgument, readOptions } from '../named.ts';
import { vmap } from '../vmap.ts';
import { add, bitwiseAnd, bitwiseOr, bitwiseXor, max, min, mul } from './elementwise.ts';
import { scan } from './loops.ts';
import { axesOf, scalarLike } from './operands.ts';

type Reduction = (x: TensorLike, axes: readonly number[] | { readonly axes: readonly number[] }) => Tensor;

const reduction =
  (name: string, f: (x: Tensor, axes: readonly number[]) => Tensor): Reduction =>
  (x, axes) => {
    const t = asTensor(x);
    const list = readArgument<readonly number[]>(name, 'axes', axes);
    return f(
      t,
      axesOf(name, list, t.ndim).sort((a, b) => a - b),
    );
  };

export const reduceSum: Reduction = reduction('lax.reduceSum', reduceSumOf);
export const reduceProd: Reduction = reduction('lax.reduceProd', reductions.reduceProd);
/** Ties share the cotangent evenly. */
export const reduceMax: Reduction = reduction('lax.reduceMax', reductions.reduceMax);
export const reduceMin: Reduction = reduction('lax.reduceMin', reductions.reduceMin);
export const reduceAnd: Reduction = reduction('lax.reduceAnd', reductions.reduceAnd);
export const reduceOr: Reduction = reduction('lax.reduceOr', reductions.reduceOr);
export const reduceXor: Reduction = reduction('lax.reduceXor', reductions.reduceXor);

const monoids = new Map<unknown, Reduction>([
  [add, reduceSum],
  [mul, reduceProd],
  [max, reduceMax],
  [min, reduceMin],
  [bitwiseAnd, reduceAnd],
  [bitwiseOr, reduceOr],
  [bitwiseXor, reduceXor],
]);

/**
 * Combines all elements along axes, starting from `init`. `lax.add`, `lax.mul`, `lax.max`, `lax.min` and the bitwise functions have
 * reductions of their own; any other function of scalars (or of pytrees of them) runs as a loop.
 * @example
 * ```ts
 * import { lax, np } from 'cotangent';
 * console.log(String(lax.reduce(np.array([[1, 2], [3, 4]]), 1, lax.mul, [0]))); // => [3, 8]
 * ```
 */
export function reduce<X>(
  operands: X,
  init: NoInfer<X> | TensorLike,
  computation: (acc: Tensors<NoInfer<X>>, x: Tensors<NoInfer<X>>) => unknown,
  dimensions: readonly number[] | { readonly dimensions: readonly number[] },
): Tensors<X> {
  const xs = flattenArgs('lax.reduce', operands, 'operands');
  const starts = flattenArgs('lax.reduce', init, 'init').leaves.map((s, i) => scalarLike(xs.leaves[i]!, s));
  const axes = axesOf(
    'lax.reduce',
    readArgument<readonly number[]>('lax.reduce', 'dimensions', dimensions),
    xs.leaves[0]!.ndim,
  );
  const monoid = xs.leaves.length === 1 ? monoids.get(computation) : undefined;
  if (monoid) {
    const combine = computation as unknown as (a: Tensor, b: Tensor) => Tensor;
    return unflatten(xs.def, [combine(starts[0]!, monoid(xs.leaves[0]!, axes))]) as Tensors<X>;
  }
  return unflatten(xs.def, reduceByLoop(xs, starts, computation as AnyFunction, axes)) as Tensors<X>;
}

/** The reduced axes become the loop, all others one axis that the computation is mapped over. */
function reduceByLoop(
  { leaves, def }: ReturnType<typeof flattenArgs>,
  starts: readonly Tensor[],
  computation: AnyFunction,
  axes: readonly number[],
): Tensor[] {
  const { shape } = leaves[0]!;
  const kept = shape.map((_, d) => d).filter((d) => !axes.includes(d));
  const outShape = kept.map((d) => shape[d]!);
  const [length, count] = [sizeOf(axes.map((d) => shape[d]!)), sizeOf(outShape)];
  const rows = leaves.map((x) => reshape(transpose(x, [...axes, ...kept]), [length, count]));
  const mapped = vmap((acc: Tensor[], x: Tensor[]) =>
    computation(...([unflatten(def, acc), unflatten(def, x)] as never[])),
  );
  const step = (acc: Tensor[], x: Tensor[]): readonly [unknown, null] => [
    flattenArgs('lax.reduce', mapped(acc, x)).leaves,
    null,
  ];
  const [out] = scan(
    step,
    starts.map((s) => broadcastTo(s, [count])),
    rows,
  );
  return out.map((x) => reshape(x, outShape));
}

export interface CumulativeOptions {
  readonly axis?: number;
  /** From the last element to the first. */
  readonly reverse?: boolean;
}

type Cumulative = (x: TensorLike, axis?: number | CumulativeOptions, reverse?: boolean | CumulativeOptions) => Tensor;

const running =
  (name: string, f: (x: Tensor, axis: number, reverse: boolean) => Tensor): Cumulative =>
  (x, axis, reverse) => {
    const t = asTensor(x);
    const o = readOptions<CumulativeOptions>(name, ['axis', 'reverse'], [axis, reverse]);
    return f(t, normalizeAxis(name, o.axis ?? 0, t.ndim), o.reverse ?? false);
  };

export const cumsum: Cumulative = running('lax.cumsum', cumulative.cumsum);
export const cumprod: Cumulative = running('lax.cumprod', cumulative.cumprod);
export const cummax: Cumulative = running('lax.cummax', cumulative.cummax);
export const cummin: Cumulative = running('lax.cummin', cumulative.cummin);
export const cumlogsumexp: Cumulative = running('lax.cumlogsumexp', cumulative.cumlogsumexp);

interface ArgOptions {
  readonly axis?: number;
  /** Default int32. */
  readonly indexDtype?: DTypeLike;
}

/** Position of the first largest element along an axis; NaN counts as largest. */
export function argmax(x: TensorLike, axis: number | ArgOptions, indexDtype?: DTypeLike | ArgOptions): Tensor {
  const t = asTensor(x);
  const o = readOptions<ArgOptions>('lax.argmax', ['axis', 'indexDtype'], [axis, indexDtype]);
  return arg.argmax(t, normalizeAxis('lax.argmax', o.axis ?? 0, t.ndim), optionalDType('lax.argmax', o.indexDtype));
}

/** Position of the first smallest element along an axis; NaN counts as smallest. */
export function argmin(x: TensorLike, axis: number | ArgOptions, indexDtype?: DTypeLike | ArgOptions): Tensor {
  const t = asTensor(x);
  const o = readOptions<ArgOptions>('lax.argmin', ['axis', 'indexDtype'], [axis, indexDtype]);
  return arg.argmin(t, normalizeAxis('lax.argmin', o.axis ?? 0, t.ndim), optionalDType('lax.argmin', o.indexDtype));
}

export interface SortOptions {
  /** Default: the last axis. */
  readonly dimension?: number;
  readonly isStable?: boolean;
  /** How many of the operands are compared, lexicographically. Default 1. */
  readonly numKeys?: number;
}

const sortNames = ['dimension', 'isStable', 'numKeys'] as const;

/**
 * Sorts along an axis, ascending and stable; NaN comes last. Of several operands the first `numKeys` are compared and all are
 * rearranged alike.
 */
export function sort(
  operand: readonly Tensor[],
  dimension?: number | SortOptions,
  isStable?: boolean | SortOptions,
  numKeys?: number,
): Tensor[];
export function sort(operand: TensorLike, dimension?: number | SortOptions, isStable?: boolean | SortOptions): Tensor;
export function sort(
  operand: TensorLike | readonly Tensor[],
  dimension?: number | SortOptions,
  isStable?: boolean | SortOptions,
  numKeys?: number,
): Tensor | Tensor[] {
  const o = readOptions<SortOptions>('lax.sort', sortNames, [dimension, isStable, numKeys]);
  const isSeveral = Array.isArray(operand) && operand.length > 0 && operand.every((x) => x instanceof Tensor);
  const tensors = isSeveral
    ? (operand as readonly Tensor[]).map((x) => x.current())
    : [asTensor(operand as TensorLike)];
  const axis = normalizeAxis('lax.sort', o.dimension ?? -1, tensors[0]!.ndim);
  const outs = sortOf(tensors, { dimension: axis, numKeys: o.numKeys ?? 1, isStable: o.isStable ?? true });
  return isSeveral ? outs : outs[0]!;
}

/** Keys sorted along an axis, and the values rearranged like them. */
export function sortKeyVal(keys: TensorLike, values: TensorLike, dimension = -1, isStable = true): [Tensor, Tensor] {
  return sort([asTensor(keys), asTensor(values)], dimension, isStable, 1) as [Tensor, Tensor];
}

interface TopKOptions {
  readonly k?: number;
  /** Default: the last. */
  readonly axis?: number;
}

/**
 * The k largest elements along an axis (the last), largest first, and their positions; of equal ones the first come first. NaN is larger than
 * all numbers, −0 equals 0.
 * @returns `[values, indices]`
 */
export function topK(x: TensorLike, count: number | TopKOptions, axis?: number | TopKOptions): [Tensor, Tensor] {
  const t = asTensor(x);
  const { k = 1, axis: along = -1 } = readOptions<TopKOptions>('lax.topK', ['k', 'axis'], [count, axis]);
  const d = normalizeAxis('lax.topK', along, t.ndim);
  const n = t.shape[d]!;
  if (!Number.isInteger(k) || k < 0 || k > n) {
    throw new ArgumentError(`lax.topK: expected 0 ≤ k ≤ ${n}, got ${k} for ${t.aval.toString()}.`);
  }
  return topKOf(t, { dimension: d, k, largest: true });
}

/**
 * Sorting, searching in sorted arrays, and sets. NaNs sort last; equal elements keep their order.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { normalizeAxis, sizeOf } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { asTensor, promote, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import { checkChoice, checkOptions, optionsOf } from '../options.ts';
import { type SearchOptions, take } from './indexing.ts';
import { concatenate } from './joining.ts';
import { moveaxis, range, ravel } from './movement.ts';
import { int, keepTrue, type SizedOptions, truePositions } from './true-positions.ts';
import { isnan } from './unary.ts';

export interface SortOptions {
  /** −1, the last; `null` flattens first. */
  readonly axis?: number | null | undefined;
  readonly descending?: boolean | undefined;
  readonly stable?: boolean | undefined;
  readonly kind?: string | null | undefined;
}

const sortKeys = ['axis', 'descending', 'stable', 'kind'] as const;

function line(op: string, x: TensorLike, o: SortOptions): { t: Tensor; d: number } {
  if (o.axis === null) return { t: ravel(x), d: 0 };
  const t = asTensor(x);
  return { t, d: normalizeAxis(op, o.axis ?? -1, t.ndim) };
}

/**
 * Elements in ascending order along an axis (the last); NaNs last.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.sort([3, 1, 2]).toArray()); // => [ 1, 2, 3 ]
 * console.log(np.sort([3, 1, 2], { descending: true }).toArray()); // => [ 3, 2, 1 ]
 * ```
 */
export function sort(x: TensorLike, axis?: number | null | SortOptions, options?: SortOptions): Tensor {
  const o = optionsOf<SortOptions>('sort', 'axis', axis, options, sortKeys);
  const { t, d } = line('sort', x, o);
  const sorted = prim.sort([t], { dimension: d, numKeys: 1, isStable: true })[0]!;
  return o.descending ? prim.reverse(sorted, [d]) : sorted;
}

/** Positions, int32, that put the elements in order along an axis (the last). */
export function argsort(x: TensorLike, axis?: number | null | SortOptions, options?: SortOptions): Tensor {
  const o = optionsOf<SortOptions>('argsort', 'axis', axis, options, sortKeys);
  const { t, d } = line('argsort', x, o);
  const n = t.shape[d]!;
  const positions = prim.iota(t.shape, 'int32', d);
  if (!o.descending) return prim.sort([t, positions], { dimension: d, numKeys: 1, isStable: true })[1]!;
  // Equal elements keep their order: sort the reversed array and reverse the result.
  const [, order] = prim.sort([prim.reverse(t, [d]), positions], { dimension: d, numKeys: 1, isStable: true }) as [
    Tensor,
    Tensor,
  ];
  return prim.sub(prim.like(order, n - 1), prim.reverse(order, [d]));
}

/** Positions that sort by several keys, the last of them first. */
export function lexsort(keys: readonly TensorLike[] | Tensor, axis?: number | { readonly axis?: number }): Tensor {
  const { axis: at = -1 } = readOptions<{ readonly axis: number }>('lexsort', ['axis'], [axis]);
  const list = Array.isArray(keys) ? (keys as readonly TensorLike[]).map(asTensor) : prim.unstack(keys as Tensor, 0);
  const first = list[0];
  if (!first) throw new ArgumentError('lexsort: expected at least one key, got none.');
  const d = normalizeAxis('lexsort', at, first.ndim);
  const positions = prim.iota(first.shape, 'int32', d);
  return prim.sort([...list.toReversed(), positions], { dimension: d, numKeys: list.length, isStable: true })[
    list.length
  ]!;
}

/** Sorted so far that the `kth` element is in its place (all of them are). */
export const partition = (x: TensorLike, _kth: number, axis?: number | { readonly axis?: number }): Tensor =>
  sort(x, optionsOf<{ axis?: number }>('partition', 'axis', axis, undefined, ['axis']).axis ?? -1);

/** Positions that do so. */
export const argpartition = (x: TensorLike, _kth: number, axis?: number | { readonly axis?: number }): Tensor =>
  argsort(x, optionsOf<{ axis?: number }>('argpartition', 'axis', axis, undefined, ['axis']).axis ?? -1);

/**
 * Where elements would be inserted into a sorted vector to keep it sorted, int32.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.searchsorted([1, 2, 2, 5], [2, 3]).toArray()); // => [ 1, 3 ]
 * ```
 */
export function searchsorted(
  sorted: TensorLike,
  values: TensorLike,
  side?: 'left' | 'right' | SearchOptions,
  options?: SearchOptions,
): Tensor {
  const o = optionsOf<SearchOptions>('searchsorted', 'side', side, options, ['side', 'sorter', 'method']);
  checkChoice('searchsorted', 'side', o.side ?? 'left', ['left', 'right']);
  const [keys, v] = promote(sorted, values) as [Tensor, Tensor];
  let a = keys;
  if (a.ndim !== 1) throw new ShapeError(`searchsorted: expected a sorted vector, got ${a.aval.toString()}.`);
  if (o.sorter !== undefined && o.sorter !== null) a = take(a, o.sorter);
  return searchBinary(a, v, (o.side ?? 'left') === 'right');
}

/** x < v, or x ≤ v, in the order of sorting: NaN after every number. */
function goesBefore(x: Tensor, v: Tensor, orEqual: boolean): Tensor {
  const isBelow = orEqual ? prim.le(x, v) : prim.lt(x, v);
  if (!isFloat(x.dtype)) return isBelow;
  return prim.or(isBelow, orEqual ? isnan(v) : prim.and(isnan(v), prim.not(isnan(x))));
}

/** Binary search by halving steps: ⌈log₂(n + 1)⌉ gathers, each for all values at once. */
function searchBinary(a: Tensor, v: Tensor, isRight: boolean): Tensor {
  const n = a.size;
  let low = prim.broadcastTo(prim.convert(asTensor(0), 'int32'), v.shape);
  if (n === 0) return low;
  for (let step = 2 ** Math.floor(Math.log2(n)); step >= 1; step /= 2) {
    // low elements are known to go before v; try `step` more.
    const next = prim.add(low, prim.like(low, step));
    const probe = take(a, prim.sub(next, prim.like(low, 1)), { axis: 0, mode: 'clip' });
    const isBefore = goesBefore(probe, v, isRight);
    const isInside = prim.le(next, prim.like(next, n));
    low = prim.select(prim.and(isBefore, isInside), next, low);
  }
  return low;
}

/** The bin of each element among ascending (or descending) edges: bins[i−1] ≤ x < bins[i]; with `right`, bins[i−1] < x ≤ bins[i]. */
export function digitize(x: TensorLike, bins: TensorLike, options?: boolean | { readonly right?: boolean }): Tensor {
  const { right = false } = optionsOf<{ right?: boolean }>('digitize', 'right', options, undefined, ['right']);
  const edges = asTensor(bins);
  if (edges.ndim !== 1) throw new ShapeError(`digitize: expected a vector of edges, got ${edges.aval.toString()}.`);
  const n = edges.size;
  if (n === 0) return prim.broadcastTo(prim.convert(asTensor(0), 'int32'), asTensor(x).shape);
  const upward = searchsorted(edges, x, right ? 'left' : 'right');
  const downward = searchsorted(prim.reverse(edges, [0]), x, right ? 'left' : 'right');
  const isDescending = prim.lt(prim.sliceAxis(edges, 0, n - 1, n), prim.sliceAxis(edges, 0, 0, 1));
  return prim.select(
    prim.broadcastTo(prim.reshape(isDescending, []), upward.shape),
    prim.sub(prim.like(downward, n), downward),
    upward,
  );
}

export interface UniqueOptions {
  readonly returnIndex?: boolean | undefined;
  readonly returnInverse?: boolean | undefined;
  readonly returnCounts?: boolean | undefined;
  /** Distinct slices along this axis; `null` (default): distinct elements of the flattened array. */
  readonly axis?: number | null | undefined;
  /** NaNs count as equal; true. */
  readonly equalNan?: boolean | undefined;
  /** Length of the result, needed where values are traced: cut, or filled up. */
  readonly size?: number | null | undefined;
  /** What fills up; the smallest element. */
  readonly fillValue?: TensorLike | undefined;
}

const uniqueKeys = ['returnIndex', 'returnInverse', 'returnCounts', 'axis', 'equalNan', 'size', 'fillValue'] as const;

/**
 * The distinct elements in ascending order; with `returnIndex`, `returnInverse`, `returnCounts` a list with those too.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.unique([3, 1, 3, 2]).toArray()); // => [ 1, 2, 3 ]
 * ```
 */
export function unique(
  x: TensorLike,
  options: UniqueOptions &
    ({ readonly returnIndex: true } | { readonly returnInverse: true } | { readonly returnCounts: true }),
): Tensor[];
export function unique(x: TensorLike, options?: UniqueOptions): Tensor;
export function unique(x: TensorLike, options?: UniqueOptions): Tensor | Tensor[] {
  checkOptions('unique', options, uniqueKeys);
  const o = options ?? {};
  const input = asTensor(x);
  const isFlat = o.axis === undefined || o.axis === null;
  const d = isFlat ? 0 : normalizeAxis('unique', o.axis!, input.ndim);
  const slices = isFlat ? ravel(input) : moveaxis(input, d, 0);
  const n = slices.shape[0]!;
  const { order, isFirst } = orderSlices(slices, o.equalNan ?? true);
  const missing = int(n);
  const starts = truePositions('unique', isFirst, o.size, missing);
  const isFilled = prim.ge(starts, missing);
  const safe = prim.select(isFilled, prim.like(starts, 0), starts);
  const firsts = take(order, safe, { axis: 0, mode: 'clip' });
  const found = take(slices, firsts, { axis: 0, mode: 'clip' });
  let values = found;
  if (o.fillValue !== undefined && n > 0) {
    const isMissing = prim.reshape(isFilled, [found.shape[0]!, ...found.shape.slice(1).map(() => 1)]);
    values = prim.select(
      prim.broadcastTo(isMissing, found.shape),
      prim.convert(asTensor(o.fillValue), found.dtype),
      found,
    );
  }
  const out = [isFlat ? values : moveaxis(values, 0, d)];
  if (o.returnIndex) out.push(firsts);
  if (o.returnInverse)
    out.push(isFlat ? prim.reshape(inverseOf(isFirst, order), input.shape) : inverseOf(isFirst, order));
  if (o.returnCounts) out.push(countsOf(starts, isFilled, n));
  return out.length === 1 ? out[0]! : out;
}

/** The order of slices along the first axis, compared element by element, and which of the ordered ones differ from the one before. */
function orderSlices(slices: Tensor, equalNan: boolean): { order: Tensor; isFirst: Tensor } {
  const [n, ...rest] = slices.shape as [number, ...number[]];
  const width = sizeOf(rest);
  const rows = prim.reshape(slices, [n, width]);
  const keys = range(width).map((k) => prim.reshape(prim.sliceAxis(rows, 1, k, k + 1), [n]));
  if (width === 0) keys.push(prim.broadcastTo(prim.like(slices, 0), [n]));
  const sorted = prim.sort([...keys, prim.iota([n], 'int32')], { dimension: 0, numKeys: keys.length, isStable: true });
  const isFirst = sorted.slice(0, -1).map((key) => firstOfEach(key, equalNan));
  return { order: sorted.at(-1)!, isFirst: isFirst.reduce(prim.or) };
}

/** In a sorted vector, whether each element differs from the one before. */
function firstOfEach(sorted: Tensor, equalNan: boolean): Tensor {
  const n = sorted.size;
  if (n === 0) return prim.broadcastTo(asTensor(true), [0]);
  const [before, after] = [prim.sliceAxis(sorted, 0, 0, n - 1), prim.sliceAxis(sorted, 0, 1, n)];
  const differs = prim.ne(before, after);
  const isNew = equalNan ? prim.and(differs, prim.not(prim.and(isnan(before), isnan(after)))) : differs;
  return prim.concatenate([prim.broadcastTo(asTensor(true), [1]), isNew], 0);
}

/** For each element the position of its value among the distinct ones. */
function inverseOf(isFirst: Tensor, order: Tensor): Tensor {
  const rank = prim.sub(prim.cumsum(prim.convert(isFirst, 'int32'), 0), prim.like(order, 1));
  return prim.sort([order, rank], { dimension: 0, numKeys: 1, isStable: true })[1]!;
}

function countsOf(starts: Tensor, isFilled: Tensor, n: number): Tensor {
  const end = prim.broadcastTo(prim.like(starts, n), [1]);
  const next = prim.concatenate([prim.sliceAxis(starts, 0, Math.min(1, starts.size), starts.size), end], 0);
  const counts = prim.sub(prim.sliceAxis(next, 0, 0, starts.size), starts);
  return prim.select(isFilled, prim.like(starts, 0), counts);
}

/** The distinct elements of both, sorted. */
export const union1d = (x: TensorLike, y: TensorLike, options?: SizedOptions): Tensor => {
  checkOptions('union1d', options, ['size', 'fillValue']);
  return unique(concatenate([ravel(x), ravel(y)]), options ?? {});
};

/**
 * Whether each element of x is among those of y.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.isin([1, 2, 3], [2, 5]).toArray()); // => [ false, true, false ]
 * ```
 */
export function isin(x: TensorLike, y: TensorLike, options?: { readonly invert?: boolean }): Tensor {
  checkOptions('isin', options, ['invert']);
  const [a, b] = promote(x, y) as [Tensor, Tensor];
  const sorted = sort(b, null);
  let found: Tensor;
  if (sorted.size === 0) found = prim.broadcastTo(asTensor(false), a.shape);
  else {
    const at = searchsorted(sorted, a);
    found = prim.eq(take(sorted, at, { axis: 0, mode: 'clip' }), a);
  }
  return options?.invert ? prim.not(found) : found;
}

/** The elements of x in order, and a mask of the distinct ones among them that are in y (with `invert`: that are not). */
function membersOf(x: Tensor, y: Tensor, options?: { readonly invert: true }): { sorted: Tensor; isKept: Tensor } {
  const sorted = sort(x, null);
  return { sorted, isKept: prim.and(firstOfEach(sorted, true), isin(sorted, y, options)) };
}

/** The kept elements; `size` of them, filled up with the smallest. */
function keepSized(op: string, sorted: Tensor, isKept: Tensor, options: SizedOptions | undefined): Tensor {
  checkOptions(op, options, ['size', 'fillValue']);
  const kept = keepTrue(op, isKept, sorted, 0, options ?? {});
  const { size, fillValue } = options ?? {};
  if (size === undefined || size === null || fillValue !== undefined || size === 0) return kept;
  const count = prim.reduceSum(prim.convert(isKept, 'int32'), [0]);
  return prim.select(prim.lt(prim.iota([size], 'int32'), count), kept, prim.sliceAxis(kept, 0, 0, 1));
}

/** The distinct elements in both, sorted. Inside traced functions `size` fixes their number; filled up with the smallest. */
export function intersect1d(x: TensorLike, y: TensorLike, options?: SizedOptions): Tensor {
  const [a, b] = promote(x, y) as [Tensor, Tensor];
  const { sorted, isKept } = membersOf(a, b);
  return keepSized('intersect1d', sorted, isKept, options);
}

/** The distinct elements of x that are not in y, sorted. Inside traced functions `size` fixes their number; filled up with 0. */
export function setdiff1d(x: TensorLike, y: TensorLike, options?: SizedOptions): Tensor {
  const { sorted, isKept } = membersOf(asTensor(x), asTensor(y), { invert: true });
  return keepSized('setdiff1d', sorted, isKept, { ...options, fillValue: options?.fillValue ?? 0 });
}

/** The distinct elements of exactly one of x and y, sorted. Inside traced functions `size` fixes their number; filled up with the smallest. */
export function setxor1d(x: TensorLike, y: TensorLike, options?: SizedOptions): Tensor {
  const [a, b] = promote(x, y) as [Tensor, Tensor];
  const [mine, theirs] = [membersOf(a, b, { invert: true }), membersOf(b, a, { invert: true })];
  const [sorted, isKept] = prim.sort(
    [concatenate([mine.sorted, theirs.sorted]), concatenate([mine.isKept, theirs.isKept])],
    { dimension: 0, numKeys: 1, isStable: true },
  ) as [Tensor, Tensor];
  return keepSized('setxor1d', sorted, isKept, options);
}

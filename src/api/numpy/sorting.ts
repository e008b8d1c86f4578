/**
 * Sorting, searching in sorted arrays, and sets. NaNs sort last; equal elements keep their order.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { normalizeAxis } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { asTensor, promote, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import { checkChoice, checkOptions, optionsOf } from '../options.ts';
import { compress, flatnonzero, type SearchOptions, take } from './indexing.ts';
import { concatenate } from './joining.ts';
import { range, ravel } from './movement.ts';
import { indexTensor } from './static-take.ts';
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
  const list = Array.isArray(keys) ? (keys as readonly TensorLike[]).map(asTensor) : unstackRows(keys as Tensor);
  const first = list[0];
  if (!first) throw new ArgumentError('lexsort: expected at least one key, got none.');
  const d = normalizeAxis('lexsort', at, first.ndim);
  const positions = prim.iota(first.shape, 'int32', d);
  return prim.sort([...list.toReversed(), positions], { dimension: d, numKeys: list.length, isStable: true })[
    list.length
  ]!;
}

const unstackRows = (t: Tensor): Tensor[] =>
  range(t.shape[0]!).map((i) => prim.reshape(prim.sliceAxis(t, 0, i, i + 1), t.shape.slice(1)));

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
  /** Distinct slices along this axis; `null` (default): distinct elements of the flattened array. Only `null` and vectors. */
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
  if (o.axis !== undefined && o.axis !== null && input.ndim !== 1) {
    throw new ArgumentError(
      `unique: expected axis to be null for ${input.aval.toString()}, got ${o.axis}.`,
      'flatten the array.',
    );
  }
  const flat = ravel(input);
  const n = flat.size;
  const [sorted, order] = prim.sort([flat, prim.iota([n], 'int32')], { dimension: 0, numKeys: 1, isStable: true }) as [
    Tensor,
    Tensor,
  ];
  const isFirst = firstOfEach(sorted, o.equalNan ?? true);
  const missing = prim.convert(asTensor(n), 'int32');
  const starts = flatnonzero(isFirst, { size: o.size ?? null, fillValue: missing });
  const isFilled = prim.ge(starts, missing);
  const safe = prim.select(isFilled, prim.like(starts, 0), starts);
  const values = take(sorted, safe, { axis: 0, mode: 'clip' });
  const fill =
    o.fillValue === undefined
      ? take(sorted, indexTensor([0], []), { axis: 0, mode: 'clip' })
      : prim.convert(asTensor(o.fillValue), flat.dtype);
  const out = [n === 0 ? values : prim.select(isFilled, prim.broadcastTo(fill, values.shape), values)];
  if (o.returnIndex) out.push(take(order, safe, { axis: 0, mode: 'clip' }));
  if (o.returnInverse) out.push(prim.reshape(inverseOf(isFirst, order), input.shape));
  if (o.returnCounts) out.push(countsOf(starts, isFilled, n));
  return out.length === 1 ? out[0]! : out;
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
export const union1d = (
  x: TensorLike,
  y: TensorLike,
  options?: { readonly size?: number | null; readonly fillValue?: TensorLike },
): Tensor => {
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

/** The distinct elements in both, sorted. Needs concrete values. */
export function intersect1d(x: TensorLike, y: TensorLike): Tensor {
  const a = unique(x);
  return compress(isin(a, y), a, 0);
}

/** The distinct elements of x that are not in y, sorted. Needs concrete values. */
export function setdiff1d(x: TensorLike, y: TensorLike): Tensor {
  const a = unique(x);
  return compress(isin(a, y, { invert: true }), a, 0);
}

/** The distinct elements of exactly one of x and y, sorted. Needs concrete values. */
export function setxor1d(x: TensorLike, y: TensorLike): Tensor {
  return sort(concatenate([setdiff1d(x, y), setdiff1d(y, x)]));
}

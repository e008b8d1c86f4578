/**
 * Elements in order: sorted, ranked, the middle one, quantiles.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { ArgumentError } from '../../ir/errors.ts';
import { scalarTensor, type Tensor as CoreTensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { readOptions } from '../../api/named.ts';
import * as np from '../../api/numpy/index.ts';
import { checkOptions } from '../../api/options.ts';
import { Tensor } from '../tensor.ts';
import { axisOf, type AxisParams, found, oneAxis, taken, type ValuesAndIndices, valuesAndIndices } from './axes.ts';
import { pair, type TensorLike, toTensor, withParams, withResults } from './define.ts';
import { type Named, named, readArguments } from './named.ts';
import type { DimOptions } from './reduce.ts';

export interface SortOptions {
  readonly dim?: number | undefined;
  readonly descending?: boolean | undefined;
  /** Sorting is always stable here. */
  readonly stable?: boolean | undefined;
}

type SortArgs = [dim?: number | SortOptions, descending?: boolean | SortOptions, stable?: boolean];

interface Order {
  readonly axis: number;
  readonly descending: boolean;
}

const order = (x: CoreTensor, { axis, descending }: Order): CoreTensor =>
  np.argsort(prim.stopGradientOf(x), { axis, descending, stable: true });

const sorted = withResults<Order>('sort', ([x], how) =>
  found(x!, { axis: how.axis, keepdims: true }, (t) => order(t, how)),
);

function orderOf(op: string, x: Tensor, args: SortArgs): Order {
  const { dim, descending } = readOptions<SortOptions & object>(op, ['dim', 'descending', 'stable'], args);
  return { axis: oneAxis(op, x, dim ?? -1, false).axis, descending: descending === true };
}

/** Elements in order, and where they were. Equal ones keep their order. */
export function sort(x: TensorLike, ...args: SortArgs): ValuesAndIndices {
  const tensor = toTensor(x);
  return valuesAndIndices(sorted([tensor], orderOf('sort', tensor, args)));
}
export const argsort = (x: TensorLike, ...args: SortArgs): Tensor => sort(x, ...args).indices;
export const msort = (x: TensorLike): Tensor => sort(x, 0).values;

interface Ranked extends AxisParams {
  /** Which in ascending order, from 0. */
  readonly at: number;
}

const rankedAt = withResults<Ranked>('kthvalue', ([x], { at, ...params }) =>
  found(x!, params, (t, axis) => prim.sliceAxis(order(t, { axis, descending: false }), axis, at, at + 1)),
);

function kth(
  op: string,
  x: Tensor,
  dim: number,
  keepdim: boolean | undefined,
  at: (n: number) => number,
): ValuesAndIndices {
  const params = oneAxis(op, x, dim, keepdim);
  return valuesAndIndices(rankedAt([x], { ...params, at: at(x.shape[params.axis] ?? 1) }));
}

export interface KthOptions {
  /** Which element, from 1. */
  readonly k: number;
  readonly dim?: number | undefined;
  readonly keepdim?: boolean | undefined;
}

/** The k-th smallest element of a dimension, counted from 1. */
export const kthvalue: Named<KthOptions, ['k', 'dim', 'keepdim'], ValuesAndIndices> = named(
  'kthvalue',
  ['k', 'dim', 'keepdim'],
  (x, { k, dim, keepdim }: KthOptions) =>
    kth('kthvalue', toTensor(x), dim ?? -1, keepdim, (n) => checkedPlace('kthvalue', k, 1, n) - 1),
);

/** A number of elements, or a place among them. */
function checkedPlace(op: string, k: number, least: number, most: number): number {
  if (Number.isInteger(k) && k >= least && k <= most) return k;
  throw new ArgumentError(
    `${op}: expected k to be an integer between ${least} and ${most}, got ${k}: selected index k out of range.`,
  );
}

/** What `median` may be called with. */
export interface Median {
  /** The middle element (the lower of two) of all; ties share the derivative evenly. */
  (x: TensorLike): Tensor;
  (x: TensorLike, dim: number | DimOptions, keepdim?: boolean | DimOptions): ValuesAndIndices;
}

function middle(op: string, at: (x: CoreTensor, axis: number) => CoreTensor): Median {
  const placesOf = (t: CoreTensor, axis: number): CoreTensor =>
    np.takeAlongAxis(
      order(t, { axis, descending: false }),
      np.expandDims(at(prim.stopGradientOf(t), axis), axis),
      axis,
    );
  // The largest of the elements up to the median is the median; where several are equal, a maximum shares the derivative evenly.
  const ofAll = withParams<null>(op, ([x]) => {
    const flat = np.ravel(x!);
    const value = np.squeeze(taken(flat, placesOf(flat, 0), 0), 0);
    if (!isFloat(flat.dtype)) return value;
    const shared = np.max(np.where(np.lessEqual(flat, value), flat, prim.like(flat, -Infinity)));
    return np.where(np.isnan(value), value, shared);
  });
  const along = withResults<AxisParams>(op, ([x], params) => found(x!, params, placesOf));
  return ((x: TensorLike, ...args: readonly unknown[]) => {
    const tensor = toTensor(x);
    const { dim, keepdim } = readArguments<DimOptions>(op, ['dim', 'keepdim'], args);
    if (dim === undefined) {
      const isNothing = tensor.numel() === 0 && isFloat(tensor.dtype);
      return isNothing ? new Tensor(scalarTensor(Number.NaN, tensor.dtype)) : ofAll([tensor], null);
    }
    return valuesAndIndices(along([tensor], oneAxis(op, tensor, dim, keepdim)));
  }) as Median;
}

/** Where NaN are among the sorted: at the end. */
const numbersOf = (x: CoreTensor, axis: number): CoreTensor =>
  np.sum(np.logicalNot(np.isnan(x)).astype('int32'), { axis });

const halfOf = (n: CoreTensor): CoreTensor => np.maximum(np.floorDivide(np.subtract(n, 1), 2), 0);

/** The middle element, the lower of two; NaN if there is one. */
export const median: Median = middle('median', (x, axis) => {
  const n = x.shape[axis]!;
  const numbers = numbersOf(x, axis);
  return np.where(np.less(numbers, n), numbers, halfOf(prim.like(numbers, n)));
});
/** The middle element of those that are no NaN. */
export const nanmedian: Median = middle('nanmedian', (x, axis) => halfOf(numbersOf(x, axis)));

export interface TopkOptions {
  /** How many. */
  readonly k: number;
  readonly dim?: number | undefined;
  readonly largest?: boolean | undefined;
  /** In order, which they always are here. */
  readonly sorted?: boolean | undefined;
}

const topOf = withResults<Order & { readonly k: number }>('topk', ([x], { axis, descending, k }) =>
  found(x!, { axis, keepdims: true }, (t) => prim.topK(t, { dimension: axis, k, largest: descending })[1]),
);

/** The k largest (or smallest) elements of a dimension, in order. */
export const topk: Named<TopkOptions, ['k', 'dim', 'largest', 'sorted'], ValuesAndIndices> = named(
  'topk',
  ['k', 'dim', 'largest', 'sorted'],
  (x, { k, dim = -1, largest = true }: TopkOptions) => {
    const tensor = toTensor(x);
    const axis = axisOf('topk', dim, tensor.ndim);
    checkedPlace('topk', k, 0, tensor.shape[axis] ?? 1);
    return valuesAndIndices(topOf([tensor], { axis, descending: largest, k }));
  },
);

export interface QuantileOptions {
  /** Which quantiles, from 0 to 1. */
  readonly q: TensorLike;
  readonly dim?: number | null | undefined;
  readonly keepdim?: boolean | undefined;
  /** Between two elements; linear. */
  readonly interpolation?: 'linear' | 'lower' | 'higher' | 'midpoint' | 'nearest' | undefined;
}

interface Quantile {
  readonly axis: number | null;
  readonly keepdims: boolean;
  readonly method: NonNullable<QuantileOptions['interpolation']>;
}

const quantileNames = ['q', 'dim', 'keepdim', 'interpolation'] as const;

type QuantileFunction = Named<QuantileOptions, typeof quantileNames>;

function quantiles(op: string, f: typeof np.quantile): QuantileFunction {
  const apply = withParams<Quantile>(op, ([x, q], { axis, keepdims, method }) =>
    axis === null && !keepdims
      ? f(np.ravel(x!), q!, { axis: 0, method })
      : f(x!, q!, { axis: axis === null || x!.ndim === 0 ? null : axis, keepdims, method }),
  );
  return named<QuantileOptions, typeof quantileNames>(op, quantileNames, (x, { q, dim, keepdim, interpolation }) => {
    const tensor = toTensor(x);
    const axis = dim === undefined || dim === null ? null : axisOf(op, dim, tensor.ndim);
    return apply(pair(tensor, q), { axis, keepdims: keepdim === true, method: interpolation ?? 'linear' });
  });
}

/** Quantiles of all elements or along a dimension. */
export const quantile: QuantileFunction = quantiles('quantile', np.quantile);
/** Quantiles of what is no NaN. */
export const nanquantile: QuantileFunction = quantiles('nanquantile', np.nanquantile);

export interface UniqueOptions {
  /** Always so here. */
  readonly sorted?: boolean | undefined;
  /** Give, for each element, the place of its like among the distinct ones, too. */
  readonly returnInverse?: boolean | undefined;
  /** Give how often each occurs, too. */
  readonly returnCounts?: boolean | undefined;
  /** Distinct slices of a dimension instead of elements. */
  readonly dim?: number | undefined;
}

/** What `unique` may be called with. */
export interface Unique {
  /** The distinct elements in order. */
  (x: TensorLike, options?: UniqueOptions & { readonly returnInverse?: false; readonly returnCounts?: false }): Tensor;
  /** With places, counts, or both. */
  (x: TensorLike, options: UniqueOptions): Tensor[];
}

export const unique: Unique = ((x: TensorLike, options: UniqueOptions = {}) => {
  checkOptions('unique', options, ['sorted', 'returnInverse', 'returnCounts', 'dim']);
  const { returnInverse = false, returnCounts = false, dim } = options;
  const parts: unknown = np.unique(toTensor(x).value, { returnInverse, returnCounts, axis: dim ?? null } as object);
  return Array.isArray(parts) ? (parts as CoreTensor[]).map((t) => new Tensor(t)) : new Tensor(parts as CoreTensor);
}) as Unique;

const membership = withParams<boolean>('isin', ([x, among], invert) => np.isin(x!, among!, { invert }));

/** Whether each element is among `testElements`. */
export const isin = (
  elements: TensorLike,
  testElements: TensorLike,
  options: { readonly invert?: boolean } = {},
): Tensor => membership(pair(elements, testElements), options.invert === true);

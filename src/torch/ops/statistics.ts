/**
 * Spread, norms, order and running reductions.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { normalizeAxis, normalizeAxes } from '../../ir/shape.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { readOptions } from '../../api/named.ts';
import * as np from '../../api/numpy/index.ts';
import { toFloat } from '../../api/numpy/unary.ts';
import * as nn from '../../api/nn/index.ts';
import { isOptions } from '../../api/options.ts';
import { type Dtype, toDtype } from '../dtypes.ts';
import type { Tensor } from '../tensor.ts';
import { sub } from './arithmetic.ts';
import { type AxisParams, oneAxis, taken } from './axes.ts';
import { pair, type TensorLike, toTensor, withParams, withResults } from './define.ts';
import { type Dims, mean, type ValuesAndIndices } from './reduce.ts';
import { type Norm, normAlong, rootOf } from './subgradients.ts';

export interface SpreadOptions {
  readonly dim?: Dims | undefined;
  /** Taken from the number of elements in the divisor; 1. */
  readonly correction?: number | undefined;
  /** false for correction 0. */
  readonly unbiased?: boolean | undefined;
  readonly keepdim?: boolean | undefined;
}

type SpreadArgs = [dim?: Dims | boolean | SpreadOptions, options?: SpreadOptions];

interface Spread {
  readonly axis: readonly number[];
  readonly ddof: number;
  readonly keepdims: boolean;
}

function spreadOf(op: string, x: Tensor, [first, rest]: SpreadArgs): Spread {
  const leading: SpreadOptions =
    typeof first === 'boolean'
      ? { unbiased: first }
      : isOptions(first)
        ? (first as SpreadOptions)
        : { dim: first as Dims };
  const { dim, correction, unbiased, keepdim } = readOptions<SpreadOptions & object>(
    op,
    ['dim', 'correction', 'unbiased', 'keepdim'],
    [leading, rest],
  );
  const axis = normalizeAxes(op, dim ?? null, x.ndim);
  return { axis, ddof: correction ?? (unbiased === false ? 0 : 1), keepdims: keepdim === true };
}

const variance = withParams<Spread>('var', ([x], { axis, ddof, keepdims }) => np.var(x!, { axis, ddof, keepdims }));
const deviation = withParams<Spread>('std', ([x], { axis, ddof, keepdims }) =>
  rootOf(np.var(x!, { axis, ddof, keepdims })),
);

/** The variance, over n − 1 unless told otherwise. */
function variance_(x: TensorLike, ...args: SpreadArgs): Tensor {
  const tensor = toTensor(x);
  return variance([tensor], spreadOf('var', tensor, args));
}
export { variance_ as var };
/** The standard deviation; where it is 0, so is its derivative. */
export function std(x: TensorLike, ...args: SpreadArgs): Tensor {
  const tensor = toTensor(x);
  return deviation([tensor], spreadOf('std', tensor, args));
}
export const varMean = (x: TensorLike, ...args: SpreadArgs): [Tensor, Tensor] => [
  variance_(x, ...args),
  meanLike(x, args),
];
export const stdMean = (x: TensorLike, ...args: SpreadArgs): [Tensor, Tensor] => [std(x, ...args), meanLike(x, args)];

function meanLike(x: TensorLike, args: SpreadArgs): Tensor {
  const { axis, keepdims } = spreadOf('mean', toTensor(x), args);
  return mean(x, axis, keepdims);
}

export interface NormOptions {
  readonly p?: number | 'fro' | undefined;
  readonly dim?: Dims | undefined;
  readonly keepdim?: boolean | undefined;
}

const normOf = withParams<Norm>('norm', ([x], how) => normAlong(x!, how));

/** (Σ|x|ᵖ)^(1/p); for p = 2 the derivative is 0 where the norm is. */
export function norm(
  x: TensorLike,
  p?: number | 'fro' | NormOptions,
  dim?: Dims | NormOptions,
  keepdim?: boolean,
): Tensor {
  const tensor = toTensor(x);
  const o = readOptions<NormOptions & object>('norm', ['p', 'dim', 'keepdim'], [p, dim, keepdim]);
  const order = o.p === undefined || o.p === 'fro' ? 2 : o.p;
  return normOf([tensor], {
    p: order,
    axis: normalizeAxes('norm', o.dim ?? null, tensor.ndim),
    keepdims: o.keepdim === true,
  });
}

/** The norm of the difference. */
export const dist = (x: TensorLike, y: TensorLike, p = 2): Tensor => norm(sub(x, y), p);

interface OneAxis {
  readonly axis: number;
  readonly dtype: Dtype | undefined;
}

type DtypeOption = { readonly dtype?: Dtype | undefined };

function along(name: string, f: (x: CoreTensor, axis: number) => CoreTensor) {
  const apply = withParams<OneAxis>(name, ([x], { axis, dtype }) => {
    const t = dtype === undefined ? x! : prim.convert(x!, toDtype(dtype));
    return t.ndim === 0 ? prim.reshape(f(prim.reshape(t, [1]), 0), []) : f(t, axis);
  });
  return (x: TensorLike, dim: number, options: DtypeOption = {}): Tensor => {
    const tensor = toTensor(x);
    return apply([tensor], { axis: oneAxis(name, tensor, dim, false).axis, dtype: options.dtype });
  };
}

type Along = (x: TensorLike, dim: number, options?: DtypeOption) => Tensor;

export const cumsum: Along = along('cumsum', (x, axis) => np.cumsum(x, axis));
export const cumprod: Along = along('cumprod', (x, axis) => np.cumprod(x, axis));
/** log of running sums of exponentials. */
export const logcumsumexp: Along = along('logcumsumexp', (x, axis) => prim.cumlogsumexp(toFloat(x), axis));
export const softmax: Along = along('softmax', (x, axis) => nn.softmax(toFloat(x), axis));
export const logSoftmax: Along = along('logSoftmax', (x, axis) => nn.logSoftmax(toFloat(x), axis));

function running(name: string, cumulate: (x: CoreTensor, axis: number) => CoreTensor) {
  const apply = withResults<number>(name, ([x], axis) => {
    const t = prim.stopGradientOf(x!);
    const best = cumulate(t, axis);
    // The last of equal extremes so far; a NaN stays.
    const isBest = np.logicalOr(np.equal(t, best), np.isnan(t));
    const at = np.where(isBest, prim.iota(t.shape, 'int32', axis), prim.like(prim.convert(t, 'int32'), 0));
    const indices = prim.cummax(at, axis);
    return [taken(x!, indices, axis), indices];
  });
  return (x: TensorLike, dim: number): ValuesAndIndices => {
    const tensor = toTensor(x);
    const [values, indices] = apply([tensor], normalizeAxis(name, dim, tensor.ndim));
    return { values: values!, indices: indices! };
  };
}

/** The largest element so far and where it is (the last of several). */
export const cummax: (x: TensorLike, dim: number) => ValuesAndIndices = running('cummax', prim.cummax);
export const cummin: (x: TensorLike, dim: number) => ValuesAndIndices = running('cummin', prim.cummin);

export interface SortOptions {
  readonly dim?: number | undefined;
  readonly descending?: boolean | undefined;
  /** Sorting is always stable here. */
  readonly stable?: boolean | undefined;
}

type SortArgs = [dim?: number | SortOptions, descending?: boolean];

interface Order {
  readonly axis: number;
  readonly descending: boolean;
}

const order = (x: CoreTensor, { axis, descending }: Order): CoreTensor =>
  np.argsort(prim.stopGradientOf(x), { axis, descending, stable: true });

const sorted = withResults<Order>('sort', ([x], how) => {
  const t = x!.ndim === 0 ? prim.reshape(x!, [1]) : x!;
  const indices = order(t, how);
  const result = [taken(t, indices, how.axis), indices];
  return x!.ndim === 0 ? result.map((r) => prim.reshape(r, [])) : result;
});

function orderOf(op: string, x: Tensor, args: SortArgs): Order {
  const { dim, descending } = readOptions<SortOptions & object>(op, ['dim', 'descending', 'stable'], args);
  return { axis: oneAxis(op, x, dim ?? -1, false).axis, descending: descending === true };
}

/** Elements in order, and where they were. Equal ones keep their order. */
export function sort(x: TensorLike, ...args: SortArgs): ValuesAndIndices {
  const tensor = toTensor(x);
  const [values, indices] = sorted([tensor], orderOf('sort', tensor, args));
  return { values: values!, indices: indices! };
}
export const argsort = (x: TensorLike, ...args: SortArgs): Tensor => sort(x, ...args).indices;
export const msort = (x: TensorLike): Tensor => sort(x, 0).values;

interface Ranked extends AxisParams {
  /** Which in ascending order, from 0. */
  readonly at: number;
}

const rankedAt = withResults<Ranked>('kthvalue', ([x], { axis, keepdims, at }) => {
  const t = x!.ndim === 0 ? prim.reshape(x!, [1]) : x!;
  const indices = prim.sliceAxis(order(t, { axis, descending: false }), axis, at, at + 1);
  const result = [taken(t, indices, axis), indices].map((r) => (keepdims ? r : np.squeeze(r, axis)));
  return x!.ndim === 0 ? result.map((r) => prim.reshape(r, [])) : result;
});

function kth(
  op: string,
  x: Tensor,
  dim: number,
  keepdim: boolean | undefined,
  at: (n: number) => number,
): ValuesAndIndices {
  const params = oneAxis(op, x, dim, keepdim);
  const [values, indices] = rankedAt([x], { ...params, at: at(x.shape[params.axis] ?? 1) });
  return { values: values!, indices: indices! };
}

/** The k-th smallest element of a dimension, counted from 1. */
export const kthvalue = (x: TensorLike, k: number, dim = -1, keepdim = false): ValuesAndIndices =>
  kth('kthvalue', toTensor(x), dim, keepdim, () => k - 1);

/** What `median` may be called with. */
export interface Median {
  /** The middle element (the lower of two) of all; ties share the derivative evenly. */
  (x: TensorLike): Tensor;
  (x: TensorLike, dim: number, keepdim?: boolean): ValuesAndIndices;
}

const middle = (n: number): number => Math.floor((n - 1) / 2);

// The largest of the elements up to the median is the median; where several are equal, a maximum shares the derivative evenly.
const medianOf = withParams<null>('median', ([x]) => {
  const flat = np.ravel(x!);
  const at = middle(flat.size);
  const found = taken(flat, prim.sliceAxis(order(flat, { axis: 0, descending: false }), 0, at, at + 1), 0);
  return isFloat(flat.dtype)
    ? np.max(np.where(np.greater(flat, found), prim.like(flat, -Infinity), flat))
    : np.squeeze(found, 0);
});

export const median: Median = ((x: TensorLike, dim?: number, keepdim?: boolean) =>
  dim === undefined ? medianOf([x], null) : kth('median', toTensor(x), dim, keepdim, middle)) as Median;

export interface TopkOptions {
  readonly dim?: number | undefined;
  readonly largest?: boolean | undefined;
}

const topOf = withResults<Order & { readonly k: number }>('topk', ([x], { axis, descending, k }) => {
  const indices = prim.sliceAxis(order(x!, { axis, descending }), axis, 0, k);
  return [taken(x!, indices, axis), indices];
});

/** The k largest (or smallest) elements of a dimension, in order. */
export function topk(x: TensorLike, k: number, { dim = -1, largest = true }: TopkOptions = {}): ValuesAndIndices {
  const tensor = toTensor(x);
  const [values, indices] = topOf([tensor], { axis: normalizeAxis('topk', dim, tensor.ndim), descending: largest, k });
  return { values: values!, indices: indices! };
}

interface Quantile extends AxisParams {
  readonly method: string;
}

const quantileOf = withParams<Quantile | null>('quantile', ([x, q], params) =>
  np.quantile(x!, q!, params === null ? {} : { axis: params.axis, keepdims: params.keepdims }),
);

/** Quantiles, interpolated linearly, of all elements or along a dimension. */
export function quantile(x: TensorLike, q: TensorLike, dim?: number | null, keepdim = false): Tensor {
  const tensor = toTensor(x);
  const params =
    dim === undefined || dim === null ? null : { ...oneAxis('quantile', tensor, dim, keepdim), method: 'linear' };
  return quantileOf(pair(tensor, q), params);
}

const differences = withParams<readonly [number, number]>('diff', ([x], [n, axis]) => np.diff(x!, { n, axis }));
/** Differences of neighbours, n times. */
export const diff = (x: TensorLike, n = 1, dim = -1): Tensor =>
  differences([x], [n, normalizeAxis('diff', dim, toTensor(x).ndim)]);

const counted = withParams<number>('bincount', ([x], length) => np.bincount(x!, { length }));
/** How often each number 0, 1, … occurs. */
export function bincount(x: TensorLike, options: { readonly minlength?: number } = {}): Tensor {
  const tensor = toTensor(x);
  const top = tensor.numel() === 0 ? 0 : np.max(tensor.value).item() + 1;
  return counted([tensor], Math.max(top, options.minlength ?? 0));
}

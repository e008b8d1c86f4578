/**
 * Reductions over dimensions.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { readOptions } from '../../api/named.ts';
import * as np from '../../api/numpy/index.ts';
import { toFloat } from '../../api/numpy/unary.ts';
import { isOptions } from '../../api/options.ts';
import { type Dtype, toDtype } from '../dtypes.ts';
import type { Tensor } from '../tensor.ts';
import { maximum, minimum } from './arithmetic.ts';
import { axesOf, type AxisParams, found, oneAxis, type ValuesAndIndices, valuesAndIndices } from './axes.ts';
import { counted, type TensorLike, toTensor, withParams, withResults } from './define.ts';

export type { ValuesAndIndices } from './axes.ts';

/** A dimension, several, or all (`null`). Negative ones count from the end. */
export type Dims = number | readonly number[] | null;

export interface ReduceOptions {
  readonly dim?: Dims | undefined;
  /** Keep the reduced dimensions with size 1; false. */
  readonly keepdim?: boolean | undefined;
  /** Dtype to convert to first. */
  readonly dtype?: Dtype | undefined;
}

/** What a reduction is told: `sum(dim, keepdim)`, `sum({ dim, keepdim, dtype })`, or both. */
export type ReduceArgs = [dim?: Dims | ReduceOptions, keepdim?: boolean | ReduceOptions, options?: ReduceOptions];

interface Reduced {
  readonly axes: readonly number[];
  readonly keepdims: boolean;
}

const keys = ['dim', 'keepdim', 'dtype'] as const;

function reduceOptions(op: string, args: ReduceArgs): ReduceOptions {
  const [dim, keepdim, options] = args;
  return readOptions<ReduceOptions & object>(op, keys, [dim, keepdim, isOptions(options) ? options : undefined]);
}

/** The dimensions of a tensor that arguments speak of. */
function reducedAxes(op: string, x: Tensor, { dim, keepdim }: ReduceOptions): Reduced {
  return { axes: axesOf(op, dim, x.ndim), keepdims: keepdim === true };
}

function reduction(
  name: string,
  f: (x: CoreTensor, how: { readonly axis: readonly number[]; readonly keepdims: boolean }) => CoreTensor,
): (x: TensorLike, ...args: ReduceArgs) => Tensor {
  const apply = withParams<Reduced & { readonly dtype: Dtype | undefined }>(name, ([x], { axes, keepdims, dtype }) =>
    f(dtype === undefined ? x! : prim.convert(x!, toDtype(dtype)), { axis: axes, keepdims }),
  );
  return (x, ...args) => {
    const t = toTensor(x);
    const options = reduceOptions(name, args);
    return apply([t], { ...reducedAxes(name, t, options), dtype: options.dtype });
  };
}

type Reduction = (x: TensorLike, ...args: ReduceArgs) => Tensor;

/** Σx. */
export const sum: Reduction = reduction('sum', (x, how) => np.sum(counted(x), how));
/** Σx, NaN counted as 0. */
export const nansum: Reduction = reduction('nansum', (x, how) => np.nansum(counted(x), how));
/** The mean. */
export const mean: Reduction = reduction('mean', (x, how) => np.mean(x, how));
export const nanmean: Reduction = reduction('nanmean', (x, how) => np.nanmean(x, how));
/** The product, with right derivatives where factors are 0. */
export const prod: Reduction = reduction('prod', (x, how) => np.prod(counted(x), how));
/** The largest elements; ties share the derivative evenly. */
export const amax: Reduction = reduction('amax', np.max);
export const amin: Reduction = reduction('amin', np.min);
/** Whether all elements are true; of unsigned 8-bit integers 0 or 1 of that dtype. */
export const all: Reduction = reduction('all', (x, how) => truth(x, np.all(x, how)));
export const any: Reduction = reduction('any', (x, how) => truth(x, np.any(x, how)));
export const countNonzero: Reduction = reduction('countNonzero', (x, how) => np.countNonzero(x, how));
const truth = (x: CoreTensor, result: CoreTensor): CoreTensor =>
  x.dtype === 'uint8' ? prim.convert(result, 'uint8') : result;

/** log Σeˣ, without overflow; of no elements −∞. */
export const logsumexp: Reduction = reduction('logsumexp', (x, { axis, keepdims }) => {
  const t = toFloat(x);
  if (t.size === 0) return np.log(np.sum(t, { axis, keepdims }));
  const top = prim.stopGradientOf(np.max(t, { axis, keepdims: true }));
  const shift = np.where(np.isfinite(top), top, prim.like(top, 0));
  const total = np.add(np.log(np.sum(np.exp(np.subtract(t, shift)), { axis, keepdims: true })), shift);
  return keepdims ? total : np.squeeze(total, axis);
});

export interface Extremes {
  readonly min: Tensor;
  readonly max: Tensor;
}

/** Smallest and largest elements together. */
export const aminmax = (
  x: TensorLike,
  options: { readonly dim?: number; readonly keepdim?: boolean } = {},
): Extremes => ({
  min: amin(x, options),
  max: amax(x, options),
});

const extreme = (name: string, find: (x: CoreTensor, axis: number) => CoreTensor) =>
  withResults<AxisParams>(name, ([x], params) => found(x!, params, (t, axis) => np.expandDims(find(t, axis), axis)));

const maxAlong = extreme('max', np.argmax);
const minAlong = extreme('min', np.argmin);
const argmaxOf = withParams<AxisParams | null>('argmax', ([x], p) => argAlong(np.argmax, x!, p));
const argminOf = withParams<AxisParams | null>('argmin', ([x], p) => argAlong(np.argmin, x!, p));

function argAlong(find: typeof np.argmax, x: CoreTensor, params: AxisParams | null): CoreTensor {
  if (params === null) return find(np.ravel(x), 0);
  return x.ndim === 0 ? find(np.ravel(x), 0) : find(x, { axis: params.axis, keepdims: params.keepdims });
}

export interface DimOptions {
  readonly dim?: number | undefined;
  readonly keepdim?: boolean | undefined;
}

type DimArgs = [dim?: number | DimOptions | null, keepdim?: boolean];

/** Function of one dimension, or of all elements: `f(x)`, `f(x, dim, keepdim)`, `f(x, { dim, keepdim })`. */
function dimOptions(op: string, args: readonly unknown[]): { dim: number | undefined; keepdim: boolean } {
  const { dim, keepdim } = readOptions<DimOptions & object>(op, ['dim', 'keepdim'], args);
  return { dim, keepdim: keepdim === true };
}

function largest(
  op: string,
  along: (xs: readonly TensorLike[], p: AxisParams) => Tensor[],
  over: Reduction,
  pairwise: (x: TensorLike, y: TensorLike) => Tensor,
) {
  return (
    x: TensorLike,
    ...args: [TensorLike | DimOptions | null | undefined, boolean?] | []
  ): Tensor | ValuesAndIndices => {
    const [first] = args;
    const t = toTensor(x);
    if (first === undefined || first === null) return over(t);
    if (typeof first !== 'number' && !isOptions(first)) return pairwise(t, first as TensorLike);
    const { dim, keepdim } = dimOptions(op, args);
    if (dim === undefined) return over(t);
    return valuesAndIndices(along([t], oneAxis(op, t, dim, keepdim)));
  };
}

/** What `max` and `min` may be called with. */
export interface Extremum {
  /** The extreme element of all; ties share the derivative evenly. */
  (x: TensorLike): Tensor;
  /** Along a dimension, with positions; of ties the first has the derivative. */
  (x: TensorLike, dim: number | DimOptions, keepdim?: boolean): ValuesAndIndices;
  /** Element by element. */
  (x: TensorLike, y: Tensor): Tensor;
}

export const max: Extremum = largest('max', maxAlong, amax, maximum) as Extremum;
export const min: Extremum = largest('min', minAlong, amin, minimum) as Extremum;

function position(op: string, apply: (xs: readonly TensorLike[], p: AxisParams | null) => Tensor) {
  return (x: TensorLike, ...args: DimArgs): Tensor => {
    const tensor = toTensor(x);
    const { dim, keepdim } = dimOptions(op, args);
    return apply([tensor], dim === undefined ? null : oneAxis(op, tensor, dim, keepdim));
  };
}

type Position = (x: TensorLike, ...args: DimArgs) => Tensor;

/** Where the first of the largest elements is: among all, or along a dimension. */
export const argmax: Position = position('argmax', argmaxOf);
export const argmin: Position = position('argmin', argminOf);

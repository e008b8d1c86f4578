/**
 * Spread, norms and running reductions.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { normalizeAxis } from '../../ir/shape.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { viaFloat32 } from '../../api/halves.ts';
import { readOptions } from '../../api/named.ts';
import * as nn from '../../api/nn/index.ts';
import { checkOptions } from '../../api/options.ts';
import * as np from '../../api/numpy/index.ts';
import { toFloat } from '../../api/numpy/unary.ts';
import { type Dtype, toDtype } from '../dtypes.ts';
import type { Tensor } from '../tensor.ts';
import { sub } from './arithmetic.ts';
import { alongAxis, axesOf, axisOf, type OneDim, taken, type ValuesAndIndices, valuesAndIndices } from './axes.ts';
import { counted, type TensorLike, toTensor, withParams, withResults } from './define.ts';
import { cat } from './join.ts';
import { type Arguments, type Named, named, readArguments } from './named.ts';
import { type Dims, mean } from './reduce.ts';
import { type Norm, normAlong, rootOf } from './subgradients.ts';

export interface SpreadOptions {
  readonly dim?: Dims | undefined;
  /** Taken from the number of elements in the divisor; 1. */
  readonly correction?: number | undefined;
  /** false for correction 0. */
  readonly unbiased?: boolean | undefined;
  readonly keepdim?: boolean | undefined;
}

/** `var(dim, unbiased, keepdim)`, `var(unbiased)`, `var({ dim, correction, keepdim })`, or names after positions. */
type SpreadArgs =
  | [dim?: Dims | SpreadOptions, unbiased?: boolean | SpreadOptions, keepdim?: boolean | SpreadOptions]
  | [unbiased: boolean];

interface Spread {
  readonly axis: readonly number[];
  readonly ddof: number;
  readonly keepdims: boolean;
}

function spreadOf(op: string, x: Tensor, args: SpreadArgs): Spread {
  const isFlag = typeof args[0] === 'boolean';
  const { dim, correction, unbiased, keepdim } = readArguments<SpreadOptions>(
    op,
    ['dim', 'unbiased', 'keepdim', 'correction'],
    isFlag ? [null, ...args] : args,
  );
  return {
    axis: axesOf(op, dim, x.ndim),
    ddof: correction ?? (unbiased === false ? 0 : 1),
    keepdims: keepdim === true,
  };
}

/** Σ(x − mean)² / (n − ddof); with no degree of freedom a quotient by 0, as is its derivative. */
function varianceOf(t: CoreTensor, { axis, ddof, keepdims }: Spread): CoreTensor {
  const n = axis.reduce((total, a) => total * t.shape[a]!, 1);
  const off = np.subtract(t, np.mean(t, { axis, keepdims: true }));
  const total = np.sum(np.square(off), { axis, keepdims });
  return np.divide(total, prim.like(total, Math.max(n - ddof, 0)));
}

const variance = withParams<Spread>('var', ([x], how) => viaFloat32((t) => varianceOf(t, how), toFloat(x!)));
const deviation = withParams<Spread>('std', ([x], how) => viaFloat32((t) => rootOf(varianceOf(t, how)), toFloat(x!)));

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
    axis: axesOf('norm', o.dim, tensor.ndim),
    keepdims: o.keepdim === true,
  });
}

/** The norm of the difference. */
export const dist: (x: TensorLike, y: TensorLike, ...args: Arguments<PowerOption, ['p']>) => Tensor = (x, y, ...args) =>
  norm(sub(x, y), readArguments<PowerOption>('dist', ['p'], args).p ?? 2);

export interface PowerOption {
  /** Order of the norm; 2. */
  readonly p?: number | undefined;
}

interface OneAxis {
  readonly axis: number;
  readonly dtype: Dtype | undefined;
}

/** A dimension, and a dtype to convert to first. */
export interface AlongOptions {
  readonly dim: number;
  readonly dtype?: Dtype | undefined;
}

function along(name: string, f: (x: CoreTensor, axis: number) => CoreTensor): Along {
  const apply = withParams<OneAxis>(name, ([x], { axis, dtype }) => {
    const t = dtype === undefined ? x! : prim.convert(x!, toDtype(dtype));
    return alongAxis(t, (y) => f(y, axis));
  });
  return named<AlongOptions, ['dim', 'dtype']>(name, ['dim', 'dtype'], (x, { dim, dtype }) => {
    const tensor = toTensor(x);
    return apply([tensor], { axis: axisOf(name, dim, tensor.ndim), dtype });
  });
}

type Along = Named<AlongOptions, ['dim', 'dtype']>;

export const cumsum: Along = along('cumsum', (x, axis) => np.cumsum(counted(x), axis));
export const cumprod: Along = along('cumprod', (x, axis) => np.cumprod(counted(x), axis));
/** log of running sums of exponentials. */
export const logcumsumexp: Along = along('logcumsumexp', (x, axis) => prim.cumlogsumexp(toFloat(x), axis));
export const softmax: Along = along('softmax', (x, axis) => nn.softmax(toFloat(x), axis));
export const logSoftmax: Along = along('logSoftmax', (x, axis) => nn.logSoftmax(toFloat(x), axis));

/** A dimension by position or by name. */
type DimArguments = Arguments<OneDim, ['dim']>;

function running(name: string, cumulate: (x: CoreTensor, axis: number) => CoreTensor) {
  const apply = withResults<number>(name, ([whole], axis) => {
    const x = prim.reshape(whole!, whole!.ndim === 0 ? [1] : whole!.shape);
    const t = prim.stopGradientOf(x.dtype === 'bool' ? prim.convert(x, 'int32') : x);
    const best = cumulate(t, axis);
    // The last of equal extremes so far; a NaN stays.
    const isBest = np.logicalOr(np.equal(t, best), np.isnan(t));
    const at = np.where(isBest, prim.iota(t.shape, 'int32', axis), prim.like(prim.convert(t, 'int32'), 0));
    const indices = prim.cummax(at, axis);
    return [taken(x, indices, axis), indices].map((r) => prim.reshape(r, whole!.shape));
  });
  return named<OneDim, ['dim'], ValuesAndIndices>(name, ['dim'], (x, { dim }) => {
    const tensor = toTensor(x);
    return valuesAndIndices(apply([tensor], axisOf(name, dim, tensor.ndim)));
  });
}

/** The largest element so far and where it is (the last of several). */
export const cummax: (x: TensorLike, ...args: DimArguments) => ValuesAndIndices = running('cummax', prim.cummax);
export const cummin: (x: TensorLike, ...args: DimArguments) => ValuesAndIndices = running('cummin', prim.cummin);

export interface DiffOptions {
  /** How often; 1. */
  readonly n?: number | undefined;
  readonly dim?: number | undefined;
  /** Put in front of the elements first. */
  readonly prepend?: TensorLike | undefined;
  /** Put behind the elements first. */
  readonly append?: TensorLike | undefined;
}

const differences = withParams<readonly [number, number]>('diff', ([x], [n, axis]) => np.diff(x!, { n, axis }));
/** Differences of neighbours, n times. */
export const diff: Named<DiffOptions, ['n', 'dim', 'prepend', 'append']> = named(
  'diff',
  ['n', 'dim', 'prepend', 'append'],
  (x, { n = 1, dim = -1, prepend, append }: DiffOptions) => {
    const axis = normalizeAxis('diff', dim, toTensor(x).ndim);
    const parts = [prepend, x, append].filter((part) => part !== undefined);
    return differences([parts.length === 1 ? x : cat(parts, axis)], [n, axis]);
  },
);

const occurrences = withParams<number>('bincount', ([x], length) => np.bincount(x!, { length }));
/** How often each number 0, 1, … occurs. */
export function bincount(x: TensorLike, options: { readonly minlength?: number } = {}): Tensor {
  checkOptions('bincount', options, ['minlength']);
  const tensor = toTensor(x);
  const top = tensor.numel() === 0 ? 0 : np.max(tensor.value).item() + 1;
  return occurrences([tensor], Math.max(top, options.minlength ?? 0));
}

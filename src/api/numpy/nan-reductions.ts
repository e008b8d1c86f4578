/**
 * Reductions that leave NaNs out, and running reductions.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { dtypeInfo } from '../../ir/dtype.ts';
import { normalizeAxes, normalizeAxis } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { viaFloat32 } from '../halves.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { optionsOf } from '../options.ts';
import { type DTypeLike, optionalDType } from './dtypes.ts';
import {
  all,
  any,
  type ArgOptions,
  argExtreme,
  argKeys,
  type Axis,
  extreme,
  inFloats,
  keepAxes,
  mean,
  meanKeys,
  type MeanOptions,
  prod,
  type ReduceOptions,
  sum,
  varKeys,
  type VarOptions,
} from './reductions.ts';
import { isnan, truth } from './unary.ts';

const isNumberFree = (t: Tensor): boolean => dtypeInfo[t.dtype].category !== 'float';

function withoutNan(x: TensorLike, value: number): Tensor {
  const t = asTensor(x);
  return isNumberFree(t) ? t : prim.select(isnan(t), prim.like(t, value), t);
}

const notNan = (x: TensorLike, where: TensorLike | undefined): Tensor => {
  const valid = prim.not(isnan(x));
  return where === undefined ? valid : prim.and(valid, truth(where));
};

/** Σ of the elements that are not NaN. */
export const nansum = (x: TensorLike, axis?: Axis | ReduceOptions, options?: ReduceOptions): Tensor =>
  sum(withoutNan(x, 0), axis, options);

/** Π of the elements that are not NaN. */
export const nanprod = (x: TensorLike, axis?: Axis | ReduceOptions, options?: ReduceOptions): Tensor =>
  prod(withoutNan(x, 1), axis, options);

function nanExtreme(
  op: 'max' | 'min',
  x: TensorLike,
  axis: Axis | ReduceOptions | undefined,
  options: ReduceOptions | undefined,
): Tensor {
  const o = optionsOf<ReduceOptions>(`nan${op}`, 'axis', axis, options, ['axis', 'keepdims', 'initial', 'where']);
  const t = asTensor(x);
  if (isNumberFree(t)) return extreme(op, t, o, undefined);
  const found = extreme(op, withoutNan(t, op === 'max' ? -Infinity : Infinity), o, undefined);
  if (o.initial !== undefined) return found;
  const isMissing = all(isnan(t), { axis: o.axis, keepdims: o.keepdims, where: o.where });
  return prim.select(isMissing, prim.like(found, Number.NaN), found);
}

/** The largest element that is not NaN; NaN if there is none. */
export const nanmax = (x: TensorLike, axis?: Axis | ReduceOptions, options?: ReduceOptions): Tensor =>
  nanExtreme('max', x, axis, options);

/** The smallest element that is not NaN; NaN if there is none. */
export const nanmin = (x: TensorLike, axis?: Axis | ReduceOptions, options?: ReduceOptions): Tensor =>
  nanExtreme('min', x, axis, options);

/** Mean of the elements that are not NaN. */
export function nanmean(x: TensorLike, axis?: Axis | MeanOptions, options?: MeanOptions): Tensor {
  const o = optionsOf<MeanOptions>('nanmean', 'axis', axis, options, meanKeys);
  const t = inFloats('nanmean', x, o.dtype);
  const where = notNan(t, o.where);
  const found = mean(withoutNan(t, 0), { ...o, where });
  // Of nothing the mean is NaN, a constant: the quotient 0/0 would have a NaN derivative.
  return prim.select(any(where, { axis: o.axis, keepdims: o.keepdims }), found, prim.like(found, Number.NaN));
}

/** Sums of squares, and counts, overflow in 16 bits. */
const nanVariance = (op: string, x: TensorLike, o: VarOptions, finish = (v: Tensor): Tensor => v): Tensor =>
  viaFloat32((t) => nanVarianceOf(op, t!, o, finish), inFloats(op, x, o.dtype));

function nanVarianceOf(op: string, t: Tensor, o: VarOptions, finish: (v: Tensor) => Tensor): Tensor {
  const valid = notNan(t, o.where);
  const axes = normalizeAxes(op, o.axis, t.ndim);
  const zero = prim.like(t, 0);
  const wide = prim.broadcastTo(valid, t.shape);
  const clean = prim.select(wide, t, zero);
  const count = prim.reduceSum(prim.convert(wide, t.dtype), axes);
  const centre = keepAxes(prim.div(prim.reduceSum(clean, axes), count), t, axes, true);
  const squares = prim.integerPow(prim.select(wide, prim.sub(clean, centre), zero), 2);
  const divisor = prim.sub(count, prim.like(count, o.correction ?? o.ddof ?? 0));
  const isEmpty = prim.le(divisor, zero);
  const quotient = prim.div(prim.reduceSum(squares, axes), prim.select(isEmpty, prim.like(t, 1), divisor));
  const result = finish(prim.select(isEmpty, prim.like(t, 1), quotient));
  return keepAxes(prim.select(isEmpty, prim.like(t, Number.NaN), result), t, axes, o.keepdims);
}

/** Variance of the elements that are not NaN; NaN where no more than `ddof` remain. */
export const nanvar = (x: TensorLike, axis?: Axis | VarOptions, options?: VarOptions): Tensor =>
  nanVariance('nanvar', x, optionsOf<VarOptions>('nanvar', 'axis', axis, options, varKeys));

/** Standard deviation of the elements that are not NaN. */
export const nanstd = (x: TensorLike, axis?: Axis | VarOptions, options?: VarOptions): Tensor =>
  nanVariance('nanstd', x, optionsOf<VarOptions>('nanstd', 'axis', axis, options, varKeys), prim.sqrt);

function nanArg(
  op: 'nanargmax' | 'nanargmin',
  x: TensorLike,
  axis: number | null | ArgOptions | undefined,
  options: ArgOptions | undefined,
): Tensor {
  const o = optionsOf<ArgOptions>(op, 'axis', axis, options, argKeys);
  const t = asTensor(x);
  const isMax = op === 'nanargmax';
  const found = argExtreme(op, isMax ? prim.argmax : prim.argmin, withoutNan(t, isMax ? -Infinity : Infinity), o);
  if (isNumberFree(t)) return found;
  return prim.select(all(isnan(t), { axis: o.axis, keepdims: o.keepdims }), prim.like(found, -1), found);
}

/** Position of the first largest element that is not NaN; −1 if there is none. */
export const nanargmax = (x: TensorLike, axis?: number | null | ArgOptions, options?: ArgOptions): Tensor =>
  nanArg('nanargmax', x, axis, options);

/** Position of the first smallest element that is not NaN; −1 if there is none. */
export const nanargmin = (x: TensorLike, axis?: number | null | ArgOptions, options?: ArgOptions): Tensor =>
  nanArg('nanargmin', x, axis, options);

export interface CumulativeOptions {
  /** The flattened array by default. */
  readonly axis?: number | null | undefined;
  readonly dtype?: DTypeLike | null | undefined;
}

function cumulate(
  op: string,
  f: typeof prim.cumsum,
  x: Tensor,
  axis: number | null | CumulativeOptions | undefined,
  options: CumulativeOptions | undefined,
): Tensor {
  const o = optionsOf<CumulativeOptions>(op, 'axis', axis, options, ['axis', 'dtype']);
  const dtype = optionalDType(op, o.dtype);
  const t = dtype ? prim.convert(x, dtype) : x.dtype === 'bool' ? prim.convert(x, 'int32') : x;
  if (o.axis === undefined || o.axis === null) return f(prim.reshape(t, [t.size]), 0);
  return f(t, normalizeAxis(op, o.axis, t.ndim));
}

/**
 * Running sums along an axis.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.cumsum([1, 2, 3]).toArray()); // => [ 1, 3, 6 ]
 * ```
 */
export const cumsum = (x: TensorLike, axis?: number | null | CumulativeOptions, options?: CumulativeOptions): Tensor =>
  cumulate('cumsum', prim.cumsum, asTensor(x), axis, options);

/** Running products along an axis. */
export const cumprod = (x: TensorLike, axis?: number | null | CumulativeOptions, options?: CumulativeOptions): Tensor =>
  cumulate('cumprod', prim.cumprod, asTensor(x), axis, options);

/** Running sums that skip NaNs. */
export const nancumsum = (
  x: TensorLike,
  axis?: number | null | CumulativeOptions,
  options?: CumulativeOptions,
): Tensor => cumulate('nancumsum', prim.cumsum, withoutNan(x, 0), axis, options);

/** Running products that skip NaNs. */
export const nancumprod = (
  x: TensorLike,
  axis?: number | null | CumulativeOptions,
  options?: CumulativeOptions,
): Tensor => cumulate('nancumprod', prim.cumprod, withoutNan(x, 1), axis, options);

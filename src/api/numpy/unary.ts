/**
 * Elementwise functions of one array.
 * May import: `ir`, `core`, `primitives`, `control`, `api/lift`, `api/custom`.
 * @module
 */
import { type DType, dtypeInfo, isFloat, isHalf } from '../../ir/dtype.ts';
import { DTypeError } from '../../ir/errors.ts';
import { defaultFloat } from '../../core/config.ts';
import type { Tensor } from '../../core/tensor.ts';
import { filled } from '../../primitives/fill.ts';
import * as prim from '../../primitives/index.ts';
import { asTensor, promoteToFloat, type TensorLike } from '../lift.ts';
import { optionsOf } from '../options.ts';
import { finfo } from './dtypes.ts';

type Unary = (x: TensorLike) => Tensor;

/** Integers and booleans become floats first. */
const onFloats =
  (f: (x: Tensor) => Tensor): Unary =>
  (x) =>
    f(promoteToFloat(x)[0]!);

/** Integers and booleans are left alone: they are whole. */
const rounding =
  (f: (x: Tensor) => Tensor): Unary =>
  (x) => {
    const t = asTensor(x);
    return isFloat(t.dtype) ? f(t) : t;
  };

const scale =
  (factor: number): Unary =>
  (x) => {
    const [t] = promoteToFloat(x) as [Tensor];
    return prim.mul(t, prim.like(t, factor));
  };

/** eˣ. */
export const exp: Unary = onFloats(prim.exp);
/** 2ˣ. */
export const exp2: Unary = onFloats(prim.exp2);
/** eˣ − 1, exact near 0. */
export const expm1: Unary = onFloats(prim.expm1);
/** Natural logarithm: −∞ at 0, NaN below. */
export const log: Unary = onFloats(prim.log);
/** Logarithm to base 2. */
export const log2: Unary = onFloats(prim.log2);
/** Logarithm to base 10. */
export const log10: Unary = onFloats(prim.log10);
/** log(1 + x), exact near 0. */
export const log1p: Unary = onFloats(prim.log1p);
/** √x; NaN below 0. */
export const sqrt: Unary = onFloats(prim.sqrt);
/** ∛x. */
export const cbrt: Unary = onFloats(prim.cbrt);
/** 1 / x. */
export const reciprocal: Unary = onFloats((x) => prim.div(prim.like(x, 1), x));
/** Sine of radians. */
export const sin: Unary = onFloats(prim.sin);
/** Cosine of radians. */
export const cos: Unary = onFloats(prim.cos);
/** Tangent of radians. */
export const tan: Unary = onFloats(prim.tan);
/** Inverse sine, in [−π/2, π/2]. */
export const arcsin: Unary = onFloats(prim.asin);
/** Inverse cosine, in [0, π]. */
export const arccos: Unary = onFloats(prim.acos);
/** Inverse tangent, in (−π/2, π/2). */
export const arctan: Unary = onFloats(prim.atan);
/** Hyperbolic sine. */
export const sinh: Unary = onFloats(prim.sinh);
/** Hyperbolic cosine. */
export const cosh: Unary = onFloats(prim.cosh);
/** Hyperbolic tangent. */
export const tanh: Unary = onFloats(prim.tanh);
/** Inverse hyperbolic sine. */
export const arcsinh: Unary = onFloats(prim.asinh);
/** Inverse hyperbolic cosine; NaN below 1. */
export const arccosh: Unary = onFloats(prim.acosh);
/** Inverse hyperbolic tangent; ±∞ at ±1. */
export const arctanh: Unary = onFloats(prim.atanh);
export { arccos as acos, arccosh as acosh, arcsin as asin, arcsinh as asinh, arctan as atan, arctanh as atanh };
/** Radians from degrees. */
export const deg2rad: Unary = scale(Math.PI / 180);
/** Degrees from radians. */
export const rad2deg: Unary = scale(180 / Math.PI);
export { deg2rad as radians, rad2deg as degrees };

/** The largest integer that is not above x. Integers stay. */
export const floor: Unary = rounding(prim.floor);
/** The smallest integer that is not below x. Integers stay. */
export const ceil: Unary = rounding(prim.ceil);
/** The integer part. Integers stay. */
export const trunc: Unary = rounding(prim.trunc);
/** The nearest integer, halves to even, as a float. */
export const rint: Unary = onFloats(prim.round);
export { trunc as fix };

/**
 * Rounds to a number of decimals (0), halves to even.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.round([0.5, 1.5, 2.25]).toArray()); // => [ 0, 2, 2 ]
 * console.log(np.round([2.25], 1).toArray()); // => [ 2.200000047683716 ]
 * ```
 */
export function round(x: TensorLike, decimals?: number | { readonly decimals?: number }): Tensor {
  const { decimals: d = 0 } = optionsOf<{ decimals?: number }>('round', 'decimals', decimals, undefined, ['decimals']);
  const t = asTensor(x);
  if (!isFloat(t.dtype)) return d < 0 ? prim.convert(round(prim.convert(t, 'float64'), d), t.dtype) : t;
  if (d === 0) return prim.round(t);
  const factor = prim.like(t, 10 ** d);
  return prim.div(prim.round(prim.mul(t, factor)), factor);
}
export { round as around };

/** −x. Unsigned integers wrap; booleans are an error. */
export const negative: Unary = (x) => prim.neg(asTensor(x));
/** x itself. */
export const positive: Unary = (x) => asTensor(x);
/** |x|; its derivative at 0 is 1, as in JAX. */
export function abs(x: TensorLike): Tensor {
  const t = asTensor(x);
  const { category } = dtypeInfo[t.dtype];
  return category === 'bool' || category === 'unsigned' ? t : prim.abs(t);
}
export { abs as absolute };
/** |x| as a float. */
export const fabs: Unary = onFloats(prim.abs);
/** −1, 0 or 1. The derivative is 0 everywhere. */
export const sign: Unary = (x) => prim.sign(asTensor(x));
/** x². */
export const square: Unary = (x) => {
  const t = asTensor(x);
  return t.dtype === 'bool' ? t : prim.integerPow(t, 2);
};

/** Coefficients of sin(t)/t in t²: (−1)^k / (2k+1)!. Eleven are exact to float64 for |t| < 1, with four derivatives. */
const sincSeries: readonly number[] = Array.from({ length: 11 }, (_, k) => {
  let factorial = 1;
  for (let i = 2; i <= 2 * k + 1; i++) factorial *= i;
  return (k % 2 === 0 ? 1 : -1) / factorial;
});

/**
 * sin(πx) / (πx), with 1 at 0 and 0 at ±∞. Derivatives of every order are right at and near 0.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.sinc([0, 0.5]).toArray()); // => [ 1, 0.6366197466850281 ]
 * ```
 */
export function sinc(x: TensorLike): Tensor {
  const [t] = promoteToFloat(x) as [Tensor];
  const px = prim.mul(t, prim.like(t, Math.PI));
  const size = prim.abs(px);
  // Near 0 the derivative of the quotient is a difference of large terms that cancel; the series has no such terms.
  const isSmall = prim.lt(size, prim.like(t, 1));
  const isInfinite = prim.eq(size, prim.like(t, Number.POSITIVE_INFINITY));
  const squared = prim.integerPow(prim.select(isSmall, px, prim.like(t, 0)), 2);
  const series = sincSeries.reduceRight((sum, c) => prim.add(prim.mul(sum, squared), prim.like(t, c)), prim.like(t, 0));
  const safe = prim.select(prim.or(isSmall, isInfinite), prim.like(t, 1), px);
  const regular = prim.select(isInfinite, prim.like(t, 0), prim.div(prim.sin(safe), safe));
  return prim.select(isSmall, series, regular);
}

/** True where x is NaN. */
export function isnan(x: TensorLike): Tensor {
  const t = asTensor(x);
  return prim.ne(t, t);
}

/** True where x is neither infinite nor NaN. */
export function isfinite(x: TensorLike): Tensor {
  const t = asTensor(x);
  return isFloat(t.dtype) ? prim.isFinite(t) : filled(t.aval.withDType('bool'), 1);
}

function equals(x: TensorLike, value: number, isMagnitude: boolean): Tensor {
  const t = asTensor(x);
  if (!isFloat(t.dtype)) return filled(t.aval.withDType('bool'), 0);
  return prim.eq(isMagnitude ? prim.abs(t) : t, prim.like(t, value));
}
/** True where x is infinite. */
export const isinf: Unary = (x) => equals(x, Number.POSITIVE_INFINITY, true);
/** True where x is +∞. */
export const isposinf: Unary = (x) => equals(x, Number.POSITIVE_INFINITY, false);
/** True where x is −∞. */
export const isneginf: Unary = (x) => equals(x, Number.NEGATIVE_INFINITY, false);

/** True where the sign is negative, −0 included. Of a NaN: false. */
export function signbit(x: TensorLike): Tensor {
  const t = asTensor(x);
  const zero = prim.like(t, 0);
  const isNegative = prim.lt(t, zero);
  if (!isFloat(t.dtype)) return isNegative;
  return prim.or(isNegative, prim.lt(prim.div(prim.like(t, 1), t), zero));
}

export interface NanToNumOptions {
  /** In place of NaN; 0. */
  readonly nan?: TensorLike | undefined;
  /** In place of +∞; the largest finite number. */
  readonly posinf?: TensorLike | undefined;
  /** In place of −∞; the smallest finite number. */
  readonly neginf?: TensorLike | undefined;
  readonly copy?: boolean | undefined;
}

/**
 * Finite numbers in place of NaN and infinities.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.nanToNum([1, NaN, Infinity], { posinf: 9 }).toArray()); // => [ 1, 0, 9 ]
 * ```
 */
export function nanToNum(x: TensorLike, options?: NanToNumOptions): Tensor {
  const o = optionsOf<NanToNumOptions>('nanToNum', 'copy', options, undefined, ['copy', 'nan', 'posinf', 'neginf']);
  const t = asTensor(x);
  if (!isFloat(t.dtype)) return t;
  const { max, min } = finfo(t.dtype as 'float32');
  // Numbers become scalars of the dtype at once: the largest float64 has no float32.
  const as = (v: TensorLike | undefined, other: number): Tensor =>
    v === undefined || typeof v === 'number' ? prim.like(t, v ?? other) : prim.convert(asTensor(v), t.dtype);
  const noNan = prim.select(isnan(t), as(o.nan, 0), t);
  const noPositive = prim.select(isposinf(t), as(o.posinf, max), noNan);
  return prim.select(isneginf(t), as(o.neginf, min), noPositive);
}

/** y · 2^e for a whole e, in two steps so that neither factor overflows. */
export function scaleByPower(y: Tensor, exponent: Tensor): Tensor {
  const half = prim.floor(prim.mul(exponent, prim.like(exponent, 0.5)));
  return prim.mul(prim.mul(y, prim.exp2(half)), prim.exp2(prim.sub(exponent, half)));
}

/**
 * Mantissa in [½, 1) and int32 exponent with x = mantissa · 2^exponent. The exponent does not move, so the mantissa's derivative
 * is 2^−exponent.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * const [mantissa, exponent] = np.frexp([8, 0.75]);
 * console.log(mantissa.toArray(), exponent.toArray()); // => [ 0.5, 0.75 ] [ 4, 0 ]
 * ```
 */
export function frexp(x: TensorLike): [Tensor, Tensor] {
  const [t] = promoteToFloat(x) as [Tensor];
  if (isHalf(t.dtype)) {
    const [mantissa, exponent] = frexp(prim.convert(t, 'float32'));
    return [prim.convert(mantissa, t.dtype), exponent];
  }
  const { tiny } = finfo(t.dtype as 'float32');
  const isSpecial = prim.or(prim.eq(t, prim.like(t, 0)), prim.not(isfinite(t)));
  const safe = prim.select(isSpecial, prim.like(t, 1), t);
  const shift = t.dtype === 'float32' ? 24 : 53;
  // Subnormal numbers are scaled up first: their logarithm is fine, but 2^−exponent is not representable.
  const isSubnormal = prim.lt(prim.abs(safe), prim.like(t, tiny));
  const y = prim.select(isSubnormal, prim.mul(safe, prim.like(t, 2 ** shift)), safe);
  const guess = prim.add(prim.floor(prim.log2(prim.abs(y))), prim.like(t, 1));
  const m = scaleByPower(y, prim.neg(guess));
  const [isHigh, isLow] = [prim.ge(prim.abs(m), prim.like(t, 1)), prim.lt(prim.abs(m), prim.like(t, 0.5))];
  const one = prim.like(t, 1);
  const step = prim.select(isHigh, one, prim.select(isLow, prim.neg(one), prim.like(t, 0)));
  const fixed = prim.mul(m, prim.exp2(prim.neg(step)));
  const back = prim.select(isSubnormal, prim.like(t, shift), prim.like(t, 0));
  const exponent = prim.sub(prim.add(guess, step), back);
  return [prim.select(isSpecial, t, fixed), prim.convert(prim.select(isSpecial, prim.like(t, 0), exponent), 'int32')];
}

/** Fractional and integral parts, both with the sign of x. The fraction of an infinity is NaN, as in JAX. */
export function modf(x: TensorLike): [Tensor, Tensor] {
  const [t] = promoteToFloat(x) as [Tensor];
  const whole = prim.trunc(t);
  return [prim.sub(t, whole), whole];
}

/** Number of bits set in |x|, as uint8. */
export function bitwiseCount(x: TensorLike): Tensor {
  const t = asTensor(x);
  return prim.convert(prim.populationCount(t.dtype === 'int32' ? prim.abs(t) : t), 'uint8');
}

/** Complement of the bits; logical negation of booleans. */
export const bitwiseNot: Unary = (x) => {
  const t = asTensor(x);
  if (isFloat(t.dtype))
    throw new DTypeError(
      `bitwiseNot: expected boolean or integer elements, got ${t.aval.toString()}.`,
      'convert with astype first.',
    );
  return prim.not(t);
};
export { bitwiseNot as invert, bitwiseNot as bitwiseInvert };

/** x converted to a dtype of floats if it is not one yet. */
export const toFloat = (t: Tensor): Tensor => (isFloat(t.dtype) ? t : prim.convert(t, defaultFloat()));

/** Booleans: false where x is 0. */
export const truth = (x: TensorLike): Tensor => prim.convert(asTensor(x), 'bool' satisfies DType);

/** Not-a-bool: booleans count as int32 in arithmetic. */
export const counted = (t: Tensor): Tensor => (t.dtype === 'bool' ? prim.convert(t, 'int32') : t);

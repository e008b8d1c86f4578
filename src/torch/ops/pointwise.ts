/**
 * Functions of single elements: of one tensor.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import * as prim from '../../primitives/index.ts';
import * as np from '../../api/numpy/index.ts';
import { toFloat } from '../../api/numpy/unary.ts';
import * as nn from '../../api/nn/index.ts';
import * as special from '../../api/scipy/special.ts';
import { absOf, clampedOf, reluOf, signOf } from './subgradients.ts';
import type { Tensor } from '../tensor.ts';
import { type TensorLike, type Unary, unary, withParams } from './define.ts';
import { type Named, named } from './named.ts';

/** |x|, with derivative 0 at 0. */
export const abs: Unary = unary('abs', absOf);
export const absolute: Unary = abs;
/** −x. */
export const neg: Unary = unary('neg', np.negative);
export const negative: Unary = neg;
export const positive: Unary = unary('positive', np.positive);
export const exp: Unary = unary('exp', np.exp);
export const exp2: Unary = unary('exp2', np.exp2);
export const expm1: Unary = unary('expm1', np.expm1);
export const log: Unary = unary('log', np.log);
export const log2: Unary = unary('log2', np.log2);
export const log10: Unary = unary('log10', np.log10);
export const log1p: Unary = unary('log1p', np.log1p);
/** √x, with derivative ∞ at 0. */
export const sqrt: Unary = unary('sqrt', np.sqrt);
export const rsqrt: Unary = unary('rsqrt', (x) => prim.rsqrt(toFloat(x)));
export const square: Unary = unary('pow', (x) => np.square(x.dtype === 'bool' ? prim.convert(x, 'int32') : x));
export const reciprocal: Unary = unary('reciprocal', (x) => np.reciprocal(toFloat(x)));
export const sin: Unary = unary('sin', np.sin);
export const cos: Unary = unary('cos', np.cos);
export const tan: Unary = unary('tan', np.tan);
export const asin: Unary = unary('asin', np.arcsin);
export const arcsin: Unary = asin;
export const acos: Unary = unary('acos', np.arccos);
export const arccos: Unary = acos;
export const atan: Unary = unary('atan', np.arctan);
export const arctan: Unary = atan;
export const sinh: Unary = unary('sinh', np.sinh);
export const cosh: Unary = unary('cosh', np.cosh);
export const tanh: Unary = unary('tanh', np.tanh);
export const asinh: Unary = unary('asinh', np.arcsinh);
export const arcsinh: Unary = asinh;
export const acosh: Unary = unary('acosh', np.arccosh);
export const arccosh: Unary = acosh;
export const atanh: Unary = unary('atanh', np.arctanh);
export const arctanh: Unary = atanh;
/** 1 / (1 + e⁻ˣ). */
export const sigmoid: Unary = unary('sigmoid', nn.sigmoid);
/** max(x, 0), with derivative 0 at 0. */
export const relu: Unary = unary('relu', reluOf);
export const erf: Unary = unary('erf', special.erf);
export const erfc: Unary = unary('erfc', special.erfc);
export const erfinv: Unary = unary('erfinv', special.erfinv);
/** log |Γ(x)|. */
export const lgamma: Unary = unary('lgamma', special.gammaln);
export const digamma: Unary = unary('digamma', special.digamma);
export const i0: Unary = unary('i0', special.i0);
export const sinc: Unary = unary('sinc', np.sinc);
export const deg2rad: Unary = unary('mul', np.deg2rad);
export const rad2deg: Unary = unary('mul', np.rad2deg);
export const floor: Unary = unary('floor', np.floor);
export const ceil: Unary = unary('ceil', np.ceil);
export const trunc: Unary = unary('trunc', np.trunc);
export const fix: Unary = trunc;
/** x without its integral part; the sign of x. The derivative is 1. */
export const frac: Unary = unary('frac', (x) => np.subtract(x, prim.stopGradientOf(np.trunc(x))));
/** −1, 0 or 1; 0 for NaN. */
export const sign: Unary = unary('sign', signOf);
export const sgn: Unary = sign;

export const isnan: Unary = unary('isnan', np.isnan);
export const isinf: Unary = unary('isinf', np.isinf);
export const isfinite: Unary = unary('isfinite', np.isfinite);
export const isposinf: Unary = unary('isposinf', np.isposinf);
export const isneginf: Unary = unary('isneginf', np.isneginf);
export const signbit: Unary = unary('signbit', np.signbit);
export const logicalNot: Unary = unary('logicalNot', np.logicalNot);
/** Each bit flipped; of booleans: not. */
export const bitwiseNot: Unary = unary('bitwiseNot', np.bitwiseNot);

const rounded = withParams<number>('round', ([x], decimals) => np.round(x!, decimals));

/** The nearest integer, halves to even; with `decimals`, that many digits are kept. */
export const round: Named<RoundOptions, ['decimals']> = named(
  'round',
  ['decimals'],
  (x, { decimals = 0 }: RoundOptions) => rounded([x], decimals),
);

export interface RoundOptions {
  readonly decimals?: number | undefined;
}

const logitOf = withParams<number | null>('logit', ([x], eps) => {
  const t = toFloat(x!);
  const p = eps === null ? t : clampedOf(t, prim.like(t, eps), prim.like(t, 1 - eps));
  const y = np.subtract(np.log(p), np.log1p(np.negative(p)));
  // Outside [0, 1] neither the value nor its derivative exists.
  const isInside = np.logicalAnd(np.greaterEqual(p, 0), np.lessEqual(p, 1));
  return np.multiply(y, np.where(isInside, prim.like(p, 1), prim.like(p, Number.NaN)));
});

export interface LogitOptions {
  readonly eps?: number | null | undefined;
}

/** log(x / (1 − x)); with `eps`, x is first clamped to [eps, 1 − eps]. */
export const logit: Named<LogitOptions, ['eps']> = named('logit', ['eps'], (x, { eps }: LogitOptions) =>
  logitOf([x], eps ?? null),
);

const polygammaOf = withParams<number>('polygamma', ([x], n) => special.polygamma(n, x!));

/** The n-th derivative of digamma: `polygamma(n, x)`. */
export const polygamma = (n: number, x: TensorLike): Tensor => polygammaOf([x], n);

export interface Replacements {
  readonly nan?: number | undefined;
  readonly posinf?: number | undefined;
  readonly neginf?: number | undefined;
}

const withoutNan = withParams<Replacements>('nanToNum', ([x], { nan, posinf, neginf }) =>
  np.nanToNum(x!, { nan: nan ?? 0, ...(posinf !== undefined && { posinf }), ...(neginf !== undefined && { neginf }) }),
);

/** NaN replaced by `nan` (0), infinities by `posinf` and `neginf` (the largest and smallest numbers). */
export const nanToNum: Named<Replacements, ['nan', 'posinf', 'neginf']> = named(
  'nanToNum',
  ['nan', 'posinf', 'neginf'],
  (x, replacements: Replacements) => withoutNan([x], replacements),
);

/**
 * float64 logarithms and inverse hyperbolic functions: log, log1p, log2, log10, asinh, acosh, atanh. The algorithms are
 * those of fdlibm (e_log.c, s_log1p.c, s_asinh.c, e_acosh.c, e_atanh.c) without their branches.
 * May import: `ir`.
 * @module
 */
import { type Expr, unary } from '../../../ir/loop/expr.ts';
import {
  abs,
  add,
  and,
  copysign,
  div,
  eq,
  gt,
  literal,
  lt,
  madd,
  mul,
  neg,
  polynomial,
  sqrt,
  sub,
  usually,
  where,
} from './arith.ts';
import { logDomain } from './domain.ts';

/** ln 2 in two parts, the first of 32 bits, so that k times it is exact (fdlibm, e_log.c). */
const ln2High = 6.9314718036912381649e-1;
const ln2Low = 1.90821492927058770002e-10;
const rootTwo = 1.4142135623730951;
const smallestNormal = 2 ** -1022;

/** (log((1 + s) / (1 - s)) / s - 2) / s² over s², |s| < 0.1716: 2^-58.45 (fdlibm, Lg1 … Lg7). */
const logTail = [
  6.66666666666673513e-1, 3.999999999940941908e-1, 2.857142874366239149e-1, 2.222219843214978396e-1,
  1.818357216161805012e-1, 1.531383769920937332e-1, 1.479819860511658591e-1,
];

/** log(1 + f) = f - (f²/2 - correction), √½ ≤ 1 + f ≤ √2. */
function fractionLog(f: Expr): { readonly halfSquare: Expr; readonly correction: Expr } {
  const halfSquare = mul(mul(f, f), 0.5);
  const s = div(f, add(f, 2));
  const z = mul(s, s);
  return { halfSquare, correction: mul(s, madd(z, polynomial(z, logTail), halfSquare)) };
}

/** x = 2^k m of a positive normal x, m in [√½, √2]; `halved` says whether m was halved to get there. */
function split(x: Expr): { readonly k: Expr; readonly m: Expr; readonly halved: Expr } {
  const m = unary('mantissa', x);
  const e = unary('exponent', x);
  const halved = gt(m, rootTwo);
  return { k: where(halved, add(e, 1), e), m: where(halved, mul(m, 0.5), m), halved };
}

/** A subnormal is scaled by 2^54, and k corrected. */
function parts(x: Expr): { readonly k: Expr; readonly f: Expr } {
  const subnormal = lt(x, smallestNormal);
  const { k, m } = split(where(subnormal, mul(x, 2 ** 54), x));
  return { k: sub(k, where(subnormal, literal(54, 'float64'), 0)), f: sub(m, 1) };
}

/** k ln 2 + log(1 + f) */
function logOfParts(k: Expr, f: Expr): Expr {
  const { halfSquare, correction } = fractionLog(f);
  const low = sub(sub(halfSquare, madd(k, ln2Low, correction)), f);
  return madd(k, ln2High, neg(low));
}

/** log: 0.79 ulp. */
export function log64(x: Expr): Expr {
  const { k: power, m } = split(x);
  const normal = usually(and(lt(x, Infinity), gt(x, smallestNormal)));
  const { k, f } = parts(x);
  return where(normal, logOfParts(power, sub(m, 1)), logDomain(x, x, logOfParts(k, f)));
}

/** log1p: 1.26 ulp. See the float32 one; here the lost part goes to the low terms of the sum. */
export function log1p64(x: Expr): Expr {
  const u = add(x, 1);
  const { k, m, halved } = split(u);
  const scale = unary('exp2_int', neg(unary('exponent', u)));
  const lost = mul(mul(sub(x, sub(u, 1)), scale), where(halved, literal(0.5, 'float64'), 1));
  const f = add(sub(m, 1), lost);
  return where(eq(x, 0), x, logDomain(u, x, logOfParts(k, f)));
}

/**
 * 1/ln 2, 1/ln 10 and log₁₀ 2 in two parts each, the first short enough for exact products (FreeBSD, e_log2.c,
 * e_log10.c).
 */
const log2Scale = [1.44269504072144627571, 1.67517131648865118353e-10] as const;
const log10Scale = [4.34294481878168880939e-1, 2.50829467116452752298e-11] as const;
const log10of2 = [3.01029995663611771306e-1, 3.69423907715893078616e-13] as const;

/** log(1 + f) · scale + high + low, with f - f²/2 cut to 21 bits so that its product with scale[0] is exact. */
function scaledLog(f: Expr, scale: readonly [number, number], high: Expr, low: Expr | undefined): Expr {
  const { halfSquare, correction } = fractionLog(f);
  const head = unary('head', sub(f, halfSquare));
  const rest = add(sub(sub(f, head), halfSquare), correction);
  const product = mul(head, scale[0]);
  const small = add(mul(add(rest, head), scale[1]), mul(rest, scale[0]));
  const sum = add(high, product);
  const lost = add(sub(high, sum), product);
  return add(add(low === undefined ? small : add(low, small), lost), sum);
}

/** log2: 0.74 ulp. */
export function log2_64(x: Expr): Expr {
  const { k, f } = parts(x);
  return logDomain(x, x, scaledLog(f, log2Scale, k, undefined));
}

/** log10: 0.68 ulp. */
export function log10_64(x: Expr): Expr {
  const { k, f } = parts(x);
  return logDomain(x, x, scaledLog(f, log10Scale, mul(k, log10of2[0]), mul(k, log10of2[1])));
}

const ln2 = 0.6931471805599453;

/** asinh: 1.54 ulp. log1p(a + a² / (1 + √(1 + a²))); beyond 2^28, log(a) + ln 2. */
export function asinh64(x: Expr): Expr {
  const a = abs(x);
  const square = mul(a, a);
  const huge = gt(a, 2 ** 28);
  const argument = add(a, div(square, add(sqrt(add(square, 1)), 1)));
  const value = log1p64(where(huge, sub(a, 1), argument));
  return copysign(where(huge, add(value, ln2), value), x);
}

/** acosh: 1.77 ulp. log1p(t + √(2t + t²)) with t = x - 1; beyond 2^28, log(x) + ln 2. */
export function acosh64(x: Expr): Expr {
  const t = sub(x, 1);
  const huge = gt(x, 2 ** 28);
  const value = log1p64(where(huge, t, add(t, sqrt(add(add(t, t), mul(t, t))))));
  return where(lt(x, 1), literal(NaN, 'float64'), where(huge, add(value, ln2), value));
}

/** atanh: 1.61 ulp. ½ log1p(2a / (1 - a)), with 2a + 2a² / (1 - a) below ½. */
export function atanh64(x: Expr): Expr {
  const a = abs(x);
  const twice = add(a, a);
  const rest = sub(1, a);
  const argument = where(lt(a, 0.5), add(twice, div(mul(twice, a), rest)), div(twice, rest));
  return copysign(mul(log1p64(argument), 0.5), x);
}

/**
 * float32 functions computed in float64, where a short polynomial and plain formulas are already exact to far below
 * half an ulp of the result: log2, log10, sinh, cosh, tan, asinh, acosh, atanh, erf_inv, cbrt, pow. A subnormal
 * float32 is a normal float64, and the last conversion rounds, overflows and underflows rightly: 0.51 ulp, but sinh
 * (0.69) and erf_inv (0.6).
 * May import: `ir`.
 * @module
 */
import { convert, type Expr, unary } from '../../../ir/loop/expr.ts';
import {
  abs,
  add,
  atLeast,
  atMost,
  copysign,
  div,
  eq,
  gt,
  le,
  literal,
  lt,
  mul,
  neg,
  polynomial,
  sqrt,
  sub,
  where,
} from './arith.ts';
import { cbrt64 } from './cbrt-float64.ts';
import { logDomain, powDomain } from './domain.ts';

export const wide = (x: Expr): Expr => convert(x, 'float64');
export const narrow = (x: Expr): Expr => convert(x, 'float32');
const round = (x: Expr): Expr => sub(add(x, 6755399441055744), 6755399441055744);

const ln2 = 0.6931471805599453;
const log2e = 1.4426950408889634;
const log10e = 0.4342944819032518;
const log10of2 = 0.3010299956639812;

/** (log((1 + s) / (1 - s)) / s - 2) / s² over s², |s| < 0.1716: 2^-43.9. */
const logTail = [0.6666666667580062, 0.3999999562218678, 0.28572109097683407, 0.22176192139190454, 0.19584089892377615];

/** log x = k ln 2 + fraction of a positive normal float64. */
function logParts(x: Expr): { readonly k: Expr; readonly fraction: Expr } {
  const mantissa = unary('mantissa', x);
  const halved = gt(mantissa, 1.4142135623730951);
  const exponent = unary('exponent', x);
  const f = sub(where(halved, mul(mantissa, 0.5), mantissa), 1);
  const s = div(f, add(f, 2));
  const z = mul(s, s);
  const fraction = add(add(s, s), mul(mul(s, z), polynomial(z, logTail)));
  return { k: where(halved, add(exponent, 1), exponent), fraction };
}

/** log of a positive normal float64: relative error 2^-43.9. */
export const log = (x: Expr): Expr => {
  const { k, fraction } = logParts(x);
  return add(mul(k, ln2), fraction);
};

/** log2. */
export function log2_32(x: Expr): Expr {
  const { k, fraction } = logParts(wide(x));
  return logDomain(x, x, narrow(add(k, mul(fraction, log2e))));
}

/** log10. */
export function log10_32(x: Expr): Expr {
  const { k, fraction } = logParts(wide(x));
  return logDomain(x, x, narrow(add(mul(k, log10of2), mul(fraction, log10e))));
}

/** (exp(r) - 1 - r) / r² on |r| ≤ ½ ln 2: relative error of the exp 2^-34.2. */
const expTail = [
  0.5000000067688009, 0.16666665869314565, 0.04166629493466526, 0.00833349697865372, 0.0013944660318436512,
  0.00019790395799682066,
];

/** 2^x of a float64 in [-1022, 1022]. */
function exp2(x: Expr): Expr {
  const k = round(x);
  const r = mul(sub(x, k), ln2);
  return mul(add(add(r, mul(mul(r, r), polynomial(r, expTail))), 1), unary('exp2_int', k));
}

/** cosh: ½ e^x + ½ e^-x. */
export function cosh32(x: Expr): Expr {
  const e = exp2(mul(wide(atMost(abs(x), 100)), log2e));
  return narrow(add(mul(e, 0.5), div(0.5, e)));
}

/** Taylor coefficients of sinh(x)/x - 1 over x²: the term left out is below 2^-26 of the sinh for |x| ≤ ½. */
const sinhTail = [1 / 6, 1 / 120, 1 / 5040];

/** sinh: a polynomial up to ½, then ½ e^x - ½ e^-x. */
export function sinh32(x: Expr): Expr {
  const e = exp2(mul(wide(atMost(abs(x), 100)), log2e));
  const z = mul(x, x);
  const small = add(x, mul(mul(x, z), polynomial(z, sinhTail)));
  return copysign(where(lt(abs(x), 0.5), small, narrow(sub(mul(e, 0.5), div(0.5, e)))), x);
}

/** asinh: log(a + √(a² + 1)); below 2^-11, where that loses half its digits, a - a³/6. */
export function asinh32(x: Expr): Expr {
  const a = abs(x);
  const w = wide(a);
  const large = narrow(log(add(w, sqrt(add(mul(w, w), 1)))));
  const finite = where(lt(a, Infinity), large, a);
  return copysign(where(lt(a, 2 ** -11), sub(a, mul(mul(a, a), mul(a, 1 / 6))), finite), x);
}

/** acosh: log(x + √(x² - 1)). */
export function acosh32(x: Expr): Expr {
  const w = wide(x);
  const value = narrow(log(add(w, sqrt(sub(mul(w, w), 1)))));
  return where(lt(x, Infinity), where(le(1, x), value, NaN), x);
}

/** atanh: ½ log((1 + a) / (1 - a)); below 2^-11, a + a³/3. */
export function atanh32(x: Expr): Expr {
  const a = abs(x);
  const w = wide(a);
  const large = narrow(mul(log(div(add(w, 1), sub(1, w))), 0.5));
  const edge = where(eq(a, 1), literal(Infinity, 'float32'), NaN);
  const inside = where(lt(a, 2 ** -11), add(a, mul(mul(a, a), mul(a, 1 / 3))), large);
  return copysign(where(lt(a, 1), inside, edge), x);
}

/**
 * erf_inv(x) / x over w - 2.5, 0 ≤ w ≤ 5, and over √w - 3, 5 ≤ w ≤ 16.8, w = -log(1 - x²): relative errors 2^-27.4,
 * 2^-26.5.
 */
const erfInverseNear = [
  1.501409359296886, 0.2466402861526971, -0.004177386776455124, -0.0012527418804090186, 0.00021834445459038664,
  -4.963337229984427e-6, -3.462712304613422e-6, 4.6616674316225434e-7, 2.3233450963293525e-8, -8.79068982745772e-9,
];
const erfInverseFar = [
  2.832976802600406, 1.00167494881916, 0.009445203305370348, -0.007636985596583158, 0.005687711736423391,
  -0.0035988434380260516, 0.0014831093204582975, -5.4050062371521365e-5, -0.000307953121279616, 0.00011384649943291227,
];

/** erf_inv: ±infinity at ±1, NaN beyond. The form is that of Giles, "Approximating the erfinv function" (2010). */
export function erfInverse32(x: Expr): Expr {
  const a = abs(x);
  const v = wide(x);
  const w = neg(log(sub(1, mul(v, v))));
  const near = polynomial(sub(w, 2.5), erfInverseNear);
  const far = polynomial(sub(sqrt(w), 3), erfInverseFar);
  const edge = where(eq(a, 1), mul(x, Infinity), literal(NaN, 'float32'));
  return where(lt(a, 1), narrow(mul(v, where(lt(w, 5), near, far))), edge);
}

/** cbrt. */
export const cbrt32 = (x: Expr): Expr => narrow(cbrt64(wide(x)));

/** log₂|x| with its infinities; NaN stays. */
function log2Magnitude(x: Expr): Expr {
  const a = abs(x);
  const w = wide(a);
  const { k, fraction } = logParts(w);
  const finite = add(k, mul(fraction, log2e));
  return where(lt(w, Infinity), where(gt(w, 0), finite, literal(-Infinity, 'float64')), w);
}

/**
 * pow: 2^(y log₂|x|). The clamp of y keeps infinities away from the 0 that is log₂ 1.
 */
export function pow32(x: Expr, y: Expr): Expr {
  const bounded = wide(atLeast(atMost(y, 1e30), -1e30));
  const exponent = mul(bounded, log2Magnitude(x));
  const magnitude = narrow(exp2(atLeast(atMost(exponent, 200), -200)));
  return powDomain(x, y, magnitude);
}

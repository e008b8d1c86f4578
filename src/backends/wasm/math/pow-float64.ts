/**
 * float64 pow: 2^(y log₂|x|) with the logarithm and the product carried to about 70 bits. The arithmetic is that of
 * fdlibm (e_pow.c), whose branches are choices here; a number called `…High` has 21 bits, so that products of two of
 * them are exact.
 * May import: `ir`.
 * @module
 */
import { type Expr, unary } from '../../../ir/loop/expr.ts';
import { abs, add, and, atLeast, atMost, div, eq, gt, literal, lt, mul, not, polynomial, sub, where } from './arith.ts';
import { powDomain } from './domain.ts';

/** 2 / (3 ln 2) and its parts. */
const scale = 9.61796693925975554329e-1;
const scaleHigh = 9.61796700954437255859e-1;
const scaleLow = -7.02846165095275826516e-9;
/** log₂ 1.5. */
const log2OfBaseHigh = 5.84962487220764160156e-1;
const log2OfBaseLow = 1.35003920212974897128e-8;
/** 3/2 (log((1 + s)/(1 - s)) - 2s - 2/3 s³) / s⁵ over s². */
const logTail = [
  5.99999999999994648725e-1, 4.28571428578550184252e-1, 3.33333329818377432918e-1, 2.72728123808534006489e-1,
  2.30660745775561754067e-1, 2.06975017800338417784e-1,
];
const ln2 = 6.93147180559945286227e-1;
const ln2High = 6.93147182464599609375e-1;
const ln2Low = -1.90465429995776804525e-9;
/** (z coth(z/2) - 2) / z² over z². */
const expTail = [
  1.66666666666666019037e-1, -2.77777777770155933842e-3, 6.61375632143793436117e-5, -1.6533902205465251539e-6,
  4.13813679705723846039e-8,
];
const shifter = 6755399441055744;

const high = (x: Expr): Expr => unary('head', x);

interface Pair {
  readonly high: Expr;
  readonly low: Expr;
}

/** (m - base) / (m + base) as `high` + `low`, and rounded. */
function quotient(m: Expr, base: Expr): Pair & { readonly s: Expr } {
  const difference = sub(m, base);
  const reciprocal = div(1, add(m, base));
  const s = mul(difference, reciprocal);
  const sHigh = high(s);
  const sumHigh = high(add(m, base));
  const sumLow = sub(m, sub(sumHigh, base));
  const low = mul(reciprocal, sub(sub(difference, mul(sHigh, sumHigh)), mul(sHigh, sumLow)));
  return { high: sHigh, low, s };
}

/** log₂ of a positive normal float64: x = 2^n m, m near 1 or 1.5. */
function log2Pair(x: Expr, exponentShift: Expr): Pair {
  const mantissa = unary('mantissa', x);
  const halved = gt(mantissa, 1.7320508075688772);
  const nearBase = and(gt(mantissa, 1.224744871391589), not(halved));
  const m = where(halved, mul(mantissa, 0.5), mantissa);
  const n = sub(where(halved, add(unary('exponent', x), 1), unary('exponent', x)), exponentShift);
  const { high: sHigh, low: sLow, s } = quotient(m, where(nearBase, literal(1.5, 'float64'), 1));
  const z = mul(s, s);
  const r = add(mul(mul(z, z), polynomial(z, logTail)), mul(sLow, add(sHigh, s)));
  const square = mul(sHigh, sHigh);
  const tHigh = high(add(add(square, 3), r));
  const tLow = sub(r, sub(sub(tHigh, 3), square));
  const u = mul(sHigh, tHigh);
  const v = add(mul(sLow, tHigh), mul(tLow, s));
  const pHigh = high(add(u, v));
  const pLow = sub(v, sub(pHigh, u));
  const zHigh = mul(pHigh, scaleHigh);
  const baseLow = where(nearBase, literal(log2OfBaseLow, 'float64'), 0);
  const baseHigh = where(nearBase, literal(log2OfBaseHigh, 'float64'), 0);
  const zLow = add(add(mul(pHigh, scaleLow), mul(pLow, scale)), baseLow);
  const result = high(add(add(add(zHigh, zLow), baseHigh), n));
  return { high: result, low: sub(zLow, sub(sub(sub(result, n), baseHigh), zHigh)) };
}

/** 2^(high + low). The clamp only touches what overflows or underflows anyway; `low` is dropped there. */
function exp2Pair(p: Pair): Expr {
  const whole = add(p.high, p.low);
  const bounded = atLeast(atMost(whole, 1100), -1200);
  const isExtreme = not(eq(bounded, whole));
  const pHigh = where(isExtreme, bounded, p.high);
  const pLow = where(isExtreme, literal(0, 'float64'), p.low);
  const n = sub(add(bounded, shifter), shifter);
  const fraction = sub(pHigh, n);
  const t = high(add(fraction, pLow));
  const u = mul(t, ln2High);
  const v = add(mul(sub(pLow, sub(t, fraction)), ln2), mul(t, ln2Low));
  const z = add(u, v);
  const w = sub(v, sub(z, u));
  const q = mul(z, z);
  const t1 = sub(z, mul(q, polynomial(q, expTail)));
  const r = sub(div(mul(z, t1), sub(t1, 2)), add(w, mul(z, w)));
  const half = sub(add(mul(n, 0.5), shifter), shifter);
  const y = sub(1, sub(r, z));
  return mul(mul(y, unary('exp2_int', half)), unary('exp2_int', sub(n, half)));
}

/** |x|^y for finite and infinite |x| and y. */
function magnitude(a: Expr, y: Expr): Expr {
  const subnormal = lt(a, 2 ** -1022);
  const log = log2Pair(where(subnormal, mul(a, 2 ** 54), a), where(subnormal, literal(54, 'float64'), 0));
  // Beyond 2^1000 every power of a number other than 1 is 0 or infinite.
  const bounded = atLeast(atMost(y, 2 ** 1000), -(2 ** 1000));
  const yHigh = high(bounded);
  const product = mul(yHigh, log.high);
  const rest = add(mul(sub(bounded, yHigh), log.high), mul(bounded, log.low));
  const value = exp2Pair({ high: product, low: rest });
  const grows = where(gt(y, 0), literal(Infinity, 'float64'), 0);
  const shrinks = where(gt(y, 0), literal(0, 'float64'), Infinity);
  const regular = where(eq(a, 0), shrinks, where(eq(a, Infinity), grows, value));
  return where(eq(a, a), where(eq(y, y), regular, y), a);
}

/** pow: 0.81 ulp. */
export const pow64 = (x: Expr, y: Expr): Expr => powDomain(x, y, magnitude(abs(x), y));

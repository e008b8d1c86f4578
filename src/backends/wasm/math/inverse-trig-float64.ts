/**
 * float64 atan, atan2, asin, acos. The approximations are those of fdlibm (s_atan.c, e_asin.c, e_acos.c); its branches
 * are choices here.
 * May import: `ir`.
 * @module
 */
import { type Expr, unary } from '../../../ir/loop/expr.ts';
import { abs, add, copysign, div, eq, gt, literal, lt, mul, polynomial, sqrt, sub, where } from './arith.ts';

const halfPi = 1.5707963267948966;
const halfPiLow = 6.123233995736766e-17;
const quarterPi = 0.7853981633974483;

/** 1 - atan(t)/t over t², |t| ≤ 7/16, even and odd terms of it. */
const atanEven = [
  3.33333333333329318027e-1, 1.42857142725034663711e-1, 9.09088713343650656196e-2, 6.66107313738753120669e-2,
  4.97687799461593236017e-2, 1.62858201153657823623e-2,
];
const atanOdd = [
  -1.99999999998764832476e-1, -1.1111110405462355788e-1, -7.69187620504482999495e-2, -5.83357013379057348645e-2,
  -3.6531572744216915527e-2,
];

/**
 * Beyond the bound, atan(a) = atan(b) + atan((a - b)/(1 + a b)); the last row is b = ∞. Columns: bound, b, atan(b) in
 * two parts.
 */
const centers = [
  [7 / 16, 0.5, 4.63647609000806093515e-1, 2.26987774529616870924e-17],
  [11 / 16, 1, 7.85398163397448278999e-1, 3.06161699786838301793e-17],
  [19 / 16, 1.5, 9.82793723247329054082e-1, 1.39033110312309984516e-17],
  [39 / 16, Infinity, halfPi, halfPiLow],
] as const;

/** atan of a number ≥ 0. */
function atanPositive(a: Expr): Expr {
  const zero = literal(0, 'float64');
  let [center, high, low] = [zero, zero, zero];
  for (const [bound, b, h, l] of centers) {
    const beyond = gt(a, bound);
    if (b !== Infinity) center = where(beyond, b, center);
    high = where(beyond, h, high);
    low = where(beyond, l, low);
  }
  const isFar = gt(a, 39 / 16);
  const t = div(where(isFar, literal(-1, 'float64'), sub(a, center)), where(isFar, a, add(mul(a, center), 1)));
  const z = mul(t, t);
  const w = mul(z, z);
  const deficit = mul(t, add(mul(z, polynomial(w, atanEven)), mul(w, polynomial(w, atanOdd))));
  return sub(high, sub(sub(deficit, low), t));
}

/** atan: 0.8 ulp. */
export const atan64 = (x: Expr): Expr => copysign(atanPositive(abs(x)), x);

/** atan2: equal magnitudes (both infinite, too) have quotient 1, two zeros 0. */
export function atan2_64(y: Expr, x: Expr): Expr {
  const [ay, ax] = [abs(y), abs(x)];
  const angle = atanPositive(where(eq(ay, ax), where(eq(ax, 0), ax, 1), div(ay, ax)));
  const obtuse = sub(2 * halfPi, sub(angle, 2 * halfPiLow));
  return copysign(where(lt(copysign(1, x), 0), obtuse, angle), y);
}

/** (asin(s)/s - 1) = numerator / denominator over s², |s| ≤ ½; the numerator times s². */
const asinNumerator = [
  1.66666666666666657415e-1, -3.25565818622400915405e-1, 2.01212532134862925881e-1, -4.00555345006794114027e-2,
  7.91534994289814532176e-4, 3.4793310759602116757e-5,
];
const asinDenominator = [
  1, -2.40339491173441421878, 2.02094576023350569471, -6.8828397160545329303e-1, 7.70381505559019352791e-2,
];

interface AsinParts {
  /** |x| > ½, where the argument is √((1 - |x|)/2) instead of |x|. */
  readonly beyond: Expr;
  readonly a: Expr;
  /** The argument, and asin(argument) / argument - 1. */
  readonly s: Expr;
  readonly ratio: Expr;
  /** s = head + rest to more than float64 precision, where beyond. */
  readonly head: Expr;
  readonly rest: Expr;
}

function asinParts(x: Expr): AsinParts {
  const a = abs(x);
  const beyond = gt(a, 0.5);
  const z = where(beyond, mul(sub(1, a), 0.5), mul(a, a));
  const s = where(beyond, sqrt(z), a);
  const ratio = mul(z, div(polynomial(z, asinNumerator), polynomial(z, asinDenominator)));
  const head = unary('head', s);
  // 1e-300 only matters for s = 0, where it avoids 0/0.
  const rest = div(sub(z, mul(head, head)), add(add(s, head), 1e-300));
  return { beyond, a, s, ratio, head, rest };
}

/** asin: 0.81 ulp. NaN beyond ±1 by the square root. */
export function asin64(x: Expr): Expr {
  const { beyond, a, s, ratio, head, rest } = asinParts(x);
  const p = sub(mul(add(s, s), ratio), sub(halfPiLow, add(rest, rest)));
  const far = sub(quarterPi, sub(p, sub(quarterPi, add(head, head))));
  return copysign(where(beyond, far, add(a, mul(a, ratio))), x);
}

/** acos: 0.87 ulp. */
export function acos64(x: Expr): Expr {
  const { beyond, s, ratio, head, rest } = asinParts(x);
  const right = add(head, add(mul(ratio, s), rest));
  const left = add(s, sub(mul(ratio, s), halfPiLow));
  const tip = where(lt(x, 0), sub(2 * halfPi, add(left, left)), add(right, right));
  return where(beyond, tip, sub(halfPi, sub(x, sub(halfPiLow, mul(x, ratio)))));
}

/**
 * float64 sin, cos, tan. π/2 is subtracted in three parts with the rounding errors of the sum carried along; the kernels
 * on |r| ≤ π/4 are those of fdlibm (k_sin.c, k_cos.c), which take the reduced argument as r + c. Arguments beyond 2^20
 * π/2 are left to the host.
 * May import: `ir`.
 * @module
 */
import { binary, type Expr, unary } from '../../../ir/loop/expr.ts';
import { abs, add, atLeast, atMost, div, eq, le, madd, mul, neg, polynomial, sub, where } from './arith.ts';

const twoOverPi = 0.6366197723675814;
const oneOverPi = 0.3183098861837907;
/**
 * π/2 = the sum; the first two parts have 33 bits, so that n times each is exact for |n| < 2^20 (fdlibm, e_rem_pio2.c:
 * pio2_1, pio2_2, pio2_2t).
 */
const halfPiParts = [1.57079632673412561417, 6.0771005063039659766e-11, 2.02226624879595063154e-21] as const;
/** π, in the same way. */
const piParts = [3.1415926534682512, 1.2154201012607932e-10, 4.044532497591901e-21] as const;
const shifter = 6755399441055744;
const limit = 1647099;

/** S2 … S6, C1 … C6 of fdlibm. */
const sinFirst = -1.66666666666666324348e-1;
const sinTail = [
  8.33333333332248946124e-3, -1.98412698298579493134e-4, 2.75573137070700676789e-6, -2.50507602534068634195e-8,
  1.58969099521155010221e-10,
];
const cosTail = [
  4.16666666666666019037e-2, -1.38888888888741095749e-3, 2.48015872894767294178e-5, -2.75573143513906633035e-7,
  2.0875723212981748279e-9, -1.13596475577881948265e-11,
];

/**
 * x - n (p + q + t) as `sum`, which is what is left of `tail` when it has been added to `difference`. The first difference
 * is exact; what the next one loses is exactly `lost`, unless it is smaller than what is taken away, and then it loses
 * nothing that matters.
 */
function without(x: Expr, n: Expr, [p, q, t]: readonly [number, number, number]): Remainder {
  const first = madd(n, -p, x);
  const second = mul(n, q);
  const difference = sub(first, second);
  const lost = sub(sub(first, difference), second);
  const tail = madd(n, -t, lost);
  return { difference, tail, sum: add(difference, tail) };
}

interface Remainder {
  readonly difference: Expr;
  readonly tail: Expr;
  readonly sum: Expr;
}

/** x = n π/2 + r + c, |r| ≤ π/4 (a little more where n is rounded the other way), |c| ≤ ulp(r)/2. */
function reduce(x: Expr): { readonly n: Expr; readonly r: Expr; readonly c: Expr } {
  const n = sub(madd(x, twoOverPi, shifter), shifter);
  const { difference, tail, sum } = without(x, n, halfPiParts);
  return { n, r: sum, c: sub(tail, sub(sum, difference)) };
}

/** sin(r + c) as r minus what is returned. */
function sinDeficit(r: Expr, c: Expr, z: Expr): Expr {
  const v = mul(z, r);
  return madd(v, -sinFirst, sub(mul(z, sub(mul(c, 0.5), mul(v, polynomial(z, sinTail)))), c));
}

/** cos(r + c) = head + tail. */
function cosParts(r: Expr, c: Expr, z: Expr): { readonly head: Expr; readonly tail: Expr } {
  const half = mul(z, 0.5);
  const head = sub(1, half);
  return { head, tail: add(sub(sub(1, head), half), madd(mul(z, z), polynomial(z, cosTail), neg(mul(r, c)))) };
}

/** Whether an integral float64 is odd: half of it rounded down is n/2 - ¼ rounded. (`floor` is slower.) */
function isOdd(n: Expr): Expr {
  const half = sub(add(madd(n, 0.5, -0.25), shifter), shifter);
  return binary('ne', add(half, half), n);
}

/** sin(r)/r - 1 over r², |r| ≤ π/2: 2^-57.9 of the sine. */
const halfTurnTail = [
  -0.16666666666666666, 0.00833333333333324, -0.00019841269841230748, 2.7557319215485786e-6, -2.505210732292372e-8,
  1.6058964706754958e-10, -7.64369924392917e-13, 2.7291845445692586e-15,
];

/** sin(r), |r| ≤ π/2. Rounding must not take it beyond 1. */
function sine(r: Expr): Expr {
  const z = mul(r, r);
  return atLeast(atMost(madd(mul(r, z), polynomial(z, halfTurnTail), r), 1), -1);
}

const inRange = (x: Expr): Expr => le(abs(x), limit);

/** sin: 1.9 ulp. Of x - n π, of which every other one changes the sign. Zero keeps its sign by the inner choice. */
export function sin64(x: Expr): Expr {
  const shifted = madd(x, oneOverPi, shifter);
  const { sum } = without(x, sub(shifted, shifter), piParts);
  const value = mul(sine(sum), unary('alternating', shifted));
  return where(inRange(x), where(eq(x, 0), x, value), unary('sin_large', x));
}

/** cos: 1.9 ulp. The same with half-integral n. */
export function cos64(x: Expr): Expr {
  const shifted = add(madd(x, oneOverPi, 0.5), shifter);
  const { sum } = without(x, sub(sub(shifted, shifter), 0.5), piParts);
  return where(inRange(x), mul(sine(sum), unary('alternating', shifted)), unary('cos_large', x));
}

/**
 * tan: 1.23 ulp. The quotient a/b of sine and cosine (or of -cosine and sine), corrected by what rounding took from a
 * and b.
 */
export function tan64(x: Expr): Expr {
  const { n, r, c } = reduce(x);
  const z = mul(r, r);
  const deficit = sinDeficit(r, c, z);
  const sine = sub(r, deficit);
  const sineRest = sub(sub(r, sine), deficit);
  const { head, tail } = cosParts(r, c, z);
  const cosine = add(head, tail);
  const cosineRest = add(sub(head, cosine), tail);
  const odd = isOdd(n);
  const a = where(odd, neg(cosine), sine);
  const b = where(odd, sine, cosine);
  const [aRest, bRest] = [where(odd, neg(cosineRest), sineRest), where(odd, sineRest, cosineRest)];
  const quotient = div(a, b);
  const value = add(quotient, div(sub(aRest, mul(quotient, bRest)), b));
  return where(inRange(x), where(eq(x, 0), x, value), unary('tan_large', x));
}

/**
 * float32 atan, atan2, asin, acos: odd polynomials on a reduced interval. Coefficients: minimax, each rounded to
 * float32 in turn before the next is fitted. May import: `ir`.
 * @module
 */
import type { Expr } from '../../../ir/loop/expr.ts';
import { abs, add, copysign, div, eq, gt, int32Bits, lt, mul, neg, polynomial, sqrt, sub, where } from './arith.ts';

/** π/2 and π as a float32 and what it lacks. */
const halfPi = 1.57079637050628662109375;
const halfPiLow = -4.37113900018624283e-8;
const pi = 3.1415927410125732421875;
const piLow = -8.74227800037248566e-8;

/** atan(t)/t - 1 over t², 0 ≤ t ≤ 1: relative error of the atan 2^-28.5. */
const atanTail = [
  -0.33333298563957214, 0.1999852955341339, -0.1426401436328888, 0.10950860381126404, -0.08399202674627304,
  0.057878728955984116, -0.03109334595501423, 0.01086614839732647, -0.0017821125220507383,
];
/** asin(s)/s - 1 over s², 0 ≤ s ≤ ½: relative error of the asin 2^-27.6. */
const asinTail = [
  0.16666752099990845, 0.074953094124794, 0.04546915367245674, 0.024184739217162132, 0.04215840622782707,
];

/** x + x z P(z), z being x². */
const odd = (x: Expr, z: Expr, tail: readonly number[]): Expr => add(x, mul(mul(x, z), polynomial(z, tail)));

const fromHalfPi = (x: Expr): Expr => add(sub(halfPi, x), halfPiLow);
const fromPi = (x: Expr): Expr => add(sub(pi, x), piLow);

/** atan: 1.47 ulp. That of 1/|x| where |x| > 1. */
export function atan32(x: Expr): Expr {
  const a = abs(x);
  const inverted = gt(a, 1);
  const t = where(inverted, div(1, a), a);
  const p = odd(t, mul(t, t), atanTail);
  return copysign(where(inverted, fromHalfPi(p), p), x);
}

/**
 * atan2: 1.53 ulp. The atan of the smaller by the larger magnitude; equal magnitudes (both infinite, too) have quotient
 * 1, two zeros 0.
 */
export function atan2_32(y: Expr, x: Expr): Expr {
  const [ay, ax] = [abs(y), abs(x)];
  const steep = lt(ax, ay);
  const larger = where(steep, ay, ax);
  const smaller = where(steep, ax, ay);
  const t = where(eq(smaller, larger), where(eq(larger, 0), larger, 1), div(smaller, larger));
  const p = odd(t, mul(t, t), atanTail);
  const acute = where(steep, fromHalfPi(p), p);
  return copysign(where(lt(int32Bits(x), 0), fromPi(acute), acute), y);
}

/** Beyond ½, asin(a) = π/2 - 2 asin(√((1 - a)/2)); the asin of |x| or of that root is root + tail. */
function asinParts(x: Expr): { readonly beyond: Expr; readonly root: Expr; readonly tail: Expr } {
  const a = abs(x);
  const beyond = gt(a, 0.5);
  const z = where(beyond, mul(sub(1, a), 0.5), mul(a, a));
  const root = where(beyond, sqrt(z), a);
  return { beyond, root, tail: mul(mul(root, z), polynomial(z, asinTail)) };
}

/**
 * asin: 1.15 ulp. NaN beyond ±1 by the square root. π/2 enters in two halves, for differences with it would lose a bit
 * above 1.
 */
export function asin32(x: Expr): Expr {
  const { beyond, root, tail } = asinParts(x);
  const low = sub(add(tail, tail), halfPiLow);
  const far = add(sub(halfPi / 2, add(root, root)), sub(halfPi / 2, low));
  return copysign(where(beyond, far, add(root, tail)), x);
}

/** acos: 1.25 ulp. */
export function acos32(x: Expr): Expr {
  const { beyond, root, tail } = asinParts(x);
  const angle = add(root, tail);
  const twice = add(angle, angle);
  const tip = where(lt(x, 0), fromPi(twice), twice);
  return where(beyond, tip, fromHalfPi(where(lt(x, 0), neg(angle), angle)));
}

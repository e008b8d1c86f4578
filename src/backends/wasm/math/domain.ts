/**
 * Special values that the float32 and the float64 functions share.
 * May import: `ir`.
 * @module
 */
import { type Expr, unary } from '../../../ir/loop/expr.ts';
import { and, copysign, eq, gt, literal, lt, mul, neg, not, or, where } from './arith.ts';

/** A logarithm at and below the zero of `fromZero`, at an infinity of x and at NaN; `value` elsewhere. */
export function logDomain(fromZero: Expr, x: Expr, value: Expr): Expr {
  const finite = where(lt(x, Infinity), value, x);
  return where(gt(fromZero, 0), finite, where(eq(fromZero, 0), literal(-Infinity, x.dtype), NaN));
}

/**
 * x^y of |x|^y, as in C: an odd power of a negative number (or -0) is negative, a fractional power of a finite negative
 * number is NaN, and 1^y and x^0 are 1 whatever the other is, NaN included.
 */
export function powDomain(x: Expr, y: Expr, magnitude: Expr): Expr {
  const half = mul(y, 0.5);
  const integral = eq(unary('floor', y), y);
  const odd = and(integral, not(eq(unary('floor', half), half)));
  const negative = lt(copysign(1, x), 0);
  const signed = where(and(odd, negative), neg(magnitude), magnitude);
  const fractional = and(not(integral), eq(y, y));
  const undefinedPower = and(and(lt(x, 0), lt(-Infinity, x)), fractional);
  const value = where(undefinedPower, literal(NaN, x.dtype), signed);
  return where(or(eq(x, 1), eq(y, 0)), literal(1, x.dtype), value);
}

/**
 * float64 cube root.
 * May import: `ir`.
 * @module
 */
import { type Expr, unary } from '../../../ir/loop/expr.ts';
import { abs, add, and, copysign, div, gt, literal, lt, mul, polynomial, sub, where } from './arith.ts';

/** ∛v on [1, 8]: relative error 2^-9. */
const start = [
  0.6272948148695261, 0.44919338985837476, -0.08377491548001353, 0.009583795004725493, -0.00043209969593468415,
];

/** t - (t³ - v) t / (2 t³ + v): triples the digits (Halley). */
function halley(t: Expr, v: Expr): Expr {
  const cube = mul(mul(t, t), t);
  return sub(t, mul(t, div(sub(cube, v), add(add(cube, cube), v))));
}

/**
 * cbrt: 0.67 ulp. |x| = 8^q v with v in [1, 8); 9 digits of ∛v, 27 after one step; then t is cut to 21 bits, so that t²
 * is exact and the second step loses nothing where it counts (fdlibm, s_cbrt.c).
 */
export function cbrt64(x: Expr): Expr {
  const a = abs(x);
  const subnormal = lt(a, 2 ** -1022);
  const scaled = where(subnormal, mul(a, 2 ** 54), a);
  const e = unary('exponent', scaled);
  // e/3 is never within 1/6 of an integer plus one half of a third: adding 1/6 before the floor makes it exact.
  const q = unary('floor', mul(add(e, 0.5), 1 / 3));
  const v = mul(unary('mantissa', scaled), unary('exp2_int', sub(e, mul(q, 3))));
  const t = unary('head', halley(polynomial(v, start), v));
  const r = div(v, mul(t, t));
  const root = add(t, mul(t, div(sub(r, t), add(add(t, t), r))));
  const exponent = sub(q, where(subnormal, literal(18, 'float64'), 0));
  const value = copysign(mul(root, unary('exp2_int', exponent)), x);
  return where(and(gt(a, 0), lt(a, Infinity)), value, x);
}

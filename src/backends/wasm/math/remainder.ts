/**
 * The remainder of truncated division (C's fmod), exact: of a = |x| and b = |y|, a - q b with q = ⌊a / b⌋, and the sign
 * of x. What the quotient is too large for is a call of the host; so are an infinite x, a y of 0, and NaN.
 * May import: `ir`.
 * @module
 */
import { binary, convert, type Expr, unary } from '../../../ir/loop/expr.ts';
import { abs, add, copysign, div, lt, mul, sub, where } from './arith.ts';

const trunc = (x: Expr): Expr => unary('trunc', x);

/** Of a remainder `r` of |x| and |y| that is right where |x| < `limit` |y|. (The product is exact, or infinite.) */
function withDomain(x: Expr, y: Expr, r: Expr, limit: number): Expr {
  const [a, b] = [abs(x), abs(y)];
  // Also where b is infinite.
  const magnitude = where(lt(a, b), a, r);
  return where(lt(a, mul(b, limit)), copysign(magnitude, x), binary('rem_large', x, y));
}

/**
 * rem, by a float64 quotient below 2^29. With a = A 2^i and b = B 2^j, of 24 bits each, a / b is n or at least 2^-24 from the integer n
 * where j ≤ i, and at least n 2^-24 from it elsewhere: half a unit of the quotient is less, so it is never rounded up to n. And q b has
 * 53 bits at most; what is left is a multiple of 2^min(i,j) below both a and b: of 24 bits.
 */
export function rem32(x: Expr, y: Expr): Expr {
  const [a, b] = [abs(x), abs(y)].map((e) => convert(e, 'float64')) as [Expr, Expr];
  const q = trunc(div(a, b));
  return withDomain(x, y, convert(sub(a, mul(q, b)), 'float32'), 2 ** 29);
}

/**
 * rem of a quotient below 2^42. Rounded, it may be the next integer; then what is left is below 0 by less than b. The quotient's halves, of
 * 21 bits, times those of b, of 21 and 32 bits, are exact. So are the differences. With u the last place of b, all are multiples of u,
 * and of 2 u or 4 u where q ≥ 2 or 4, as the number that is taken from is. Before the second product is taken, b and that product are
 * left at most, which is below 2^-20 q b: below 3 b for q up to 2^21, and (1 + 2^-18) b for q up to 3. Each is below 2^53 times those.
 */
export function rem64(x: Expr, y: Expr): Expr {
  const [a, b] = [abs(x), abs(y)];
  const high = unary('head', b);
  const low = sub(b, high);
  const less = (from: Expr, q: Expr): Expr => sub(sub(from, mul(q, high)), mul(q, low));
  const q = trunc(div(a, b));
  const upper = mul(trunc(mul(q, 2 ** -21)), 2 ** 21);
  const r = less(less(a, upper), sub(q, upper));
  return withDomain(x, y, where(lt(r, 0), add(r, b), r), 2 ** 42);
}

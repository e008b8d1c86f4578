/**
 * float32 sin and cos. The argument is reduced in float64 (x - n π/2 is then right to 2^-60 for |n| < 2^20, enough for every float32),
 * the rest is float32. Larger arguments are left to the host, behind a guard.
 * May import: `ir`.
 * @module
 */
import { convert, type Expr, unary } from '../../../ir/loop/expr.ts';
import { abs, add, and, eq, float32FromBits, int32Bits, le, mul, polynomial, shl, sub, where, xor } from './arith.ts';

const twoOverPi = 0.6366197723675814;
/** π/2 in two parts, the first of 33 bits, so that n times it is exact for |n| < 2^20 (fdlibm, e_rem_pio2.c). */
const halfPiHigh = 1.57079632673412561417;
const halfPiLow = 6.07710050650619224932e-11;
const shifter = 12582912;
/** Below this |n| < 2^19. */
const limit = 823549;

/** sin(r)/r - 1 over r², |r| ≤ π/4: 2^-27.9 of the sine. */
const sinTail = [-0.16666655242443085, 0.008332187309861183, -0.00019517897453624755];
/** (cos(r) - 1 + r²/2) / r⁴, |r| ≤ π/4: 2^-33 of the cosine. */
const cosTail = [0.04166664555668831, -0.0013887309469282627, 2.4432327336398885e-5];

/** sin(x + quadrant·π/2). */
function sinOfQuadrant(x: Expr, quadrant: number): Expr {
  const shifted = add(mul(x, twoOverPi), shifter);
  const n = convert(sub(shifted, shifter), 'float64');
  const r = convert(sub(sub(convert(x, 'float64'), mul(n, halfPiHigh)), mul(n, halfPiLow)), 'float32');
  const z = mul(r, r);
  const sine = add(r, mul(mul(r, z), polynomial(z, sinTail)));
  const cosine = add(sub(1, mul(z, 0.5)), mul(mul(z, z), polynomial(z, cosTail)));
  const q = quadrant === 0 ? int32Bits(shifted) : add(int32Bits(shifted), quadrant);
  const magnitude = where(eq(and(q, 1), 0), sine, cosine);
  return float32FromBits(xor(int32Bits(magnitude), shl(and(q, 2), 30)));
}

const inRange = (x: Expr): Expr => le(abs(x), limit);

/** sin. */
export const sin32 = (x: Expr): Expr => where(inRange(x), sinOfQuadrant(x, 0), unary('sin_large', x));

/** cos. */
export const cos32 = (x: Expr): Expr => where(inRange(x), sinOfQuadrant(x, 1), unary('cos_large', x));

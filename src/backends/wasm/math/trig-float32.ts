/**
 * float32 sin, cos, tan. The argument is reduced in float64 (x - n π/2 is then right to 2^-60 for |n| < 2^20, enough
 * for every float32), the rest is float32. Larger arguments are left to the host, behind a guard.
 * May import: `ir`.
 * @module
 */
import { convert, type Expr, unary } from '../../../ir/loop/expr.ts';
import {
  abs,
  add,
  and,
  div,
  eq,
  float32FromBits,
  int32Bits,
  le,
  mul,
  neg,
  polynomial,
  shl,
  sub,
  where,
  xor,
} from './arith.ts';

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

/** n = round(x 2/π) in the low bits of `shifted`, and x - n π/2 in float64. */
function reduce(x: Expr): { readonly shifted: Expr; readonly r: Expr } {
  const shifted = add(mul(x, twoOverPi), shifter);
  const n = convert(sub(shifted, shifter), 'float64');
  return { shifted, r: sub(sub(convert(x, 'float64'), mul(n, halfPiHigh)), mul(n, halfPiLow)) };
}

/** sin(x + quadrant·π/2). */
function sinOfQuadrant(x: Expr, quadrant: number): Expr {
  const { shifted, r: exact } = reduce(x);
  const r = convert(exact, 'float32');
  const z = mul(r, r);
  const sine = add(r, mul(mul(r, z), polynomial(z, sinTail)));
  const cosine = add(sub(1, mul(z, 0.5)), mul(mul(z, z), polynomial(z, cosTail)));
  const q = quadrant === 0 ? int32Bits(shifted) : add(int32Bits(shifted), quadrant);
  const magnitude = where(eq(and(q, 1), 0), sine, cosine);
  return float32FromBits(xor(int32Bits(magnitude), shl(and(q, 2), 30)));
}

const inRange = (x: Expr): Expr => le(abs(x), limit);

/** sin: 1.55 ulp. The polynomial turns -0 into 0, hence the inner choice. */
export const sin32 = (x: Expr): Expr =>
  where(inRange(x), where(eq(x, 0), x, sinOfQuadrant(x, 0)), unary('sin_large', x));

/** cos: 1.55 ulp. */
export const cos32 = (x: Expr): Expr => where(inRange(x), sinOfQuadrant(x, 1), unary('cos_large', x));

/** sin(r)/r - 1 over r², 2^-37.3, and (cos(r) - 1 + r²/2) / r⁴, 2^-32.9, to float64 precision. */
const wideSinTail = [-0.16666666638641678, 0.008333329056113259, -0.00019839232659717203, 2.717366669207617e-6];
const wideCosTail = [0.041666644370691217, -0.0013887251605864887, 2.4425693233566157e-5];

/** tan: 0.51 ulp. The quotient of sine and cosine, in float64. */
export function tan32(x: Expr): Expr {
  const { shifted, r } = reduce(x);
  const z = mul(r, r);
  const sine = add(r, mul(mul(r, z), polynomial(z, wideSinTail)));
  const cosine = add(sub(1, mul(z, 0.5)), mul(mul(z, z), polynomial(z, wideCosTail)));
  const tangent = convert(div(sine, cosine), 'float32');
  const cotangent = convert(div(cosine, sine), 'float32');
  const odd = eq(and(int32Bits(shifted), 1), 1);
  const value = where(eq(x, 0), x, where(odd, neg(cotangent), tangent));
  return where(inRange(x), value, unary('tan_large', x));
}

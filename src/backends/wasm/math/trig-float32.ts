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
  madd,
  mul,
  neg,
  polynomial,
  shl,
  sub,
  usually,
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

/** n = round(x 2/π) in the low bits of `shifted`, and x - n π/2 in float64. */
function reduce(x: Expr): { readonly shifted: Expr; readonly r: Expr } {
  const shifted = add(mul(x, twoOverPi), shifter);
  const n = convert(sub(shifted, shifter), 'float64');
  return { shifted, r: sub(sub(convert(x, 'float64'), mul(n, halfPiHigh)), mul(n, halfPiLow)) };
}

/** sin(r)/r - 1 over r², |r| ≤ π/4: 2^-27.9 of the sine. */
const sinTail = [-0.16666655242443085, 0.008332187309861183, -0.00019517897453624755];
/** (cos(r) - 1 + r²/2) / r⁴, |r| ≤ π/4: 2^-33 of the cosine. */
const cosTail = [0.04166664555668831, -0.0013887309469282627, 2.4432327336398885e-5];

/** sin(r) and cos(r), |r| ≤ π/4. */
function sineAndCosine(r: Expr): { readonly sine: Expr; readonly cosine: Expr } {
  const z = mul(r, r);
  const sine = madd(mul(r, z), polynomial(z, sinTail), r);
  return { sine, cosine: madd(mul(z, z), polynomial(z, cosTail), madd(z, -0.5, 1)) };
}

const isEven = (q: Expr): Expr => eq(and(q, 1), 0);
const signBit = -2147483648;
const negateWhere = (x: Expr, signs: Expr): Expr => float32FromBits(xor(int32Bits(x), and(signs, signBit)));

/**
 * π/2 as a sum. The first three parts have 11 bits, so that n times each is exact for n of 13 bits, and it makes no
 * difference whether a product and the sum after it are rounded once or twice. The whole is right to 2^-63.
 */
const halfPiParts = [1.5703125, 0.00048375129699707031, 7.5495336204767227e-8, 2.5633440682570896e-12] as const;
/** Up to here n times the last part is less than a fifth of the rounding of r near ½. */
const narrowLimit = 800;

/** |x| = n π/2 + r with n in the low bits of `quadrant`, for |x| up to `narrowLimit`, all in float32. */
function reduceNarrow(a: Expr): { readonly quadrant: Expr; readonly r: Expr } {
  const shifted = madd(a, twoOverPi, shifter);
  const n = sub(shifted, shifter);
  return { quadrant: int32Bits(shifted), r: halfPiParts.reduce((rest, part) => madd(n, -part, rest), a) };
}

/** sin(x + quadrant·π/2) for |x| ≤ 823549. */
function sinOfQuadrant(x: Expr, quadrant: number): Expr {
  const { shifted, r } = reduce(x);
  const { sine, cosine } = sineAndCosine(convert(r, 'float32'));
  const q = quadrant === 0 ? int32Bits(shifted) : add(int32Bits(shifted), quadrant);
  return negateWhere(where(isEven(q), sine, cosine), shl(q, 30));
}

const inRange = (x: Expr): Expr => le(abs(x), limit);
const inNarrowRange = (x: Expr): Expr => usually(le(abs(x), narrowLimit));

/** sin: 1.57 ulp. Of |x|, with the sign of x put back: so -0 stays. */
export function sin32(x: Expr): Expr {
  const { quadrant, r } = reduceNarrow(abs(x));
  const { sine, cosine } = sineAndCosine(r);
  const near = negateWhere(where(isEven(quadrant), sine, cosine), xor(shl(quadrant, 30), int32Bits(x)));
  return where(inNarrowRange(x), near, where(inRange(x), sinOfQuadrant(x, 0), unary('sin_large', x)));
}

/** cos: 1.57 ulp. */
export function cos32(x: Expr): Expr {
  const { quadrant, r } = reduceNarrow(abs(x));
  const { sine, cosine } = sineAndCosine(r);
  const near = negateWhere(where(isEven(quadrant), cosine, sine), shl(add(quadrant, 1), 30));
  return where(inNarrowRange(x), near, where(inRange(x), sinOfQuadrant(x, 1), unary('cos_large', x)));
}

/** sin(r)/r - 1 over r², 2^-37.3, and (cos(r) - 1 + r²/2) / r⁴, 2^-32.9, to float64 precision. */
const wideSinTail = [-0.16666666638641678, 0.008333329056113259, -0.00019839232659717203, 2.717366669207617e-6];
const wideCosTail = [0.041666644370691217, -0.0013887251605864887, 2.4425693233566157e-5];

/** tan: 0.51 ulp. The quotient of sine and cosine, in float64. */
export function tan32(x: Expr): Expr {
  const { shifted, r } = reduce(x);
  const z = mul(r, r);
  const sine = madd(mul(r, z), polynomial(z, wideSinTail), r);
  const cosine = madd(mul(z, z), polynomial(z, wideCosTail), sub(1, mul(z, 0.5)));
  const tangent = convert(div(sine, cosine), 'float32');
  const cotangent = convert(div(cosine, sine), 'float32');
  const odd = eq(and(int32Bits(shifted), 1), 1);
  const value = where(eq(x, 0), x, where(odd, neg(cotangent), tangent));
  return where(inRange(x), value, unary('tan_large', x));
}

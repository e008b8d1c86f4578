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
  atLeast,
  atMost,
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
const oneOverPi = 0.3183098861837907;
/** π/2 in two parts, the first of 33 bits, so that n times it is exact for |n| < 2^20 (fdlibm, e_rem_pio2.c). */
const halfPiHigh = 1.57079632673412561417;
const halfPiLow = 6.07710050650619224932e-11;
/** 1.5 times 2^23 and 2^52: a float32 or float64 added to it is rounded to an integer, its low bits. */
const narrowShifter = 12582912;
const wideShifter = 6755399441055744;
/** Up to here x 2/π < 2^19. */
const limit = 823549;
/**
 * π as a sum. The first three parts have 11 bits, so that n times each is exact for n of 13 bits, and it makes no
 * difference whether a product and the sum after it are rounded once or twice. The whole is right to 2^-62.
 */
const piParts = [3.140625, 0.00096750259399414062, 1.50990672409534454e-7, 5.12668813651384e-12] as const;
/** Up to here n times the last part is less than a fifth of the rounding of r near ½. */
const narrowLimit = 800;

/** x - n π/2 in float64, for integral n. */
const withoutQuarters = (x: Expr, n: Expr): Expr => sub(sub(x, mul(n, halfPiHigh)), mul(n, halfPiLow));

/** Half turns: in the low bits of `shifted` an integer, and the number to take away, which for the cosine is ½ less. */
interface Turns {
  readonly shifted: Expr;
  readonly n: Expr;
}

function turnsForSine(x: Expr, shifter: number): Turns {
  const shifted = madd(x, oneOverPi, shifter);
  return { shifted, n: sub(shifted, shifter) };
}

function turnsForCosine(x: Expr, shifter: number): Turns {
  const shifted = add(madd(x, oneOverPi, 0.5), shifter);
  return { shifted, n: sub(sub(shifted, shifter), 0.5) };
}

/** x - n π for |x| up to `narrowLimit`, all in float32. */
const remainder = (x: Expr, n: Expr): Expr => piParts.reduce((rest, part) => madd(n, -part, rest), x);

/** sin(r)/r - 1 over r², |r| ≤ π/2: 2^-27.2 of the sine. */
const sinTail = [-0.16666659712791443, 0.008333069272339344, -0.00019809773948509246, 2.606081807243754e-6];
/** A few ulp off the best, so that rounding, once or twice a multiply-add, takes no r up to 1.59 beyond 1: tried on all of them. */
const loweredTail = [-0.16666659712791443, 0.008333067409694195, -0.00019809756486210972, 2.606081807243754e-6];

/** sin(r), |r| ≤ π/2. */
function sine(r: Expr, tail: readonly number[] = loweredTail): Expr {
  const z = mul(r, r);
  return madd(mul(r, z), polynomial(z, tail), r);
}

/** The same, for the cosine: 1 wherever that is nearest, so at cos(0). */
const sineToOne = (r: Expr): Expr => atLeast(atMost(sine(r, sinTail), 1), -1);

const signBit = -2147483648;
/** x with its sign changed where `signs`, all bits 0 but the first, has that bit. */
const flip = (x: Expr, signs: Expr): Expr => float32FromBits(xor(int32Bits(x), signs));
const lastBit = (shifted: Expr): Expr => shl(int32Bits(shifted), 31);

const inRange = (x: Expr): Expr => le(abs(x), limit);
const inNarrowRange = (x: Expr): Expr => usually(le(abs(x), narrowLimit));

/**
 * ± sin(x - n π) for |x| up to `limit`. The turns are counted in float64: in float32 the quotient itself would be rounded
 * to a 64th and more, and r leave the range of the polynomial.
 */
function wideValue(x: Expr, turns: (x: Expr, shifter: number) => Turns, sine: (r: Expr) => Expr): Expr {
  const wide = convert(x, 'float64');
  const { shifted, n } = turns(wide, wideShifter);
  const r = convert(withoutQuarters(wide, add(n, n)), 'float32');
  return mul(sine(r), convert(unary('alternating', shifted), 'float32'));
}

/** sin: 2.03 ulp. Of |x|, with the sign of x put back: so -0 stays. */
export function sin32(x: Expr): Expr {
  const a = abs(x);
  const { shifted, n } = turnsForSine(a, narrowShifter);
  const near = flip(sine(remainder(a, n)), xor(lastBit(shifted), and(int32Bits(x), signBit)));
  return where(inNarrowRange(x), near, where(inRange(x), wideValue(x, turnsForSine, sine), unary('sin_large', x)));
}

/** cos: 2.06 ulp (of all float32), 1.97 beyond 800. sin(x - n π) for half-integral n, of which every other one changes the sign. */
export function cos32(x: Expr): Expr {
  const a = abs(x);
  const { shifted, n } = turnsForCosine(a, narrowShifter);
  const near = flip(sineToOne(remainder(a, n)), lastBit(shifted));
  return where(
    inNarrowRange(x),
    near,
    where(inRange(x), wideValue(a, turnsForCosine, sineToOne), unary('cos_large', x)),
  );
}

/** sin(r)/r - 1 over r², 2^-37.3, and (cos(r) - 1 + r²/2) / r⁴, 2^-32.9, to float64 precision. */
const wideSinTail = [-0.16666666638641678, 0.008333329056113259, -0.00019839232659717203, 2.717366669207617e-6];
const wideCosTail = [0.041666644370691217, -0.0013887251605864887, 2.4425693233566157e-5];

/** tan: 0.51 ulp. The quotient of sine and cosine, in float64. */
export function tan32(x: Expr): Expr {
  const shifted = add(mul(x, twoOverPi), narrowShifter);
  const r = withoutQuarters(convert(x, 'float64'), convert(sub(shifted, narrowShifter), 'float64'));
  const z = mul(r, r);
  const sine = madd(mul(r, z), polynomial(z, wideSinTail), r);
  const cosine = madd(mul(z, z), polynomial(z, wideCosTail), sub(1, mul(z, 0.5)));
  const tangent = convert(div(sine, cosine), 'float32');
  const cotangent = convert(div(cosine, sine), 'float32');
  const odd = eq(and(int32Bits(shifted), 1), 1);
  const value = where(eq(x, 0), x, where(odd, neg(cotangent), tangent));
  return where(inRange(x), value, unary('tan_large', x));
}

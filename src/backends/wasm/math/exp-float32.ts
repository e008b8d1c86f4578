/**
 * float32 exponentials: exp, exp2, expm1, logistic, tanh, erf, erfc. All share one reduction, x = k ln 2 + r with |r| ≤ ½ ln
 * 2, whose k is found by adding a constant so large that the sum has no fraction bits. Coefficients: minimax, each
 * rounded to float32 in turn before the next is fitted. Errors given for whole functions are the largest seen over
 * every 97th float32 of all and a million random ones.
 * May import: `ir`.
 * @module
 */
import type { Expr } from '../../../ir/loop/expr.ts';
import {
  abs,
  add,
  and,
  atLeast,
  atMost,
  div,
  float32FromBits,
  int32Bits,
  lt,
  madd,
  mul,
  neg,
  or,
  polynomial,
  shl,
  shr,
  sub,
  usually,
  where,
} from './arith.ts';

const log2e = 1.4426950408889634;
/** ln 2 in two parts, the first of 9 bits, so that k times it is exact for |k| < 2^15 (Cephes, expf). */
const ln2High = 0.693359375;
const ln2Low = -2.12194440054690583e-4;
/** 1.5 · 2^23: a float32 this large has no fraction bits, and keeps an added integer in the low bits of its pattern. */
const shifter = 12582912;

/** k = round(x scale) as float32 and, in the low bits of `bits`, as an integer plus `bias`. */
function integerPart(x: Expr, scale: number, bias: number): { readonly k: Expr; readonly bits: Expr } {
  const shifted = scale === 1 ? add(x, shifter + bias) : madd(x, scale, shifter + bias);
  return { k: sub(shifted, shifter + bias), bits: int32Bits(shifted) };
}

const remainder = (x: Expr, k: Expr): Expr => madd(k, -ln2Low, madd(k, -ln2High, x));

/**
 * (1 + w) · 2^k for `bits` with k + 254 in its low bits, -254 ≤ k ≤ 256: by two factors, so that the last product rounds only
 * where the result is subnormal. (2^-127 as a factor is 0, but there the result is 0 as well.)
 */
function scaleByHalves(w: Expr, bits: Expr): Expr {
  const half = shr(bits, 1);
  const scale = float32FromBits(shl(half, 23));
  return mul(madd(scale, w, scale), float32FromBits(shl(sub(bits, half), 23)));
}

/** (exp(r) - 1 - r) / r² on |r| ≤ ½ ln 2: relative error of the exp 2^-28.2. */
const expTail = [
  0.4999999403953552, 0.16666516661643982, 0.04166810214519501, 0.008369190618395805, 0.0013838836457580328,
];

/** exp of a number in [-176, 89]. */
function expBounded(x: Expr): Expr {
  const { k, bits } = integerPart(x, log2e, 254);
  const r = remainder(x, k);
  return scaleByHalves(madd(mul(r, r), polynomial(r, expTail), r), bits);
}

/**
 * exp: 1.01 ulp. Beyond the bounds of the clamp it is 0 or infinity to rounding; at the lower one both factors are 0, for
 * products that underflow are slow (×4 where a mask of -10⁹ is used), and products with 0 are not.
 */
export const exp32 = (x: Expr): Expr => expBounded(atLeast(atMost(x, 89), -176));

/** (2^r - 1) / r on |r| ≤ ½: relative error of the power 2^-26.2. */
const exp2Tail = [
  0.6931471824645996, 0.24022594094276428, 0.055503662675619125, 0.009625446051359177, 0.0013387928484007716,
  0.00013331985974218696,
];

/** exp2: 1.16 ulp. r = x - k is exact. */
export function exp2_32(x: Expr): Expr {
  const bounded = atLeast(atMost(x, 129), -254);
  const { k, bits } = integerPart(bounded, 1, 254);
  const r = sub(bounded, k);
  return scaleByHalves(mul(r, polynomial(r, exp2Tail)), bits);
}

/** exp(x) = scale + scale·w, where scale is 2^(k + shift) and |w| < 0.42. */
function expParts(x: Expr, shift: number): { readonly scale: Expr; readonly w: Expr } {
  const { k, bits } = integerPart(x, log2e, 127 + shift);
  const r = remainder(x, k);
  return { scale: float32FromBits(shl(bits, 23)), w: madd(mul(r, r), polynomial(r, expTail), r) };
}

/**
 * logistic, 1 / (1 + exp(-x)): 1.68 ulp. Numerator and denominator are both multiplied by 2^-32, so that the
 * denominator of a subnormal result does not overflow. What scale + 1 loses to rounding is added again.
 */
export function logistic32(x: Expr): Expr {
  const { scale, w } = expParts(atMost(atLeast(neg(x), -20), 104), -32);
  const one = 2 ** -32;
  const sum = add(scale, one);
  const lost = sub(one, sub(sum, scale));
  return div(one, add(sum, madd(scale, w, lost)));
}

/** (expm1(r) - r) / r² on |r| ≤ ½ ln 2: relative error of the expm1 2^-30.4. */
const expm1Tail = [
  0.5, 0.1666666567325592, 0.04166646674275398, 0.008333643898367882, 0.001393530168570578, 0.00019655424694065005,
];

/** expm1 of a number in [-17.5, 89]: 2^k expm1(r) + (2^k - 1), with 2^(k-1) in place of 2^k, for k may be 128. */
function expm1Bounded(x: Expr): Expr {
  const { k, bits } = integerPart(x, log2e, 126);
  const r = remainder(x, k);
  const halfScale = float32FromBits(shl(bits, 23));
  const tail = mul(mul(r, r), polynomial(r, expm1Tail));
  return mul(madd(halfScale, tail, madd(halfScale, r, sub(halfScale, 0.5))), 2);
}

/**
 * expm1: 1.26 ulp. It is x itself where the square is below the rounding, for halves of subnormals and of -0 are not
 * exact.
 */
export const expm1_32 = (x: Expr): Expr => where(lt(abs(x), 2 ** -25), x, expm1Bounded(atLeast(atMost(x, 89), -17.5)));

/** A number without a sign with that of x. */
const withSign = (magnitude: Expr, x: Expr): Expr =>
  float32FromBits(or(int32Bits(magnitude), and(int32Bits(x), -2147483648)));

/** tanh: 2.57 ulp. With e = expm1(2|x|) it is e / (e + 2), which is 1 to rounding beyond 9.1. */
export function tanh32(x: Expr): Expr {
  const a = abs(x);
  const { scale, w } = expParts(atMost(add(a, a), 18.2), 0);
  const e = madd(scale, w, sub(scale, 1));
  return withSign(div(e, add(e, 2)), x);
}

/** erf(x)/x - 1 over x², |x| ≤ 0.875: relative error of the erf 2^-26. */
const erfSmall = [
  0.12837915122509003, -0.3761250376701355, 0.11281921714544296, -0.02677048370242119, 0.004998920019716024,
  -0.0006020412547513843,
];
/** log(1 - erf(x)) on [0.875, 3.93]: the error of the erf is 2^-29. */
const erfLarge = [
  -0.00014421962259802967, -1.1278893947601318, -0.6368205547332764, -0.10425036400556564, 0.022381147369742393,
  -0.003082032548263669, 0.0001999043597606942,
];

/** erf: 1.2 ulp. 1 - exp(polynomial) where it is above 0.78, 1 to rounding beyond 3.93. */
export function erf32(x: Expr): Expr {
  const a = abs(x);
  const { scale, w } = expParts(polynomial(atMost(a, 3.93), erfLarge), 0);
  const large = sub(1, madd(scale, w, scale));
  return withSign(where(lt(a, 0.875), madd(a, polynomial(mul(a, a), erfSmall), a), large), x);
}

/** erfc(a) exp(a²) over a - 1.5, 0.6 ≤ a ≤ 3: relative error 2^-25.9. */
const erfcNear = [
  0.32158541679382324, -0.1636229157447815, 0.07615087181329727, -0.032930854707956314, 0.013379075564444065,
  -0.005147140007466078, 0.0018807674059644341, -0.0006566049996763468, 0.00022877859009895474, -8.088540198514238e-5,
  2.3192913431557827e-5, -3.3395194805052597e-6,
];

/** The same times a over 1/a², 3 ≤ a ≤ 10.1: 2^-26.2. */
const erfcFar = [
  0.5641894340515137, -0.28206560015678406, 0.421121209859848, -0.991003692150116, 2.5020956993103027,
  -3.9179046154022217,
];

/**
 * erfc: 3.0 ulp, 2.6 up to 3. 1 - erf(x) up to 0.6; then exp(-a²) times a polynomial, and for a negative x 2 less that; 0 to rounding
 * beyond 10.1. The square of the first 12 bits of a is exact, and what is left of a² small.
 */
export function erfc32(x: Expr): Expr {
  const a = atMost(abs(x), 10.1);
  const head = float32FromBits(and(int32Bits(a), -4096));
  const square = mul(head, neg(head));
  const left = mul(sub(a, head), add(a, head));
  const { k, bits } = integerPart(square, log2e, 127);
  const r = sub(remainder(square, k), left);
  const w = madd(mul(r, r), polynomial(r, expTail), r);
  const scaled = (factor: Expr, scale: Expr): Expr => {
    const product = mul(factor, scale);
    return madd(product, w, product);
  };
  const near = scaled(polynomial(sub(a, 1.5), erfcNear), float32FromBits(shl(bits, 23)));
  // By two factors, as in `scaleByHalves`: the result may be subnormal.
  const half = shr(add(bits, 127), 1);
  const inverse = div(1, a);
  const most = scaled(polynomial(mul(inverse, inverse), erfcFar), float32FromBits(shl(half, 23)));
  const far = mul(div(most, a), float32FromBits(shl(sub(add(bits, 127), half), 23)));
  const tail = where(usually(lt(a, 3)), near, far);
  const small = sub(1, madd(x, polynomial(mul(x, x), erfSmall), x));
  return where(lt(a, 0.6), small, where(lt(x, 0), sub(2, tail), tail));
}

/**
 * float64 exponentials: exp, exp2, expm1, logistic, tanh, sinh, cosh, erf, erfc. The reduction is that of the float32 file.
 * Coefficients without a source are minimax, rounded to float64.
 * May import: `ir`.
 * @module
 */
import { type Expr, unary } from '../../../ir/loop/expr.ts';
import { abs, add, atLeast, atMost, copysign, div, lt, madd, mul, neg, polynomial, sub, where } from './arith.ts';

const log2e = 1.4426950408889634;
/** ln 2 in two parts, the first of 32 bits, so that k times it is exact for |k| < 2^21 (fdlibm, e_exp.c). */
const ln2High = 6.9314718036912381649e-1;
const ln2Low = 1.90821492927058770002e-10;
/** 1.5 · 2^52: a float64 this large has no fraction bits. */
const shifter = 6755399441055744;

const round = (x: Expr): Expr => sub(add(x, shifter), shifter);
/** round(x log₂e) */
const powersIn = (x: Expr): Expr => sub(madd(x, log2e, shifter), shifter);
const powerOfTwo = (k: Expr): Expr => unary('exp2_int', k);

/** (1 + w) · 2^k for |k| ≤ 2046, by two factors, so that the last product rounds only where the result is subnormal. */
function scaleByHalves(w: Expr, k: Expr): Expr {
  const half = sub(madd(k, 0.5, shifter), shifter);
  const scale = powerOfTwo(half);
  return mul(madd(scale, w, scale), powerOfTwo(sub(k, half)));
}

/** (exp(r) - 1 - r) / r² on |r| ≤ ½ ln 2: relative error of the exp 2^-56.4. */
const expTail = [
  0.5000000000000011, 0.16666666666666413, 0.04166666666653018, 0.008333333333494604, 0.0013888888943625142,
  0.00019841269506271205, 2.4801493103308723e-5, 2.755758664286821e-6, 2.763024703134093e-7, 2.499997890454239e-8,
];

/** exp(x) = 2^k (1 + w), |w| < 0.42. A small `less` is taken from x after the reduction. */
function expParts(x: Expr, less?: Expr): { readonly k: Expr; readonly w: Expr } {
  const k = powersIn(x);
  const reduced = madd(k, -ln2High, x);
  const high = less === undefined ? reduced : sub(reduced, less);
  const r = madd(k, -ln2Low, high);
  return { k, w: add(high, madd(k, -ln2Low, mul(mul(r, r), polynomial(r, expTail)))) };
}

/** exp: 1.0 ulp. At the lower bound of the clamp both factors are 0: products that underflow are slow. */
export function exp64(x: Expr): Expr {
  const { k, w } = expParts(atLeast(atMost(x, 710), -1418.5));
  return scaleByHalves(w, k);
}

/**
 * exp2: 1.04 ulp. The fraction of x is exact; times ln 2 it is rounded, which costs half an ulp of a number below 0.35.
 */
export function exp2_64(x: Expr): Expr {
  const bounded = atLeast(atMost(x, 1025), -1076);
  const k = round(bounded);
  const r = mul(sub(bounded, k), 0.6931471805599453);
  return scaleByHalves(madd(mul(r, r), polynomial(r, expTail), r), k);
}

/** logistic, 1 / (1 + exp(-x)): 1.5 ulp. Numerator and denominator times 2^-128 (see the float32 one). */
export function logistic64(x: Expr): Expr {
  const one = 2 ** -128;
  const { k, w } = expParts(atMost(atLeast(neg(x), -40), 746));
  const scale = powerOfTwo(sub(k, 128));
  const sum = add(scale, one);
  const lost = sub(one, sub(sum, scale));
  return div(one, add(sum, madd(scale, w, lost)));
}

/** (expm1(r) - r) / r² on |r| ≤ ½ ln 2: relative error of the expm1 2^-56.2. */
const expm1Tail = [
  0.5000000000000001, 0.1666666666666667, 0.04166666666665229, 0.008333333333326153, 0.0013888888895597278,
  0.00019841269874765555, 2.4801574537993944e-5, 2.7557255461590646e-6, 2.756792721587332e-7, 2.5105194266351212e-8,
  1.7687724018570104e-9,
];

/** ½ expm1(x) of a number in [-41, 711]: with s = 2^(k-1), s expm1(r) + (s - ½). */
function halfExpm1(x: Expr): Expr {
  const k = powersIn(x);
  const high = madd(k, -ln2High, x);
  const low = mul(k, ln2Low);
  const r = sub(high, low);
  const lost = sub(sub(high, r), low);
  const tail = madd(mul(r, r), polynomial(r, expm1Tail), lost);
  const s = powerOfTwo(sub(k, 1));
  return madd(s, tail, madd(s, r, sub(s, 0.5)));
}

/**
 * expm1: 1.27 ulp. It is x itself where the square is below the rounding, for halves of subnormals and of -0 are not
 * exact.
 */
export function expm1_64(x: Expr): Expr {
  const half = halfExpm1(atLeast(atMost(x, 710), -41));
  return where(lt(abs(x), 2 ** -54), x, add(half, half));
}

/** Numerator and denominator of tanh(x)/x - 1 over x², |x| ≤ 0.625 (Cephes, tanh.c). */
const tanhNumerator = [-1.61468768441708447952e3, -9.92877231001918586564e1, -9.64399179425052238628e-1];
const tanhDenominator = [4.84406305325125486048e3, 2.23548839060100448583e3, 1.12811678491632931402e2, 1];

/** tanh: 1.11 ulp. A rational function up to 0.625, then 1 - 2 / (exp(2|x|) + 1), which is 1 to rounding beyond 22. */
export function tanh64(x: Expr): Expr {
  const z = mul(x, x);
  const ratio = div(polynomial(z, tanhNumerator), polynomial(z, tanhDenominator));
  const { k, w } = expParts(atMost(abs(add(x, x)), 44));
  const scale = powerOfTwo(k);
  const large = sub(1, div(2, madd(scale, w, add(scale, 1))));
  return copysign(where(lt(abs(x), 0.625), madd(mul(x, z), ratio, x), large), x);
}

/** sinh(x)/x - 1 over x², |x| ≤ 1: relative error of the sinh 2^-56.6. */
const sinhTail = [
  0.16666666666666669, 0.008333333333333148, 0.00019841269841431867, 2.7557319157073305e-6, 2.5052123136519673e-8,
  1.6057259783146615e-10, 7.758748397618982e-13,
];

/** ¼ e^|x|, which is finite wherever the hyperbolic functions are. */
function quarterExp(x: Expr): Expr {
  const { k, w } = expParts(atMost(abs(x), 711));
  return mul(add(w, 1), powerOfTwo(sub(k, 2)));
}

/** sinh: 1.47 ulp. A polynomial up to 1, then ½ e^|x| - ½ e^-|x|. */
export function sinh64(x: Expr): Expr {
  const q = quarterExp(x);
  const z = mul(x, x);
  const small = madd(mul(x, z), polynomial(z, sinhTail), x);
  return copysign(where(lt(abs(x), 1), small, sub(add(q, q), div(0.125, q))), x);
}

/** cosh: 1.26 ulp. ½ e^|x| + ½ e^-|x|. */
export function cosh64(x: Expr): Expr {
  const q = quarterExp(x);
  return add(add(q, q), div(0.125, q));
}

/** erf(x)/x - 1 over x², |x| ≤ 0.875: relative error of the erf 2^-54.9. */
const erfSmall = [
  0.12837916709551256, -0.3761263890318299, 0.11283791670915577, -0.02686617063714211, 0.00522397754243251,
  -0.000854832197701181, 0.00012055141068742549, -1.4920941831594454e-5, 1.6387372591870446e-6, -1.561924505212919e-7,
  1.045675490372229e-8,
];
/** log(1 - erf(1 + t)) for 1 + t in [0.875, 5.95]: the error of the erf is 2^-57. */
const erfLarge = [
  -1.8496055099332482, -2.6389675142347917, -0.8431072563585009, -0.041561098046426985, 0.010033825435883176,
  -0.0019779030347923257, 0.00023732470250829963, 2.6270819231115096e-5, -2.7143480640014247e-5, 9.584037495885222e-6,
  -2.030846085011143e-6, 1.1800707951537613e-7, 1.1338611736310277e-7, -5.946958769513933e-8, 1.744065859001972e-8,
  -3.469829653670068e-9, 4.6486667431571736e-10, -3.800972377896485e-11, 1.4333490171652687e-12,
];

/** erf: 1 ulp. 1 - exp(polynomial) where it is above 0.78, 1 to rounding beyond 5.95. */
export function erf64(x: Expr): Expr {
  const a = abs(x);
  const { k, w } = expParts(polynomial(sub(atMost(a, 5.95), 1), erfLarge));
  const scale = powerOfTwo(k);
  const large = sub(1, madd(scale, w, scale));
  return copysign(where(lt(a, 0.875), madd(x, polynomial(mul(x, x), erfSmall), x), large), x);
}

/** (1 + 2a) exp(a²) erfc(a) over (a - 3) / (a + 3), 0 ≤ a ≤ 27.3: relative error 2^-53.6. (The form is that of Shepherd and Laframboise, 1981.) */
const erfcScaled = [
  1.2530080582697296, -0.13562110612458067, -0.047562294353446846, 0.12964515870270404, -0.11927366341550479,
  0.06830802734585574, -0.023770514914689324, 0.002529391787439232, 0.001888690316398722, -0.0007798320304284554,
  -0.00010515951430802023, 0.00012509811046590528, 4.948225243188312e-6, -2.0096488951806807e-5, -7.277331693189205e-7,
  3.4636901087184284e-6, 3.491325343220638e-7, -6.045980671336693e-7, -1.3114298770307867e-7, 9.156244231434985e-8,
  3.2852433981759875e-8, -8.405721805214884e-9, -4.1709678137948285e-9,
];

/**
 * erfc: 2.7 ulp. 1 - erf(x) up to 0.5; then exp(-a²) times a fraction, and for a negative x 2 less that; 0 to rounding beyond 27.3. The
 * square of the first 21 bits of a is exact, and what is left of a² small.
 */
export function erfc64(x: Expr): Expr {
  const a = atMost(abs(x), 27.3);
  const head = unary('head', a);
  const { k, w } = expParts(neg(mul(head, head)), mul(sub(a, head), add(a, head)));
  const fraction = div(polynomial(div(sub(a, 3), add(a, 3)), erfcScaled), add(add(a, a), 1));
  const half = sub(madd(k, 0.5, shifter), shifter);
  const scale = mul(fraction, powerOfTwo(half));
  const tail = mul(madd(scale, w, scale), powerOfTwo(sub(k, half)));
  const small = sub(1, madd(x, polynomial(mul(x, x), erfSmall), x));
  return where(lt(a, 0.5), small, where(lt(x, 0), sub(2, tail), tail));
}

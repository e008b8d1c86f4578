/**
 * Error function family on binary64.
 *
 * The rational approximations are those of fdlibm's `s_erf.c` (Sun Microsystems, 1993), error below 1 ulp:
 * a rational in x² for |x| < 0.84375, one around 1 up to 1.25, and for larger x
 * `erfc(x) = exp(−x² − 0.5625 + R(1/x²)/S(1/x²)) / x`.
 *
 * @module
 */

import { productError, sumError } from './exact.ts';
import { truncateLowWord } from './float64.ts';
import { polynomial } from './polynomial.ts';

/** erf(1) rounded to 24 bits: the centre of the middle interval. */
const ERF_ONE = 8.45062911510467529297e-1;

const SMALL_P: readonly number[] = [
  1.28379167095512558561e-1, -3.2504210724700149937e-1, -2.84817495755985104766e-2, -5.77027029648944159157e-3,
  -2.37630166566501626084e-5,
];
const SMALL_Q: readonly number[] = [
  1, 3.97917223959155352819e-1, 6.50222499887672944485e-2, 5.08130628187576562776e-3, 1.32494738004321644526e-4,
  -3.9602282787753681232e-6,
];
const MIDDLE_P: readonly number[] = [
  -2.36211856075265944077e-3, 4.14856118683748331666e-1, -3.72207876035701323847e-1, 3.18346619901161753674e-1,
  -1.10894694282396677476e-1, 3.54783043256182359371e-2, -2.166375594868790843e-3,
];
const MIDDLE_Q: readonly number[] = [
  1, 1.06420880400844228286e-1, 5.40397917702171048937e-1, 7.18286544141962662868e-2, 1.26171219808761642112e-1,
  1.36370839120290507362e-2, 1.1984499846799107417e-2,
];
const TAIL_P: readonly number[] = [
  -9.86494403484714822705e-3, -6.93858572707181764372e-1, -1.05586262253232909814e1, -6.23753324503260060396e1,
  -1.62396669462573470355e2, -1.84605092906711035994e2, -8.12874355063065934246e1, -9.81432934416914548592,
];
const TAIL_Q: readonly number[] = [
  1, 1.96512716674392571292e1, 1.376577541435190426e2, 4.34565877475229228821e2, 6.45387271733267880336e2,
  4.29008140027567833386e2, 1.08635005541779435134e2, 6.57024977031928170135, -6.04244152148580987438e-2,
];
const FAR_TAIL_P: readonly number[] = [
  -9.86494292470009928597e-3, -7.99283237680523006574e-1, -1.77579549177547519889e1, -1.60636384855821916062e2,
  -6.37566443368389627722e2, -1.02509513161107724954e3, -4.83519191608651397019e2,
];
const FAR_TAIL_Q: readonly number[] = [
  1, 3.03380607434824582924e1, 3.25792512996573918826e2, 1.53672958608443695994e3, 3.19985821950859553908e3,
  2.55305040643316442583e3, 4.74528541206955367215e2, -2.24409524465858183362e1,
];

/** erf(x)/x − 1 for |x| < 0.84375. */
function smallRatio(x: number): number {
  const z = x * x;
  return polynomial(SMALL_P, z) / polynomial(SMALL_Q, z);
}

/** erf(a) − ERF_ONE for 0.84375 ≤ a < 1.25. */
function middleRatio(a: number): number {
  const s = a - 1;
  return polynomial(MIDDLE_P, s) / polynomial(MIDDLE_Q, s);
}

/** log(a · erfcx(a)) + 0.5625 for a ≥ 1.25. */
function tailRatio(a: number): number {
  const s = 1 / (a * a);
  // 2.857142… = 1/0.35, where fdlibm changes approximation.
  return a < 2.857142857142857
    ? polynomial(TAIL_P, s) / polynomial(TAIL_Q, s)
    : polynomial(FAR_TAIL_P, s) / polynomial(FAR_TAIL_Q, s);
}

/**
 * erfc(a) for a ≥ 1.25. The square is split so that the large exponent is exact, a² = z² + (a − z)(a + z); the small rest,
 * between −0.22 and 0, enters as a correction, and so does what the division by a rounded off.
 */
function erfcTail(a: number): number {
  const z = truncateLowWord(a);
  const power = Math.exp(-z * z - 0.5625);
  const lead = power / a;
  const product = lead * a;
  // Near the subnormals the exact residual is out of range; there the result is rounded coarsely anyway.
  const leadLow = power > 1e-280 ? (power - product - productError(lead, a, product)) / a : 0;
  return lead + (lead * Math.expm1((z - a) * (z + a) + tailRatio(a)) + leadLow);
}

/** Error function 2/√π ∫₀ˣ e^(−t²) dt: odd, ±1 at ±∞. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 0.84375) return x + x * smallRatio(x);
  if (!(a < 6)) return x !== x ? NaN : x > 0 ? 1 : -1;
  const y = a < 1.25 ? ERF_ONE + middleRatio(a) : 1 - erfcTail(a);
  return x < 0 ? -y : y;
}

/** Complementary error function 1 − erf(x), accurate in relative terms until it underflows beyond x ≈ 27.2. */
export function erfc(x: number): number {
  const a = Math.abs(x);
  if (a < 0.84375) {
    const rest = x * smallRatio(x);
    if (x < 0.25) return 1 - (x + rest);
    const y = x - 0.5 + rest;
    return 0.5 - y - sumError(x - 0.5, rest, y);
  }
  if (a < 1.25) {
    const r = middleRatio(a);
    return x > 0 ? 1 - ERF_ONE - r : 1 + ERF_ONE + r;
  }
  if (x < 0) return x < -6 ? 2 : 2 - erfcTail(a);
  if (a < 28) return erfcTail(a);
  return x !== x ? NaN : 0;
}

/** Scaled complementary error function e^(x²) erfc(x) for x ≥ 0, where it never under- or overflows. */
export function erfcx(x: number): number {
  if (x < 1.25) return Math.exp(x * x) * erfc(x);
  return x === Infinity ? 0 : Math.exp(tailRatio(x) - 0.5625) / x;
}

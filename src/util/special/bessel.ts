/**
 * Modified Bessel functions of the first kind, orders 0 and 1, plain and scaled by e^(−|x|).
 *
 * Below 8 the power series in x²/4 (DLMF 10.25.2), economised; above, √x e^(−x) I(x) as polynomials in 1/x, as Boost does
 * after P. Holoborodko's "Rational approximations for the modified Bessel function of the first kind". Every polynomial is
 * our own near-minimax fit in 40-digit arithmetic (truncation error < 1e-17).
 *
 * @module
 */

import { polynomial } from './polynomial.ts';

/** I₀(x) (and 2 I₁(x)/x) in t = x²/4 in [0, 16]; √x e^(−x) I(x) in 1/x − 1/20 for x in [8, 20] and in 1/x beyond. */
const I0_SMALL: readonly number[] = [
  1, 1, 0.24999999999999964, 0.027777777777778883, 0.0017361111111094522, 6.944444444589271e-05,
  1.929012344875272e-06, 3.93675991913167e-08, 6.151186546596975e-10, 7.594072896654202e-12, 7.593865027891932e-14,
  6.277945324909594e-16, 4.345589968849292e-18, 2.6397580089973682e-20, 1.1272236505811282e-22,
  9.198663882374055e-25,
];
const I1_SMALL: readonly number[] = [
  1, 0.4999999999999996, 0.0833333333333357, 0.006944444444438802, 0.00034722222222904474, 1.1574074069239216e-05,
  2.75573194424631e-07, 4.920949198071627e-09, 6.834666562592121e-11, 7.59385041725836e-13, 6.9058865928911544e-15,
  5.213738958225536e-17, 3.4357416784845423e-19, 1.5683487697721174e-21, 1.390098505968453e-23,
];
const I0_MIDDLE: readonly number[] = [
  0.4015097608312065, 0.052917719343741204, 0.03324530903211741, 0.04121628361773783, 0.08065678425960165,
  0.22707019525751188, 0.810510359983116, 9.318432611002617, -228.03118107857543, 10708.382547731528,
  -297958.18668503425, 6357421.617300878, -92887121.68770345, 855326634.6249801, -4784610521.468248,
  14991689477.649286, -20306860336.772255,
];
const I0_LARGE: readonly number[] = [
  0.3989422804014327, 0.04986778505018199, 0.028050629088060046, 0.029219406258285435, 0.04474203809977501,
  0.09062206311855663, 0.22709693750276208, 0.7466618835902452, 0.7640496604415352, 40.32393007411609,
  -290.3942342830132, 1979.5246148862716,
];
const I1_MIDDLE: readonly number[] = [
  0.39133972251206706, -0.15461810253513744, -0.053920586510500475, -0.05609890345212408, -0.10070516107620163,
  -0.2690686313896848, -0.9321471128099755, -10.121760388524242, 239.40528473282325, -11250.706005638634,
  311162.1926721514, -6604066.506375187, 95792422.68960662, -874067142.5407993, 4838078697.527165,
  -14976404225.47903, 19998165625.746563,
];
const I1_LARGE: readonly number[] = [
  0.3989422804014327, -0.14960335515054038, -0.04675104848167044, -0.04090716845227467, -0.05752551466922636,
  -0.11075747708431513, -0.26852775660615347, -0.856898401955862, -0.9663576227017473, -43.69418657264794,
  310.2106271100107, -2131.3581040667664,
];

/** √x e^(−x) I(x) for x ≥ 8. */
function scaledLarge(middle: readonly number[], large: readonly number[], x: number): number {
  const u = 1 / x;
  return x < 20 ? polynomial(middle, u - 0.05) : polynomial(large, u);
}

/** e^(x) in two factors, so that a product that fits does not overflow on the way. */
function timesExp(y: number, x: number): number {
  if (x < 700) return y * Math.exp(x);
  const half = Math.exp(x / 2);
  return y * half * half;
}

/** Exponentially scaled I₀: e^(−|x|) I₀(x). Even, 1 at 0, 0 at ±∞. */
export function i0e(x: number): number {
  const a = Math.abs(x);
  if (a < 8) return Math.exp(-a) * polynomial(I0_SMALL, 0.25 * a * a);
  return scaledLarge(I0_MIDDLE, I0_LARGE, a) / Math.sqrt(a);
}

/** Exponentially scaled I₁: e^(−|x|) I₁(x). Odd, 0 at 0, ±0 at ±∞. */
export function i1e(x: number): number {
  const a = Math.abs(x);
  if (a < 8) return Math.exp(-a) * (0.5 * x * polynomial(I1_SMALL, 0.25 * a * a));
  const y = scaledLarge(I1_MIDDLE, I1_LARGE, a) / Math.sqrt(a);
  return x < 0 ? -y : y;
}

/** Modified Bessel function I₀(x): even, +∞ at ±∞. */
export function i0(x: number): number {
  const a = Math.abs(x);
  if (a < 8) return polynomial(I0_SMALL, 0.25 * a * a);
  return a === Infinity ? Infinity : timesExp(i0e(a), a);
}

/** Modified Bessel function I₁(x): odd, ±∞ at ±∞. */
export function i1(x: number): number {
  const a = Math.abs(x);
  if (a < 8) return 0.5 * x * polynomial(I1_SMALL, 0.25 * a * a);
  return a === Infinity ? x : timesExp(i1e(x), a);
}

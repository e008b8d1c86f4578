/**
 * Modified Bessel functions of the first kind, orders 0 and 1, plain and scaled by e^(−|x|).
 *
 * Below 2 the power series in x²/4 (DLMF 10.25.2), economised; above, √x e^(−x) I(x) as polynomials in 1/x, as Boost does
 * after P. Holoborodko's "Rational approximations for the modified Bessel function of the first kind". Every polynomial is
 * our own near-minimax fit in 40-digit arithmetic (truncation error < 3e-17).
 *
 * @module
 */

import { polynomial } from './polynomial.ts';

/**
 * SMALL: (I₀(x) − 1)/t and (2 I₁(x)/x − 1)/t in t = x²/4, for x ≤ 2. The others: √x e^(−x) I(x), by where their interval starts: TWO in
 * 1/x − 3/8, FOUR in 1/x − 3/16, EIGHT in 1/x − 1/20, TWENTY in 1/x.
 */
const I0_SMALL: readonly number[] = [
  1, 0.24999999999999925, 0.027777777777787994, 0.001736111111041563, 6.944444471437873e-5, 1.92901171170732e-6,
  3.9368515566198546e-8, 6.143219459560819e-10, 7.974845027001627e-12,
];
const I0_TWO: readonly number[] = [
  0.4246593155728783, 0.09218760645095181, 0.03224774816169178, -0.20761406382089256, -0.02716318707419833,
  0.9429066718701349, -1.8252749751894224, -0.1936567879298661, 10.352198270206385, -31.642982603708447,
  47.785080784082496, 14.843912335112332, -338.55692774842703, 1193.9532253114487, -2662.600207907687,
  4120.522881603452, 1651.9097955350594, -57209.53076585802, 161386.80204501798,
];
const I0_FOUR: readonly number[] = [
  0.4095726275046849, 0.06606589699541969, 0.07059805498859191, 0.13201478746612968, -0.2244717666762455,
  -2.9384884201994024, 2.5685313818896063, 57.59081579566547, -183.10102223328926, -701.0782998813319,
  6922.992355943427, -14984.496609777896, -88986.34086857448, 854750.8092633833, -2820902.909027002, -5216170.186892509,
  103891830.93385233, -378867377.5705764,
];
const I1_SMALL: readonly number[] = [
  0.49999999999999917, 0.0833333333333559, 0.006944444444205431, 0.00034722222348345055, 1.1574070352915359e-5,
  2.755796152436132e-7, 4.914515528117474e-9, 7.180140285174133e-11,
];
const I1_TWO: readonly number[] = [
  0.3320718117457983, -0.21563761155372516, -0.0728645533611017, 0.2331051390544507, 0.12308743754795012,
  -1.1074782399986924, 1.7353484910812687, 1.0774172189560942, -12.202464092388743, 32.687312249050485,
  -41.713392339972565, -40.40234948371, 394.8177514673627, -1258.1442092800487, 2592.8883312502967, -3424.7610257953424,
  -4186.559989542456, 61315.20890516277, -160577.67510494535,
];
const I1_FOUR: readonly number[] = [
  0.3688525644848755, -0.17465273171491147, -0.10199133401707076, -0.17380703003699943, 0.18775952539063928,
  3.3149840071170567, -1.4625242723095235, -64.18249141518858, 173.27138648774834, 853.2724793164459,
  -7239.252864756348, 13083.283041238066, 104610.86216226341, -891576.3563007623, 2648185.7157731503, 6989838.154475272,
  -107778639.23832595, 368821280.4810101,
];
const I0_EIGHT: readonly number[] = [
  0.4015097608312065, 0.052917719343741204, 0.03324530903211741, 0.04121628361773783, 0.08065678425960165,
  0.22707019525751188, 0.810510359983116, 9.318432611002617, -228.03118107857543, 10708.382547731528,
  -297958.18668503425, 6357421.617300878, -92887121.68770345, 855326634.6249801, -4784610521.468248, 14991689477.649286,
  -20306860336.772255,
];
const I0_TWENTY: readonly number[] = [
  0.3989422804014327, 0.04986778505018199, 0.028050629088060046, 0.029219406258285435, 0.04474203809977501,
  0.09062206311855663, 0.22709693750276208, 0.7466618835902452, 0.7640496604415352, 40.32393007411609,
  -290.3942342830132, 1979.5246148862716,
];
const I1_EIGHT: readonly number[] = [
  0.39133972251206706, -0.15461810253513744, -0.053920586510500475, -0.05609890345212408, -0.10070516107620163,
  -0.2690686313896848, -0.9321471128099755, -10.121760388524242, 239.40528473282325, -11250.706005638634,
  311162.1926721514, -6604066.506375187, 95792422.68960662, -874067142.5407993, 4838078697.527165, -14976404225.47903,
  19998165625.746563,
];
const I1_TWENTY: readonly number[] = [
  0.3989422804014327, -0.14960335515054038, -0.04675104848167044, -0.04090716845227467, -0.05752551466922636,
  -0.11075747708431513, -0.26852775660615347, -0.856898401955862, -0.9663576227017473, -43.69418657264794,
  310.2106271100107, -2131.3581040667664,
];

const I0_LARGE: readonly (readonly number[])[] = [I0_TWO, I0_FOUR, I0_EIGHT, I0_TWENTY];
const I1_LARGE: readonly (readonly number[])[] = [I1_TWO, I1_FOUR, I1_EIGHT, I1_TWENTY];

/** e^(−x) I(x) for x ≥ 2. */
function scaledLarge(pieces: readonly (readonly number[])[], x: number): number {
  const u = 1 / x;
  const root = Math.sqrt(x);
  if (x < 4) return polynomial(pieces[0]!, u - 0.375) / root;
  if (x < 8) return polynomial(pieces[1]!, u - 0.1875) / root;
  return (x < 20 ? polynomial(pieces[2]!, u - 0.05) : polynomial(pieces[3]!, u)) / root;
}

/** y e^x, with the exponential in two factors where it alone would overflow. */
function timesExp(y: number, x: number): number {
  if (x < 700) return y * Math.exp(x);
  const half = Math.exp(x / 2);
  return y * half * half;
}

/** I(x) for |x| < 2 from its leading term (scaled or not), as that term plus a correction. */
function small(coefficients: readonly number[], x: number, leading: number): number {
  const t = 0.25 * x * x;
  return leading + leading * (t * polynomial(coefficients, t));
}

/** Exponentially scaled I₀: e^(−|x|) I₀(x). Even, 1 at 0, 0 at ±∞. */
export function i0e(x: number): number {
  const a = Math.abs(x);
  return a < 2 ? small(I0_SMALL, x, Math.exp(-a)) : scaledLarge(I0_LARGE, a);
}

/** Exponentially scaled I₁: e^(−|x|) I₁(x). Odd, ±0 at ±0 and ±∞. */
export function i1e(x: number): number {
  const a = Math.abs(x);
  if (a < 2) return small(I1_SMALL, x, 0.5 * x * Math.exp(-a));
  const y = scaledLarge(I1_LARGE, a);
  return x < 0 ? -y : y;
}

/** Modified Bessel function I₀(x): even, 1 at 0, +∞ at ±∞ (≤ 3 ulp). */
export function i0(x: number): number {
  const a = Math.abs(x);
  if (a < 2) return small(I0_SMALL, x, 1);
  return a === Infinity ? Infinity : timesExp(scaledLarge(I0_LARGE, a), a);
}

/** Modified Bessel function I₁(x): odd, ±0 at ±0, ±∞ at ±∞ (≤ 3 ulp). */
export function i1(x: number): number {
  const a = Math.abs(x);
  if (a < 2) return small(I1_SMALL, x, 0.5 * x);
  return a === Infinity ? x : timesExp(i1e(x), a);
}

/**
 * Gamma function and its logarithm on binary64.
 *
 * The approximations of log Γ on (0, ∞) are those of fdlibm's `e_lgamma_r.c` (Sun Microsystems, 1993): polynomials around the
 * zeros at 1 and 2 and around the minimum at 1.4616…, the recurrence up to 8, Stirling's series beyond.
 *
 * @module
 */

import { sinPi } from './elementary.ts';
import { polynomial } from './polynomial.ts';

/** (log Γ(2 − y) + y/2)/y for y in [0, 0.268]. */
const BELOW_TWO: readonly number[] = [
  7.72156649015328655494e-2, 3.22467033424113591611e-1, 6.73523010531292681824e-2, 2.05808084325167332806e-2,
  7.38555086081402883957e-3, 2.89051383673415629091e-3, 1.19270763183362067845e-3, 5.10069792153511336608e-4,
  2.20862790713908385557e-4, 1.08011567247583939954e-4, 2.52144565451257326939e-5, 4.4864094961891516015e-5,
];
/** Minimum of Γ on the positive axis, the value of log Γ there (in two parts), and (log Γ − value)/y² around it. */
const MINIMUM_AT = 1.46163214496836224576;
const MINIMUM_HIGH = -1.21486290535849611461e-1;
const MINIMUM_LOW = 3.63867699703950536541e-18;
const AT_MINIMUM: readonly number[] = [
  4.83836122723810047042e-1, -1.47587722994593911752e-1, 6.46249402391333854778e-2, -3.27885410759859649565e-2,
  1.79706750811820387126e-2, -1.0314224129834143745e-2, 6.10053870246291332635e-3, -3.6845201678113825676e-3,
  2.2596478090061247225e-3, -1.40346469989232843813e-3, 8.81081882437654011382e-4, -5.38595305356740546715e-4,
  3.15632070903625950361e-4, -3.12754168375120860518e-4, 3.35529192635519073543e-4,
];
/** (log Γ(1 + y) + y/2)/y for y in [−0.1, 0.232]. */
const ABOVE_ONE_P: readonly number[] = [
  -7.72156649015328655494e-2, 6.32827064025093366517e-1, 1.45492250137234768737, 9.77717527963372745603e-1,
  2.28963728064692451092e-1, 1.33810918536787660377e-2,
];
const ABOVE_ONE_Q: readonly number[] = [
  1, 2.45597793713041134822, 2.12848976379893395361, 7.69285150456672783825e-1, 1.04222645593369134254e-1,
  3.2170924228242391181e-3,
];
/** (log Γ(2 + y) − y/2)/y for y in [0, 1). */
const ABOVE_TWO_P: readonly number[] = [
  -7.72156649015328655494e-2, 2.14982415960608852501e-1, 3.25778796408930981787e-1, 1.46350472652464452805e-1,
  2.6642270303363860956e-2, 1.84028451407337715652e-3, 3.19475326584100867617e-5,
];
const ABOVE_TWO_Q: readonly number[] = [
  1, 1.39200533467621045958, 7.21935547567138069525e-1, 1.71933865632803078993e-1, 1.86459191715652901344e-2,
  7.77942496381893596434e-4, 7.32668430744625636189e-6,
];
/** (log(2π) − 1)/2. */
const STIRLING_CONSTANT = 4.18938533204672725052e-1;
/** x · (Stirling's remainder) in 1/x², for x ≥ 8: log Γ(x) = (x − 1/2)(log x − 1) + constant + remainder. */
const STIRLING: readonly number[] = [
  8.33333333333329678849e-2, -2.7777777772877553647e-3, 7.936505586430195585e-4, -5.95187557450339963135e-4,
  8.36339918996282139126e-4, -1.63092934096575273989e-3,
];

/** log Γ(1 + y) for −0.1 ≤ y ≤ 1, accurate in relative terms at its zeros 0 and 1. */
export function lgammaUnit(y: number): number {
  if (y < 0.23164) return (y * polynomial(ABOVE_ONE_P, y)) / polynomial(ABOVE_ONE_Q, y) - 0.5 * y;
  if (y < 0.73163) {
    const d = y - (MINIMUM_AT - 1);
    return MINIMUM_HIGH + (MINIMUM_LOW + d * d * polynomial(AT_MINIMUM, d));
  }
  const d = 1 - y;
  return d * polynomial(BELOW_TWO, d) - 0.5 * d;
}

/** log Γ(x + 1) − [(x + 1/2) log x − x + log(2π)/2]: the remainder of Stirling's formula, for x ≥ 8. */
export function stirlingRemainder(x: number): number {
  return polynomial(STIRLING, 1 / (x * x)) / x;
}

/** log Γ(x) for x > 0. */
function lgammaPositive(x: number): number {
  if (x === 1) return 0;
  if (x < 0.9) return lgammaUnit(x) - Math.log(x);
  if (x < 2) return lgammaUnit(x - 1);
  if (x < 8) {
    const n = Math.floor(x);
    const y = x - n;
    const r = 0.5 * y + (y * polynomial(ABOVE_TWO_P, y)) / polynomial(ABOVE_TWO_Q, y);
    return n === 2 ? r : r + Math.log(risingProduct(y + 2, n - 2));
  }
  // From 2^58 on the remainder is lost in rounding, and 1/x² would underflow.
  if (x >= 2.8e17) return x * (Math.log(x) - 1);
  return (x - 0.5) * (Math.log(x) - 1) + (STIRLING_CONSTANT + stirlingRemainder(x));
}

/** x (x + 1) … (x + n − 1). */
function risingProduct(x: number, n: number): number {
  let product = 1;
  for (let i = 0; i < n; i++) product *= x + i;
  return product;
}

/** log|Γ(x)|: +∞ at the poles 0, −1, −2, … and at ±∞. */
export function lgamma(x: number): number {
  if (x > 0) return lgammaPositive(x);
  if (x !== x) return NaN;
  if (x > -1e-18) return x === 0 ? Infinity : -Math.log(-x);
  const s = Math.abs(sinPi(x));
  // Γ(x) Γ(−x) = −π / (x sin πx); beyond 2^52 every number is an integer, hence a pole (and sin is 0).
  return s > 0 ? Math.log(Math.PI / (s * -x)) - lgammaPositive(-x) : Infinity;
}

/** Sign of Γ(x): 1 or −1 (of the limit from the right at +0, from the left at −0), NaN at negative integers. */
export function gammaSign(x: number): number {
  if (x > 0) return 1;
  if (x === 0) return 1 / x;
  const n = Math.floor(x);
  if (n === x) return NaN;
  return n % 2 === 0 ? 1 : -1;
}

/** Γ(1 + y) for y ≥ 0, exact at integers up to 22. */
export function gamma1p(y: number): number {
  if (y <= 1) return Math.exp(lgammaUnit(y));
  if (y >= 23) return stirlingGamma(y);
  const n = Math.floor(y);
  const f = y - n;
  return risingProduct(f + 1, n) * Math.exp(lgammaUnit(f));
}

/** Γ(1 + y) = √(2πy) (y/e)^y e^remainder for y ≥ 23. The power is halved: it overflows before the product does. */
function stirlingGamma(y: number): number {
  if (y > 171) return Infinity;
  const half = Math.pow(y, 0.5 * y);
  return ((Math.sqrt(2 * Math.PI * y) * half * Math.exp(stirlingRemainder(y))) / Math.exp(y)) * half;
}

/** Gamma function: ±∞ at ±0, NaN at negative integers and −∞. */
export function gamma(x: number): number {
  if (x >= 1) return gamma1p(x - 1);
  if (x > 0) return gamma1p(x) / x;
  if (x === 0) return 1 / x;
  const s = sinPi(x);
  if (s === 0) return NaN;
  // Reflection in two divisions: Γ(1 − x) alone may overflow where the quotient is only subnormal.
  return x < -170 ? Math.PI / s / gamma1p(-x - 30) / risingProduct(-x - 29, 30) : Math.PI / (s * gamma1p(-x));
}

/**
 * Inverse error function on binary64.
 *
 * The form follows J. M. Blair, C. A. Edwards and J. H. Johnson, "Rational Chebyshev approximations for the inverse of the
 * error function", Math. Comp. 30 (1976): a rational in x² in the centre, and one in √(−ln(1 − |x|)) in the tails. The
 * coefficients are our own near-minimax fits of the exact function in 50-digit arithmetic (truncation error < 6e-18). Each is
 * written as constant + small rational, so that the rounding error of the quotient is scaled down.
 *
 * @module
 */

import { productError } from './exact.ts';
import { polynomial } from './polynomial.ts';

/** erfInv(x)/x = 0.875 + P(v)/Q(v) with v = 0.5625 − x² in [0, 0.5625]. */
const CENTRE_P: readonly number[] = [
  0.2095597967968247, 0.8276593176770948, 0.44362564016159994, -1.779424272387388, -2.6228363962005385,
  -1.1455054454479778, -0.13825263447646177, -0.0006115294985326471,
];
const CENTRE_Q: readonly number[] = [
  1, 6.634252599398524, 16.72272522676496, 19.98945058716016, 11.519879563775742, 2.867460509774265, 0.2187130834290981,
];
/** erfInv(x)/s = 0.6875 + P(s − 1.125)/Q(s − 1.125) for s = √(−ln(1 − x)) < 3. */
const TAIL_P: readonly number[] = [
  -0.011382322695579193, 0.25061376505419436, 0.7779812918396888, 0.905242524238521, 0.5247954230268346,
  0.15234827304696286, 0.019486419850125777, 0.0007932320886663893,
];
const TAIL_Q: readonly number[] = [
  1, 3.5166582188585602, 5.205622291559586, 4.201192359341511, 1.9549933126715433, 0.5059610528246952,
  0.06245442353128161, 0.002537359866194181,
];
/** erfInv(x)/s = 0.9375 + P(s − 3)/Q(s − 3) for s in [3, 6.08]; the largest s is √(53 ln 2) = 6.061. */
const FAR_TAIL_P: readonly number[] = [
  -0.032579667353571706, 0.003196602847250645, 0.02034188704730992, 0.008626988634973094, 0.0013990853589101874,
  9.3471978560788e-5, 2.027453059318866e-6,
];
const FAR_TAIL_Q: readonly number[] = [
  1, 1.3018598245182516, 0.6758609428414405, 0.1762038345182763, 0.02371242482503172, 0.0014991351872710769,
  3.241801948494085e-5,
];

/** Solution y of erf(y) = x: ±∞ at ±1, NaN outside [−1, 1]. */
export function erfInv(x: number): number {
  const a = Math.abs(x);
  if (a <= 0.75) {
    const v = 0.5625 - x * x;
    return 0.875 * x + x * (polynomial(CENTRE_P, v) / polynomial(CENTRE_Q, v));
  }
  if (!(a < 1)) return a === 1 ? x * Infinity : NaN;
  const y = tail(1 - a);
  return x < 0 ? -y : y;
}

/** Solution y of erfc(y) = q for 2^−53 ≤ q ≤ 1/4. */
function tail(q: number): number {
  const square = -Math.log(q);
  const s = Math.sqrt(square);
  if (s < 3) {
    const t = s - 1.125;
    // What the square root rounded off: half an ulp here is up to three quarters of one in y < 1.
    const ss = s * s;
    const sLow = (square - ss - productError(s, s, ss)) / (2 * s);
    return 0.6875 * s + (s * (polynomial(TAIL_P, t) / polynomial(TAIL_Q, t)) + 0.6875 * sLow);
  }
  const t = s - 3;
  return 0.9375 * s + s * (polynomial(FAR_TAIL_P, t) / polynomial(FAR_TAIL_Q, t));
}

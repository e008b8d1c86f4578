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

import { polynomial } from './polynomial.ts';

/** erfInv(x)/x = 0.96875 + P(v)/Q(v) with v = 0.5625 − x² in [0, 0.5625]. */
const CENTRE_P: readonly number[] = [
  0.11580979679682472, 0.2056981364834832, -1.124129849847615, -3.6534352649336532, -3.7028251053045143,
  -1.414329868239315, -0.15875698604793972, -0.0006115294985326471,
];
const CENTRE_Q: readonly number[] = [
  1, 6.634252599398524, 16.72272522676496, 19.98945058716016, 11.519879563775742, 2.867460509774265,
  0.2187130834290981,
];
/** erfInv(x)/s = 0.8125 + P(s − 1.125)/Q(s − 1.125) for s = √(−ln(1 − x)) < 3. */
const TAIL_P: readonly number[] = [
  -0.1363823226955792, -0.18896851230312567, 0.12727850539474053, 0.38009347932083215, 0.2804212589428916,
  0.08910314144387597, 0.011679616908715577, 0.00047606210539211666,
];
const TAIL_Q: readonly number[] = [
  1, 3.5166582188585602, 5.205622291559586, 4.201192359341511, 1.9549933126715433, 0.5059610528246952,
  0.06245442353128161, 0.002537359866194181,
];
/** erfInv(x)/s = 0.9375 + P(s − 3)/Q(s − 3) for s in [3, 6.08]; the largest s is √(53 ln 2) = 6.061. */
const FAR_TAIL_P: readonly number[] = [
  -0.032579667353571706, 0.003196602847250645, 0.02034188704730992, 0.008626988634973094, 0.0013990853589101874,
  9.3471978560788e-05, 2.027453059318866e-06,
];
const FAR_TAIL_Q: readonly number[] = [
  1, 1.3018598245182516, 0.6758609428414405, 0.1762038345182763, 0.02371242482503172, 0.0014991351872710769,
  3.241801948494085e-05,
];

/** Solution y of erf(y) = x: ±∞ at ±1, NaN outside [−1, 1]. */
export function erfInv(x: number): number {
  const a = Math.abs(x);
  if (a <= 0.75) {
    const v = 0.5625 - x * x;
    return 0.96875 * x + x * (polynomial(CENTRE_P, v) / polynomial(CENTRE_Q, v));
  }
  if (!(a < 1)) return a === 1 ? x * Infinity : NaN;
  const y = tail(1 - a);
  return x < 0 ? -y : y;
}

/** Solution y of erfc(y) = q for 2^−53 ≤ q ≤ 1/4. */
function tail(q: number): number {
  const s = Math.sqrt(-Math.log(q));
  if (s < 3) {
    const t = s - 1.125;
    return 0.8125 * s + s * (polynomial(TAIL_P, t) / polynomial(TAIL_Q, t));
  }
  const t = s - 3;
  return 0.9375 * s + s * (polynomial(FAR_TAIL_P, t) / polynomial(FAR_TAIL_Q, t));
}

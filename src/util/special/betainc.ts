/**
 * Regularised incomplete beta function on binary64.
 *
 * After A. DiDonato and A. Morris, "Algorithm 708", ACM TOMS 18 (1992), and Boost: a power series where b x is small, else the
 * even part of the continued fraction DLMF 8.17.22, on the side of the mean where it converges; prefactors by deviances.
 *
 * @module
 */

import { deviance, gammaPrefactor, STIRLING_FROM } from './deviance.ts';
import { gamma1p, stirlingRemainder } from './gamma.ts';

/** Enough for a + b up to 1e9 near the mean, where the fraction needs about 2 √min(a, b) levels. */
const MAX_LEVELS = 100_000;

/**
 * I_x(a, b). As in JAX: NaN outside a, b ≥ 0, 0 ≤ x ≤ 1; a step at x = 0 when a = 0 or b = ∞, at x = 1 when b = 0 or a = ∞,
 * NaN when both hold.
 */
export function betainc(a: number, b: number, x: number): number {
  if (!(a >= 0 && b >= 0 && x >= 0 && x <= 1)) return NaN;
  const massAtZero = a === 0 || b === Infinity;
  const massAtOne = b === 0 || a === Infinity;
  if (massAtZero) return massAtOne ? NaN : x === 0 ? 0 : 1;
  if (massAtOne) return x === 1 ? 1 : 0;
  if (x === 0 || x === 1) return x;
  const y = 1 - x;
  return x <= a / (a + b) || seriesConverges(b, x) ? tail(a, b, x, y, x) : 1 - tail(b, a, y, x, x);
}

/** Whether the power series in x is short and does not cancel: its terms are (1 − b)(2 − b)…(n − b)/n! xⁿ · a/(a + n). */
function seriesConverges(b: number, x: number): boolean {
  return b * x <= 0.7 && (x <= 0.7 || b * x <= 0.05);
}

/** I_x(a, b) left of its mean, or where the series serves; `x0` is whichever of x, y = 1 − x the caller gave exactly. */
function tail(a: number, b: number, x: number, y: number, x0: number): number {
  if (seriesConverges(b, x)) return series(a, b, x, prefactor(a, b, x, y, x0));
  return prefactor(a, b, x, y, x0) / fraction(a, b, x, y);
}

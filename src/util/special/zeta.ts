/**
 * Hurwitz zeta function and the polygamma functions on binary64.
 *
 * ζ(s, q) = Σ (q + k)^−s by the Euler–Maclaurin formula (DLMF 25.11.28), as in S. Moshier's Cephes. The sum is scaled by q^s, so
 * that ζ and the product n! ζ of the polygamma functions leave the range of binary64 only where their values do.
 *
 * @module
 */

import { gammaPrefactor } from './deviance.ts';
import { digamma } from './digamma.ts';
import { pow } from './elementary.ts';
import { productError, sumError } from './exact.ts';
import { gamma1p, lgamma } from './gamma.ts';

/** B_2j/(2j)! for j = 1, 2, …, 12. */
const BERNOULLI_OVER_FACTORIAL: readonly number[] = [
  0.08333333333333333, -0.001388888888888889, 3.306878306878307e-5, -8.267195767195768e-7, 2.08767569878681e-8,
  -5.284190138687493e-10, 1.3382536530684679e-11, -3.3896802963225827e-13, 8.586062056277845e-15,
  -2.174868698558062e-16, 5.5090028283602295e-18, -1.3954464685812525e-19,
];
/**
 * How many terms to sum one by one before the twelve corrections give 1e-17. Where s is not small beside q the corrections
 * diverge, but they start from (1 + n/q)^−s, which is then negligible after ten terms.
 */
function directTerms(s: number, q: number): number {
  if (q > 40 && s < 0.25 * q) return 1;
  return 10;
}

/** (q/(q + k))^s, for large s with the rounding errors of sum and quotient (which the power multiplies by s) taken out. */
function ratioPower(q: number, k: number, s: number): number {
  const w = q + k;
  const r = q / w;
  const p = Math.pow(r, s);
  if (s < 4 || q < 1) return p;
  const rw = r * w;
  return p * (1 + (s * (q - rw - productError(r, w, rw) - r * sumError(q, k, w))) / q);
}

/** q^s ζ(s, q) = Σ (q/(q + k))^s for s > 1, 0 < q < ∞, summed from the tail. */
function scaledZeta(s: number, q: number): number {
  const n = directTerms(s, q);
  const w = q + n;
  const p = ratioPower(q, n, s);
  let sum = 0;
  if (p > 0) {
    // Σ_j B_2j/(2j)! · s(s + 1)…(s + 2j − 2) · w^(1−2j), after the integral and half the first term.
    let factor = s / w;
    for (let j = 0; j < BERNOULLI_OVER_FACTORIAL.length; j++) {
      const part = BERNOULLI_OVER_FACTORIAL[j]! * factor;
      sum += part;
      if (Math.abs(part) < 1e-18 * Math.abs(sum)) break;
      factor *= ((s + 2 * j + 1) / w) * ((s + 2 * j + 2) / w);
    }
    sum = p * (sum + 0.5 + w / (s - 1));
  }
  for (let k = n - 1; k > 0; k--) sum += ratioPower(q, k, s);
  return 1 + sum;
}

/** ζ(s, q) for s > 1 and q > 0. */
function positive(s: number, q: number): number {
  if (s === Infinity) return pow(q, -s);
  if (q === Infinity) return 0;
  const scale = Math.pow(q, -s);
  return scale === 0 ? 0 : scale * scaledZeta(s, q);
}

/**
 * Hurwitz zeta ζ(s, q). As in JAX: +∞ at s = 1, NaN for s < 1; for q ≤ 0, NaN unless s is an integer, and at the poles
 * q = 0, −1, −2, … +∞ for even s, NaN for odd s (where the two sides differ).
 */
export function zeta(s: number, q: number): number {
  if (!(s >= 1) || q !== q) return NaN;
  if (s === 1) return Infinity;
  if (q > 0) return positive(s, q);
  if (s !== Math.floor(s) || q === -Infinity || s === Infinity) return NaN;
  const floor = Math.floor(q);
  if (q === floor) return s % 2 === 0 ? Infinity : NaN;
  // The terms below zero are (−1)^s (j − r)^−s for j = 1, …, −⌊q⌋ with r = q − ⌊q⌋: a difference of two zeta functions.
  const r = q - floor;
  const below = positive(s, floor + 1 - q) - positive(s, 1 - q);
  return s % 2 === 0 ? positive(s, r) + below : positive(s, r) - below;
}

/** n! x^(−n−1), also where one factor alone leaves the range (the prefactor is x^n e^(−x)/n!). */
function factorialOverPower(n: number, x: number): number {
  if (n <= 170) {
    const half = Math.floor((n + 1) / 2);
    return gamma1p(n) * Math.pow(x, -half) * Math.pow(x, half - n - 1);
  }
  const prefactor = gammaPrefactor(n, x);
  if (x < 700 && prefactor > 1e-290) return Math.exp(-x) / (x * prefactor);
  return Math.exp(lgamma(n + 1) - (n + 1) * Math.log(x));
}

/**
 * Polygamma ψ⁽ⁿ⁾(x) = (−1)^(n+1) n! ζ(n + 1, x), the n-th derivative of digamma. NaN unless n is a non-negative integer; at the
 * poles x = 0, −1, −2, … +∞ for odd n, NaN for even n (as in JAX).
 */
export function polygamma(n: number, x: number): number {
  if (n === 0) return digamma(x);
  if (!(n > 0) || n !== Math.floor(n) || n === Infinity || x !== x) return NaN;
  const sign = n % 2 === 0 ? -1 : 1;
  if (x === Infinity) return sign < 0 ? -0 : 0;
  if (x > 0) return sign * factorialOverPower(n, x) * scaledZeta(n + 1, x);
  return sign * gamma1p(n) * zeta(n + 1, x);
}

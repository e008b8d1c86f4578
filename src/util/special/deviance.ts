/**
 * Prefactors of the incomplete gamma and beta functions without the cancellation of `a log x − x − log Γ(a)`.
 *
 * After C. Loader, "Fast and accurate computation of binomial probabilities" (2000): Stirling's formula turns the large terms
 * into a deviance, which is computed without subtracting logarithms.
 *
 * @module
 */

import { gamma1p, stirlingRemainder } from './gamma.ts';

/** From here on Stirling's remainder holds to full accuracy. */
export const STIRLING_FROM = 8;

/**
 * Deviance a·φ(m/a) with φ(λ) = λ − 1 − log λ, that is `a log(a/m) + m − a`, for a, m > 0; zero at m = a.
 * With v = (m − a)/(m + a), log(m/a) = 2 atanh v, and so a·φ = (m − a) v − 2 a (v³/3 + v⁵/5 + …).
 */
export function deviance(a: number, m: number): number {
  const d = m - a;
  const v = d / (m + a);
  if (Math.abs(v) > 0.3) return d - a * Math.log(m / a);
  const v2 = v * v;
  let sum = 0;
  let power = v * v2;
  for (let j = 3; j < 60; j += 2) {
    const next = sum + power / j;
    if (next === sum) break;
    sum = next;
    power *= v2;
  }
  return d * v - 2 * a * sum;
}

/** x^a e^(−x) / Γ(a + 1) for a ≥ 0, 0 < x < ∞. */
export function gammaPrefactor(a: number, x: number): number {
  if (a < STIRLING_FROM) {
    if (x < 700) return (Math.pow(x, a) * Math.exp(-x)) / gamma1p(a);
    return (Math.exp(-0.5 * x) * Math.pow(x, a) * Math.exp(-0.5 * x)) / gamma1p(a);
  }
  return (exponential(a, x) * Math.exp(-stirlingRemainder(a))) / Math.sqrt(2 * Math.PI * a);
}

/** e^(−a φ(x/a)) = (x/a)^a e^(a − x). */
function exponential(a: number, x: number): number {
  const d = x - a;
  const r = x / a;
  // Far from a, and while neither factor leaves the range, a power is more accurate than a logarithm times a.
  if (Math.abs(d) > 0.3 * (x + a) && Math.abs(d) < 700 && a * Math.abs(Math.log(r)) < 700) {
    return Math.pow(r, a) * Math.exp(-d);
  }
  return Math.exp(-deviance(a, x));
}

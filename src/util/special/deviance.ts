/**
 * Prefactors of the incomplete gamma and beta functions without the cancellation of `a log x − x − log Γ(a)`.
 *
 * After C. Loader, "Fast and accurate computation of binomial probabilities" (2000): Stirling's formula turns the large terms
 * into a deviance, which is computed without subtracting logarithms. Its leading part is carried in two doubles:
 * in the exponential, absolute errors of the deviance are relative errors of the result.
 *
 * @module
 */

import { productError, sumError } from './exact.ts';
import { gamma1p, stirlingRemainder } from './gamma.ts';

/** From here on Stirling's remainder holds to full accuracy. */
export const STIRLING_FROM = 8;

/** v³/3 + v⁵/5 + …: atanh v − v, for |v| ≤ 0.3. */
function atanhRest(v: number): number {
  const v2 = v * v;
  let sum = 0;
  let power = v * v2;
  for (let j = 3; j < 40; j += 2) {
    const next = sum + power / j;
    if (next === sum) break;
    sum = next;
    power *= v2;
  }
  return sum;
}

/**
 * Deviance a φ(m/a) with φ(λ) = λ − 1 − log λ, that is `a log(a/m) + m − a`, for a, m > 0 and |m − a| ≤ 0.3 (m + a).
 * With v = (m − a)/(m + a), log(m/a) = 2 atanh v, and so a φ = (m − a) v − 2 a (v³/3 + v⁵/5 + …).
 */
export function deviance(a: number, m: number): number {
  const d = m - a;
  const v = d / (m + a);
  return d * v - 2 * a * atanhRest(v);
}

/** e^(−a φ(m/a)) = (m/a)^a e^(a − m), where m is given as m + mLow. */
export function expMinusDeviance(a: number, m: number, mLow: number): number {
  const d = m - a;
  const s = m + a;
  if (Math.abs(d) > 0.3 * s) return farExponential(a, m, mLow, d);
  const v = d / s;
  const dLow = sumError(m, -a, d) + mLow;
  const vs = v * s;
  const vLow = (d - vs - productError(v, s, vs) + dLow - v * (sumError(m, a, s) + mLow)) / s;
  const lead = d * v;
  const leadLow = productError(d, v, lead) + d * vLow + dLow * v;
  const rest = 2 * a * atanhRest(v);
  const e = lead - rest;
  return Math.exp(-e) * (1 - (sumError(lead, -rest, e) + leadLow));
}

/** The same far from a, where powers are more accurate than a logarithm times a; a root is taken while a factor would overflow. */
function farExponential(a: number, m: number, mLow: number, d: number): number {
  const r = m / a;
  const size = Math.max(Math.abs(d), Math.abs(a * Math.log(r)));
  // A deviance above 745 underflows, and here it is at least 0.2 a: such sizes need no answer.
  if (!(size < 20_000)) return 0;
  let parts = 1;
  while (size > 700 * parts) parts *= 2;
  let result = Math.pow(r, a / parts) * Math.exp(-d / parts);
  for (let n = parts; n > 1; n /= 2) result *= result;
  const ra = r * a;
  const relative = (m - ra - productError(r, a, ra) + mLow) / m;
  return result * (1 + (a * relative - sumError(m, -a, d) - mLow));
}

/** x^a e^(−x) / Γ(a + 1) for a ≥ 0, 0 < x < ∞, where x is given as x + xLow. */
export function gammaPrefactor(a: number, x: number, xLow = 0): number {
  if (a < STIRLING_FROM) {
    if (x > 1000) return 0;
    const exponential =
      x < 700 ? Math.pow(x, a) * Math.exp(-x) : Math.exp(-0.5 * x) * Math.pow(x, a) * Math.exp(-0.5 * x);
    return (xLow === 0 ? exponential : exponential * (1 + xLow * (a / x - 1))) / gamma1p(a);
  }
  return (expMinusDeviance(a, x, xLow) * Math.exp(-stirlingRemainder(a))) / Math.sqrt(2 * Math.PI * a);
}

/**
 * Regularised incomplete gamma functions on binary64 and their derivative in the parameter.
 *
 * P(a, x) = γ(a, x)/Γ(a) and Q = 1 − P, each computed directly where it is the smaller one (DLMF chapter 8): the power series of
 * P for x ≤ a, Legendre's continued fraction of Q for x > a, Temme's expansion for large a near x, and for small x and a the
 * series of Q that subtracts nothing. The choice of regions follows SciPy's revision of S. Moshier's Cephes.
 *
 * @module
 */

import { gammaPrefactor } from './deviance.ts';
import { digamma } from './digamma.ts';
import { lgamma, lgammaUnit } from './gamma.ts';
import { inTemmeRegion, temme, temmeGradA } from './temme.ts';

/** Below this x the continued fraction converges too slowly. */
const FRACTION_FROM = 1.1;
const MAX_TERMS = 2000;

/** P(a, x): 0 at x = 0, 1 at x = ∞ and at a = 0, 0 at a = ∞; NaN for negative arguments and at (0, 0), (∞, ∞). */
export function igamma(a: number, x: number): number {
  if (!(a >= 0 && x >= 0) || (a === x && (a === 0 || a === Infinity))) return NaN;
  if (a === 0 || x === Infinity) return 1;
  if (x === 0 || a === Infinity) return 0;
  if (inTemmeRegion(a, x)) return temme(a, x, true);
  if (x <= FRACTION_FROM || x <= a) return lowerSeries(a, x);
  return 1 - upperFraction(a, x);
}

/** Q(a, x) = 1 − P(a, x): 1 at x = 0, 0 at x = ∞ and at a = 0; NaN where `igamma` is. */
export function igammac(a: number, x: number): number {
  if (!(a >= 0 && x >= 0) || (a === x && (a === 0 || a === Infinity))) return NaN;
  if (a === 0 || x === Infinity) return 0;
  if (x === 0 || a === Infinity) return 1;
  if (inTemmeRegion(a, x)) return temme(a, x, false);
  if (x > FRACTION_FROM) return x < a ? 1 - lowerSeries(a, x) : upperFraction(a, x);
  // Where P is small its complement loses nothing; otherwise Q needs its own series.
  const lowerIsSmall = x <= 0.5 ? -0.4 / Math.log(x) < a : 1.1 * x < a;
  return lowerIsSmall ? 1 - lowerSeries(a, x) : upperSeries(a, x);
}

/** P(a, x) = x^a e^(−x)/Γ(a + 1) · Σ xⁿ/((a + 1)…(a + n)). */
function lowerSeries(a: number, x: number): number {
  const prefactor = gammaPrefactor(a, x);
  if (prefactor === 0) return 0;
  let term = 1;
  let sum = 0;
  for (let n = 1; n < MAX_TERMS; n++) {
    term *= x / (a + n);
    sum += term;
    if (term < 1e-17 * sum) break;
  }
  return prefactor + prefactor * sum;
}

/** Q(a, x) for small a and x: 1 − x^a/Γ(a + 1) · (1 + a Σ (−x)ⁿ/(n! (a + n))), the first difference by `expm1`. */
function upperSeries(a: number, x: number): number {
  let term = 1;
  let sum = 0;
  for (let n = 1; n < MAX_TERMS; n++) {
    term *= -x / n;
    const part = term / (a + n);
    sum += part;
    if (Math.abs(part) <= 1e-17 * Math.abs(sum)) break;
  }
  const logFactor = a * Math.log(x) - (a <= 1 ? lgammaUnit(a) : lgamma(1 + a));
  return -Math.expm1(logFactor) - a * Math.exp(logFactor) * sum;
}

/**
 * How many levels of Legendre's continued fraction give 1e-17 for x > max(a, 1.1). Its error falls as e^(−4√(nx));
 * with x ≥ 1.3 a for large a (Temme's region excluded) the count stays bounded.
 */
function fractionLevels(x: number): number {
  return 30 + Math.ceil(110 / x);
}

/**
 * Q(a, x) = x^a e^(−x)/Γ(a) · 1/(x + 1 − a + 1(a − 1)/(x + 3 − a + 2(a − 2)/(x + 5 − a + …))) (DLMF 8.9.2), evaluated from the
 * tail: unlike the forward recurrences it does not accumulate rounding errors.
 */
function upperFraction(a: number, x: number): number {
  const prefactor = gammaPrefactor(a, x);
  if (prefactor === 0) return 0;
  const b = x + 1 - a;
  const levels = fractionLevels(x);
  let t = b + 2 * levels;
  for (let k = levels; k > 0; k--) t = b + 2 * (k - 1) + (k * (a - k)) / t;
  return (prefactor * a) / t;
}

/** ∂P(a, x)/∂a: 0 at x = 0 and x = ∞; NaN for a ≤ 0 or x < 0. */
export function igammaGradA(a: number, x: number): number {
  if (!(a > 0 && x >= 0)) return NaN;
  if (x === 0 || x === Infinity || a === Infinity) return 0;
  if (inTemmeRegion(a, x)) return temmeGradA(a, x);
  const prefactor = gammaPrefactor(a, x);
  if (prefactor === 0) return 0;
  const logDerivative = Math.log(x) - digamma(1 + a);
  return x <= FRACTION_FROM || x <= a
    ? prefactor * lowerSeriesGrad(a, x, logDerivative)
    : -prefactor * upperFractionGrad(a, x, logDerivative);
}

/** The series of P differentiated term by term, over the prefactor: Σ log′ + Σ′. */
function lowerSeriesGrad(a: number, x: number, logDerivative: number): number {
  let term = 1;
  let termGrad = 0;
  let sum = 1;
  let sumGrad = 0;
  for (let n = 1; n < MAX_TERMS; n++) {
    const r = 1 / (a + n);
    termGrad = (termGrad - term * r) * (x * r);
    term *= x * r;
    sum += term;
    sumGrad += termGrad;
    if (term <= 1e-17 * sum && termGrad >= 1e-17 * sumGrad) break;
  }
  return sum * logDerivative + sumGrad;
}

/** The continued fraction of Q differentiated level by level, over the prefactor (log′ taken at a + 1, so that a may be tiny). */
function upperFractionGrad(a: number, x: number, logDerivative: number): number {
  const b = x + 1 - a;
  const levels = fractionLevels(x);
  let t = b + 2 * levels;
  let dt = -1;
  for (let k = levels; k > 0; k--) {
    const q = (k * (a - k)) / t;
    dt = -1 + (k - q * dt) / t;
    t = b + 2 * (k - 1) + q;
  }
  return (1 + a * logDerivative - (a * dt) / t) / t;
}

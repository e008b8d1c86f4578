/**
 * Regularised incomplete beta function on binary64.
 *
 * After A. DiDonato and A. Morris, "Algorithm 708", ACM TOMS 18 (1992), and Boost: the power series where it converges fast, else the
 * even part of the continued fraction DLMF 8.17.22, on the side of the mean where it converges; prefactors by deviances.
 *
 * @module
 */

import { expMinusDeviance, gammaPrefactor, STIRLING_FROM } from './deviance.ts';
import { productError, sumError } from './exact.ts';
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
  if (seriesConverges(a, b, x)) return series(a, b, x, y);
  // Left of the mean I_x is the smaller part; a thin strip at x = 1 would need too many levels and goes through its complement.
  if (x <= a / (a + b) && (y > 1e-4 || b >= 1)) return fraction(a, b, x, y);
  return 1 - (seriesConverges(b, a, y) ? series(b, a, y, x) : fraction(b, a, y, x));
}

/** Whether the positive series in x converges at least like 0.7ⁿ. */
function seriesConverges(a: number, b: number, x: number): boolean {
  return x <= 0.7 && (a + b) * x <= 0.7 * (a + 1);
}

/** I_x(a, b) = x^a y^b/(a B(a, b)) · Σ xⁿ (a + b)…(a + b + n − 1)/((a + 1)…(a + n)) (DLMF 8.17.8). */
function series(a: number, b: number, x: number, y: number): number {
  const scale = prefactor(a, b, x, y) / a;
  let term = 1;
  let sum = 0;
  for (let n = 1; n < MAX_LEVELS; n++) {
    term *= ((a + b + n - 1) * x) / (a + n);
    sum += term;
    if (term <= 1e-17 * sum) break;
  }
  return scale + scale * sum;
}

/** I_x(a, b) = x^a y^b/B(a, b) / (b₀ + a₁/(b₁ + a₂/(b₂ + …))) by Lentz's algorithm, for x up to about the mean a/(a + b). */
function fraction(a: number, b: number, x: number, y: number): number {
  const scale = prefactor(a, b, x, y);
  if (scale === 0) return 0;
  const lead = a * y - b * x + 1;
  let f = (a * lead) / (a + 1);
  let c = f;
  let d = 0;
  for (let m = 1; m < MAX_LEVELS; m++) {
    const e = a + 2 * m - 1;
    const slope = (m * (b - m) * x) / e;
    const numerator = ((a + m - 1) / e) * (a + b + m - 1) * x * slope;
    const denominator = m + slope + ((a + m) * (lead + m * (1 + y))) / (e + 2);
    d = 1 / (denominator + numerator * d);
    c = denominator + numerator / c;
    const step = c * d;
    f *= step;
    if (Math.abs(step - 1) < 2.3e-16) break;
  }
  return scale / f;
}

/** x^a y^b / B(a, b) for x + y = 1. */
function prefactor(a: number, b: number, x: number, y: number): number {
  if (a >= STIRLING_FROM && b >= STIRLING_FROM) return stirlingPrefactor(a, b, x, y);
  if (b >= STIRLING_FROM) return mixedPrefactor(a, b, x, y);
  if (a >= STIRLING_FROM) return mixedPrefactor(b, a, y, x);
  const n = a + b;
  return (((a / n) * b * gamma1p(n)) / (gamma1p(a) * gamma1p(b))) * power(x, y, a) * power(y, x, b);
}

/** v^p where v + w = 1, one of them exact: the smaller one always is (a difference from 1 of what is ≥ 1/2 does not round). */
function power(v: number, w: number, p: number): number {
  return v <= 0.5 ? Math.pow(v, p) : Math.exp(p * Math.log1p(-w));
}

/** n x − p for p = fl(n x), n = a + b and x = 1 − y, with the rounding errors of n and x counted in. */
function scaledError(a: number, b: number, x: number, y: number, p: number): number {
  const n = a + b;
  return productError(n, x, p) + sumError(a, b, n) * x + n * (1 - x - y);
}

/** Both parameters large: √(ab/(2πn)) e^(−dev(a, nx) − dev(b, ny)) times Stirling's remainders, with n = a + b. */
function stirlingPrefactor(a: number, b: number, x: number, y: number): number {
  const n = a + b;
  const remainder = stirlingRemainder(n) - stirlingRemainder(a) - stirlingRemainder(b);
  const scale = Math.sqrt((a / n) * (b / (2 * Math.PI))) * Math.exp(remainder);
  return scale * scaledExponential(a, b, x, y) * scaledExponential(b, a, y, x);
}

/** e^(−dev(a, nx)), n = a + b. */
function scaledExponential(a: number, b: number, x: number, y: number): number {
  const m = (a + b) * x;
  return expMinusDeviance(a, m, scaledError(a, b, x, y, m));
}

/** Only b large: Stirling's formula for Γ(n)/Γ(b) leaves the prefactor of the incomplete gamma function at (a, nx). */
function mixedPrefactor(a: number, b: number, x: number, y: number): number {
  const n = a + b;
  const m = n * x;
  const scale = Math.sqrt(b / n) * a * Math.exp(stirlingRemainder(n) - stirlingRemainder(b));
  return scale * gammaPrefactor(a, m, scaledError(a, b, x, y, m)) * scaledExponential(b, a, y, x);
}

/**
 * Digamma function ψ(x) = d/dx log Γ(x) on binary64.
 *
 * As in J. Maddock's Boost implementation the zero at 1.4616… is factored out, so that ψ keeps its relative accuracy there.
 * The coefficients are our own near-minimax fits in 50-digit arithmetic (truncation error < 8e-18).
 *
 * @module
 */

import { polynomial } from './polynomial.ts';

/** The positive zero of ψ, less one, in two parts: 0.46163214496836234126265954232572132846819620400644635… */
const ROOT_HIGH = 0.46163214496836236;
const ROOT_LOW = -1.5522348162858677e-17;

/** ψ(1 + u)/(u − root) = 1 + P(u)/Q(u) for u in [0, 1]. */
const UNIT_P: readonly number[] = [
  0.2503801375034054, -0.30909195159970704, -0.6926159830192986, -0.3559494983365361, -0.07164494682655852,
  -0.005585249819541946, -0.00012159700520093427,
];
const UNIT_Q: readonly number[] = [
  1, 2.1790922173076117, 1.6669508976406153, 0.5736290568669151, 0.09182411715273535, 0.00617645521542815,
  0.0001227172929671237,
];
/** (ψ(x) − ln(x − 1/2))/z = P(z)/Q(z) with z = (x − 1/2)^−2, for x ≥ 2. */
const LARGE_P: readonly number[] = [
  0.04166666666664529, 0.623198427471858, 2.968318983388183, 5.488596512465531, 3.814061878457442, 0.7812963038873366,
  0.016480971235227973,
];
const LARGE_Q: readonly number[] = [
  1, 15.131762259175991, 73.7954521076391, 143.3436530738018, 111.1340386821829, 30.05560465656043, 1.9064208398715414,
];

/** ψ(1 + u) for u in [0, 1]. */
function unitInterval(u: number): number {
  const g = u - ROOT_HIGH - ROOT_LOW;
  return g + g * (polynomial(UNIT_P, u) / polynomial(UNIT_Q, u));
}

/** ψ(x) for x ≥ 2: near the logarithm of x − 1/2 (the odd terms of the asymptotic series vanish about that point). */
function large(x: number): number {
  const y = x - 0.5;
  const z = 1 / (y * y);
  return Math.log(y) + z * (polynomial(LARGE_P, z) / polynomial(LARGE_Q, z));
}

/** ψ(x) for x > 0. */
function positive(x: number): number {
  if (x >= 2) return large(x);
  return x >= 1 ? unitInterval(x - 1) : unitInterval(x) - 1 / x;
}

/** Digamma: −∞ at ±0, NaN at the poles −1, −2, … and at −∞ (as in JAX), +∞ at +∞. */
export function digamma(x: number): number {
  if (x > 0) return positive(x);
  if (x === 0) return -Infinity;
  const r = x - Math.floor(x + 0.5);
  if (!(r !== 0)) return NaN;
  // ψ(x) = ψ(1 − x) − π / tan(πx), with πx reduced exactly to (−π/2, π/2].
  return positive(1 - x) - Math.PI / Math.tan(Math.PI * r);
}

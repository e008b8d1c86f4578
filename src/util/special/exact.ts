/**
 * Rounding errors of sums and products, exactly: the pieces of double-double arithmetic.
 *
 * T. J. Dekker, "A floating-point technique for extending the available precision", Numer. Math. 18 (1971).
 *
 * @module
 */

/** 2^27 + 1: multiplying by it splits a double into two halves of 26 bits. */
const SPLITTER = 134217729;
/** Above this the splitting overflows. */
const SPLIT_BELOW = 1e290;

/** x y − p for p = fl(x y), exactly. */
export function productError(x: number, y: number, p: number): number {
  if (!(Math.abs(x) < SPLIT_BELOW && Math.abs(y) < SPLIT_BELOW)) return 0;
  const cx = SPLITTER * x;
  const xHigh = cx - (cx - x);
  const xLow = x - xHigh;
  const cy = SPLITTER * y;
  const yHigh = cy - (cy - y);
  const yLow = y - yHigh;
  return xLow * yLow - (p - xHigh * yHigh - xLow * yHigh - xHigh * yLow);
}

/** x + y − s for s = fl(x + y), exactly. */
export function sumError(x: number, y: number, s: number): number {
  const z = s - x;
  return x - (s - z) + (y - z);
}

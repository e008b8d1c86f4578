/**
 * Bit-level helpers for IEEE 754 binary32 values held in JavaScript numbers.
 *
 * @module
 */

const cell: Float32Array = /* @__PURE__ */ new Float32Array(1);
const word: Int32Array = /* @__PURE__ */ new Int32Array(cell.buffer);

/** Smallest positive subnormal binary32 number, 2^−149. */
const TINIEST = 1.401298464324817e-45;

/**
 * Next binary32 number after `fround(x)` towards `y`. NaN if either is NaN; `y` if they are equal;
 * from zero, the smallest subnormal with the sign of `y`.
 */
export function nextAfter32(x: number, y: number): number {
  const from = Math.fround(x);
  const to = Math.fround(y);
  if (from !== from || to !== to) return NaN;
  if (from === to) return to;
  if (from === 0) return to > 0 ? TINIEST : -TINIEST;
  cell[0] = from;
  word[0] = to > from === from > 0 ? word[0]! + 1 : word[0]! - 1;
  return cell[0]!;
}

/**
 * How many binary32 numbers lie between `fround(a)` and `fround(b)` (0 when equal; +0 and −0 coincide).
 * Two NaNs are at distance 0, a NaN and a number at infinite distance.
 */
export function ulpDistance32(a: number, b: number): number {
  if (a !== a || b !== b) return a !== a && b !== b ? 0 : Infinity;
  return Math.abs(orderedBits(a) - orderedBits(b));
}

/** The bits of `fround(x)` as an integer that grows with `x`. */
function orderedBits(x: number): number {
  cell[0] = Math.abs(x);
  return x < 0 ? -word[0]! : word[0]!;
}

/**
 * Bit-level and rounding helpers for IEEE 754 binary64: what WebAssembly has as instructions and JavaScript lacks.
 *
 * @module
 */

const cell: Float64Array = /* @__PURE__ */ new Float64Array(1);
const words: Int32Array = /* @__PURE__ */ new Int32Array(cell.buffer);
/** Index of the word that holds sign and exponent: 1 on little-endian machines, 0 on big-endian ones. */
const HIGH: number = /* @__PURE__ */ new Uint8Array(/* @__PURE__ */ new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;
const LOW: number = 1 - HIGH;

/** 2^52: from here on every binary64 number is an integer. */
const TWO_52 = 4503599627370496;
/** Smallest positive subnormal number. */
const TINIEST = 4.94065645841246544e-324;

/** High 32 bits of `x` (sign, exponent, top of the significand) as a signed integer. */
export function highWord(x: number): number {
  cell[0] = x;
  return words[HIGH]!;
}

/** `x` with the low 32 bits of its significand cleared: a 21-bit head whose square is exact. */
export function truncateLowWord(x: number): number {
  cell[0] = x;
  words[LOW] = 0;
  return cell[0]!;
}

/** Magnitude of `magnitude` with the sign bit of `sign` (−0 counts as negative). */
export function copySign(magnitude: number, sign: number): number {
  const a = Math.abs(magnitude);
  if (sign > 0) return a;
  if (sign < 0) return -a;
  return highWord(sign) < 0 ? -a : a;
}

/**
 * Nearest integer, ties to even (IEEE `roundToIntegralTiesToEven`); keeps the sign of zero.
 * Adding and subtracting 2^52 makes the hardware round at the unit digit.
 */
export function roundEven(x: number): number {
  const a = Math.abs(x);
  if (!(a < TWO_52)) return x;
  const rounded = a + TWO_52 - TWO_52;
  return x > 0 ? rounded : x < 0 ? -rounded : x;
}

/** C's `fmod`: the remainder of truncated division, with the sign of the dividend. */
export function fmod(x: number, y: number): number {
  return x % y;
}

/**
 * Next binary64 number after `x` towards `y`. NaN if either is NaN; `y` if they are equal;
 * from zero, the smallest subnormal with the sign of `y`.
 */
export function nextAfter(x: number, y: number): number {
  if (x !== x || y !== y) return NaN;
  if (x === y) return y;
  if (x === 0) return y > 0 ? TINIEST : -TINIEST;
  cell[0] = x;
  const low = words[LOW]!;
  if (y > x === x > 0) {
    words[LOW] = low + 1;
    if (low === -1) words[HIGH] = words[HIGH]! + 1;
  } else {
    words[LOW] = low - 1;
    if (low === 0) words[HIGH] = words[HIGH]! - 1;
  }
  return cell[0]!;
}

/**
 * How many binary64 numbers lie between `a` and `b` (0 when equal, 1 for neighbours; +0 and −0 coincide).
 * Two NaNs are at distance 0, a NaN and a number at infinite distance.
 */
export function ulpDistance64(a: number, b: number): number {
  if (a !== a || b !== b) return a !== a && b !== b ? 0 : Infinity;
  return Math.abs(Number(orderedBits(a) - orderedBits(b)));
}

/** The bits of `x` as an integer that grows with `x`. */
function orderedBits(x: number): bigint {
  cell[0] = Math.abs(x);
  const magnitude = BigInt(words[HIGH]!) * 4294967296n + BigInt(words[LOW]! >>> 0);
  return x < 0 ? -magnitude : magnitude;
}

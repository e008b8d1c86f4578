/**
 * 64-bit integers of files and tables, which have no element type of their own here.
 * May import: nothing.
 * @module
 */

/** The numbers in 32 bits; or the position of the first that does not fit. */
export function narrowInt64(
  from: BigInt64Array | BigUint64Array,
): Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | number {
  const out = from instanceof BigInt64Array ? new Int32Array(from.length) : new Uint32Array(from.length);
  for (let i = 0; i < out.length; i++) {
    const value = Number(from[i]!);
    out[i] = value;
    if (out[i] !== value) return i;
  }
  return out;
}

/**
 * The pattern of a float64.
 * @module
 */

/** Its low and its high 32 bits. */
export const wordsOf = (x: number): Int32Array => new Int32Array(Float64Array.of(x).buffer);

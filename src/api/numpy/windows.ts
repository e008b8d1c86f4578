/**
 * Window functions. Formulas as in the NumPy reference, section "Window functions".
 * May import: `ir`, `core`, `api/lift`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import { defaultFloat } from '../../core/config.ts';
import type { Tensor } from '../../core/tensor.ts';
import { arrayFrom } from '../lift.ts';

/** Samples of f on [0, 1] at both ends and between them; a single sample is 1. */
function samples(op: string, length: number, f: (u: number) => number): Tensor {
  if (!Number.isInteger(length) || length < 0) {
    throw new ArgumentError(`${op}: expected a length that is a whole number, got ${String(length)}.`);
  }
  const values = Float64Array.from({ length }, (_, i) => (length === 1 ? 1 : f(i / (length - 1))));
  return arrayFrom(values, defaultFloat());
}

const cosine = (u: number, harmonic: number): number => Math.cos(2 * Math.PI * harmonic * u);

/** Triangular window of a length, 0 at both ends. */
export const bartlett = (length: number): Tensor => samples('bartlett', length, (u) => 1 - Math.abs(2 * u - 1));

/** Blackman's window of a length: 0.42 − 0.5·cos 2πu + 0.08·cos 4πu. */
export const blackman = (length: number): Tensor =>
  samples('blackman', length, (u) => 0.42 - 0.5 * cosine(u, 1) + 0.08 * cosine(u, 2));

/** Hamming's window of a length: 0.54 − 0.46·cos 2πu. */
export const hamming = (length: number): Tensor => samples('hamming', length, (u) => 0.54 - 0.46 * cosine(u, 1));

/**
 * Von Hann's window of a length: ½ − ½·cos 2πu.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.hanning(3).toArray()); // => [ 0, 1, 0 ]
 * ```
 */
export const hanning = (length: number): Tensor => samples('hanning', length, (u) => 0.5 - 0.5 * cosine(u, 1));

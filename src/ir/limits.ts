/**
 * The ends of the range of each element type.
 * May import: `ir/dtype`.
 * @module
 */
import type { DType } from './dtype.ts';

const ends: { readonly [D in DType]: readonly [least: number, largest: number] } = {
  bool: [0, 1],
  uint8: [0, 255],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  float16: [-Infinity, Infinity],
  bfloat16: [-Infinity, Infinity],
  float32: [-Infinity, Infinity],
  float64: [-Infinity, Infinity],
};

/** The least value of a dtype, which every maximum starts from; −∞ for floats. */
export const leastOf = (dtype: DType): number => ends[dtype][0];

/** The largest value of a dtype, which every minimum starts from; ∞ for floats. */
export const largestOf = (dtype: DType): number => ends[dtype][1];

/** All bits of an integer or a boolean set, as a literal of the dtype holds it. */
export const allBits = (dtype: DType): number => (dtype === 'int32' ? -1 : largestOf(dtype));

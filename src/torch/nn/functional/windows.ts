/**
 * What convolutions and pooling share.
 * May import: `ir`, `core`, `api`.
 * @module
 */
import { ArgumentError } from '../../../ir/errors.ts';
import type { Tensor as CoreTensor } from '../../../core/tensor.ts';
import * as np from '../../../api/numpy/index.ts';

/** One number for all spatial dimensions, or one for each. */
export type Sizes = number | readonly number[];

/** A size for each spatial dimension. */
export function spread(op: string, name: string, given: Sizes, rank: number, least: number): number[] {
  const list = typeof given === 'number' ? Array.from({ length: rank }, () => given) : [...given];
  if (list.length === rank && list.every((n) => Number.isInteger(n) && n >= least)) return list;
  throw new ArgumentError(
    `${op}: expected ${name} to be an integer of at least ${least} or ${rank} of them, got ${JSON.stringify(given)}.`,
  );
}

/** Gives an input without a batch one of size 1, and takes it from the result. */
export function inBatches(x: CoreTensor, isBatched: boolean, f: (x: CoreTensor) => CoreTensor): CoreTensor {
  return isBatched ? f(x) : np.squeeze(f(np.expandDims(x, 0)), 0);
}

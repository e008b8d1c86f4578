/**
 * Diagonals of the matrices in the last two axes (those of `np.diagonal` and `np.trace` are in the first two).
 * May import: `core`, `api`.
 * @module
 */
import type { Tensor } from '../../../core/tensor.ts';
import type { TensorLike } from '../../lift.ts';
import { readOptions } from '../../named.ts';
import { diagonal as diagonalOf, trace as traceOf } from '../matrices.ts';

interface Offset {
  readonly offset?: number | undefined;
}

const offsetOf = (op: string, given: number | Offset | undefined): number =>
  readOptions<Offset>(op, ['offset'], [given]).offset ?? 0;

/** The diagonal of the last two axes, `offset` above the main one. */
export const diagonal = (x: TensorLike, offset?: number | Offset): Tensor =>
  diagonalOf(x, offsetOf('linalg.diagonal', offset), -2, -1);

/** The sum along a diagonal of the last two axes. */
export const trace = (x: TensorLike, offset?: number | Offset): Tensor =>
  traceOf(x, offsetOf('linalg.trace', offset), -2, -1);

/**
 * Matrices made of vectors, and of other matrices.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ShapeError } from '../../../ir/errors.ts';
import { defaultFloat } from '../../../core/config.ts';
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import { asTensor, promote, type TensorLike } from '../../lift.ts';
import { atleast2d, ravel } from '../../numpy/movement.ts';

/**
 * The matrices on the diagonal of a larger one, zeros elsewhere. Vectors are rows, numbers 1 × 1.
 * @throws ShapeError for more than two axes
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * console.log(String(scipy.linalg.blockDiag([[1, 2]], 3))); // => [[1, 2, 0], [0, 0, 3]]
 * ```
 */
export function blockDiag(...arrays: readonly TensorLike[]): Tensor {
  const blocks = (arrays.length === 0 ? [asTensor([[]])] : promote(...arrays)).map((x) => atleast2d(x));
  const wrong = blocks.find((x) => x.ndim > 2);
  if (wrong) {
    throw new ShapeError(`linalg.blockDiag: expected matrices, got ${wrong.aval.toString()}.`, 'use vmap for a batch.');
  }
  const width = blocks.reduce((sum, x) => sum + x.shape[1]!, 0);
  let before = 0;
  const rows = blocks.map((x) => {
    const [low, n] = [before, x.shape[1]!];
    before += n;
    return prim.pad(x, prim.like(x, 0), { low: [0, low], high: [0, width - low - n], interior: [0, 0] });
  });
  return prim.concatenate(rows, 0);
}

/**
 * The matrix with equal elements along each diagonal: first column c, first row r (c by default; its first element is not used).
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * console.log(String(scipy.linalg.toeplitz([1, 2], [1, 3, 4]))); // => [[1, 3, 4], [2, 1, 3]]
 * ```
 */
export function toeplitz(c: TensorLike, r?: TensorLike | null): Tensor {
  const [column, row] = promote(c, r ?? c).map((x) => ravel(x)) as [Tensor, Tensor];
  const [m, n] = [column.size, row.size];
  if (m === 0 || n === 0) return prim.reshape(prim.sliceAxis(column, 0, 0, 0), [m, n]);
  // c[m−1], …, c[1], c[0], r[1], …, r[n−1]: row i is n elements from m − 1 − i on.
  const line = prim.concatenate([prim.reverse(column, [0]), prim.sliceAxis(row, 0, 1, n)], 0);
  const at = (axis: number): Tensor => prim.iota([m, n], 'int32', axis);
  const index = prim.add(prim.sub(at(1), at(0)), prim.like(at(0), m - 1));
  return prim.reshape(prim.takeAlongAxis(line, prim.reshape(index, [m * n]), 0), [m, n]);
}

/** The n × n matrix of 1 / (i + j + 1), which is hard to invert. */
export function hilbert(n: number): Tensor {
  const at = (axis: number): Tensor => prim.iota([n, n], defaultFloat(), axis);
  const sum = prim.add(at(0), at(1));
  return prim.div(prim.like(sum, 1), prim.add(sum, prim.like(sum, 1)));
}

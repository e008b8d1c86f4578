/**
 * Factorisations with NumPy's options.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import { cholesky as factor } from '../../lax/linalg.ts';
import type { TensorLike } from '../../lift.ts';
import { readOptions } from '../../named.ts';
import { squareMatrices } from './operands.ts';

export interface CholeskyOptions {
  /** Give the upper factor Lᵀ; false. */
  readonly upper?: boolean | undefined;
  /** Factor ½(A + Aᵀ); else only the lower triangle is read. True. */
  readonly symmetrizeInput?: boolean | undefined;
}

/**
 * The lower triangular L with A = L Lᵀ (with `upper`, Lᵀ), for symmetric positive definite matrices.
 *
 * @param a `[..., n, n]`
 * @returns like a; a matrix that is not positive definite has NaN in its factor, with no concern to others of a batch
 * @throws ShapeError unless the matrices are square
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(String(np.linalg.cholesky([[4, 2], [2, 5]]))); // => [[2, 0], [1, 2]]
 * ```
 */
export function cholesky(a: TensorLike, options?: CholeskyOptions): Tensor {
  const x = squareMatrices('linalg.cholesky', a);
  const o = readOptions<CholeskyOptions>('linalg.cholesky', ['upper', 'symmetrizeInput'], [options ?? {}]);
  const l = factor(x, { symmetrizeInput: o.symmetrizeInput });
  return o.upper ? prim.transposed(l) : l;
}

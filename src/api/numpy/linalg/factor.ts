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
import { checkChoice } from '../../options.ts';
import { matrices, squareMatrices } from './operands.ts';

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

export type QrMode = 'reduced' | 'complete' | 'r';

/**
 * A = Q R with orthonormal columns of Q and R upper triangular, by Householder reflections.
 *
 * @param a `[..., m, n]`, k = min(m, n)
 * @param mode `'reduced'` gives Q `[m, k]` and R `[k, n]`; `'complete'` Q `[m, m]` and R `[m, n]` (no derivative if m > n); `'r'` R alone
 * @throws ShapeError, ArgumentError
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * const [q, r] = np.linalg.qr([[0, 2], [-3, 0]]);
 * console.log(String(np.matmul(q, r))); // => [[0, 2], [-3, 0]]
 * ```
 */
export function qr(a: TensorLike, mode: 'r'): Tensor;
export function qr(a: TensorLike, mode?: QrMode | { readonly mode?: QrMode }): [Tensor, Tensor];
export function qr(a: TensorLike, mode?: QrMode | { readonly mode?: QrMode }): Tensor | [Tensor, Tensor] {
  const x = matrices('linalg.qr', a);
  const { mode: chosen = 'reduced' } = readOptions<{ mode: QrMode }>('linalg.qr', ['mode'], [mode]);
  checkChoice('linalg.qr', 'mode', chosen, ['reduced', 'complete', 'r']);
  const [q, r] = prim.qr(x, chosen === 'complete') as [Tensor, Tensor];
  return chosen === 'r' ? r : [q, r];
}

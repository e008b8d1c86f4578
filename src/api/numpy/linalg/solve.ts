/**
 * Systems of linear equations and inverses, from the LU factorisation.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import { stopGradient } from '../../custom.ts';
import type { TensorLike } from '../../lift.ts';
import { squareMatrices, system } from './operands.ts';

/** A⁻¹ b for matrices and right-hand sides of one batch shape. */
export function solveSystem(a: Tensor, b: Tensor): Tensor {
  const [packed, , order] = prim.lu(stopGradient(a)) as [Tensor, Tensor, Tensor];
  return prim.factoredSolve(a, packed, order, b);
}

/**
 * The solution x of A x = b, by LU factorisation with partial pivoting.
 *
 * @param a `[..., n, n]`
 * @param b `[n]`, or `[..., n, m]` for m right-hand sides; leading axes broadcast
 * @returns `[..., n]` for a vector b, else `[..., n, m]`. A singular matrix gives infinities and NaN, not an error
 * @throws ShapeError unless a is square and b has as many rows
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(String(np.linalg.solve([[2, 0], [1, 4]], [2, 9]))); // => [1, 2]
 * ```
 */
export function solve(a: TensorLike, b: TensorLike): Tensor {
  squareMatrices('linalg.solve', a);
  const s = system('linalg.solve', a, b, (_a, y) => y.ndim === 1);
  return s.restore(solveSystem(s.a, s.b));
}

/**
 * The inverse of square matrices. To solve equations, `solve` is faster and more accurate.
 * @throws ShapeError unless the matrices are square
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(String(np.linalg.inv([[2, 0], [0, 4]]))); // => [[0.5, 0], [0, 0.25]]
 * ```
 */
export function inv(a: TensorLike): Tensor {
  const x = squareMatrices('linalg.inv', a);
  const n = x.shape.at(-1)!;
  return solveSystem(x, prim.broadcastTo(prim.identityLike(x, n, n), x.shape));
}

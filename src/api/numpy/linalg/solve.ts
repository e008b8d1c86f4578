/**
 * Systems of linear equations, inverses and determinants, from the LU factorisation.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ArgumentError } from '../../../ir/errors.ts';
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import { customJvp, stopGradient } from '../../custom.ts';
import type { TensorLike } from '../../lift.ts';
import { readOptions } from '../../named.ts';
import { diagonal } from '../matrices.ts';
import { range } from '../movement.ts';
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

const last = (x: Tensor): number[] => [x.ndim - 1];

const diagonalOf = (x: Tensor): Tensor => diagonal(x, 0, -2, -1);

/** The diagonal of U, and the sign of the permutation: −1 for each row exchanged. */
function pivotsOf(a: Tensor): { readonly diagonal: Tensor; readonly parity: Tensor } {
  const [packed, pivots] = prim.lu(a) as [Tensor, Tensor, Tensor];
  const isExchanged = prim.ne(pivots, prim.iota(pivots.shape, 'int32', pivots.ndim - 1));
  const sign = prim.select(isExchanged, prim.like(a, -1), prim.like(a, 1));
  return { diagonal: diagonalOf(packed), parity: prim.reduceProd(sign, last(sign)) };
}

/**
 * Sign and logarithm of the absolute value of determinants, which do not overflow where the determinant does.
 *
 * @returns `[sign, logabsdet]`; 0 and −∞ for a singular matrix
 * @throws ShapeError unless the matrices are square
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * const [sign, logabsdet] = np.linalg.slogdet([[0, 1], [1, 0]]);
 * console.log(String(sign), String(logabsdet)); // => -1 0
 * ```
 */
export function slogdet(a: TensorLike, options?: { readonly method?: 'lu' | null }): [Tensor, Tensor] {
  const x = squareMatrices('linalg.slogdet', a);
  const { method = 'lu' } = readOptions<{ method: string }>('linalg.slogdet', ['method'], [options]);
  if (method !== 'lu') throw new ArgumentError(`linalg.slogdet: expected method 'lu', got '${method}'.`);
  const { diagonal: u, parity } = pivotsOf(x);
  const sign = prim.mul(parity, prim.reduceProd(prim.sign(u), last(u)));
  return [sign, prim.reduceSum(prim.log(prim.abs(u)), last(u))];
}

/** Element (i, j) of the matrices. */
const element = (x: Tensor, i: number, j: number): Tensor =>
  prim.reshape(prim.sliceAxis(prim.sliceAxis(x, x.ndim - 2, i, i + 1), x.ndim - 1, j, j + 1), x.shape.slice(0, -2));

/** Expanded along the first row: derivatives of every order are right for singular matrices too. */
function expanded(x: Tensor, rows: readonly number[], columns: readonly number[]): Tensor {
  const [row, ...rest] = rows;
  const terms = columns.map((c, k) => {
    const first = element(x, row!, c);
    if (rest.length === 0) return first;
    const term = prim.mul(first, expanded(x, rest, columns.toSpliced(k, 1)));
    return k % 2 === 0 ? term : prim.neg(term);
  });
  return terms.reduce((sum, t) => prim.add(sum, t));
}

/** A product of pivots. Its derivative is tr(adj(A) dA), with adj(A) = det(A) A⁻¹ where that is finite. */
const pivotProduct = customJvp((a: Tensor): Tensor => {
  const { diagonal: u, parity } = pivotsOf(a);
  return prim.mul(parity, prim.reduceProd(u, last(u)));
});
pivotProduct.defjvp(([a]: readonly Tensor[], [da]: readonly Tensor[]) => {
  const value = pivotProduct(a!);
  const relative = diagonalOf(solveSystem(a!, da!));
  return [value, prim.mul(value, prim.reduceSum(relative, last(relative)))];
});

/**
 * Determinants of square matrices.
 * @throws ShapeError unless the matrices are square
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(String(np.linalg.det([[1, 2], [3, 4]]))); // => -2
 * ```
 */
export function det(a: TensorLike): Tensor {
  const x = squareMatrices('linalg.det', a);
  const n = x.shape.at(-1)!;
  if (n === 0) return prim.broadcastTo(prim.like(x, 1), x.shape.slice(0, -2));
  return n <= 3 ? expanded(x, range(n), range(n)) : pivotProduct(x);
}

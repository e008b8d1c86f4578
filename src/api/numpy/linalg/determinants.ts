/**
 * Determinants, from the LU factorisation.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ArgumentError } from '../../../ir/errors.ts';
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import { customJvp, stopGradient } from '../../custom.ts';
import { cond } from '../../lax/cond.ts';
import type { TensorLike } from '../../lift.ts';
import { readOptions } from '../../named.ts';
import { diagonal } from '../matrices.ts';
import { range } from '../movement.ts';
import { squareMatrices } from './operands.ts';
import { solveSystem } from './solve.ts';

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

/** Σᵢ Xᵢᵢ. */
const traceOf = (x: Tensor): Tensor => prim.reduceSum(diagonalOf(x), [x.ndim - 2]);

/** One number a matrix, stretched over the matrices of `x`. */
const over = (c: Tensor, x: Tensor): Tensor => prim.broadcastTo(prim.reshape(c, [...c.shape, 1, 1]), x.shape);

/** The product of all elements but one, for each: no division, so that one of them may be 0. */
function productsOfOthers(s: Tensor): Tensor {
  const n = s.shape.at(-1)!;
  const rows = prim.broadcastTo(prim.reshape(s, [...s.shape.slice(0, -1), 1, n]), [...s.shape, n]);
  const isOwn = prim.broadcastTo(prim.ne(prim.identityLike(s, n, n), prim.like(s, 0)), rows.shape);
  return prim.reduceProd(prim.select(isOwn, prim.like(s, 1), rows), last(rows));
}

/** tr(adj(A) X) with adj(A) = ± V diag(Π_{j≠i} s_j) Uᵀ from the singular values, which holds for singular matrices too. */
function adjugateTrace(a: Tensor, x: Tensor): Tensor {
  const [s, u, vt] = prim.svd(a, { vectors: true, full: true }) as [Tensor, Tensor, Tensor];
  const sign = stopGradient(prim.mul(pivotProduct(u), pivotProduct(vt)));
  const turned = diagonalOf(prim.product(u, prim.product(x, prim.transposed(vt)), true));
  const sum = prim.reduceSum(prim.mul(productsOfOthers(s), turned), last(s));
  return prim.mul(prim.sign(sign), sum);
}

/**
 * The product of the pivots. Its derivative is tr(adj(A) dA), with adj(A) = det(A) A⁻¹ for a regular matrix. Each of the two ways is given
 * a matrix that it can differentiate where the other one counts. Of singular matrices, second derivatives are NaN or infinite if the
 * singular values have no derivatives, which is so from two zeros on.
 */
const pivotProduct = customJvp((a: Tensor): Tensor => {
  const { diagonal: u, parity } = pivotsOf(a);
  return prim.mul(parity, prim.reduceProd(u, last(u)));
});
pivotProduct.defjvp(([a]: readonly [Tensor], [da]: readonly [Tensor]) => {
  const value = pivotProduct(a);
  const n = a.shape.at(-1)!;
  const isSingular = stopGradient(prim.eq(value, prim.like(a, 0)));
  const everywhere = over(isSingular, a);
  const unit = prim.broadcastTo(prim.identityLike(a, n, n), a.shape);
  const regular = (x: Tensor, dx: Tensor): Tensor =>
    prim.mul(value, traceOf(solveSystem(prim.select(everywhere, unit, x), dx)));
  const distinct = prim.mul(
    unit,
    prim.convert(prim.add(prim.iota([n], 'int32'), prim.like(prim.iota([n], 'int32'), 1)), a.dtype),
  );
  const either = (x: Tensor, dx: Tensor): Tensor =>
    prim.select(isSingular, adjugateTrace(prim.select(everywhere, x, distinct), dx), regular(x, dx));
  const any = prim.reduceOr(isSingular, range(isSingular.ndim));
  return [value, cond(any, either, regular, a, da)];
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

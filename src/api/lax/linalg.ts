/**
 * The namespace `lax.linalg`: factorisations by JAX's names, with strict shapes and dtypes.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { checkOptions } from '../options.ts';
import { adapt } from './operands.ts';

export interface CholeskyOptions {
  /** Factor ½(A + Aᵀ); else only the lower triangle is read. True. */
  readonly symmetrizeInput?: boolean | undefined;
}

/** ½(A + Aᵀ). */
export const symmetrized = (x: Tensor): Tensor => prim.mul(prim.add(x, prim.transposed(x)), prim.like(x, 0.5));

/**
 * The lower triangular L with A = L Lᵀ, for symmetric positive definite matrices.
 *
 * @param a `f32[..., n, n]` or `f64[..., n, n]`
 * @returns like a; a matrix that is not positive definite has NaN in the lower triangle of its factor
 * @throws ShapeError unless the matrices are square; DTypeError unless they hold floats
 * @see I. Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527
 * @example
 * ```ts
 * import { lax, np } from 'cotangent';
 * console.log(String(lax.linalg.cholesky(np.array([[4, 2], [2, 5]])))); // => [[2, 0], [1, 2]]
 * ```
 */
export function cholesky(a: TensorLike, options?: CholeskyOptions): Tensor {
  checkOptions('lax.linalg.cholesky', options, ['symmetrizeInput']);
  const x = asTensor(a);
  prim.checkSquare('lax.linalg.cholesky', x.aval);
  return prim.cholesky(options?.symmetrizeInput === false ? x : symmetrized(x));
}

export interface TriangularSolveOptions {
  /** Solve op(A) X = B, not X op(A) = B; false. */
  readonly leftSide?: boolean | undefined;
  /** Read the lower triangle of A, not the upper one; false. */
  readonly lower?: boolean | undefined;
  /** op transposes A; false. */
  readonly transposeA?: boolean | undefined;
  /** Accepted for JAX's sake: A is real. */
  readonly conjugateA?: boolean | undefined;
  /** Take the diagonal of A for ones; false. */
  readonly unitDiagonal?: boolean | undefined;
}

/**
 * X with X op(A) = B, or op(A) X = B with `leftSide`, for triangular A.
 *
 * @param a `[..., n, n]`, of which one triangle is read
 * @param b `[..., m, n]` (`[..., n, m]` with `leftSide`), or `[..., n]`
 * @returns like b; a zero on the diagonal divides
 * @throws ShapeError, DTypeError
 * @example
 * ```ts
 * import { lax, np } from 'cotangent';
 * const a = np.array([[2, 0], [1, 4]]);
 * console.log(String(lax.linalg.triangularSolve(a, np.array([2, 9]), { leftSide: true, lower: true }))); // => [1, 2]
 * ```
 */
export function triangularSolve(a: TensorLike, b: TensorLike, options: TriangularSolveOptions = {}): Tensor {
  checkOptions('lax.linalg.triangularSolve', options, [
    'leftSide',
    'lower',
    'transposeA',
    'conjugateA',
    'unitDiagonal',
  ]);
  const { leftSide = false, lower = false, transposeA = false, unitDiagonal = false } = options;
  const [matrix, right] = adapt(a, b) as [Tensor, Tensor];
  const isVector = right.ndim === matrix.ndim - 1;
  const given = right.shape;
  const wide = leftSide ? [...given, 1] : [...given.slice(0, -1), 1, ...given.slice(-1)];
  const columns = isVector ? prim.reshape(right, wide) : right;
  const x = prim.triangularSolve(matrix, columns, { leftSide, lower, transposeA, unitDiagonal });
  return isVector ? prim.reshape(x, given) : x;
}

/**
 * P A = L U with partial pivoting, for matrices m × n.
 *
 * @returns `[lu, pivots, permutation]`: L below the diagonal (which is ones) and U in one array, the row that each step exchanged with its
 * own, and the order of the rows of A (`i32`)
 * @see F. de Hoog, R. Anderssen, M. Lukas, Math. Comp. 80 (2011), for the derivative
 * @example
 * ```ts
 * import { lax, np } from 'cotangent';
 * const [lu, pivots, permutation] = lax.linalg.lu(np.array([[1, 2], [4, 4]]));
 * console.log(String(lu), String(pivots), String(permutation)); // => [[4, 4], [0.25, 1]] [1, 1] [1, 0]
 * ```
 */
export function lu(x: TensorLike): [Tensor, Tensor, Tensor] {
  return prim.lu(asTensor(x)) as [Tensor, Tensor, Tensor];
}

export interface QrOptions {
  /** Q is square; true. */
  readonly fullMatrices?: boolean | undefined;
}

/** A = Q R, by Householder reflections: `[q, r]`. See `np.linalg.qr`. */
export function qr(x: TensorLike, options?: QrOptions): [Tensor, Tensor] {
  checkOptions('lax.linalg.qr', options, ['fullMatrices']);
  return prim.qr(asTensor(x), options?.fullMatrices ?? true) as [Tensor, Tensor];
}

export interface EighOptions {
  /** Read the lower triangle if the input is not symmetrized; true. */
  readonly lower?: boolean | undefined;
  /** Take ½(A + Aᵀ); true. */
  readonly symmetrizeInput?: boolean | undefined;
}

/** Eigenvectors and eigenvalues of symmetric matrices: `[v, w]`, in JAX's order, which is not that of `np.linalg.eigh`. */
export function eigh(x: TensorLike, options: EighOptions = {}): [Tensor, Tensor] {
  checkOptions('lax.linalg.eigh', options, ['lower', 'symmetrizeInput']);
  const a = asTensor(x);
  prim.checkSquare('lax.linalg.eigh', a.aval);
  const { lower = true, symmetrizeInput = true } = options;
  const [w, v] = prim.eigh(symmetrizeInput ? symmetrized(a) : lower ? a : prim.transposed(a)) as [Tensor, Tensor];
  return [v, w];
}

export interface SvdOptions {
  /** Complete U and V to square matrices; true. */
  readonly fullMatrices?: boolean | undefined;
  /** Give U and Vᵀ too; true. */
  readonly computeUv?: boolean | undefined;
}

/** A = U diag(s) Vᵀ: `[u, s, vt]`, or s alone with `computeUv: false`. See `np.linalg.svd`. */
export function svd(x: TensorLike, options: SvdOptions = {}): Tensor | [Tensor, Tensor, Tensor] {
  checkOptions('lax.linalg.svd', options, ['fullMatrices', 'computeUv']);
  const { fullMatrices = true, computeUv = true } = options;
  const [s, u, vt] = prim.svd(asTensor(x), { vectors: computeUv, full: computeUv && fullMatrices });
  return computeUv ? [u!, s!, vt!] : s!;
}

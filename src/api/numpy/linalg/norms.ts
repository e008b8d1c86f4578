/**
 * Norms of vectors and matrices.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ArgumentError } from '../../../ir/errors.ts';
import { normalizeAxis } from '../../../ir/shape.ts';
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import { promoteToFloat, type TensorLike } from '../../lift.ts';
import { readOptions } from '../../named.ts';
import { moveaxis, range } from '../movement.ts';
import { keepAxes } from '../reductions.ts';
import { matrices } from './operands.ts';
import { inv } from './solve.ts';
import { svdvals } from './spectral.ts';

/** `'fro'`, `'nuc'`, ±1, ±2, ±∞ for matrices; any number for vectors. */
export type NormOrder = number | 'fro' | 'nuc' | null;

export interface NormOptions {
  readonly ord?: NormOrder | undefined;
  /** One axis for vectors, two for matrices; all by default. */
  readonly axis?: number | readonly number[] | null | undefined;
  /** Keep the reduced axes with size 1; false. */
  readonly keepdims?: boolean | undefined;
}

const square = (x: Tensor): Tensor => prim.mul(x, x);

const euclidean = (x: Tensor, axes: readonly number[]): Tensor => prim.sqrt(prim.reduceSum(square(x), axes));

/** (Σ |x|ᵖ)^(1/p) over axes, and its limits. */
function vectorNormOf(op: string, x: Tensor, ord: NormOrder, axes: readonly number[]): Tensor {
  if (ord === null || ord === 2) return euclidean(x, axes);
  if (typeof ord !== 'number') {
    throw new ArgumentError(
      `${op}: expected a number as the order of a vector norm, got '${ord}'.`,
      'use 2, or two axes.',
    );
  }
  const size = prim.abs(x);
  if (ord === Infinity) return prim.reduceMax(size, axes);
  if (ord === -Infinity) return prim.reduceMin(size, axes);
  if (ord === 0) return prim.reduceSum(prim.convert(prim.ne(x, prim.like(x, 0)), x.dtype), axes);
  if (ord === 1) return prim.reduceSum(size, axes);
  return prim.pow(prim.reduceSum(prim.pow(size, prim.like(x, ord)), axes), prim.like(x, 1 / ord));
}

/** Of matrices in the last two axes. */
function matrixNormOf(op: string, x: Tensor, ord: NormOrder): Tensor {
  const [rows, columns] = [x.ndim - 2, x.ndim - 1];
  const sums = (axis: number): Tensor => prim.reduceSum(prim.abs(x), [axis]);
  const over = (values: Tensor, reduce: typeof prim.reduceMax): Tensor => reduce(values, [values.ndim - 1]);
  switch (ord) {
    case null:
    case 'fro':
      return euclidean(x, [rows, columns]);
    case 1:
    case -1:
      return over(sums(rows), ord > 0 ? prim.reduceMax : prim.reduceMin);
    case Infinity:
    case -Infinity:
      return over(sums(columns), ord > 0 ? prim.reduceMax : prim.reduceMin);
    case 'nuc':
      return over(svdvals(x), prim.reduceSum);
    case 2:
    case -2:
      return over(svdvals(x), ord > 0 ? prim.reduceMax : prim.reduceMin);
    default:
      throw new ArgumentError(
        `${op}: expected 'fro', 'nuc', ±1, ±2 or ±Infinity as the order of a matrix norm, got ${String(ord)}.`,
        'for the norm of all elements as one vector, ravel first.',
      );
  }
}

/**
 * The norm of vectors (one axis) or matrices (two axes); without an axis, of the array: all elements as one vector if no order is given.
 *
 * Vectors: (Σ |xᵢ|ᵖ)^(1/p) for an order p (2 by default), the largest or smallest |xᵢ| for ±∞, the number of elements that are not 0 for 0.
 * Matrices: Frobenius (`'fro'`, the default), sum of singular values (`'nuc'`), largest or smallest sum of a column (±1) or row (±∞), largest
 * or smallest singular value (±2). The derivative of the Euclidean norm is NaN at the origin, as in JAX.
 *
 * @throws ArgumentError for an order that does not exist, or more than two axes
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.linalg.norm([3, 4]).item(), np.linalg.norm([[1, -2], [3, 4]], 1).item()); // => 5 6
 * ```
 */
export function norm(
  x: TensorLike,
  ord?: NormOrder | NormOptions,
  axis?: number | readonly number[] | null | NormOptions,
  keepdims?: boolean | NormOptions,
): Tensor {
  const o = readOptions<NormOptions>('linalg.norm', ['ord', 'axis', 'keepdims'], [ord, axis, keepdims]);
  const [t] = promoteToFloat(x) as [Tensor];
  const all = range(t.ndim);
  if (o.axis === undefined && o.ord === undefined) return keepAxes(euclidean(t, all), t, all, o.keepdims);
  const axes = (typeof o.axis === 'number' ? [o.axis] : (o.axis ?? all)).map((d) =>
    normalizeAxis('linalg.norm', d, t.ndim),
  );
  if (axes.length !== 1 && axes.length !== 2) {
    throw new ArgumentError(
      `linalg.norm: expected one or two axes, got ${axes.length} of ${t.aval.toString()}.`,
      'name one axis for vectors, two for matrices; without an order all elements are one vector.',
    );
  }
  const value =
    axes.length === 1
      ? vectorNormOf('linalg.norm', t, o.ord ?? null, axes)
      : matrixNormOf('linalg.norm', moveaxis(t, axes, [-2, -1]), o.ord ?? null);
  return keepAxes(value, t, axes, o.keepdims);
}

export interface VectorNormOptions {
  /** One axis, several, or all (the default), as one vector. */
  readonly axis?: number | readonly number[] | null | undefined;
  readonly keepdims?: boolean | undefined;
  readonly ord?: number | undefined;
}

/** The norm of all elements along one or several axes, as those of one vector; `ord` is 2. */
export function vectorNorm(x: TensorLike, options?: VectorNormOptions): Tensor {
  const o = readOptions<VectorNormOptions>('linalg.vectorNorm', ['axis', 'keepdims', 'ord'], [options ?? {}]);
  const [t] = promoteToFloat(x) as [Tensor];
  const given = typeof o.axis === 'number' ? [o.axis] : (o.axis ?? range(t.ndim));
  const axes = given.map((d) => normalizeAxis('linalg.vectorNorm', d, t.ndim));
  return keepAxes(vectorNormOf('linalg.vectorNorm', t, o.ord ?? 2, axes), t, axes, o.keepdims);
}

export interface MatrixNormOptions {
  readonly keepdims?: boolean | undefined;
  readonly ord?: NormOrder | undefined;
}

/** The norm of the matrices in the last two axes; `ord` is `'fro'`. */
export function matrixNorm(x: TensorLike, options?: MatrixNormOptions): Tensor {
  const o = readOptions<MatrixNormOptions>('linalg.matrixNorm', ['keepdims', 'ord'], [options ?? {}]);
  const [t] = promoteToFloat(x) as [Tensor];
  return keepAxes(matrixNormOf('linalg.matrixNorm', t, o.ord ?? 'fro'), t, [t.ndim - 2, t.ndim - 1], o.keepdims);
}

/**
 * The condition number ‖A‖ ‖A⁻¹‖ of matrices; by default that of the 2-norm, the ratio of the largest to the smallest singular value.
 * @param p an order of `norm`; null
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.linalg.cond([[4, 0], [0, 2]]).item()); // => 2
 * ```
 */
export function cond(x: TensorLike, p: NormOrder = null): Tensor {
  const a = matrices('linalg.cond', x);
  if (p === null || p === 2 || p === -2) {
    const s = svdvals(a);
    const [largest, smallest] = [prim.reduceMax(s, [s.ndim - 1]), prim.reduceMin(s, [s.ndim - 1])];
    return p === -2 ? prim.div(smallest, largest) : prim.div(largest, smallest);
  }
  return prim.mul(matrixNormOf('linalg.cond', a, p), matrixNormOf('linalg.cond', inv(a), p));
}

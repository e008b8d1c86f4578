/**
 * Systems of linear equations with SciPy's options: factor once, solve often.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ArgumentError } from '../../../ir/errors.ts';
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import type { TensorLike } from '../../lift.ts';
import { readOptions } from '../../named.ts';
import { checkChoice } from '../../options.ts';
import { squareMatrices, type System, system } from '../../numpy/linalg/operands.ts';
import { solveSystem } from '../../numpy/linalg/solve.ts';

/** Vectors have one axis less than the matrices. */
const hasOneAxisLess = (a: Tensor, b: Tensor): boolean => b.ndim === a.ndim - 1;

const squareSystem = (op: string, a: TensorLike, b: TensorLike): System => {
  squareMatrices(op, a);
  return system(op, a, b, hasOneAxisLess);
};

export interface FactorOptions {
  /** Read the lower triangle and give the lower factor; false, as in SciPy. */
  readonly lower?: boolean | undefined;
}

const factorOptions = (op: string, options: FactorOptions | undefined): boolean =>
  readOptions<FactorOptions>(op, ['lower'], [options ?? {}]).lower ?? false;

/**
 * The upper triangular U with A = Uᵀ U (with `lower`, L with A = L Lᵀ), for symmetric positive definite matrices, of which only that
 * triangle is read.
 * @returns like a; NaN for a matrix that is not positive definite
 * @throws ShapeError unless the matrices are square
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * console.log(String(scipy.linalg.cholesky([[4, 2], [2, 5]]))); // => [[2, 1], [0, 2]]
 * ```
 */
export function cholesky(a: TensorLike, options?: FactorOptions): Tensor {
  const x = squareMatrices('linalg.cholesky', a);
  if (factorOptions('linalg.cholesky', options)) return prim.cholesky(x);
  return prim.transposed(prim.cholesky(prim.transposed(x)));
}

/** A triangular factor, and whether it is the lower one. */
export type CholeskyFactor = readonly [Tensor, boolean];

/** The factor for `choSolve`. The other triangle is zeros, where SciPy leaves what was there. */
export function choFactor(a: TensorLike, options?: FactorOptions): [Tensor, boolean] {
  return [cholesky(a, options), factorOptions('linalg.choFactor', options)];
}

/**
 * The solution of A x = b from the Cholesky factor of A.
 * @param factor what `choFactor` gave
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * const factor = scipy.linalg.choFactor([[4, 2], [2, 5]], { lower: true });
 * console.log(String(scipy.linalg.choSolve(factor, [8, 12]))); // => [1, 2]
 * ```
 */
export function choSolve([factor, lower]: readonly [TensorLike, boolean], b: TensorLike): Tensor {
  const s = squareSystem('linalg.choSolve', factor, b);
  const solve = (y: Tensor, transposeA: boolean): Tensor =>
    prim.triangularSolve(s.a, y, { leftSide: true, lower, transposeA, unitDiagonal: false });
  return s.restore(solve(solve(s.b, !lower), lower));
}

export interface SolveTriangularOptions {
  /** 0 or 'N' solves A x = b, 1 or 'T' (2 or 'C') Aᵀ x = b; 0. */
  readonly trans?: 0 | 1 | 2 | 'N' | 'T' | 'C' | undefined;
  /** Read the lower triangle; false. */
  readonly lower?: boolean | undefined;
  /** Take the diagonal for ones; false. */
  readonly unitDiagonal?: boolean | undefined;
}

/**
 * The solution of A x = b for triangular A.
 * @param a `[..., n, n]`, of which one triangle is read
 * @param b `[..., n]` or `[..., n, m]`
 * @throws ShapeError
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * console.log(String(scipy.linalg.solveTriangular([[2, 0], [1, 4]], [2, 9], { lower: true }))); // => [1, 2]
 * ```
 */
export function solveTriangular(a: TensorLike, b: TensorLike, options?: SolveTriangularOptions): Tensor {
  const op = 'linalg.solveTriangular';
  const o = readOptions<SolveTriangularOptions>(op, ['trans', 'lower', 'unitDiagonal'], [options ?? {}]);
  const trans = String(o.trans ?? 0);
  checkChoice(op, 'trans', trans, ['0', '1', '2', 'N', 'T', 'C']);
  const s = squareSystem(op, a, b);
  return s.restore(
    prim.triangularSolve(s.a, s.b, {
      leftSide: true,
      lower: o.lower ?? false,
      transposeA: trans !== '0' && trans !== 'N',
      unitDiagonal: o.unitDiagonal ?? false,
    }),
  );
}

export interface SolveOptions {
  /** Which triangle a symmetric A is read from; false. */
  readonly lower?: boolean | undefined;
  /** 'gen'; 'sym' or 'her' for symmetric, 'pos' for positive definite A. */
  readonly assumeA?: 'gen' | 'sym' | 'her' | 'pos' | undefined;
}

/** The symmetric matrix with one triangle of `x`. */
function fromTriangle(x: Tensor, lower: boolean): Tensor {
  const part = lower ? prim.lowerPart(x) : prim.upperPart(x);
  const other = lower ? prim.lowerPart(x, -1) : prim.upperPart(x, 1);
  return prim.add(part, prim.transposed(other));
}

/**
 * The solution of A x = b. A positive definite matrix is factored by Cholesky, which takes half the work.
 * @param a `[..., n, n]`; of one that is said to be symmetric only a triangle is read
 * @param b `[..., n]` or `[..., n, m]`
 * @throws ShapeError, ArgumentError
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * console.log(String(scipy.linalg.solve([[4, 2], [2, 5]], [8, 12], { assumeA: 'pos' }))); // => [1, 2]
 * ```
 */
export function solve(a: TensorLike, b: TensorLike, options?: SolveOptions): Tensor {
  const { lower = false, assumeA = 'gen' } = readOptions<SolveOptions>(
    'linalg.solve',
    ['lower', 'assumeA'],
    [options ?? {}],
  );
  checkChoice('linalg.solve', 'assumeA', assumeA, ['gen', 'sym', 'her', 'pos']);
  if (assumeA === 'pos') return choSolve(choFactor(a, { lower }), b);
  const s = squareSystem('linalg.solve', a, b);
  return s.restore(solveSystem(assumeA === 'gen' ? s.a : fromTriangle(s.a, lower), s.b));
}

/** L and U packed in one array, and the row that each step exchanged with its own: what `luSolve` takes. */
export function luFactor(a: TensorLike): [Tensor, Tensor] {
  const [packed, pivots] = prim.lu(squareMatrices('linalg.luFactor', a)) as [Tensor, Tensor];
  return [packed, pivots];
}

/** The order of rows that exchanging row i with row pivots[i], one after the other, leaves. */
function orderOf(pivots: Tensor): Tensor {
  const n = pivots.shape.at(-1)!;
  const axis = pivots.ndim - 1;
  const positions = prim.broadcastTo(prim.iota([n], 'int32'), pivots.shape);
  let order = positions;
  for (let i = 0; i < n; i++) {
    const pivot = prim.sliceAxis(pivots, axis, i, i + 1);
    const [mine, other] = [prim.sliceAxis(order, axis, i, i + 1), prim.takeAlongAxis(order, pivot, axis)];
    const moved = prim.select(prim.eq(positions, pivot), mine, order);
    order = prim.select(prim.eq(positions, prim.like(pivots, i)), other, moved);
  }
  return order;
}

/**
 * The solution of A x = b from `luFactor(A)`; with `trans` 1 or 2, that of Aᵀ x = b.
 * @throws ShapeError, ArgumentError
 */
export function luSolve([packed, pivots]: readonly [Tensor, Tensor], b: TensorLike, trans: 0 | 1 | 2 = 0): Tensor {
  if (![0, 1, 2].includes(trans))
    throw new ArgumentError(`linalg.luSolve: expected trans 0, 1 or 2, got ${String(trans)}.`);
  const s = squareSystem('linalg.luSolve', packed, b);
  const order = prim.broadcastTo(orderOf(pivots), s.a.shape.slice(0, -1));
  return s.restore(prim.substituteFactors(s.a, order, s.b, trans !== 0));
}

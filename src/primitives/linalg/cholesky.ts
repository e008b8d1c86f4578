/**
 * The Cholesky factor of symmetric positive definite matrices.
 * May import: `ir`, `core`, `primitives/linalg`, and the families its derivative is made of.
 * @module
 */
import { f32, f64 } from '../../ir/aval.ts';
import { definePrimitive, type HostArray, type Primitive } from '../../core/primitive.ts';
import type { Tensor } from '../../core/tensor.ts';
import { bind1 } from '../../core/trace.ts';
import { add, like, mul } from '../arithmetic.ts';
import { type NoParams, noParams } from '../define-elementwise.ts';
import { moveBatchToFront } from '../structural.ts';
import { lowerCholesky } from './cholesky-lower.ts';
import { checkSquare, extentsOf, lowerPart, product, transposed } from './matrix.ts';
import { triangularSolve } from './triangular-solve.ts';

/** Lower triangle with half the diagonal: Φ(X) + Φ(X)ᵀ = X for symmetric X. */
const halfLower = (x: Tensor): Tensor => mul(add(lowerPart(x), lowerPart(x, -1)), like(x, 0.5));

/** The symmetric matrix with the lower triangle of `x`. */
const fromLower = (x: Tensor): Tensor => add(lowerPart(x), transposed(lowerPart(x, -1)));

const solveLower = (l: Tensor, x: Tensor): Tensor =>
  triangularSolve(l, x, { leftSide: true, lower: true, transposeA: false, unitDiagonal: false });

/** X L⁻ᵀ. */
const solveLowerRight = (l: Tensor, x: Tensor): Tensor =>
  triangularSolve(l, x, { leftSide: false, lower: true, transposeA: true, unitDiagonal: false });

/** Symmetric positive definite, with a diagonal that keeps the differences of the tests away from where it is not. */
const definite3 = [5, 9, 9, 1.2, 6, 9, -0.7, 0.9, 4];

/**
 * A = L Lᵀ with L lower triangular. Only the lower triangle of A is read: it is what the function depends on. A matrix that is not
 * positive definite has NaN in the lower triangle of its factor; the others of a batch are not concerned.
 */
export const choleskyP: Primitive<NoParams> = definePrimitive<NoParams>({
  name: 'cholesky',
  abstractEval: ([x]) => {
    checkSquare('cholesky', x!);
    return [x!.strong()];
  },
  // dL = L Φ(L⁻¹ dA L⁻ᵀ): I. Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527.
  calculus: {
    kind: 'smooth',
    jvp: (_primals, [t], [l]) => {
      if (!t) return [null];
      const scaled = solveLower(l!, solveLowerRight(l!, fromLower(t)));
      return [product(l!, halfLower(scaled))];
    },
  },
  batch: (_context, [x], [bdim]) => [[cholesky(moveBatchToFront(x!, bdim!))], [0]],
  reference: ([x], [out]) => evaluate(x!, out!),
  lower: { kind: 'loops', build: (b, [x]) => lowerCholesky(b, extentsOf(x!)) },
  samples: [
    { avals: [f64(3, 3)], params: noParams, data: [definite3] },
    { avals: [f32(2, 2)], params: noParams, data: [[4, 0, 1.5, 3]] },
    { avals: [f64(2, 1, 2, 2)], params: noParams, data: [[4, 0, 1.5, 3, 6, 1, -1.25, 5]] },
    { avals: [f32(1, 1)], params: noParams, data: [[9]] },
    { avals: [f64(0, 0)], params: noParams },
    { avals: [f64(0, 3, 3)], params: noParams },
    // The second is not positive definite.
    { avals: [f64(2, 2, 2)], params: noParams, data: [[4, 0, 1.5, 3, 1, 0, 2, 1]], maxOrder: 0 },
  ],
});

function evaluate(x: HostArray, out: HostArray): void {
  const { n, count } = extentsOf(x.aval);
  for (let e = 0; e < count; e++) {
    const from = e * n * n;
    const a = Float64Array.from(x.data.subarray(from, from + n * n));
    const isDefinite = factor(a, n);
    for (let i = 0; i < n; i++)
      for (let j = 0; j <= i; j++) out.data[from + i * n + j] = isDefinite ? a[i * n + j]! : NaN;
  }
}

/** Overwrites the lower triangle by the factor, row by row; false if a pivot is not positive. */
function factor(a: Float64Array, n: number): boolean {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= a[i * n + k]! * a[j * n + k]!;
      if (i === j && !(sum > 0)) return false;
      a[i * n + j] = i === j ? Math.sqrt(sum) : sum / a[j * n + j]!;
    }
  }
  return true;
}

export const cholesky = (x: Tensor): Tensor => bind1(choleskyP, [x], noParams);

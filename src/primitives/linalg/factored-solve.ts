/**
 * Linear systems whose matrix is factored already.
 * May import: `ir`, `core`, `primitives/linalg`, and the families its derivative is made of.
 * @module
 */
import { f64, i32 } from '../../ir/aval.ts';
import { ShapeError } from '../../ir/errors.ts';
import { sameShape } from '../../ir/shape.ts';
import { definePrimitive, isLinearInput, type Primitive, residual } from '../../core/primitive.ts';
import { traceProgram } from '../../core/program-trace.ts';
import type { Tensor } from '../../core/tensor.ts';
import { bind1 } from '../../core/trace.ts';
import { neg, sub } from '../arithmetic.ts';
import { iota } from '../iota.ts';
import { sort } from '../sort.ts';
import { materializeBatch, moveAxis, reshape } from '../structural.ts';
import { permuteRows } from './lu.ts';
import { product } from './matrix.ts';
import { triangularSolve } from './triangular-solve.ts';

export interface FactoredSolveParams {
  /** Solve Aᵀ X = B. */
  readonly transposeA: boolean;
}

/** Positions of 0, 1, … in an order of rows. */
function inverseOrder(order: Tensor): Tensor {
  const axis = order.ndim - 1;
  return sort([order, iota(order.shape, 'int32', axis)], { dimension: axis, numKeys: 1, isStable: true })[1]!;
}

/** The solution of A X = B (or Aᵀ X = B) by substitution, given P A = L U. */
export function substituteFactors(packed: Tensor, order: Tensor, b: Tensor, transposeA: boolean): Tensor {
  const solve = (lower: boolean, y: Tensor): Tensor =>
    triangularSolve(packed, y, { leftSide: true, lower, transposeA, unitDiagonal: lower });
  if (transposeA) return permuteRows(solve(true, solve(false, b)), inverseOrder(order));
  return solve(false, solve(true, permuteRows(b, order)));
}

/**
 * X with A X = B, from operands A, the packed factors and the order of rows that `lu` gives for A, and B. A solution depends on A alone, so
 * its derivative takes one more solution with the same factors, to every order, instead of the derivative of the factorisation.
 */
export const factoredSolveP: Primitive<FactoredSolveParams> = definePrimitive<FactoredSolveParams>({
  name: 'factored_solve',
  abstractEval: ([a, packed, order, b]) => {
    const isFactored = sameShape(a!.shape, packed!.shape) && sameShape(a!.shape.slice(0, -1), order!.shape);
    const isBatched = a!.ndim === b!.ndim && sameShape(a!.shape.slice(0, -1), b!.shape.slice(0, -1));
    if (isFactored && isBatched) return [b!.strong()];
    throw new ShapeError(
      'factoredSolve: expected a matrix with its factors and right-hand sides of the same leading axes, got ' +
        `${a!.toString()}, ${packed!.toString()}, ${order!.toString()} and ${b!.toString()}.`,
      'a[..., n, n] goes with b[..., n, m].',
    );
  },
  // A X = B gives A dX = dB − dA X.
  calculus: {
    kind: 'smooth',
    jvp: ([a, packed, order], [da, , , db], [x], p) => {
      const change = da ? product(da, x!, p.transposeA) : null;
      const right = change && db ? sub(db, change) : change ? neg(change) : db;
      return [right ? factoredSolve(a!, packed!, order!, right, p) : null];
    },
    transpose: ([ct], [a, packed, order, b], p) => [
      null,
      null,
      null,
      isLinearInput(b!)
        ? factoredSolve(residual(a!), residual(packed!), residual(order!), ct!, { transposeA: !p.transposeA })
        : null,
    ],
  },
  batch: ({ size }, args, dims, p) => {
    if (dims.some((d, i) => d !== null && i < 3)) {
      return [[factoredSolve(...(materializeBatch(size, args, dims) as [Tensor, Tensor, Tensor, Tensor]), p)], [0]];
    }
    // One matrix for all: the mapped axis is more columns.
    const [a, packed, order, b] = args as [Tensor, Tensor, Tensor, Tensor];
    const moved = moveAxis(b, dims[3]!, b.ndim - 1);
    const [n, m, count] = moved.shape.slice(-3) as [number, number, number];
    const x = factoredSolve(a, packed, order, reshape(moved, [...moved.shape.slice(0, -3), n, m * count]), p);
    return [[reshape(x, moved.shape)], [moved.ndim - 1]];
  },
  lower: {
    kind: 'expand',
    program: (avals, p) =>
      traceProgram('factored_solve', avals, ([, packed, order, b]) => [
        substituteFactors(packed!, order!, b!, p.transposeA),
      ]).program,
  },
  // The factors are functions of A, which differences in A alone would leave as they are: the derivative in A is tested where both are made.
  samples: [false, true].map((transposeA) => ({
    avals: [f64(2, 2), f64(2, 2), i32(2), f64(2, 3)],
    params: { transposeA },
    data: [
      [1, 2, 4, 3],
      [4, 3, 0.25, 1.25],
      [1, 0],
    ],
    differentiable: [3],
  })),
});

export const factoredSolve = (
  a: Tensor,
  packed: Tensor,
  order: Tensor,
  b: Tensor,
  p: FactoredSolveParams = { transposeA: false },
): Tensor => bind1(factoredSolveP, [a, packed, order, b], p);

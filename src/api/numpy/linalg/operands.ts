/**
 * Operands of linear algebra: floats, matrices, and right-hand sides that broadcast with them.
 * May import: `ir`, `core`, `primitives`, `api/lift`.
 * @module
 */
import { ShapeError } from '../../../ir/errors.ts';
import { tryBroadcastShapes } from '../../../ir/shape.ts';
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import { promoteToFloat, type TensorLike } from '../../lift.ts';

/** Matrices of floats. */
export function matrices(op: string, x: TensorLike): Tensor {
  const [a] = promoteToFloat(x) as [Tensor];
  if (a.ndim >= 2) return a;
  throw new ShapeError(
    `${op}: expected at least two axes, got ${a.aval.toString()}.`,
    'the last two axes are the matrix, those before them a batch.',
    { shape: a.shape },
  );
}

/** Throws unless the matrices are square. */
export function checkSquare(op: string, a: Tensor): void {
  if (a.shape.at(-1) === a.shape.at(-2)) return;
  throw new ShapeError(
    `${op}: expected square matrices, got ${a.aval.toString()}.`,
    'the last two axes must have one size; np.linalg.lstsq solves systems that are not square.',
    { shape: a.shape },
  );
}

export function squareMatrices(op: string, x: TensorLike): Tensor {
  const a = matrices(op, x);
  checkSquare(op, a);
  return a;
}

/** A matrix, and right-hand sides with as many rows, with one batch shape; `restore` gives a solution the shape it is asked for. */
export interface System {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly restore: (x: Tensor) => Tensor;
}

/**
 * The operands of a system of equations.
 * @param isVector whether `b` holds vectors, not matrices
 */
export function system(op: string, x: TensorLike, y: TensorLike, isVector: (a: Tensor, b: Tensor) => boolean): System {
  const [a, given] = promoteToFloat(x, y) as [Tensor, Tensor];
  matrices(op, a);
  const vector = isVector(a, given);
  const b = vector ? prim.reshape(given, [...given.shape, 1]) : given;
  const batch = b.ndim < 2 ? null : tryBroadcastShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  if (!batch || b.shape.at(-2) !== a.shape.at(-2)) {
    throw new ShapeError(
      `${op}: expected a right-hand side with as many rows as the matrix, and leading axes that broadcast, got ` +
        `${a.aval.toString()} and ${given.aval.toString()}.`,
      'a[..., n, n] goes with b[n] or b[..., n, m].',
      { shapes: [a.shape, given.shape] },
    );
  }
  const wide = (t: Tensor): Tensor => prim.broadcastTo(t, [...batch, ...t.shape.slice(-2)]);
  return {
    a: wide(a),
    b: wide(b),
    restore: (t) => (vector ? prim.reshape(t, t.shape.slice(0, -1)) : t),
  };
}

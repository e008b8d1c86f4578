/**
 * Systems of equations whose matrix is a tensor of more axes.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../../ir/errors.ts';
import { normalizeAxis, sizeOf } from '../../../ir/shape.ts';
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import { promoteToFloat, type TensorLike } from '../../lift.ts';
import { readOptions } from '../../named.ts';
import { moveaxis, range } from '../movement.ts';
import { inv, solve } from './solve.ts';

/** Throws unless the axes on both sides hold equally many elements. */
function checkSides(op: string, a: Tensor, left: readonly number[], right: readonly number[]): void {
  if (sizeOf(left) === sizeOf(right)) return;
  throw new ShapeError(
    `${op}: expected as many equations as unknowns, got ${sizeOf(left)} and ${sizeOf(right)} from ${a.aval.toString()}.`,
    'the first axes of a number the equations, the last ones the unknowns.',
    { shape: a.shape },
  );
}

/**
 * The inverse of a tensor under `tensordot` over its first `ind` axes: `tensordot(tensorinv(a, ind), b, ind)` solves for x.
 * @param ind number of axes that count the equations; 2
 * @returns the last axes of a, then the first `ind`
 * @throws ShapeError unless both sides hold equally many elements
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.linalg.tensorinv(np.reshape(np.eye(6), [2, 3, 6])).shape); // => [ 6, 2, 3 ]
 * ```
 */
export function tensorinv(a: TensorLike, ind?: number | { readonly ind?: number }): Tensor {
  const { ind: count = 2 } = readOptions<{ ind: number }>('linalg.tensorinv', ['ind'], [ind]);
  const [x] = promoteToFloat(a) as [Tensor];
  if (!Number.isInteger(count) || count < 1) {
    throw new ArgumentError(`linalg.tensorinv: expected ind to be a positive integer, got ${String(count)}.`);
  }
  const [left, right] = [x.shape.slice(0, count), x.shape.slice(count)];
  checkSides('linalg.tensorinv', x, left, right);
  return prim.reshape(inv(prim.reshape(x, [sizeOf(left), sizeOf(right)])), [...right, ...left]);
}

/**
 * x with `tensordot(a, x, x.ndim) = b`.
 * @param axes axes of a that are moved to the end first
 * @throws ShapeError unless there are as many equations as unknowns
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * const x = np.linalg.tensorsolve(np.reshape(np.eye(6), [6, 2, 3]), np.arange(6));
 * console.log(String(x)); // => [[0, 1, 2], [3, 4, 5]]
 * ```
 */
export function tensorsolve(
  a: TensorLike,
  b: TensorLike,
  axes?: readonly number[] | null | { readonly axes?: readonly number[] | null },
): Tensor {
  const o = readOptions<{ axes: readonly number[] }>('linalg.tensorsolve', ['axes'], [axes]);
  const [x, right] = promoteToFloat(a, b) as [Tensor, Tensor];
  const moved = (o.axes ?? []).map((d) => normalizeAxis('linalg.tensorsolve', d, x.ndim));
  const t = moveaxis(x, moved, range(moved.length, x.ndim - moved.length));
  const unknowns = t.shape.slice(right.ndim);
  checkSides('linalg.tensorsolve', t, right.shape, unknowns);
  const flat = solve(prim.reshape(t, [right.size, sizeOf(unknowns)]), prim.reshape(right, [right.size]));
  return prim.reshape(flat, unknowns);
}

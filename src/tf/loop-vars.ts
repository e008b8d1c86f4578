/**
 * What loops and branches have in common: conditions with one element, and bodies that return their variables.
 * May import: everything up to `api`.
 * @module
 */
import { ShapeError, TreeError } from '../ir/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { asTensor, type TensorLike } from '../api/lift.ts';

/** A condition as a scalar. */
export function truth(op: string, value: unknown): Tensor {
  const t = asTensor(value as TensorLike);
  if (t.size === 1) return t.ndim === 0 ? t : t.reshape([]);
  throw new ShapeError(
    `${op}: expected a condition with one element, got ${t.aval.toString()}.`,
    'reduce it first: np.any or np.all.',
  );
}

/** The variables after an iteration: an array, or one value where there is one variable. */
export function nextVars(result: unknown, count: number): readonly unknown[] {
  const vars = Array.isArray(result) ? (result as readonly unknown[]) : [result];
  if (vars.length === count) return vars;
  throw new TreeError(
    `whileLoop: expected the body to return ${count} variable${count === 1 ? '' : 's'}, got ${vars.length}.`,
    'return an array with the next value of each of loopVars, in their order.',
  );
}

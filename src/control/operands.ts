/**
 * What the primitives that carry Programs ask of their operands.
 * May import: `ir`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { ShapeError } from '../ir/errors.ts';

/** Throws unless the operands are what the Program takes; weak types fit strong ones. */
export function checkOperands(op: string, got: readonly Aval[], expected: readonly Aval[]): void {
  if (got.length !== expected.length) {
    throw new ShapeError(`${op}: expected ${expected.length} operands, got ${got.length}.`);
  }
  for (let i = 0; i < got.length; i++) {
    if (got[i]!.equals(expected[i]!, true)) continue;
    throw new ShapeError(
      `${op}: expected ${expected[i]!.strong().toString()} as operand ${i}, got ${got[i]!.toString()}.`,
      'a traced function takes the shapes and dtypes it was traced with; trace it again for others.',
      { operand: i },
    );
  }
}

/**
 * Loops over a shape whose iterations are independent.
 * May import: `ir`.
 * @module
 */
import { type Axis, axisExpr, type Expr, int } from '../ir/loop/expr.ts';
import type { Stmt } from '../ir/loop/kernel.ts';

/** Where a loop is: there are none of one iteration. */
export const indexOf = (a: Axis): Expr => (a.extent === 1 ? int(0) : axisExpr(a));

/** Independent loops around `body`. */
export function nest(axes: readonly Axis[], body: readonly Stmt[]): readonly Stmt[] {
  let out = body;
  for (const axis of [...axes].reverse())
    if (axis.extent !== 1) out = [{ kind: 'for', axis, parallel: true, body: out }];
  return out;
}

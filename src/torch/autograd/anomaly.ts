/**
 * Anomaly detection: a backward pass that makes NaN names the operation, and where it was called.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { DifferentiationError } from '../../ir/errors.ts';
import type { MaybeZero } from '../../core/primitive.ts';
import type { Node } from '../../tape/graph.ts';
import { withModes } from '../modes.ts';

/**
 * Runs `f` with anomaly detection: operations remember where they were called, and a backward pass throws at the first gradient with a
 * NaN. Slow; for finding a fault.
 */
export const detectAnomaly = <T>(f: () => T): T => withModes({ detectsAnomaly: true }, f);

export function anomalyCheck(node: Node, grads: readonly MaybeZero[]): void {
  grads.forEach((g, i) => {
    if (g === null || !isFloat(g.dtype) || !g.dataSync().some(Number.isNaN)) return;
    const where = node.site === undefined ? '' : ` The forward call was at ${node.site.toString()}.`;
    throw new DifferentiationError(
      `backward: expected gradients without NaN, got ${g.aval.toString()} with some. Function '${node.name}' returned nan values in its ` +
        `${i}th output.${where}`,
      'look at the operands of that operation: a square root at 0, a quotient by 0, an infinity times 0.',
      { node: node.name, output: i },
    );
  });
}

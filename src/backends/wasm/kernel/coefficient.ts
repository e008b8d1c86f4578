/**
 * How an index depends on a loop.
 * May import: `kernel/{nest,node}`.
 * @module
 */
import type { Loop } from './nest.ts';
import { depthBit, type Node } from './node.ts';

/** Coefficient of the loop's axis in an index, or undefined where the index is not affine in it. */
export function axisCoefficient(index: Node, loop: Loop): number | undefined {
  const bit = depthBit(loop.depth);
  if ((index.deps & bit) === 0) return 0;
  if (index === loop.node) return 1;
  if (index.kind !== 'affine') return undefined;
  let coefficient = 0;
  for (let i = 0; i < index.args.length; i++) {
    const a = index.args[i]!;
    if (a === loop.node) coefficient = index.coefficients[i]!;
    else if ((a.deps & bit) !== 0) return undefined;
  }
  return coefficient;
}

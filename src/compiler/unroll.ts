/**
 * Small reductions (pooling windows, say) as plain expressions: the loop around them can then be vectorised.
 * May import: `ir`.
 * @module
 */
import { type DType, isFloat } from '../ir/dtype.ts';
import { binary, constant, type Expr, int } from '../ir/loop/expr.ts';
import type { Combine } from '../ir/loop/kernel.ts';
import { sizeOf } from '../ir/shape.ts';
import { countNodes } from './loads.ts';

const maxElements = 16;
/**
 * Sums and products of floats round at each step, where a loop accumulates in more precision: n terms in a balanced tree err by at most
 * ⌈log₂ n⌉ half-ulps of the sum of magnitudes (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., §4.2).
 */
const maxRounded = 4;
const maxNodes = 160;

/** The combination of all elements as one expression; undefined when it would be too large or too inexact. */
export function unrollReduction(
  combine: Combine,
  extents: readonly number[],
  dtype: DType,
  elementAt: (index: readonly Expr[]) => Expr,
): Expr | undefined {
  const count = sizeOf(extents);
  const rounds = isFloat(dtype) && (combine === 'add' || combine === 'mul');
  if (count === 0 || count > (rounds ? maxRounded : maxElements)) return undefined;
  const first = elementAt(extents.map(() => int(0)));
  if (count > 1 && countNodes(first, maxNodes) * count > maxNodes) return undefined;
  // A sum starts from 0, which turns a lone −0 into 0.
  const terms = [combine === 'add' && isFloat(dtype) ? binary('add', constant(0, dtype), first) : first];
  for (let i = 1; i < count; i++) terms.push(elementAt(indexOf(i, extents)));
  while (terms.length > 1) {
    for (let i = 0; 2 * i < terms.length; i++) {
      const [x, y] = [terms[2 * i]!, terms[2 * i + 1]];
      terms[i] = y === undefined ? x : binary(combine, x, y);
    }
    terms.length = Math.ceil(terms.length / 2);
  }
  return terms[0]!;
}

function indexOf(position: number, extents: readonly number[]): Expr[] {
  const out: Expr[] = [];
  let rest = position;
  for (let i = extents.length - 1; i >= 0; i--) {
    out.unshift(int(rest % extents[i]!));
    rest = Math.floor(rest / extents[i]!);
  }
  return out;
}

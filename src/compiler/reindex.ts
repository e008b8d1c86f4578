/**
 * Index expressions of one row-major position under two shapes.
 * May import: `ir`.
 * @module
 */
import { InternalError } from '../ir/errors.ts';
import { delinearize, type Expr, int, linearize } from '../ir/loop/expr.ts';
import { sameShape, type Shape } from '../ir/shape.ts';

/**
 * The multi-index in `to` of the element at `index` in `from`; the shapes have equally many elements, at least one. Axes that the
 * two have in common keep their expressions: only runs of axes that are split or joined differently go through a linear index.
 */
export function reindex(index: readonly Expr[], from: Shape, to: Shape): readonly Expr[] {
  if (sameShape(from, to)) return index;
  const out: Expr[] = [];
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    if (from[i] === 1) i++;
    else if (to[j] === 1) {
      out.push(int(0));
      j++;
    } else {
      const [i0, j0] = [i, j];
      let [a, b] = [from[i++]!, to[j++]!];
      while (a !== b) {
        if (i >= from.length && j >= to.length) {
          throw new InternalError(`no index in [${to.join()}] of one in [${from.join()}]`);
        }
        if (a < b) a *= from[i++]!;
        else b *= to[j++]!;
      }
      const run = index.slice(i0, i);
      const isSame = i - i0 === 1 && j - j0 === 1;
      out.push(...(isSame ? run : delinearize(linearize(run, from.slice(i0, i)), to.slice(j0, j))));
    }
  }
  return out;
}

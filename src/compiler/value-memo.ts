/**
 * Values at positions that a kernel computes them at, each once.
 * May import: `ir`.
 * @module
 */
import type { Expr } from '../ir/loop/expr.ts';
import type { Var } from '../ir/program.ts';

export class ValueMemo {
  private readonly values = new Map<Var, { readonly index: readonly Expr[]; readonly value: Expr }[]>();

  /** The value of `root` at `index`, made if it has not been asked for at these very expressions. */
  at(root: Var, index: readonly Expr[], make: () => Expr): Expr {
    let known = this.values.get(root);
    if (known === undefined) this.values.set(root, (known = []));
    const hit = known.find((k) => k.index.every((e, i) => e === index[i]));
    if (hit !== undefined) return hit.value;
    const value = make();
    known.push({ index, value });
    return value;
  }
}

/**
 * Where the tensors of a model stand in a state dict of PyTorch. Layouts are the same but for what is packed there.
 * May import: `core`, `api`.
 * @module
 */
import { flatten } from '../core/pytree.ts';
import { join, rulesOf, type NameRules } from './torch-rules.ts';
import { Module } from './module.ts';
import type { NameMap, Source } from './state-dict.ts';

/** A name in the table, and the prefix that it stands under. */
interface Pending {
  readonly base: string;
  readonly to: string | Source;
}

const snake = (field: string): string => field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function pendingOf(rules: NameRules, base: string): Map<string, Pending> {
  return new Map(Object.entries(rules).map(([from, to]) => [from, { base, to }]));
}

/**
 * The map for `loadStateDict` from a model of this library to PyTorch's names: fields in snake_case, `Sequential` without `layers`,
 * attention with its packed projections, recurrent layers with `weight_ih_l0` and so on.
 *
 * @param renames of the model's own parts, from its paths to those of the table: `{ body: 'transformer.h' }`
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * import { Linear, loadStateDict, Sequential, torchNames } from 'cotangent/nn';
 * const model = new Sequential([new Linear(2, 1, { key: random.key(0) })]);
 * const dict = { '0.weight': np.array([[1, 2]]), '0.bias': np.array([3]) };
 * console.log(String(loadStateDict(model, dict, { map: torchNames(model) }).call([1, 1]))); // => [6]
 * ```
 */
export function torchNames(model: unknown, renames: NameRules = {}): NameMap {
  const out: Record<string, string | Source> = {};
  const visit = (x: unknown, ours: string, theirs: string, given: ReadonlyMap<string, Pending>): void => {
    const [children, def] = flatten(x, (y) => y !== x);
    if (def.node.kind === 'leaf') {
      out[ours] = theirs;
      return;
    }
    const pending = x instanceof Module ? new Map([...pendingOf(rulesOf(x), theirs), ...given]) : given;
    def.paths().forEach((path, i) => {
      const step = stepOf(path);
      const hit = pending.get(step);
      const next = join(ours, step);
      if (hit && typeof hit.to !== 'string') {
        out[next] = { ...hit.to, name: join(hit.base, hit.to.name) };
        return;
      }
      visit(
        children[i],
        next,
        hit ? join(hit.base, hit.to as string) : join(theirs, snake(step)),
        below(pending, step),
      );
    });
  };
  visit(model, '', '', pendingOf(renames, ''));
  return out;
}

/** `.weight`, `[0]` and `.get("a")` as they stand in names. */
const stepOf = (path: string): string => /^\.get\("(.*)"\)$/.exec(path)?.[1] ?? path.replaceAll(/^[.[]|\]$/g, '');

/** Rules for what stands below a step. */
function below(pending: ReadonlyMap<string, Pending>, step: string): Map<string, Pending> {
  const deeper = [...pending].filter(([from]) => from.startsWith(`${step}.`));
  return new Map(deeper.map(([from, rule]) => [from.slice(step.length + 1), rule]));
}

/**
 * The tensors of a model with their names and owners: what is trained and what is not, parts of a model, and the whole of parts.
 * May import: `ir`, `core`, `api`.
 * @module
 */
import { flatten, unflatten } from '../core/pytree.ts';
import { Tensor } from '../core/tensor.ts';
import { isFloat } from '../ir/dtype.ts';
import { ArgumentError, TreeError } from '../ir/errors.ts';
import { describe } from '../api/options.ts';
import { Module } from './module.ts';

/** A tensor of a model, and where it stands. */
export interface Leaf {
  /** Dots between fields and positions: `layers.0.weight`. */
  readonly name: string;
  readonly value: unknown;
  /** The module that has it in a field, or in containers in a field. */
  readonly owner: Module | null;
  /** That field. */
  readonly field: string;
}

/** Says of each leaf whether it counts. */
export type LeafFilter = (leaf: Leaf) => boolean;

/** A path of a pytree as a name: `.layers[0].weight` is `layers.0.weight`. */
const nameOf = (path: string): string =>
  path
    .replaceAll(/\[(\d+)\]/g, '.$1')
    .replaceAll(/\.get\("((?:[^"\\]|\\.)*)"\)/g, '.$1')
    .replace(/^\./, '');

/** Leaves in the order of `tree.leaves`. */
export function leavesOf(model: unknown): Leaf[] {
  const out: Leaf[] = [];
  const visit = (x: unknown, path: string, owner: Module | null, field: string): void => {
    const [children, def] = flatten(x, (y) => y !== x);
    if (def.node.kind === 'leaf') {
      out.push({ name: nameOf(path), value: x, owner, field });
      return;
    }
    const isModule = x instanceof Module;
    def.paths().forEach((step, i) => {
      visit(children[i], path + step, isModule ? x : owner, isModule ? step.slice(1) : field);
    });
  };
  visit(model, '', null, '');
  return out;
}

/** True for floats that are no buffers (running statistics, say) of their module. */
export const isTrainable: LeafFilter = ({ value, owner, field }) =>
  value instanceof Tensor && isFloat(value.dtype) && owner?.buffers.includes(field) !== true;

function decide(op: string, model: unknown, filter: LeafFilter): boolean[] {
  if (typeof filter !== 'function') {
    throw new ArgumentError(
      `${op}: expected a function of leaves as the filter, got ${describe(filter)}.`,
      "write one such as (leaf) => leaf.name.startsWith('encoder.').",
    );
  }
  return leavesOf(model).map((leaf) => filter(leaf));
}

function choose<T>(model: T, kept: readonly boolean[]): T {
  const [leaves, def] = flatten(model);
  return unflatten(
    def,
    leaves.map((x, i) => (kept[i] ? x : null)),
  ) as T;
}

/**
 * The model with null in place of the leaves that the filter turns down.
 * @param by which leaves stay; those that are trained
 * @example
 * ```ts
 * import { random } from 'cotangent';
 * import { filter, Linear } from 'cotangent/nn';
 * const layer = new Linear(2, 1, { key: random.key(0) });
 * console.log(filter(layer, (leaf) => leaf.field === 'weight').bias); // => null
 * ```
 */
export function filter<T>(model: T, by: LeafFilter = isTrainable): T {
  return choose(model, decide('filter', model, by));
}

/**
 * The model in two: the leaves that the filter accepts, and the others, with null where the other part has a value. Derivatives and
 * optimisers see the first part only; `combine` makes the model again.
 *
 * @example
 * ```ts
 * import { grad, np, random } from 'cotangent';
 * import { combine, Linear, partition, Sequential } from 'cotangent/nn';
 * const [a, b] = [random.key(0), random.key(1)];
 * const model = new Sequential([new Linear(2, 3, { key: a }), new Linear(3, 1, { key: b })]);
 * const [head, body] = partition(model, (leaf) => leaf.name.startsWith('layers.1.'));
 * const gradient = grad((p: Sequential) => np.sum(combine(p, body).call(np.ones([2]))))(head);
 * console.log(String((gradient.layers[1] as Linear).bias)); // => [1]
 * console.log((gradient.layers[0] as Linear).weight); // => null
 * ```
 */
export function partition<T>(model: T, by: LeafFilter = isTrainable): [accepted: T, rest: T] {
  const kept = decide('partition', model, by);
  return [
    choose(model, kept),
    choose(
      model,
      kept.map((k) => !k),
    ),
  ];
}

/** The model whose leaves are those of the first part that has one there. */
export function combine<T>(...parts: readonly [T, ...T[]]): T {
  const isNull = (x: unknown): boolean => x === null;
  const flat = parts.map((part) => flatten(part, isNull));
  const [, def] = flat[0]!;
  flat.forEach(([, other], i) => {
    if (other.equals(def)) return;
    throw new TreeError(
      `combine: expected parts of one model, got ${def.toString()} and ${other.toString()} (part ${i}).`,
      'combine what partition or filter made of one model.',
    );
  });
  const leaves = flat[0]![0].map((_, i) => flat.map(([list]) => list[i]).find((x) => x !== null) ?? null);
  return unflatten(def, leaves) as T;
}

/**
 * Booleans in the structure of the model: which leaves the filter accepts. For optimisers that take a mask.
 *
 * @example
 * ```ts
 * import { random, tree } from 'cotangent';
 * import { Linear, maskOf } from 'cotangent/nn';
 * import * as optim from 'cotangent/optim';
 * const model = new Linear(2, 1, { key: random.key(0) });
 * const optimizer = optim.adamw(1e-3, { mask: maskOf(model, (leaf) => leaf.field === 'weight') });
 * console.log(tree.leaves(maskOf(model, (leaf) => leaf.field === 'weight'))); // => [ true, false ]
 * ```
 */
export function maskOf(model: unknown, by: LeafFilter = isTrainable): unknown {
  const [, def] = flatten(model);
  return unflatten(def, decide('maskOf', model, by));
}

/**
 * Number of elements of the leaves that the filter accepts: those that are trained.
 * @example
 * ```ts
 * import { BatchNorm, parameterCount } from 'cotangent/nn';
 * console.log(parameterCount(new BatchNorm(8))); // => 16
 * ```
 */
export function parameterCount(model: unknown, by: LeafFilter = isTrainable): number {
  return leavesOf(model)
    .filter((leaf) => by(leaf))
    .reduce((n, { value }) => n + (value instanceof Tensor ? value.size : 1), 0);
}

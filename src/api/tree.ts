/**
 * The namespace `tree`: functions of pytrees (nested arrays, objects, Maps, null and registered classes, with values at the leaves).
 * May import: `ir`, `core`.
 * @module
 */
import { ArgumentError, TreeError } from '../ir/errors.ts';
import { flatten as flattenTree, registerPytreeClass, TreeDef, unflatten as unflattenTree } from '../core/pytree.ts';
import type { MapNode, TreeNode } from '../core/tree-node.ts';

export interface TreeOptions {
  /** Containers that count as leaves. */
  readonly isLeaf?: (x: unknown) => boolean;
}

/** `T` with every leaf replaced by `R`. */
export type MapLeaves<T, R> = T extends null
  ? null
  : T extends TreeNode
    ? MapNode<T, R>
    : T extends readonly unknown[] | Readonly<Record<string, unknown>>
      ? T extends { readonly aval: unknown }
        ? R
        : { [K in keyof T]: MapLeaves<T[K], R> }
      : T extends ReadonlyMap<infer K, infer V>
        ? Map<K, MapLeaves<V, R>>
        : R;

/** The leaves in order, and the structure that puts them back. */
export const flatten = (tree: unknown, options: TreeOptions = {}): [leaves: unknown[], structure: TreeDef] =>
  flattenTree(tree, options.isLeaf);

/** Inverse of `flatten`. */
export const unflatten = (structure: TreeDef, leaves: readonly unknown[]): unknown => unflattenTree(structure, leaves);

/** The leaves in order: arrays by index, objects by sorted keys. */
export const leaves = (tree: unknown, options: TreeOptions = {}): unknown[] => flattenTree(tree, options.isLeaf)[0];

/** The containers without the leaves; compare with `equals`. */
export const structure = (tree: unknown, options: TreeOptions = {}): TreeDef => flattenTree(tree, options.isLeaf)[1];

function checkLeafFunction(op: string, f: unknown): void {
  if (typeof f === 'function') return;
  throw new ArgumentError(`${op}: expected a function, got ${typeof f}.`, `the function comes first: ${op}(f, tree).`);
}

/** Leaves of each further tree under the structure of the first. */
function aligned(op: string, trees: readonly unknown[], isLeaf: TreeOptions['isLeaf']): [unknown[][], TreeDef] {
  const flat = trees.map((t) => flattenTree(t, isLeaf));
  const [, def] = flat[0]!;
  flat.forEach(([, other], i) => {
    if (other.equals(def)) return;
    throw new TreeError(
      `${op}: expected trees of one structure, got ${def.toString()} and ${other.toString()} (tree ${i}).`,
      'use the same containers and keys.',
    );
  });
  return [flat.map(([list]) => list), def];
}

/**
 * Applies `f` to every leaf, or to the leaves at the same place of several trees.
 * @throws TreeError if the structures differ
 * @example
 * ```ts
 * import { tree } from 'cotangent';
 * console.log(tree.map((x, y) => x + y, { a: 1, b: [2, 3] }, { a: 10, b: [20, 30] })); // => { a: 11, b: [ 22, 33 ] }
 * ```
 */
export function map<T, R>(f: (...leaves: never[]) => R, tree: T, ...rest: readonly unknown[]): MapLeaves<T, R> {
  checkLeafFunction('tree.map', f);
  const [lists, def] = aligned('tree.map', [tree, ...rest], undefined);
  const out = lists[0]!.map((_, i) => f(...(lists.map((list) => list[i]) as never[])));
  return unflattenTree(def, out) as MapLeaves<T, R>;
}

/** As `map`, with the path of the leaf (`.w[0]`) as the first argument. */
export function mapWithPath<T, R>(
  f: (path: string, ...leaves: never[]) => R,
  tree: T,
  ...rest: readonly unknown[]
): MapLeaves<T, R> {
  const [lists, def] = aligned('tree.mapWithPath', [tree, ...rest], undefined);
  const paths = def.paths();
  const out = lists[0]!.map((_, i) => f(paths[i]!, ...(lists.map((list) => list[i]) as never[])));
  return unflattenTree(def, out) as MapLeaves<T, R>;
}

/** Folds the leaves from the first to the last. */
export function reduce<R>(f: (acc: R, leaf: never) => R, tree: unknown, initial?: R): R {
  const list = leaves(tree);
  if (initial !== undefined) return list.reduce((acc: R, x) => f(acc, x as never), initial);
  if (list.length === 0)
    throw new TreeError('tree.reduce: expected at least one leaf, got none.', 'pass an initial value.');
  return list.slice(1).reduce((acc: R, x) => f(acc, x as never), list[0] as R);
}

/** Whether every leaf is truthy. */
export const all = (tree: unknown): boolean => leaves(tree).every(Boolean);

/**
 * Turns a tree of trees inside out: structure `inner` of structure `outer`.
 * @example
 * ```ts
 * import { tree } from 'cotangent';
 * const pairs = { a: [1, 2], b: [3, 4] };
 * console.log(tree.transpose(tree.structure({ a: 0, b: 0 }), tree.structure([0, 0]), pairs)); // => [ { a: 1, b: 3 }, { a: 2, b: 4 } ]
 * ```
 */
export function transpose(outer: TreeDef, inner: TreeDef, tree: unknown): unknown {
  const list = leaves(tree);
  const [rows, columns] = [outer.numLeaves, inner.numLeaves];
  if (list.length !== rows * columns) {
    throw new TreeError(
      `tree.transpose: expected ${rows} × ${columns} leaves, got ${list.length}.`,
      'outer is the structure around inner.',
    );
  }
  const turned = Array.from({ length: columns }, (_, k) =>
    unflattenTree(
      outer,
      Array.from({ length: rows }, (_2, i) => list[i * columns + k]),
    ),
  );
  return unflattenTree(inner, turned);
}

/**
 * Makes instances of a class containers: `flatten` gives children and auxiliary data (plain data is compared by content, functions and
 * instances by identity), `unflatten` is its inverse. With `fields`, which names the children, paths read `.weight` in place of `[0]`.
 */
export function register<T extends object>(
  constructor: abstract new (...args: never[]) => T,
  flattenInstance: (x: T) => readonly [children: readonly unknown[], aux: unknown],
  unflattenInstance: (aux: unknown, children: readonly unknown[]) => T,
  fields?: (aux: never) => readonly string[],
): void {
  registerPytreeClass(constructor, flattenInstance, unflattenInstance, fields);
}

export { TreeDef };

/**
 * Pytrees: nested containers with values at the leaves. Arrays, plain objects, `Map`, registered classes and `null` (no leaves) are
 * containers; everything else is a leaf. Object keys go in sorted order, so structure does not depend on insertion.
 * May import: `ir`.
 * @module
 */
import { TreeError } from '../ir/errors.ts';

/** How a registered class opens and closes. */
interface ClassRules {
  readonly name: string;
  readonly flatten: (x: never) => readonly [children: readonly unknown[], aux: unknown];
  readonly unflatten: (aux: unknown, children: readonly unknown[]) => unknown;
  /** Names of the children, where they are fields. */
  readonly fields?: ((aux: never) => readonly string[]) | undefined;
}

type Constructor = abstract new (...args: never[]) => object;

const classes = new Map<unknown, ClassRules>();

/**
 * Makes instances of a class containers: `flatten` gives children and auxiliary data (plain data is compared by content, functions and instances by identity), and
 * `unflatten` is its inverse. With `fields`, which names the children, paths read `.weight` in place of `[0]`.
 */
export function registerPytreeClass<T extends object>(
  constructor: abstract new (...args: never[]) => T,
  flatten: (x: T) => readonly [children: readonly unknown[], aux: unknown],
  unflatten: (aux: unknown, children: readonly unknown[]) => T,
  fields?: (aux: never) => readonly string[],
): void {
  classes.set(constructor, { name: constructor.name, flatten: flatten as ClassRules['flatten'], unflatten, fields });
}

/** Whether a class has been registered. */
export const isPytreeClass = (constructor: unknown): boolean => classes.has(constructor);

type NodeKind =
  | { readonly kind: 'leaf' }
  | { readonly kind: 'null' }
  | { readonly kind: 'array' }
  | { readonly kind: 'object'; readonly keys: readonly string[] }
  | { readonly kind: 'map'; readonly keys: readonly unknown[] }
  | { readonly kind: 'class'; readonly constructor: Constructor; readonly aux: unknown };

/** Structure of a pytree. */
export class TreeDef {
  readonly node: NodeKind;
  readonly children: readonly TreeDef[];
  readonly numLeaves: number;

  constructor(node: NodeKind, children: readonly TreeDef[]) {
    this.node = node;
    this.children = children;
    this.numLeaves = node.kind === 'leaf' ? 1 : children.reduce((n, c) => n + c.numLeaves, 0);
  }

  equals(other: TreeDef): boolean {
    if (this === other) return true;
    if (!sameNode(this.node, other.node) || this.children.length !== other.children.length) return false;
    return this.children.every((c, i) => c.equals(other.children[i]!));
  }

  toString(): string {
    const inner = this.children.map(String);
    switch (this.node.kind) {
      case 'leaf':
        return '*';
      case 'null':
        return 'null';
      case 'array':
        return `[${inner.join(', ')}]`;
      case 'object':
        return `{${this.node.keys.map((k, i) => `${k}: ${inner[i]!}`).join(', ')}}`;
      case 'map':
        return `Map{${this.node.keys.map((k, i) => `${String(k)} => ${inner[i]!}`).join(', ')}}`;
      case 'class': {
        const names = fieldNames(this.node);
        return `${this.node.constructor.name}(${inner.map((text, i) => (names ? `${names[i]!}: ${text}` : text)).join(', ')})`;
      }
    }
  }

  /** Path of leaf number `i`, without making the others'. */
  path(i: number): string {
    let [def, left, out]: [TreeDef, number, string] = [this, i, ''];
    while (def.node.kind !== 'leaf') {
      const k: number = def.children.findIndex((c) => {
        if (left < c.numLeaves) return true;
        left -= c.numLeaves;
        return false;
      });
      out += pathStep(def.node, k);
      def = def.children[k]!;
    }
    return out;
  }

  /** Paths of the leaves, as `.w`, `[0]`, `.get("k")`. */
  paths(prefix = ''): string[] {
    if (this.node.kind === 'leaf') return [prefix];
    return this.children.flatMap((c, i) => c.paths(prefix + pathStep(this.node, i)));
  }
}

/** How a path goes on to child `i` of a node. */
export function pathStep(node: NodeKind, i: number): string {
  if (node.kind === 'object') return `.${node.keys[i]!}`;
  if (node.kind === 'map') return `.get(${JSON.stringify(node.keys[i])})`;
  const names = node.kind === 'class' ? fieldNames(node) : undefined;
  return names ? `.${names[i]!}` : `[${i}]`;
}

const fieldNames = (node: NodeKind & { readonly kind: 'class' }): readonly string[] | undefined =>
  classes.get(node.constructor)!.fields?.(node.aux as never);

const sameList = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i]);

function sameNode(a: NodeKind, b: NodeKind): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind === 'object' && b.kind === 'object') return sameList(a.keys, b.keys);
  if (a.kind === 'map' && b.kind === 'map') return sameList(a.keys, b.keys);
  if (a.kind === 'class' && b.kind === 'class') return a.constructor === b.constructor && sameAux(a.aux, b.aux);
  return true;
}

/** Plain data by content; functions, instances and everything else by identity. */
function sameAux(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const proto: unknown = Object.getPrototypeOf(a);
  if (proto !== Object.getPrototypeOf(b)) return false;
  if (Array.isArray(a))
    return a.length === (b as unknown[]).length && a.every((x, i) => sameAux(x, (b as unknown[])[i]));
  if (proto !== Object.prototype && proto !== null) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((k) => Object.hasOwn(right, k) && sameAux(left[k], right[k]))
  );
}

const leafDef = new TreeDef({ kind: 'leaf' }, []);
const nullDef = new TreeDef({ kind: 'null' }, []);

/** Node kind and children of `x`, or `undefined` for a leaf. */
function open(x: unknown): readonly [NodeKind, readonly unknown[]] | undefined {
  if (x === null) return [{ kind: 'null' }, []];
  if (typeof x !== 'object') return undefined;
  if (Array.isArray(x)) return [{ kind: 'array' }, x];
  const proto: unknown = Object.getPrototypeOf(x);
  if (proto === Object.prototype || proto === null) {
    const keys = Object.keys(x).sort();
    return [{ kind: 'object', keys }, keys.map((k) => (x as Record<string, unknown>)[k])];
  }
  if (x instanceof Map) return [{ kind: 'map', keys: [...x.keys()] }, [...x.values()]];
  const rules = classes.get((proto as { constructor?: unknown }).constructor);
  if (rules === undefined) return undefined;
  const [children, aux] = rules.flatten(x as never);
  return [{ kind: 'class', constructor: (proto as { constructor: Constructor }).constructor, aux }, children];
}

/** Deeper than anyone nests by hand, and far from the end of the stack: what goes beyond is a cycle. */
const maxDepth = 1000;

/** Leaves in order, and the structure to put them back. `isLeaf` stops early at containers that it accepts. */
export function flatten(tree: unknown, isLeaf?: (x: unknown) => boolean): [unknown[], TreeDef] {
  const leaves: unknown[] = [];
  let depth = 0;
  const visit = (x: unknown): TreeDef => {
    const node = isLeaf?.(x) ? undefined : open(x);
    if (node === undefined) {
      leaves.push(x);
      return leafDef;
    }
    if (node[0].kind === 'null') return nullDef;
    if (++depth > maxDepth) {
      throw new TreeError(
        `tree: expected at most ${maxDepth} levels of containers, got more.`,
        'does a container hold itself?',
      );
    }
    const def = new TreeDef(node[0], node[1].map(visit));
    depth--;
    return def;
  };
  const def = visit(tree);
  return [leaves, def];
}

/** Inverse of `flatten`. */
export function unflatten(def: TreeDef, leaves: readonly unknown[]): unknown {
  if (leaves.length !== def.numLeaves) {
    throw new TreeError(
      `tree.unflatten: expected ${def.numLeaves} leaves for ${def.toString()}, got ${leaves.length}.`,
    );
  }
  let next = 0;
  const build = (d: TreeDef): unknown => {
    if (d.node.kind === 'leaf') return leaves[next++];
    return close(d.node, d.children.map(build));
  };
  return build(def);
}

function close(node: NodeKind, children: unknown[]): unknown {
  switch (node.kind) {
    case 'leaf':
    case 'array':
      return children;
    case 'null':
      return null;
    case 'object':
      return Object.fromEntries(node.keys.map((k, i) => [k, children[i]]));
    case 'map':
      return new Map(node.keys.map((k, i) => [k, children[i]]));
    case 'class':
      return classes.get(node.constructor)!.unflatten(node.aux, children);
  }
}

/**
 * Spreads `prefix` (a tree whose leaves stand for whole subtrees of `def`) to one entry per leaf of `def`.
 * Leaves of the prefix are what `isLeaf` accepts.
 */
export function broadcastPrefix(op: string, prefix: unknown, def: TreeDef, isLeaf: (x: unknown) => boolean): unknown[] {
  const out: unknown[] = [];
  const visit = (p: unknown, d: TreeDef, path: string): void => {
    if (isLeaf(p)) {
      for (let i = 0; i < d.numLeaves; i++) out.push(p);
      return;
    }
    const node = open(p);
    if (node === undefined || !sameNode(node[0], d.node) || node[1].length !== d.children.length) {
      throw new TreeError(
        `${op}: expected a tree prefix of ${d.toString()} at ${path || 'the root'}, got ${flatten(p)[1].toString()}.`,
        'give one entry for a whole subtree, or the same containers as the value.',
      );
    }
    node[1].forEach((c, i) => visit(c, d.children[i]!, path + pathStep(d.node, i)));
  };
  visit(prefix, def, '');
  return out;
}

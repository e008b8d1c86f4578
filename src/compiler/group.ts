/**
 * Groups nodes into kernels. Nodes of one group have results of one size and meet each other at the same row-major position, so that
 * one loop nest computes all of them.
 *
 * The graph of groups stays acyclic by levels: along every edge the level rises strictly. A group may take in another, or rise, only
 * while that keeps true; `minConsumer` is a lower bound of the levels of the groups that read it.
 * May import: `ir`.
 * @module
 */
import type { Var } from '../ir/program.ts';
import type { Graph, Node } from './graph.ts';

/** Limits that keep kernels small enough to compile quickly and to stay in registers. */
const maxWeight = 320;
const maxNodes = 96;
const maxReads = 24;

export class Group {
  level: number;
  minConsumer: number = Number.POSITIVE_INFINITY;
  nodes: Node[] = [];
  weight = 0;
  reads: Set<Var> = new Set<Var>();
  parent: Group | undefined = undefined;
  readonly size: number;
  readonly isOpaque: boolean;

  constructor(level: number, size: number, isOpaque: boolean) {
    this.level = level;
    this.size = size;
    this.isOpaque = isOpaque;
  }

  at(level: number): this {
    this.level = level;
    return this;
  }
}

/** `b` becomes part of `a`. */
function absorb(a: Group, b: Group): Group {
  for (const n of b.nodes) a.nodes.push(n);
  for (const v of b.reads) a.reads.add(v);
  a.weight += b.weight;
  a.minConsumer = Math.min(a.minConsumer, b.minConsumer);
  b.parent = a;
  b.nodes = [];
  return a;
}

function fits(groups: readonly Group[], node: Node): boolean {
  let [count, weight, reads] = [1, node.info.nodes, node.info.accesses.length];
  for (const g of groups) {
    count += g.nodes.length;
    weight += g.weight;
    reads += g.reads.size;
  }
  return count <= maxNodes && weight <= maxWeight && reads <= maxReads;
}

/**
 * Removes from `mergeable` what cannot be merged, until the rest can, and gives the level of the result. What is removed and is a
 * producer must stand below the result, which may rise by that and so exclude more.
 */
function settle(mergeable: Set<Group>, producers: ReadonlySet<Group>, node: Node): number {
  for (;;) {
    let level = 0;
    for (const g of producers) level = Math.max(level, mergeable.has(g) ? g.level : g.level + 1);
    const blocked = [...mergeable].filter((g) => g.minConsumer <= level);
    for (const g of blocked) mergeable.delete(g);
    if (blocked.length > 0) continue;
    if (fits([...mergeable], node)) return level;
    mergeable.delete([...mergeable].reduce((a, b) => (a.weight > b.weight ? a : b)));
  }
}

/** The group that stands for `g` after merges. */
function find(g: Group): Group {
  let at = g;
  while (at.parent !== undefined) {
    if (at.parent.parent !== undefined) at.parent = at.parent.parent;
    at = at.parent;
  }
  return at;
}

export class Grouping {
  private readonly graph: Graph;
  private readonly groups = new Map<Node, Group>();
  /** The latest group that reads a variable at its own position: siblings that share an operand share a pass over it. */
  private readonly readers = new Map<Var, Group>();
  /** What a transparent node reads, once what it reads through is taken away. */
  private readonly sources = new Map<Node, readonly Var[]>();

  constructor(graph: Graph) {
    this.graph = graph;
    for (const node of graph.nodes) this.place(node);
  }

  /** The group of a node; undefined for transparent nodes and aliases. */
  of(node: Node): Group | undefined {
    const g = this.groups.get(node);
    return g === undefined ? undefined : find(g);
  }

  /** All groups, in the order of their first nodes. */
  all(): Group[] {
    const out = new Set<Group>();
    for (const g of this.groups.values()) out.add(find(g));
    for (const g of out) g.nodes.sort((a, b) => a.id - b.id);
    return [...out];
  }

  private place(node: Node): void {
    if (node.isAlias) return;
    const { near, far } = this.operands(node);
    if (node.isTransparent) {
      this.sources.set(node, [...new Set([...near, ...far])]);
      return;
    }
    const group = this.choose(node, near, far);
    group.nodes.push(node);
    group.weight += node.info.nodes + 1;
    for (const v of [...near, ...far]) this.read(group, v);
    for (const v of near) this.readers.set(v, group);
    this.groups.set(node, group);
  }

  /** Root variables that a node reads, seen through transparent nodes. */
  private operands(node: Node): { near: Var[]; far: Var[] } {
    const near = new Set<Var>();
    const far = new Set<Var>();
    const opaque = node.eqn.inputs.map((_, operand) => ({ operand, near: false }));
    for (const a of node.kind === 'opaque' ? opaque : node.info.accesses) {
      const atom = node.eqn.inputs[a.operand]!;
      if (atom.kind !== 'var' || this.graph.scalar(atom) !== undefined) continue;
      const p = this.graph.producer(atom);
      if (p?.isTransparent) for (const v of this.sources.get(p)!) far.add(v);
      else (a.near ? near : far).add(this.graph.root(atom));
    }
    return { near: [...near].filter((v) => !far.has(v)), far: [...far] };
  }

  private groupOfVar(v: Var): Group | undefined {
    const p = this.graph.producer(v);
    return p === undefined ? undefined : this.of(p);
  }

  /** The group for `node`: what it can join, merged into one, or a new one. */
  private choose(node: Node, near: readonly Var[], far: readonly Var[]): Group {
    const producers = new Set<Group>();
    for (const v of near) {
      const g = this.groupOfVar(v);
      if (g !== undefined) producers.add(g);
    }
    const mergeable = new Set(node.kind === 'opaque' ? [] : [...producers].filter((g) => this.canHold(g, node)));
    for (const v of far) {
      const g = this.groupOfVar(v);
      if (g === undefined) continue;
      // Its other positions must be there first.
      mergeable.delete(g);
      producers.add(g);
    }
    let level = settle(mergeable, producers, node);
    for (const v of node.kind === 'opaque' ? [] : near) {
      const reader = this.readers.get(v);
      if (reader === undefined) continue;
      const g = find(reader);
      const risen = Math.max(level, g.level);
      const isLegal =
        !producers.has(g) && this.canHold(g, node) && [...mergeable, g].every((m) => m.minConsumer > risen);
      if (!isLegal || mergeable.has(g) || !fits([...mergeable, g], node)) continue;
      mergeable.add(g);
      level = risen;
    }
    const [first, ...rest] = mergeable;
    if (first === undefined) return new Group(level, node.size, node.kind === 'opaque');
    return rest.reduce((a, g) => (a.nodes.length >= g.nodes.length ? absorb(a, g) : absorb(g, a)), first).at(level);
  }

  private canHold(g: Group, node: Node): boolean {
    return !g.isOpaque && g.size === node.size && node.size > 0;
  }

  private read(group: Group, v: Var): void {
    const producer = this.groupOfVar(v);
    if (producer === group) return;
    group.reads.add(v);
    if (producer !== undefined) producer.minConsumer = Math.min(producer.minConsumer, group.level);
  }
}

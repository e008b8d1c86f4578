/**
 * Groups nodes into kernels. Nodes of one group meet each other at the same row-major position, so that one loop nest computes all of
 * them; or in the same row, where some have one value for a row (reductions over its elements, and what follows from them) and others
 * one for each element: a loop over rows with several passes over each row.
 *
 * The graph of groups stays acyclic by levels: along every edge the level rises strictly. A group may take in another, or rise, only
 * while that keeps true; `minConsumer` is a lower bound of the levels of the groups that read it.
 * May import: `ir`.
 * @module
 */
import type { Atom, Var } from '../ir/program.ts';
import { composed, type Relation } from './access.ts';
import { flatFrame, type Frame, joinFrames, maxCachedRow, rowFrame } from './frame.ts';
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
  frame: Frame;
  /** Of one node, with a kernel of its own. */
  readonly isOpaque: boolean;

  constructor(level: number, frame: Frame, isOpaque: boolean) {
    this.level = level;
    this.frame = frame;
    this.isOpaque = isOpaque;
  }

  at(level: number, frame: Frame): this {
    this.level = level;
    this.frame = frame;
    return this;
  }
}

/** A root variable that a node reads, seen through transparent nodes. */
export interface Source {
  readonly root: Var;
  readonly relation: Relation;
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
    if (mergeable.size === 0 || fits([...mergeable], node)) return level;
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

/** What a node would like to join, and the space it and they would have in common. */
class Choice {
  readonly mergeable: Set<Group> = new Set<Group>();
  /** The rows that the node's way of reading a group implies. */
  private readonly links = new Map<Group, Frame>();
  private readonly own: Frame;

  constructor(own: Frame) {
    this.own = own;
  }

  /** The common frame with `more` as well; undefined when there is none. */
  frame(more?: Group, link?: Frame): Frame | undefined {
    let frame: Frame | undefined = this.own;
    for (const g of this.mergeable) frame = this.join(frame, g, this.links.get(g));
    return more === undefined ? frame : this.join(frame, more, link);
  }

  private join(frame: Frame | undefined, g: Group, link: Frame | undefined): Frame | undefined {
    const linked = frame === undefined || link === undefined ? frame : joinFrames(frame, link);
    return linked === undefined ? undefined : joinFrames(linked, g.frame);
  }

  add(g: Group, link: Frame | undefined): void {
    this.mergeable.add(g);
    if (link !== undefined) this.links.set(g, link);
  }
}

export class Grouping {
  private readonly graph: Graph;
  private readonly groups = new Map<Node, Group>();
  /** The latest group that reads a variable at its own position: siblings that share an operand share a pass over it. */
  private readonly readers = new Map<Var, Group>();
  private readonly sources = new Map<Node, readonly Source[]>();

  constructor(graph: Graph) {
    this.graph = graph;
    for (const node of graph.nodes) this.place(node);
  }

  /** The group of a node; undefined for transparent nodes and aliases. */
  of(node: Node): Group | undefined {
    const g = this.groups.get(node);
    return g === undefined ? undefined : find(g);
  }

  /** What a node reads. What belongs to its own group is read at the node's position or in its row. */
  sourcesOf(node: Node): readonly Source[] {
    return this.sources.get(node) ?? [];
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
    const sources = this.findSources(node);
    this.sources.set(node, sources);
    if (node.isTransparent) return;
    const group = this.choose(node, sources);
    group.nodes.push(node);
    group.weight += node.info.nodes + 1;
    for (const { root } of sources) this.read(group, root);
    for (const { root, relation } of sources)
      if (relation === 'near' || relation === 'fold') this.readers.set(root, group);
    this.groups.set(node, group);
  }

  private findSources(node: Node): Source[] {
    const found = new Map<Var, Relation>();
    const add = (root: Var, relation: Relation): void => {
      const known = found.get(root);
      found.set(root, known === undefined || known === relation ? relation : 'far');
    };
    const read = (atom: Atom, relation: Relation): void => {
      if (atom.kind !== 'var' || this.graph.scalar(atom) !== undefined) return;
      const p = this.graph.producer(atom);
      if (!p?.isTransparent) add(this.graph.root(atom), relation);
      else for (const s of this.sourcesOf(p)) add(s.root, composed(relation, s.relation));
    };
    if (node.kind === 'opaque') for (const atom of node.eqn.inputs) read(atom, 'far');
    else for (const a of node.info.accesses) read(node.eqn.inputs[a.operand]!, a.relation);
    return [...found].map(([root, relation]) => ({ root, relation }));
  }

  private groupOfVar(v: Var): Group | undefined {
    const p = this.graph.producer(v);
    return p === undefined ? undefined : this.of(p);
  }

  private frameOf(node: Node, sources: readonly Source[]): Frame {
    if (node.kind !== 'reduction') return flatFrame(node.size, undefined);
    const isAdjacent = [...sources, ...node.info.accesses].every((r) => r.relation === 'fold');
    return flatFrame(node.size, isAdjacent ? 'rows' : 'flat');
  }

  /** The group for `node`: what it can join, merged into one, or a new one. */
  private choose(node: Node, sources: readonly Source[]): Group {
    const choice = new Choice(this.frameOf(node, sources));
    const { mergeable } = choice;
    const producers = new Set<Group>();
    if (node.kind === 'opaque' || node.kind === 'assembly') {
      for (const s of sources) this.addProducer(s, producers);
      return new Group(settle(mergeable, producers, node), choice.frame()!, true);
    }
    for (const s of sources) this.addProducer(s, producers);
    const latest = [...producers].reduce((level, g) => Math.max(level, g.level), 0);
    // What has readers too early for this node, or is read at other positions, must be there first.
    const excluded = new Set<Group>([...producers].filter((g) => g.minConsumer <= latest));
    for (const s of sources) {
      const g = this.groupOfVar(s.root);
      if (g === undefined || excluded.has(g) || this.consider(choice, g, node, s)) continue;
      mergeable.delete(g);
      excluded.add(g);
    }
    let level = settle(mergeable, producers, node);
    for (const s of sources) {
      const reader = this.readers.get(s.root);
      if (reader === undefined || (s.relation !== 'near' && s.relation !== 'fold')) continue;
      const g = find(reader);
      const risen = Math.max(level, g.level);
      const isLegal = !producers.has(g) && [...mergeable, g].every((m) => m.minConsumer > risen);
      if (!isLegal || mergeable.has(g) || !fits([...mergeable, g], node)) continue;
      if (s.relation === 'fold' && node.size === 1 && s.root.aval.size > maxCachedRow) continue;
      if (this.consider(choice, g, node, s)) level = risen;
    }
    const frame = choice.frame()!;
    const [first, ...rest] = mergeable;
    if (first === undefined) return new Group(level, frame, false);
    return rest
      .reduce((a, g) => (a.nodes.length >= g.nodes.length ? absorb(a, g) : absorb(g, a)), first)
      .at(level, frame);
  }

  private addProducer({ root }: Source, producers: Set<Group>): void {
    const g = this.groupOfVar(root);
    if (g !== undefined) producers.add(g);
  }

  /** Lets `node` join `g`, which it reads as `source` says; false if they have no space in common. */
  private consider(choice: Choice, g: Group, node: Node, { root, relation }: Source): boolean {
    if (g.isOpaque || node.size === 0 || relation === 'far') return false;
    const { size } = root.aval;
    // A single number is at hand everywhere; a row of its own is only worth a second pass while it stays in cache.
    if (relation === 'row' && size === 1 && (g.frame.rows !== 1 || node.size > maxCachedRow)) return false;
    const link =
      relation === 'row' ? rowFrame(size, node.size) : relation === 'fold' ? rowFrame(node.size, size) : undefined;
    if ((relation !== 'near' && link === undefined) || choice.frame(g, link) === undefined) return false;
    choice.add(g, link);
    return true;
  }

  private read(group: Group, v: Var): void {
    const producer = this.groupOfVar(v);
    if (producer === group) return;
    group.reads.add(v);
    if (producer !== undefined) producer.minConsumer = Math.min(producer.minConsumer, group.level);
  }
}

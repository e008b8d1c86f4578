/**
 * The passes over a row: in which of them each value of a row's elements is computed, and which values wait in memory for a later one.
 *
 * A reduction is known after the pass that runs it; what needs its result comes in a later pass. An element that several passes need
 * is computed in each of them when that is cheap, and otherwise stored by the first and loaded by the rest.
 * May import: `ir`.
 * @module
 */
import type { Var } from '../ir/program.ts';
import type { Node } from './graph.ts';

/** Arithmetic and loads beyond which an element is stored for later passes, in units of a load: see `access`. */
const maxRepeatedCost = 4;

/** A group whose values are those of rows and of their elements. */
export interface RowMembers {
  /** The nodes that are needed, in order. */
  readonly nodes: readonly Node[];
  /** One value an element; else one value a row. */
  isColumn(node: Node): boolean;
  /** A reduction over the elements of a row. */
  isFold(node: Node): boolean;
  /** The members that a node reads, by the variables it reads. */
  sources(node: Node): readonly { readonly root: Var; readonly node: Node }[];
  /** Number of values read that are not those of members. */
  outside(node: Node): number;
  isStored(v: Var): boolean;
}

/** A value in memory: written by pass `from`, read by passes up to `to`. */
export interface Kept {
  readonly from: number;
  readonly to: number;
}

export interface Passes {
  readonly count: number;
  /** Nodes of a row's own values that can be computed before pass i (the last entry: after all passes). */
  readonly rows: readonly (readonly Node[])[];
  /** Reductions that pass i runs. */
  readonly folds: readonly (readonly Node[])[];
  /** Nodes of elements that pass i computes. */
  readonly columns: readonly (readonly Node[])[];
  readonly kept: ReadonlyMap<Var, Kept>;
}

export function planPasses(members: RowMembers): Passes {
  const known = earliest(members);
  const count = Math.max(0, ...members.nodes.map((n) => (members.isColumn(n) ? known.get(n)! + 1 : known.get(n)!)));
  const { evaluated, kept } = placeElements(members, known);
  const lists = (length: number): Node[][] => Array.from({ length }, () => []);
  const plan = { count, rows: lists(count + 1), folds: lists(count), columns: lists(count), kept };
  for (const node of members.nodes) {
    if (members.isColumn(node)) for (const pass of evaluated.get(node) ?? []) plan.columns[pass]!.push(node);
    else if (members.isFold(node)) plan.folds[known.get(node)! - 1]!.push(node);
    else plan.rows[known.get(node)!]!.push(node);
  }
  return plan;
}

/** For elements the first pass that can compute them; for a row's values the number of passes that come before. */
function earliest(members: RowMembers): Map<Node, number> {
  const known = new Map<Node, number>();
  for (const node of members.nodes) {
    const at = members.sources(node).reduce((pass, s) => Math.max(pass, known.get(s.node)!), 0);
    known.set(node, members.isFold(node) ? at + 1 : at);
  }
  return known;
}

/** The passes that compute each element, and what is kept in memory between them. */
function placeElements(
  members: RowMembers,
  known: ReadonlyMap<Node, number>,
): { evaluated: Map<Node, Set<number>>; kept: Map<Var, Kept> } {
  const requests = new Map<Var, Set<number>>();
  const evaluated = new Map<Node, Set<number>>();
  const kept = new Map<Var, Kept>();
  const costs = repeatCosts(members);
  for (const node of [...members.nodes].reverse()) {
    let passes = new Set<number>();
    if (members.isFold(node)) passes.add(known.get(node)! - 1);
    else if (members.isColumn(node)) {
      const { outputs } = node.eqn;
      for (const v of outputs) for (const pass of requests.get(v) ?? []) passes.add(pass);
      const isHome =
        outputs.some((v) => members.isStored(v)) || (passes.size > 1 && costs.get(node)! > maxRepeatedCost);
      if (isHome) {
        const from = passes.size > 0 ? Math.min(...passes) : known.get(node)!;
        for (const v of outputs) {
          const to = Math.max(from, ...(requests.get(v) ?? []));
          if (members.isStored(v) || to > from) kept.set(v, { from, to });
        }
        passes = new Set([from]);
      }
      evaluated.set(node, passes);
    } else continue;
    for (const s of members.sources(node)) {
      if (!members.isColumn(s.node)) continue;
      let wanted = requests.get(s.root);
      if (wanted === undefined) requests.set(s.root, (wanted = new Set()));
      for (const pass of passes) wanted.add(pass);
    }
  }
  return { evaluated, kept };
}

/** What it costs to compute an element again, from what is in memory. */
function repeatCosts(members: RowMembers): Map<Node, number> {
  const costs = new Map<Node, number>();
  for (const node of members.nodes) {
    if (!members.isColumn(node)) continue;
    let cost = node.info.cost + members.outside(node);
    for (const s of members.sources(node))
      if (members.isColumn(s.node)) cost += members.isStored(s.root) ? 1 : costs.get(s.node)!;
    costs.set(node, cost);
  }
  return costs;
}

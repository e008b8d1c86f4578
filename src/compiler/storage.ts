/**
 * Which values get memory, and which are computed again where they are read. A value read from another group is stored unless
 * repeating it is cheaper than a store and the loads; reductions are always stored.
 * May import: `ir`.
 * @module
 */
import type { Var } from '../ir/program.ts';
import type { Graph, Node } from './graph.ts';
import type { Group, Grouping } from './group.ts';

/** In units of a load: writing an element (and the traffic it causes), reading one back, and one more kernel. */
const storeCost = 2;
const loadCost = 1;
const kernelCost = 64;
/** Dividing an index by the extents of another shape, an element at a time. */
const reshapeCost = 8;
/** Arithmetic on what is loaded anyway costs nothing up to here: it hides behind the loads. */
const hiddenCost = 1;

/** Limits on what is repeated at one place, and on what one group takes in. */
const maxRepeatedNodes = 96;
const maxInlinedWeight = 640;
const maxReaderGroups = 8;

/** How a value is read. */
interface Demand {
  /** Elements read from outside its group, or at other positions. */
  far: number;
  /** Read by its own group. */
  near: boolean;
  /** Some read of other positions goes through a reshape. */
  isReshaped: boolean;
  readonly groups: Set<Group>;
}

export class Storage {
  private readonly graph: Graph;
  private readonly grouping: Grouping;
  private readonly demands = new Map<Var, Demand>();
  private readonly stored = new Set<Var>();
  private readonly inlined = new Map<Group, number>();

  constructor(graph: Graph, grouping: Grouping) {
    this.graph = graph;
    this.grouping = grouping;
    for (let i = graph.nodes.length - 1; i >= 0; i--) this.demand(graph.nodes[i]!);
    for (const node of graph.nodes) this.decide(node);
  }

  /** Whether a root variable has memory. Inputs of the block always do. */
  isStored(root: Var): boolean {
    return this.stored.has(root) || this.graph.producer(root) === undefined;
  }

  private demandOf(v: Var): Demand {
    let d = this.demands.get(v);
    if (d === undefined) this.demands.set(v, (d = { far: 0, near: false, isReshaped: false, groups: new Set() }));
    return d;
  }

  private demand(node: Node): void {
    if (node.isAlias || node.kind === 'opaque') return;
    const own = node.isTransparent ? this.demandOf(node.eqn.outputs[0]!) : undefined;
    const reads = own === undefined ? node.evaluations : own.far;
    const group = this.grouping.of(node);
    for (const a of node.info.accesses) {
      const atom = node.eqn.inputs[a.operand]!;
      const producer = this.graph.producer(atom);
      if (atom.kind !== 'var' || producer === undefined || this.graph.scalar(atom) !== undefined) continue;
      const d = this.demandOf(this.graph.root(atom));
      if (a.near && group !== undefined && this.grouping.of(producer) === group) {
        d.near = true;
        continue;
      }
      d.far += reads;
      d.isReshaped ||= this.graph.isReshaped(a, atom);
      for (const g of own?.groups ?? [group!]) d.groups.add(g);
    }
  }

  private decide(node: Node): void {
    if (node.isAlias || node.isTransparent) return;
    for (const v of node.eqn.outputs) {
      if (node.kind === 'opaque' || this.graph.required.has(v) || this.isWorthStoring(node, v)) this.stored.add(v);
    }
  }

  private isWorthStoring(node: Node, v: Var): boolean {
    const d = this.demands.get(v);
    if (d === undefined || d.far === 0) return false;
    if (d.groups.size > maxReaderGroups) return true;
    const repeat = this.repeatCost(node);
    if (repeat === undefined) return true;
    const store = node.size * storeCost + d.far * loadCost + (d.near ? 0 : kernelCost + node.size * repeat.cost);
    // Only an index that is not simply the linear one has to be taken apart.
    const index = d.isReshaped && node.info.accesses.some((a) => !a.near) ? reshapeCost : 0;
    if (d.far * Math.max(loadCost, repeat.cost + index - hiddenCost) > store) return true;
    const weights = [...d.groups].map((g) => (this.inlined.get(g) ?? 0) + g.weight + repeat.nodes);
    if (weights.some((w) => w > maxInlinedWeight)) return true;
    for (const g of d.groups) this.inlined.set(g, (this.inlined.get(g) ?? 0) + repeat.nodes);
    return false;
  }

  /** Cost of one element from what is stored; undefined when it is too much, or contains a reduction. */
  private repeatCost(start: Node): { cost: number; nodes: number } | undefined {
    let [cost, nodes] = [0, 0];
    // The stack holds nodes with the set of those already counted at the same index.
    const work: [Node, Set<Node>][] = [[start, new Set()]];
    for (let item = work.pop(); item !== undefined; item = work.pop()) {
      const [node, counted] = item;
      if (counted.has(node)) continue;
      counted.add(node);
      if (node.kind !== 'pointwise') return undefined;
      cost += node.info.cost;
      nodes += node.info.nodes + 1;
      if (nodes > maxRepeatedNodes) return undefined;
      for (const a of node.info.accesses) {
        const atom = node.eqn.inputs[a.operand]!;
        if (this.graph.scalar(atom) !== undefined) continue;
        const producer = this.graph.producer(atom);
        if (producer === undefined || (atom.kind === 'var' && this.stored.has(this.graph.root(atom)))) cost += loadCost;
        else work.push([producer, a.near ? counted : new Set()]);
      }
    }
    return { cost, nodes };
  }
}

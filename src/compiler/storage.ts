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
/** Storing a value for a whole row and loading it for each element, where it is one for many. */
const rowCost = 0.3;
/** Dividing an index by the extents of another shape, an element at a time. */
const reshapeCost = 8;
/** Arithmetic on what is loaded anyway costs nothing up to here: it hides behind the loads. */
const hiddenCost = 1;

/** Limits on what is repeated at one place, and on what one group takes in. */
const maxRepeatedNodes = 96;
const maxInlinedWeight = 640;
const maxReaderGroups = 8;

const isOpaque = ({ kind }: Node): boolean => kind === 'opaque' || kind === 'assembly';

/** How a value is read. */
interface Demand {
  /** Elements that each other group reads. */
  readonly far: Map<Group, number>;
  /** Read by its own group. */
  near: boolean;
  /** Some read of other positions goes through a reshape. */
  isReshaped: boolean;
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
    if (d === undefined) this.demands.set(v, (d = { far: new Map(), near: false, isReshaped: false }));
    return d;
  }

  private demand(node: Node): void {
    if (node.isAlias || node.kind === 'opaque') return;
    const group = this.grouping.of(node);
    const readers =
      group === undefined ? this.demandOf(node.eqn.outputs[0]!).far : new Map([[group, node.evaluations]]);
    for (const a of node.info.accesses) {
      const atom = node.eqn.inputs[a.operand]!;
      const producer = this.graph.producer(atom);
      if (atom.kind !== 'var' || producer === undefined || this.graph.scalar(atom) !== undefined) continue;
      const d = this.demandOf(this.graph.root(atom));
      const own = this.grouping.of(producer);
      for (const [g, evaluations] of readers) {
        const reads = node.kind === 'assembly' ? atom.aval.size : evaluations;
        // Members of one group meet at their position, or in their row.
        if (g === own) d.near = true;
        else {
          d.far.set(g, (d.far.get(g) ?? 0) + reads);
          d.isReshaped ||= this.graph.isReshaped(a, atom);
        }
      }
    }
  }

  private decide(node: Node): void {
    if (node.isAlias || node.isTransparent) return;
    for (const v of node.eqn.outputs) {
      if (isOpaque(node) || this.graph.required.has(v) || this.isWorthStoring(node, v)) this.stored.add(v);
    }
  }

  private isWorthStoring(node: Node, v: Var): boolean {
    const d = this.demands.get(v);
    if (d === undefined || d.far.size === 0) return false;
    const groups = [...d.far.keys()];
    if (groups.length > maxReaderGroups) return true;
    const far = [...d.far.values()].reduce((a, b) => a + b);
    const repeat = this.repeatCost(node);
    if (repeat === undefined) return true;
    const store = node.size * storeCost + far * loadCost + (d.near ? 0 : kernelCost + node.size * repeat.cost);
    // Only an index that is not simply the linear one has to be taken apart.
    const index = d.isReshaped && node.info.accesses.some((a) => !a.near) ? reshapeCost : 0;
    if (far * Math.max(loadCost, repeat.cost + index - hiddenCost) > store) return true;
    const weights = groups.map((g) => (this.inlined.get(g) ?? 0) + g.weight + repeat.nodes);
    if (weights.some((w) => w > maxInlinedWeight)) return true;
    for (const g of groups) this.inlined.set(g, (this.inlined.get(g) ?? 0) + repeat.nodes);
    for (const row of repeat.rows) this.stored.add(row);
    return false;
  }

  /**
   * Cost of one element from what is stored, and from what rows it would need to be stored as well; undefined when it is too much, or
   * contains a reduction otherwise.
   */
  private repeatCost(start: Node): { cost: number; nodes: number; rows: readonly Var[] } | undefined {
    let [cost, nodes] = [0, 0];
    const rows: Var[] = [];
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
        const root = atom.kind === 'var' ? this.graph.root(atom) : undefined;
        if (producer === undefined || root === undefined || this.stored.has(root)) cost += loadCost;
        else if (this.isRowOf(producer, start)) {
          cost += rowCost;
          rows.push(root);
        } else work.push([producer, a.near ? counted : new Set()]);
      }
    }
    return { cost, nodes, rows };
  }

  /** Whether a node gives one value for each row of the space in which `node` has one for each element. */
  private isRowOf(row: Node, node: Node): boolean {
    const group = this.grouping.of(row);
    return group !== undefined && group === this.grouping.of(node) && group.frame.rows === row.size && row !== node;
  }
}

/**
 * What a kernel computes of a group: the nodes that its stored values need, and what they are in the group's space.
 * May import: `ir`.
 * @module
 */
import type { SourceSite, Var } from '../ir/program.ts';
import type { Fusion } from './kernel-unit.ts';
import type { Node } from './graph.ts';
import type { Group } from './group.ts';
import type { RowMembers } from './passes.ts';
import { chooseSpace, type Space } from './space.ts';

interface Member {
  readonly root: Var;
  readonly node: Node;
}

export class Members implements RowMembers {
  /** In order. */
  readonly nodes: readonly Node[];
  readonly space: Space;
  private readonly fusion: Fusion;
  private readonly group: Group;
  private readonly read = new Map<Node, readonly Member[]>();

  constructor(fusion: Fusion, group: Group, outputs: readonly Var[]) {
    this.fusion = fusion;
    this.group = group;
    this.nodes = this.findNeeded(outputs);
    this.space = chooseSpace(group.frame, this.nodes, (node) => this.readsThrough(node));
  }

  private findNeeded(outputs: readonly Var[]): Node[] {
    const needed = new Set(outputs.map((v) => this.fusion.graph.producer(v)!));
    for (const node of needed) for (const m of this.sources(node)) needed.add(m.node);
    return this.group.nodes.filter((n) => needed.has(n));
  }

  sources(node: Node): readonly Member[] {
    let found = this.read.get(node);
    if (found === undefined) {
      const { graph, grouping } = this.fusion;
      found = grouping.sourcesOf(node).flatMap(({ root }): Member[] => {
        const p = graph.producer(root);
        return p !== undefined && grouping.of(p) === this.group ? [{ root, node: p }] : [];
      });
      this.read.set(node, found);
    }
    return found;
  }

  outside(node: Node): number {
    return this.fusion.grouping.sourcesOf(node).length - this.sources(node).length;
  }

  isStored(v: Var): boolean {
    return this.fusion.storage.isStored(v);
  }

  isColumn(node: Node): boolean {
    return this.space.columnCount !== undefined && node.size !== this.space.rowCount;
  }

  isFold(node: Node): boolean {
    const { columnCount, rowCount } = this.space;
    return (
      columnCount !== undefined &&
      node.kind === 'reduction' &&
      node.size === rowCount &&
      node.evaluations === rowCount * columnCount &&
      node.info.accesses.every((a) => a.relation === 'fold')
    );
  }

  /** Whether an operand is computed here although it belongs to no member. */
  private readsThrough(node: Node): boolean {
    const { graph, grouping } = this.fusion;
    return node.eqn.inputs.some((a) => {
      if (a.kind !== 'var' || graph.scalar(a) !== undefined) return false;
      const p = graph.producer(a);
      return p !== undefined && !this.isStored(graph.root(a)) && grouping.of(p) !== this.group;
    });
  }

  /** Distinct sites of the nodes' equations, those that cost most first. */
  sites(): SourceSite[] {
    const costs = new Map<SourceSite, number>();
    for (const { eqn, info, evaluations } of this.nodes)
      if (eqn.site !== undefined) costs.set(eqn.site, (costs.get(eqn.site) ?? 0) + (1 + info.cost) * evaluations);
    return [...costs].sort((a, b) => b[1] - a[1]).map(([site]) => site);
  }
}

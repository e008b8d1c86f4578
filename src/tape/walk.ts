/**
 * The walk backward over a graph: cotangents from outputs to inputs, each node once, after everything that reads it. Linear in the size
 * of the graph, and without recursion.
 * May import: `util`, `ir`, `core`, `primitives`, `transforms`, `control`.
 * @module
 */
import type { MaybeZero } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { add } from '../primitives/arithmetic.ts';
import type { Edge, Node, Recorder } from './graph.ts';

export interface WalkOptions {
  /** Keep what the nodes saved, for another walk. */
  readonly retain: boolean;
  /** Record the walk. */
  readonly recorder?: Recorder | undefined;
  /** Only what leads to these edges is walked; their cotangents are the result. Without it the whole graph is. */
  readonly targets?: readonly Edge[] | undefined;
  /** Called with what each node gave. */
  readonly check?: ((node: Node, grads: readonly MaybeZero[]) => void) | undefined;
}

/** What is known of a node during a walk. */
class Visit {
  /** Edges to it from nodes that have not been visited yet. */
  pending = 0;
  /** Whether its inputs want their cotangents: they are targets, or lead to some. */
  leadsOn = true;
  readonly cts: MaybeZero[];
  targets: { readonly output: number; readonly at: number }[] | undefined;

  get isNeeded(): boolean {
    return this.leadsOn || this.targets !== undefined;
  }

  constructor(node: Node) {
    this.cts = Array.from({ length: node.numOutputs }, () => null);
  }

  add(output: number, ct: Tensor): void {
    const old = this.cts[output]!;
    this.cts[output] = old === null ? ct : add(old, ct);
  }
}

/**
 * Carries cotangents back.
 * @param roots edges with the cotangents to start from
 * @returns the cotangents at `targets`; null where none arrived
 */
export function walkBackward(
  roots: readonly { readonly edge: Edge; readonly ct: Tensor }[],
  options: WalkOptions,
): MaybeZero[] {
  const visits = discover(roots.map(({ edge }) => edge.node));
  const found = (options.targets ?? []).map((): MaybeZero => null);
  if (options.targets !== undefined) markNeeded(visits, options.targets);
  for (const { edge, ct } of roots) visits.get(edge.node)!.add(edge.output, ct);
  const ready: Node[] = [];
  for (const [node, visit] of visits) if (visit.pending === 0) ready.push(node);
  // The latest first, which is also the order that users see hooks run in.
  ready.sort((a, b) => a.id - b.id);
  for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
    const visit = visits.get(node)!;
    visits.delete(node);
    const grads = visit.isNeeded ? leave(node, visit, found, options) : undefined;
    node.parents.forEach((edge, i) => {
      if (edge === undefined) return;
      const parent = visits.get(edge.node)!;
      const ct = grads?.[i] ?? null;
      if (ct !== null && parent.isNeeded) parent.add(edge.output, ct);
      if (--parent.pending === 0) ready.push(edge.node);
    });
  }
  return found;
}

/** Every node that can be reached, with the number of edges to it. */
function discover(roots: readonly Node[]): Map<Node, Visit> {
  const visits = new Map<Node, Visit>();
  const stack: Node[] = [];
  const meet = (node: Node): Visit => {
    let visit = visits.get(node);
    if (visit === undefined) {
      visits.set(node, (visit = new Visit(node)));
      stack.push(node);
    }
    return visit;
  };
  roots.forEach(meet);
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    for (const edge of node.parents) if (edge !== undefined) meet(edge.node).pending++;
  }
  return visits;
}

function markNeeded(visits: ReadonlyMap<Node, Visit>, targets: readonly Edge[]): void {
  for (const visit of visits.values()) visit.leadsOn = false;
  targets.forEach(({ node, output }, at) => {
    const visit = visits.get(node);
    if (visit === undefined) return;
    (visit.targets ??= []).push({ output, at });
  });
  // Parents have smaller ids: in this order they are settled first.
  const nodes = [...visits.keys()].sort((a, b) => a.id - b.id);
  for (const node of nodes) {
    const visit = visits.get(node)!;
    visit.leadsOn = node.parents.some((edge) => edge !== undefined && visits.get(edge.node)!.isNeeded);
  }
}

/** The cotangents of a node's inputs; those of its outputs are final now. */
function leave(
  node: Node,
  visit: Visit,
  found: MaybeZero[],
  { retain, recorder, check }: WalkOptions,
): readonly MaybeZero[] | undefined {
  const { cts } = visit;
  if (node.hooks !== undefined) {
    for (const [output, hooks] of node.hooks) {
      for (const hook of hooks) if (cts[output] !== null) cts[output] = hook(cts[output]!);
    }
  }
  for (const { output, at } of visit.targets ?? []) found[at] = cts[output]!;
  if (!visit.leadsOn || cts.every((ct) => ct === null)) return undefined;
  let given: readonly MaybeZero[] = cts;
  for (const hook of node.prehooks ?? []) given = hook(given);
  let grads = node.pull(given, recorder);
  for (const hook of node.posthooks ?? []) grads = hook(grads, given);
  check?.(node, grads);
  if (!retain) node.release();
  return grads;
}

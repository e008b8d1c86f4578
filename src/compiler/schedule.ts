/**
 * From a block of equations to units of work in an order that respects what reads what and stays close to the program's own, so that
 * values die soon after they are made.
 * May import: `ir`.
 * @module
 */
import { InternalError } from '../ir/errors.ts';
import type { Equation, Program, Var } from '../ir/program.ts';
import { emitKernel, type KernelUnit } from './emit-kernel.ts';
import { Graph } from './graph.ts';
import { Grouping } from './group.ts';
import { MinHeap } from './heap.ts';
import { Storage } from './storage.ts';

/** An equation that is not fused: it writes its own loops, or is control flow. */
export interface EquationUnit {
  readonly kind: 'equation';
  readonly eqn: Equation;
  /** Root variables among the operands. */
  readonly reads: readonly Var[];
  readonly writes: readonly Var[];
  readonly order: number;
}

export type Unit = KernelUnit | EquationUnit;

export interface Block {
  readonly graph: Graph;
  readonly units: readonly Unit[];
}

/** Fuses and orders the equations of one Program. `scalars` are inputs that are known numbers. */
export function scheduleBlock(program: Program, scalars: ReadonlyMap<Var, number>): Block {
  const graph = new Graph(program, scalars);
  const grouping = new Grouping(graph);
  const storage = new Storage(graph, grouping);
  const units: Unit[] = [];
  for (const group of grouping.all()) {
    if (group.isOpaque) units.push(...group.nodes.map((n) => equationUnit(graph, n.eqn, n.id)));
    else {
      const unit = emitKernel(graph, grouping, storage, group);
      if (unit !== undefined) units.push(unit);
    }
  }
  return { graph, units: sortUnits(units) };
}

function equationUnit(graph: Graph, eqn: Equation, order: number): EquationUnit {
  const reads = eqn.inputs.flatMap((a) => (a.kind === 'var' && graph.scalar(a) === undefined ? [graph.root(a)] : []));
  return { kind: 'equation', eqn, reads, writes: eqn.outputs, order };
}

/** Topological order; among the units that are ready, the one that comes first in the program. */
function sortUnits(units: readonly Unit[]): Unit[] {
  const producers = new Map<Var, number>();
  units.forEach((u, i) => u.writes.forEach((v) => producers.set(v, i)));
  const consumers: number[][] = units.map(() => []);
  const waiting = units.map((u, i) => {
    const sources = new Set<number>();
    for (const v of u.reads) {
      const p = v.kind === 'var' ? producers.get(v) : undefined;
      if (p !== undefined) sources.add(p);
    }
    for (const p of sources) consumers[p]!.push(i);
    return sources.size;
  });
  const ready = new MinHeap();
  waiting.forEach((n, i) => n === 0 && ready.push(units[i]!.order, i));
  const out: Unit[] = [];
  for (let i = ready.pop(); i !== undefined; i = ready.pop()) {
    out.push(units[i]!);
    for (const c of consumers[i]!) if (--waiting[c]! === 0) ready.push(units[c]!.order, c);
  }
  if (out.length !== units.length) throw new InternalError('fusion made kernels that wait for each other');
  return out;
}

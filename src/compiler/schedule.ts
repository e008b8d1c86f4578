/**
 * From a block of equations to units of work in an order that respects what reads what and stays close to the program's own, so that
 * values die soon after they are made.
 * May import: `ir`.
 * @module
 */
import { InternalError } from '../ir/errors.ts';
import type { Equation, Program, Var } from '../ir/program.ts';
import { emitAssembly } from './emit-assembly.ts';
import { emitKernel } from './emit-kernel.ts';
import type { Fusion, KernelUnit } from './kernel-unit.ts';
import { addEpilogues } from './epilogue.ts';
import { Graph } from './graph.ts';
import { type Group, Grouping } from './group.ts';
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
  const fusion = { graph, grouping, storage };
  const units = new Map<Group, Unit>();
  for (const group of grouping.all()) {
    const unit = unitOf(fusion, group);
    if (unit !== undefined) units.set(group, unit);
  }
  return { graph, units: sortUnits(addEpilogues(fusion, units), program, graph) };
}

function unitOf(fusion: Fusion, group: Group): Unit | undefined {
  if (!group.isOpaque) return emitKernel(fusion, group);
  const node = group.nodes[0]!;
  return node.kind === 'assembly' ? emitAssembly(fusion, node) : equationUnit(fusion.graph, node.eqn, node.id);
}

function equationUnit(graph: Graph, eqn: Equation, order: number): EquationUnit {
  const reads = eqn.inputs.flatMap((a) => (a.kind === 'var' && graph.scalar(a) === undefined ? [graph.root(a)] : []));
  return { kind: 'equation', eqn, reads, writes: eqn.outputs, order };
}

/** Values that are not worth waiting for, in bytes. */
const tiny = 1024;

/**
 * Topological order. Among the units that are ready, one that leaves less memory in use than it found goes first, then the one that comes
 * first in the program: an update of a parameter follows its gradient.
 */
function sortUnits(units: readonly Unit[], program: Program, graph: Graph): Unit[] {
  const order = new UnitOrder(
    units,
    new Set(program.outputs.map((a) => (a.kind === 'var' ? graph.root(a) : undefined))),
  );
  const out = order.sorted();
  if (out.length !== units.length) throw new InternalError('fusion made kernels that wait for each other');
  return out;
}

class UnitOrder {
  private readonly units: readonly Unit[];
  private readonly outputs: ReadonlySet<Var | undefined>;
  private readonly reads: readonly (readonly Var[])[];
  /** Units that read a variable, and how many of them have not run. */
  private readonly readers = new Map<Var, number[]>();
  private readonly unread = new Map<Var, number>();
  private readonly producers = new Map<Var, number>();
  /** How many units each one waits for. */
  private readonly waiting: number[];
  private readonly consumers: readonly number[][];
  private readonly isDone: boolean[];
  private readonly ready = new MinHeap();
  /** Units that are ready and leave less memory in use. */
  private readonly relief: number[] = [];

  constructor(units: readonly Unit[], outputs: ReadonlySet<Var | undefined>) {
    this.units = units;
    this.outputs = outputs;
    this.reads = units.map((u) => [...new Set(u.reads.flatMap((v) => (v.kind === 'var' ? [v] : [])))]);
    units.forEach((u, i) => u.writes.forEach((v) => this.producers.set(v, i)));
    this.reads.forEach((vars, i) => vars.forEach((v) => this.addReader(v, i)));
    const sources = this.reads.map((vars) => new Set(vars.flatMap((v) => this.producers.get(v) ?? [])));
    this.waiting = sources.map((set) => set.size);
    this.consumers = units.map(() => []);
    sources.forEach((set, i) => set.forEach((p) => this.consumers[p]!.push(i)));
    this.isDone = units.map(() => false);
  }

  private addReader(v: Var, unit: number): void {
    const list = this.readers.get(v);
    if (list === undefined) this.readers.set(v, [unit]);
    else list.push(unit);
    this.unread.set(v, (this.unread.get(v) ?? 0) + 1);
  }

  sorted(): Unit[] {
    const out: Unit[] = [];
    this.waiting.forEach((n, i) => n === 0 && this.enter(i));
    for (let i = this.next(); i !== undefined; i = this.next()) {
      this.isDone[i] = true;
      out.push(this.units[i]!);
      for (const c of this.consumers[i]!) if (--this.waiting[c]! === 0) this.enter(c);
      for (const v of this.reads[i]!) this.release(v);
    }
    return out;
  }

  private next(): number | undefined {
    for (;;) {
      const i = this.relief.pop() ?? this.ready.pop();
      if (i === undefined || !this.isDone[i]) return i;
    }
  }

  private enter(i: number): void {
    if (this.relieves(i)) this.relief.push(i);
    else this.ready.push(this.units[i]!.order, i);
  }

  /** One reader of `v` less: the last one may be worth running now. */
  private release(v: Var): void {
    const left = this.unread.get(v)! - 1;
    this.unread.set(v, left);
    if (left !== 1) return;
    const last = this.readers.get(v)!.find((i) => !this.isDone[i])!;
    if (this.waiting[last] === 0 && this.relieves(last)) this.relief.push(last);
  }

  /**
   * Whether a unit frees as much memory as it takes. It has to be the last reader of all it reads, inputs too: a result may be meant
   * for the memory of an input, which nobody may need by then.
   */
  private relieves(i: number): boolean {
    let bytes = 0;
    for (const v of this.units[i]!.writes) if (!this.outputs.has(v)) bytes += v.aval.bytes;
    for (const v of this.reads[i]!) {
      if (v.aval.bytes <= tiny && (this.producers.has(v) || v.aval.size === 1)) continue;
      if (this.unread.get(v)! > 1) return false;
      if (this.producers.has(v) && !this.outputs.has(v)) bytes -= v.aval.bytes;
    }
    return bytes <= tiny;
  }
}

/**
 * From a Program to draft steps: every value gets a buffer, and results are written where they are wanted whenever that is safe.
 * May import: `ir`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { type DType, dtypeInfo } from '../ir/dtype.ts';
import { InternalError } from '../ir/errors.ts';
import { type BufferSpec, type Kernel, KernelBuilder } from '../ir/loop/kernel.ts';
import type { LoopsRule } from '../ir/loop/lower.ts';
import type { Atom, ConstantValue, Equation, Params, Program, Var } from '../ir/program.ts';
import { type CarriedOperand, carriedOperands } from './carried.ts';
import { controlSteps } from './control.ts';
import { type DraftStep, MemoryBuffer, sameView, type View, wholeView } from './draft.ts';
import type { Graph } from './graph.ts';
import type { Reuse } from './reuse.ts';
import { loopsOf, rulesOf } from './rules.ts';
import { type Block, type EquationUnit, scheduleBlock, type Unit } from './schedule.ts';
import { splitKernel } from './split-kernel.ts';

/** What an input of a block is bound to. */
export type Binding =
  | { readonly kind: 'scalar'; readonly value: number }
  | { readonly kind: 'view'; readonly view: View };

/** Where an output of a block must end up; `carried` is the input whose memory that is. */
export interface Destination {
  readonly view: View;
  readonly carried?: number;
}

/** One for each output; undefined where nobody wants it. */
export type Destinations = readonly (Destination | undefined)[];

/** What all blocks of one compilation share. */
export class Session {
  readonly constants: ConstantValue[] = [];
  private readonly constantBuffers: MemoryBuffer[] = [];
  private readonly indices = new Map<ConstantValue, number>();
  private readonly scalarConstants = new Map<string, ConstantValue>();
  private nextLoop = 0;

  loopId(): number {
    return this.nextLoop++;
  }

  constant(value: ConstantValue): View {
    return wholeView(this.constantBuffers[this.constantIndex(value)]!);
  }

  /** Position of a constant in the plan. One object has one place, and so have equal scalars. */
  constantIndex(value: ConstantValue): number {
    const shared = this.shared(value);
    let index = this.indices.get(shared);
    if (index === undefined) {
      this.indices.set(shared, (index = this.constants.length));
      this.constants.push(shared);
      this.constantBuffers.push(new MemoryBuffer({ kind: 'constant', index }, shared.aval.bytes, 0));
    }
    return index;
  }

  private shared(value: ConstantValue): ConstantValue {
    if (value.scalar === undefined) return value;
    const key = `${value.aval.dtype} ${Object.is(value.scalar, -0) ? '-0' : value.scalar}`;
    const known = this.scalarConstants.get(key);
    if (known !== undefined) return known;
    this.scalarConstants.set(key, value);
    return value;
  }
}

/**
 * Steps that compute `program` from `inputs` and leave its outputs at `destinations`, which may depend on what shares memory. `depth`
 * counts the loops around the block.
 */
export function blockSteps(
  session: Session,
  program: Program,
  inputs: readonly Binding[],
  destinations: Destinations | ((graph: Graph) => Destinations),
  depth: number,
): DraftStep[] {
  return new BlockCompiler(session, program, inputs, destinations, depth).steps();
}

export class BlockCompiler {
  readonly session: Session;
  readonly depth: number;
  private readonly program: Program;
  private readonly block: Block;
  private readonly graph: Graph;
  private readonly views = new Map<Var, View>();
  private readonly destinations: Destinations;
  /** Outputs that are copied to their destinations at the end. */
  private readonly copied: number[] = [];
  /** Results written straight to the memory of a carried input. */
  private readonly settledCarries = new Set<Var>();
  /** Position of the last unit that reads a root variable; the number of units for what is copied at the end. */
  private readonly lastReads = new Map<Var, number>();
  private readonly writers = new Map<Var, number>();

  constructor(
    session: Session,
    program: Program,
    inputs: readonly Binding[],
    destinations: Destinations | ((graph: Graph) => Destinations),
    depth: number,
  ) {
    this.session = session;
    this.program = program;
    this.depth = depth;
    const scalars = new Map<Var, number>();
    program.inputs.forEach((v, i) => {
      const binding = inputs[i]!;
      if (binding.kind === 'scalar') scalars.set(v, binding.value);
      else this.views.set(v, binding.view);
    });
    this.block = scheduleBlock(program, scalars);
    this.graph = this.block.graph;
    this.destinations = typeof destinations === 'function' ? destinations(this.graph) : destinations;
    this.findUses();
    this.placeOutputs();
    this.placeCarried();
  }

  steps(): DraftStep[] {
    const out = this.block.units.flatMap((unit) => this.unitSteps(unit));
    return [...out, ...this.finalCopies()];
  }

  private findUses(): void {
    this.block.units.forEach((unit, i) => {
      for (const v of unit.reads) if (v.kind === 'var') this.lastReads.set(v, i);
      for (const v of unit.writes) this.writers.set(v, i);
    });
  }

  private rootOf(a: Atom): Var | undefined {
    return a.kind === 'var' && this.graph.scalar(a) === undefined ? this.graph.root(a) : undefined;
  }

  /** Lets the equations that compute outputs write to the destinations; lists the outputs for which that is not safe. */
  private placeOutputs(): void {
    const { outputs } = this.program;
    outputs.forEach((a, j) => {
      const to = this.destinations[j];
      const root = this.rootOf(a);
      if (to === undefined) return;
      const isFree = root !== undefined && this.writers.has(root) && !this.views.has(root);
      if (isFree && this.maySettle(root, j, to)) {
        this.views.set(root, to.view);
        if (to.carried !== undefined) this.settledCarries.add(root);
      } else this.copied.push(j);
    });
    for (const j of this.copied) {
      const root = this.rootOf(outputs[j]!);
      if (root !== undefined) this.lastReads.set(root, this.block.units.length);
    }
  }

  /** Whether output `j` may be written straight to the memory of a carried input: the old value must not be needed any more. */
  private maySettle(root: Var, j: number, to: Destination): boolean {
    if (to.carried === undefined) return true;
    const old = this.program.inputs[to.carried]!;
    const isPassedOn = this.program.outputs.some((a, k) => k !== j && this.rootOf(a) === old);
    if (isPassedOn) return false;
    const [lastRead, write] = [this.lastReads.get(old) ?? -1, this.writers.get(root)!];
    if (lastRead !== write) return lastRead < write;
    const unit = this.block.units[write]!;
    if (unit.kind === 'kernel') {
      const [input, output] = [unit.reads.indexOf(old), unit.writes.indexOf(root)];
      return unit.reuse.some((r) => r.input === input && r.output === output);
    }
    return carriedOperands(unit.eqn).some((c) => this.isOnlyRead(unit, c, old) && unit.eqn.outputs[c.output] === root);
  }

  /** Whether a loop reads `v` as the initial value of one carried result and nothing else. */
  private isOnlyRead(unit: EquationUnit, carried: CarriedOperand, v: Var): boolean {
    const readers = unit.eqn.inputs.flatMap((a, i) => (this.rootOf(a) === v ? [i] : []));
    return readers.length === 1 && readers[0] === carried.input;
  }

  /** Initial values that nobody needs afterwards are computed where the loop keeps the carried value: no copy. */
  private placeCarried(): void {
    const outputs = new Set(this.program.outputs.map((a) => this.rootOf(a)));
    for (let i = this.block.units.length - 1; i >= 0; i--) {
      const unit = this.block.units[i]!;
      if (unit.kind !== 'equation') continue;
      for (const carried of carriedOperands(unit.eqn)) {
        const root = this.rootOf(unit.eqn.inputs[carried.input]!);
        if (root === undefined || !this.writers.has(root) || this.views.has(root) || outputs.has(root)) continue;
        if (this.lastReads.get(root) !== i || !this.isOnlyRead(unit, carried, root)) continue;
        const result = unit.eqn.outputs[carried.output]!;
        // Memory that an outer loop carries holds an older value until this unit runs.
        if (!this.settledCarries.has(result)) this.views.set(root, this.viewOfResult(result));
      }
    }
  }

  private viewOfResult(v: Var): View {
    let view = this.views.get(v);
    if (view === undefined) this.views.set(v, (view = this.temporary(v.aval.bytes)));
    return view;
  }

  temporary(bytes: number): View {
    return wholeView(new MemoryBuffer({ kind: 'arena' }, bytes, this.depth));
  }

  /** What an operand is bound to when it is passed to a sub-Program. */
  binding(a: Atom): Binding {
    const value = this.graph.scalar(a);
    return value === undefined ? { kind: 'view', view: this.view(a) } : { kind: 'scalar', value };
  }

  /** The memory of an operand; numbers get some. */
  view(a: Atom): View {
    if (a.kind === 'literal') return this.session.constant(a.value);
    const value = this.graph.scalar(a);
    if (value !== undefined) return this.session.constant({ aval: a.aval, scalar: value });
    const view = this.views.get(this.graph.root(a));
    if (view !== undefined) return view;
    // Values without elements are never computed.
    if (a.aval.size === 0) return this.viewOfResult(this.graph.root(a));
    throw new InternalError(`no memory for a value ${a.aval.toString()} of ${this.program.name}`);
  }

  private unitSteps(unit: Unit): DraftStep[] {
    if (unit.kind === 'kernel') {
      const scratch = unit.kernel.scratch.map((b) => this.temporary(bytesOf(b)));
      const operands = unit.reads.map((a) => this.view(a));
      const views = [...operands, ...unit.writes.map((v) => this.viewOfResult(v)), ...scratch];
      return this.kernelSteps(unit.kernel, views, unit.reuse);
    }
    const results = unit.eqn.outputs.map((v) => this.viewOfResult(v));
    const loops = loopsOf(unit.eqn);
    if (loops !== undefined) return this.loopsSteps(unit.eqn, loops, results);
    const { lower } = rulesOf(unit.eqn);
    if (lower.kind === 'control') return controlSteps(this, unit.eqn, lower.control(unit.eqn.params), results);
    throw new InternalError(`${unit.eqn.primitive.name} has no kernel of its own`);
  }

  private loopsSteps(eqn: Equation, loops: LoopsRule<Params>, results: readonly View[]): DraftStep[] {
    const spec = ({ dtype, size }: Aval): BufferSpec => ({ dtype, size });
    const ins = eqn.inputs.map((a) => a.aval);
    const outs = eqn.outputs.map((v) => v.aval);
    const builder = new KernelBuilder(eqn.primitive.name, ins.map(spec), outs.map(spec));
    loops.build(builder, ins, outs, eqn.params);
    const kernel: Kernel = { ...builder.build(), sites: eqn.site === undefined ? [] : [eqn.site] };
    const scratch = kernel.scratch.map((b) => this.temporary(bytesOf(b)));
    const operands = eqn.inputs.map((a) => this.view(a));
    const steps: DraftStep[] = [];
    if (loops.startsFrom !== undefined) {
      const [from, to] = [operands[loops.startsFrom]!, results[0]!];
      const { bytes } = outs[0]!;
      if (bytes > 0 && !sameView(from, to)) steps.push({ kind: 'copy', from, to, bytes });
      operands[loops.startsFrom] = to;
    }
    return [...steps, ...this.kernelSteps(kernel, [...operands, ...results, ...scratch], [])];
  }

  /** A kernel, or several in place of one with very many buffers: `views` in the order of those. */
  private kernelSteps(kernel: Kernel, views: readonly View[], reuse: readonly Reuse[]): DraftStep[] {
    const parts = splitKernel(kernel);
    if (parts.length === 1) return [{ kind: 'kernel', kernel, views, reuse }];
    const viewOf = new Map([...kernel.inputs, ...kernel.outputs, ...kernel.scratch].map((b, i) => [b, views[i]!]));
    return parts.map((k) => {
      const own = [...k.inputs, ...k.outputs, ...k.scratch].map((b) => viewOf.get(b)!);
      return { kind: 'kernel', kernel: k, views: own, reuse: [] };
    });
  }

  /** Steps of a sub-Program, with `loops` more loops around it. */
  subSteps(program: Program, inputs: readonly Binding[], destinations: Destinations, loops: number): DraftStep[] {
    return blockSteps(this.session, program, inputs, destinations, this.depth + loops);
  }

  /** Copies of outputs to their destinations. What carries an old value to another place is moved aside first. */
  private finalCopies(): DraftStep[] {
    const direct: DraftStep[] = [];
    const aside: DraftStep[] = [];
    const back: DraftStep[] = [];
    for (const j of this.copied) {
      const atom = this.program.outputs[j]!;
      const { view: to, carried } = this.destinations[j]!;
      const from = this.view(atom);
      const { bytes } = atom.aval;
      if (bytes === 0 || sameView(from, to)) continue;
      const root = this.rootOf(atom);
      if (carried === undefined) direct.push({ kind: 'copy', from, to, bytes });
      else if (root === undefined || this.writers.has(root)) back.push({ kind: 'copy', from, to, bytes });
      else {
        const via = this.temporary(bytes);
        aside.push({ kind: 'copy', from, to: via, bytes });
        back.push({ kind: 'copy', from: via, to, bytes });
      }
    }
    return [...direct, ...aside, ...back];
  }
}

const bytesOf = (b: { readonly dtype: DType; readonly size: number }): number => b.size * dtypeInfo[b.dtype].bytes;

/**
 * `Plan` → one WebAssembly module with one exported function `run(table)`. The table holds the addresses of inputs, outputs and
 * constants, then of the arena. Each distinct kernel is a function of its own; steps are split into functions of bounded length.
 * May import: `ir`, `compiler/plan`, `encode`, `kernel`.
 * @module
 */
import type { Base, Plan, Slot, Step } from '../../compiler/plan.ts';
import type { Kernel } from '../../ir/loop/kernel.ts';
import type { FunctionBuilder } from './encode/function.ts';
import { ModuleBuilder } from './encode/module.ts';
import type { ValueType } from './encode/opcodes.ts';
import type { Threading } from './kernel/chunk.ts';
import { AlikeKernels } from './kernel/alike.ts';
import { emitKernel } from './kernel/emit.ts';
import { KernelTable } from './kernel/kernel-key.ts';

/** Steps in one function, nested ones included: engines compile a function at a time, in more than linear time. */
const stepsPerFunction = 200;

export interface EmittedPlan {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Distinct kernels. */
  readonly kernels: number;
  readonly usesGemm: boolean;
  /** Kernels and copies by the numbers they are marked with, where marks were asked for. */
  readonly marked: readonly Step[];
}

export interface EmitOptions {
  /** Calls the imported `profile.mark(n)` before kernel or copy number `n`, and `profile.mark(~n)` after it. */
  readonly marks?: boolean;
  /** Whether the memory that the module imports is shared. */
  readonly isShared?: boolean;
  /** How kernels share their work between threads. */
  readonly threading?: Threading | undefined;
}

/** Position in the table of pointers. */
export function tableIndex(plan: Plan, base: Base): number {
  const [inputs, outputs, constants] = [plan.inputs.length, plan.outputs.length, plan.constants.length];
  switch (base.kind) {
    case 'input':
      return base.index;
    case 'output':
      return inputs + base.index;
    case 'constant':
      return inputs + outputs + base.index;
    case 'arena':
      return inputs + outputs + constants;
  }
}

export const tableLength = (plan: Plan): number => plan.inputs.length + plan.outputs.length + plan.constants.length + 1;

export function emitPlan(plan: Plan, options: EmitOptions = {}): EmittedPlan {
  return new PlanEmitter(plan, options).emit();
}

/** The function of a kernel, and what it takes after its pointers. */
interface KernelCall {
  readonly f: FunctionBuilder;
  readonly values: readonly number[];
}

/** Locals of the current function that hold the iteration of each enclosing loop. */
type Iterations = ReadonlyMap<number, number>;

class PlanEmitter {
  private readonly plan: Plan;
  private readonly module = new ModuleBuilder();
  private readonly alike: AlikeKernels;
  private readonly kernels = new KernelTable<KernelCall>();
  private readonly kernelOf = new Map<Kernel, KernelCall>();
  /** Functions of kernels that are alike, by their key. */
  private readonly functions = new Map<string, FunctionBuilder>();
  private readonly marked: Step[] = [];
  private readonly mark: number | undefined;
  private readonly threading: Threading | undefined;

  constructor(plan: Plan, { marks = false, isShared = false, threading }: EmitOptions) {
    this.plan = plan;
    this.threading = threading;
    this.alike = new AlikeKernels(threading !== undefined);
    addKernels(plan.steps, this.alike);
    if (marks) this.mark = this.module.importFunction('profile', 'mark', { params: ['i32'], results: [] });
    this.module.importMemory(isShared);
  }

  emit(): EmittedPlan {
    const run = this.module.defineFunction({ params: ['i32'], results: [] });
    this.steps(run, this.plan.steps, new Map());
    this.module.exportFunction('run', run);
    const usesGemm = this.module.importsFrom('gemm');
    return { bytes: this.module.build(), kernels: this.kernels.size, usesGemm, marked: this.marked };
  }

  private kernel(k: Kernel): KernelCall {
    const known = this.kernelOf.get(k);
    if (known !== undefined) return known;
    const call = this.kernels.get(k, () => this.newCall(k));
    this.kernelOf.set(k, call);
    return call;
  }

  private newCall(k: Kernel): KernelCall {
    const prepared = this.alike.get(k);
    const { key, values, isParametric } = prepared;
    let f = isParametric ? this.functions.get(key) : undefined;
    if (f === undefined) {
      f = emitKernel(this.module, prepared, this.threading);
      if (isParametric) this.functions.set(key, f);
    }
    return { f, values };
  }

  private steps(f: FunctionBuilder, steps: readonly Step[], iterations: Iterations): void {
    if (countSteps(steps) <= stepsPerFunction || steps.length === 1) {
      for (const s of steps) this.step(f, s, iterations);
      return;
    }
    for (const piece of pieces(steps)) this.callPiece(f, piece, iterations);
  }

  /** Moves steps to a function of their own, which gets the table and the iterations of the loops around it. */
  private callPiece(f: FunctionBuilder, steps: readonly Step[], iterations: Iterations): void {
    const params: ValueType[] = ['i32', ...[...iterations].map(() => 'i32' as const)];
    const piece = this.module.defineFunction({ params, results: [] });
    this.steps(piece, steps, new Map([...iterations.keys()].map((id, i) => [id, i + 1])));
    f.get(0);
    for (const local of iterations.values()) f.get(local);
    f.callDefined(piece.ordinal);
  }

  private step(f: FunctionBuilder, s: Step, iterations: Iterations): void {
    if (this.mark === undefined || (s.kind !== 'kernel' && s.kind !== 'copy')) return this.plainStep(f, s, iterations);
    const n = this.marked.push(s) - 1;
    f.i32(n);
    f.callImport(this.mark);
    this.plainStep(f, s, iterations);
    f.i32(~n);
    f.callImport(this.mark);
  }

  private plainStep(f: FunctionBuilder, s: Step, iterations: Iterations): void {
    switch (s.kind) {
      case 'kernel': {
        const k = this.kernel(s.kernel);
        for (const slot of s.slots) this.address(f, slot, iterations);
        for (const value of k.values) f.i32(value);
        f.callDefined(k.f.ordinal);
        return;
      }
      case 'copy':
        if (s.bytes === 0) return;
        this.address(f, s.to, iterations);
        this.address(f, s.from, iterations);
        f.i32(s.bytes);
        f.memoryCopy();
        return;
      case 'branch':
        return this.branch(f, s, iterations);
      case 'while':
        return this.whileLoop(f, s, iterations);
      case 'for':
        return this.forLoop(f, s, iterations);
    }
  }

  private address(f: FunctionBuilder, slot: Slot, iterations: Iterations): void {
    f.get(0);
    f.memory('i32.load', 4 * tableIndex(this.plan, slot.base));
    if (slot.offset !== 0) {
      f.i32(slot.offset);
      f.op('i32.add');
    }
    for (const { loop, stride } of slot.strides) {
      f.get(iterations.get(loop)!);
      f.i32(stride);
      f.op('i32.mul');
      f.op('i32.add');
    }
  }

  private branch(f: FunctionBuilder, s: Extract<Step, { kind: 'branch' }>, iterations: Iterations): void {
    const exit = f.open('block');
    const labels: number[] = s.branches.map(() => f.open('block')).reverse();
    this.address(f, s.index, iterations);
    f.memory('i32.load');
    f.brTable(labels);
    for (const steps of s.branches) {
      f.close();
      this.steps(f, steps, iterations);
      f.br(exit);
    }
    f.close();
  }

  private whileLoop(f: FunctionBuilder, s: Extract<Step, { kind: 'while' }>, iterations: Iterations): void {
    const exit = f.open('block');
    const top = f.open('loop');
    this.steps(f, s.cond, iterations);
    this.address(f, s.predicate, iterations);
    f.memory('i32.load8_u');
    f.op('i32.eqz');
    f.brIf(exit);
    this.steps(f, s.body, iterations);
    f.br(top);
    f.close();
    f.close();
  }

  private forLoop(f: FunctionBuilder, s: Extract<Step, { kind: 'for' }>, iterations: Iterations): void {
    if (s.length === 0) return;
    const i = f.local('i32');
    f.i32(s.reverse ? s.length - 1 : 0);
    f.set(i);
    const top = f.open('loop');
    this.steps(f, s.body, new Map([...iterations, [s.id, i]]));
    f.get(i);
    if (s.reverse) {
      f.i32(1);
      f.op('i32.sub');
      f.tee(i);
      f.i32(0);
      f.op('i32.ge_s');
    } else {
      f.i32(1);
      f.op('i32.add');
      f.tee(i);
      f.i32(s.length);
      f.op('i32.lt_s');
    }
    f.brIf(top);
    f.close();
    f.release(i);
  }
}

function addKernels(steps: readonly Step[], to: AlikeKernels): void {
  for (const s of steps) {
    if (s.kind === 'kernel') to.add(s.kernel);
    else if (s.kind !== 'copy') for (const block of blocksOf(s)) addKernels(block, to);
  }
}

const blocksOf = (s: Exclude<Step, { kind: 'kernel' | 'copy' }>): readonly (readonly Step[])[] =>
  s.kind === 'branch' ? s.branches : s.kind === 'while' ? [s.cond, s.body] : [s.body];

const stepCounts = new WeakMap<readonly Step[], number>();

/** Steps, those of nested blocks included. */
function countSteps(steps: readonly Step[]): number {
  let n = stepCounts.get(steps);
  if (n !== undefined) return n;
  n = steps.length;
  for (const s of steps) {
    if (s.kind !== 'kernel' && s.kind !== 'copy') for (const block of blocksOf(s)) n += countSteps(block);
  }
  stepCounts.set(steps, n);
  return n;
}

/** Two or more consecutive groups of steps; when they are very many, or hold long blocks, groups that will be split again. */
function pieces(steps: readonly Step[]): Step[][] {
  const size = Math.max(Math.min(64, Math.ceil(steps.length / 2)), Math.ceil(steps.length / stepsPerFunction));
  const out: Step[][] = [];
  for (let i = 0; i < steps.length; i += size) out.push(steps.slice(i, i + size));
  return out;
}

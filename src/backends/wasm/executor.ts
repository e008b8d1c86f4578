/**
 * The wasm device: eager operations and whole Programs, compiled to WebAssembly when first met.
 * May import: `ir`, `core`, `compiler`.
 * @module
 */
import { compileProgram } from '../../compiler/compile.ts';
import type { Plan, Slot, Step } from '../../compiler/plan.ts';
import { type CompileOptions, type Executable, type Executor, HostStorage, type Storage } from '../../core/executor.ts';
import type { AnyPrimitive } from '../../core/primitive.ts';
import type { ConcreteTensor } from '../../core/tensor.ts';
import type { Aval } from '../../ir/aval.ts';
import type { TypedArray } from '../../ir/dtype.ts';
import { Equation, type Params, Program, subPrograms, Var } from '../../ir/program.ts';
import { emitPlan, tableIndex } from './emit-plan.ts';
import { ModuleBuilder } from './encode/module.ts';
import { requireSimd } from './features.ts';
import { GemmLibrary } from './gemm/library.ts';
import { Heap, type HeapStats } from './heap.ts';
import { hostMath } from './host-math.ts';
import { emitKernel, prepareKernel } from './kernel/emit.ts';
import { paramsKey } from './params-key.ts';
import { isTiny, type Launch, PlanCall } from './plan-call.ts';

/** Prepared eager operations, and kernels, that are kept; past that the oldest half is dropped. */
const cacheSize = 8192;

/** Parameters of a function that engines allow (WebAssembly JavaScript Interface, § Implementation-defined limits). */
const maxArguments = 1000;

function keep<T>(cache: Map<string, T>, key: string, value: T): void {
  if (cache.size >= cacheSize) {
    let n = cacheSize / 2;
    for (const old of cache.keys()) {
      if (n-- === 0) break;
      cache.delete(old);
    }
  }
  cache.set(key, value);
}

type WasmFunction = (...args: number[]) => void;

interface DirectStep {
  readonly run: WasmFunction;
  readonly slots: readonly { readonly table: number; readonly offset: number }[];
  /** Addresses, then run-time parameters. */
  readonly args: number[];
}

export class WasmExecutor implements Executor {
  readonly name = 'wasm';
  private readonly heap: Heap;
  private readonly gemm: GemmLibrary;
  /** Eager operations by primitive, avals and parameters. */
  private readonly eager = new Map<string, PlanCall>();
  /** Those that carry Programs, by the first of these. */
  private readonly byProgram = new WeakMap<Program, Map<string, PlanCall>>();
  /** Kernels with run-time extents and strides, by structure. */
  private readonly kernels = new Map<string, WasmFunction>();

  constructor() {
    requireSimd();
    this.heap = new Heap();
    this.gemm = new GemmLibrary(this.heap);
  }

  /** Memory in use, and the number of kernels that eager operations share. */
  memoryStats(): HeapStats & { readonly kernels: number } {
    return { ...this.heap.stats(), kernels: this.kernels.size };
  }

  fromHost(data: TypedArray, aval: Aval): Storage {
    if (isTiny(aval)) return new HostStorage(data, 'wasm');
    // Not part of the call before it, whose operands nothing may free.
    this.heap.beginCall();
    return this.heap.fromHost(data, aval);
  }

  execute(
    primitive: AnyPrimitive,
    args: readonly ConcreteTensor[],
    params: object,
    outAvals: readonly Aval[],
  ): ConcreteTensor[] {
    let key = `${primitive.id}${paramsKey(params)}`;
    for (const a of args) key += avalKey(a.aval);
    const cache = primitive.calculus.kind === 'structured' ? this.cacheOf(params) : this.eager;
    let call = cache.get(key);
    if (call === undefined) {
      call = this.prepare(primitive, args, params, outAvals);
      keep(cache, key, call);
    }
    return call.run(args, outAvals);
  }

  /** What is compiled of a Program, its constants included, lives as long as the Program: a jitted closure that is dropped takes it along. */
  private cacheOf(params: object): Map<string, PlanCall> {
    const [program] = subPrograms(params as Params);
    if (program === undefined) return this.eager;
    let cache = this.byProgram.get(program);
    if (cache === undefined) this.byProgram.set(program, (cache = new Map()));
    return cache;
  }

  private prepare(
    primitive: AnyPrimitive,
    args: readonly ConcreteTensor[],
    params: object,
    outAvals: readonly Aval[],
  ): PlanCall {
    const inputs = args.map((a) => new Var(a.aval));
    const outputs = outAvals.map((a) => new Var(a));
    const program = new Program(
      primitive.name,
      inputs,
      [new Equation(primitive, inputs, params as Params, outputs)],
      outputs,
    );
    const donate = primitive.lower.kind === 'expand' ? (primitive.lower.donate?.(params as never) ?? []) : [];
    const plan = compileProgram(program, { donate });
    // What carries Programs is compiled as one; simple operations share their kernels between shapes.
    const launch = subPrograms(params as Params).length > 0 ? undefined : this.direct(plan);
    return new PlanCall(this.heap, withoutSteps(plan), donate, launch ?? this.whole(plan));
  }

  compile(program: Program, options: CompileOptions): Executable {
    const donate = options.donate ?? [];
    const plan = compileProgram(program, { donate });
    const call = new PlanCall(this.heap, withoutSteps(plan), donate, this.whole(plan));
    const { outputs } = plan;
    return (args) => call.run(args, outputs);
  }

  /** Code of one module that runs all steps. */
  private whole(plan: Plan): Launch {
    if (plan.steps.length === 0) return () => {};
    const { bytes, usesGemm } = emitPlan(plan);
    const run = this.instantiate(bytes, usesGemm);
    return (table, address) => {
      this.heap.i32.set(table, address >>> 2);
      run(address);
    };
  }

  /** Kernels called one by one from here, shared between shapes; undefined when there is more than kernels. */
  private direct(plan: Plan): Launch | undefined {
    const steps: DirectStep[] = [];
    for (const s of plan.steps) {
      if (s.kind === 'kernel') {
        const step = this.directStep(plan, s);
        if (step === undefined) return undefined;
        steps.push(step);
      } else if (s.kind === 'copy') steps.push(this.directCopy(plan, s));
      else return undefined;
    }
    return (table) => {
      for (const { run, slots, args } of steps) {
        for (let i = 0; i < slots.length; i++) args[i] = table[slots[i]!.table]! + slots[i]!.offset;
        run(...args);
      }
    };
  }

  private directStep(plan: Plan, s: Extract<Step, { kind: 'kernel' }>): DirectStep | undefined {
    const prepared = prepareKernel(s.kernel, true);
    if (prepared.nest.buffers.length + prepared.values.length > maxArguments) return undefined;
    let run = this.kernels.get(prepared.key);
    if (run === undefined) {
      const module = new ModuleBuilder();
      module.importMemory();
      module.exportFunction('run', emitKernel(module, prepared));
      run = this.instantiate(module.build(), module.importsFrom('gemm'));
      keep(this.kernels, prepared.key, run);
    }
    const slots = s.slots.map((slot) => directSlot(plan, slot));
    return { run, slots, args: [...slots.map(() => 0), ...prepared.values] };
  }

  private directCopy(plan: Plan, { from, to, bytes }: Extract<Step, { kind: 'copy' }>): DirectStep {
    const run = (target: number, source: number): void => void this.heap.u8.copyWithin(target, source, source + bytes);
    return { run, slots: [directSlot(plan, to), directSlot(plan, from)], args: [0, 0] };
  }

  private instantiate(bytes: Uint8Array<ArrayBuffer>, usesGemm: boolean): WasmFunction {
    const imports: WebAssembly.Imports = { env: { memory: this.heap.memory }, math: hostMath };
    if (usesGemm) imports.gemm = this.gemm.exports();
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);
    return instance.exports.run as WasmFunction;
  }
}

const directSlot = (plan: Plan, { base, offset }: Slot): DirectStep['slots'][number] => ({
  table: tableIndex(plan, base),
  offset,
});

/** What a call needs of a plan: everything but the steps, which hold all kernels. */
const withoutSteps = (plan: Plan): Plan => ({ ...plan, steps: [] });

const avalKeys = new WeakMap<Aval, string>();

function avalKey(aval: Aval): string {
  let key = avalKeys.get(aval);
  if (key === undefined) avalKeys.set(aval, (key = `;${aval.dtype}${aval.shape.join()}`));
  return key;
}

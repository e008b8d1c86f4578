/**
 * The wasm device: eager operations and whole Programs, compiled to WebAssembly when first met.
 * May import: `util`, `ir`, `core`, `compiler`.
 * @module
 */
import { compileProgram } from '../../compiler/compile.ts';
import type { Plan, Slot, Step } from '../../compiler/plan.ts';
import { settings } from '../../core/config.ts';
import { type CompileOptions, type Executable, type Executor, HostStorage, type Storage } from '../../core/executor.ts';
import { paramsKey } from '../../core/params-key.ts';
import type { AnyPrimitive } from '../../core/primitive.ts';
import type { ConcreteTensor } from '../../core/tensor.ts';
import type { Aval } from '../../ir/aval.ts';
import type { TypedArray } from '../../ir/dtype.ts';
import { Equation, type Params, Program, subPrograms, Var } from '../../ir/program.ts';
import { Recent } from '../../util/recent.ts';
import { CodeSpace, type WasmFunction } from './code.ts';
import { emitPlan, tableIndex } from './emit-plan.ts';
import { requireSimd } from './features.ts';
import { Heap, type HeapStats, type LiveTensor } from './heap.ts';
import { emitKernel, prepareKernel } from './kernel/emit.ts';
import { isTiny, type Launch, PlanCall } from './plan-call.ts';
import { structureKey } from './structure-key.ts';
import type { PoolOptions, ThreadStats } from './threads/pool.ts';
import { setWide } from './wide.ts';

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

const newShared = (): Recent<PlanCall> => new Recent(64, 4194304);

interface DirectStep {
  readonly run: WasmFunction;
  readonly slots: readonly { readonly table: number; readonly offset: number }[];
  /** Addresses, then run-time parameters. */
  readonly args: number[];
}

interface LastCall {
  readonly params: object;
  readonly avals: readonly Aval[];
  readonly call: PlanCall;
}

function areOf(args: readonly ConcreteTensor[], avals: readonly Aval[]): boolean {
  if (args.length !== avals.length) return false;
  for (let i = 0; i < args.length; i++) if (args[i]!.aval !== avals[i]) return false;
  return true;
}

export interface WasmOptions {
  /** How the device has threads. */
  readonly threads?: PoolOptions;
}

export class WasmExecutor implements Executor {
  readonly name = 'wasm';
  readonly keepsScalarsOnHost = true;
  private readonly heap: Heap;
  private readonly code: CodeSpace;
  /** The latest eager operation of each primitive, found by identity: loops mostly repeat themselves. */
  private last: LastCall[] = [];
  /** Eager operations by primitive, avals and parameters. */
  private readonly eager = new Map<string, PlanCall>();
  /** Those that carry Programs, by the first of these. */
  private byProgram = new WeakMap<Program, Map<string, PlanCall>>();
  /** What was last compiled of Programs, by structure: 64 of them, with 2^22 characters of keys. */
  private shared = newShared();
  /** Kernels with run-time extents and strides, by structure. */
  private readonly kernels = new Map<string, WasmFunction>();
  private isWide: boolean;

  constructor(options: WasmOptions = {}) {
    requireSimd();
    this.isWide = setWide(settings.simd256);
    this.heap = new Heap();
    this.code = new CodeSpace(this.heap, options.threads);
  }

  warmUp(): void {
    this.code.warmUp();
  }

  /** With code of another width everything is compiled anew, but for functions that callers hold. */
  settingsChanged(): void {
    this.code.settingsChanged();
    const isWide = setWide(settings.simd256);
    if (isWide === this.isWide) return;
    this.isWide = isWide;
    this.last = [];
    this.eager.clear();
    this.kernels.clear();
    this.byProgram = new WeakMap();
    this.shared = newShared();
  }

  /** Memory in use, and the number of kernels that eager operations share. */
  memoryStats(): HeapStats & { readonly kernels: number } {
    return { ...this.heap.stats(), kernels: this.kernels.size };
  }

  /** The tensors of this device, one by one. Tiny ones live elsewhere and are not among them. */
  liveTensors(): LiveTensor[] {
    return this.heap.tensors();
  }

  threadStats(): ThreadStats {
    return this.code.threadStats();
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
    const last = this.last[primitive.id];
    if (last !== undefined && last.params === params && areOf(args, last.avals)) return last.call.run(args, outAvals);
    let key = `${primitive.id}${paramsKey(params)}`;
    for (const a of args) key += avalKey(a.aval);
    const isStructured = primitive.calculus.kind === 'structured';
    const cache = isStructured ? this.cacheOf(params) : this.eager;
    let call = cache.get(key);
    if (call === undefined) {
      call = this.prepareShared(primitive, args, params, outAvals);
      keep(cache, key, call);
    }
    // What carries a Program must not outlive it.
    if (!isStructured) this.last[primitive.id] = { params, avals: args.map((a) => a.aval), call };
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

  /** What equal Programs, traced anew, were compiled to. */
  private prepareShared(
    primitive: AnyPrimitive,
    args: readonly ConcreteTensor[],
    params: object,
    outAvals: readonly Aval[],
  ): PlanCall {
    const avals = args.map((a) => a.aval);
    const key = structureKey(primitive, avals, params);
    if (key === undefined) return this.prepare(primitive, avals, params, outAvals);
    let call = this.shared.get(key);
    if (call === undefined) this.shared.add(key, (call = this.prepare(primitive, avals, params, outAvals)));
    return call;
  }

  private prepare(
    primitive: AnyPrimitive,
    avals: readonly Aval[],
    params: object,
    outAvals: readonly Aval[],
  ): PlanCall {
    const { plan, donate } = planOf(primitive, avals, params, outAvals);
    // What carries Programs is compiled as one; simple operations share their kernels between shapes.
    const launch = subPrograms(params as Params).length > 0 ? undefined : this.direct(plan);
    return new PlanCall(this.heap, withoutSteps(plan), donate, launch ?? this.whole(plan));
  }

  /**
   * One operation as `execute` would run it, compiled anew as one module that calls `mark(n)` before step number `n` and `mark(~n)` after
   * it. For the profiler.
   */
  instrument(
    primitive: AnyPrimitive,
    avals: readonly Aval[],
    params: object,
    outAvals: readonly Aval[],
    mark: (n: number) => void,
  ): { readonly steps: readonly Step[]; readonly arenaBytes: number; readonly run: Executable } {
    const { plan, donate } = planOf(primitive, avals, params, outAvals);
    const target = this.code.target(plan.steps);
    const { bytes, marked } = emitPlan(plan, { marks: true, ...target });
    const code = this.code.load(bytes, target, { profile: { mark } });
    const call = new PlanCall(this.heap, withoutSteps(plan), donate, (table, address) => {
      this.heap.i32.set(table, address >>> 2);
      code(address);
    });
    return { steps: marked, arenaBytes: plan.arenaBytes, run: (args) => call.run(args, outAvals) };
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
    const target = this.code.target(plan.steps);
    const run = this.code.load(emitPlan(plan, target).bytes, target);
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
    const target = this.code.target([s]);
    const prepared = prepareKernel(s.kernel, 'all', true);
    if (prepared.nest.buffers.length + prepared.values.length > maxArguments) return undefined;
    const key = prepared.key + target.products;
    let run = this.kernels.get(key);
    if (run === undefined) {
      const module = this.code.newModule(target);
      module.exportFunction('run', emitKernel(module, prepared, target.threading));
      run = this.code.load(module.build(), target);
      keep(this.kernels, key, run);
    }
    const slots = s.slots.map((slot) => directSlot(plan, slot));
    return { run, slots, args: [...slots.map(() => 0), ...prepared.values] };
  }

  private directCopy(plan: Plan, { from, to, bytes }: Extract<Step, { kind: 'copy' }>): DirectStep {
    const run = (target: number, source: number): void => void this.heap.u8.copyWithin(target, source, source + bytes);
    return { run, slots: [directSlot(plan, to), directSlot(plan, from)], args: [0, 0] };
  }
}

/** One application of a primitive as a plan; `donate` are the operands whose memory its results may take. */
function planOf(
  primitive: AnyPrimitive,
  avals: readonly Aval[],
  params: object,
  outAvals: readonly Aval[],
): { plan: Plan; donate: readonly number[] } {
  const inputs = avals.map((a) => new Var(a));
  const outputs = outAvals.map((a) => new Var(a));
  const program = new Program(
    primitive.name,
    inputs,
    [new Equation(primitive, inputs, params as Params, outputs)],
    outputs,
  );
  const donate = primitive.lower.kind === 'expand' ? (primitive.lower.donate?.(params as never) ?? []) : [];
  return { plan: compileProgram(program, { donate }), donate };
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

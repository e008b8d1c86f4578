/**
 * A device in the place of another: it hands every operation on and notes how long it took. What carries Programs (a jitted function, a
 * loop) runs as an instrumented module that reports each of its kernels.
 * May import: `api` and everything below it.
 * @module
 */
import { WasmExecutor } from '../backends/wasm/executor.ts';
import { compileProgram } from '../compiler/compile.ts';
import { type KernelCost, stepCost, stepsCost } from '../compiler/cost.ts';
import { equalData } from '../compiler/equal.ts';
import type { Step } from '../compiler/plan.ts';
import type { Executable, Executor } from '../core/executor.ts';
import type { AnyPrimitive } from '../core/primitive.ts';
import { equationSite, placeOf } from '../core/site.ts';
import type { ConcreteTensor } from '../core/tensor.ts';
import type { Aval } from '../ir/aval.ts';
import { dtypeInfo } from '../ir/dtype.ts';
import type { Kernel, Stmt } from '../ir/loop/kernel.ts';
import { Equation, type Params, Program, subPrograms, Var } from '../ir/program.ts';
import { StandIn } from './stand-in.ts';

/** What is timed: one kernel, copy or operation of the code that is profiled. */
export interface Subject {
  readonly kind: 'kernel' | 'copy' | 'operation' | 'program';
  readonly name: string;
  /** What it works on: the shape of a product, the elements of a kernel's largest array, the operands of an operation. */
  readonly size: string;
  readonly cost: KernelCost;
  /** Lines of the user's code, the dearest first. */
  readonly sources: readonly string[];
}

/** Takes what the executor measures. Times in milliseconds. */
export interface Recorder {
  /** A number for a subject; equal keys share one. */
  subject(key: string, make: () => Subject): number;
  record(subject: number, start: number, end: number): void;
}

interface Instrumented {
  readonly primitive: AnyPrimitive;
  readonly params: object;
  readonly avals: readonly Aval[];
  readonly subject: number;
  readonly run: Executable;
}

export class ProfilingExecutor extends StandIn {
  readonly keepsScalarsOnHost: boolean;
  /** Largest temporary memory of one compiled Program. */
  arenaBytes = 0;
  private readonly recorder: Recorder;
  private readonly instrumented: Instrumented[] = [];

  constructor(inner: Executor, recorder: Recorder) {
    super(inner);
    this.keepsScalarsOnHost = inner.keepsScalarsOnHost === true;
    this.recorder = recorder;
  }

  execute(
    primitive: AnyPrimitive,
    args: readonly ConcreteTensor[],
    params: object,
    outAvals: readonly Aval[],
  ): ConcreteTensor[] {
    if (this.inner instanceof WasmExecutor && subPrograms(params as Params).length > 0)
      return this.executeProgram(this.inner, primitive, args, params, outAvals);
    const start = performance.now();
    const outs = this.inner.execute(primitive, args, params, outAvals);
    const end = performance.now();
    const avals = args.map((a) => a.aval);
    const place = placeOf(equationSite());
    const size = avals.map((a) => a.toString()).join(' ');
    const subject = this.recorder.subject(`${primitive.name} ${size} ${place}`, () => ({
      kind: 'operation',
      name: primitive.name,
      size,
      cost: stepsCost(planSteps(primitive, avals, params, outAvals)),
      sources: place === '' ? [] : [place],
    }));
    this.recorder.record(subject, start, end);
    return outs;
  }

  private executeProgram(
    wasm: WasmExecutor,
    primitive: AnyPrimitive,
    args: readonly ConcreteTensor[],
    params: object,
    outAvals: readonly Aval[],
  ): ConcreteTensor[] {
    const avals = args.map((a) => a.aval);
    let found = this.instrumented.find(
      (i) => i.primitive === primitive && equalData(i.params, params) && i.avals.every((a, k) => a.equals(avals[k]!)),
    );
    if (found === undefined) {
      found = this.instrument(wasm, primitive, avals, params, outAvals);
      this.instrumented.push(found);
    }
    const start = performance.now();
    const outs = found.run(args);
    this.recorder.record(found.subject, start, performance.now());
    return outs;
  }

  private instrument(
    wasm: WasmExecutor,
    primitive: AnyPrimitive,
    avals: readonly Aval[],
    params: object,
    outAvals: readonly Aval[],
  ): Instrumented {
    const { recorder } = this;
    const numbers: number[] = [];
    let start = 0;
    const mark = (n: number): void => {
      const now = performance.now();
      if (n < 0) recorder.record(numbers[~n]!, start, now);
      // Taken again: what the recorder does is not the kernel's time.
      else start = performance.now();
    };
    const { steps, arenaBytes, run } = wasm.instrument(primitive, avals, params, outAvals, mark);
    this.arenaBytes = Math.max(this.arenaBytes, arenaBytes);
    for (const s of steps) numbers.push(this.stepSubject(s));
    const [program] = subPrograms(params as Params);
    const name = primitive.name === 'call' ? program!.name : primitive.name;
    const subject = recorder.subject(`program ${this.instrumented.length}`, () => ({
      kind: 'program',
      name,
      size: '',
      cost: { flops: 0, productFlops: 0, bytes: 0 },
      sources: [],
    }));
    return { primitive, params, avals, subject, run };
  }

  private stepSubject(s: Step): number {
    const name = s.kind === 'kernel' ? s.kernel.name : 'copy';
    const size = s.kind === 'kernel' ? sizeOfKernel(s.kernel) : s.kind === 'copy' ? `${s.bytes} B` : '';
    const sources = s.kind === 'kernel' ? placesOf(s.kernel) : [];
    return this.recorder.subject(`${s.kind} ${name} ${size} ${sources.join()}`, () => ({
      kind: s.kind === 'kernel' ? 'kernel' : 'copy',
      name,
      size,
      cost: stepCost(s),
      sources,
    }));
  }
}

function placesOf({ sites = [] }: Kernel): string[] {
  return [...new Set(sites.map(placeOf))].filter((p) => p !== '');
}

function planSteps(
  primitive: AnyPrimitive,
  avals: readonly Aval[],
  params: object,
  outAvals: readonly Aval[],
): readonly Step[] {
  const inputs = avals.map((a) => new Var(a));
  const outputs = outAvals.map((a) => new Var(a));
  const equation = new Equation(primitive, inputs, params as Params, outputs);
  return compileProgram(new Program(primitive.name, inputs, [equation], outputs)).steps;
}

/** `128×64×256` (m×n×k) with the number of products where there are several; otherwise the largest array, as in memory: `f32[4096]`. */
function sizeOfKernel(kernel: Kernel): string {
  const products = productsOf(kernel.body, 1);
  if (products.length > 0) {
    const [{ count, shape }] = products as [{ count: number; shape: string }];
    const more = products.length > 1 ? ' …' : '';
    return `${count > 1 ? `${count} of ` : ''}${shape}${more}`;
  }
  const buffers = [...kernel.inputs, ...kernel.outputs];
  const largest = buffers.reduce((a, b) => (b.size > a.size ? b : a), buffers[0]!);
  return `${dtypeInfo[largest.dtype].short}[${largest.size}]`;
}

function productsOf(body: readonly Stmt[], count: number): { count: number; shape: string }[] {
  return body.flatMap((s) => {
    if (s.kind === 'gemm') return [{ count, shape: `${s.m}×${s.n}×${s.k}` }];
    return s.kind === 'for' ? productsOf(s.body, count * s.axis.extent) : [];
  });
}

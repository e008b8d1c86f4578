/**
 * Linearization: runs a function once, computing its outputs and recording its tangent map as a linear Program. Reverse mode is that
 * Program run backward.
 * May import: `ir`, `core`, `primitives`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { isFloat } from '../ir/dtype.ts';
import type { Program } from '../ir/program.ts';
import { evalProgram } from '../core/evaluate.ts';
import { type AnyPrimitive, LinearInput, type MaybeZero } from '../core/primitive.ts';
import { ProgramTrace } from '../core/program-trace.ts';
import { type Tensor, Tracer } from '../core/tensor.ts';
import { bind, currentTrace, type CustomJvpCall, type CustomVjpCall, Trace, withTrace } from '../core/trace.ts';
import { backwardPass } from './backward.ts';
import { applyCustomLinear } from './custom-linear.ts';
import { instantiate, tangentsOut } from './jvp.ts';
import { PartialEvalTrace } from './partial-eval.ts';

class LinearizeTracer extends Tracer {
  readonly primal: Tensor;
  /** A tracer of the tangent Program. */
  readonly tangent: Tensor;

  constructor(trace: LinearizeTrace, primal: Tensor, tangent: Tensor) {
    super(trace);
    this.primal = primal;
    this.tangent = tangent;
  }

  get aval(): Aval {
    return this.primal.aval;
  }

  protected override underlying(): Tensor {
    return this.primal;
  }
}

class LinearizeTrace extends Trace {
  readonly tangents: ProgramTrace;
  private readonly parent: Trace;
  private readonly split: PartialEvalTrace;

  constructor(name: string, parent: Trace) {
    super(name);
    this.parent = parent;
    this.tangents = new ProgramTrace(`${name}.tangent`, false);
    this.split = new PartialEvalTrace(parent, this.tangents);
  }

  lift(primal: Tensor, tangent: MaybeZero): Tensor {
    return tangent === null ? primal : new LinearizeTracer(this, primal, tangent);
  }

  primalOf(x: Tensor): Tensor {
    return x instanceof LinearizeTracer && x.tracedBy === this ? x.primal : x;
  }

  tangentOf(x: Tensor): MaybeZero {
    return x instanceof LinearizeTracer && x.tracedBy === this ? x.tangent : null;
  }

  private join(outs: readonly Tensor[], tangents: readonly MaybeZero[]): Tensor[] {
    return outs.map((o, i) => this.lift(o, tangents[i] ?? null));
  }

  process(primitive: AnyPrimitive, args: readonly Tensor[], params: object): Tensor[] {
    const primals = args.map((x) => this.primalOf(x));
    const tangents = args.map((x) => this.tangentOf(x));
    if (tangents.every((t) => t === null)) return withTrace(this.parent, () => bind(primitive, primals, params));
    const { calculus } = primitive;
    if (calculus.kind === 'structured') {
      return this.join(...withTrace(this.split, () => calculus.jvp(primals, tangents, params)));
    }
    const outs = withTrace(this.parent, () => bind(primitive, primals, params));
    if (calculus.kind === 'piecewise-constant') return outs;
    return this.join(
      outs,
      withTrace(this.split, () => tangentsOut(primitive, primals, tangents, outs, params)),
    );
  }

  processCustomJvp(call: CustomJvpCall, args: readonly Tensor[]): Tensor[] {
    const primals = args.map((x) => this.primalOf(x));
    const tangents = args.map((x) => this.tangentOf(x));
    if (tangents.every((t) => t === null)) {
      return withTrace(this.parent, () => this.parent.processCustomJvp(call, primals));
    }
    return this.join(...withTrace(this.split, () => call.jvp(primals, tangents)));
  }

  processCustomVjp(call: CustomVjpCall, args: readonly Tensor[]): Tensor[] {
    const primals = args.map((x) => this.primalOf(x));
    const tangents = args.map((x) => this.tangentOf(x));
    if (tangents.every((t) => t === null)) {
      return withTrace(this.parent, () => this.parent.processCustomVjp(call, primals));
    }
    const { outs, residuals } = withTrace(this.parent, () => call.fwd(primals));
    const tangentOuts = withTrace(this.split, () =>
      applyCustomLinear(call, residuals, instantiate(tangents, primals), outs),
    );
    return this.join(outs, tangentOuts);
  }

  end(): void {
    for (const t of [this, this.tangents, this.split]) t.isAlive = false;
  }
}

/** A function's value at a point, and its derivative there as a linear Program. */
export class Linearized {
  readonly outs: readonly Tensor[];
  private readonly program: Program;
  private readonly residuals: readonly Tensor[];
  private readonly numInputs: number;
  /** Position of each differentiable input among the Program's tangents; undefined for the others. */
  private readonly tangentInput: readonly (number | undefined)[];
  /** Position of each output's tangent; undefined where it is zero. */
  private readonly tangentOutput: readonly (number | undefined)[];

  constructor(name: string, f: (args: readonly Tensor[]) => readonly Tensor[], primals: readonly Tensor[]) {
    const trace = new LinearizeTrace(name, currentTrace());
    let inputs = 0;
    this.tangentInput = primals.map((p) => (isFloat(p.dtype) ? inputs++ : undefined));
    this.numInputs = inputs;
    const args = primals.map((p) => (isFloat(p.dtype) ? trace.lift(p, trace.tangents.newInput(p.aval.strong())) : p));
    try {
      const outs = withTrace(trace, () => f(args));
      this.outs = outs.map((o) => trace.primalOf(o));
      const tangents = outs.map((o) => trace.tangentOf(o));
      let outputs = 0;
      this.tangentOutput = tangents.map((t) => (t === null ? undefined : outputs++));
      this.program = trace.tangents.finish(tangents.filter((t) => t !== null));
      this.residuals = trace.tangents.captured;
    } finally {
      trace.end();
    }
  }

  /** Tangents of the outputs along tangents of the inputs; `null` where identically zero. */
  jvp(tangents: readonly Tensor[]): MaybeZero[] {
    const present = tangents.filter((_, i) => this.tangentInput[i] !== undefined);
    const outs = evalProgram(this.program, [...this.residuals, ...present]);
    return this.tangentOutput.map((k) => (k === undefined ? null : outs[k]!));
  }

  /** Cotangents of the inputs from those of the outputs; outputs past the end of `cts` are not differentiated. */
  vjp(cts: readonly MaybeZero[]): MaybeZero[] {
    const present = this.program.outputs.map((): MaybeZero => null);
    this.tangentOutput.forEach((k, i) => {
      if (k !== undefined) present[k] = cts[i] ?? null;
    });
    const linearInputs = this.program.inputs.slice(this.residuals.length).map((v) => new LinearInput(v.aval));
    const grads = backwardPass(this.program, [...this.residuals, ...linearInputs], present);
    const offset = grads.length - this.numInputs;
    return this.tangentInput.map((k) => (k === undefined ? null : grads[offset + k]!));
  }
}

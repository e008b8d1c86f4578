/**
 * Linearization: runs a function once, computing its outputs and recording its tangent map as a linear Program. Reverse mode is that
 * Program run backward.
 * May import: `ir`, `core`, `primitives`.
 * @module
 */
import { isFloat } from '../ir/dtype.ts';
import type { Program } from '../ir/program.ts';
import { evalProgram } from '../core/evaluate.ts';
import { LinearInput, type MaybeZero } from '../core/primitive.ts';
import { ProgramTrace } from '../core/program-trace.ts';
import type { Tensor } from '../core/tensor.ts';
import { currentTrace, withTrace } from '../core/trace.ts';
import { backwardPass } from './backward.ts';
import { DualTrace } from './jvp.ts';
import { PartialEvalTrace } from './partial-eval.ts';

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
    const parent = currentTrace();
    const program = new ProgramTrace(`${name}.tangent`, false);
    const rules = new PartialEvalTrace(parent, program);
    const trace = new DualTrace(name, parent, rules);
    let inputs = 0;
    this.tangentInput = primals.map((p) => (isFloat(p.dtype) ? inputs++ : undefined));
    this.numInputs = inputs;
    const args = primals.map((p) => (isFloat(p.dtype) ? trace.lift(p, program.newInput(p.aval.strong())) : p));
    try {
      const outs = withTrace(trace, () => f(args));
      this.outs = outs.map((o) => trace.primalOf(o));
      const tangents = outs.map((o) => trace.tangentOf(o));
      let outputs = 0;
      this.tangentOutput = tangents.map((t) => (t === null ? undefined : outputs++));
      this.program = program.finish(tangents.filter((t) => t !== null));
      this.residuals = program.captured;
    } finally {
      for (const t of [trace, rules, program]) t.isAlive = false;
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

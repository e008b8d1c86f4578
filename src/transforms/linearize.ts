/**
 * Linearization: runs a function once, computing its outputs and recording its tangent map as a linear Program. Reverse mode is that
 * Program run backward.
 * May import: `ir`, `core`, `primitives`.
 * @module
 */
import { isFloat } from '../ir/dtype.ts';
import type { Program } from '../ir/program.ts';
import { settings } from '../core/config.ts';
import { evalProgram } from '../core/evaluate.ts';
import { activeExecutor } from '../core/executor.ts';
import { LinearInput, type MaybeZero } from '../core/primitive.ts';
import { ProgramTrace } from '../core/program-trace.ts';
import { numberOf } from '../core/scalar.ts';
import { insideDerivative, outermostScratch, recordScratch, Scratch } from '../core/scratch.ts';
import { ConcreteTensor, type Tensor } from '../core/tensor.ts';
import { currentTrace, evalTrace, type Trace, withTrace } from '../core/trace.ts';
import { backwardPass } from './backward.ts';
import { Residuals } from './cotangents.ts';
import { DualTrace } from './jvp.ts';
import { PartialEvalTrace } from './partial-eval.ts';
import { ScalarTape } from './scalar-tape.ts';

/** Whether numbers may take the place of scalars: nothing watches single operations, and the device keeps them on the host. */
const takesScalars = (parent: Trace): boolean =>
  parent === evalTrace && activeExecutor().keepsScalarsOnHost === true && !settings.debugNans && !parent.wantsSites();

/** Whether an input is a single number that goes to the tape, which knows no weak types. */
const takesNumber = (tape: ScalarTape, x: Tensor): boolean =>
  isFloat(x.dtype) && x.ndim === 0 && !x.aval.weakType && numberOf(x) !== undefined && tape.accepts(x.dtype);

/** A function's value at a point, and its derivative there as a linear Program. */
export class Linearized {
  readonly outs: readonly Tensor[];
  /** The linear Program, but for what is on the tape. */
  private readonly program: Program;
  private readonly tape: ScalarTape | undefined;
  private whole: Program | undefined;
  private readonly isOnce: boolean;
  private readonly isAllLinear: boolean;
  private readonly residuals: readonly Tensor[];
  private readonly numInputs: number;
  /** Position of each differentiable input among the tangents: those of the tape come last. Undefined for the others. */
  private readonly tangentInput: readonly (number | undefined)[];
  /** Position of each output's tangent; undefined where it is zero. */
  private readonly tangentOutput: readonly (number | undefined)[];

  /** What the forward pass made for itself, where it is to be freed. */
  private readonly scratch: Scratch | undefined;

  /** With `isOnce`, `vjp` is called once, frees what only it needs, and is the last call. */
  constructor(
    name: string,
    f: (args: readonly Tensor[]) => readonly Tensor[],
    primals: readonly Tensor[],
    isOnce = false,
  ) {
    this.isOnce = isOnce;
    const parent = currentTrace();
    const program = new ProgramTrace(`${name}.tangent`, parent.wantsSites(), 'none');
    const rules = new PartialEvalTrace(parent, program);
    const tape = takesScalars(parent) ? new ScalarTape(program) : undefined;
    this.scratch = isOnce && parent === evalTrace ? new Scratch() : undefined;
    // A derivative that may be taken later, and again, must find everything there.
    const owner = isOnce ? (this.scratch ?? outermostScratch()) : undefined;
    const trace = new DualTrace(name, parent, rules, tape, owner);
    const isOnTape = primals.map((p) => tape !== undefined && takesNumber(tape, p));
    const isOwn = primals.map((p, i) => isFloat(p.dtype) && !isOnTape[i]!);
    let [own, onTape] = [0, isOwn.filter(Boolean).length];
    this.tangentInput = primals.map((_, i) => (isOnTape[i]! ? onTape++ : isOwn[i]! ? own++ : undefined));
    this.numInputs = onTape;
    const args = primals.map((p, i) => {
      if (isOnTape[i]!) return trace.liftNumber(p, tape!);
      return isOwn[i]! ? trace.lift(p, program.newInput(p.aval.strong())) : p;
    });
    try {
      const outs = insideDerivative(owner, () => withTrace(trace, () => f(args)));
      this.outs = outs.map((o) => trace.primalOf(o));
      for (const o of this.outs) owner?.keep(o);
      const tangents = outs.map((o) => trace.tangentOf(o));
      let outputs = 0;
      this.tangentOutput = tangents.map((t) => (t === null ? undefined : outputs++));
      this.program = program.finish(tangents.filter((t) => t !== null));
      this.residuals = program.captured;
      this.isAllLinear = rules.isAllUnknown;
      this.tape = tape?.isEmpty === false ? tape : undefined;
    } catch (error) {
      this.scratch?.keepAll();
      throw error;
    } finally {
      for (const t of [trace, rules, program]) t.isAlive = false;
    }
  }

  private linearProgram(): Program {
    return (this.whole ??= this.tape === undefined ? this.program : this.tape.materialize(this.program));
  }

  /** Tangents of the outputs along tangents of the inputs; `null` where identically zero. */
  jvp(tangents: readonly Tensor[]): MaybeZero[] {
    const present: Tensor[] = Array.from({ length: this.numInputs });
    this.tangentInput.forEach((k, i) => {
      if (k !== undefined) present[k] = tangents[i]!;
    });
    const outs = evalProgram(this.linearProgram(), [...this.residuals, ...present]);
    return this.tangentOutput.map((k) => (k === undefined ? null : outs[k]!));
  }

  /** Cotangents of the inputs from those of the outputs; outputs past the end of `cts` are not differentiated. */
  vjp(cts: readonly MaybeZero[]): MaybeZero[] {
    const present = this.program.outputs.map((): MaybeZero => null);
    this.tangentOutput.forEach((k, i) => {
      if (k !== undefined) present[k] = cts[i] ?? null;
    });
    const grads = this.runBackward(present);
    const offset = grads.length - this.numInputs;
    return this.tangentInput.map((k) => (k === undefined ? null : grads[offset + k]!));
  }

  private runBackward(cts: readonly MaybeZero[]): MaybeZero[] {
    if (currentTrace() !== evalTrace) return this.backwardInside(cts);
    const scratch = new Scratch();
    const before = recordScratch(scratch);
    try {
      const grads = this.backward(cts, scratch, this.residualsOnce());
      if (this.isOnce) this.tape?.clear();
      for (const owner of [scratch, this.scratch]) {
        for (const g of grads) if (g !== null) owner?.keep(g);
        owner?.freeAll();
      }
      return grads;
    } catch (error) {
      scratch.keepAll();
      this.scratch?.keepAll();
      throw error;
    } finally {
      recordScratch(before);
    }
  }

  /** Inside another derivative, or a function that is traced. */
  private backwardInside(cts: readonly MaybeZero[]): MaybeZero[] {
    const scratch = outermostScratch();
    const before = recordScratch(scratch);
    try {
      const grads = this.backward(cts);
      for (const g of grads) if (g !== null) scratch?.keep(g);
      return grads;
    } finally {
      recordScratch(before);
    }
  }

  private residualsOnce(): Residuals | undefined {
    if (this.scratch === undefined || this.scratch.isEmpty) return undefined;
    return new Residuals(this.program.equations, this.scratch);
  }

  private backward(cts: readonly MaybeZero[], scratch?: Scratch, residuals?: Residuals): MaybeZero[] {
    const { tape, isAllLinear } = this;
    const isConcrete = currentTrace() === evalTrace && cts.every((ct) => ct === null || ct instanceof ConcreteTensor);
    const isClosed = this.residuals.length === 0;
    if (tape !== undefined && isAllLinear && isConcrete && isClosed)
      return tape.backward(this.program, cts, scratch, residuals);
    const program = this.linearProgram();
    const linearInputs = program.inputs.slice(this.residuals.length).map((v) => new LinearInput(v.aval));
    const operands = [...this.residuals, ...linearInputs];
    // With a tape, `program` has more equations than those that `residuals` counts.
    return backwardPass(program, operands, cts, isAllLinear, scratch, tape?.hasNodes === true ? undefined : residuals);
  }
}

/**
 * Pullbacks: the derivative of one operation as a Program from what it saves and cotangents of its outputs to cotangents of its inputs.
 * It is derived, by linearization and transposition, from the operation itself; no rule is written here.
 * May import: `util`, `ir`, `core`, `primitives`, `transforms`, `control`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { InternalError } from '../ir/errors.ts';
import { type Atom, Program, type Var } from '../ir/program.ts';
import { evalProgram } from '../core/evaluate.ts';
import { type MaybeZero, recordOf } from '../core/primitive.ts';
import { traceClosedProgram } from '../core/program-trace.ts';
import { replaySite, stopReplay } from '../core/site.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind } from '../core/trace.ts';
import { transposeProgram } from '../transforms/backward.ts';
import { backwardSlice, partialEvalProgram, type SplitProgram } from '../transforms/partial-eval.ts';
import { jvpProgram } from '../transforms/program-transforms.ts';

/** The pullback for one set of cotangents that are not zero. */
export interface PullbackStep {
  /** Inputs: what the operation saved, then the cotangents that are there. Outputs: cotangents of inputs, but for zeros. */
  readonly program: Program;
  /** For each input of the operation, which output its cotangent is; undefined where that is zero or not wanted. */
  readonly results: readonly (number | undefined)[];
}

/**
 * How cotangents of an operation's outputs become cotangents of its inputs. The primal outputs stand where they were computed from, so
 * that exp reads its result and not its operand; whatever no cotangent depends on is left out, so that a sum saves nothing.
 */
export class Pullback {
  /** Positions of the inputs whose values must be saved. */
  readonly savedInputs: readonly number[];
  /** Positions of the outputs whose values must be saved. */
  readonly savedOutputs: readonly number[];
  /** Which outputs depend differentiably on a wanted input. */
  readonly isDifferentiable: readonly boolean[];
  /** Types of the cotangents of the inputs. */
  readonly inAvals: readonly Aval[];
  private readonly name: string;
  private readonly split: SplitProgram;
  private readonly numInputs: number;
  /** For each wanted input, its position. */
  private readonly wanted: readonly number[];
  private readonly steps = new Map<string, PullbackStep>();
  private readonly last: PullbackStep;

  /** Of `program`, towards the inputs that `isWanted` marks, all of floating type. */
  constructor(program: Program, isWanted: readonly boolean[]) {
    this.name = `${program.name}.pullback`;
    this.numInputs = program.inputs.length;
    this.inAvals = program.inAvals.map((a) => a.strong());
    this.wanted = isWanted.flatMap((w, i) => (w ? [i] : []));
    const { program: pushed, hasTangent } = jvpProgram(program, isWanted);
    const isTangent = pushed.inputs.map((_, i) => i >= this.numInputs);
    this.split = partialEvalProgram(pushed, isTangent);
    const { isOutputUnknown } = this.split;
    let next = program.outputs.length;
    this.isDifferentiable = hasTangent.map((has) => has && isOutputUnknown[next++]!);
    const whole = this.derive(this.isDifferentiable);
    const read = readBy(whole.program.equations, whole.program.outputs);
    const saved = whole.program.inputs.flatMap((v, i) => (read.has(v) ? [i] : []));
    const [n, m] = [this.numInputs, program.outputs.length];
    this.savedInputs = saved.filter((i) => i < n);
    this.savedOutputs = saved.filter((i) => i >= n && i < n + m).map((i) => i - n);
    this.last = this.narrow(whole, this.isDifferentiable);
    this.steps.set(maskKey(this.isDifferentiable), this.last);
  }

  /** The step for cotangents of the outputs that `hasCotangent` marks; at least one of them is differentiable. */
  step(hasCotangent: readonly boolean[]): PullbackStep {
    const mask = this.isDifferentiable.map((is, i) => is && hasCotangent[i]!);
    const key = maskKey(mask);
    let found = this.steps.get(key);
    if (found === undefined) this.steps.set(key, (found = this.narrow(this.derive(mask), mask)));
    return found;
  }

  /**
   * Cotangents of the inputs: `null` where zero or not wanted.
   * @param saved values of `savedInputs`, then of `savedOutputs`
   * @param cts one for each output
   */
  pull(saved: readonly Tensor[], cts: readonly MaybeZero[]): MaybeZero[] {
    const present: Tensor[] = [];
    let isWhole = true;
    for (let i = 0; i < cts.length; i++) {
      if (!this.isDifferentiable[i]) continue;
      const ct = cts[i]!;
      if (ct === null) isWhole = false;
      else present.push(ct);
    }
    if (present.length === 0) return Array.from({ length: this.numInputs }, () => null);
    const { program, results } = isWhole ? this.last : this.step(cts.map((ct) => ct !== null));
    const grads = evalProgram(program, [...saved, ...present]);
    return results.map((k) => (k === undefined ? null : grads[k]!));
  }

  /** Inputs: those of the operation, its outputs, the cotangents present. */
  private derive(hasCt: readonly boolean[]): PullbackStep {
    const { known, unknown, isOutputUnknown, residualAvals } = this.split;
    const numOuts = hasCt.length;
    const tangents = hasCt.filter((_, i) => this.isDifferentiable[i]);
    const numResiduals = residualAvals.length;
    const { program: transposed, hasCotangent } = transposeProgram(
      unknown,
      unknown.inputs.map((_, i) => i >= numResiduals),
      tangents,
    );
    // What is known: the outputs, tangents that are constant, the residuals.
    const numKnown = isOutputUnknown.filter((u) => !u).length;
    const outs = known.outputs.slice(0, numOuts);
    const ctAvals = outs.filter((_, i) => hasCt[i]).map((o) => o.aval.strong());
    const avals = [...known.inAvals, ...outs.map((o) => o.aval), ...ctAvals];
    const n = this.numInputs;
    const program = traceClosedProgram(this.name, avals, (args) => {
      const residuals = evalResiduals(known, numOuts, numKnown, args.slice(0, n), args.slice(n, n + numOuts));
      return evalProgram(transposed, [...residuals, ...args.slice(n + numOuts)]);
    });
    const results: (number | undefined)[] = Array.from({ length: n }, () => undefined);
    let next = 0;
    this.wanted.forEach((at, k) => {
      if (hasCotangent[numResiduals + k]) results[at] = next++;
    });
    return { program: sliced(program), results };
  }

  /** Without the inputs that are never read. */
  private narrow({ program, results }: PullbackStep, hasCt: readonly boolean[]): PullbackStep {
    const { name, inputs, equations, outputs } = program;
    const n = this.numInputs;
    const kept = [...this.savedInputs, ...this.savedOutputs.map((i) => n + i)].map((i) => inputs[i]!);
    const cts = inputs.slice(n + hasCt.length);
    const isKept = new Set(kept);
    const read = readBy(equations, outputs);
    for (const v of inputs.slice(0, n + hasCt.length)) {
      if (read.has(v) && !isKept.has(v)) throw new InternalError(`${name} reads more for fewer cotangents`);
    }
    return { program: new Program(name, [...kept, ...cts], equations, outputs), results };
  }
}

const readBy = (equations: Program['equations'], outputs: Program['outputs']): Set<Atom> =>
  new Set(equations.flatMap((e) => e.inputs).concat(outputs));

const maskKey = (mask: readonly boolean[]): string => mask.map(Number).join('');

/** The residuals of `known`, computed from its inputs and its first outputs. */
function evalResiduals(
  known: Program,
  numOuts: number,
  numKnown: number,
  args: readonly Tensor[],
  outs: readonly Tensor[],
): Tensor[] {
  const env = new Map<Var, Tensor>(known.inputs.map((v, i) => [v, args[i]!]));
  known.outputs.slice(0, numOuts).forEach((o, i) => {
    if (o.kind === 'var' && !env.has(o)) env.set(o, outs[i]!);
  });
  const residuals = known.outputs.slice(numKnown);
  const { equations } = backwardSlice(known, residuals, (v) => env.has(v));
  const read = (a: (typeof residuals)[number]): Tensor => (a.kind === 'var' ? env.get(a)! : (a.value as Tensor));
  for (const eqn of equations) {
    const results = bind(recordOf(eqn), eqn.inputs.map(read), eqn.params);
    eqn.outputs.forEach((v, k) => {
      if (!env.has(v)) env.set(v, results[k]!);
    });
  }
  return residuals.map(read);
}

/** Without the equations that no output needs. */
const sliced = ({ name, inputs, equations, outputs }: Program): Program =>
  new Program(name, inputs, backwardSlice(new Program(name, inputs, equations, outputs), outputs).equations, outputs);

/** Runs `make` with the equations that it traces standing for no place of the user's. */
export function withoutSites<T>(make: () => T): T {
  const before = replaySite(undefined);
  try {
    return make();
  } finally {
    stopReplay(before);
  }
}

/**
 * Partial evaluation: what is known is computed now, what is not is staged into a Program. Reverse mode uses it to split a
 * derivative into its primal part (known) and its tangent part (a linear Program).
 * May import: `ir`, `core`, `primitives`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { type Atom, type Equation, Program, type Var } from '../ir/program.ts';
import { evalProgram } from '../core/evaluate.ts';
import { type AnyPrimitive, LinearInput } from '../core/primitive.ts';
import { ProgramTrace, ProgramTracer, traceClosedProgram } from '../core/program-trace.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind, type CustomJvpCall, type CustomVjpCall, Trace, withTrace } from '../core/trace.ts';
import { bits, memo } from './memo.ts';

/** Operations on known values go to `known`; any that touches a tracer of `unknown` is recorded there. */
export class PartialEvalTrace extends Trace {
  /** Whether every staged equation depends on an unknown value. */
  isAllUnknown = true;
  private readonly known: Trace;
  private readonly unknown: ProgramTrace;

  constructor(known: Trace, unknown: ProgramTrace) {
    super(unknown.name);
    this.known = known;
    this.unknown = unknown;
  }

  isUnknown(x: Tensor): boolean {
    return x instanceof ProgramTracer && x.tracedBy === this.unknown;
  }

  process(primitive: AnyPrimitive, args: readonly Tensor[], params: object): Tensor[] {
    if (!args.some((x) => this.isUnknown(x))) return withTrace(this.known, () => bind(primitive, args, params));
    const { calculus } = primitive;
    if (calculus.kind !== 'structured' || !calculus.partialEval) return this.unknown.process(primitive, args, params);
    const operands = args.map((x) => (this.isUnknown(x) ? new LinearInput(x.aval) : x));
    const split = withTrace(this.known, () => calculus.partialEval!(operands, params));
    const stagedArgs = split.operands.map((o) => ('unknown' in o ? args[o.unknown]! : o));
    if (!stagedArgs.some((x) => this.isUnknown(x))) this.isAllUnknown = false;
    const staged =
      split.unknownOutputs.length > 0 ? this.unknown.process(split.primitive, stagedArgs, split.params) : [];
    let next = 0;
    return split.known.map((k) => k ?? staged[split.unknownOutputs[next++]!]!);
  }

  override wantsSites(): boolean {
    return this.known.wantsSites();
  }

  processCustomJvp(call: CustomJvpCall, args: readonly Tensor[]): Tensor[] {
    if (!args.some((x) => this.isUnknown(x)))
      return withTrace(this.known, () => this.known.processCustomJvp(call, args));
    return call.fun(args);
  }

  processCustomVjp(call: CustomVjpCall, args: readonly Tensor[]): Tensor[] {
    if (!args.some((x) => this.isUnknown(x)))
      return withTrace(this.known, () => this.known.processCustomVjp(call, args));
    return call.fun(args);
  }
}

export interface SplitProgram {
  /** Known inputs → known outputs, then residuals. */
  readonly known: Program;
  /** Residuals, then unknown inputs → unknown outputs. */
  readonly unknown: Program;
  readonly isOutputUnknown: readonly boolean[];
  readonly residualAvals: readonly Aval[];
  /** For a residual that is simply a known input, its position among the known inputs. */
  readonly residualInput: readonly (number | undefined)[];
}

const splitMemo = memo<SplitProgram>();

/** Splits a Program by which inputs are known. `forceUnknown` marks outputs that must be unknown even if they could be computed. */
export function partialEvalProgram(
  program: Program,
  isUnknown: readonly boolean[],
  forceUnknown: readonly boolean[] = [],
): SplitProgram {
  return splitMemo(program, `${bits(isUnknown)}:${bits(forceUnknown)}`, () =>
    splitProgram(program, isUnknown, forceUnknown),
  );
}

function splitProgram(program: Program, isUnknown: readonly boolean[], forceUnknown: readonly boolean[]): SplitProgram {
  const known = new ProgramTrace(`${program.name}.known`);
  const unknown = new ProgramTrace(`${program.name}.unknown`);
  const trace = new PartialEvalTrace(known, unknown);
  const knownPositions = new Map<Tensor, number>();
  const args = program.inputs.map((v, i) => {
    if (isUnknown[i]) return unknown.newInput(v.aval);
    const t = known.newInput(v.aval);
    knownPositions.set(t, knownPositions.size);
    return t;
  });
  try {
    const outs = withTrace(trace, () => evalProgram(program, args));
    const isOutputUnknown = outs.map((o, i) => trace.isUnknown(o) || forceUnknown[i] === true);
    const unknownProgram = unknown.finish(outs.filter((_, i) => isOutputUnknown[i]));
    const residuals = unknown.captured;
    return {
      known: known.finish([...outs.filter((_, i) => !isOutputUnknown[i]), ...residuals]),
      unknown: unknownProgram,
      isOutputUnknown,
      residualAvals: residuals.map((r) => r.aval),
      residualInput: residuals.map((r) => knownPositions.get(r)),
    };
  } finally {
    for (const t of [known, unknown, trace]) t.isAlive = false;
  }
}

/** Which intermediate values a checkpoint keeps instead of recomputing. */
export type SavePolicy = (primitive: string, params: object) => boolean;

export interface RecomputeSplit {
  /** Known inputs → known outputs, then the values that the policy saves. */
  readonly known: Program;
  /** Positions among the known inputs of those that the unknown part reads. */
  readonly savedInputs: readonly number[];
  /** Saved inputs, saved values, unknown inputs → unknown outputs; computes the rest again. */
  readonly unknown: Program;
  readonly isOutputUnknown: readonly boolean[];
}

/** Splits like `partialEvalProgram`, but the unknown part computes again what it needs of the known part and the policy does not save. */
export function recomputeSplit(program: Program, isUnknown: readonly boolean[], policy: SavePolicy): RecomputeSplit {
  const split = partialEvalProgram(program, isUnknown);
  const { name, inputs, outputs } = split.known;
  const numKnown = outputs.length - split.residualAvals.length;
  const residuals = outputs.slice(numKnown);
  const isSaved = (_v: Var, eqn: Equation): boolean => policy(eqn.primitive.name, eqn.params);
  const { equations, frontier } = backwardSlice(split.known, residuals, isSaved);
  const savedInputs = inputs.flatMap((v, i) => (frontier.has(v) ? [i] : []));
  for (const v of inputs) frontier.delete(v);
  const saved = [...frontier];
  const again = new Program(name, [...savedInputs.map((i) => inputs[i]!), ...saved], equations, residuals);
  const unknownAvals = split.unknown.inAvals.slice(residuals.length);
  const unknown = traceClosedProgram(`${program.name}.recompute`, [...again.inAvals, ...unknownAvals], (args) => {
    const values = evalProgram(again, args.slice(0, again.inputs.length));
    return evalProgram(split.unknown, [...values, ...args.slice(again.inputs.length)]);
  });
  const wanted = [...outputs.slice(0, numKnown), ...saved];
  const known = new Program(name, inputs, backwardSlice(split.known, wanted).equations, wanted);
  return { known, savedInputs, unknown, isOutputUnknown: split.isOutputUnknown };
}

export interface Slice {
  /** In evaluation order. */
  readonly equations: Equation[];
  /** Values that the slice reads and does not compute: inputs, and what `isGiven` accepts. */
  readonly frontier: Set<Var>;
}

/** The equations that `wanted` needs. */
export function backwardSlice(
  program: Program,
  wanted: readonly Atom[],
  isGiven: (v: Var, eqn: Equation) => boolean = () => false,
): Slice {
  const needed = new Set<Var>(wanted.filter((a) => a.kind === 'var'));
  const frontier = new Set<Var>();
  const equations: Equation[] = [];
  for (let i = program.equations.length - 1; i >= 0; i--) {
    const eqn = program.equations[i]!;
    const computed = eqn.outputs.filter((v) => needed.has(v) && !isGiven(v, eqn));
    for (const v of eqn.outputs) if (needed.has(v) && !computed.includes(v)) frontier.add(v);
    if (computed.length === 0) continue;
    equations.push(eqn);
    for (const a of eqn.inputs) if (a.kind === 'var') needed.add(a);
  }
  for (const v of program.inputs) if (needed.has(v)) frontier.add(v);
  return { equations: equations.reverse(), frontier };
}

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
import { ProgramTrace, ProgramTracer } from '../core/program-trace.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind, type CustomJvpCall, type CustomVjpCall, Trace, withTrace } from '../core/trace.ts';

/** Operations on known values go to `known`; any that touches a tracer of `unknown` is recorded there. */
export class PartialEvalTrace extends Trace {
  private readonly known: Trace;
  private readonly unknown: ProgramTrace;

  constructor(known: Trace, unknown: ProgramTrace) {
    super(unknown.name);
    this.known = known;
    this.unknown = unknown;
  }

  isUnknown(x: Tensor): boolean {
    return x instanceof ProgramTracer && x.trace === this.unknown;
  }

  process(primitive: AnyPrimitive, args: readonly Tensor[], params: object): Tensor[] {
    if (!args.some((x) => this.isUnknown(x))) return withTrace(this.known, () => bind(primitive, args, params));
    const { calculus } = primitive;
    if (calculus.kind !== 'structured' || !calculus.partialEval) return this.unknown.process(primitive, args, params);
    const operands = args.map((x) => (this.isUnknown(x) ? new LinearInput(x.aval) : x));
    const split = withTrace(this.known, () => calculus.partialEval!(operands, params));
    const stagedArgs = split.operands.map((o) => ('unknown' in o ? args[o.unknown]! : o));
    const staged = split.unknownOutputs.length > 0 ? this.unknown.process(split.primitive, stagedArgs, split.params) : [];
    let next = 0;
    return split.known.map((k) => k ?? staged[split.unknownOutputs[next++]!]!);
  }

  processCustomJvp(call: CustomJvpCall, args: readonly Tensor[]): Tensor[] {
    if (!args.some((x) => this.isUnknown(x))) return withTrace(this.known, () => this.known.processCustomJvp(call, args));
    return call.fun(args);
  }

  processCustomVjp(call: CustomVjpCall, args: readonly Tensor[]): Tensor[] {
    if (!args.some((x) => this.isUnknown(x))) return withTrace(this.known, () => this.known.processCustomVjp(call, args));
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

/** Splits a Program by which inputs are known. `forceUnknown` marks outputs that must be unknown even if they could be computed. */
export function partialEvalProgram(
  program: Program,
  isUnknown: readonly boolean[],
  forceUnknown: readonly boolean[] = [],
): SplitProgram {
  const known = new ProgramTrace(`${program.name}.known`);
  const unknown = new ProgramTrace(`${program.name}.unknown`);
  const knownInputs: Tensor[] = [];
  const args = program.inputs.map((v, i) => {
    if (isUnknown[i]) return unknown.newInput(v.aval);
    const t = known.newInput(v.aval);
    knownInputs.push(t);
    return t;
  });
  const trace = new PartialEvalTrace(known, unknown);
  const outs = withTrace(trace, () => evalProgram(program, args));
  const isOutputUnknown = outs.map((o, i) => trace.isUnknown(o) || forceUnknown[i] === true);
  const unknownProgram = unknown.finish(outs.filter((_, i) => isOutputUnknown[i]));
  const residuals = unknown.captured;
  const knownProgram = known.finish([...outs.filter((_, i) => !isOutputUnknown[i]), ...residuals]);
  for (const t of [known, unknown, trace]) t.isAlive = false;
  return {
    known: knownProgram,
    unknown: unknownProgram,
    isOutputUnknown,
    residualAvals: residuals.map((r) => r.aval),
    residualInput: residuals.map((r) => {
      const i = knownInputs.indexOf(r);
      return i < 0 ? undefined : i;
    }),
  };
}

/** Which intermediate values a checkpoint keeps instead of recomputing. */
export type SavePolicy = (primitive: string, params: object) => boolean;

export interface RecomputeSplit {
  /** Positions of the program's inputs that the unknown part needs. */
  readonly savedInputs: readonly number[];
  /** Values saved by policy, as outputs of the known part. */
  readonly savedVars: readonly Var[];
  /** Saved inputs, saved values, unknown inputs → unknown outputs; recomputes the rest. */
  readonly unknown: Program;
  readonly isOutputUnknown: readonly boolean[];
}

/** Splits like `partialEvalProgram`, but the unknown part recomputes known values that the policy does not save. */
export function recomputeSplit(program: Program, isUnknown: readonly boolean[], policy: SavePolicy): RecomputeSplit {
  const unknownVars = new Set<Var>(program.inputs.filter((_, i) => isUnknown[i]));
  const producer = new Map<Var, Equation>();
  for (const eqn of program.equations) {
    if (eqn.inputs.some((a) => a.kind === 'var' && unknownVars.has(a))) eqn.outputs.forEach((v) => unknownVars.add(v));
    eqn.outputs.forEach((v) => producer.set(v, eqn));
  }
  const isUnknownAtom = (a: Atom): boolean => a.kind === 'var' && unknownVars.has(a);
  const isSaved = (v: Var): boolean => {
    const eqn = producer.get(v);
    return eqn === undefined || policy(eqn.primitive.name, eqn.params);
  };
  // Walks backward: an equation is needed if it is unknown and used, or if a needed equation reads a value that is not saved.
  const needed = new Set<Var>(program.outputs.filter((a): a is Var => isUnknownAtom(a)));
  const saved = new Set<Var>();
  const equations: Equation[] = [];
  for (const eqn of [...program.equations].reverse()) {
    if (!eqn.outputs.some((v) => needed.has(v))) continue;
    equations.push(eqn);
    for (const a of eqn.inputs) {
      if (a.kind !== 'var') continue;
      if (!unknownVars.has(a) && isSaved(a)) saved.add(a);
      else needed.add(a);
    }
  }
  equations.reverse();
  const savedInputs = program.inputs.flatMap((v, i) => (saved.has(v) ? [i] : []));
  const inputSet = new Set<Var>(program.inputs);
  const savedVars = [...saved].filter((v) => !inputSet.has(v));
  const unknownInputs = program.inputs.filter((_, i) => isUnknown[i]);
  return {
    savedInputs,
    savedVars,
    unknown: new Program(
      `${program.name}.recompute`,
      [...savedInputs.map((i) => program.inputs[i]!), ...savedVars, ...unknownInputs],
      equations,
      program.outputs.filter(isUnknownAtom),
    ),
    isOutputUnknown: program.outputs.map(isUnknownAtom),
  };
}


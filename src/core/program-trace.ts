/**
 * Tracing to a Program: operations become equations instead of numbers.
 * May import: `ir`, `core`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { TraceError } from '../ir/errors.ts';
import { type Atom, Equation, Literal, type Params, Program, Var } from '../ir/program.ts';
import type { AnyPrimitive } from './primitive.ts';
import { equationSite, maxSites } from './site.ts';
import { ConcreteTensor, type Tensor, Tracer } from './tensor.ts';
import { checkAlive, type CustomJvpCall, type CustomVjpCall, Trace, withTrace } from './trace.ts';

export class ProgramTracer extends Tracer {
  readonly aval: Aval;
  readonly atom: Var;

  constructor(trace: ProgramTrace, atom: Var) {
    super(trace);
    this.aval = atom.aval;
    this.atom = atom;
  }
}

/** How custom rules are recorded in Programs; `control/custom` supplies it. */
export interface CustomCallStaging {
  stageJvp(trace: ProgramTrace, call: CustomJvpCall, args: readonly Tensor[]): Tensor[];
  stageVjp(trace: ProgramTrace, call: CustomVjpCall, args: readonly Tensor[]): Tensor[];
}

let customCalls: CustomCallStaging | undefined;

export function setCustomCallStaging(staging: CustomCallStaging): void {
  customCalls = staging;
}

/**
 * Records equations. Values of enclosing traces become extra inputs (`captured`), in order of first use; concrete values become
 * literals, or with `hoistsArrays` extra inputs too unless they are scalars.
 */
export class ProgramTrace extends Trace {
  readonly equations: Equation[] = [];
  readonly inputs: Var[] = [];
  readonly captured: Tensor[] = [];
  private readonly capturedVars = new Map<Tensor, Var>();
  private readonly literals = new Map<Tensor, Literal>();
  private readonly recordsSites: boolean;
  private readonly hoistsArrays: boolean;

  constructor(name: string, recordsSites = true, hoistsArrays = false) {
    super(name);
    this.recordsSites = recordsSites;
    this.hoistsArrays = hoistsArrays;
  }

  newInput(aval: Aval): ProgramTracer {
    const v = new Var(aval);
    this.inputs.push(v);
    return new ProgramTracer(this, v);
  }

  /** The atom that stands for a value in this Program. */
  atomOf(x: Tensor, use: string): Atom {
    if (x instanceof ProgramTracer && x.tracedBy === this) return x.atom;
    if (x instanceof ConcreteTensor) {
      if (!this.hoistsArrays || x.scalar !== undefined) return this.literalOf(x);
    } else checkAlive(x as Tracer, use);
    let v = this.capturedVars.get(x);
    if (v === undefined) {
      v = new Var(x.aval);
      this.capturedVars.set(x, v);
      this.captured.push(x);
    }
    return v;
  }

  private literalOf(x: ConcreteTensor): Literal {
    let found = this.literals.get(x);
    if (found === undefined) this.literals.set(x, (found = new Literal(x)));
    return found;
  }

  process(primitive: AnyPrimitive, args: readonly Tensor[], params: object): Tensor[] {
    const atoms = args.map((a) => this.atomOf(a, primitive.name));
    const outAvals = primitive.abstractEval(
      atoms.map((a) => a.aval),
      params,
    );
    const outs = outAvals.map((aval) => new Var(aval));
    const site = this.recordsSites && this.equations.length < maxSites ? equationSite() : undefined;
    this.equations.push(new Equation(primitive, atoms, params as Params, outs, site));
    return outs.map((v) => new ProgramTracer(this, v));
  }

  override wantsSites(): boolean {
    return this.recordsSites;
  }

  processCustomJvp(call: CustomJvpCall, args: readonly Tensor[]): Tensor[] {
    return customCalls ? customCalls.stageJvp(this, call, args) : call.fun(args);
  }

  processCustomVjp(call: CustomVjpCall, args: readonly Tensor[]): Tensor[] {
    return customCalls ? customCalls.stageVjp(this, call, args) : call.fun(args);
  }

  /** The Program of what was recorded; captured values come first among its inputs. */
  finish(outs: readonly Tensor[]): Program {
    const outputs = outs.map((o) => this.atomOf(o, `${this.name} result`));
    const captured = this.captured.map((t) => this.capturedVars.get(t)!);
    return new Program(this.name, [...captured, ...this.inputs], this.equations, outputs);
  }
}

export interface TracedFunction {
  /** Inputs: captured values, then the arguments. */
  readonly program: Program;
  /** Values of enclosing traces (and hoisted arrays) that the function closed over. */
  readonly captured: readonly Tensor[];
}

/** Traces a flat function on abstract arguments. With `hoistsArrays`, arrays it closes over are captured too. */
export function traceProgram(
  name: string,
  avals: readonly Aval[],
  f: (args: readonly Tensor[]) => readonly Tensor[],
  hoistsArrays = false,
): TracedFunction {
  const trace = new ProgramTrace(name, true, hoistsArrays);
  const args = avals.map((a) => trace.newInput(a));
  try {
    const outs = withTrace(trace, () => f(args));
    return { program: trace.finish(outs), captured: trace.captured };
  } finally {
    trace.isAlive = false;
  }
}

/** Traces a flat function that must not close over values of enclosing traces. */
export function traceClosedProgram(
  name: string,
  avals: readonly Aval[],
  f: (args: readonly Tensor[]) => readonly Tensor[],
): Program {
  const { program, captured } = traceProgram(name, avals, f);
  if (captured.length === 0) return program;
  throw new TraceError(
    `${name}: expected a rule that closes over no traced value, but it uses ${captured.map((c) => c.aval.toString()).join(', ')} ` +
      `of ${(captured[0] as Tracer).tracedBy.name}.`,
    'pass the value as an argument of the function with the custom rule.',
  );
}

/**
 * Tracing to a Program: operations become equations instead of numbers.
 * May import: `ir`, `core`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { TraceError } from '../ir/errors.ts';
import { type Atom, Equation, Literal, type Params, Program, subPrograms, Var } from '../ir/program.ts';
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

/** Concrete values whose use somebody follows by their identity: a Program must not hide one as a constant. */
let isFollowed: ((x: ConcreteTensor) => boolean) | undefined;

/** Follows values while `f` runs, besides those that are followed already. */
export function following<T>(test: (x: ConcreteTensor) => boolean, f: () => T): T {
  const before = isFollowed;
  isFollowed = before === undefined ? test : (x) => test(x) || before(x);
  try {
    return f();
  } finally {
    isFollowed = before;
  }
}

/** Follows values from now on. */
export function followAlways(test: (x: ConcreteTensor) => boolean): void {
  const before = isFollowed;
  isFollowed = before === undefined ? test : (x) => test(x) || before(x);
}

const constantsOf = new WeakMap<Program, readonly ConcreteTensor[]>();

/** Concrete values in a Program and in those it carries. */
function concreteConstants(program: Program): readonly ConcreteTensor[] {
  let found = constantsOf.get(program);
  if (found === undefined) {
    const own = program.equations.flatMap((e) => e.inputs).concat(program.outputs);
    const values = own.flatMap((a) => (a.kind === 'literal' && a.value instanceof ConcreteTensor ? [a.value] : []));
    const inner = program.equations.flatMap((e) => subPrograms(e.params).flatMap(concreteConstants));
    constantsOf.set(program, (found = [...new Set([...values, ...inner])]));
  }
  return found;
}

/** A constant of the Program that is followed now. */
export const followedConstant = (program: Program): ConcreteTensor | undefined =>
  isFollowed === undefined ? undefined : concreteConstants(program).find(isFollowed);

/**
 * What becomes an extra input besides values of enclosing traces: nothing (for Programs that are only ever run equation by equation,
 * where whoever follows a constant meets it), what is followed, arrays too, or all that was not made from a bare number.
 */
export type Hoisting = 'none' | 'followed' | 'arrays' | 'all';

/**
 * Records equations. Values of enclosing traces become extra inputs (`captured`), in order of first use; concrete values become
 * literals, or extra inputs too, as `hoisting` says.
 */
export class ProgramTrace extends Trace {
  readonly equations: Equation[] = [];
  readonly inputs: Var[] = [];
  readonly captured: Tensor[] = [];
  private readonly capturedVars = new Map<Tensor, Var>();
  private readonly literals = new Map<Tensor, Literal>();
  private readonly recordsSites: boolean;
  private readonly hoisting: Hoisting;

  constructor(name: string, recordsSites = true, hoisting: Hoisting = 'followed') {
    super(name);
    this.recordsSites = recordsSites;
    this.hoisting = hoisting;
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
      if (!this.isHoisted(x)) return this.literalOf(x);
    } else checkAlive(x as Tracer, use);
    let v = this.capturedVars.get(x);
    if (v === undefined) {
      v = new Var(x.aval);
      this.capturedVars.set(x, v);
      this.captured.push(x);
    }
    return v;
  }

  private isHoisted(x: ConcreteTensor): boolean {
    if (this.hoisting === 'none') return false;
    if (isFollowed?.(x)) return true;
    if (this.hoisting === 'followed') return false;
    return this.hoisting === 'all' ? !x.isShared : x.scalar === undefined;
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

/** Traces a flat function on abstract arguments. */
export function traceProgram(
  name: string,
  avals: readonly Aval[],
  f: (args: readonly Tensor[]) => readonly Tensor[],
  hoisting: Hoisting = 'followed',
): TracedFunction {
  const trace = new ProgramTrace(name, true, hoisting);
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
      `${captured[0] instanceof Tracer ? `of ${captured[0].tracedBy.name}` : 'that a tape follows'}.`,
    'pass the value as an argument of the function with the custom rule.',
  );
}

/**
 * Dispatch by a current trace: `bind` asks it to process a primitive. A transformation installs its trace while it runs a user's
 * function, and its rules run with the parent trace current, so nesting needs no stack and no levels.
 * May import: `ir`, `core`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { InternalError, TraceError } from '../ir/errors.ts';
import type { SourceSite } from '../ir/program.ts';
import { settings } from './config.ts';
import { activeExecutor } from './executor.ts';
import { type AnyPrimitive, erase, type Primitive } from './primitive.ts';
import { evaluateScalar } from './scalar.ts';
import { noteScratch } from './scratch.ts';
import { areSitesObserved, captureSite } from './site.ts';
import { ConcreteTensor, type Tensor, Tracer } from './tensor.ts';

/** Runs a user function whose derivative the user supplied; see `control/custom`. */
export interface CustomJvpCall {
  readonly name: string;
  /** The function itself, on flat values. */
  readonly fun: (args: readonly Tensor[]) => Tensor[];
  /** (primals, tangents) → [outs, tangentOuts]. */
  readonly jvp: (primals: readonly Tensor[], tangents: readonly (Tensor | null)[]) => [Tensor[], (Tensor | null)[]];
}

export interface CustomVjpCall {
  readonly name: string;
  readonly fun: (args: readonly Tensor[]) => Tensor[];
  /** args → outputs and residuals. */
  readonly fwd: (args: readonly Tensor[]) => { outs: Tensor[]; residuals: Tensor[] };
  /** (residuals, cotangents of the outputs) → cotangents of the args. */
  readonly bwd: (residuals: readonly Tensor[], cts: readonly Tensor[]) => (Tensor | null)[];
}

export abstract class Trace {
  /** Shown in errors: `jit(loss)`, `grad`, `vmap`. */
  readonly name: string;
  /** False once the function under this trace has returned: its tracers are then invalid. */
  isAlive = true;
  /** Whether it stands below all others: what is left of an operation on its values, once the rest are done, goes to it. */
  readonly isBottom: boolean = false;
  /** Where the transformation was called; set when leaks are being looked for. */
  readonly site: SourceSite | undefined;

  constructor(name: string) {
    this.name = name;
    this.site = settings.checkLeaks ? captureSite() : undefined;
  }

  abstract process(primitive: AnyPrimitive, args: readonly Tensor[], params: object): Tensor[];

  /** Whether what happens under this trace is to say which place in the user's code it stands for. */
  wantsSites(): boolean {
    return false;
  }

  abstract processCustomJvp(call: CustomJvpCall, args: readonly Tensor[]): Tensor[];

  abstract processCustomVjp(call: CustomVjpCall, args: readonly Tensor[]): Tensor[];
}

/** Throws if `t` belongs to a trace that has ended. */
export function checkAlive(t: Tracer, use: string): void {
  if (t.tracedBy.isAlive) return;
  const where = t.tracedBy.site ? `, entered at ${t.tracedBy.site.toString()}` : '';
  throw new TraceError(
    `${use}: got ${t.aval.toString()}, which leaked out of ${t.tracedBy.name}${where}; used at ${captureSite().toString()}.`,
    'return the value from the transformed function instead of storing it outside; set config.checkLeaks to find where.',
    { trace: t.tracedBy.name },
  );
}

/** The bottom: computes at once. */
class EvalTrace extends Trace {
  process(primitive: AnyPrimitive, args: readonly Tensor[], params: object): Tensor[] {
    const executor = activeExecutor();
    if (primitive.onHost !== undefined && executor.keepsScalarsOnHost === true) {
      const scalar = evaluateScalar(primitive, primitive.onHost, args, params);
      if (scalar !== undefined) return [scalar];
    }
    const avals: Aval[] = [];
    for (const a of args) {
      if (!(a instanceof ConcreteTensor)) return bottomOf(a, primitive.name).process(primitive, args, params);
      avals.push(a.aval);
    }
    const outAvals = primitive.abstractEval(avals, params);
    const outs = executor.execute(primitive, args as readonly ConcreteTensor[], params, outAvals);
    if (settings.debugNans) checkNans(primitive, args, outs);
    noteScratch(outs);
    return outs;
  }

  override wantsSites(): boolean {
    return areSitesObserved();
  }

  processCustomJvp(call: CustomJvpCall, args: readonly Tensor[]): Tensor[] {
    const bottom = args.find(isOfBottom);
    return bottom === undefined ? call.fun(args) : bottom.tracedBy.processCustomJvp(call, args);
  }

  processCustomVjp(call: CustomVjpCall, args: readonly Tensor[]): Tensor[] {
    const bottom = args.find(isOfBottom);
    return bottom === undefined ? call.fun(args) : bottom.tracedBy.processCustomVjp(call, args);
  }
}

const isOfBottom = (a: Tensor): a is Tracer => a instanceof Tracer && a.tracedBy.isBottom;

/** The trace that computes with `a`, which has no numbers of its own. */
function bottomOf(a: Tensor, use: string): Trace {
  if (isOfBottom(a)) return a.tracedBy;
  throw strayTracer(a, use);
}

function strayTracer(a: Tensor, use: string): Error {
  if (!(a instanceof Tracer)) return new InternalError(`${use} was given ${String(a)} where a tensor belongs`);
  checkAlive(a, use);
  return new TraceError(
    `${use}: expected values of the trace that is under way, got ${a.aval.toString()} of ${a.tracedBy.name}, which stands aside while a ` +
      'user-written derivative rule runs.',
    'a function with a custom rule, and the rule, may use traced values through their arguments only: pass the value as an argument, ' +
      'or lift it out with closureConvert.',
    { trace: a.tracedBy.name },
  );
}

function checkNans(primitive: AnyPrimitive, args: readonly Tensor[], outs: readonly ConcreteTensor[]): void {
  for (const out of outs) {
    if (!out.read().some((x) => Number.isNaN(x))) continue;
    const operands = args.map((a) => a.aval.toString()).join(', ');
    throw new TraceError(
      `${primitive.name}: gave NaN for operands (${operands}) at ${captureSite().toString()}.`,
      'this check is config.debugNans; look at the operands of this call.',
      { primitive: primitive.name },
    );
  }
}

export const evalTrace: Trace = new EvalTrace('eager evaluation');

let current: Trace = evalTrace;

export const currentTrace = (): Trace => current;

/** Runs `f` with `trace` current; the previous one is current again afterwards, also when `f` throws. */
export function withTrace<T>(trace: Trace, f: () => T): T {
  const saved = current;
  current = trace;
  try {
    return f();
  } finally {
    current = saved;
  }
}

/** Applies a primitive under the current trace. */
export function bind<P extends object>(primitive: Primitive<P>, args: readonly Tensor[], params: P): Tensor[] {
  return current.process(erase(primitive), args, params);
}

/** Applies a primitive with one result. */
export function bind1<P extends object>(primitive: Primitive<P>, args: readonly Tensor[], params: P): Tensor {
  return current.process(erase(primitive), args, params)[0]!;
}

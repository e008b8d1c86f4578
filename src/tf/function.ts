/**
 * `fn`: functions that are traced once for each kind of call and compiled. TensorFlow calls it `tf.function`.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ArgumentError, TraceError } from '../ir/errors.ts';
import type { Program } from '../ir/program.ts';
import { settings } from '../core/config.ts';
import { flatten, type TreeDef, unflatten } from '../core/pytree.ts';
import { followedConstant, ProgramTrace } from '../core/program-trace.ts';
import { Tensor } from '../core/tensor.ts';
import { withTrace } from '../core/trace.ts';
import { call } from '../control/call.ts';
import { Recent } from '../util/recent.ts';
import { type AnyFunction, checkFunction, functionName, refusePromise, type Tensors } from '../api/args.ts';
import { snapshotSettings } from '../api/jit-cache.ts';
import { asTensor, type TensorLike } from '../api/lift.ts';
import { checkOptions } from '../api/options.ts';
import { GraphContext, type PrintRequest, withContext } from './graph-context.ts';
import { printNow } from './print.ts';
import { type Call, takeApart, takeApartAs } from './signature.ts';
import { withWatchers } from './tapes.ts';
import { TensorSpec } from './tensor-spec.ts';
import type { Variable } from './variable.ts';

export interface FnOptions {
  /** Types of the arguments, in their structure: calls that do not fit are errors. Dimensions of `null` fit every size. */
  readonly inputSignature?: readonly unknown[];
  /**
   * Rewrites the function before it is traced, so that its own `if` and `while` on tensors become `cond` and `whileLoop`; the place for
   * a source transformation. Without it they are errors where they ask a traced tensor for its value.
   */
  readonly autograph?: (f: (...args: never[]) => unknown) => (...args: never[]) => unknown;
}

/** One trace: a Program, and what goes in and out of it besides the arguments. */
interface Trace {
  readonly description: readonly string[];
  readonly program: Program;
  readonly captured: readonly Tensor[];
  readonly variables: readonly Variable[];
  readonly assigned: readonly Variable[];
  readonly prints: readonly PrintRequest[];
  readonly numPrinted: number;
  readonly outDef: TreeDef;
  /** For each leaf of the result: a tensor, or what it is at every call. */
  readonly constants: ReadonlyMap<number, unknown>;
}

/** A trace of `fn` on its own: only tensors can be given anew. */
export interface ConcreteFunction<A extends readonly unknown[], R> {
  (...args: A): Tensors<R>;
  /** The traced Program. */
  readonly program: Program;
}

export interface TracedFunction<A extends readonly unknown[], R> {
  (...args: A): Tensors<R>;
  /** How many times it has been traced. */
  experimentalGetTracingCount(): number;
  /** The trace that serves such a call, made if it is not there yet. */
  getConcreteFunction(...args: A): ConcreteFunction<A, R>;
  /** The function itself, untraced. */
  readonly original: (...args: A) => R;
}

/** Traces kept for one function, and characters of their keys; what was unused for longest goes first. */
const [maxTraces, maxCharacters] = [512, 1 << 20];

class Traces {
  readonly name: string;
  private readonly f: AnyFunction;
  private readonly byKey = new Recent<{ trace: Trace }>(maxTraces, maxCharacters);
  private readonly signature: readonly unknown[] | undefined;
  /** Kinds of call that are being traced now. */
  private readonly underway = new Set<string>();
  private latest: Trace | undefined;
  count = 0;
  private hasWarned = false;

  constructor(name: string, f: AnyFunction, signature: readonly unknown[] | undefined) {
    this.name = name;
    this.f = f;
    this.signature = signature;
  }

  takeApart(args: readonly unknown[]): Call {
    return this.signature === undefined ? takeApart(args) : takeApartAs(this.name, args, this.signature);
  }

  find(given: Call): Trace {
    const key = `${Object.values(snapshotSettings()).join()}|${given.key}`;
    const found = this.byKey.get(key);
    // What loops and branches in it close over may be followed by a tape since then, and is an operand from now on.
    if (found !== undefined && followedConstant(found.trace.program) === undefined) return found.trace;
    const trace = this.traceOnce(key, given);
    // Its own calls of itself, if any, have been traced before it was done.
    const before = this.latest;
    if (found !== undefined) found.trace = trace;
    else {
      this.byKey.add(key, { trace });
      if (before !== undefined) this.warn(trace, before);
    }
    this.latest = trace;
    return trace;
  }

  private traceOnce(key: string, given: Call): Trace {
    if (this.underway.has(key)) {
      throw new TraceError(
        `${this.name}: expected a function whose trace ends, got one that calls itself with arguments of the same kind ` +
          `(${given.description.join(', ')}).`,
        'repeat with whileLoop, or count down with a number that is part of the arguments.',
      );
    }
    this.underway.add(key);
    try {
      return this.trace(given);
    } finally {
      this.underway.delete(key);
    }
  }

  private trace(given: Call): Trace {
    const trace = new ProgramTrace(this.name, true, 'all');
    const args = given.operands.map((x) => trace.newInput(x.aval));
    const context = new GraphContext(trace, this.name, this.latest === undefined);
    this.count++;
    try {
      const inside = (): unknown => this.f(...(given.rebuild(args) as never[]));
      const result = withContext(context, () => withWatchers([], () => withTrace(trace, inside)));
      refusePromise(this.name, result);
      return withContext(context, () => withTrace(trace, () => finish(given, trace, context, result)));
    } finally {
      trace.isAlive = false;
    }
  }

  /** A function that is traced over and over is slow, and seldom meant to be. */
  private warn({ description }: Trace, { description: before }: Trace): void {
    if (this.hasWarned || this.count <= settings.recompileWarningLimit) return;
    this.hasWarned = true;
    const differing = (lines: readonly string[], others: readonly string[]): string => {
      const changed = lines.filter((line, i) => line !== others[i]);
      return changed.slice(0, 3).join(', ') || 'another structure';
    };
    console.warn(
      `${this.name}: traced ${this.count} times; the last time for ${differing(description, before)} ` +
        `(before: ${differing(before, description)}).\n` +
        '  Fix: pass numbers that change as tensors (constant(x)), pad arrays to few shapes, and make the traced function once.',
    );
  }
}

function finish(given: Call, trace: ProgramTrace, context: GraphContext, result: unknown): Trace {
  const [leaves, outDef] = flatten(result);
  const constants = new Map<number, unknown>();
  const outs: Tensor[] = [];
  leaves.forEach((x, i) => {
    if (x instanceof Tensor || typeof x === 'number' || typeof x === 'boolean' || ArrayBuffer.isView(x))
      outs.push(asTensor(x as TensorLike));
    else constants.set(i, x);
  });
  const assigned = [...context.assigned];
  const values = assigned.map((v) => context.values.get(v)!);
  const program = trace.finish([...outs, ...values, ...context.printed]);
  return {
    description: given.description,
    program,
    captured: [...trace.captured],
    variables: [...context.values.keys()],
    assigned,
    prints: context.prints,
    numPrinted: context.printed.length,
    outDef,
    constants,
  };
}

function runTrace(trace: Trace, operands: readonly Tensor[]): unknown {
  const { program, captured, variables, assigned, constants, outDef } = trace;
  const outs = call(program, [...captured, ...operands, ...variables.map((v) => v.current())]);
  const numOuts = outDef.numLeaves - constants.size;
  assigned.forEach((v, k) => v.assign(outs[numOuts + k]!));
  const printed = outs.slice(numOuts + assigned.length);
  for (const { parts } of trace.prints) printNow(parts.map((p) => (typeof p === 'string' ? p : printed[p.value]!)));
  let next = 0;
  const leaves = Array.from({ length: outDef.numLeaves }, (_, i) =>
    constants.has(i) ? constants.get(i) : outs[next++]!,
  );
  return unflatten(outDef, leaves);
}

/**
 * A function that is traced to a Program at its first call, and again for each new kind of arguments: tensors are alike by dtype and
 * shape, variables and objects by identity, numbers, strings and booleans by value (a number that changes is better passed as a tensor).
 * While it is traced, its JavaScript runs; at later calls only what was recorded does. Variables are read and assigned at every call;
 * variables may be created in the first call only. Tapes see a call as one operation.
 *
 * @param f function of tensors, variables, and values that are the same at each call
 * @throws TraceError where f asks a traced tensor for its value, as `if (x.item() > 0)` does: use `cond`, `whileLoop`
 * @example
 * ```ts
 * import { constant, fn, Variable } from 'cotangent/tf';
 * const total = new Variable(0);
 * const accumulate = fn((x: import('cotangent').Tensor) => {
 *   total.assignAdd(x);
 *   return total.mul(2);
 * });
 * accumulate(constant(1));
 * console.log(String(accumulate(constant(2))), String(total), accumulate.experimentalGetTracingCount()); // => 6 3 1
 * ```
 */
export function fn<A extends readonly unknown[] = Tensor[], const R = unknown>(
  f: (...args: A) => R,
  options: FnOptions = {},
): TracedFunction<A, R> {
  checkFunction('fn', f);
  checkOptions('fn', options, ['inputSignature', 'autograph']);
  const name = `fn(${functionName(f as AnyFunction)})`;
  checkSignature(name, options.inputSignature);
  const rewritten = options.autograph?.(f as AnyFunction) ?? (f as AnyFunction);
  const traces = new Traces(name, rewritten, options.inputSignature);
  const traced = (...args: A): Tensors<R> => {
    const given = traces.takeApart(args);
    return runTrace(traces.find(given), given.operands) as Tensors<R>;
  };
  const getConcreteFunction = (...args: A): ConcreteFunction<A, R> => {
    const given = traces.takeApart(args);
    const { program } = traces.find(given);
    const run = (...others: A): Tensors<R> => {
      const again = traces.takeApart(others);
      checkSameKind(name, given, again);
      return runTrace(traces.find(again), again.operands) as Tensors<R>;
    };
    return Object.assign(run, { program });
  };
  Object.defineProperty(traced, 'name', { value: name });
  return Object.assign(traced, {
    experimentalGetTracingCount: () => traces.count,
    getConcreteFunction,
    original: f,
  });
}

function checkSignature(name: string, signature: readonly unknown[] | undefined): void {
  if (signature === undefined) return;
  const isWhole = Array.isArray(signature) && flatten(signature)[0].every((x) => x instanceof TensorSpec);
  if (isWhole) return;
  throw new ArgumentError(
    `${name}: expected inputSignature to be an array of TensorSpec, one for each argument.`,
    "for example [new TensorSpec([null, 3], 'float32')].",
  );
}

function checkSameKind(name: string, given: Call, again: Call): void {
  if (given.key === again.key) return;
  const changed = again.description.find((line, i) => line !== given.description[i]) ?? 'another structure';
  const before = given.description.find((line, i) => line !== again.description[i]) ?? 'another structure';
  throw new ArgumentError(
    `${name}: expected the kind of arguments that this concrete function was traced for (${before}), got ${changed}.`,
    'call the traced function itself, which has a trace for each kind.',
  );
}

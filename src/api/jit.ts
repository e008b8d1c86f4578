/**
 * jit: a function traced once per kind of argument and compiled. Also the functions that look at a trace: makeProgram, evalShape,
 * closureConvert.
 * May import: everything up to `control`, `api/lift`, `api/args`.
 * @module
 */
import { Aval } from '../ir/aval.ts';
import { ArgumentError, TreeError } from '../ir/errors.ts';
import type { Program } from '../ir/program.ts';
import { flatten, type TreeDef, unflatten } from '../core/pytree.ts';
import { followedConstant, ProgramTracer, traceProgram } from '../core/program-trace.ts';
import { ConcreteTensor, type Tensor, Tracer } from '../core/tensor.ts';
import { currentTrace, evalTrace } from '../core/trace.ts';
import { call } from '../control/call.ts';
import {
  type AnyFunction,
  type Blocks,
  checkFunction,
  FlatFunction,
  flattenArgs,
  type FlatTree,
  functionName,
  type LiftArgs,
  normalizeArgnums,
  type Tensors,
} from './args.ts';
import { type CacheEntry, type CallKind, JitCache, snapshotSettings } from './jit-cache.ts';
import { type Compilation, JitHistory } from './jit-history.ts';
import { installMethods } from './methods.ts';
import { checkOptions } from './options.ts';

// Whoever transforms a function may call methods on what it is given.
installMethods();

export interface JitOptions {
  /** Arguments that are not traced: any JavaScript value, compared with `Object.is`; each new value compiles anew. */
  readonly staticArgnums?: number | readonly number[];
  /** Arguments whose memory the call may take for its results; using them afterwards is an error. */
  readonly donateArgnums?: number | readonly number[];
}

/**
 * Compiles a function: it is traced to a Program the first time it meets arguments of given shapes and dtypes, and that Program runs
 * as one unit from then on. Side effects happen while tracing only.
 *
 * @param f function of pytrees of tensors
 * @throws TraceError if f asks a traced value for its numbers, or returns a Promise
 * @example
 * ```ts
 * import { jit, np } from 'cotangent';
 * const norm = jit((x) => np.sqrt(np.sum(np.square(x))));
 * console.log(String(norm(np.array([3, 4])))); // => 5
 * ```
 */
export function jit<A extends readonly unknown[] = Tensor[], const R = unknown>(
  f: (...args: A) => R,
  options: JitOptions = {},
): (...args: LiftArgs<A>) => Tensors<R> {
  checkFunction('jit', f);
  checkOptions('jit', options, ['staticArgnums', 'donateArgnums']);
  const name = functionName(f as AnyFunction);
  const cache = new JitCache();
  let [count, staticAt, donateAt]: [number, readonly number[], readonly number[]] = [-1, [], []];
  const jitted = (...args: readonly unknown[]): unknown => {
    if (args.length !== count) {
      staticAt = normalizeArgnums('jit', options.staticArgnums ?? [], args.length, 'staticArgnums');
      donateAt = normalizeArgnums('jit', options.donateArgnums ?? [], args.length, 'donateArgnums');
      count = args.length;
    }
    const statics = staticAt.map((i) => args[i]);
    const tree = flattenArgs(
      'jit',
      staticAt.length === 0 ? args : args.map((x, i) => (staticAt.includes(i) ? null : x)),
    );
    history.calls++;
    const hit = cache.find(statics, tree);
    // A value it closed over may be followed by a tape since then, and is an operand from now on.
    if (hit !== undefined && followedConstant(hit.program) === undefined) return run(hit, [], tree);
    const { entry, captured, compilation } = compileEntry(history, cache, f as AnyFunction, args, {
      staticAt,
      donateAt,
      tree,
    });
    if (captured.length === 0) cache.add(tree, entry);
    const start = performance.now();
    const result = run(entry, captured, tree);
    if (compilation !== undefined && currentTrace() === evalTrace) compilation.firstRunMs = performance.now() - start;
    return result;
  };
  const history = new JitHistory(jitted, name, f, options.donateArgnums ?? []);
  Object.defineProperty(jitted, 'name', { value: `jit(${name})` });
  return jitted as (...args: LiftArgs<A>) => Tensors<R>;
}

function run(entry: CacheEntry, captured: readonly Tensor[], { leaves }: FlatTree): unknown {
  const { program, donate, outDef } = entry;
  const outs =
    captured.length === 0
      ? call(program, leaves, donate)
      : call(
          program,
          [...captured, ...leaves],
          donate.map((i) => i + captured.length),
        );
  if (donate.length > 0) disposeDonated(leaves, donate, outs);
  return unflatten(outDef, outs);
}

interface Compiled {
  readonly entry: CacheEntry;
  readonly captured: readonly Tensor[];
  /** Undefined for a part of a Program that is being traced: it is compiled with the whole. */
  readonly compilation: Compilation | undefined;
}

function compileEntry(
  history: JitHistory,
  cache: JitCache,
  f: AnyFunction,
  args: readonly unknown[],
  { staticAt, donateAt, tree }: { staticAt: readonly number[]; donateAt: readonly number[]; tree: FlatTree },
): Compiled {
  const title = `jit(${history.name})`;
  const withStatics = (...dynamic: unknown[]): unknown =>
    f(...(dynamic.map((x, i) => (staticAt.includes(i) ? args[i] : x)) as never[]));
  const flat = new FlatFunction(title, withStatics as AnyFunction, tree.def);
  const avals = tree.leaves.map((x) => x.aval);
  const statics = staticAt.map((i) => args[i]);
  const kind: CallKind = { statics, staticAt, def: tree.def, avals, settings: snapshotSettings() };
  const start = performance.now();
  const { program, captured } = traceProgram(title, avals, flat.call);
  const traceMs = performance.now() - start;
  const compilation = captured.some((x) => x instanceof ProgramTracer)
    ? undefined
    : history.record(kind, cache.entries(), {
        traceMs,
        program,
        captured: captured.map(
          (x) => `${x.aval.toString()}${x instanceof Tracer ? ` (traced by ${x.tracedBy.name})` : ''}`,
        ),
        dropped: cache.droppedCompilation(statics, tree),
      });
  const donate = donatedLeaves(tree.def, donateAt);
  const entry = { ...kind, program, outDef: flat.def, donate, compilation: compilation?.number ?? 0, lastUse: 0 };
  return { entry, captured, compilation };
}

/** Positions of the leaves of the donated arguments. */
function donatedLeaves(def: TreeDef, donateAt: readonly number[]): number[] {
  let next = 0;
  return def.children.flatMap((child, arg) => {
    const positions = Array.from({ length: child.numLeaves }, () => next++);
    return donateAt.includes(arg) ? positions : [];
  });
}

/** A donated tensor is gone after the call, whether or not its memory was of use: so programs do not depend on the backend. */
function disposeDonated(leaves: readonly Tensor[], donate: readonly number[], outs: readonly Tensor[]): void {
  for (const i of donate) {
    const x = leaves[i];
    if (x instanceof ConcreteTensor && !outs.includes(x) && outs.every((o) => o instanceof ConcreteTensor))
      x.storage.dispose(true);
  }
}

/** Shape and dtype of a value that need not exist. */
export const shapeDtypeStruct = (shape: readonly number[], dtype: Aval['dtype']): Aval => new Aval(shape, dtype);

function flattenAvals(op: string, args: readonly unknown[]): { avals: Aval[]; def: TreeDef } {
  const [leaves, def] = flatten(args, (x) => x instanceof Aval);
  const avals = leaves.map((x) => (x instanceof Aval ? x : flattenArgs(op, x).leaves[0]!.aval));
  return { avals, def };
}

/**
 * The Program of a function at given arguments (tensors, or avals from `shapeDtypeStruct`), without running it.
 * @example
 * ```ts
 * import { makeProgram, np } from 'cotangent';
 * const program = makeProgram((x) => np.sum(np.sin(x)))(np.ones([3]));
 * console.log(program.equations.length); // => 2
 * ```
 */
export function makeProgram<A extends readonly unknown[] = Tensor[]>(
  f: (...args: A) => unknown,
): (...args: LiftArgs<A>) => Program {
  checkFunction('makeProgram', f);
  return (...args) => {
    const { avals, def } = flattenAvals('makeProgram', args);
    const flat = new FlatFunction('makeProgram', f as AnyFunction, def);
    return traceProgram(functionName(f as AnyFunction), avals, flat.call).program;
  };
}

/** Avals of the result of a function, without computing it. */
export function evalShape<A extends readonly unknown[] = Tensor[], const R = unknown>(
  f: (...args: A) => R,
  ...args: LiftArgs<A>
): Blocks<R, Aval> {
  checkFunction('evalShape', f);
  const { avals, def } = flattenAvals('evalShape', args);
  const flat = new FlatFunction('evalShape', f as AnyFunction, def);
  const { program } = traceProgram('evalShape', avals, flat.call);
  return flat.unflatten(program.outAvals) as Blocks<R, Aval>;
}

/**
 * Moves traced values that `f` closes over into explicit arguments: `[converted, values]` with
 * `converted(...args, ...values)` = `f(...args)`. For use before `customVjp`, whose rules may not close over traced values.
 */
export function closureConvert<A extends readonly unknown[] = Tensor[], const R = unknown>(
  f: (...args: A) => R,
  ...example: LiftArgs<A>
): [(...argsAndValues: unknown[]) => Tensors<R>, Tensor[]] {
  const { leaves, def } = flattenArgs('closureConvert', example);
  const flat = new FlatFunction('closureConvert', f as AnyFunction, def);
  const { program, captured } = traceProgram(
    'closureConvert',
    leaves.map((x) => x.aval),
    flat.call,
  );
  const outDef = flat.def;
  const converted = (...all: unknown[]): unknown => {
    const numArgs = example.length;
    if (all.length !== numArgs + captured.length) {
      throw new ArgumentError(
        `closureConvert: expected ${numArgs} arguments and ${captured.length} values, got ${all.length} arguments.`,
      );
    }
    const args = flattenArgs('closureConvert', all.slice(0, numArgs));
    const values = flattenArgs('closureConvert', all.slice(numArgs), 'values');
    if (!args.def.equals(def)) {
      throw new TreeError(
        `closureConvert: expected arguments like the example ${def.toString()}, got ${args.def.toString()}.`,
      );
    }
    return unflatten(outDef, call(program, [...values.leaves, ...args.leaves]));
  };
  return [converted as (...all: unknown[]) => Tensors<R>, [...captured]];
}

/**
 * jit: a function traced once per kind of argument and compiled. Also the functions that look at a trace: makeProgram, evalShape,
 * closureConvert.
 * May import: everything up to `control`, `api/lift`, `api/args`.
 * @module
 */
import { Aval } from '../ir/aval.ts';
import { ArgumentError, TreeError } from '../ir/errors.ts';
import type { Program } from '../ir/program.ts';
import { settings } from '../core/config.ts';
import { flatten, type TreeDef, unflatten } from '../core/pytree.ts';
import { traceProgram } from '../core/program-trace.ts';
import { ConcreteTensor, type Tensor } from '../core/tensor.ts';
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

interface CacheEntry {
  readonly statics: readonly unknown[];
  readonly def: TreeDef;
  readonly avals: readonly Aval[];
  readonly program: Program;
  readonly outDef: TreeDef;
  readonly donate: readonly number[];
}

/** A hash of what must match; equality is checked on the entries. */
const hashOf = (leaves: readonly Tensor[]): string =>
  `${settings.defaultDtype}${settings.threefryPartitionable ? '' : 'o'}|${leaves.map((x) => x.aval.toString()).join(' ')}`;

class JitCache {
  private readonly byHash = new Map<string, CacheEntry[]>();

  find(hash: string, statics: readonly unknown[], { leaves, def }: FlatTree): CacheEntry | undefined {
    return this.byHash
      .get(hash)
      ?.find(
        (e) =>
          e.statics.every((s, i) => Object.is(s, statics[i])) &&
          e.def.equals(def) &&
          e.avals.every((a, i) => a.equals(leaves[i]!.aval)),
      );
  }

  add(hash: string, entry: CacheEntry): void {
    const list = this.byHash.get(hash);
    if (list) list.push(entry);
    else this.byHash.set(hash, [entry]);
  }
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
  const cache = new JitCache();
  const name = functionName(f as AnyFunction);
  const jitted = (...args: readonly unknown[]): unknown => {
    const staticAt = normalizeArgnums('jit', options.staticArgnums ?? [], args.length);
    const donateAt = normalizeArgnums('jit', options.donateArgnums ?? [], args.length);
    const statics = staticAt.map((i) => args[i]);
    const dynamic = args.map((x, i) => (staticAt.includes(i) ? null : x));
    const tree = flattenArgs('jit', dynamic);
    const hash = hashOf(tree.leaves);
    const hit = cache.find(hash, statics, tree);
    const { entry, captured } = hit
      ? { entry: hit, captured: [] }
      : compileEntry(name, f as AnyFunction, args, staticAt, donateAt, tree);
    if (!hit && captured.length === 0) cache.add(hash, entry);
    const outs = call(
      entry.program,
      [...captured, ...tree.leaves],
      entry.donate.map((i) => i + captured.length),
    );
    disposeDonated(tree.leaves, entry.donate, outs);
    return unflatten(entry.outDef, outs);
  };
  Object.defineProperty(jitted, 'name', { value: `jit(${name})` });
  return jitted as (...args: LiftArgs<A>) => Tensors<R>;
}

function compileEntry(
  name: string,
  f: AnyFunction,
  args: readonly unknown[],
  staticAt: readonly number[],
  donateAt: readonly number[],
  tree: FlatTree,
): { entry: CacheEntry; captured: readonly Tensor[] } {
  const withStatics = (...dynamic: unknown[]): unknown =>
    f(...(dynamic.map((x, i) => (staticAt.includes(i) ? args[i] : x)) as never[]));
  const flat = new FlatFunction(`jit(${name})`, withStatics as AnyFunction, tree.def);
  const avals = tree.leaves.map((x) => x.aval);
  const { program, captured } = traceProgram(`jit(${name})`, avals, flat.call);
  const entry = {
    statics: staticAt.map((i) => args[i]),
    def: tree.def,
    avals,
    program,
    outDef: flat.def,
    donate: donatedLeaves(tree.def, donateAt),
  };
  return { entry, captured };
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
    if (x instanceof ConcreteTensor && !outs.includes(x) && outs.every((o) => o instanceof ConcreteTensor)) x.dispose();
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

/**
 * Arguments and results of users' functions, flattened to tensors and back.
 * May import: `ir`, `core`, `primitives`, `api/lift`.
 * @module
 */
import { ArgumentError, InternalError, TraceError, TreeError } from '../ir/errors.ts';
import { flatten, type TreeDef, unflatten } from '../core/pytree.ts';
import { Tensor } from '../core/tensor.ts';
import type { MapNode, TreeNode } from '../core/tree-node.ts';
import { asTensor, type TensorLike } from './lift.ts';
import { describe as describeValue, optionsOf } from './options.ts';

/** Structure `T` with every tensor-like leaf replaced by a tensor. */
export type Tensors<T> = [TensorLike] extends [T]
  ? [unknown] extends [T]
    ? T
    : Tensor | Extract<T, null | undefined>
  : TensorsOf<T>;

type TensorsOf<T> = T extends Tensor | number | boolean | ArrayBufferView
  ? Tensor
  : T extends ((...args: never[]) => unknown) | TreeNode
    ? T
    : T extends ReadonlyMap<infer K, infer V>
      ? Map<K, Tensors<V>>
      : T extends object
        ? { -readonly [K in keyof T]: Tensors<T[K]> }
        : T;

/** What stands for one tensor among the arguments of a transformed function. Arrays are containers there, as in any pytree. */
export type TensorLeaf = Tensor | number | boolean | ArrayBufferView;

/** What may be passed where a function takes `T`: numbers and typed arrays stand for tensors. */
export type Liftable<T> = [Tensor] extends [T]
  ? T | TensorLeaf
  : T extends Tensor
    ? TensorLeaf
    : T extends number | boolean | string | ArrayBufferView | ((...args: never[]) => unknown)
      ? T | Tensor
      : T extends TreeNode
        ? T
        : T extends object
          ? { [K in keyof T]: Liftable<T[K]> }
          : T;

/** Arguments of the transformed function. */
export type LiftArgs<A extends readonly unknown[]> = { [K in keyof A]: Liftable<A[K]> };

/** Type of argument number `N`. */
type ArgumentAt<A extends readonly unknown[], N> = N extends number
  ? `${N}` extends keyof A
    ? Tensors<A[`${N}`]>
    : Tensors<A[number]>
  : Tensors<A[number]>;

export type Argnums = number | readonly number[];

export interface ArgnumsOption {
  readonly argnums?: Argnums;
}

/** The options that were meant: argnums may stand for them, as in `grad(f, 1)`. */
export type OptionsFrom<O> = O extends Argnums ? { readonly argnums: O } : O;

/** One entry for each differentiated argument: the argument itself for a number, an array for an array of numbers. */
export type AtArgnums<A extends readonly unknown[], O> = O extends { readonly argnums: infer N }
  ? N extends readonly number[]
    ? { -readonly [I in keyof N]: ArgumentAt<A, N[I]> }
    : ArgumentAt<A, N>
  : ArgumentAt<A, 0>;

/** Of a function's result: the value, and what `hasAux` returns beside it. */
export type ValueOf<R, O> = O extends { readonly hasAux: true }
  ? R extends readonly [infer V, unknown]
    ? V
    : unknown
  : R;
export type AuxOf<R> = R extends readonly [unknown, infer X] ? Tensors<X> : unknown;

/** Structure `T` with every tensor replaced by `B`: what a Jacobian looks like. */
export type Blocks<T, B> = T extends Tensor | number | boolean | ArrayBufferView
  ? B
  : T extends TreeNode
    ? MapNode<T, B>
    : T extends object
      ? { -readonly [K in keyof T]: Blocks<T[K], B> }
      : T;

export type AnyFunction = (...args: never[]) => unknown;

export interface FlatTree {
  readonly leaves: Tensor[];
  readonly def: TreeDef;
}

const isTensorLike = (x: unknown): x is TensorLike =>
  x instanceof Tensor || typeof x === 'number' || typeof x === 'boolean' || ArrayBuffer.isView(x);

/** Flattens arguments; `base` names the root in errors (`args`). */
export function flattenArgs(op: string, tree: unknown, base = 'args'): FlatTree {
  const [leaves, def] = flatten(tree);
  const tensors = leaves.map((x, i) => {
    if (isTensorLike(x)) return asTensor(x);
    throw new ArgumentError(
      `${op}: expected tensors or numbers, got ${describe(x)} at ${base}${def.path(i)}.`,
      typeof x === 'function' || typeof x === 'string'
        ? 'mark it static (staticArgnums, nondiffArgnums), or close over it.'
        : 'arguments are tensors, numbers, and containers of them; use null for nothing.',
      { path: def.path(i) },
    );
  });
  return { leaves: tensors, def };
}

function describe(x: unknown): string {
  if (x === undefined || x === null) return String(x);
  if (typeof x === 'string') return JSON.stringify(x);
  return typeof x === 'object' ? describeValue(x) : `a ${typeof x}`;
}

/** A trace cannot survive an await. What the abandoned promise throws later, when its tracers are dead, is of no interest. */
export function refusePromise(op: string, result: unknown): void {
  if (typeof result !== 'object' || result === null || !('then' in result) || typeof result.then !== 'function') return;
  result.then(undefined, () => {});
  throw new TraceError(
    `${op}: expected a function that returns tensors, got one that returns a Promise.`,
    'a trace cannot survive an await: await inputs before the call and outputs after it, and make the function synchronous.',
  );
}

/** Flattens what a user's function returned. */
export function flattenResult(op: string, tree: unknown): FlatTree {
  refusePromise(op, tree);
  const [leaves, def] = flatten(tree);
  const tensors = leaves.map((x, i) => {
    if (isTensorLike(x)) return asTensor(x);
    throw new ArgumentError(
      `${op}: expected the function to return tensors, got ${describe(x)} at result${def.path(i)}.`,
      x === undefined ? 'is a return missing?' : 'return tensors, numbers, null, and containers of them.',
    );
  });
  return { leaves: tensors, def };
}

/** An aux tree: its tensors leave the transformation with the results, other leaves (text, functions) pass as they are. */
interface Aux {
  readonly leaves: readonly Tensor[];
  readonly restore: (leaves: readonly Tensor[]) => unknown;
}

function flattenAux(tree: unknown): Aux {
  const [all, def] = flatten(tree);
  const leaves = all.filter(isTensorLike).map(asTensor);
  const restore = (released: readonly Tensor[]): unknown => {
    let next = 0;
    return unflatten(
      def,
      all.map((x) => (isTensorLike(x) ? released[next++]! : x)),
    );
  };
  return { leaves, restore };
}

/**
 * A user's function on flat tensors. The structure of its result is known once it has run. With `hasAux` it returns `[value, aux]`,
 * and the tensors of aux follow those of the value.
 */
export class FlatFunction {
  private resultDef: TreeDef | undefined;
  private aux: Aux | undefined;
  private readonly op: string;
  private readonly f: AnyFunction;
  private readonly argsDef: TreeDef;
  private readonly hasAux: boolean;

  constructor(op: string, f: AnyFunction, argsDef: TreeDef, hasAux = false) {
    checkFunction(op, f);
    this.op = op;
    this.f = f;
    this.argsDef = argsDef;
    this.hasAux = hasAux;
  }

  readonly call = (args: readonly Tensor[]): Tensor[] => {
    const result = this.f(...(unflatten(this.argsDef, args) as never[]));
    const [value, aux] = this.hasAux ? this.pair(result) : [result, undefined];
    const { leaves, def } = flattenResult(this.op, value);
    this.resultDef = def;
    if (!this.hasAux) return leaves;
    this.aux = flattenAux(aux);
    return [...leaves, ...this.aux.leaves];
  };

  private pair(result: unknown): readonly [unknown, unknown] {
    refusePromise(this.op, result);
    if (Array.isArray(result) && result.length === 2) return result as [unknown, unknown];
    throw new TreeError(
      `${this.op}: expected the function to return [value, aux] with hasAux, got ${flatten(result)[1].toString()}.`,
      'return an array of two, or leave hasAux out.',
    );
  }

  /** The structure of the last value. */
  get def(): TreeDef {
    if (this.resultDef === undefined) throw new InternalError(`${this.op} has no result yet`);
    return this.resultDef;
  }

  /** Takes the structure from a rule that ran in the function's place. */
  adopt(def: TreeDef, rule: string): void {
    if (this.resultDef !== undefined && !def.equals(this.resultDef)) {
      throw new TreeError(
        `${this.op}: expected ${rule} to return a value like the function's ${this.resultDef.toString()}, got ${def.toString()}.`,
        'function and rule give the same containers and keys.',
      );
    }
    this.resultDef = def;
  }

  /** The last value with these leaves; what follows them is left out. */
  unflatten(outs: readonly unknown[]): unknown {
    return unflatten(this.def, outs.slice(0, this.def.numLeaves));
  }

  /** The last aux, with its tensors taken from the results of the transformed function. */
  auxOf(outs: readonly Tensor[]): unknown {
    return this.aux?.restore(outs.slice(this.def.numLeaves));
  }
}

export const functionName = (f: AnyFunction): string => f.name || 'function';

/** Throws unless what a transformation was given to transform is a function. */
export function checkFunction(op: string, f: unknown): void {
  if (typeof f === 'function') return;
  throw new ArgumentError(
    `${op}: expected a function, got ${describe(f)}.`,
    'pass the function itself, not the result of calling it.',
  );
}

/** Options of a transformation of `f`; argnums may stand for them. */
export function argnumsOptions<T extends ArgnumsOption>(
  op: string,
  f: unknown,
  options: unknown,
  keys: readonly (keyof T & string)[],
): T {
  checkFunction(op, f);
  const out = optionsOf<T>(op, 'argnums' as keyof T & string, options, undefined, keys);
  checkArgnums(op, out.argnums);
  return out;
}

function checkArgnums(op: string, argnums: unknown, option = 'argnums'): void {
  if (argnums === undefined || typeof argnums === 'number' || Array.isArray(argnums)) return;
  throw new ArgumentError(
    `${op}: expected ${option} to be a number or an array of numbers, got ${describe(argnums)}.`,
    `arguments go to the result: ${op}(f)(x).`,
  );
}

/** Positions of arguments from one or several, negative ones counted from the end. */
export function normalizeArgnums(
  op: string,
  argnums: number | readonly number[],
  count: number,
  option = 'argnums',
): number[] {
  checkArgnums(op, argnums, option);
  const out = (typeof argnums === 'number' ? [argnums] : argnums).map((i) => {
    if (Number.isInteger(i) && i >= -count && i < count) return i < 0 ? i + count : i;
    throw new ArgumentError(
      count === 0
        ? `${op}: expected at least one argument, got none.`
        : `${op}: expected ${option} between ${-count} and ${count - 1}, got ${String(i)}.`,
      count === 0
        ? 'transform first, then call: the result takes the arguments.'
        : `the call has ${count} argument${count === 1 ? '' : 's'}.`,
    );
  });
  if (new Set(out).size === out.length) return out;
  throw new ArgumentError(`${op}: expected distinct ${option}, got [${String(argnums)}].`, 'name each argument once.');
}

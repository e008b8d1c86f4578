/**
 * Arguments and results of users' functions, flattened to tensors and back.
 * May import: `ir`, `core`, `primitives`, `api/lift`.
 * @module
 */
import { ArgumentError, TraceError } from '../ir/errors.ts';
import { flatten, type TreeDef, unflatten } from '../core/pytree.ts';
import { Tensor } from '../core/tensor.ts';
import { asTensor, type TensorLike } from './lift.ts';

/** Structure `T` with every tensor-like leaf replaced by a tensor. */
export type Tensors<T> = T extends Tensor
  ? Tensor
  : T extends number | boolean | ArrayBufferView
    ? Tensor
    : T extends object
      ? { [K in keyof T]: Tensors<T[K]> }
      : T;

/** What may be passed where a function takes `T`: numbers, nested arrays and typed arrays stand for tensors. */
export type Liftable<T> = T extends Tensor
  ? TensorLike
  : T extends number | boolean | string | ArrayBufferView | ((...args: never[]) => unknown)
    ? T | Tensor
    : T extends readonly [unknown, ...unknown[]] | readonly []
      ? { [K in keyof T]: Liftable<T[K]> }
      : T extends object
        ? { [K in keyof T]: Liftable<T[K]> }
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
      `${op}: expected tensors or numbers, got ${describe(x)} at ${base}${def.paths()[i]!}.`,
      typeof x === 'function' || typeof x === 'string'
        ? 'mark it static (staticArgnums, nondiffArgnums), or close over it.'
        : 'arguments are tensors, numbers, and containers of them; use null for nothing.',
      { path: def.paths()[i]! },
    );
  });
  return { leaves: tensors, def };
}

function describe(x: unknown): string {
  if (x === undefined) return 'undefined';
  if (typeof x === 'string') return JSON.stringify(x);
  return typeof x === 'object' && x !== null ? `a ${x.constructor.name}` : `a ${typeof x}`;
}

/** Flattens what a user's function returned. */
export function flattenResult(op: string, tree: unknown): FlatTree {
  if (typeof tree === 'object' && tree !== null && 'then' in tree && typeof tree.then === 'function') {
    throw new TraceError(
      `${op}: expected a function that returns tensors, got one that returns a Promise.`,
      'a trace cannot survive an await: await inputs before the call and outputs after it, and make the function synchronous.',
    );
  }
  const [leaves, def] = flatten(tree);
  const tensors = leaves.map((x, i) => {
    if (isTensorLike(x)) return asTensor(x);
    throw new ArgumentError(
      `${op}: expected the function to return tensors, got ${describe(x)} at result${def.paths()[i]!}.`,
      x === undefined ? 'is a return missing?' : 'return tensors, numbers, null, and containers of them.',
    );
  });
  return { leaves: tensors, def };
}

/** A user's function on flat tensors. The structure of its result is known once it has run. */
export class FlatFunction {
  private resultDef: TreeDef | undefined;
  private readonly op: string;
  private readonly f: AnyFunction;
  private readonly argsDef: TreeDef;

  constructor(op: string, f: AnyFunction, argsDef: TreeDef) {
    this.op = op;
    this.f = f;
    this.argsDef = argsDef;
  }

  readonly call = (args: readonly Tensor[]): Tensor[] => {
    const result = this.f(...(unflatten(this.argsDef, args) as never[]));
    const { leaves, def } = flattenResult(this.op, result);
    this.resultDef = def;
    return leaves;
  };

  /** The structure of the last result. */
  get def(): TreeDef {
    if (this.resultDef === undefined) throw new TraceError(`internal: ${this.op} has no result yet`);
    return this.resultDef;
  }

  /** Takes the structure from a rule that ran in the function's place. */
  adopt(def: TreeDef): void {
    this.resultDef = def;
  }

  unflatten(outs: readonly unknown[]): unknown {
    return unflatten(this.def, outs);
  }
}

export const functionName = (f: AnyFunction): string => f.name || 'function';

/** Positions of arguments from one or several, negative ones counted from the end. */
export function normalizeArgnums(op: string, argnums: number | readonly number[], count: number): number[] {
  return (typeof argnums === 'number' ? [argnums] : argnums).map((i) => {
    if (Number.isInteger(i) && i >= -count && i < count) return i < 0 ? i + count : i;
    throw new ArgumentError(
      `${op}: expected argnums between ${-count} and ${count - 1}, got ${String(i)}.`,
      `the call has ${count} argument${count === 1 ? '' : 's'}.`,
    );
  });
}

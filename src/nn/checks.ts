/**
 * What modules ask of their arguments, and how they make parameters.
 * May import: `ir`, `core`, `api`.
 * @module
 */
import { ArgumentError, ShapeError } from '../ir/errors.ts';
import { sameShape, type Shape } from '../ir/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { asTensor, type TensorLike } from '../api/lift.ts';
import type { Initializer } from '../api/nn/initializers.ts';
import type { DTypeLike } from '../api/numpy/dtypes.ts';
import { checkOptions, describe } from '../api/options.ts';
import { splitKeys } from '../api/random/keys.ts';

/** Throws for options that the module does not have. */
export function checkNames(op: string, options: object | undefined, names: readonly string[]): void {
  checkOptions(op, options, names, `options of ${op}: ${names.join(', ')}.`);
}

/** Throws unless every value is a positive integer. */
export function checkSizes(op: string, sizes: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(sizes)) {
    if (Number.isInteger(value) && (value as number) > 0) continue;
    throw new ArgumentError(`${op}: expected ${name} to be a positive integer, got ${describe(value)}.`);
  }
}

/** Throws unless a number lies between two (both included). */
export function checkRange(op: string, name: string, value: number, low: number, high: number): void {
  if (typeof value === 'number' && value >= low && value <= high) return;
  throw new ArgumentError(`${op}: expected ${name} between ${low} and ${high}, got ${describe(value)}.`);
}

/** Options of every module with parameters. */
export interface ParameterOptions {
  /** Random key for the initial values (`random.key(0)`). */
  readonly key: TensorLike;
  /** Of the parameters; `config.defaultDtype`. */
  readonly dtype?: DTypeLike;
}

/** The key of the options, split in `count`. */
export function keysOf(op: string, options: { readonly key?: TensorLike } | undefined, count: number): Tensor[] {
  const key = options?.key;
  if (key === undefined || key === null) {
    throw new ArgumentError(
      `${op}: expected a random key for the initial values, got ${String(key)}.`,
      'pass { key: random.key(0) }; give every module a key of its own (random.split).',
    );
  }
  return splitKeys(key, count);
}

/** A new parameter: a fresh tensor of the shape. */
export function parameter(
  initializer: Initializer,
  key: TensorLike,
  shape: Shape,
  { dtype }: Pick<ParameterOptions, 'dtype'>,
): Tensor {
  const made = initializer(key, shape, dtype);
  if (sameShape(made.shape, shape)) return made;
  throw new ShapeError(`nn: expected an initializer that gives [${shape.join(',')}], got ${made.aval.toString()}.`);
}

/** The input as a tensor, with `size` entries on its last axis. */
export function checkLast(module: { toString(): string }, x: TensorLike, size: number, what = 'input'): Tensor {
  const t = asTensor(x);
  if (t.ndim > 0 && t.shape.at(-1) === size) return t;
  throw new ShapeError(
    `${module.toString()}: expected ${what} […,${size}], got ${t.aval.toString()}.`,
    'the last axis holds the features.',
  );
}

/**
 * The runner's view of the library under test: names are looked up at run time, so that a function that is not built
 * yet is a {@link MissingError} that names it, and never a crash of the runner or a failure of a case.
 * @module
 */

import * as cotangent from 'cotangent';
import * as optim from 'cotangent/optim';

/** The library does not have this name. */
export class MissingError extends Error {
  override readonly name: string = 'MissingError';
  readonly api: string;

  constructor(api: string) {
    super(`${api} is not in the library`);
    this.api = api;
  }
}

/** The case asks for something the library leaves out for now (an element type, say). */
export class SkipError extends Error {
  override readonly name: string = 'SkipError';
}

/** What the runner uses of a tensor, concrete or traced. */
export interface TensorLike {
  readonly shape: readonly number[];
  readonly dtype: string;
  dataSync(): ArrayLike<number>;
}

export type AnyFunction = (...args: unknown[]) => unknown;

/** The optimisers have an entry of their own; here they are a namespace like the others. */
const root: Readonly<Record<string, unknown>> = { ...cotangent, optim };

/** The value at a dotted path of the public API: `lookup('np.sum')`. */
export function lookup(path: string): unknown {
  let value: unknown = root;
  for (const part of path.split('.')) {
    const isHolder = (typeof value === 'object' && value !== null) || typeof value === 'function';
    value = isHolder ? (value as Record<string, unknown>)[part] : undefined;
    if (value === undefined) throw new MissingError(path);
  }
  return value;
}

/** Calls the function at a dotted path of the public API. */
export function callLibrary(path: string, ...args: unknown[]): unknown {
  const fn = lookup(path);
  if (typeof fn !== 'function') throw new MissingError(path);
  return (fn as AnyFunction)(...args);
}

/** Calls a function transformation, whose result is a function. */
export function transform(path: string, ...args: unknown[]): AnyFunction {
  return callLibrary(path, ...args) as AnyFunction;
}

export function isTensor(value: unknown): value is TensorLike {
  return typeof value === 'object' && value !== null && 'dtype' in value && 'shape' in value;
}

/**
 * A Python float as an argument of the library. JavaScript cannot tell 1.0 from 1, so an integral float goes as a
 * weakly typed float scalar.
 */
export function floatArgument(value: number): unknown {
  return Number.isInteger(value) && Object.hasOwn(root, 'weakFloat') ? callLibrary('weakFloat', value) : value;
}

/** Runs with float64 as the type of new floats, as JAX does with x64 enabled. */
export function withFloat64<R>(run: () => R): R {
  const config = lookup('config') as Record<string, unknown>;
  const before = config['defaultDtype'];
  config['defaultDtype'] = 'float64';
  try {
    return run();
  } finally {
    config['defaultDtype'] = before;
  }
}

/** Runs with JAX's partitionable (its default) or original layout of random bits. */
export function withPartitionable<R>(flag: boolean, run: () => R): R {
  const config = lookup('config') as Record<string, unknown>;
  if (!('threefryPartitionable' in config)) {
    if (flag) return run();
    throw new MissingError('config.threefryPartitionable');
  }
  const before = config['threefryPartitionable'];
  config['threefryPartitionable'] = flag;
  try {
    return run();
  } finally {
    config['threefryPartitionable'] = before;
  }
}

/**
 * Branches and loops on data: run as they are where values are known, recorded as control flow where they are traced.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ArgumentError } from '../ir/errors.ts';
import { evalTrace } from '../core/trace.ts';
import { unflatten } from '../core/pytree.ts';
import { traceBelowTapes } from '../tape/record-trace.ts';
import { type AnyFunction, checkFunction, flattenArgs, type Tensors } from '../api/args.ts';
import { cond as traceCond } from '../api/lax/index.ts';
import type { TensorLike } from '../api/lift.ts';
import { checkOptions } from '../api/options.ts';
import { nextVars, truth } from './loop-vars.ts';
import { tracedWhile } from './while.ts';

/** Whether values are known where this is called: nothing is traced, mapped or differentiated by a function transformation. */
const isEager = (): boolean => traceBelowTapes() === evalTrace;

/**
 * `trueFn()` or `falseFn()`, by a condition. Where values are known only that one is called; in a traced function both are traced, their
 * results must be alike, and one runs.
 *
 * @example
 * ```ts
 * import { cond, constant, fn } from 'cotangent/tf';
 * import { np, type Tensor } from 'cotangent';
 * const magnitude = fn((x: Tensor) => cond(np.less(x, 0), () => x.neg(), () => x));
 * console.log(String(magnitude(constant(-2)))); // => 2
 * ```
 */
export function cond<R>(predicate: TensorLike, trueFn: () => R, falseFn: () => R): Tensors<R> {
  checkFunction('cond', trueFn as AnyFunction);
  checkFunction('cond', falseFn as AnyFunction);
  const p = truth('cond', predicate);
  if (isEager()) return (p.item() === 0 ? falseFn() : trueFn()) as Tensors<R>;
  return traceCond(p, trueFn as never, falseFn as never) as Tensors<R>;
}

export interface WhileOptions {
  /** Stop after so many iterations whatever the condition says. */
  readonly maximumIterations?: number;
}

/**
 * Repeats `loopVars = body(...loopVars)` while `condition(...loopVars)` holds. The number of iterations may depend on data, and tapes
 * differentiate the loop backward. In a traced function the body is traced once: a backward pass then computes the states again from
 * some that it keeps, so that memory does not grow with the number of iterations.
 *
 * @param loopVars an array with a tree of tensors for each variable of the loop; they keep their shapes and dtypes
 * @returns the last `loopVars`
 * @example
 * ```ts
 * import { constant, fn, GradientTape, whileLoop } from 'cotangent/tf';
 * import { np, type Tensor } from 'cotangent';
 * // x, x², x⁴ … until it exceeds 100
 * const f = fn((x: Tensor) => whileLoop((y) => np.less(y, 100), (y) => [np.square(y)], [x])[0]!);
 * const x = constant(3);
 * const tape = new GradientTape();
 * const y = tape.run(() => (tape.watch(x), f(x)));
 * console.log(String(y), String(tape.gradient(y, x))); // => 6561 17496
 * ```
 */
export function whileLoop<const V extends readonly unknown[]>(
  condition: (...vars: { [K in keyof V]: Tensors<V[K]> }) => unknown,
  body: (...vars: { [K in keyof V]: Tensors<V[K]> }) => readonly unknown[],
  loopVars: V,
  options: WhileOptions = {},
): { -readonly [K in keyof V]: Tensors<V[K]> } {
  checkFunction('whileLoop', condition as AnyFunction);
  checkFunction('whileLoop', body as AnyFunction);
  checkOptions('whileLoop', options, ['maximumIterations']);
  const { maximumIterations = Infinity } = options;
  if (!Array.isArray(loopVars)) {
    throw new ArgumentError('whileLoop: expected loopVars as an array, one entry a variable.', 'write [x] for one.');
  }
  const run = isEager() ? eagerWhile : tracedWhile;
  return run(condition as AnyFunction, body as AnyFunction, loopVars, maximumIterations) as never;
}

function eagerWhile(condition: AnyFunction, body: AnyFunction, loopVars: readonly unknown[], limit: number): unknown {
  const { leaves, def } = flattenArgs('whileLoop', loopVars, 'loopVars');
  let vars = unflatten(def, leaves) as readonly unknown[];
  for (let i = 0; i < limit; i++) {
    if (truth('whileLoop', condition(...(vars as never[]))).item() === 0) break;
    vars = nextVars(body(...(vars as never[])), loopVars.length);
  }
  return vars;
}

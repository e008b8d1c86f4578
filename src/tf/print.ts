/**
 * Printing at every call, also from traced functions.
 * May import: everything up to `api`.
 * @module
 */
import { Tensor } from '../core/tensor.ts';
import { graphContext } from './graph-context.ts';

export function printNow(parts: readonly (string | Tensor)[]): void {
  console.log(parts.map(String).join(' '));
}

/**
 * Prints values with `console.log`: in a traced function at each of its calls, where `console.log` itself runs while it is traced only.
 *
 * @throws TraceError in the body of a loop or branch that is traced
 * @example
 * ```ts
 * import { constant, fn, print } from 'cotangent/tf';
 * const twice = fn((x: import('cotangent').Tensor) => {
 *   print('x is', x);
 *   return x.mul(2);
 * });
 * const six = twice(constant(3)); // prints: x is 3
 * console.log(String(six)); // => 6
 * ```
 */
export function print(...values: readonly unknown[]): void {
  const parts = values.map((x) => (x instanceof Tensor ? x.current() : String(x)));
  const context = graphContext();
  if (context === undefined) printNow(parts);
  else context.print(parts);
}

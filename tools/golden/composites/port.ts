/**
 * The type of a ported case, and the helper that hands it its inputs by name.
 * @module
 */

import type { Tensor } from 'cotangent';

export type Results = Readonly<Record<string, unknown>>;

/** A ported case: named inputs to labelled results. */
export type Port = (inputs: Readonly<Record<string, unknown>>) => Results;

/** A function from tensor to tensor, as derivatives of one argument take it. */
export type Unary = (x: Tensor) => Tensor;

/** Makes a port of a function over the inputs named in `names`, separated by spaces. */
export function port(names: string, run: (...inputs: Tensor[]) => Results): Port {
  return (inputs) => run(...names.split(' ').map((name) => inputs[name] as Tensor));
}

/** 1 when running throws, else 0: how the cases record that JAX raises. */
export function fails(run: () => unknown): number {
  try {
    run();
    return 0;
  } catch {
    return 1;
  }
}

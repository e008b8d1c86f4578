/**
 * Arguments after the tensor that may be given by position or by name, as Python's are: `x.topk(2, 1)`, `x.topk(2, { dim: 1 })`,
 * `x.topk({ k: 2, dim: 1 })`.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import { checkOptions, isOptions } from '../../api/options.ts';
import type { Tensor } from '../tensor.ts';
import type { TensorLike } from './define.ts';

/** Positions in the order K of the members of O, of which a last object may name those that are left. */
export type Arguments<O extends object, K extends readonly unknown[]> =
  | (Record<never, never> extends O ? [] : never)
  | (keyof O extends never ? never : [options: O])
  | (K extends readonly [infer F extends keyof O, ...infer R]
      ? [value: O[F], ...rest: Arguments<Omit<O, F>, R>]
      : never);

/** A function of a tensor, and of arguments by position or name. */
export type Named<O extends object, K extends readonly (keyof O)[], R = Tensor> = (
  x: TensorLike,
  ...args: Arguments<O, K>
) => R;

/**
 * Arguments by their names. `null` and `undefined` mean "not given".
 * @throws ArgumentError for more arguments than names, an unknown name, or one that is given twice
 */
export function readArguments<O extends object>(
  op: string,
  names: readonly (keyof O & string)[],
  args: readonly unknown[],
): O {
  const out: Record<string, unknown> = {};
  const last = args.at(-1);
  const positions = isOptions(last) ? args.slice(0, -1) : args;
  if (positions.length > names.length) {
    throw new ArgumentError(
      `${op}: expected at most ${names.length} arguments (${names.join(', ')}), got ${positions.length}.`,
      'other arguments go by name in a last object.',
    );
  }
  positions.forEach((value, i) => {
    if (value !== undefined && value !== null) out[names[i]!] = value;
  });
  if (positions === args) return out as O;
  checkOptions(op, last as object, names, `arguments: ${names.join(', ')}.`);
  for (const [key, value] of Object.entries(last as object)) {
    if (value === undefined || value === null) continue;
    if (names.indexOf(key as keyof O & string) < positions.length && key in out) {
      throw new ArgumentError(`${op}: expected ${key} once, got it by position and by name.`);
    }
    out[key] = value;
  }
  return out as O;
}

/** A function whose arguments after the tensor may be given by position or by name. */
export const named =
  <O extends object, const K extends readonly (keyof O & string)[], R = Tensor>(
    op: string,
    names: K,
    f: (x: TensorLike, args: O) => R,
  ): Named<O, K, R> =>
  (x, ...args) =>
    f(x, readArguments<O>(op, names, args));

/**
 * Sizes of windows along spatial axes, as convolutions and pooling take them.
 * May import: `ir`, `core`, `api`.
 * @module
 */
import { ArgumentError, ShapeError } from '../ir/errors.ts';
import { type Shape, sizeOf } from '../ir/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { promoteToFloat, type TensorLike } from '../api/lift.ts';
import { describe } from '../api/options.ts';
import { reshape } from '../primitives/structural.ts';

/** One number for all spatial axes, or one for each. */
export type Sizes = number | readonly number[];

/**
 * What stands around the input: a rule (`'SAME'` gives ⌈size / stride⌉, `'VALID'` adds nothing), a number for both ends of every axis, a
 * number for both ends of each axis, or `[before, after]` of each.
 */
export type WindowPadding = 'SAME' | 'VALID' | number | readonly number[] | readonly (readonly [number, number])[];

/** A size for each of `rank` axes, each at least `least`. */
export function sizesOf(op: string, name: string, given: Sizes, rank: number, least = 1): number[] {
  const list = typeof given === 'number' ? Array.from({ length: rank }, () => given) : [...given];
  if (list.length === rank && list.every((n) => Number.isInteger(n) && n >= least)) return list;
  throw new ArgumentError(
    `${op}: expected ${name} to be an integer of at least ${least} or ${rank} of them, got ${
      typeof given === 'number' ? given : `[${list.map(describe).join(', ')}]`
    }.`,
  );
}

/** Padding in full: a rule, or a pair for each axis. */
export function paddingOf(
  op: string,
  given: WindowPadding,
  rank: number,
): 'SAME' | 'VALID' | readonly (readonly [number, number])[] {
  if (given === 'SAME' || given === 'VALID') return given;
  const isCount = (n: unknown): n is number => Number.isInteger(n) && (n as number) >= 0;
  const pairs = (typeof given === 'number' ? Array.from({ length: rank }, () => given) : given) as readonly unknown[];
  if (Array.isArray(pairs) && pairs.length === rank) {
    const out = pairs.map((p: unknown) => (isCount(p) ? [p, p] : p));
    if (out.every((p): p is [number, number] => Array.isArray(p) && p.length === 2 && p.every(isCount))) return out;
  }
  throw new ArgumentError(
    `${op}: expected padding 'SAME', 'VALID', a number, or ${rank} numbers or pairs of numbers, got ${describe(given)}.`,
  );
}

/** An input `[…, channels, ...spatial]` with its leading axes as one. */
export interface Batched {
  /** `[batch, channels, ...spatial]` */
  readonly input: Tensor;
  /** Gives a result its leading axes back. */
  readonly restore: (result: Tensor) => Tensor;
}

/** Throws unless the input has `rank` spatial axes and (if it matters) so many channels. */
export function batched(module: { toString(): string }, x: TensorLike, rank: number, channels?: number): Batched {
  const [t] = promoteToFloat(x) as [Tensor];
  const lead = t.ndim - rank - 1;
  if (lead < 0 || (channels !== undefined && t.shape[lead] !== channels)) {
    const spatial = ['width', 'height, width', 'depth, height, width'][rank - 1] ?? `${rank} spatial axes`;
    throw new ShapeError(
      `${module.toString()}: expected input […, ${channels ?? 'channels'}, ${spatial}], got ${t.aval.toString()}.`,
      'channels stand before the spatial axes; move them with np.moveaxis(x, -1, 1).',
    );
  }
  const outer: Shape = t.shape.slice(0, lead);
  const count = sizeOf(outer);
  return {
    input: lead === 1 ? t : reshape(t, [count, ...t.shape.slice(lead)]),
    restore: (result) => (lead === 1 ? result : reshape(result, [...outer, ...result.shape.slice(1)])),
  };
}

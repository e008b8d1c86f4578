/**
 * How distributions are declared: functions of a value and parameters, by position or by name, promoted to floats together.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { Tensor } from '../../../core/tensor.ts';
import { ArgumentError } from '../../../ir/errors.ts';
import * as prim from '../../../primitives/index.ts';
import { promoteToFloat, type TensorLike } from '../../lift.ts';
import { checkOptions, isOptions } from '../../options.ts';

export interface LocScale {
  /** Shift of the distribution; 0. */
  readonly loc?: TensorLike;
  /** Width of the distribution; 1. */
  readonly scale?: TensorLike;
}

type Named<N extends string> = Readonly<Record<N, TensorLike>>;

/** A function of x and of location and scale. */
export type Standard = (
  x: TensorLike,
  loc?: TensorLike | LocScale,
  scale?: TensorLike | Pick<LocScale, 'scale'>,
) => Tensor;

/** A function of x, one parameter of shape, location and scale. */
export type Shaped<N extends string> = (
  x: TensorLike,
  shape: TensorLike | (Named<N> & LocScale),
  loc?: TensorLike | LocScale,
  scale?: TensorLike | Pick<LocScale, 'scale'>,
) => Tensor;

/** A function of x, two parameters of shape, location and scale. */
export type Shaped2<A extends string, B extends string> = (
  x: TensorLike,
  first: TensorLike | (Named<A | B> & LocScale),
  second?: TensorLike | (Named<B> & LocScale),
  loc?: TensorLike | LocScale,
  scale?: TensorLike | Pick<LocScale, 'scale'>,
) => Tensor;

/** Functions of one distribution. */
export type Distribution<F, K extends string> = Readonly<Record<K, F>>;

type Rule = (...xs: Tensor[]) => Tensor;
const defaults: Readonly<Record<string, number>> = { loc: 0, scale: 1 };

/** Values of the parameters, from positions and then from a trailing object of names. */
function parametersOf(op: string, names: readonly string[], args: readonly unknown[]): TensorLike[] {
  const last = args.at(-1);
  const options = isOptions(last) ? (last as Readonly<Record<string, TensorLike>>) : {};
  const placed = (isOptions(last) ? args.slice(0, -1) : args) as readonly (TensorLike | undefined)[];
  checkOptions(op, options, names);
  if (placed.length > names.length) {
    throw new ArgumentError(`${op}: expected x and at most ${names.join(', ')}, got ${placed.length} parameters.`);
  }
  return names.map((name, i) => {
    const value = placed[i] ?? options[name] ?? defaults[name];
    if (value !== undefined) return value;
    throw new ArgumentError(`${op}: expected ${name}, got nothing.`, `arguments: x, ${names.join(', ')}.`, {
      option: name,
    });
  });
}

/** Densities by the logarithms they are the exponential of. */
const exponentials = { logpdf: 'pdf', logpmf: 'pmf' } as const;

/**
 * The functions of a distribution from their rules on tensors of one float dtype; `pdf` and `pmf` follow from their logarithms.
 * @param names parameters after x, in order
 */
export function distribution<F extends (...args: never[]) => Tensor, K extends string>(
  name: string,
  names: readonly string[],
  rules: Readonly<Partial<Record<NoInfer<K>, Rule>>>,
): Distribution<F, K> {
  const all: Record<string, Rule> = { ...rules } as Record<string, Rule>;
  for (const [log, plain] of Object.entries(exponentials)) {
    const rule = all[log];
    if (rule) all[plain] ??= (...xs) => prim.exp(rule(...xs));
  }
  const made = Object.entries(all).map(([key, rule]) => {
    const op = `${name}.${key}`;
    const f = (x: TensorLike, ...args: unknown[]): Tensor =>
      rule(...promoteToFloat(x, ...parametersOf(op, names, args)));
    return [key, f] as const;
  });
  return Object.fromEntries(made) as unknown as Distribution<F, K>;
}

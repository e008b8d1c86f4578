/**
 * Dropout: elements, channels.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError } from '../../../ir/errors.ts';
import * as np from '../../../api/numpy/index.ts';
import * as keyed from '../../../api/random/index.ts';
import { like } from '../../../primitives/arithmetic.ts';
import { type GeneratorOption, keyFrom } from '../../generator.ts';
import { type TensorLike, toTensor, withParams } from '../../ops/define.ts';
import { type Arguments, readArguments } from '../../ops/named.ts';
import { Tensor } from '../../tensor.ts';
import { masked } from './linear.ts';

export interface DropoutOptions extends GeneratorOption {
  /** The probability that an element becomes 0; 0.5. */
  readonly p?: number | undefined;
  /** Without it nothing is dropped; true. */
  readonly training?: boolean | undefined;
}

const names = ['p', 'training'] as const;

/** Options by position or by name. */
type Dropout = (x: TensorLike, ...options: Arguments<DropoutOptions, typeof names>) => Tensor;

const optionsOf = (op: string, args: readonly unknown[]): DropoutOptions =>
  readArguments<DropoutOptions>(op, [...names, 'generator'], args);

/** Throws unless a number is a probability. */
export function checkProbability(op: string, p: number): void {
  if (p >= 0 && p <= 1) return;
  throw new ArgumentError(
    `${op}: expected a probability from 0 to 1, got ${p}: dropout probability has to be between 0 and 1.`,
  );
}

function dropped(op: string, x: TensorLike, options: DropoutOptions, maskShape: (x: Tensor) => number[]): Tensor {
  const { p = 0.5, training = true } = options;
  checkProbability(op, p);
  const t = toTensor(x);
  if (!training || p === 0) return t;
  const mask = keyed.bernoulli(keyFrom(options), 1 - p, maskShape(t));
  return masked([t, new Tensor(mask)], p === 1 ? 0 : 1 / (1 - p));
}

/**
 * Elements set to 0 with probability p, the others divided by 1 − p, so that the mean stays.
 * @example
 * ```ts
 * import { manualSeed, nn, ones } from 'cotangent/torch';
 * manualSeed(0);
 * const x = ones(1000);
 * const kept = nn.functional.dropout(x, { p: 0.25 }).gt(0).sum().item();
 * console.log(kept > 700 && kept < 800); // => true
 * ```
 */
export const dropout: Dropout = (x, ...options) =>
  dropped('dropout', x, optionsOf('dropout', options), (t) => [...t.shape]);

/** Whole channels of `[N, C, …]`, or `[C, …]` of `spatial` dimensions, set to 0. */
const channels =
  (op: string, spatial: number): Dropout =>
  (x, ...options) =>
    dropped(op, x, optionsOf(op, options), (t) => t.shape.map((n, d) => (d < t.ndim - spatial ? n : 1)));

export const dropout1d: Dropout = channels('dropout1d', 1);
export const dropout2d: Dropout = channels('dropout2d', 2);
export const dropout3d: Dropout = channels('dropout3d', 3);

/** What `selu` comes to far below 0: −λα. @see Klambauer et al. (2017), arXiv:1706.02515 */
const saturated = -1.0507009873554805 * 1.6732632423543772;

const alphaMasked = withParams<number>('alphaDropout', ([x, mask], p) => {
  // a x + b has mean 0 and variance 1 again, for kept x of such and the others at the saturated value.
  const a = 1 / Math.sqrt((1 - p) * (1 + p * saturated * saturated));
  const b = -a * saturated * p;
  return np.add(np.multiply(np.where(mask!, x!, like(x!, saturated)), a), b);
});

const alpha =
  (op: string, maskShape: (x: Tensor) => number[]): Dropout =>
  (x, ...args) => {
    const options = optionsOf(op, args);
    const { p = 0.5, training = false } = options;
    checkProbability(op, p);
    const t = toTensor(x);
    if (!training || p === 0) return t;
    if (p === 1) return t.mul(0);
    return alphaMasked([t, new Tensor(keyed.bernoulli(keyFrom(options), 1 - p, maskShape(t)))], p);
  };

/** Dropout for networks with `selu`: mean and variance stay. Without `training` nothing is dropped (the default here). */
export const alphaDropout: Dropout = alpha('alphaDropout', (t) => [...t.shape]);
/** `alphaDropout` of whole channels of `[N, C, …]`. */
export const featureAlphaDropout: Dropout = alpha('featureAlphaDropout', (t) => t.shape.map((n, d) => (d < 2 ? n : 1)));

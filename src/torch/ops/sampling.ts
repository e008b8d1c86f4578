/**
 * Random numbers in the place of the elements of a tensor, and drawn by what they say.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import { convert } from '../../primitives/convert.ts';
import * as np from '../../api/numpy/index.ts';
import * as keyed from '../../api/random/index.ts';
import { type GeneratorOption, keyFrom } from '../generator.ts';
import { Tensor } from '../tensor.ts';
import { changeInPlace } from '../views.ts';
import { type TensorLike, toTensor } from './define.ts';
import { fullLike } from './fill.ts';
import { type Arguments, readArguments } from './named.ts';

const fillWith = (op: string, x: Tensor, draw: () => CoreTensor): Tensor =>
  changeInPlace(op, x, () => new Tensor(convert(draw(), x.dtype)));

const floatOf = (x: Tensor): 'float32' | 'float64' => (x.dtype === 'float64' ? 'float64' : 'float32');

/** Fills with uniform numbers from [low, high). */
export const uniform_ = (x: Tensor, low = 0, high = 1, options: GeneratorOption = {}): Tensor =>
  fillWith('uniform_', x, () => keyed.uniform(keyFrom(options), x.shape, floatOf(x), low, high));

/** Fills with normal numbers. */
export const normal_ = (x: Tensor, mean = 0, std = 1, options: GeneratorOption = {}): Tensor =>
  fillWith('normal_', x, () => np.add(np.multiply(keyed.normal(keyFrom(options), x.shape, floatOf(x)), std), mean));

/** Fills with 1, with probability p, and 0. */
export const bernoulli_ = (x: Tensor, p: TensorLike = 0.5, options: GeneratorOption = {}): Tensor =>
  fillWith('bernoulli_', x, () => keyed.bernoulli(keyFrom(options), toTensor(p).value, x.shape));

/** Fills with exponentially distributed numbers of rate `lambd`. */
export const exponential_ = (x: Tensor, lambd = 1, options: GeneratorOption = {}): Tensor =>
  fillWith('exponential_', x, () => np.divide(keyed.exponential(keyFrom(options), x.shape, floatOf(x)), lambd));

/** Fills with integers from [low, high). */
export const random_ = (x: Tensor, low = 0, high: number = 2 ** 24, options: GeneratorOption = {}): Tensor =>
  fillWith('random_', x, () => keyed.randint(keyFrom(options), x.shape, low, high));

export interface BernoulliOptions extends GeneratorOption {
  /** One probability for all elements, in the place of the elements. */
  readonly p?: number | undefined;
}

/** 1 with the probabilities that the elements say, or with a given one; else 0. */
export function bernoulli(x: TensorLike, ...args: Arguments<BernoulliOptions, ['p']>): Tensor {
  const options = readArguments<BernoulliOptions>('bernoulli', ['p', 'generator'], args);
  const given = toTensor(x);
  const p = options.p === undefined ? given : fullLike(given, options.p);
  return new Tensor(convert(keyed.bernoulli(keyFrom(options), p.value), p.dtype));
}

export interface MultinomialOptions extends GeneratorOption {
  readonly replacement?: boolean | undefined;
}

/** Positions of each row, drawn with probabilities in proportion to its elements. */
export function multinomial(
  x: TensorLike,
  count: number,
  ...args: Arguments<MultinomialOptions, ['replacement']>
): Tensor {
  const { value } = toTensor(x);
  const options = readArguments<MultinomialOptions>('multinomial', ['replacement', 'generator'], args);
  const replace = options.replacement === true;
  if (!replace && count > value.shape.at(-1)!) {
    throw new ArgumentError(
      `multinomial: expected at most ${value.shape.at(-1)} draws from ${value.aval.toString()} without replacement, got ${count}: ` +
        'cannot sample n_sample > prob_dist.size(-1) samples without replacement.',
      'pass { replacement: true }.',
    );
  }
  const isRow = value.ndim === 1;
  const logits = np.log(isRow ? np.expandDims(value, 0) : value);
  const picks = np.transpose(
    keyed.categorical(keyFrom(options), np.expandDims(logits, 0), {
      axis: -1,
      replace,
      shape: [count, logits.shape[0]!],
    }),
  );
  return new Tensor(isRow ? np.squeeze(picks, 0) : picks);
}

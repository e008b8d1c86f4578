/**
 * New tensors of random numbers.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { Shape } from '../ir/shape.ts';
import { defaultFloat } from '../core/config.ts';
import { convert } from '../primitives/convert.ts';
import * as np from '../api/numpy/index.ts';
import * as keyed from '../api/random/index.ts';
import { resultType, type TensorLike, toTensor } from './ops/define.ts';
import { dtypeOf, leaf, type SizesAndOptions, sizesAndOptions, type TensorOptions } from './ops/new-tensor.ts';
import { defaultGenerator, type Generator, type GeneratorOption, keyFrom } from './generator.ts';
import { installMethods } from './methods.ts';
import type { Tensor } from './tensor.ts';

installMethods();

/** Makes everything that is drawn from now on a function of `seed`. */
export const manualSeed = (seed: number): Generator => defaultGenerator.manualSeed(seed);

type RandomOptions = TensorOptions & GeneratorOption;

function split(options: RandomOptions): [TensorOptions, GeneratorOption] {
  const { generator, ...rest } = options;
  return [rest, { generator }];
}

/** Uniform numbers from [0, 1): `rand(2, 3)`. */
export function rand(...args: SizesAndOptions): Tensor {
  const [shape, options] = sizesAndOptions(args);
  const [rest, from] = split(options);
  return leaf('rand', keyed.uniform(keyFrom(from), shape, dtypeOf(rest, defaultFloat())), rest);
}

/** Standard normal numbers: `randn(2, 3)`. */
export function randn(...args: SizesAndOptions): Tensor {
  const [shape, options] = sizesAndOptions(args);
  const [rest, from] = split(options);
  return leaf('randn', keyed.normal(keyFrom(from), shape, dtypeOf(rest, defaultFloat())), rest);
}

/** Integers from [low, high). */
export function randint(low: number, high: number, size: Shape, options: RandomOptions = {}): Tensor {
  const [rest, from] = split(options);
  const drawn = keyed.randint(keyFrom(from), size, low, high);
  return leaf('randint', convert(drawn, dtypeOf(rest, 'int32')), rest);
}

/** The numbers 0 … n − 1 in random order. */
export function randperm(n: number, options: RandomOptions = {}): Tensor {
  const [rest, from] = split(options);
  return leaf('randperm', convert(keyed.permutation(keyFrom(from), n), dtypeOf(rest, 'int32')), rest);
}

/** Normal numbers with means and standard deviations that broadcast; numbers for both need a size. */
export function normal(mean: TensorLike, std: TensorLike = 1, size?: Shape, options: RandomOptions = {}): Tensor {
  const [rest, from] = split(options);
  const [m, s] = [toTensor(mean).value, toTensor(std).value];
  const shape = size ?? np.broadcastShapes(m.shape, s.shape);
  const drawn = keyed.normal(keyFrom(from), shape, dtypeOf(rest, resultType([m, s])));
  return leaf('normal', np.add(np.multiply(drawn, s), m), rest);
}

const like = (x: TensorLike, options: RandomOptions): RandomOptions => ({ dtype: toTensor(x).dtype, ...options });

/** Uniform numbers of the shape and dtype of `x`. */
export const randLike = (x: TensorLike, options: RandomOptions = {}): Tensor =>
  rand(toTensor(x).shape, like(x, options));
export const randnLike = (x: TensorLike, options: RandomOptions = {}): Tensor =>
  randn(toTensor(x).shape, like(x, options));
export const randintLike = (x: TensorLike, low: number, high: number, options: RandomOptions = {}): Tensor =>
  randint(low, high, toTensor(x).shape, like(x, options));

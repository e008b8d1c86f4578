/**
 * Continuous distributions by transforming one uniform sample.
 * May import: everything up to `control`, `api/args`, `api/lax`.
 * @module
 */
import type { DType } from '../../ir/dtype.ts';
import type { Shape } from '../../ir/shape.ts';
import { scalarTensor, type Tensor } from '../../core/tensor.ts';
import { div, like, mul, neg, sub } from '../../primitives/arithmetic.ts';
import { stopGradientOf } from '../../primitives/barrier.ts';
import { convert } from '../../primitives/convert.ts';
import { exp, log, log1p, pow, sqrt } from '../../primitives/elementwise-exp.ts';
import { abs, max, min, nextAfter, sign } from '../../primitives/elementwise-number.ts';
import { tan } from '../../primitives/elementwise-trig.ts';
import { erf, erfInv } from '../../primitives/special.ts';
import { broadcastTo } from '../../primitives/structural.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import type { DTypeLike } from '../numpy/dtypes.ts';

import { floatDType, type SampleOptions, sampleShape, uniformBetween, uniformOf } from './uniform.ts';
import { type ShapeLike, toShape } from '../sizes.ts';

/** IEEE 754: smallest normal number, and distance from 1 to the next number above. */
const limits: Partial<Record<DType, { readonly tiny: number; readonly eps: number }>> = {
  float16: { tiny: 2 ** -14, eps: 2 ** -10 },
  bfloat16: { tiny: 2 ** -126, eps: 2 ** -7 },
  float32: { tiny: 2 ** -126, eps: 2 ** -23 },
  float64: { tiny: 2 ** -1022, eps: 2 ** -52 },
};

export const limitsOf = (dtype: DType): { readonly tiny: number; readonly eps: number } => limits[dtype]!;

export type Sampler = (key: TensorLike, shape?: ShapeLike | SampleOptions, dtype?: DTypeLike | SampleOptions) => Tensor;

/** A sampler of shape and float dtype. */
const sampler =
  (name: string, draw: (key: TensorLike, shape: Shape, dtype: DType) => Tensor): Sampler =>
  (key, shape, dtype) => {
    const o = readOptions<SampleOptions>(name, ['shape', 'dtype'], [shape, dtype]);
    return draw(key, toShape(name, o.shape ?? []), floatDType(name, o.dtype));
  };

/** Standard normal: √2 erf⁻¹(u) for u uniform on (−1, 1). */
export function normalOf(key: TensorLike, shape: Shape, dtype: DType): Tensor {
  // The number next to −1: numbers below 1 are half as far apart as those above.
  const lowest = limitsOf(dtype).eps / 2 - 1;
  const u = uniformBetween('random.normal', key, shape, dtype, lowest, 1);
  return mul(scalarTensor(Math.SQRT2, dtype), erfInv(u));
}

/**
 * Standard normal numbers.
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * const x = random.normal(random.key(0), [1000]);
 * console.log(Math.abs(np.mean(x).item()) < 0.1); // => true
 * ```
 */
export const normal: Sampler = sampler('random.normal', normalOf);

/** Exponential with rate 1: −log(1 − u). */
export const exponentialOf = (key: TensorLike, shape: Shape, dtype: DType): Tensor =>
  neg(log1p(neg(uniformBetween('random.exponential', key, shape, dtype, 0, 1))));

export const exponential: Sampler = sampler('random.exponential', exponentialOf);

/** Laplace with scale 1. */
export const laplace: Sampler = sampler('random.laplace', (key, shape, dtype) => {
  const u = uniformBetween('random.laplace', key, shape, dtype, -1 + limitsOf(dtype).eps / 2, 1);
  return mul(sign(u), log1p(neg(abs(u))));
});

/** Standard logistic: log(u / (1 − u)). */
export const logistic: Sampler = sampler('random.logistic', (key, shape, dtype) => {
  const u = uniformBetween('random.logistic', key, shape, dtype, limitsOf(dtype).tiny, 1);
  return sub(log(u), log1p(neg(u)));
});

/** Standard Cauchy: tan(π(u − ½)). */
export const cauchy: Sampler = sampler('random.cauchy', (key, shape, dtype) => {
  const u = uniformBetween('random.cauchy', key, shape, dtype, limitsOf(dtype).eps, 1);
  return tan(mul(like(u, Math.PI), sub(u, like(u, 0.5))));
});

/** Standard Gumbel: −log(−log u). */
export function gumbelOf(key: TensorLike, shape: Shape, dtype: DType): Tensor {
  const u = uniformBetween('random.gumbel', key, shape, dtype, limitsOf(dtype).tiny, 1);
  return neg(log(neg(log(u))));
}

export const gumbel: Sampler = sampler('random.gumbel', gumbelOf);

/** A parameter as floats of the sample's dtype. */
export const parameter = (x: TensorLike, dtype: DType): Tensor => convert(asTensor(x), dtype);

/**
 * Standard normal numbers between two bounds.
 * @param lower and `upper`: numbers or arrays
 */
export function truncatedNormal(
  key: TensorLike,
  lower: TensorLike,
  upper: TensorLike,
  shape?: ShapeLike | SampleOptions,
  dtype?: DTypeLike | SampleOptions,
): Tensor {
  const o = readOptions<SampleOptions>('random.truncatedNormal', ['shape', 'dtype'], [shape, dtype]);
  const type = floatDType('random.truncatedNormal', o.dtype);
  const [lo, hi] = [parameter(lower, type), parameter(upper, type)];
  const size = sampleShape('random.truncatedNormal', o.shape, lo, hi);
  const sqrt2 = scalarTensor(Math.SQRT2, type);
  const u = uniformOf('random.truncatedNormal', key, size, type, erf(div(lo, sqrt2)), erf(div(hi, sqrt2)));
  // Rounding must not leave the open interval.
  const inside = (x: Tensor, toward: number): Tensor => nextAfter(stopGradientOf(x), like(x, toward));
  return min(max(mul(sqrt2, erfInv(u)), inside(lo, Infinity)), inside(hi, -Infinity));
}

type ParameterSampler = (
  key: TensorLike,
  parameter: TensorLike,
  shape?: ShapeLike | SampleOptions,
  dtype?: DTypeLike | SampleOptions,
) => Tensor;

/** A sampler with one parameter, whose shape is the default shape. */
const parameterSampler =
  (name: string, draw: (key: TensorLike, p: Tensor, shape: Shape, dtype: DType) => Tensor): ParameterSampler =>
  (key, p, shape, dtype) => {
    const o = readOptions<SampleOptions>(name, ['shape', 'dtype'], [shape, dtype]);
    const type = floatDType(name, o.dtype);
    const x = parameter(p, type);
    const size = sampleShape(name, o.shape, x);
    return draw(key, broadcastTo(x, size), size, type);
  };

/** Pareto with shape parameter b: e^(E / b), E exponential. */
export const pareto: ParameterSampler = parameterSampler('random.pareto', (key, b, shape, dtype) =>
  exp(div(exponentialOf(key, shape, dtype), b)),
);

/** Rayleigh with the given scale: scale · √(−2 log u). */
export const rayleigh: ParameterSampler = parameterSampler('random.rayleigh', (key, scale, shape, dtype) => {
  const u = uniformBetween('random.rayleigh', key, shape, dtype, 0, 1);
  return mul(sqrt(mul(log(u), like(u, -2))), scale);
});

/** e^(σ z) for z standard normal. */
export const lognormal: ParameterSampler = parameterSampler('random.lognormal', (key, sigma, shape, dtype) =>
  exp(mul(normalOf(key, shape, dtype), sigma)),
);

/** Weibull (minimum): scale · (−log(1 − u))^(1 / concentration). */
export function weibullMin(
  key: TensorLike,
  scale: TensorLike,
  concentration: TensorLike,
  shape?: ShapeLike | SampleOptions,
  dtype?: DTypeLike | SampleOptions,
): Tensor {
  const o = readOptions<SampleOptions>('random.weibullMin', ['shape', 'dtype'], [shape, dtype]);
  const type = floatDType('random.weibullMin', o.dtype);
  const [s, c] = [parameter(scale, type), parameter(concentration, type)];
  const e = exponentialOf(key, sampleShape('random.weibullMin', o.shape ?? [], s, c), type);
  return mul(pow(e, div(like(c, 1), c)), s);
}

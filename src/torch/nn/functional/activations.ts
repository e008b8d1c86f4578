/**
 * Activation functions.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError } from '../../../ir/errors.ts';
import * as np from '../../../api/numpy/index.ts';
import * as nn from '../../../api/nn/index.ts';
import { keyFrom, type GeneratorOption } from '../../generator.ts';
import * as keyed from '../../../api/random/index.ts';
import { like } from '../../../primitives/arithmetic.ts';
import { checkChoice, checkOptions } from '../../../api/options.ts';
import type { Dtype } from '../../dtypes.ts';
import { oneAxis, type SomeDim } from '../../ops/axes.ts';
import { type TensorLike, toTensor, type Unary, unary, withParams } from '../../ops/define.ts';
import { zerosLike } from '../../ops/fill.ts';
import { type Arguments, type Named, named, readArguments } from '../../ops/named.ts';
import * as statistics from '../../ops/statistics.ts';
import { Tensor } from '../../tensor.ts';

export { relu, sigmoid, tanh } from '../../ops/pointwise.ts';

export const silu: Unary = unary('silu', nn.silu);
export const mish: Unary = unary('mish', nn.mish);
export const selu: Unary = unary('elu', nn.selu);
/** min(max(x + 3, 0), 6) / 6 */
export const hardsigmoid: Unary = unary('hardsigmoid', nn.hardSigmoid);
/** x (x + 3) / 6 from −3 to 3, 0 before and x after; at −3 the derivative is 0 and at 3 it is 1, as since PyTorch 2. */
export const hardswish: Unary = unary('hardswish', (x) => {
  const isMiddle = np.less(np.abs(x), 3);
  const middle = np.where(isMiddle, x, like(x, 0));
  const curve = np.divide(np.multiply(middle, np.add(middle, 3)), 6);
  return np.where(isMiddle, curve, nn.relu(x));
});
export const logsigmoid: Unary = unary('logSigmoid', nn.logSigmoid);
/** x / (1 + |x|) */
export const softsign: Unary = unary('softsign', nn.softSign);
/** x − tanh x */
export const tanhshrink: Unary = unary('tanhshrink', (x) => np.subtract(x, np.tanh(x)));

const gelus = { none: unary('gelu', (x) => nn.gelu(x, false)), tanh: unary('gelu', (x) => nn.gelu(x, true)) };

export interface GeluOptions {
  /** `'none'` (default), or `'tanh'` for the approximation. */
  readonly approximate?: 'none' | 'tanh' | undefined;
}

/** x Φ(x), with the distribution function of normal numbers. */
export const gelu: Named<GeluOptions, ['approximate']> = named(
  'gelu',
  ['approximate'],
  (x, { approximate = 'none' }) => {
    checkChoice('gelu', 'approximate', approximate, ['none', 'tanh']);
    return gelus[approximate](x);
  },
);

/** Options of `elu` and `celu`. */
export interface Alpha {
  /** 1 */
  readonly alpha?: number | undefined;
}

const eluOf = withParams<number>('elu', ([x], alpha) => nn.elu(x!, alpha));
/** x, below 0 alpha (eˣ − 1). */
export const elu: Named<Alpha, ['alpha']> = named('elu', ['alpha'], (x, { alpha = 1 }) => eluOf([x], alpha));

const celuOf = withParams<number>('celu', ([x], alpha) => nn.celu(x!, alpha));
/** x, below 0 alpha (exp(x / alpha) − 1). */
export const celu: Named<Alpha, ['alpha']> = named('celu', ['alpha'], (x, { alpha = 1 }) => celuOf([x], alpha));

export interface Slope {
  /** 0.01 */
  readonly negativeSlope?: number | undefined;
}

const leakyReluOf = withParams<number>('leakyRelu', ([x], slope) =>
  np.where(np.greater(x!, 0), x!, np.multiply(x!, slope)),
);
/** x, below 0 times a slope, which is also the derivative at 0. */
export const leakyRelu: Named<Slope, ['negativeSlope']> = named(
  'leakyRelu',
  ['negativeSlope'],
  (x, { negativeSlope = 0.01 }) => leakyReluOf([x], negativeSlope),
);

/** x, below 0 times a weight: one, or one for each channel (dimension 1). */
export function prelu(x: TensorLike, weight: TensorLike): Tensor {
  return preluOf([x, weight], 0);
}
const preluOf = withParams<0>('prelu', ([x, w]) => {
  const shape = x!.shape.map((_, d) => (d === Math.min(1, x!.ndim - 1) ? w!.size : 1));
  const slope = w!.size === 1 ? np.reshape(w!, []) : np.reshape(w!, shape);
  return np.where(np.greater(x!, 0), x!, np.multiply(x!, slope));
});

/** `leakyRelu` with slopes drawn from [lower, upper) in training, and their mean otherwise. */
export function rrelu(x: TensorLike, ...options: Arguments<RreluOptions, ['lower', 'upper', 'training']>): Tensor {
  const names = ['lower', 'upper', 'training', 'generator'] as const;
  const {
    lower = 1 / 8,
    upper = 1 / 3,
    training = false,
    ...from
  } = readArguments<RreluOptions>('rrelu', names, options);
  if (!training) return leakyRelu(x, (lower + upper) / 2);
  const { shape } = toTensor(x);
  const slope = keyed.uniform(keyFrom(from), shape, 'float32', lower, upper);
  return slopedOf([x, new Tensor(slope)], 0);
}
const slopedOf = withParams<0>('rreluWithNoise', ([x, slope]) =>
  np.where(np.greater(x!, 0), x!, np.multiply(x!, np.astype(slope!, x!.dtype))),
);

export interface RreluOptions extends GeneratorOption {
  readonly lower?: number | undefined;
  readonly upper?: number | undefined;
  readonly training?: boolean | undefined;
}

export interface Bounds {
  /** −1 */
  readonly minVal?: number | undefined;
  /** 1 */
  readonly maxVal?: number | undefined;
}

const hardtanhOf = withParams<readonly [number, number]>('hardtanh', ([x], [low, high]) =>
  np.where(np.lessEqual(x!, low), like(x!, low), np.where(np.greaterEqual(x!, high), like(x!, high), x!)),
);
/** x between two bounds. Other than with `clamp` the derivative at a bound is 0. */
export const hardtanh: Named<Bounds, ['minVal', 'maxVal']> = named(
  'hardtanh',
  ['minVal', 'maxVal'],
  (x, { minVal = -1, maxVal = 1 }) => hardtanhOf([x], [minVal, maxVal]),
);
/** min(max(x, 0), 6), with derivative 0 at both bounds. */
export const relu6 = (x: TensorLike): Tensor => hardtanh(x, 0, 6);

export interface SoftplusOptions {
  /** 1 */
  readonly beta?: number | undefined;
  /** 20 */
  readonly threshold?: number | undefined;
}

const softplusOf = withParams<readonly [number, number]>('softplus', ([x], [beta, threshold]) => {
  const scaled = np.multiply(x!, beta);
  const isLinear = np.greater(scaled, threshold);
  const soft = nn.softplus(np.where(isLinear, like(scaled, 0), scaled));
  return np.where(isLinear, x!, np.divide(soft, beta));
});
/** log(1 + exp(beta x)) / beta; x itself where beta x is above the threshold. */
export const softplus: Named<SoftplusOptions, ['beta', 'threshold']> = named(
  'softplus',
  ['beta', 'threshold'],
  (x, { beta = 1, threshold = 20 }) => softplusOf([x], [beta, threshold]),
);

export interface Lambd {
  /** 0.5 */
  readonly lambd?: number | undefined;
}

const hardshrinkOf = withParams<number>('hardshrink', ([x], lambd) =>
  np.where(np.lessEqual(np.abs(x!), lambd), like(x!, 0), x!),
);
/** x, and 0 in [−lambd, lambd]. */
export const hardshrink: Named<Lambd, ['lambd']> = named('hardshrink', ['lambd'], (x, { lambd = 0.5 }) =>
  hardshrinkOf([x], lambd),
);

const softshrinkOf = withParams<number>('softshrink', ([x], lambd) =>
  np.where(
    np.greater(x!, lambd),
    np.subtract(x!, lambd),
    np.where(np.less(x!, -lambd), np.add(x!, lambd), like(x!, 0)),
  ),
);
/** x moved towards 0 by lambd, and 0 in [−lambd, lambd]. */
export const softshrink: Named<Lambd, ['lambd']> = named('softshrink', ['lambd'], (x, { lambd = 0.5 }) =>
  softshrinkOf([x], lambd),
);

export interface ThresholdOptions {
  readonly threshold: number;
  readonly value: number;
}

const thresholdOf = withParams<readonly [number, number]>('threshold', ([x], [bound, value]) =>
  np.where(np.lessEqual(x!, bound), like(x!, value), x!),
);
/** x where it is above a bound, else `value`. */
export const threshold: Named<ThresholdOptions, ['threshold', 'value']> = named(
  'threshold',
  ['threshold', 'value'],
  (x, { threshold: bound, value }) => thresholdOf([x], [bound, value]),
);

export interface SoftmaxOptions {
  readonly dim: number;
  /** Dtype to convert to first. */
  readonly dtype?: Dtype | undefined;
}

type Softmax = Named<SoftmaxOptions, ['dim', 'dtype']>;

function alongDim(op: string, f: (x: Tensor, dim: number) => Tensor): Softmax {
  return named(op, ['dim', 'dtype'], (x, { dim, dtype }) => {
    if (typeof dim !== 'number') {
      throw new ArgumentError(
        `${op}: expected a dimension, got ${String(dim)}.`,
        'say which: { dim: -1 } is the last.',
      );
    }
    const t = toTensor(x);
    return f(dtype === undefined ? t : t.to(dtype), dim);
  });
}

/** eˣ / Σ eˣ along a dimension. */
export const softmax: Softmax = alongDim('softmax', statistics.softmax);
/** The logarithm of `softmax`. */
export const logSoftmax: Softmax = alongDim('logSoftmax', statistics.logSoftmax);
/** softmax of −x. */
export const softmin: Softmax = alongDim('softmin', (x, dim) => statistics.softmax(x.neg(), dim));

const gluOf = withParams<number>('glu', ([x], axis) => nn.glu(x!, axis));
/** The first half of a dimension times the sigmoid of the second. */
export const glu: Named<SomeDim, ['dim']> = named('glu', ['dim'], (x, { dim = -1 }) => {
  const tensor = toTensor(x);
  return gluOf([tensor], oneAxis('glu', tensor, dim, false).axis);
});

export interface GumbelOptions extends GeneratorOption {
  /** How far from the hard choice; 1. */
  readonly tau?: number | undefined;
  /** Whether to give the choice itself, with the derivative of the soft one; false. */
  readonly hard?: boolean | undefined;
  /** −1 */
  readonly dim?: number | undefined;
}

/**
 * A random choice among the elements of a dimension with these logits, softened so that it has a derivative.
 * @see Jang et al. (2017), arXiv:1611.01144
 */
export function gumbelSoftmax(logits: TensorLike, options: GumbelOptions = {}): Tensor {
  checkOptions(
    'gumbelSoftmax',
    options,
    ['tau', 'hard', 'dim', 'generator'],
    'options of gumbelSoftmax: tau, hard, dim, generator.',
  );
  const { tau = 1, hard = false, dim = -1 } = options;
  const t = toTensor(logits);
  const noise = new Tensor(np.astype(keyed.gumbel(keyFrom(options), t.shape), t.dtype));
  const soft = softmax(t.add(noise).div(tau), dim);
  if (!hard) return soft;
  const fixed = soft.detach();
  const chosen = zerosLike(fixed).scatter(dim, fixed.argmax(dim, true), 1);
  return chosen.sub(fixed).add(soft);
}

/**
 * Normalisation by statistics of batches, layers, groups and instances.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ShapeError } from '../../../ir/errors.ts';
import { sameShape, type Shape } from '../../../ir/shape.ts';
import type { Tensor as CoreTensor } from '../../../core/tensor.ts';
import { meanKept } from '../../../api/nn/axes.ts';
import { standardize } from '../../../api/nn/normalize.ts';
import * as np from '../../../api/numpy/index.ts';
import { add, like, mul, sub } from '../../../primitives/arithmetic.ts';
import { rsqrt } from '../../../primitives/elementwise-exp.ts';
import { type TensorLike, toTensor, withParams, withResults } from '../../ops/define.ts';
import { type Arguments, readArguments } from '../../ops/named.ts';
import type { Tensor } from '../../tensor.ts';
import { assignValue } from '../../views.ts';

type Given = TensorLike | null | undefined;

const present = (...xs: Given[]): TensorLike[] => xs.filter((x): x is TensorLike => x !== null && x !== undefined);

/** Which of the optional operands there are. */
interface Affine {
  readonly hasWeight: boolean;
  readonly hasBias: boolean;
}

const affineOf = (weight: Given, bias: Given): Affine => ({
  hasWeight: weight !== null && weight !== undefined,
  hasBias: bias !== null && bias !== undefined,
});

/** y · weight + bias, both of `shape`. */
function scaled(y: CoreTensor, [first, second]: readonly CoreTensor[], affine: Affine, shape: Shape): CoreTensor {
  const weight = affine.hasWeight ? first : undefined;
  const bias = affine.hasWeight ? second : first;
  const wide = (p: CoreTensor): CoreTensor => np.astype(np.reshape(p, shape), y.dtype);
  const product = weight === undefined ? y : np.multiply(y, wide(weight));
  return affine.hasBias ? np.add(product, wide(bias!)) : product;
}

const channelShape = (x: { readonly shape: Shape }): number[] => x.shape.map((n, d) => (d === 1 ? n : 1));

/** With statistics of `axes`; the result, and the means and variances of channels. */
const byBatch = withResults<Affine & { readonly axes: readonly number[]; readonly eps: number }>(
  'nativeBatchNorm',
  ([x, ...affine], { axes, eps, ...which }) => {
    const mean = meanKept(x!, axes);
    const centred = sub(x!, mean);
    const variance = meanKept(mul(centred, centred), axes);
    const y = mul(centred, rsqrt(add(variance, like(variance, eps))));
    const ofChannels = (s: CoreTensor): CoreTensor => np.reshape(meanKept(s, [0]), [x!.shape[1]!]);
    return [scaled(y, affine, which, channelShape(x!)), ofChannels(mean), ofChannels(variance)];
  },
);

/** With statistics that are known. */
const byKnown = withParams<Affine & { readonly eps: number }>(
  'nativeBatchNorm',
  ([x, mean, variance, ...affine], { eps, ...which }) => {
    const wide = (s: CoreTensor): CoreTensor => np.astype(np.reshape(s, channelShape(x!)), x!.dtype);
    const spread = wide(variance!);
    const y = mul(
      sub(x!, np.broadcastTo(wide(mean!), x!.shape)),
      np.broadcastTo(rsqrt(add(spread, like(spread, eps))), x!.shape),
    );
    return scaled(y, affine, which, channelShape(x!));
  },
);

/** A factor and a summand for each channel, or none. */
export interface AffineOptions {
  readonly weight?: Given;
  readonly bias?: Given;
}

export interface BatchNormOptions extends AffineOptions {
  /** Whether to take (and track) the statistics of the batch; false. */
  readonly training?: boolean | undefined;
  /** Share of new statistics in the running ones; 0.1. */
  readonly momentum?: number | undefined;
  readonly eps?: number | undefined;
}

const batchNames = ['weight', 'bias', 'training', 'momentum', 'eps'] as const;
const instanceNames = ['runningMean', 'runningVar', 'weight', 'bias', 'useInputStats', 'momentum', 'eps'] as const;

interface Running {
  readonly mean: Tensor | null;
  readonly variance: Tensor | null;
  readonly momentum: number;
}

function normalized(x: Tensor, axes: number[], weight: Given, bias: Given, eps: number, running: Running): Tensor {
  const [y, mean, variance] = byBatch([x, ...present(weight, bias)], { axes, eps, ...affineOf(weight, bias) });
  const count = axes.reduce((n, d) => n * x.shape[d]!, 1);
  track(running.mean, mean!.value, running.momentum);
  track(running.variance, np.multiply(variance!.value, count / (count - 1)), running.momentum);
  return y!;
}

/** (1 − momentum) · running + momentum · fresh, in place. */
function track(running: Tensor | null, fresh: CoreTensor, momentum: number): void {
  if (running === null) return;
  const mixed = np.add(
    np.multiply(running.value, 1 - momentum),
    np.multiply(np.astype(fresh, running.dtype), momentum),
  );
  assignValue('batchNorm', running, mixed);
}

function checkChannels(op: string, x: Tensor): void {
  if (x.ndim >= 2) return;
  throw new ShapeError(`${op}: expected input [N,C,…], got ${x.aval.toString()}.`);
}

/**
 * Each channel (dimension 1) to mean 0 and variance 1, then times a weight and plus a bias. In training the statistics are those of the
 * batch, and the running ones are changed in place; else they are the running ones.
 */
export function batchNorm(
  x: TensorLike,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  ...options: Arguments<BatchNormOptions, typeof batchNames>
): Tensor {
  const given = readArguments<BatchNormOptions>('batchNorm', batchNames, options);
  const { weight, bias, training = false, momentum = 0.1, eps = 1e-5 } = given;
  const t = toTensor(x);
  checkChannels('batchNorm', t);
  if (!training && runningMean !== null && runningVar !== null) {
    return byKnown([t, runningMean, runningVar, ...present(weight, bias)], { eps, ...affineOf(weight, bias) });
  }
  const axes = t.shape.map((_, d) => d).filter((d) => d !== 1);
  if (training && t.numel() === t.shape[1]) {
    throw new ShapeError(
      `batchNorm: expected more than one value for each channel in training, got ${t.aval.toString()}: Expected more than 1 value per channel when training.`,
      'use larger batches, or evaluate.',
    );
  }
  const isTracked = training ? { mean: runningMean, variance: runningVar } : { mean: null, variance: null };
  return normalized(t, axes, weight, bias, eps, { ...isTracked, momentum });
}

export interface InstanceNormOptions extends AffineOptions {
  readonly runningMean?: Tensor | null | undefined;
  readonly runningVar?: Tensor | null | undefined;
  /** Whether to take the statistics of each instance, not the running ones; true. */
  readonly useInputStats?: boolean | undefined;
  readonly momentum?: number | undefined;
  readonly eps?: number | undefined;
}

/** Each channel of each example to mean 0 and variance 1. */
export function instanceNorm(x: TensorLike, ...options: Arguments<InstanceNormOptions, typeof instanceNames>): Tensor {
  const given = readArguments<InstanceNormOptions>('instanceNorm', instanceNames, options);
  const {
    runningMean = null,
    runningVar = null,
    weight,
    bias,
    useInputStats = true,
    momentum = 0.1,
    eps = 1e-5,
  } = given;
  const t = toTensor(x);
  if (!useInputStats) return batchNorm(t, runningMean, runningVar, weight, bias, { eps });
  const axes = t.shape.map((_, d) => d).slice(2);
  if (t.ndim < 3 || axes.reduce((n, d) => n * t.shape[d]!, 1) === 1) {
    throw new ShapeError(
      `instanceNorm: expected more than one value for each channel of each example, got ${t.aval.toString()}: Expected more than 1 spatial element when training.`,
    );
  }
  return normalized(t, axes, weight, bias, eps, { mean: runningMean, variance: runningVar, momentum });
}

/** How many dimensions a shape has, with which that of the input must end. */
function trailingRank(op: string, x: Tensor, shape: Shape): number {
  const rank = shape.length;
  if (rank > 0 && x.ndim >= rank && sameShape(x.shape.slice(x.ndim - rank), shape)) return rank;
  throw new ShapeError(
    `${op}: expected input […,${shape.join(',')}], got ${x.aval.toString()}: Given normalized_shape=[${shape.join(', ')}], expected input with shape [*, ${shape.join(', ')}].`,
  );
}

const byLayer = withParams<Affine & { readonly rank: number; readonly eps: number }>(
  'nativeLayerNorm',
  ([x, ...affine], { rank, eps, ...which }) => {
    const axes = Array.from({ length: rank }, (_, i) => x!.ndim - rank + i);
    return scaled(standardize(x!, axes, { epsilon: eps }), affine, which, x!.shape.slice(x!.ndim - rank));
  },
);

export interface NormOptions extends AffineOptions {
  /** Added to the variance; 1e-5. */
  readonly eps?: number | undefined;
}

const normNames = ['weight', 'bias', 'eps'] as const;

/** The last dimensions together to mean 0 and variance 1. */
export function layerNorm(
  x: TensorLike,
  normalizedShape: Shape,
  ...options: Arguments<NormOptions, typeof normNames>
): Tensor {
  const { weight, bias, eps = 1e-5 } = readArguments<NormOptions>('layerNorm', normNames, options);
  const t = toTensor(x);
  const rank = trailingRank('layerNorm', t, normalizedShape);
  return byLayer([t, ...present(weight, bias)], { rank, eps, ...affineOf(weight, bias) });
}

const byGroup = withParams<Affine & { readonly groups: number; readonly eps: number }>(
  'nativeGroupNorm',
  ([x, ...affine], { groups, eps, ...which }) => {
    const grouped = np.reshape(x!, [x!.shape[0]!, groups, x!.size / (x!.shape[0]! * groups || 1)]);
    const y = np.reshape(standardize(grouped, -1, { epsilon: eps }), x!.shape);
    return scaled(y, affine, which, channelShape(x!));
  },
);

/** Groups of channels of each example to mean 0 and variance 1. */
export function groupNorm(
  x: TensorLike,
  numGroups: number,
  ...options: Arguments<NormOptions, typeof normNames>
): Tensor {
  const { weight, bias, eps = 1e-5 } = readArguments<NormOptions>('groupNorm', normNames, options);
  const t = toTensor(x);
  checkChannels('groupNorm', t);
  if (t.shape[1]! % numGroups !== 0) {
    throw new ShapeError(
      `groupNorm: expected channels that are a multiple of the ${numGroups} groups, got ${t.aval.toString()}: Expected number of channels in input to be divisible by num_groups.`,
    );
  }
  return byGroup([t, ...present(weight, bias)], { groups: numGroups, eps, ...affineOf(weight, bias) });
}

const byRootMeanSquare = withParams<{ readonly rank: number; readonly eps: number }>(
  'rmsNorm',
  ([x, weight], { rank, eps }) => {
    const axes = Array.from({ length: rank }, (_, i) => x!.ndim - rank + i);
    const square = meanKept(mul(x!, x!), axes);
    const y = mul(x!, rsqrt(add(square, like(square, eps))));
    return weight === undefined ? y : np.multiply(y, np.astype(weight, y.dtype));
  },
);

export interface RmsNormOptions {
  readonly weight?: Given;
  /** Added to the mean square; the machine epsilon. */
  readonly eps?: number | null | undefined;
}

/** The last dimensions together divided by their root mean square. */
export function rmsNorm(
  x: TensorLike,
  normalizedShape: Shape,
  ...options: Arguments<RmsNormOptions, ['weight', 'eps']>
): Tensor {
  const { weight, eps } = readArguments<RmsNormOptions>('rmsNorm', ['weight', 'eps'], options);
  const t = toTensor(x);
  const rank = trailingRank('rmsNorm', t, normalizedShape);
  return byRootMeanSquare([t, ...present(weight)], { rank, eps: eps ?? np.finfo(t.dtype).eps });
}

/**
 * Batch normalisation, with its running statistics in plain sight: training gives a new module.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { isHalf } from '../ir/dtype.ts';
import { ArgumentError, ShapeError } from '../ir/errors.ts';
import { defaultFloat } from '../core/config.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { promoteToFloat, type TensorLike } from '../api/lift.ts';
import { meanKept } from '../api/nn/axes.ts';
import { ones, zeros } from '../api/numpy/creation.ts';
import { optionalDType } from '../api/numpy/dtypes.ts';
import { add, div, like, mul, sub } from '../primitives/arithmetic.ts';
import { stopGradientOf } from '../primitives/barrier.ts';
import { convert } from '../primitives/convert.ts';
import { rsqrt } from '../primitives/elementwise-exp.ts';
import { reshape } from '../primitives/structural.ts';
import { checkNames, checkRange, checkSizes } from './checks.ts';
import type { NormOptions } from './layer-norm.ts';
import { type CallOptions, Layer } from './module.ts';
import { wideFloats } from './precision.ts';

export interface BatchNormOptions extends NormOptions {
  /** Share of the new statistics in the running ones; 0.1. With null they are the mean of all batches. */
  readonly momentum?: number | null;
  /** Whether there are running statistics; true. Without, evaluation takes those of the batch too. */
  readonly trackRunningStats?: boolean;
  /** Axis of the features; 1. */
  readonly axis?: number;
}

interface Statistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/**
 * (x − mean) / √(variance + ε) · weight + bias for every feature, with the mean and variance of the batch in training, and the running
 * ones in evaluation (Ioffe and Szegedy, 2015). Running variances are unbiased, as PyTorch has them.
 *
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import { BatchNorm } from 'cotangent/nn';
 * const layer = new BatchNorm(1, { momentum: 0.5 });
 * const [y, next] = layer.apply(np.array([[1], [3]]), { train: true });
 * console.log(String(next.runningMean), String(layer.runningMean)); // => [1] [0]
 * console.log(String(np.round(y))); // => [[-1], [1]]
 * ```
 */
export class BatchNorm extends Layer {
  /** `[features]` */
  readonly weight: Tensor | null;
  /** `[features]` */
  readonly bias: Tensor | null;
  /** `[features]` */
  readonly runningMean: Tensor | null;
  /** `[features]` */
  readonly runningVar: Tensor | null;
  /** How many batches the running statistics have seen: a scalar of their dtype. */
  readonly batchesTracked: Tensor | null;
  readonly features: number;
  readonly momentum: number | null;
  readonly epsilon: number;
  readonly axis: number;

  constructor(features: number, options: BatchNormOptions = {}) {
    super();
    checkNames('BatchNorm', options, ['epsilon', 'affine', 'dtype', 'momentum', 'trackRunningStats', 'axis']);
    checkSizes('BatchNorm', { features });
    const { epsilon = 1e-5, affine = true, dtype, momentum = 0.1, trackRunningStats = true, axis = 1 } = options;
    checkRange('BatchNorm', 'epsilon', epsilon, 0, Infinity);
    if (momentum !== null) checkRange('BatchNorm', 'momentum', momentum, 0, 1);
    this.weight = affine ? ones([features], dtype) : null;
    this.bias = affine ? zeros([features], dtype) : null;
    // Running sums lose too much in 16 bits.
    const type = optionalDType('BatchNorm', dtype) ?? defaultFloat();
    const tracked = isHalf(type) ? 'float32' : type;
    this.runningMean = trackRunningStats ? zeros([features], tracked) : null;
    this.runningVar = trackRunningStats ? ones([features], tracked) : null;
    this.batchesTracked = trackRunningStats ? zeros([], tracked) : null;
    this.features = features;
    this.momentum = momentum;
    this.epsilon = epsilon;
    this.axis = axis;
  }

  override get buffers(): readonly string[] {
    return ['runningMean', 'runningVar', 'batchesTracked'];
  }

  /**
   * Evaluation.
   * @param x `[batch, features, …]`, or with the features on `axis`
   * @throws ArgumentError when training: that makes new statistics, which `apply` returns
   */
  call(x: TensorLike, options: CallOptions = {}): Tensor {
    if (options.train && this.runningMean) {
      throw new ArgumentError(
        `${this.toString()}: expected apply in training, got call: the new running statistics would be lost.`,
        'write const [y, next] = layer.apply(x, { train: true }), and use next from then on.',
      );
    }
    return this.apply(x, options)[0];
  }

  /** @returns the result, and in training the module with new running statistics */
  override apply(x: TensorLike, options: CallOptions = {}): [Tensor, this] {
    const [given] = promoteToFloat(x) as [Tensor];
    const [t] = wideFloats(given) as [Tensor];
    const axis = this.featureAxis(t);
    const result = (s: Statistics): Tensor => convert(this.normalize(t, axis, s), given.dtype);
    const { runningMean, runningVar } = this;
    if (!options.train && runningMean && runningVar) {
      const known = { mean: stopGradientOf(runningMean), variance: stopGradientOf(runningVar) };
      return [result(known), this];
    }
    const axes = t.shape.map((_, d) => d).filter((d) => d !== axis);
    const count = t.size / this.features;
    if (count < 2 && options.train) {
      throw new ShapeError(
        `${this.toString()}: expected more than one value for each feature in training, got ${t.aval.toString()}.`,
        'the variance of one value is nothing to divide by; use larger batches, or evaluate.',
      );
    }
    const mean = meanKept(t, axes);
    const centred = sub(t, mean);
    const variance = meanKept(mul(centred, centred), axes);
    const flat = (s: Tensor): Tensor => reshape(s, [this.features]);
    const batch = { mean: flat(mean), variance: flat(variance) };
    return [result(batch), options.train && runningMean ? this.tracked(batch, count) : this];
  }

  featureAxis(x: Tensor): number {
    const axis = this.axis < 0 ? this.axis + x.ndim : this.axis;
    if (x.ndim > 1 && x.shape[axis] === this.features) return axis;
    throw new ShapeError(
      `${this.toString()}: expected input with ${this.features} features on axis ${this.axis}, got ${x.aval.toString()}.`,
      'an input is [batch, features, …]; name another axis with { axis }.',
    );
  }

  normalize(x: Tensor, axis: number, { mean, variance }: Statistics): Tensor {
    const wide = (s: Tensor): Tensor =>
      reshape(
        convert(s, x.dtype),
        x.shape.map((_, d) => (d === axis ? this.features : 1)),
      );
    const scale = rsqrt(add(wide(variance), like(x, this.epsilon)));
    const y = mul(sub(x, wide(mean)), this.weight ? mul(scale, wide(this.weight)) : scale);
    return this.bias ? add(y, wide(this.bias)) : y;
  }

  /** The module after one more batch of `count` values for each feature. */
  tracked({ mean, variance }: Statistics, count: number): this {
    const [oldMean, oldVar, seen] = [this.runningMean!, this.runningVar!, this.batchesTracked!];
    const batches = add(stopGradientOf(seen), like(seen, 1));
    const share = this.momentum === null ? div(like(batches, 1), batches) : scalarTensor(this.momentum, batches.dtype);
    const mixed = (old: Tensor, fresh: Tensor): Tensor => {
      const before = stopGradientOf(old);
      return add(before, mul(sub(convert(stopGradientOf(fresh), old.dtype), before), share));
    };
    const unbiased = mul(variance, like(variance, count / (count - 1)));
    const changes: Partial<BatchNorm> = {
      runningMean: mixed(oldMean, mean),
      runningVar: mixed(oldVar, unbiased),
      batchesTracked: batches,
    };
    return this.with(changes as Partial<this>);
  }

  override toString(): string {
    return `BatchNorm(${this.features})`;
  }
}

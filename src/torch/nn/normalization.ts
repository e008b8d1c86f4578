/**
 * Normalisation layers.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import type { Shape } from '../../ir/shape.ts';
import { ones, zeros } from '../creation.ts';
import { withModes } from '../modes.ts';
import { type TensorLike, toTensor } from '../ops/define.ts';
import type { Tensor } from '../tensor.ts';
import * as F from './functional/normalization.ts';
import { constant_ } from './init.ts';
import { Layer, python } from './layer.ts';
import type { ParameterOptions } from './linear.ts';
import { Parameter } from './parameter.ts';

export interface BatchNormLayerOptions extends ParameterOptions {
  /** Added to variances; 1e-5. */
  readonly eps?: number | undefined;
  /** Share of new statistics in the running ones; 0.1. With null those are the mean of all batches. */
  readonly momentum?: number | null | undefined;
  /** Whether there are a weight and a bias. */
  readonly affine?: boolean | undefined;
  /** Whether there are running statistics. */
  readonly trackRunningStats?: boolean | undefined;
}

const unit = (sizes: Shape, { dtype }: ParameterOptions): Parameter => new Parameter(ones([...sizes], { dtype }));
const none = (sizes: Shape, { dtype }: ParameterOptions): Parameter => new Parameter(zeros([...sizes], { dtype }));

/** Layers with running statistics. */
abstract class TrackedNorm extends Layer {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;
  /** `[features]` */
  weight: Parameter | null;
  /** `[features]` */
  bias: Parameter | null;
  /** `[features]` */
  declare readonly runningMean: Tensor | null;
  /** `[features]` */
  declare readonly runningVar: Tensor | null;
  /** How many batches the running statistics have seen. */
  declare readonly numBatchesTracked: Tensor | null;
  /** Dimensions that an input may have. */
  protected abstract readonly ranks: readonly number[];

  constructor(numFeatures: number, options: BatchNormLayerOptions) {
    super();
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true, dtype } = options;
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.affine = affine;
    this.trackRunningStats = trackRunningStats;
    this.weight = affine ? unit([numFeatures], options) : null;
    this.bias = affine ? none([numFeatures], options) : null;
    this.registerBuffer('runningMean', trackRunningStats ? zeros([numFeatures], { dtype }) : null);
    this.registerBuffer('runningVar', trackRunningStats ? ones([numFeatures], { dtype }) : null);
    this.registerBuffer('numBatchesTracked', trackRunningStats ? zeros([], { dtype: 'int32' }) : null);
  }

  resetRunningStats(): void {
    if (this.runningMean === null) return;
    constant_(this.runningMean, 0);
    constant_(this.runningVar!, 1);
    constant_(this.numBatchesTracked!, 0);
  }

  /** Counts a batch. @returns the share of it in the running statistics */
  protected share(): number {
    if (!this.training || this.numBatchesTracked === null) return this.momentum ?? 0;
    withModes({ isGradEnabled: false }, () => this.numBatchesTracked!.add_(1));
    return this.momentum ?? 1 / this.numBatchesTracked.item();
  }

  protected check(x: Tensor): void {
    if (this.ranks.includes(x.ndim) && x.shape[1] === this.numFeatures) return;
    throw new ShapeError(
      `${this.constructor.name}: expected input [N,${this.numFeatures},…] of ${this.ranks.join(' or ')} dimensions, got ${x.aval.toString()}.`,
      'features stand in dimension 1.',
    );
  }

  override extraRepr(): string {
    return (
      `${this.numFeatures}, eps=${python(this.eps)}, momentum=${python(this.momentum)}, affine=${python(this.affine)}, ` +
      `track_running_stats=${python(this.trackRunningStats)}`
    );
  }
}

abstract class BatchNorm extends TrackedNorm {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super(numFeatures, options);
  }

  /** @param x `[N, features, …]` */
  forward(x: TensorLike): Tensor {
    const t = toTensor(x);
    this.check(t);
    const momentum = this.share();
    const training = this.training || this.runningMean === null;
    return F.batchNorm(t, this.runningMean, this.runningVar, this.weight, this.bias, {
      training,
      momentum,
      eps: this.eps,
    });
  }
}

/** Normalisation of features over the batch: `[N, C]` or `[N, C, L]`. */
export class BatchNorm1d extends BatchNorm {
  protected readonly ranks: readonly number[] = [2, 3];
}
/**
 * Normalisation of channels over a batch of images `[N, C, H, W]`.
 * @example
 * ```ts
 * import { arange, nn } from 'cotangent/torch';
 * const layer = new nn.BatchNorm2d(2);
 * layer.call(arange(16, { dtype: 'float32' }).view(2, 2, 2, 2));
 * console.log(Array.from(layer.runningMean?.dataSync() ?? [], (m) => m.toFixed(2))); // => [ '0.55', '0.95' ]
 * console.log(Object.keys(layer.stateDict()).slice(2)); // => [ 'running_mean', 'running_var', 'num_batches_tracked' ]
 * ```
 */
export class BatchNorm2d extends BatchNorm {
  protected readonly ranks: readonly number[] = [4];
}
export class BatchNorm3d extends BatchNorm {
  protected readonly ranks: readonly number[] = [5];
}

abstract class InstanceNorm extends TrackedNorm {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super(numFeatures, { affine: false, trackRunningStats: false, ...options });
  }

  /** @param x `[N, features, …]` */
  forward(x: TensorLike): Tensor {
    const t = toTensor(x);
    this.check(t);
    const useInputStats = this.training || this.runningMean === null;
    return F.instanceNorm(t, this.runningMean, this.runningVar, this.weight, this.bias, {
      useInputStats,
      momentum: this.momentum ?? 0,
      eps: this.eps,
    });
  }
}

/** Each channel of each example by its own statistics. */
export class InstanceNorm1d extends InstanceNorm {
  protected readonly ranks: readonly number[] = [3];
}
export class InstanceNorm2d extends InstanceNorm {
  protected readonly ranks: readonly number[] = [4];
}
export class InstanceNorm3d extends InstanceNorm {
  protected readonly ranks: readonly number[] = [5];
}

export interface LayerNormOptions extends ParameterOptions {
  readonly eps?: number | undefined;
  /** Whether there are a weight and a bias; true. */
  readonly elementwiseAffine?: boolean | undefined;
  /** Whether there is a bias beside the weight; true. */
  readonly bias?: boolean | undefined;
}

/** The last dimensions of each example together. */
export class LayerNorm extends Layer {
  readonly normalizedShape: Shape;
  readonly eps: number;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(normalizedShape: number | Shape, options: LayerNormOptions = {}) {
    super();
    const { eps = 1e-5, elementwiseAffine = true, bias = true } = options;
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
    this.eps = eps;
    this.weight = elementwiseAffine ? unit(this.normalizedShape, options) : null;
    this.bias = elementwiseAffine && bias ? none(this.normalizedShape, options) : null;
  }

  forward(x: TensorLike): Tensor {
    return F.layerNorm(x, this.normalizedShape, this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    return `${python(this.normalizedShape)}, eps=${python(this.eps)}, elementwise_affine=${python(this.weight !== null)}`;
  }
}

export interface GroupNormOptions extends ParameterOptions {
  readonly eps?: number | undefined;
  /** Whether there are a weight and a bias; true. */
  readonly affine?: boolean | undefined;
}

/** Groups of channels of each example. */
export class GroupNorm extends Layer {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(numGroups: number, numChannels: number, options: GroupNormOptions = {}) {
    super();
    const { eps = 1e-5, affine = true } = options;
    if (numChannels % numGroups !== 0) {
      throw new ArgumentError(
        `GroupNorm: expected channels that are a multiple of groups, got ${numChannels} and ${numGroups}: num_channels must be divisible by num_groups.`,
      );
    }
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = eps;
    this.weight = affine ? unit([numChannels], options) : null;
    this.bias = affine ? none([numChannels], options) : null;
  }

  /** @param x `[N, channels, …]` */
  forward(x: TensorLike): Tensor {
    return F.groupNorm(x, this.numGroups, this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${python(this.eps)}, affine=${python(this.weight !== null)}`;
  }
}

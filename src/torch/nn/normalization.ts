/**
 * Normalisation layers.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import type { Shape } from '../../ir/shape.ts';
import { checkCount, isOptions } from '../../api/options.ts';
import { ones, zeros } from '../creation.ts';
import { withModes } from '../modes.ts';
import { type TensorLike, toTensor } from '../ops/define.ts';
import { type Arguments, readArguments } from '../ops/named.ts';
import type { Tensor } from '../tensor.ts';
import { type LocalResponseOptions, localResponseNorm } from './functional/local-response.ts';
import * as F from './functional/normalization.ts';
import { constant_ } from './init.ts';
import { Layer, python, pythonFloat } from './layer.ts';
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

const batchNames = ['eps', 'momentum', 'affine', 'trackRunningStats', 'dtype'] as const;

type BatchArguments = Arguments<BatchNormLayerOptions, typeof batchNames>;

/** Options by name; null is a momentum of its own. */
function batchOptions(op: string, args: readonly unknown[]): BatchNormLayerOptions {
  const options = readArguments<BatchNormLayerOptions>(op, batchNames, args);
  const last = args.at(-1);
  const hasNull = args[1] === null || (isOptions(last) && (last as BatchNormLayerOptions).momentum === null);
  return hasNull ? { ...options, momentum: null } : options;
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
    checkCount(new.target.name, 'numFeatures', numFeatures, 1);
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
  constructor(numFeatures: number, ...args: BatchArguments) {
    super(numFeatures, batchOptions(new.target.name, args));
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
  constructor(numFeatures: number, ...args: BatchArguments) {
    super(numFeatures, { affine: false, trackRunningStats: false, ...batchOptions(new.target.name, args) });
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

const layerNames = ['eps', 'elementwiseAffine', 'bias', 'dtype'] as const;

/** The last dimensions of each example together. */
export class LayerNorm extends Layer {
  readonly normalizedShape: Shape;
  readonly eps: number;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(normalizedShape: number | Shape, ...args: Arguments<LayerNormOptions, typeof layerNames>) {
    super();
    const options = readArguments<LayerNormOptions>('LayerNorm', layerNames, args);
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

  constructor(
    numGroups: number,
    numChannels: number,
    ...args: Arguments<GroupNormOptions, ['eps', 'affine', 'dtype']>
  ) {
    super();
    const options = readArguments<GroupNormOptions>('GroupNorm', ['eps', 'affine', 'dtype'], args);
    for (const [name, n] of Object.entries({ numGroups, numChannels })) checkCount('GroupNorm', name, n, 1);
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

export interface RMSNormOptions extends ParameterOptions {
  /** Added to the mean square; the machine epsilon of the dtype. */
  readonly eps?: number | null | undefined;
  /** Whether there is a weight; true. */
  readonly elementwiseAffine?: boolean | undefined;
}

/** The last dimensions of each example divided by their root mean square. @see Zhang & Sennrich (2019), arXiv:1910.07467 */
export class RMSNorm extends Layer {
  readonly normalizedShape: Shape;
  readonly eps: number | null;
  weight: Parameter | null;

  constructor(
    normalizedShape: number | Shape,
    ...args: Arguments<RMSNormOptions, ['eps', 'elementwiseAffine', 'dtype']>
  ) {
    super();
    const options = readArguments<RMSNormOptions>('RMSNorm', ['eps', 'elementwiseAffine', 'dtype'], args);
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
    this.eps = options.eps ?? null;
    this.weight = options.elementwiseAffine === false ? null : unit(this.normalizedShape, options);
  }

  forward(x: TensorLike): Tensor {
    return F.rmsNorm(x, this.normalizedShape, this.weight, this.eps);
  }

  override extraRepr(): string {
    return `${python(this.normalizedShape)}, eps=${python(this.eps)}, elementwise_affine=${python(this.weight !== null)}`;
  }
}

/** Each element divided by (k + alpha · the mean square of the `size` channels around it)^beta. */
export class LocalResponseNorm extends Layer {
  readonly size: number;
  readonly options: LocalResponseOptions;

  constructor(size: number, ...options: Arguments<LocalResponseOptions, ['alpha', 'beta', 'k']>) {
    super();
    checkCount('LocalResponseNorm', 'size', size, 1);
    this.size = size;
    this.options = readArguments<LocalResponseOptions>('LocalResponseNorm', ['alpha', 'beta', 'k'], options);
  }

  /** @param x `[N, C, …]` */
  forward(x: TensorLike): Tensor {
    return localResponseNorm(x, this.size, this.options);
  }

  override extraRepr(): string {
    const { alpha = 1e-4, beta = 0.75, k } = this.options;
    return `${this.size}, alpha=${python(alpha)}, beta=${python(beta)}, k=${k ?? pythonFloat(1)}`;
  }
}

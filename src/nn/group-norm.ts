/**
 * Normalisation over groups of channels of each example: GroupNorm, InstanceNorm.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ArgumentError, ShapeError } from '../ir/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { promoteToFloat, type TensorLike } from '../api/lift.ts';
import { standardize } from '../api/nn/normalize.ts';
import { add, multiply } from '../api/numpy/binary.ts';
import { ones, zeros } from '../api/numpy/creation.ts';
import { reshape } from '../primitives/structural.ts';
import { checkNames, checkRange, checkSizes } from './checks.ts';
import type { NormOptions } from './layer-norm.ts';
import { Layer } from './module.ts';
import { inWide } from './precision.ts';

/**
 * Each example's channels in groups, each group to mean 0 and variance 1, then a weight and a bias for each channel (Wu and He, 2018).
 *
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import { GroupNorm } from 'cotangent/nn';
 * console.log(new GroupNorm(2, 6).call(np.ones([4, 6, 8, 8])).shape); // => [ 4, 6, 8, 8 ]
 * ```
 */
export class GroupNorm extends Layer {
  readonly groups: number;
  readonly channels: number;
  /** `[channels]` */
  readonly weight: Tensor | null;
  /** `[channels]` */
  readonly bias: Tensor | null;
  readonly epsilon: number;

  constructor(groups: number, channels: number, options: NormOptions = {}) {
    super();
    const op = new.target.name;
    checkNames(op, options, ['epsilon', 'affine', 'dtype']);
    checkSizes(op, { groups, channels });
    if (channels % groups !== 0) {
      throw new ArgumentError(`${op}: expected channels to be a multiple of groups, got ${channels} and ${groups}.`);
    }
    const { epsilon = 1e-5, affine = true, dtype } = options;
    checkRange(op, 'epsilon', epsilon, 0, Infinity);
    this.groups = groups;
    this.channels = channels;
    this.weight = affine ? ones([channels], dtype) : null;
    this.bias = affine ? zeros([channels], dtype) : null;
    this.epsilon = epsilon;
  }

  /**
   * @param x `[batch, channels, …]`
   * @returns like x
   */
  call(x: TensorLike): Tensor {
    const [t] = promoteToFloat(x) as [Tensor];
    const [batch, channels, ...spatial] = t.shape;
    if (t.ndim < 2 || channels !== this.channels) {
      throw new ShapeError(
        `${this.toString()}: expected input [batch, ${this.channels}, …], got ${t.aval.toString()}.`,
        'channels stand on axis 1; move them with np.moveaxis(x, -1, 1).',
      );
    }
    const grouped = reshape(t, [batch!, this.groups, t.size / (batch! * this.groups || 1)]);
    const normal = inWide(grouped, (g) => standardize(g, -1, { epsilon: this.epsilon }));
    const y = reshape(normal, t.shape);
    const wide = (p: Tensor): Tensor => reshape(p, [this.channels, ...spatial.map(() => 1)]);
    const scaled = this.weight ? multiply(y, wide(this.weight)) : y;
    return this.bias ? add(scaled, wide(this.bias)) : scaled;
  }

  override toString(): string {
    return `GroupNorm(${this.groups}, ${this.channels})`;
  }
}

/**
 * Each channel of each example to mean 0 and variance 1: `GroupNorm` with a group for each channel, and no weights by default.
 * @example
 * ```ts
 * import { InstanceNorm } from 'cotangent/nn';
 * console.log(String(new InstanceNorm(1, { epsilon: 0 }).call([[[1, 3]]]))); // => [[[-1, 1]]]
 * ```
 */
export class InstanceNorm extends GroupNorm {
  constructor(channels: number, options: NormOptions = {}) {
    super(channels, channels, { affine: false, ...options });
  }

  override toString(): string {
    return `InstanceNorm(${this.channels})`;
  }
}

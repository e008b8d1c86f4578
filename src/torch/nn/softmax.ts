/**
 * Modules that weigh elements along a dimension.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ShapeError } from '../../ir/errors.ts';
import type { SomeDim } from '../ops/axes.ts';
import { type TensorLike, toTensor } from '../ops/define.ts';
import { type Arguments, readArguments } from '../ops/named.ts';
import type { Tensor } from '../tensor.ts';
import * as F from './functional/activations.ts';
import { Layer } from './layer.ts';

type DimArguments = Arguments<Pick<F.SoftmaxOptions, 'dim'>, ['dim']>;

/** A weighing along one dimension. */
abstract class AlongDim extends Layer {
  readonly dim: number;
  protected abstract readonly weigh: (x: TensorLike, dim: number) => Tensor;

  constructor(...options: DimArguments) {
    const given = readArguments<Pick<F.SoftmaxOptions, 'dim'>>(new.target.name, ['dim'], options);
    super();
    this.dim = given.dim;
  }

  forward(x: TensorLike): Tensor {
    return this.weigh(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** exp(x) / Σ exp(x) along a dimension */
export class Softmax extends AlongDim {
  protected readonly weigh: typeof F.softmax = F.softmax;
}

/** The logarithm of `Softmax` */
export class LogSoftmax extends AlongDim {
  protected readonly weigh: typeof F.logSoftmax = F.logSoftmax;
}

/** `Softmax` of −x */
export class Softmin extends AlongDim {
  protected readonly weigh: typeof F.softmin = F.softmin;
}

/** `Softmax` over the channels of images `[N, C, H, W]` or `[C, H, W]`. */
export class Softmax2d extends Layer {
  forward(x: TensorLike): Tensor {
    const t = toTensor(x);
    if (t.ndim === 3 || t.ndim === 4) return F.softmax(t, -3);
    throw new ShapeError(`Softmax2d: expected input [N,C,H,W] or [C,H,W], got ${t.aval.toString()}.`);
  }
}

/** The first half of a dimension times the sigmoid of the second */
export class GLU extends Layer {
  readonly dim: number;

  constructor(...options: Arguments<SomeDim, ['dim']>) {
    const given = readArguments<SomeDim>('GLU', ['dim'], options);
    super();
    this.dim = given.dim ?? -1;
  }

  forward(x: TensorLike): Tensor {
    return F.glu(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

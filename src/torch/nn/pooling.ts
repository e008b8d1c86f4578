/**
 * Pooling layers, and resizing.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import type { TensorLike } from '../ops/define.ts';
import type { Tensor } from '../tensor.ts';
import type { Sizes } from './functional/conv.ts';
import { interpolate, type InterpolateOptions } from './functional/interpolate.ts';
import * as F from './functional/pooling.ts';
import { Layer, python, pythonFloat } from './layer.ts';

type Pooling<O> = (x: TensorLike, kernelSize: Sizes, options: O) => Tensor;

/** Windows of one size. */
abstract class Pool<O extends F.MaxPoolOptions | F.AvgPoolOptions> extends Layer {
  readonly kernelSize: Sizes;
  readonly options: O;
  protected abstract readonly pool: Pooling<O>;

  constructor(kernelSize: Sizes, options: O) {
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }

  /** @param x `[N, C, …]` or `[C, …]` */
  forward(x: TensorLike): Tensor {
    return this.pool(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    const { stride, padding = 0 } = this.options;
    return `kernel_size=${python(this.kernelSize)}, stride=${python(stride ?? this.kernelSize)}, padding=${python(padding)}`;
  }
}

abstract class MaxPool extends Pool<F.MaxPoolOptions> {
  constructor(kernelSize: Sizes, options: F.MaxPoolOptions = {}) {
    super(kernelSize, options);
  }

  override extraRepr(): string {
    const { dilation = 1, ceilMode = false } = this.options;
    return `${super.extraRepr()}, dilation=${python(dilation)}, ceil_mode=${python(ceilMode)}`;
  }
}

abstract class AvgPool extends Pool<F.AvgPoolOptions> {
  constructor(kernelSize: Sizes, options: F.AvgPoolOptions = {}) {
    super(kernelSize, options);
  }
}

/** The largest of each window. */
export class MaxPool1d extends MaxPool {
  protected readonly pool: typeof F.maxPool1d = F.maxPool1d;
}
export class MaxPool2d extends MaxPool {
  protected readonly pool: typeof F.maxPool2d = F.maxPool2d;
}
export class MaxPool3d extends MaxPool {
  protected readonly pool: typeof F.maxPool3d = F.maxPool3d;
}
/** The mean of each window. */
export class AvgPool1d extends AvgPool {
  protected readonly pool: typeof F.avgPool1d = F.avgPool1d;

  override extraRepr(): string {
    return super.extraRepr().replaceAll(/=(\d+)/g, '=($1,)');
  }
}
export class AvgPool2d extends AvgPool {
  protected readonly pool: typeof F.avgPool2d = F.avgPool2d;
}
export class AvgPool3d extends AvgPool {
  protected readonly pool: typeof F.avgPool3d = F.avgPool3d;
}

/** As many bins as are asked for. */
abstract class AdaptivePool extends Layer {
  readonly outputSize: Sizes;
  protected abstract readonly pool: (x: TensorLike, outputSize: Sizes) => Tensor;

  constructor(outputSize: Sizes) {
    super();
    this.outputSize = outputSize;
  }

  forward(x: TensorLike): Tensor {
    return this.pool(x, this.outputSize);
  }

  override extraRepr(): string {
    return `output_size=${python(this.outputSize)}`;
  }
}

export class AdaptiveAvgPool1d extends AdaptivePool {
  protected readonly pool: typeof F.adaptiveAvgPool1d = F.adaptiveAvgPool1d;
}
export class AdaptiveAvgPool2d extends AdaptivePool {
  protected readonly pool: typeof F.adaptiveAvgPool2d = F.adaptiveAvgPool2d;
}
export class AdaptiveMaxPool1d extends AdaptivePool {
  protected readonly pool: typeof F.adaptiveMaxPool1d = F.adaptiveMaxPool1d;
}
export class AdaptiveMaxPool2d extends AdaptivePool {
  protected readonly pool: typeof F.adaptiveMaxPool2d = F.adaptiveMaxPool2d;
}

/** Other spatial sizes, by the nearest element or linearly. */
export class Upsample extends Layer {
  readonly options: InterpolateOptions;

  constructor(options: InterpolateOptions) {
    super();
    this.options = options;
  }

  forward(x: TensorLike): Tensor {
    return interpolate(x, this.options);
  }

  override extraRepr(): string {
    const { size, scaleFactor, mode = 'nearest' } = this.options;
    const factor = typeof scaleFactor === 'number' ? pythonFloat(scaleFactor) : python(scaleFactor);
    return `${size === undefined || size === null ? `scale_factor=${factor}` : `size=${python(size)}`}, mode=${mode}`;
  }
}

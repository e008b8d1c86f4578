/**
 * Convolutional layers.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import type { TensorLike } from '../ops/define.ts';
import type { Tensor } from '../tensor.ts';
import * as F from './functional/conv.ts';
import { Layer, python } from './layer.ts';
import { type LinearOptions, parameter, resetUniform } from './linear.ts';
import type { Parameter } from './parameter.ts';

export interface ConvLayerOptions extends F.ConvOptions, LinearOptions {}
export interface ConvTransposeLayerOptions extends F.ConvTransposeOptions, LinearOptions {}

type Resolved = Readonly<Record<'stride' | 'dilation', readonly number[]>>;

/** What convolutions and transposed ones share. */
abstract class AnyConv extends Layer {
  weight: Parameter;
  /** `[out]` */
  bias: Parameter | null;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly groups: number;
  protected readonly sizes: Resolved;

  constructor(
    rank: number,
    channels: readonly [number, number],
    kernelSize: F.Sizes,
    options: Omit<ConvLayerOptions, 'padding'>,
    isTransposed: boolean,
  ) {
    super();
    const op = new.target.name;
    const [ins, outs] = channels;
    const { groups = 1, stride = 1, dilation = 1 } = options;
    if (ins % groups !== 0 || outs % groups !== 0) {
      throw new ArgumentError(
        `${op}: expected channels that are multiples of groups, got ${ins} and ${outs} with ${groups}: in_channels and out_channels must be divisible by groups.`,
      );
    }
    this.inChannels = ins;
    this.outChannels = outs;
    this.kernelSize = F.spread(op, 'kernelSize', kernelSize, rank, 1);
    this.groups = groups;
    this.sizes = {
      stride: F.spread(op, 'stride', stride, rank, 1),
      dilation: F.spread(op, 'dilation', dilation, rank, 1),
    };
    const [first, second] = isTransposed ? [ins, outs / groups] : [outs, ins / groups];
    this.weight = parameter([first, second, ...this.kernelSize], options);
    this.bias = options.bias === false ? null : parameter([outs], options);
    this.resetParameters();
  }

  resetParameters(): void {
    resetUniform(this.weight, this.bias);
  }

  protected describe(padding: F.Sizes | 'same' | 'valid', outputPadding: F.Sizes = 0): string {
    const { stride, dilation } = this.sizes;
    const full = (x: F.Sizes): readonly number[] => (typeof x === 'number' ? this.kernelSize.map(() => x) : x);
    const isZero = (x: F.Sizes | string): boolean => typeof x !== 'string' && full(x).every((n) => n === 0);
    return [
      `${this.inChannels}, ${this.outChannels}, kernel_size=${python(this.kernelSize)}, stride=${python(stride)}`,
      ...(isZero(padding) ? [] : [`padding=${typeof padding === 'string' ? padding : python(full(padding))}`]),
      ...(dilation.every((n) => n === 1) ? [] : [`dilation=${python(dilation)}`]),
      ...(isZero(outputPadding) ? [] : [`output_padding=${python(full(outputPadding))}`]),
      ...(this.groups === 1 ? [] : [`groups=${this.groups}`]),
      ...(this.bias === null ? ['bias=False'] : []),
    ].join(', ');
  }
}

abstract class Conv extends AnyConv {
  readonly options: F.ConvOptions;
  protected abstract readonly apply_: typeof F.conv1d;

  constructor(rank: number, channels: readonly [number, number], kernelSize: F.Sizes, options: ConvLayerOptions) {
    super(rank, channels, kernelSize, options, false);
    const { padding = 0, groups = 1 } = options;
    this.options = { ...this.sizes, padding, groups };
  }

  /** @param x `[N, in, …]` or `[in, …]` */
  forward(x: TensorLike): Tensor {
    return this.apply_(x, this.weight, this.bias, this.options);
  }

  override extraRepr(): string {
    return this.describe(this.options.padding!);
  }
}

/** A convolution over one spatial dimension. */
export class Conv1d extends Conv {
  protected readonly apply_: typeof F.conv1d = F.conv1d;

  constructor(inChannels: number, outChannels: number, kernelSize: F.Sizes, options: ConvLayerOptions = {}) {
    super(1, [inChannels, outChannels], kernelSize, options);
  }
}

/**
 * A convolution of images. (As everywhere in machine learning the kernel is not flipped.)
 * @example
 * ```ts
 * import { nn, ones } from 'cotangent/torch';
 * const layer = new nn.Conv2d(1, 8, 3, { stride: 2, padding: 1 });
 * console.log(layer.call(ones(4, 1, 28, 28)).shape); // => [ 4, 8, 14, 14 ]
 * ```
 */
export class Conv2d extends Conv {
  protected readonly apply_: typeof F.conv2d = F.conv2d;

  constructor(inChannels: number, outChannels: number, kernelSize: F.Sizes, options: ConvLayerOptions = {}) {
    super(2, [inChannels, outChannels], kernelSize, options);
  }
}

export class Conv3d extends Conv {
  protected readonly apply_: typeof F.conv3d = F.conv3d;

  constructor(inChannels: number, outChannels: number, kernelSize: F.Sizes, options: ConvLayerOptions = {}) {
    super(3, [inChannels, outChannels], kernelSize, options);
  }
}

abstract class ConvTranspose extends AnyConv {
  readonly options: F.ConvTransposeOptions;
  protected abstract readonly apply_: typeof F.convTranspose1d;

  constructor(
    rank: number,
    channels: readonly [number, number],
    kernelSize: F.Sizes,
    options: ConvTransposeLayerOptions,
  ) {
    super(rank, channels, kernelSize, options, true);
    const { padding = 0, outputPadding = 0, groups = 1 } = options;
    this.options = { ...this.sizes, padding, outputPadding, groups };
  }

  /** @param x `[N, in, …]` or `[in, …]` */
  forward(x: TensorLike): Tensor {
    return this.apply_(x, this.weight, this.bias, this.options);
  }

  override extraRepr(): string {
    return this.describe(this.options.padding!, this.options.outputPadding);
  }
}

/** The transpose of a convolution as a function of its input: it undoes the shape of one. */
export class ConvTranspose1d extends ConvTranspose {
  protected readonly apply_: typeof F.convTranspose1d = F.convTranspose1d;

  constructor(inChannels: number, outChannels: number, kernelSize: F.Sizes, options: ConvTransposeLayerOptions = {}) {
    super(1, [inChannels, outChannels], kernelSize, options);
  }
}

export class ConvTranspose2d extends ConvTranspose {
  protected readonly apply_: typeof F.convTranspose2d = F.convTranspose2d;

  constructor(inChannels: number, outChannels: number, kernelSize: F.Sizes, options: ConvTransposeLayerOptions = {}) {
    super(2, [inChannels, outChannels], kernelSize, options);
  }
}

export class ConvTranspose3d extends ConvTranspose {
  protected readonly apply_: typeof F.convTranspose3d = F.convTranspose3d;

  constructor(inChannels: number, outChannels: number, kernelSize: F.Sizes, options: ConvTransposeLayerOptions = {}) {
    super(3, [inChannels, outChannels], kernelSize, options);
  }
}

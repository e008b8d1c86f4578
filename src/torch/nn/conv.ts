/**
 * Convolutional layers.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { checkChoice, checkCount } from '../../api/options.ts';
import { type TensorLike, toTensor } from '../ops/define.ts';
import { type Arguments, readArguments } from '../ops/named.ts';
import type { Tensor } from '../tensor.ts';
import * as F from './functional/conv.ts';
import { pad, type PadMode } from './functional/pad.ts';
import { type Sizes, spread } from './functional/windows.ts';
import { Layer, python } from './layer.ts';
import { type LinearOptions, parameter, resetUniform } from './linear.ts';
import type { Parameter } from './parameter.ts';

export interface ConvLayerOptions extends F.ConvOptions, LinearOptions {
  /** What stands around the input, in the place of zeros; `'zeros'`. */
  readonly paddingMode?: 'zeros' | Exclude<PadMode, 'constant'> | undefined;
}
export interface ConvTransposeLayerOptions extends F.ConvTransposeOptions, LinearOptions {
  readonly paddingMode?: 'zeros' | undefined;
}

/** Names in PyTorch's positions, after the size of the kernel. */
const convNames = ['stride', 'padding', 'dilation', 'groups', 'bias', 'paddingMode', 'dtype'] as const;
const transposeNames = [
  'stride',
  'padding',
  'outputPadding',
  'groups',
  'bias',
  'dilation',
  'paddingMode',
  'dtype',
] as const;

type ConvArguments = Arguments<ConvLayerOptions, typeof convNames>;
type TransposeArguments = Arguments<ConvTransposeLayerOptions, typeof transposeNames>;
type Channels = readonly [ins: number, outs: number];

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
    [ins, outs]: Channels,
    kernelSize: Sizes,
    options: Omit<ConvLayerOptions, 'padding'>,
    isTransposed: boolean,
  ) {
    super();
    const op = new.target.name;
    const { groups = 1, stride = 1, dilation = 1 } = options;
    for (const [name, n] of Object.entries({ inChannels: ins, outChannels: outs, groups })) checkCount(op, name, n, 1);
    if (ins % groups !== 0 || outs % groups !== 0) {
      throw new ArgumentError(
        `${op}: expected channels that are multiples of groups, got ${ins} and ${outs} with ${groups}: in_channels and out_channels must be divisible by groups.`,
      );
    }
    this.inChannels = ins;
    this.outChannels = outs;
    this.kernelSize = spread(op, 'kernelSize', kernelSize, rank, 1);
    this.groups = groups;
    this.sizes = {
      stride: spread(op, 'stride', stride, rank, 1),
      dilation: spread(op, 'dilation', dilation, rank, 1),
    };
    const [first, second] = isTransposed ? [ins, outs / groups] : [outs, ins / groups];
    this.weight = parameter([first, second, ...this.kernelSize], options);
    this.bias = options.bias === false ? null : parameter([outs], options);
    this.resetParameters();
  }

  resetParameters(): void {
    resetUniform(this.weight, this.bias);
  }

  /** Throws for inputs of other channels, and says which. */
  protected check(x: Tensor): void {
    const rank = this.kernelSize.length;
    const axis = x.ndim - rank - 1;
    if ((axis === 0 || axis === 1) && x.shape[axis] === this.inChannels) return;
    throw new ShapeError(
      `${this.constructor.name}: expected input [N,${this.inChannels}${',…'.repeat(rank)}] or without N, got ${x.aval.toString()}.`,
      'channels stand before the spatial dimensions.',
    );
  }

  protected describe(padding: Sizes | 'same' | 'valid', outputPadding: Sizes = 0, mode = 'zeros'): string {
    const { stride, dilation } = this.sizes;
    const full = (x: Sizes): readonly number[] => (typeof x === 'number' ? this.kernelSize.map(() => x) : x);
    const isZero = (x: Sizes | string): boolean => typeof x !== 'string' && full(x).every((n) => n === 0);
    return [
      `${this.inChannels}, ${this.outChannels}, kernel_size=${python(this.kernelSize)}, stride=${python(stride)}`,
      ...(isZero(padding) ? [] : [`padding=${typeof padding === 'string' ? padding : python(full(padding))}`]),
      ...(dilation.every((n) => n === 1) ? [] : [`dilation=${python(dilation)}`]),
      ...(isZero(outputPadding) ? [] : [`output_padding=${python(full(outputPadding))}`]),
      ...(this.groups === 1 ? [] : [`groups=${this.groups}`]),
      ...(this.bias === null ? ['bias=False'] : []),
      ...(mode === 'zeros' ? [] : [`padding_mode=${mode}`]),
    ].join(', ');
  }
}

abstract class Conv extends AnyConv {
  readonly options: F.ConvOptions;
  readonly paddingMode: 'zeros' | Exclude<PadMode, 'constant'>;
  protected abstract readonly apply_: F.ConvFunction;

  constructor(rank: number, channels: Channels, kernelSize: Sizes, args: ConvArguments) {
    const op = new.target.name;
    const options = readArguments<ConvLayerOptions>(op, convNames, args);
    super(rank, channels, kernelSize, options, false);
    const { padding = 0, groups = 1, paddingMode = 'zeros' } = options;
    checkChoice(op, 'paddingMode', paddingMode, ['zeros', 'reflect', 'replicate', 'circular']);
    F.paddings(op, padding, this.kernelSize, this.sizes);
    this.options = { ...this.sizes, padding, groups };
    this.paddingMode = paddingMode;
  }

  /** @param x `[N, in, …]` or `[in, …]` */
  forward(x: TensorLike): Tensor {
    const t = toTensor(x);
    this.check(t);
    const { paddingMode, options } = this;
    if (paddingMode === 'zeros') return this.apply_(t, this.weight, this.bias, options);
    const around = F.paddings(this.constructor.name, options.padding ?? 0, this.kernelSize, this.sizes);
    const wide = pad(t, around.toReversed().flat(), paddingMode);
    return this.apply_(wide, this.weight, this.bias, { ...options, padding: 0 });
  }

  override extraRepr(): string {
    return this.describe(this.options.padding!, 0, this.paddingMode);
  }
}

/** A convolution over one spatial dimension. */
export class Conv1d extends Conv {
  protected readonly apply_: F.ConvFunction = F.conv1d;

  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, ...options: ConvArguments) {
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
  protected readonly apply_: F.ConvFunction = F.conv2d;

  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, ...options: ConvArguments) {
    super(2, [inChannels, outChannels], kernelSize, options);
  }
}

export class Conv3d extends Conv {
  protected readonly apply_: F.ConvFunction = F.conv3d;

  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, ...options: ConvArguments) {
    super(3, [inChannels, outChannels], kernelSize, options);
  }
}

abstract class ConvTranspose extends AnyConv {
  readonly options: F.ConvTransposeOptions;
  protected abstract readonly apply_: F.ConvTransposeFunction;

  constructor(rank: number, channels: Channels, kernelSize: Sizes, args: TransposeArguments) {
    const op = new.target.name;
    const options = readArguments<ConvTransposeLayerOptions>(op, transposeNames, args);
    super(rank, channels, kernelSize, options, true);
    const { padding = 0, outputPadding = 0, groups = 1, paddingMode = 'zeros' } = options;
    checkChoice(op, 'paddingMode', paddingMode, ['zeros']);
    this.options = { ...this.sizes, padding, outputPadding, groups };
  }

  /**
   * @param x `[N, in, …]` or `[in, …]`
   * @param outputSize spatial sizes of the result (or its shape), where several are possible
   */
  forward(x: TensorLike, outputSize?: readonly number[] | null): Tensor {
    const t = toTensor(x);
    this.check(t);
    if (outputSize === null || outputSize === undefined) return this.apply_(t, this.weight, this.bias, this.options);
    const outputPadding = this.paddingFor(t, outputSize);
    return this.apply_(t, this.weight, this.bias, { ...this.options, outputPadding });
  }

  /** What must be added to get a size. */
  private paddingFor(x: Tensor, outputSize: readonly number[]): number[] {
    const rank = this.kernelSize.length;
    const { stride, dilation } = this.sizes;
    const pads = spread(this.constructor.name, 'padding', this.options.padding ?? 0, rank, 0);
    const wanted = outputSize.slice(-rank);
    const extra = x.shape.slice(-rank).map((n, d) => {
      const least = (n - 1) * stride[d]! - 2 * pads[d]! + dilation[d]! * (this.kernelSize[d]! - 1) + 1;
      return (wanted[d] ?? -1) - least;
    });
    if (wanted.length === rank && extra.every((n, d) => n >= 0 && n < stride[d]!)) return extra;
    const from = wanted.map((n, d) => n - extra[d]!);
    throw new ArgumentError(
      `${this.constructor.name}: expected outputSize from [${from.join(', ')}] to less than a step [${stride.join(', ')}] more, got [${outputSize.join(', ')}].`,
    );
  }

  override extraRepr(): string {
    return this.describe(this.options.padding!, this.options.outputPadding);
  }
}

/** The transpose of a convolution as a function of its input: it undoes the shape of one. */
export class ConvTranspose1d extends ConvTranspose {
  protected readonly apply_: F.ConvTransposeFunction = F.convTranspose1d;

  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, ...options: TransposeArguments) {
    super(1, [inChannels, outChannels], kernelSize, options);
  }
}

export class ConvTranspose2d extends ConvTranspose {
  protected readonly apply_: F.ConvTransposeFunction = F.convTranspose2d;

  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, ...options: TransposeArguments) {
    super(2, [inChannels, outChannels], kernelSize, options);
  }
}

export class ConvTranspose3d extends ConvTranspose {
  protected readonly apply_: F.ConvTransposeFunction = F.convTranspose3d;

  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, ...options: TransposeArguments) {
    super(3, [inChannels, outChannels], kernelSize, options);
  }
}

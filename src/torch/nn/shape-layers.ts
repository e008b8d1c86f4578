/**
 * Layers that move elements: resizing, padding, shuffling of pixels, patches as columns.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import type { TensorLike } from '../ops/define.ts';
import { type Arguments, readArguments } from '../ops/named.ts';
import type { Tensor } from '../tensor.ts';
import {
  interpolate,
  type InterpolateArguments,
  interpolateNames,
  type InterpolateOptions,
} from './functional/interpolate.ts';
import { pad, type PadMode } from './functional/pad.ts';
import * as P from './functional/patches.ts';
import type { Sizes } from './functional/windows.ts';
import { Layer, python, pythonFloat } from './layer.ts';

/** Other spatial sizes, by the nearest element, linearly, or cubically. */
export class Upsample extends Layer {
  readonly options: InterpolateOptions;

  constructor(...options: InterpolateArguments) {
    super();
    this.options = readArguments<InterpolateOptions>(new.target.name, interpolateNames, options);
  }

  /** @param x `[N, C, …]` */
  forward(x: TensorLike): Tensor {
    return interpolate(x, this.options);
  }

  override extraRepr(): string {
    const { size, scaleFactor, mode = 'nearest' } = this.options;
    const factor = typeof scaleFactor === 'number' ? pythonFloat(scaleFactor) : python(scaleFactor);
    return `${size === undefined || size === null ? `scale_factor=${factor}` : `size=${python(size)}`}, mode=${mode}`;
  }
}

type SizeArguments = Arguments<Pick<InterpolateOptions, 'size' | 'scaleFactor'>, ['size', 'scaleFactor']>;

/** `Upsample` of images by the nearest pixel. */
export class UpsamplingNearest2d extends Upsample {
  constructor(...options: SizeArguments) {
    super({
      ...readArguments<InterpolateOptions>('UpsamplingNearest2d', ['size', 'scaleFactor'], options),
      mode: 'nearest',
    });
  }
}

/** `Upsample` of images, linear in both dimensions, the corners in their places. */
export class UpsamplingBilinear2d extends Upsample {
  constructor(...options: SizeArguments) {
    const given = readArguments<InterpolateOptions>('UpsamplingBilinear2d', ['size', 'scaleFactor'], options);
    super({ ...given, mode: 'bilinear', alignCorners: true });
  }
}

/** Elements around the last dimensions. */
abstract class Pad extends Layer {
  /** `[left, right, top, bottom, …]` */
  readonly padding: readonly number[];

  constructor(rank: number, padding: Sizes) {
    super();
    this.padding = typeof padding === 'number' ? Array.from({ length: 2 * rank }, () => padding) : [...padding];
    P.checkPadding(new.target.name, this.padding, rank);
  }

  protected abstract readonly mode: PadMode;

  protected get fill(): number {
    return 0;
  }

  /** @param x `[N, C, …]` or `[C, …]` */
  forward(x: TensorLike): Tensor {
    return pad(x, this.padding, this.mode, this.fill);
  }

  override extraRepr(): string {
    return python(this.padding);
  }
}

/** A number around the last dimensions. */
abstract class ConstantPad extends Pad {
  readonly value: number;
  protected readonly mode: PadMode = 'constant';

  constructor(rank: number, padding: Sizes, value: number) {
    super(rank, padding);
    this.value = value;
  }

  protected override get fill(): number {
    return this.value;
  }

  override extraRepr(): string {
    return `padding=${python(this.padding)}, value=${python(this.value)}`;
  }
}

export class ConstantPad1d extends ConstantPad {
  constructor(padding: Sizes, value: number) {
    super(1, padding, value);
  }
}
export class ConstantPad2d extends ConstantPad {
  constructor(padding: Sizes, value: number) {
    super(2, padding, value);
  }
}
export class ConstantPad3d extends ConstantPad {
  constructor(padding: Sizes, value: number) {
    super(3, padding, value);
  }
}

abstract class ZeroPad extends Pad {
  protected readonly mode: PadMode = 'constant';
}

/** Zeros around the last dimensions. */
export class ZeroPad1d extends ZeroPad {
  constructor(padding: Sizes) {
    super(1, padding);
  }
}
export class ZeroPad2d extends ZeroPad {
  constructor(padding: Sizes) {
    super(2, padding);
  }
}
export class ZeroPad3d extends ZeroPad {
  constructor(padding: Sizes) {
    super(3, padding);
  }
}

abstract class ReflectionPad extends Pad {
  protected readonly mode: PadMode = 'reflect';
}

/** The elements before the ends, in the other direction. */
export class ReflectionPad1d extends ReflectionPad {
  constructor(padding: Sizes) {
    super(1, padding);
  }
}
export class ReflectionPad2d extends ReflectionPad {
  constructor(padding: Sizes) {
    super(2, padding);
  }
}
export class ReflectionPad3d extends ReflectionPad {
  constructor(padding: Sizes) {
    super(3, padding);
  }
}

abstract class ReplicationPad extends Pad {
  protected readonly mode: PadMode = 'replicate';
}

/** The outermost elements again. */
export class ReplicationPad1d extends ReplicationPad {
  constructor(padding: Sizes) {
    super(1, padding);
  }
}
export class ReplicationPad2d extends ReplicationPad {
  constructor(padding: Sizes) {
    super(2, padding);
  }
}
export class ReplicationPad3d extends ReplicationPad {
  constructor(padding: Sizes) {
    super(3, padding);
  }
}

abstract class CircularPad extends Pad {
  protected readonly mode: PadMode = 'circular';
}

/** The elements of the other end. */
export class CircularPad1d extends CircularPad {
  constructor(padding: Sizes) {
    super(1, padding);
  }
}
export class CircularPad2d extends CircularPad {
  constructor(padding: Sizes) {
    super(2, padding);
  }
}
export class CircularPad3d extends CircularPad {
  constructor(padding: Sizes) {
    super(3, padding);
  }
}

/** `[N, C r², H, W]` as `[N, C, H r, W r]`. */
export class PixelShuffle extends Layer {
  readonly upscaleFactor: number;

  constructor(upscaleFactor: number) {
    super();
    this.upscaleFactor = upscaleFactor;
  }

  forward(x: TensorLike): Tensor {
    return P.pixelShuffle(x, this.upscaleFactor);
  }

  override extraRepr(): string {
    return `upscale_factor=${this.upscaleFactor}`;
  }
}

/** The inverse of `PixelShuffle`. */
export class PixelUnshuffle extends Layer {
  readonly downscaleFactor: number;

  constructor(downscaleFactor: number) {
    super();
    this.downscaleFactor = downscaleFactor;
  }

  forward(x: TensorLike): Tensor {
    return P.pixelUnshuffle(x, this.downscaleFactor);
  }

  override extraRepr(): string {
    return `downscale_factor=${this.downscaleFactor}`;
  }
}

/** Channels of groups one by one in turn. */
export class ChannelShuffle extends Layer {
  readonly groups: number;

  constructor(groups: number) {
    super();
    this.groups = groups;
  }

  forward(x: TensorLike): Tensor {
    return P.channelShuffle(x, this.groups);
  }

  override extraRepr(): string {
    return `groups=${this.groups}`;
  }
}

/** Windows of images as columns. */
export class Unfold extends Layer {
  readonly kernelSize: Sizes;
  readonly options: P.PatchOptions;

  constructor(kernelSize: Sizes, ...options: P.PatchArguments) {
    super();
    this.kernelSize = kernelSize;
    this.options = readArguments<P.PatchOptions>('Unfold', P.patchNames, options);
  }

  /** @param x `[N, C, H, W]` @returns `[N, C · kernel, windows]` */
  forward(x: TensorLike): Tensor {
    return P.unfold(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return describePatches(`kernel_size=${python(this.kernelSize)}`, this.options);
  }
}

/** Columns added up as windows of images. */
export class Fold extends Layer {
  readonly outputSize: Sizes;
  readonly kernelSize: Sizes;
  readonly options: P.PatchOptions;

  constructor(outputSize: Sizes, kernelSize: Sizes, ...options: P.PatchArguments) {
    super();
    this.outputSize = outputSize;
    this.kernelSize = kernelSize;
    this.options = readArguments<P.PatchOptions>('Fold', P.patchNames, options);
  }

  /** @param x `[N, C · kernel, windows]` @returns `[N, C, H, W]` */
  forward(x: TensorLike): Tensor {
    return P.fold(x, this.outputSize, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    const sizes = `output_size=${python(this.outputSize)}, kernel_size=${python(this.kernelSize)}`;
    return describePatches(sizes, this.options);
  }
}

const describePatches = (sizes: string, { dilation = 1, padding = 0, stride = 1 }: P.PatchOptions): string =>
  `${sizes}, dilation=${python(dilation)}, padding=${python(padding)}, stride=${python(stride)}`;

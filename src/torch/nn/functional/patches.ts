/**
 * Windows of images as columns and back, and elements of channels as pixels and back.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../../ir/errors.ts';
import type { Tensor as CoreTensor } from '../../../core/tensor.ts';
import { updateIndexed } from '../../../api/at.ts';
import * as np from '../../../api/numpy/index.ts';
import { type TensorLike, toTensor, withParams } from '../../ops/define.ts';
import { type Arguments, readArguments } from '../../ops/named.ts';
import type { Tensor } from '../../tensor.ts';
import { inBatches, type Sizes, spread } from './windows.ts';

/** Throws unless there are two sizes for each of `rank` dimensions. */
export function checkPadding(op: string, padding: readonly number[], rank: number): void {
  if (padding.length === 2 * rank && padding.every((n) => Number.isInteger(n))) return;
  throw new ArgumentError(
    `${op}: expected padding to be an integer or ${2 * rank} of them (left, right${rank > 1 ? ', top, bottom' : ''}${rank > 2 ? ', front, back' : ''}), got [${padding.join(', ')}].`,
  );
}

export interface PatchOptions {
  /** Steps between the elements of a window; 1. */
  readonly dilation?: Sizes | undefined;
  /** Zeros at both ends; 0. */
  readonly padding?: Sizes | undefined;
  /** Steps of the window; 1. */
  readonly stride?: Sizes | undefined;
}

/** Names in PyTorch's positions, after the size of the kernel. */
export const patchNames = ['dilation', 'padding', 'stride'] as const;

export type PatchArguments = Arguments<PatchOptions, typeof patchNames>;

interface Patches {
  readonly kernel: readonly number[];
  readonly dilation: readonly number[];
  readonly pads: readonly number[];
  readonly stride: readonly number[];
  /** How many windows there are along each dimension. */
  readonly counts: readonly number[];
  readonly isBatched: boolean;
}

function patchesOf(
  op: string,
  image: readonly number[],
  kernelSize: Sizes,
  options: PatchOptions,
): Omit<Patches, 'isBatched'> {
  const kernel = spread(op, 'kernelSize', kernelSize, 2, 1);
  const dilation = spread(op, 'dilation', options.dilation ?? 1, 2, 1);
  const pads = spread(op, 'padding', options.padding ?? 0, 2, 0);
  const stride = spread(op, 'stride', options.stride ?? 1, 2, 1);
  const counts = image.map(
    (n, d) => Math.floor((n + 2 * pads[d]! - dilation[d]! * (kernel[d]! - 1) - 1) / stride[d]!) + 1,
  );
  if (counts.every((n) => n > 0)) return { kernel, dilation, pads, stride, counts };
  throw new ShapeError(
    `${op}: expected images of at least the reach of the kernel [${kernel.join(', ')}], got [${image.join(', ')}] with padding [${pads.join(', ')}].`,
  );
}

/** Where the elements of the windows are along dimension d of the padded image: `[kernel, windows]`. */
const placesOf = ({ kernel, dilation, stride, counts }: Patches, d: number): CoreTensor =>
  np.array(
    Array.from({ length: kernel[d]! }, (_, k) =>
      Array.from({ length: counts[d]! }, (_, i) => k * dilation[d]! + i * stride[d]!),
    ),
    { dtype: 'int32' },
  );

/** `[N, C, H, W]` to `[N, C · kernel, windows]`. */
function columnsOf(x: CoreTensor, patches: Patches): CoreTensor {
  const { kernel, pads, counts } = patches;
  const [batch, channels] = x.shape as [number, number, number, number];
  const wide = np.pad(x, [[0, 0], [0, 0], ...pads.map((n) => [n, n] as const)]);
  // Each spatial dimension becomes two: the element of the window, and the window.
  const rows = np.take(wide, placesOf(patches, 0), 2);
  const split = np.transpose(np.take(rows, placesOf(patches, 1), 4), [0, 1, 2, 4, 3, 5]);
  return np.reshape(split, [batch, channels * kernel[0]! * kernel[1]!, counts[0]! * counts[1]!]);
}

/** The transpose of `columnsOf`, to images of a size. */
function imagesOf(x: CoreTensor, patches: Patches, [height, width]: readonly number[]): CoreTensor {
  const { kernel, pads, counts } = patches;
  const batch = x.shape[0]!;
  const channels = x.shape[1]! / (kernel[0]! * kernel[1]!);
  const split = np.reshape(x, [batch, channels, ...kernel, ...counts]);
  const byRow = np.transpose(split, [0, 1, 2, 4, 3, 5]);
  /** The last two axes added up at their places in one of `size`. */
  const added = (t: CoreTensor, size: number, d: number): CoreTensor => {
    const lead = t.shape.slice(0, -2);
    const index = [...lead.map(() => ({ start: null })), placesOf(patches, d)];
    return updateIndexed('fold', np.zeros([...lead, size], { dtype: t.dtype }), index, 'add', t);
  };
  const rows = np.moveaxis(added(byRow, width! + 2 * pads[1]!, 1), -1, 2);
  const wide = np.swapaxes(added(rows, height! + 2 * pads[0]!, 0), -1, -2);
  return wide.slice(
    {},
    {},
    { start: pads[0]!, stop: pads[0]! + height! },
    { start: pads[1]!, stop: pads[1]! + width! },
  );
}

const unfolded = withParams<Patches>('im2col', ([x], patches) =>
  inBatches(x!, patches.isBatched, (t) => columnsOf(t, patches)),
);

/**
 * Windows of images as columns.
 * @param x `[N, C, H, W]` or `[C, H, W]`
 * @returns `[N, C · kernel, windows]`
 * @example
 * ```ts
 * import { arange, nn } from 'cotangent/torch';
 * const columns = nn.functional.unfold(arange(6).reshape(1, 1, 2, 3), 2);
 * console.log(columns.get(0).T.tolist()); // => [ [ 0, 1, 3, 4 ], [ 1, 2, 4, 5 ] ]
 * ```
 */
export function unfold(x: TensorLike, kernelSize: Sizes, ...args: PatchArguments): Tensor {
  const options = readArguments<PatchOptions>('unfold', patchNames, args);
  const t = toTensor(x);
  if (t.ndim !== 3 && t.ndim !== 4) {
    throw new ShapeError(`unfold: expected images [N,C,H,W] or [C,H,W], got ${t.aval.toString()}.`);
  }
  return unfolded([t], { ...patchesOf('unfold', t.shape.slice(-2), kernelSize, options), isBatched: t.ndim === 4 });
}

interface Image extends Patches {
  readonly image: readonly number[];
}

const folded = withParams<Image>('col2im', ([x], { image, ...patches }) =>
  inBatches(x!, patches.isBatched, (t) => imagesOf(t, patches, image)),
);

/**
 * Columns added up as windows of images: the transpose of `unfold`.
 * @param x `[N, C · kernel, windows]` or without N
 * @param outputSize of the images
 * @returns `[N, C, H, W]`
 */
export function fold(x: TensorLike, outputSize: Sizes, kernelSize: Sizes, ...args: PatchArguments): Tensor {
  const options = readArguments<PatchOptions>('fold', patchNames, args);
  const t = toTensor(x);
  const image = spread('fold', 'outputSize', outputSize, 2, 1);
  const patches = patchesOf('fold', image, kernelSize, options);
  const [size, windows] = [patches.kernel[0]! * patches.kernel[1]!, patches.counts[0]! * patches.counts[1]!];
  const [rows = 0, columns = 0] = t.shape.slice(-2);
  if ((t.ndim === 2 || t.ndim === 3) && rows % size === 0 && columns === windows) {
    return folded([t], { ...patches, image, isBatched: t.ndim === 3 });
  }
  throw new ShapeError(
    `fold: expected columns [N,C·${size},${windows}] or without N, for images [${image.join(', ')}], got ${t.aval.toString()}.`,
    'check outputSize, stride and padding.',
  );
}

interface Shuffle {
  readonly factor: number;
  readonly isInverse: boolean;
}

const shuffled = withParams<Shuffle>('pixelShuffle', ([x], { factor: r, isInverse }) => {
  const lead = x!.shape.slice(0, -3);
  const [c, h, w] = x!.shape.slice(-3) as [number, number, number];
  const n = lead.length;
  const keep = lead.map((_, d) => d);
  const axes = (...order: number[]): number[] => [...keep, ...order.map((d) => n + d)];
  if (isInverse) {
    const split = np.reshape(x!, [...lead, c, h / r, r, w / r, r]);
    return np.reshape(np.transpose(split, axes(0, 2, 4, 1, 3)), [...lead, c * r * r, h / r, w / r]);
  }
  const split = np.reshape(x!, [...lead, c / (r * r), r, r, h, w]);
  return np.reshape(np.transpose(split, axes(0, 3, 1, 4, 2)), [...lead, c / (r * r), h * r, w * r]);
});

/** `[…, C r², H, W]` as `[…, C, H r, W r]`. */
export function pixelShuffle(x: TensorLike, upscaleFactor: number): Tensor {
  const t = toTensor(x);
  const square = upscaleFactor * upscaleFactor;
  if (t.ndim >= 3 && Number.isInteger(upscaleFactor) && upscaleFactor > 0 && t.shape.at(-3)! % square === 0) {
    return shuffled([t], { factor: upscaleFactor, isInverse: false });
  }
  throw new ShapeError(
    `pixelShuffle: expected input […,C·${square},H,W], got ${t.aval.toString()}: pixel_shuffle expects its input's channel dimension to be divisible by the square of upscale_factor.`,
  );
}

/** The inverse of `pixelShuffle`. */
export function pixelUnshuffle(x: TensorLike, downscaleFactor: number): Tensor {
  const t = toTensor(x);
  const isGood = Number.isInteger(downscaleFactor) && downscaleFactor > 0;
  if (t.ndim >= 3 && isGood && t.shape.slice(-2).every((n) => n % downscaleFactor === 0)) {
    return shuffled([t], { factor: downscaleFactor, isInverse: true });
  }
  throw new ShapeError(
    `pixelUnshuffle: expected input […,C,H·${downscaleFactor},W·${downscaleFactor}], got ${t.aval.toString()}: pixel_unshuffle expects height and width to be divisible by downscale_factor.`,
  );
}

const channelShuffled = withParams<number>('channelShuffle', ([x], groups) => {
  const [batch, channels, ...rest] = x!.shape as [number, number, ...number[]];
  const split = np.reshape(x!, [batch, groups, channels / groups, ...rest]);
  return np.reshape(np.swapaxes(split, 1, 2), x!.shape);
});

/** Channels of `[N, C, …]` so that those of all groups come in turn. */
export function channelShuffle(x: TensorLike, groups: number): Tensor {
  const t = toTensor(x);
  if (t.ndim >= 3 && Number.isInteger(groups) && groups > 0 && t.shape[1]! % groups === 0) {
    return channelShuffled([t], groups);
  }
  throw new ShapeError(
    `channelShuffle: expected input [N,C,…] with C a multiple of ${groups}, got ${t.aval.toString()}: the number of channels must be divisible by groups.`,
  );
}

/**
 * Convolutions and transposed convolutions.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../../ir/errors.ts';
import type { Tensor as CoreTensor } from '../../../core/tensor.ts';
import { convGeneralDilated } from '../../../api/lax/conv.ts';
import * as np from '../../../api/numpy/index.ts';
import { isOptions } from '../../../api/options.ts';
import { promote, type TensorLike, toTensor, withParams } from '../../ops/define.ts';
import { type Arguments, readArguments } from '../../ops/named.ts';
import type { Tensor } from '../../tensor.ts';
import { inBatches, type Sizes, spread } from './windows.ts';

export interface ConvOptions {
  /** Steps of the window; 1. */
  readonly stride?: Sizes | undefined;
  /** Zeros at both ends; 0. `'same'` keeps the size, `'valid'` adds none. */
  readonly padding?: Sizes | 'same' | 'valid' | undefined;
  /** Steps between the elements of the kernel; 1. */
  readonly dilation?: Sizes | undefined;
  /** Groups of channels that do not mix; 1. */
  readonly groups?: number | undefined;
}

export interface ConvTransposeOptions extends Omit<ConvOptions, 'padding'> {
  readonly padding?: Sizes | undefined;
  /** Added to one end of the result; 0. */
  readonly outputPadding?: Sizes | undefined;
}

interface Convolution {
  readonly stride: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly isBatched: boolean;
}

/** Channels of a bias against `[batch, channels, ...spatial]`. */
const plusBias = (y: CoreTensor, bias: CoreTensor | undefined): CoreTensor =>
  bias === undefined ? y : np.add(y, np.reshape(bias, [bias.size, ...y.shape.slice(2).map(() => 1)]));

const convolution = withParams<Convolution>('convolution', (xs, { stride, padding, dilation, groups, isBatched }) => {
  const [x, w, b] = promote(xs);
  return inBatches(x!, isBatched, (t) => {
    const y = convGeneralDilated(t, w!, {
      windowStrides: stride,
      padding,
      rhsDilation: dilation,
      featureGroupCount: groups,
    });
    return plusBias(y, b);
  });
});

const transposed = withParams<Convolution>('convolution', (xs, { stride, padding, dilation, groups, isBatched }) => {
  const [x, w, b] = promote(xs);
  return inBatches(x!, isBatched, (t) => {
    const y = convGeneralDilated(t, flipped(w!, groups), {
      padding,
      lhsDilation: stride,
      rhsDilation: dilation,
      featureGroupCount: groups,
    });
    return plusBias(y, b);
  });
});

/** `[in, out / groups, ...kernel]` as the kernel of a convolution `[out, in / groups, ...kernel]`, turned round. */
function flipped(weight: CoreTensor, groups: number): CoreTensor {
  const [ins, outs, ...kernel] = weight.shape as [number, number, ...number[]];
  const spatial = kernel.map((_, d) => d + 3);
  const grouped = np.flip(np.reshape(weight, [groups, ins / groups, outs, ...kernel]), spatial);
  return np.reshape(np.transpose(grouped, [0, 2, 1, ...spatial]), [groups * outs, ins / groups, ...kernel]);
}

/** Throws unless the input has `rank` spatial dimensions and the channels of the weight. */
function checkInput(op: string, rank: number, x: Tensor, w: Tensor, channels: number): void {
  const axis = x.ndim - rank - 1;
  if ((axis === 0 || axis === 1) && w.ndim === rank + 2 && x.shape[axis] === channels) return;
  throw new ShapeError(
    `${op}: expected input [N,${channels}${',…'.repeat(rank)}] or without N for weight ${w.aval.toString()}, got ${x.aval.toString()}.`,
    'channels stand before the spatial dimensions.',
  );
}

const convNames = ['stride', 'padding', 'dilation', 'groups'] as const;
const transposeNames = ['stride', 'padding', 'outputPadding', 'groups', 'dilation'] as const;

type Bias = TensorLike | null | undefined;

/** Options go by name, or by position after the bias. */
export type ConvFunction = (
  x: TensorLike,
  weight: TensorLike,
  ...rest: [] | [options: ConvOptions] | [bias: Bias, ...options: Arguments<ConvOptions, typeof convNames>]
) => Tensor;
export type ConvTransposeFunction = (
  x: TensorLike,
  weight: TensorLike,
  ...rest:
    | []
    | [options: ConvTransposeOptions]
    | [bias: Bias, ...options: Arguments<ConvTransposeOptions, typeof transposeNames>]
) => Tensor;

/** What is added at both ends of each dimension. */
export function paddings(
  op: string,
  padding: Sizes | 'same' | 'valid',
  kernel: readonly number[],
  o: Pick<Convolution, 'stride' | 'dilation'>,
): (readonly [before: number, after: number])[] {
  if (padding === 'valid') return kernel.map(() => [0, 0] as const);
  if (padding !== 'same') return spread(op, 'padding', padding, kernel.length, 0).map((n) => [n, n] as const);
  if (o.stride.some((n) => n !== 1)) {
    throw new ArgumentError(`${op}: expected stride 1 with padding 'same', got [${o.stride.join(', ')}].`);
  }
  return kernel.map((n, d) => {
    const total = (n - 1) * o.dilation[d]!;
    return [Math.floor(total / 2), Math.ceil(total / 2)] as const;
  });
}

/** The bias, if there is one, and the arguments after it. */
const biasAndRest = (rest: readonly unknown[]): [bias: Bias, args: readonly unknown[]] =>
  isOptions(rest[0]) ? [null, rest] : [rest[0] as Bias, rest.slice(1)];

function convNd(rank: number): ConvFunction {
  const op = `conv${rank}d`;
  return (x, weight, ...rest) => {
    const [t, w] = [toTensor(x), toTensor(weight)];
    const [bias, args] = biasAndRest(rest);
    const options = readArguments<ConvOptions>(op, convNames, args);
    const { stride = 1, dilation = 1, groups = 1 } = options;
    checkInput(op, rank, t, w, (w.shape[1] ?? 0) * groups);
    const plain = {
      stride: spread(op, 'stride', stride, rank, 1),
      dilation: spread(op, 'dilation', dilation, rank, 1),
      groups,
      isBatched: t.ndim === rank + 2,
      padding: [],
    };
    const padding = paddings(op, options.padding ?? 0, w.shape.slice(2), plain);
    return convolution(bias === null || bias === undefined ? [t, w] : [t, w, bias], { ...plain, padding });
  };
}

function convTransposeNd(rank: number): ConvTransposeFunction {
  const op = `convTranspose${rank}d`;
  return (x, weight, ...rest) => {
    const [t, w] = [toTensor(x), toTensor(weight)];
    const [bias, args] = biasAndRest(rest);
    const options = readArguments<ConvTransposeOptions>(op, transposeNames, args);
    const { padding = 0, outputPadding = 0, groups = 1 } = options;
    checkInput(op, rank, t, w, w.shape[0] ?? 0);
    const stride = spread(op, 'stride', options.stride ?? 1, rank, 1);
    const dilation = spread(op, 'dilation', options.dilation ?? 1, rank, 1);
    const [pads, extra] = [
      spread(op, 'padding', padding, rank, 0),
      spread(op, 'outputPadding', outputPadding, rank, 0),
    ];
    if (extra.some((n, d) => n >= Math.max(stride[d]!, dilation[d]!))) {
      throw new ArgumentError(
        `${op}: expected outputPadding less than stride or dilation, got [${extra.join(', ')}]: output padding must be smaller than either stride or dilation.`,
      );
    }
    const reach = w.shape.slice(2).map((n, d) => (n - 1) * dilation[d]!);
    const around = reach.map((n, d) => [n - pads[d]!, n - pads[d]! + extra[d]!] as const);
    const params = { stride, padding: around, dilation, groups, isBatched: t.ndim === rank + 2 };
    return transposed(bias === null || bias === undefined ? [t, w] : [t, w, bias], params);
  };
}

/** @param x `[N, in, width]` or `[in, width]` @param weight `[out, in / groups, width]` */
export const conv1d: ConvFunction = convNd(1);
export const conv2d: ConvFunction = convNd(2);
export const conv3d: ConvFunction = convNd(3);
/** @param weight `[in, out / groups, width]` */
export const convTranspose1d: ConvTransposeFunction = convTransposeNd(1);
export const convTranspose2d: ConvTransposeFunction = convTransposeNd(2);
export const convTranspose3d: ConvTransposeFunction = convTransposeNd(3);

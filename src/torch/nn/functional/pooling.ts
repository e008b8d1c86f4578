/**
 * Pooling over windows of one size.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../../ir/errors.ts';
import { sizeOf } from '../../../ir/shape.ts';
import type { Tensor as CoreTensor } from '../../../core/tensor.ts';
import { arrayFrom } from '../../../api/lift.ts';
import * as np from '../../../api/numpy/index.ts';
import { stopGradientOf } from '../../../primitives/barrier.ts';
import { reduceWindowMax, reduceWindowSum, type WindowParams } from '../../../primitives/window.ts';
import { windowArgExtremum } from '../../../primitives/window-arg.ts';
import { where } from '../../ops/arithmetic.ts';
import { type TensorLike, toTensor, withParams, withResults } from '../../ops/define.ts';
import { type Arguments, readArguments } from '../../ops/named.ts';
import type { Tensor } from '../../tensor.ts';
import { inBatches, type Sizes, spread } from './windows.ts';

export interface MaxPoolOptions {
  /** Steps of the window; its size. */
  readonly stride?: Sizes | null | undefined;
  /** What stands around at both ends, and is never the largest; 0. */
  readonly padding?: Sizes | undefined;
  readonly dilation?: Sizes | undefined;
  /** Whether windows may reach beyond the end; false. */
  readonly ceilMode?: boolean | undefined;
  /** Whether to return the positions of the largest too, in row-major order of the spatial dimensions; false. */
  readonly returnIndices?: boolean | undefined;
}

export interface AvgPoolOptions {
  readonly stride?: Sizes | null | undefined;
  /** Zeros at both ends; 0. */
  readonly padding?: Sizes | undefined;
  /** Whether windows may reach beyond the end; false. What lies beyond the padding is not counted. */
  readonly ceilMode?: boolean | undefined;
  /** Whether means count the padding; true. */
  readonly countIncludePad?: boolean | undefined;
  /** What sums are divided by, in the place of the number of elements. */
  readonly divisorOverride?: number | null | undefined;
}

/** Names in PyTorch's positions, after the size of the kernel. */
export const maxPoolNames = ['stride', 'padding', 'dilation', 'ceilMode', 'returnIndices'] as const;
export const avgPoolNames = ['stride', 'padding', 'ceilMode', 'countIncludePad', 'divisorOverride'] as const;

/** Options by position or by name. */
export type MaxPoolArguments = Arguments<MaxPoolOptions, typeof maxPoolNames>;
export type AvgPoolArguments = Arguments<AvgPoolOptions, typeof avgPoolNames>;

interface Windows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
  readonly isBatched: boolean;
}

/** Over the spatial dimensions alone. */
const spatialWindow = ({ kernel, stride, dilation, padding }: Windows): WindowParams => ({
  windowDimensions: kernel,
  windowStrides: stride,
  padding,
  baseDilation: kernel.map(() => 1),
  windowDilation: dilation,
});

/** Over `[N, C, …]`. */
const windowOf = ({ kernel, stride, dilation, padding }: Windows): WindowParams => ({
  windowDimensions: [1, 1, ...kernel],
  windowStrides: [1, 1, ...stride],
  padding: [[0, 0], [0, 0], ...padding],
  baseDilation: [1, 1, ...kernel.map(() => 1)],
  windowDilation: [1, 1, ...dilation],
});

const largest = withParams<Windows>('maxPool', ([x], windows) =>
  inBatches(x!, windows.isBatched, (t) => reduceWindowMax(t, windowOf(windows))),
);

const largestAt = withResults<Windows>('maxPoolWithIndices', ([x], windows) => [
  inBatches(x!, windows.isBatched, (t) => reduceWindowMax(t, windowOf(windows))),
  inBatches(stopGradientOf(x!), windows.isBatched, (t) =>
    windowArgExtremum(t, { ...spatialWindow(windows), largest: true, batchDims: 2 }),
  ),
]);

interface Mean extends Windows {
  readonly countIncludePad: boolean;
  readonly divisor: number | null;
}

const mean = withParams<Mean>('avgPool', ([x], how) =>
  inBatches(x!, how.isBatched, (t) => {
    const total = reduceWindowSum(t, windowOf(how));
    return np.divide(total, how.divisor ?? divisors(t, total, how));
  }),
);

/** How many elements each window counts: a number, or an array that broadcasts. */
function divisors(x: CoreTensor, total: CoreTensor, how: Mean): number | CoreTensor {
  const counts = how.kernel.map((_, d) => countsOf(x.shape[d + 2]!, total.shape[d + 2]!, how, d));
  const size = sizeOf(how.kernel);
  if (counts.every((list, d) => list.every((n) => n === how.kernel[d]))) return size;
  return counts
    .map((list, d) => np.reshape(arrayFrom(list, total.dtype), [list.length, ...how.kernel.slice(d + 1).map(() => 1)]))
    .reduce((a, b) => np.multiply(a, b));
}

/** In dimension d: those of the input, and of its padding if that counts; never what lies beyond. */
function countsOf(size: number, windows: number, how: Mean, d: number): number[] {
  const [before] = how.padding[d]!;
  const [low, high] = how.countIncludePad ? [-before, size + before] : [0, size];
  return Array.from({ length: windows }, (_, i) => {
    const start = i * how.stride[d]! - before;
    return Math.min(start + how.kernel[d]!, high) - Math.max(start, low);
  });
}

/** Throws unless there are `rank` spatial dimensions. @returns their sizes */
export function spatialSizes(op: string, x: Tensor, rank: number): readonly number[] {
  if (x.ndim === rank + 1 || x.ndim === rank + 2) return x.shape.slice(-rank);
  throw new ShapeError(
    `${op}: expected input [N,C${',…'.repeat(rank)}] or without N, got ${x.aval.toString()}.`,
    'channels stand before the spatial dimensions.',
  );
}

/** What a window that begins inside, and is counted with `ceilMode`, reads beyond the padding. */
function beyond(size: number, pad: number, reach: number, stride: number): number {
  const whole = size + 2 * pad;
  let count = Math.ceil((whole - reach) / stride) + 1;
  if ((count - 1) * stride >= size + pad) count--;
  return Math.max(0, (count - 1) * stride + reach - whole);
}

function checkPads(op: string, pads: readonly number[], kernel: readonly number[]): void {
  if (pads.every((n, d) => 2 * n <= kernel[d]!)) return;
  throw new ShapeError(
    `${op}: expected padding of at most half the kernel [${kernel.join(', ')}], got [${pads.join(', ')}]: pad should be at most half of kernel size.`,
  );
}

function windowsOf(
  op: string,
  x: Tensor,
  rank: number,
  kernelSize: Sizes,
  options: MaxPoolOptions | AvgPoolOptions,
): Windows {
  const sizes = spatialSizes(op, x, rank);
  const kernel = spread(op, 'kernelSize', kernelSize, rank, 1);
  const stride = spread(op, 'stride', options.stride ?? kernel, rank, 1);
  const dilation = spread(op, 'dilation', 'dilation' in options ? (options.dilation ?? 1) : 1, rank, 1);
  const pads = spread(op, 'padding', options.padding ?? 0, rank, 0);
  checkPads(op, pads, kernel);
  const reach = kernel.map((n, d) => (n - 1) * dilation[d]! + 1);
  if (sizes.some((n, d) => n + 2 * pads[d]! < reach[d]!)) {
    throw new ShapeError(
      `${op}: expected spatial dimensions of at least the reach of the kernel [${reach.join(', ')}] with padding [${pads.join(', ')}], got ${x.aval.toString()}: Output size is too small.`,
      'use a smaller kernel, or more padding.',
    );
  }
  const padding = pads.map((n, d) => {
    const extra = options.ceilMode === true ? beyond(sizes[d]!, n, reach[d]!, stride[d]!) : 0;
    return [n, n + extra] as const;
  });
  return { kernel, stride, dilation, padding, isBatched: x.ndim === rank + 2 };
}

/** What max pooling gives for options: with positions, if they say so. */
export type MaxPooled<O> = O extends { readonly returnIndices: true } ? [values: Tensor, indices: Tensor] : Tensor;

export interface MaxPoolFunction {
  <const O extends MaxPoolOptions = Record<never, never>>(x: TensorLike, kernelSize: Sizes, options?: O): MaxPooled<O>;
  (x: TensorLike, kernelSize: Sizes, ...options: MaxPoolArguments): Tensor;
}
type AvgPoolFunction = (x: TensorLike, kernelSize: Sizes, ...options: AvgPoolArguments) => Tensor;

function maxPoolNd(rank: number): MaxPoolFunction {
  const op = `maxPool${rank}d`;
  const pool = (x: TensorLike, kernelSize: Sizes, ...args: readonly unknown[]): Tensor | Tensor[] => {
    const t = toTensor(x);
    const options = readArguments<MaxPoolOptions>(op, maxPoolNames, args);
    const windows = windowsOf(op, t, rank, kernelSize, options);
    return options.returnIndices === true ? largestAt([t], windows) : largest([t], windows);
  };
  return pool as MaxPoolFunction;
}

function avgPoolNd(rank: number): AvgPoolFunction {
  const op = `avgPool${rank}d`;
  return (x, kernelSize, ...args) => {
    const t = toTensor(x);
    const options = readArguments<AvgPoolOptions>(op, avgPoolNames, args);
    const { countIncludePad = true, divisorOverride: divisor = null } = options;
    if (divisor === 0)
      throw new ArgumentError(`${op}: expected divisorOverride other than 0: divisor must be not zero.`);
    return mean([t], { ...windowsOf(op, t, rank, kernelSize, options), countIncludePad, divisor });
  };
}

/**
 * The largest of each window; of equal ones the first has the derivative.
 * @example
 * ```ts
 * import { nn, tensor } from 'cotangent/torch';
 * const { maxPool1d, maxUnpool1d } = nn.functional;
 * const [values, indices] = maxPool1d(tensor([[1, 3, 2, 4]]), 2, { returnIndices: true });
 * console.log(values.tolist(), indices.tolist()); // => [ [ 3, 4 ] ] [ [ 1, 3 ] ]
 * console.log(maxUnpool1d(values, indices, 2).tolist()); // => [ [ 0, 3, 0, 4 ] ]
 * ```
 */
export const maxPool1d: MaxPoolFunction = maxPoolNd(1);
export const maxPool2d: MaxPoolFunction = maxPoolNd(2);
export const maxPool3d: MaxPoolFunction = maxPoolNd(3);
/** The mean of each window. */
export const avgPool1d: AvgPoolFunction = avgPoolNd(1);
export const avgPool2d: AvgPoolFunction = avgPoolNd(2);
export const avgPool3d: AvgPoolFunction = avgPoolNd(3);

export interface LpPoolOptions {
  readonly stride?: Sizes | null | undefined;
  readonly ceilMode?: boolean | undefined;
}

type LpPoolFunction = (
  x: TensorLike,
  normType: number,
  kernelSize: Sizes,
  ...options: Arguments<LpPoolOptions, ['stride', 'ceilMode']>
) => Tensor;

function lpPoolNd(rank: number, average: AvgPoolFunction): LpPoolFunction {
  const op = `lpPool${rank}d`;
  return (x, normType, kernelSize, ...args) => {
    const options = readArguments<LpPoolOptions>(op, ['stride', 'ceilMode'], args);
    const size = sizeOf(spread(op, 'kernelSize', kernelSize, rank, 1));
    const powers = average(toTensor(x).pow(normType), kernelSize, options);
    const isPositive = powers.gt(0);
    const roots = where(isPositive, powers, 1)
      .mul(size)
      .pow(1 / normType);
    return where(isPositive, roots, 0);
  };
}

/** (Σ xᵖ)^(1/p) of each window; 0, with derivative 0, for sums that are not positive. */
export const lpPool1d: LpPoolFunction = lpPoolNd(1, avgPool1d);
export const lpPool2d: LpPoolFunction = lpPoolNd(2, avgPool2d);
export const lpPool3d: LpPoolFunction = lpPoolNd(3, avgPool3d);

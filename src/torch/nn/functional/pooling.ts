/**
 * Pooling.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ShapeError } from '../../../ir/errors.ts';
import type { Tensor as CoreTensor } from '../../../core/tensor.ts';
import * as pooling from '../../../nn/pooling.ts';
import { type TensorLike, toTensor, withParams } from '../../ops/define.ts';
import type { Tensor } from '../../tensor.ts';
import { type Sizes, spread } from './conv.ts';

export interface MaxPoolOptions {
  /** Steps of the window; its size. */
  readonly stride?: Sizes | null | undefined;
  /** What stands around at both ends, and is never the largest; 0. */
  readonly padding?: Sizes | undefined;
  readonly dilation?: Sizes | undefined;
  /** Whether windows may reach beyond the end; false. */
  readonly ceilMode?: boolean | undefined;
}

export interface AvgPoolOptions {
  readonly stride?: Sizes | null | undefined;
  /** Zeros at both ends; 0. */
  readonly padding?: Sizes | undefined;
  /** Whether means count the padding; true. */
  readonly countIncludePad?: boolean | undefined;
}

interface Windows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
}

const largest = withParams<Windows & { readonly dilation: readonly number[] }>(
  'maxPool',
  ([x], { kernel, ...options }) => new pooling.MaxPool(kernel, options).call(x!),
);
const mean = withParams<Windows & { readonly countIncludePad: boolean }>('avgPool', ([x], { kernel, ...options }) =>
  new pooling.AvgPool(kernel, options).call(x!),
);
const adaptive = (name: string, make: (size: readonly number[]) => { call(x: CoreTensor): CoreTensor }) =>
  withParams<readonly number[]>(name, ([x], size) => make(size).call(x!));
const adaptiveMean = adaptive('adaptiveAvgPool', (size) => new pooling.AdaptiveAvgPool(size));
const adaptiveLargest = adaptive('adaptiveMaxPool', (size) => new pooling.AdaptiveMaxPool(size));

function spatialSizes(op: string, x: Tensor, rank: number): readonly number[] {
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

type MaxPoolFunction = (x: TensorLike, kernelSize: Sizes, options?: MaxPoolOptions) => Tensor;
type AvgPoolFunction = (x: TensorLike, kernelSize: Sizes, options?: AvgPoolOptions) => Tensor;
type AdaptivePoolFunction = (x: TensorLike, outputSize: Sizes) => Tensor;

function maxPoolNd(rank: number): MaxPoolFunction {
  const op = `maxPool${rank}d`;
  return (x, kernelSize, options = {}) => {
    const t = toTensor(x);
    const sizes = spatialSizes(op, t, rank);
    const kernel = spread(op, 'kernelSize', kernelSize, rank, 1);
    const stride = spread(op, 'stride', options.stride ?? kernel, rank, 1);
    const dilation = spread(op, 'dilation', options.dilation ?? 1, rank, 1);
    const pads = spread(op, 'padding', options.padding ?? 0, rank, 0);
    checkPads(op, pads, kernel);
    const reach = kernel.map((n, d) => (n - 1) * dilation[d]! + 1);
    const padding = pads.map((n, d) => {
      const extra = options.ceilMode === true ? beyond(sizes[d]!, n, reach[d]!, stride[d]!) : 0;
      return [n, n + extra] as const;
    });
    return largest([t], { kernel, stride, dilation, padding });
  };
}

function avgPoolNd(rank: number): AvgPoolFunction {
  const op = `avgPool${rank}d`;
  return (x, kernelSize, options = {}) => {
    const t = toTensor(x);
    spatialSizes(op, t, rank);
    const kernel = spread(op, 'kernelSize', kernelSize, rank, 1);
    const stride = spread(op, 'stride', options.stride ?? kernel, rank, 1);
    const pads = spread(op, 'padding', options.padding ?? 0, rank, 0);
    checkPads(op, pads, kernel);
    const padding = pads.map((n) => [n, n] as const);
    return mean([t], { kernel, stride, padding, countIncludePad: options.countIncludePad ?? true });
  };
}

function adaptiveNd(op: string, rank: number, apply: typeof adaptiveMean): AdaptivePoolFunction {
  return (x, outputSize) => {
    const t = toTensor(x);
    spatialSizes(op, t, rank);
    return apply([t], spread(op, 'outputSize', outputSize, rank, 1));
  };
}

/** The largest of each window; of equal ones the first has the derivative. */
export const maxPool1d: MaxPoolFunction = maxPoolNd(1);
export const maxPool2d: MaxPoolFunction = maxPoolNd(2);
export const maxPool3d: MaxPoolFunction = maxPoolNd(3);
/** The mean of each window. */
export const avgPool1d: AvgPoolFunction = avgPoolNd(1);
export const avgPool2d: AvgPoolFunction = avgPoolNd(2);
export const avgPool3d: AvgPoolFunction = avgPoolNd(3);
/** Means of as many bins as are asked for. */
export const adaptiveAvgPool1d: AdaptivePoolFunction = adaptiveNd('adaptiveAvgPool1d', 1, adaptiveMean);
export const adaptiveAvgPool2d: AdaptivePoolFunction = adaptiveNd('adaptiveAvgPool2d', 2, adaptiveMean);
/** The largest of each of as many bins as are asked for. */
export const adaptiveMaxPool1d: AdaptivePoolFunction = adaptiveNd('adaptiveMaxPool1d', 1, adaptiveLargest);
export const adaptiveMaxPool2d: AdaptivePoolFunction = adaptiveNd('adaptiveMaxPool2d', 2, adaptiveLargest);

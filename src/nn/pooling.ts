/**
 * Pooling: the largest or the mean of windows.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ArgumentError } from '../ir/errors.ts';
import { Aval } from '../ir/aval.ts';
import { isFloat, makeTypedArray } from '../ir/dtype.ts';
import { sizeOf } from '../ir/shape.ts';
import { deviceTensor, type Tensor } from '../core/tensor.ts';
import type { TensorLike } from '../api/lift.ts';
import { resolvePadding } from '../api/lax/window.ts';
import { take } from '../api/numpy/indexing.ts';
import { div, like, mul } from '../primitives/arithmetic.ts';
import { dotGeneral } from '../primitives/dot.ts';
import { reduceMax } from '../primitives/reduce.ts';
import { broadcastTo, transpose } from '../primitives/structural.ts';
import { reduceWindowMax, reduceWindowSum, type WindowParams } from '../primitives/window.ts';
import { checkNames } from './checks.ts';
import { Layer } from './module.ts';
import { batched, paddingOf, type Sizes, sizesOf, type WindowPadding } from './windows.ts';

export interface PoolOptions {
  /** Steps of the window; the window's size. */
  readonly stride?: Sizes;
  /** What stands around the input (it never is the largest); nothing. */
  readonly padding?: WindowPadding;
  /** Steps between the elements of a window; 1. */
  readonly dilation?: Sizes;
}

/** Windows that slide over the spatial axes. */
abstract class Pool extends Layer {
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: ReturnType<typeof paddingOf>;
  readonly dilation: readonly number[];

  constructor(op: string, kernelSize: readonly number[], options: PoolOptions) {
    super();
    const { stride = kernelSize, padding = 'VALID', dilation = 1 } = options;
    const rank = kernelSize.length;
    this.kernelSize = sizesOf(op, 'kernelSize', kernelSize, rank);
    this.stride = sizesOf(op, 'stride', stride, rank);
    this.padding = paddingOf(op, padding, rank);
    this.dilation = sizesOf(op, 'dilation', dilation, rank);
  }

  /** Parameters of the reduction over `[batch, channels, ...spatial]`. */
  windows(x: Tensor): WindowParams {
    const reach = this.kernelSize.map((n, d) => (n - 1) * this.dilation[d]! + 1);
    const pads = resolvePadding(this.toString(), this.padding, x.shape.slice(2), reach, this.stride);
    return {
      windowDimensions: [1, 1, ...this.kernelSize],
      windowStrides: [1, 1, ...this.stride],
      padding: [[0, 0], [0, 0], ...pads],
      baseDilation: x.shape.map(() => 1),
      windowDilation: [1, 1, ...this.dilation],
    };
  }

  override toString(): string {
    return `${this.constructor.name}(${this.kernelSize.join(' × ')})`;
  }
}

/**
 * The largest of each window. Of several equal ones the first has the derivative.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import { MaxPool } from 'cotangent/nn';
 * console.log(String(new MaxPool([2]).call(np.array([[1, 3, 2, 5]])))); // => [[3, 5]]
 * ```
 */
export class MaxPool extends Pool {
  constructor(kernelSize: readonly number[], options: PoolOptions = {}) {
    checkNames('MaxPool', options, ['stride', 'padding', 'dilation']);
    super('MaxPool', kernelSize, options);
  }

  /** @param x `[…, channels, ...spatial]` */
  call(x: TensorLike): Tensor {
    const { input, restore } = batched(this, x, this.kernelSize.length);
    return restore(reduceWindowMax(input, this.windows(input)));
  }
}

export interface AvgPoolOptions extends Omit<PoolOptions, 'dilation'> {
  /** Whether means at the border count the padding (as zeros); true, as in PyTorch. */
  readonly countIncludePad?: boolean;
}

/**
 * The mean of each window.
 * @example
 * ```ts
 * import { AvgPool } from 'cotangent/nn';
 * console.log(String(new AvgPool([2]).call([[1, 3, 2, 6]]))); // => [[2, 4]]
 * ```
 */
export class AvgPool extends Pool {
  readonly countIncludePad: boolean;

  constructor(kernelSize: readonly number[], options: AvgPoolOptions = {}) {
    checkNames('AvgPool', options, ['stride', 'padding', 'countIncludePad']);
    super('AvgPool', kernelSize, options);
    this.countIncludePad = options.countIncludePad ?? true;
  }

  /** @param x `[…, channels, ...spatial]` */
  call(x: TensorLike): Tensor {
    const { input, restore } = batched(this, x, this.kernelSize.length);
    const windows = this.windows(input);
    const total = reduceWindowSum(input, windows);
    const size = sizeOf(this.kernelSize);
    if (this.countIncludePad) return restore(mul(total, like(total, 1 / size)));
    const ones = broadcastTo(like(input, 1), [1, 1, ...input.shape.slice(2)]);
    return restore(div(total, reduceWindowSum(ones, windows)));
  }
}

/** First and one past last of the elements of each bin: ⌊i n / bins⌋ and ⌈(i + 1) n / bins⌉. */
const binsOf = (n: number, bins: number): (readonly [number, number])[] =>
  Array.from({ length: bins }, (_, i) => [Math.floor((i * n) / bins), Math.ceil(((i + 1) * n) / bins)] as const);

/** Bins of the spatial axes, of whatever size gives the output asked for. */
abstract class AdaptivePool extends Layer {
  readonly outputSize: readonly number[];

  constructor(op: string, outputSize: readonly number[]) {
    super();
    if (!Array.isArray(outputSize)) {
      throw new ArgumentError(
        `${op}: expected an array with a size for each spatial axis, got ${String(outputSize)}.`,
        'write [7, 7] for images.',
      );
    }
    this.outputSize = sizesOf(op, 'outputSize', outputSize, outputSize.length);
  }

  abstract reduceAxis(x: Tensor, axis: number, bins: number): Tensor;

  /** @param x `[…, channels, ...spatial]` */
  call(x: TensorLike): Tensor {
    const { input, restore } = batched(this, x, this.outputSize.length);
    return restore(this.outputSize.reduce((t, bins, d) => this.reduceAxis(t, d + 2, bins), input));
  }

  override toString(): string {
    return `${this.constructor.name}(${this.outputSize.join(' × ')})`;
  }
}

/**
 * Means of bins, so that the spatial sizes become those given; `[1, 1]` is the mean of each image.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import { AdaptiveAvgPool } from 'cotangent/nn';
 * console.log(String(new AdaptiveAvgPool([2]).call(np.array([[1, 2, 3]])))); // => [[1.5, 2.5]]
 * ```
 */
export class AdaptiveAvgPool extends AdaptivePool {
  constructor(outputSize: readonly number[]) {
    super('AdaptiveAvgPool', outputSize);
  }

  /** A product with the matrix of the bins. */
  reduceAxis(x: Tensor, axis: number, bins: number): Tensor {
    const n = x.shape[axis]!;
    const dtype = isFloat(x.dtype) ? x.dtype : 'float32';
    const matrix = makeTypedArray(dtype, bins * n);
    binsOf(n, bins).forEach(([start, end], i) => matrix.fill(1 / (end - start), i * n + start, i * n + end));
    const product = dotGeneral(x, deviceTensor(matrix, new Aval([bins, n], dtype)), {
      contract: [[axis], [1]],
      batch: [[], []],
    });
    const order = x.shape.map((_, d) => (d === axis ? x.ndim - 1 : d < axis ? d : d - 1));
    return transpose(product, order);
  }
}

/**
 * The largest of bins, so that the spatial sizes become those given.
 * @example
 * ```ts
 * import { AdaptiveMaxPool } from 'cotangent/nn';
 * console.log(String(new AdaptiveMaxPool([2]).call([[1, 2, 3]]))); // => [[2, 3]]
 * ```
 */
export class AdaptiveMaxPool extends AdaptivePool {
  constructor(outputSize: readonly number[]) {
    super('AdaptiveMaxPool', outputSize);
  }

  /** Bins made equally long by repeating their last element. */
  reduceAxis(x: Tensor, axis: number, bins: number): Tensor {
    const ranges = binsOf(x.shape[axis]!, bins);
    const longest = Math.max(...ranges.map(([start, end]) => end - start));
    const indices = Int32Array.from(
      ranges.flatMap(([start, end]) => Array.from({ length: longest }, (_, k) => Math.min(start + k, end - 1))),
    );
    return reduceMax(take(x, deviceTensor(indices, new Aval([bins, longest], 'int32')), axis), [axis + 1]);
  }
}

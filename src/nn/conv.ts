/**
 * Convolutions over one, two, three or any number of spatial axes.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ArgumentError } from '../ir/errors.ts';
import { sizeOf } from '../ir/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { promoteToFloat, type TensorLike } from '../api/lift.ts';
import { convGeneralDilated } from '../api/lax/conv.ts';
import type { Initializer } from '../api/nn/initializers.ts';
import { add } from '../api/numpy/binary.ts';
import { reshape } from '../primitives/structural.ts';
import { checkNames, checkSizes, keysOf, parameter, type ParameterOptions } from './checks.ts';
import { uniformOn } from './initial.ts';
import { defaultWeightInit } from './linear.ts';
import { Layer } from './module.ts';
import { batched, paddingOf, type Sizes, sizesOf, type WindowPadding } from './windows.ts';

export interface ConvOptions extends ParameterOptions {
  /** Steps of the window; 1. */
  readonly stride?: Sizes;
  /** What stands around the input; nothing. */
  readonly padding?: WindowPadding;
  /** Steps between the elements of the kernel; 1. */
  readonly dilation?: Sizes;
  /** Channels in so many groups that do not mix; 1. With as many as there are channels in, the convolution is depthwise. */
  readonly groups?: number;
  /** Whether there is a bias; true. */
  readonly bias?: boolean;
  /** Of the weight; uniform on ±1/√(inputs of one output). */
  readonly weightInit?: Initializer;
  /** Of the bias; uniform on the same. */
  readonly biasInit?: Initializer;
}

const convNames = [
  'key',
  'dtype',
  'stride',
  'padding',
  'dilation',
  'groups',
  'bias',
  'weightInit',
  'biasInit',
] as const;

/** Throws unless both numbers of channels are multiples of the groups. */
export function checkGroups(op: string, channels: Readonly<Record<string, number>>, groups: number): void {
  checkSizes(op, { ...channels, groups });
  for (const [name, n] of Object.entries(channels)) {
    if (n % groups === 0) continue;
    throw new ArgumentError(`${op}: expected ${name} to be a multiple of groups, got ${n} and ${groups}.`);
  }
}

/** A bias of channels, against `[batch, channels, ...spatial]`. */
export const withBias = (y: Tensor, bias: Tensor | null): Tensor =>
  bias ? add(y, reshape(bias, [bias.size, ...y.shape.slice(2).map(() => 1)])) : y;

/**
 * A convolution (as everywhere in machine learning a correlation: the kernel is not flipped). Channels stand before the spatial axes; any
 * number of batch axes, or none, before them. The weight is `[outChannels, inChannels / groups, ...kernelSize]`, as PyTorch has it.
 *
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * import { Conv } from 'cotangent/nn';
 * const layer = new Conv(3, 8, [5, 5], { key: random.key(0), stride: 2, padding: 'SAME' });
 * console.log(layer.call(np.ones([4, 3, 28, 28])).shape); // => [ 4, 8, 14, 14 ]
 * ```
 */
export class Conv extends Layer {
  /** `[outChannels, inChannels / groups, ...kernelSize]` */
  readonly weight: Tensor;
  /** `[outChannels]` */
  readonly bias: Tensor | null;
  readonly stride: readonly number[];
  readonly padding: ReturnType<typeof paddingOf>;
  readonly dilation: readonly number[];
  readonly groups: number;

  /** @param kernelSize one number for each spatial axis */
  constructor(inChannels: number, outChannels: number, kernelSize: readonly number[], options: ConvOptions) {
    super();
    const op = new.target.name;
    checkNames(op, options, convNames);
    const { stride = 1, padding = 'VALID', dilation = 1, groups = 1, bias = true } = options;
    const rank = kernelSize.length;
    const kernel = sizesOf(op, 'kernelSize', kernelSize, rank);
    checkGroups(op, { inChannels, outChannels }, groups);
    this.stride = sizesOf(op, 'stride', stride, rank);
    this.padding = paddingOf(op, padding, rank);
    this.dilation = sizesOf(op, 'dilation', dilation, rank);
    this.groups = groups;
    const shape = [outChannels, inChannels / groups, ...kernel];
    const fanIn = sizeOf(shape.slice(1));
    const [weightKey, biasKey] = keysOf(op, options, 2) as [Tensor, Tensor];
    const { weightInit = defaultWeightInit, biasInit = uniformOn(1 / Math.sqrt(fanIn)) } = options;
    this.weight = parameter(weightInit, weightKey, shape, options);
    this.bias = bias ? parameter(biasInit, biasKey, [outChannels], options) : null;
  }

  /**
   * @param x `[…, inChannels, ...spatial]`
   * @returns `[…, outChannels, ...spatial]`, spatial sizes ⌊(n + padding − dilation (kernel − 1) − 1) / stride⌋ + 1
   */
  call(x: TensorLike): Tensor {
    const { input, restore } = batched(this, x, this.stride.length, this.weight.shape[1]! * this.groups);
    const [t, weight] = promoteToFloat(input, this.weight) as [Tensor, Tensor];
    const y = convGeneralDilated(t, weight, {
      windowStrides: this.stride,
      padding: this.padding,
      rhsDilation: this.dilation,
      featureGroupCount: this.groups,
    });
    return restore(withBias(y, this.bias));
  }

  override toString(): string {
    const [out, ins, ...kernel] = this.weight.shape as [number, number, ...number[]];
    return `${this.constructor.name}(${ins * this.groups} → ${out}, ${kernel.join(' × ')})`;
  }
}

/** `Conv` over one spatial axis: `[…, channels, width]`. */
export class Conv1d extends Conv {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvOptions) {
    super(inChannels, outChannels, sizesOf('Conv1d', 'kernelSize', kernelSize, 1), options);
  }
}

/** `Conv` over two spatial axes: `[…, channels, height, width]`. */
export class Conv2d extends Conv {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvOptions) {
    super(inChannels, outChannels, sizesOf('Conv2d', 'kernelSize', kernelSize, 2), options);
  }
}

/** `Conv` over three spatial axes: `[…, channels, depth, height, width]`. */
export class Conv3d extends Conv {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvOptions) {
    super(inChannels, outChannels, sizesOf('Conv3d', 'kernelSize', kernelSize, 3), options);
  }
}

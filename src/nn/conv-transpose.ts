/**
 * Transposed convolutions.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ArgumentError } from '../ir/errors.ts';
import { sizeOf } from '../ir/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { promoteToFloat, type TensorLike } from '../api/lift.ts';
import { convGeneralDilated } from '../api/lax/conv.ts';
import { varianceScaling } from '../api/nn/initializers.ts';
import { reverse } from '../primitives/movement.ts';
import { reshape, transpose } from '../primitives/structural.ts';
import { checkNames, keysOf, parameter } from './checks.ts';
import { checkGroups, type ConvOptions, withBias } from './conv.ts';
import { uniformOn } from './initial.ts';
import { Layer } from './module.ts';
import { batched, paddingOf, type Sizes, sizesOf } from './windows.ts';

export interface ConvTransposeOptions extends ConvOptions {
  /** Elements added behind each spatial axis of the result, less than the stride; 0. */
  readonly outputPadding?: Sizes;
}

const names = [
  'key',
  'dtype',
  'stride',
  'padding',
  'outputPadding',
  'dilation',
  'groups',
  'bias',
  'weightInit',
  'biasInit',
] as const;

/**
 * The transpose of a convolution as a map of images: each element of the input spreads over a window of the result. The weight is
 * `[inChannels, outChannels / groups, ...kernelSize]`, as PyTorch has it. Padding takes away from the result; `'SAME'` gives
 * size · stride.
 *
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * import { ConvTranspose2d } from 'cotangent/nn';
 * const layer = new ConvTranspose2d(8, 3, 4, { key: random.key(0), stride: 2, padding: 1 });
 * console.log(layer.call(np.ones([8, 7, 7])).shape); // => [ 3, 14, 14 ]
 * ```
 */
export class ConvTranspose extends Layer {
  /** `[inChannels, outChannels / groups, ...kernelSize]` */
  readonly weight: Tensor;
  /** `[outChannels]` */
  readonly bias: Tensor | null;
  readonly stride: readonly number[];
  readonly padding: ReturnType<typeof paddingOf>;
  readonly outputPadding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;

  /** @param kernelSize one number for each spatial axis */
  constructor(inChannels: number, outChannels: number, kernelSize: readonly number[], options: ConvTransposeOptions) {
    super();
    const op = new.target.name;
    checkNames(op, options, names);
    const { stride = 1, padding = 'VALID', outputPadding = 0, dilation = 1, groups = 1, bias = true } = options;
    const rank = kernelSize.length;
    const kernel = sizesOf(op, 'kernelSize', kernelSize, rank);
    checkGroups(op, { inChannels, outChannels }, groups);
    this.stride = sizesOf(op, 'stride', stride, rank);
    this.padding = paddingOf(op, padding, rank);
    this.outputPadding = sizesOf(op, 'outputPadding', outputPadding, rank, 0);
    this.dilation = sizesOf(op, 'dilation', dilation, rank);
    this.groups = groups;
    checkOutputPadding(op, this.outputPadding, this.stride, this.dilation);
    const shape = [inChannels, outChannels / groups, ...kernel];
    // PyTorch takes axis 1 for the inputs here too, and so do we.
    const fanIn = sizeOf(shape.slice(1));
    const [weightKey, biasKey] = keysOf(op, options, 2) as [Tensor, Tensor];
    const { weightInit = varianceScaling(1 / 3, 'fan_in', 'uniform', { inAxis: 1, outAxis: 0 }) } = options;
    this.weight = parameter(weightInit, weightKey, shape, options);
    const { biasInit = uniformOn(1 / Math.sqrt(fanIn)) } = options;
    this.bias = bias ? parameter(biasInit, biasKey, [outChannels], options) : null;
  }

  /**
   * @param x `[…, inChannels, ...spatial]`
   * @returns `[…, outChannels, ...spatial]`, spatial sizes (n − 1) stride − padding + dilation (kernel − 1) + outputPadding + 1
   */
  call(x: TensorLike): Tensor {
    const { input, restore } = batched(this, x, this.stride.length, this.weight.shape[0]!);
    const [t, weight] = promoteToFloat(input, this.weight) as [Tensor, Tensor];
    const y = convGeneralDilated(t, this.kernel(weight), {
      padding: this.stride.map((_, d) => this.padsOf(d)),
      lhsDilation: this.stride,
      rhsDilation: this.dilation,
      featureGroupCount: this.groups,
    });
    return restore(withBias(y, this.bias));
  }

  /** The kernel of the convolution over the spread input: flipped, with the channels of each group exchanged. */
  kernel(weight: Tensor): Tensor {
    const [ins, outs, ...kernel] = weight.shape as [number, number, ...number[]];
    const spatial = kernel.map((_, d) => d + 3);
    const grouped = reshape(weight, [this.groups, ins / this.groups, outs, ...kernel]);
    const exchanged = transpose(reverse(grouped, spatial), [0, 2, 1, ...spatial]);
    return reshape(exchanged, [this.groups * outs, ins / this.groups, ...kernel]);
  }

  /** What stands around the spread input along one axis. */
  padsOf(d: number): readonly [number, number] {
    const reach = (this.weight.shape[d + 2]! - 1) * this.dilation[d]!;
    const [stride, extra] = [this.stride[d]!, this.outputPadding[d]!];
    if (this.padding === 'SAME') {
      const total = reach + stride - 1;
      const low = stride > reach ? reach : Math.ceil(total / 2);
      return [low, total - low + extra];
    }
    const [before, after] = this.padding === 'VALID' ? [0, 0] : this.padding[d]!;
    return [reach - before, reach - after + extra];
  }

  override toString(): string {
    const [ins, outs, ...kernel] = this.weight.shape as [number, number, ...number[]];
    return `${this.constructor.name}(${ins} → ${outs * this.groups}, ${kernel.join(' × ')})`;
  }
}

/** Beyond the next step of the window there would be elements that no input reaches. */
function checkOutputPadding(
  op: string,
  extra: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): void {
  if (extra.every((n, d) => n < Math.max(stride[d]!, dilation[d]!))) return;
  throw new ArgumentError(
    `${op}: expected outputPadding less than the stride or the dilation, got [${extra.join(', ')}] with stride [${stride.join(', ')}].`,
  );
}

/** `ConvTranspose` over one spatial axis. */
export class ConvTranspose1d extends ConvTranspose {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvTransposeOptions) {
    super(inChannels, outChannels, sizesOf('ConvTranspose1d', 'kernelSize', kernelSize, 1), options);
  }
}

/** `ConvTranspose` over two spatial axes. */
export class ConvTranspose2d extends ConvTranspose {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvTransposeOptions) {
    super(inChannels, outChannels, sizesOf('ConvTranspose2d', 'kernelSize', kernelSize, 2), options);
  }
}

/** `ConvTranspose` over three spatial axes. */
export class ConvTranspose3d extends ConvTranspose {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvTransposeOptions) {
    super(inChannels, outChannels, sizesOf('ConvTranspose3d', 'kernelSize', kernelSize, 3), options);
  }
}

/**
 * Linear layers, and layers that only reshape.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ShapeError } from '../../ir/errors.ts';
import { checkCount } from '../../api/options.ts';
import { empty } from '../creation.ts';
import type { Dtype } from '../dtypes.ts';
import { type TensorLike, toTensor } from '../ops/define.ts';
import { type Arguments, readArguments } from '../ops/named.ts';
import * as shape from '../ops/shape.ts';
import type { Tensor } from '../tensor.ts';
import * as F from './functional/linear.ts';
import { fanInAndFanOut, kaimingUniform_, uniform_ } from './init.ts';
import { Layer, python } from './layer.ts';
import { Parameter } from './parameter.ts';

export interface ParameterOptions {
  /** Of the parameters; the default dtype. */
  readonly dtype?: Dtype | undefined;
}

export interface LinearOptions extends ParameterOptions {
  /** Whether there is a bias; true. */
  readonly bias?: boolean | undefined;
}

const linearNames = ['bias', 'dtype'] as const;

type LinearArguments = Arguments<LinearOptions, typeof linearNames>;

/** Uninitialised parameters of a shape. */
export const parameter = (sizes: readonly number[], { dtype }: ParameterOptions): Parameter =>
  new Parameter(empty([...sizes], { dtype }));

/** PyTorch's rule for linear layers and convolutions: both uniform on ±1 / √fanIn. */
export function resetUniform(weight: Tensor, bias: Tensor | null): void {
  kaimingUniform_(weight, { a: Math.sqrt(5) });
  if (bias === null) return;
  const [fanIn] = fanInAndFanOut(weight);
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  uniform_(bias, -bound, bound);
}

/**
 * x Aᵀ + b.
 * @example
 * ```ts
 * import { nn, ones } from 'cotangent/torch';
 * const layer = new nn.Linear(3, 2, { bias: false });
 * console.log(layer.call(ones(5, 3)).shape, layer.weight.shape); // => [ 5, 2 ] [ 2, 3 ]
 * ```
 */
export class Linear extends Layer {
  /** `[out, in]` */
  weight: Parameter;
  /** `[out]` */
  bias: Parameter | null;
  readonly inFeatures: number;
  readonly outFeatures: number;

  constructor(inFeatures: number, outFeatures: number, ...args: LinearArguments) {
    super();
    const options = readArguments<LinearOptions>(new.target.name, linearNames, args);
    for (const [name, n] of Object.entries({ inFeatures, outFeatures })) checkCount(new.target.name, name, n, 0);
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = parameter([outFeatures, inFeatures], options);
    this.bias = options.bias === false ? null : parameter([outFeatures], options);
    this.resetParameters();
  }

  resetParameters(): void {
    resetUniform(this.weight, this.bias);
  }

  /** @param x `[…, in]` */
  forward(x: TensorLike): Tensor {
    const t = toTensor(x);
    if (t.ndim > 0 && t.shape.at(-1) === this.inFeatures) return F.linear(t, this.weight, this.bias);
    throw new ShapeError(
      `Linear: expected input […,${this.inFeatures}], got ${t.aval.toString()}: mat1 and mat2 shapes cannot be multiplied.`,
      'the last dimension holds the features; flatten images first.',
    );
  }

  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${python(this.bias !== null)}`;
  }
}

/** x₁ᵀ A x₂ + b. */
export class Bilinear extends Layer {
  /** `[out, in1, in2]` */
  weight: Parameter;
  bias: Parameter | null;
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;

  constructor(in1Features: number, in2Features: number, outFeatures: number, ...args: LinearArguments) {
    super();
    const options = readArguments<LinearOptions>('Bilinear', linearNames, args);
    for (const [name, n] of Object.entries({ in1Features, in2Features, outFeatures }))
      checkCount('Bilinear', name, n, 1);
    this.in1Features = in1Features;
    this.in2Features = in2Features;
    this.outFeatures = outFeatures;
    this.weight = parameter([outFeatures, in1Features, in2Features], options);
    this.bias = options.bias === false ? null : parameter([outFeatures], options);
    this.resetParameters();
  }

  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.in1Features);
    uniform_(this.weight, -bound, bound);
    if (this.bias !== null) uniform_(this.bias, -bound, bound);
  }

  forward(x: TensorLike, y: TensorLike): Tensor {
    return F.bilinear(x, y, this.weight, this.bias);
  }

  override extraRepr(): string {
    return (
      `in1_features=${this.in1Features}, in2_features=${this.in2Features}, out_features=${this.outFeatures}, ` +
      `bias=${python(this.bias !== null)}`
    );
  }
}

/** Its argument. */
export class Identity extends Layer {
  forward(x: Tensor): Tensor {
    return x;
  }
}

export interface FlattenOptions {
  /** 1 */
  readonly startDim?: number | undefined;
  /** −1 */
  readonly endDim?: number | undefined;
}

/** Dimensions from `startDim` (1) to `endDim` (−1) as one. */
export class Flatten extends Layer {
  readonly startDim: number;
  readonly endDim: number;

  constructor(...options: Arguments<FlattenOptions, ['startDim', 'endDim']>) {
    super();
    const given = readArguments<FlattenOptions>('Flatten', ['startDim', 'endDim'], options);
    this.startDim = given.startDim ?? 1;
    this.endDim = given.endDim ?? -1;
  }

  forward(x: TensorLike): Tensor {
    return shape.flatten(x, this.startDim, this.endDim);
  }

  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/** One dimension as several. */
export class Unflatten extends Layer {
  readonly dim: number;
  readonly unflattenedSize: readonly number[];

  constructor(dim: number, unflattenedSize: readonly number[]) {
    super();
    this.dim = dim;
    this.unflattenedSize = unflattenedSize;
  }

  forward(x: TensorLike): Tensor {
    return shape.unflatten(x, this.dim, this.unflattenedSize);
  }

  override extraRepr(): string {
    return `dim=${this.dim}, unflattened_size=${python(this.unflattenedSize)}`;
  }
}

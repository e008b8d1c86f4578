/**
 * Linear layers, tables of vectors, and layers that only reshape.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import { arange, empty, zeros } from '../creation.ts';
import type { Dtype } from '../dtypes.ts';
import { type TensorLike, toTensor } from '../ops/define.ts';
import { eq, where } from '../ops/arithmetic.ts';
import * as shape from '../ops/shape.ts';
import type { Tensor } from '../tensor.ts';
import { dropout as dropoutOf, dropout1d, dropout2d, dropout3d } from './functional/dropout.ts';
import { cosineSimilarity, type DistanceOptions, pairwiseDistance } from './functional/distance.ts';
import * as F from './functional/linear.ts';
import { fanInAndFanOut, kaimingUniform_, normal_, uniform_ } from './init.ts';
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

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
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
    return F.linear(x, this.weight, this.bias);
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

  constructor(in1Features: number, in2Features: number, outFeatures: number, options: LinearOptions = {}) {
    super();
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

export interface EmbeddingOptions extends ParameterOptions {
  /** A row that starts as 0 and gets no gradient. */
  readonly paddingIdx?: number | null | undefined;
}

/**
 * A table of vectors, looked up by integers.
 * @example
 * ```ts
 * import { nn, tensor } from 'cotangent/torch';
 * const table = new nn.Embedding(10, 4, { paddingIdx: 0 });
 * console.log(table.call(tensor([[1, 0]], { dtype: 'long' })).shape); // => [ 1, 2, 4 ]
 * ```
 */
export class Embedding extends Layer {
  /** `[count, features]` */
  weight: Parameter;
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}) {
    super();
    const { paddingIdx = null } = options;
    if (paddingIdx !== null && !(paddingIdx >= -numEmbeddings && paddingIdx < numEmbeddings)) {
      throw new ArgumentError(
        `Embedding: expected paddingIdx from ${-numEmbeddings} to ${numEmbeddings - 1}, got ${paddingIdx}: Padding_idx must be within num_embeddings.`,
      );
    }
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingIdx !== null && paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx;
    this.weight = parameter([numEmbeddings, embeddingDim], options);
    this.resetParameters();
  }

  resetParameters(): void {
    normal_(this.weight);
    if (this.paddingIdx === null) return;
    const isPadding = eq(arange(this.numEmbeddings), this.paddingIdx).unsqueeze(1);
    const cleared = where(isPadding, zeros(1, { dtype: this.weight.dtype }), this.weight.detach());
    this.weight.overwrite(cleared.value, undefined);
  }

  /** @param x integers of any shape */
  forward(x: TensorLike): Tensor {
    return F.embedding(x, this.weight, { paddingIdx: this.paddingIdx });
  }

  override extraRepr(): string {
    const padding = this.paddingIdx === null ? '' : `, padding_idx=${this.paddingIdx}`;
    return `${this.numEmbeddings}, ${this.embeddingDim}${padding}`;
  }
}

/** Its argument. */
export class Identity extends Layer {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Dimensions from `startDim` (1) to `endDim` (−1) as one. */
export class Flatten extends Layer {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim = 1, endDim = -1) {
    super();
    this.startDim = startDim;
    this.endDim = endDim;
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

/** The cosine of the angle between vectors along a dimension. */
export class CosineSimilarity extends Layer {
  readonly dim: number;
  readonly eps: number;

  constructor(dim = 1, eps = 1e-8) {
    super();
    this.dim = dim;
    this.eps = eps;
  }

  forward(x: TensorLike, y: TensorLike): Tensor {
    return cosineSimilarity(x, y, this.dim, this.eps);
  }
}

/** The p-norm of x − y along the last dimension. */
export class PairwiseDistance extends Layer {
  readonly p: number;
  readonly eps: number;
  readonly keepdim: boolean;

  constructor(p = 2, { eps = 1e-6, keepdim = false }: Omit<DistanceOptions, 'p'> = {}) {
    super();
    this.p = p;
    this.eps = eps;
    this.keepdim = keepdim;
  }

  forward(x: TensorLike, y: TensorLike): Tensor {
    return pairwiseDistance(x, y, { p: this.p, eps: this.eps, keepdim: this.keepdim });
  }
}

/** Elements set to 0 with probability p in training; the identity otherwise. */
export class Dropout extends Layer {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    if (!(p >= 0 && p <= 1)) {
      throw new ArgumentError(
        `${this.constructor.name}: expected a probability from 0 to 1, got ${p}: dropout probability has to be between 0 and 1.`,
      );
    }
    this.p = p;
  }

  forward(x: TensorLike): Tensor {
    return this.drop(toTensor(x));
  }

  protected drop(x: Tensor): Tensor {
    return dropoutOf(x, { p: this.p, training: this.training });
  }

  override extraRepr(): string {
    return `p=${this.p}, inplace=False`;
  }
}

/** Whole channels set to 0. */
export class Dropout1d extends Dropout {
  protected override drop(x: Tensor): Tensor {
    return dropout1d(x, { p: this.p, training: this.training });
  }
}

export class Dropout2d extends Dropout {
  protected override drop(x: Tensor): Tensor {
    return dropout2d(x, { p: this.p, training: this.training });
  }
}

export class Dropout3d extends Dropout {
  protected override drop(x: Tensor): Tensor {
    return dropout3d(x, { p: this.p, training: this.training });
  }
}

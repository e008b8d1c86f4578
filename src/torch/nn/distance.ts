/**
 * Distances and angles as modules.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import type { TensorLike } from '../ops/define.ts';
import { type Arguments, readArguments } from '../ops/named.ts';
import type { Tensor } from '../tensor.ts';
import { type CosineOptions, cosineSimilarity, type DistanceOptions, pairwiseDistance } from './functional/distance.ts';
import { Layer } from './layer.ts';

/** The cosine of the angle between vectors along a dimension. */
export class CosineSimilarity extends Layer {
  readonly dim: number;
  readonly eps: number;

  constructor(...options: Arguments<CosineOptions, ['dim', 'eps']>) {
    super();
    const given = readArguments<CosineOptions>('CosineSimilarity', ['dim', 'eps'], options);
    this.dim = given.dim ?? 1;
    this.eps = given.eps ?? 1e-8;
  }

  forward(x: TensorLike, y: TensorLike): Tensor {
    return cosineSimilarity(x, y, this.dim, this.eps);
  }
}

/** The p-norm of x − y along the last dimension. */
export class PairwiseDistance extends Layer {
  readonly options: DistanceOptions;

  constructor(...options: Arguments<DistanceOptions, ['p', 'eps', 'keepdim']>) {
    super();
    this.options = readArguments<DistanceOptions>('PairwiseDistance', ['p', 'eps', 'keepdim'], options);
  }

  forward(x: TensorLike, y: TensorLike): Tensor {
    return pairwiseDistance(x, y, this.options);
  }
}

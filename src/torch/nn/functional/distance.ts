/**
 * Distances and angles of vectors.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import type { Tensor as CoreTensor } from '../../../core/tensor.ts';
import * as np from '../../../api/numpy/index.ts';
import { oneAxis } from '../../ops/axes.ts';
import { promote, type TensorLike, toTensor, withParams } from '../../ops/define.ts';
import { norm } from '../../ops/statistics.ts';
import { normAlong } from '../../ops/subgradients.ts';
import { type Arguments, type Named, named, readArguments } from '../../ops/named.ts';
import type { Tensor } from '../../tensor.ts';

interface Distance {
  readonly p: number;
  readonly eps: number;
  readonly keepdims: boolean;
}

/** (Σ|x − y + eps|ᵖ)^(1/p) along the last axis. */
export const distanceOf = (x: CoreTensor, y: CoreTensor, { p, eps, keepdims }: Distance): CoreTensor =>
  normAlong(np.add(np.subtract(x, y), eps), { p, axis: [-1], keepdims });

const distance = withParams<Distance>('pairwiseDistance', (xs, how) => {
  const [x, y] = promote(xs);
  return distanceOf(x!, y!, how);
});

export interface DistanceOptions {
  /** Of the norm; 2. */
  readonly p?: number | undefined;
  /** Added to differences; 1e-6. */
  readonly eps?: number | undefined;
  readonly keepdim?: boolean | undefined;
}

const distanceNames = ['p', 'eps', 'keepdim'] as const;

/** The p-norm of x − y + eps along the last dimension. */
export function pairwiseDistance(
  x: TensorLike,
  y: TensorLike,
  ...options: Arguments<DistanceOptions, typeof distanceNames>
): Tensor {
  const given = readArguments<DistanceOptions>('pairwiseDistance', distanceNames, options);
  const { p = 2, eps = 1e-6, keepdim = false } = given;
  return distance([x, y], { p, eps, keepdims: keepdim });
}

interface Cosine {
  readonly axis: number;
  readonly eps: number;
}

const cosineAlong = withParams<Cosine>('cosineSimilarity', (xs, { axis, eps }) => {
  const [x, y] = promote(xs) as [CoreTensor, CoreTensor];
  const unit = (a: CoreTensor): CoreTensor => {
    const length = normAlong(a, { p: 2, axis: [axis], keepdims: true });
    return np.divide(a, np.where(np.less(length, eps), np.fullLike(length, eps), length));
  };
  return np.sum(np.multiply(unit(x), unit(y)), axis);
});
export interface CosineOptions {
  /** 1 */
  readonly dim?: number | undefined;
  /** 1e-8 */
  readonly eps?: number | undefined;
}

/** x · y / (|x| |y|) along a dimension of what they broadcast to; lengths are at least `eps`. */
export function cosineSimilarity(
  x: TensorLike,
  y: TensorLike,
  ...options: Arguments<CosineOptions, ['dim', 'eps']>
): Tensor {
  const { dim = 1, eps = 1e-8 } = readArguments<CosineOptions>('cosineSimilarity', ['dim', 'eps'], options);
  const [a, b] = [toTensor(x), toTensor(y)];
  const wide = a.ndim >= b.ndim ? a : b;
  // Counted from the end, so that it is the same dimension of both.
  return cosineAlong([a, b], { axis: oneAxis('cosineSimilarity', wide, dim, false).axis - wide.ndim, eps });
}

export interface NormalizeOptions {
  readonly p?: number | undefined;
  readonly dim?: number | undefined;
  readonly eps?: number | undefined;
}

/** x divided by its p-norm along a dimension; norms are at least `eps`. */
export const normalize: Named<NormalizeOptions, ['p', 'dim', 'eps']> = named(
  'normalize',
  ['p', 'dim', 'eps'],
  (x, { p = 2, dim = 1, eps = 1e-12 }) => toTensor(x).div(norm(x, p, dim, true).clamp(eps)),
);

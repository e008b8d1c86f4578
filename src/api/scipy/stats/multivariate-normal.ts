/**
 * The normal distribution of vectors.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ShapeError } from '../../../ir/errors.ts';
import { broadcastShapes } from '../../../ir/shape.ts';
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import { promoteToFloat, type TensorLike } from '../../lift.ts';
import { cholesky } from '../../lax/linalg.ts';
import { diagonal } from '../../numpy/matrices.ts';
import { add, div, mul, sub } from '../arithmetic.ts';

const last = (x: Tensor): number[] => [x.ndim - 1];
const log2Pi = Math.log(2 * Math.PI);

/** Σ yᵢ² over the last axis. */
const squared = (y: Tensor): Tensor => prim.reduceSum(mul(y, y), last(y));

/** L⁻¹ d for vectors d: those that share a factor are columns of one system. */
function whiten(l: Tensor, d: Tensor): Tensor {
  const solve = (factor: Tensor, y: Tensor): Tensor =>
    prim.triangularSolve(factor, y, { leftSide: true, lower: true, transposeA: false, unitDiagonal: false });
  const n = l.shape.at(-1)!;
  if (l.ndim === 2)
    return prim.reshape(
      prim.transposed(solve(l, prim.transposed(prim.reshape(d, [d.size / Math.max(1, n), n])))),
      d.shape,
    );
  const batch = broadcastShapes('multivariateNormal', l.shape.slice(0, -2), d.shape.slice(0, -1));
  const columns = prim.reshape(prim.broadcastTo(d, [...batch, n]), [...batch, n, 1]);
  return prim.reshape(solve(prim.broadcastTo(l, [...batch, n, n]), columns), [...batch, n]);
}

/** −½ |L⁻¹ (x − μ)|² − ½ n log 2π − Σ log L_ii with Σ = L Lᵀ. */
function multivariateLogpdf(x: TensorLike, mean: TensorLike, cov: TensorLike): Tensor {
  const [given, mu, sigma] = promoteToFloat(x, mean, cov) as [Tensor, Tensor, Tensor];
  const d = sub(given, mu);
  const n = mu.ndim === 0 ? 1 : mu.shape.at(-1)!;
  if (sigma.ndim === 0) {
    const distance = mu.ndim === 0 ? mul(d, d) : squared(d);
    return mul(add(div(distance, sigma), mul(add(prim.log(sigma), log2Pi), n)), -0.5);
  }
  if (mu.ndim === 0 || sigma.ndim < 2 || sigma.shape.at(-1) !== n || sigma.shape.at(-2) !== n) {
    throw new ShapeError(
      `multivariateNormal: expected a covariance [..., n, n] for a mean [..., n], got ${sigma.aval.toString()} and ${mu.aval.toString()}.`,
      'a number is the variance of each component.',
    );
  }
  const l = cholesky(sigma);
  const logDiagonal = prim.log(diagonal(l, 0, -2, -1));
  const normalizer = add(prim.reduceSum(logDiagonal, last(logDiagonal)), (n * log2Pi) / 2);
  return sub(mul(squared(whiten(l, d)), -0.5), normalizer);
}

type OfThree = (x: TensorLike, mean: TensorLike, cov: TensorLike) => Tensor;

/**
 * Vectors x `[..., n]` of mean `[..., n]` and covariance `[..., n, n]`, which is symmetric positive definite (else the result is NaN); a
 * number is the variance of independent components.
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * const p = scipy.stats.multivariateNormal.logpdf([1, 2], [0, 0], [[2, 1], [1, 3]]);
 * console.log(p.item().toFixed(4)); // => -3.3426
 * ```
 */
export const multivariateNormal: { readonly logpdf: OfThree; readonly pdf: OfThree } = {
  logpdf: multivariateLogpdf,
  pdf: (x, mean, cov) => prim.exp(multivariateLogpdf(x, mean, cov)),
};

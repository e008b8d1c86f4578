/**
 * Transformations that bound updates.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { TensorLike } from '../api/lift.ts';
import { asTensor } from '../api/lift.ts';
import type { Tensor } from '../core/tensor.ts';
import * as prim from '../primitives/index.ts';
import { castTo, leavesOf, mapLeaves, scaled } from './leaves.ts';
import { type GradientTransformation, stateless, transformation } from './transformation.ts';
import { squaredNorm } from './update.ts';

/** Each element to [−maxDelta, maxDelta]. */
export const clip = (maxDelta: TensorLike): GradientTransformation =>
  stateless('clip', (g) => {
    const bound = castTo(g.dtype, maxDelta);
    return prim.max(prim.neg(bound), prim.min(bound, g));
  });

/**
 * Scales all updates together so that their norm is at most maxNorm.
 * @example
 * ```ts
 * import * as optim from 'cotangent/optim';
 * const clipping = optim.clipByGlobalNorm(1);
 * const [updates] = clipping.update([3, 4], clipping.init([0, 0]));
 * console.log(String(updates)); // => 0.6,0.8
 * ```
 */
export function clipByGlobalNorm(maxNorm: TensorLike): GradientTransformation {
  return transformation<null>({
    init: () => null,
    update: (updates) => {
      if (leavesOf('clipByGlobalNorm', updates)[0].length === 0) return [updates, null];
      const squares = squaredNorm('clipByGlobalNorm', updates);
      const bound = castTo(squares.dtype, maxNorm);
      // The root and the quotient are taken of a safe value, so that a zero gradient has a derivative.
      const isShort = prim.lt(squares, prim.mul(bound, bound));
      const norm = prim.sqrt(prim.select(isShort, prim.like(squares, 1), squares));
      const shorten = (g: Tensor): Tensor => {
        const shortened = scaled(prim.div(g, castTo(g.dtype, norm)), maxNorm);
        return prim.select(isShort, g, shortened);
      };
      return [mapLeaves('clipByGlobalNorm', shorten, updates), null];
    },
  });
}

/** Each leaf to a root mean square of at most `threshold`. */
export const clipByBlockRms = (threshold: TensorLike): GradientTransformation =>
  stateless('clipByBlockRms', (g) => {
    const axes = g.shape.map((_, i) => i);
    const mean = scaled(prim.reduceSum(prim.mul(g, g), axes), 1 / g.size);
    const bound = castTo(g.dtype, asTensor(threshold));
    const isSmall = prim.le(mean, prim.mul(bound, bound));
    const rms = prim.sqrt(prim.select(isSmall, prim.like(mean, 1), mean));
    return prim.select(isSmall, g, prim.div(g, prim.div(rms, bound)));
  });

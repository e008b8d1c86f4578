/**
 * Transformations that bound updates.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { viaFloat32 } from '../api/halves.ts';
import type { TensorLike } from '../api/lift.ts';
import { asTensor } from '../api/lift.ts';
import { readArgument } from '../api/named.ts';
import type { Tensor } from '../core/tensor.ts';
import { ShapeError } from '../ir/errors.ts';
import { normalizeAxis } from '../ir/shape.ts';
import * as prim from '../primitives/index.ts';
import { type Arguments, type Only, readArguments } from './arguments.ts';
import { cast, castTo, leavesOf, mapLeaves, scaled } from './leaves.ts';
import { type GradientTransformation, stateless, statelessWithParams, transformation } from './transformation.ts';
import { squaredNorm } from './update.ts';

/** Each element to [−maxDelta, maxDelta]. */
export function clip(maxDelta: Only<'maxDelta', TensorLike>): GradientTransformation {
  const limit = readArgument('clip', 'maxDelta', maxDelta);
  return stateless('clip', (g) => {
    const bound = castTo(g.dtype, limit);
    return prim.max(prim.neg(bound), prim.min(bound, g));
  });
}

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
export function clipByGlobalNorm(maxNorm: Only<'maxNorm', TensorLike>): GradientTransformation {
  const limit = readArgument('clipByGlobalNorm', 'maxNorm', maxNorm);
  return transformation<null>({
    init: () => null,
    update: (updates) => {
      if (leavesOf('clipByGlobalNorm', updates)[0].length === 0) return [updates, null];
      const squares = squaredNorm('clipByGlobalNorm', updates);
      const bound = castTo(squares.dtype, limit);
      // The root and the quotient are taken of a safe value, so that a zero gradient has a derivative.
      const isShort = prim.lt(squares, prim.mul(bound, bound));
      const norm = prim.sqrt(prim.select(isShort, prim.like(squares, 1), squares));
      const shorten = (g: Tensor): Tensor => {
        const shortened = scaled(prim.div(g, castTo(g.dtype, norm)), limit);
        return prim.select(isShort, g, shortened);
      };
      return [mapLeaves('clipByGlobalNorm', shorten, updates), null];
    },
  });
}

/** Each leaf to a root mean square of at most `threshold`. */
export function clipByBlockRms(threshold: Only<'threshold', TensorLike>): GradientTransformation {
  const limit = asTensor(readArgument('clipByBlockRms', 'threshold', threshold));
  return stateless('clipByBlockRms', (g) => {
    const axes = g.shape.map((_, i) => i);
    const mean = scaled(prim.reduceSum(prim.mul(g, g), axes), 1 / g.size);
    const bound = castTo(g.dtype, limit);
    const isSmall = prim.le(mean, prim.mul(bound, bound));
    const rms = prim.sqrt(prim.select(isSmall, prim.like(mean, 1), mean));
    return prim.select(isSmall, g, prim.div(g, prim.div(rms, bound)));
  });
}

export interface AdaptiveGradClipOptions {
  /** The least norm of a unit that counts, so that weights of 0 can grow; 1e-3. */
  readonly eps?: TensorLike;
  /**
   * The axis of a weight along which its units lie: 0 for the layers of `cotangent/nn`. Left out, the layouts are optax's: inputs × outputs,
   * and height × width × inputs × outputs for convolutions.
   */
  readonly outputAxis?: number;
}

interface ClippingArguments {
  readonly clipping: TensorLike;
  readonly eps: TensorLike;
  readonly outputAxis: number | undefined;
}

/** The axes of one unit's weights. */
function unitAxes(x: Tensor, outputAxis: number | undefined): readonly number[] {
  const all = x.shape.map((_, i) => i);
  if (x.ndim <= 1) return all;
  if (outputAxis !== undefined) {
    const kept = normalizeAxis('adaptiveGradClip', outputAxis, x.ndim);
    return all.filter((i) => i !== kept);
  }
  if (x.shape.filter((n) => n !== 1).length <= 1) return all;
  if (x.ndim <= 3) return [0];
  if (x.ndim === 4) return [0, 1, 2];
  throw new ShapeError(
    `adaptiveGradClip: expected parameters of at most 4 axes, got ${x.aval.toString()}.`,
    'say which axis is that of the units: { outputAxis: 0 }.',
  );
}

/** Norms over axes, which stay with size 1; 0 has the derivative 0. */
function normsOf(x: Tensor, axes: readonly number[]): Tensor {
  const shape = x.shape.map((n, i) => (axes.includes(i) ? 1 : n));
  const squares = prim.reshape(prim.reduceSum(prim.mul(x, x), axes), shape);
  const isZero = prim.eq(squares, prim.like(squares, 0));
  return prim.select(isZero, squares, prim.sqrt(prim.select(isZero, prim.like(squares, 1), squares)));
}

/**
 * Scales the gradient of each unit (the weights of one output) so that its norm is at most `clipping` times that of the unit's weights.
 * Needs the parameters. Scalars and vectors are one unit.
 * @throws ShapeError for parameters of more than 4 axes, without `outputAxis`
 * @see Brock, De, Smith and Simonyan, High-Performance Large-Scale Image Recognition Without Normalization, 2021, § 4.1
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import * as optim from 'cotangent/optim';
 * const clipping = optim.adaptiveGradClip(0.1, { outputAxis: 0 });
 * const weights = np.array([[3, 4], [0, 1]]);
 * const [updates] = clipping.update(np.array([[0.6, 0.8], [0, 0.05]]), clipping.init(weights), weights);
 * console.log(String(updates)); // => [[0.3, 0.4], [0, 0.05]]
 * ```
 */
export function adaptiveGradClip(
  ...args: Arguments<
    [clipping: TensorLike],
    [eps: TensorLike],
    AdaptiveGradClipOptions,
    AdaptiveGradClipOptions & { readonly clipping: TensorLike }
  >
): GradientTransformation {
  const names = ['clipping', 'eps', 'outputAxis'] as const;
  const defaults = { eps: 1e-3, outputAxis: undefined };
  const { clipping, eps, outputAxis } = readArguments<ClippingArguments>('adaptiveGradClip', names, defaults, args);
  const clipped = (g: Tensor, p: Tensor): Tensor => {
    const axes = unitAxes(g, outputAxis);
    const norms = normsOf(g, axes);
    const weights = normsOf(cast(p, g.dtype), axes);
    const most = scaled(prim.max(weights, prim.broadcastTo(castTo(g.dtype, eps), weights.shape)), clipping);
    const isShort = prim.le(norms, most);
    const one = prim.like(norms, 1);
    const factor = prim.select(isShort, one, prim.div(most, prim.select(isShort, one, norms)));
    return prim.mul(g, prim.broadcastTo(factor, g.shape));
  };
  return statelessWithParams('adaptiveGradClip', (g, p) => viaFloat32((a, b) => clipped(a!, b!), g, p));
}

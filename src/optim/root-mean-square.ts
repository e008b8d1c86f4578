/**
 * Transformations that divide by a root of summed or averaged squares: Adagrad, RMSProp (plain and centred), Adadelta.
 * Formulas and defaults are optax's.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { TensorLike } from '../api/lift.ts';
import { checkOptions } from '../api/options.ts';
import type { Tensor } from '../core/tensor.ts';
import * as prim from '../primitives/index.ts';
import { fullLike, increment, mapLeaves, shifted, zeroCount } from './leaves.ts';
import { correctBias, updateMoment } from './moments.ts';
import { type GradientTransformation, transformation } from './transformation.ts';

export interface RssOptions {
  /** What the sum of squares starts from; 0.1. */
  readonly initialAccumulatorValue?: TensorLike;
  /** Added inside the root; 1e-7. */
  readonly eps?: TensorLike;
}

/** g / √(Σ g² + eps), and 0 where all gradients were 0. State `{ sumOfSquares }`. */
export function scaleByRss(options: RssOptions = {}): GradientTransformation {
  checkOptions('scaleByRss', options, ['initialAccumulatorValue', 'eps']);
  const { initialAccumulatorValue = 0.1, eps = 1e-7 } = options;
  const inverseRoot = (sum: Tensor): Tensor => {
    const isSeen = prim.gt(sum, prim.like(sum, 0));
    const safe = prim.select(isSeen, sum, prim.like(sum, 1));
    return prim.select(isSeen, prim.rsqrt(shifted(safe, eps)), prim.like(sum, 0));
  };
  return transformation<{ readonly sumOfSquares: unknown }>({
    init: (params) => ({ sumOfSquares: fullLike('adagrad', params, initialAccumulatorValue) }),
    update: (grads, state) => {
      const sumOfSquares = mapLeaves('adagrad', (g, sum) => prim.add(prim.mul(g, g), sum!), grads, state.sumOfSquares);
      return [mapLeaves('adagrad', (g, sum) => prim.mul(inverseRoot(sum!), g), grads, sumOfSquares), { sumOfSquares }];
    },
  });
}

export interface RmsOptions {
  /** Decay of the mean of squares; 0.9. */
  readonly decay?: TensorLike;
  /** 1e-8 */
  readonly eps?: TensorLike;
  /** What the mean of squares starts from; 0. */
  readonly initialScale?: TensorLike;
  /** Whether eps is added inside the root; true. */
  readonly epsInSqrt?: boolean;
  /** Correct the bias toward the start; false. */
  readonly biasCorrection?: boolean;
}

export const rmsKeys: readonly string[] = ['decay', 'eps', 'initialScale', 'epsInSqrt', 'biasCorrection'];

interface RmsState {
  /** Only with bias correction. */
  readonly count?: Tensor;
  readonly nu: unknown;
  /** Only of the centred form. */
  readonly mu?: unknown;
}

/** E[g²] − E[g]², which rounding must not make negative. */
function variance(square: Tensor, mean: Tensor): Tensor {
  const difference = prim.sub(square, prim.mul(mean, mean));
  const zero = prim.like(difference, 0);
  return prim.select(prim.lt(difference, zero), zero, difference);
}

/** g / √(E[g²] + eps), of which the centred form subtracts E[g]² under the root. */
function scaleByRoot(op: string, options: RmsOptions, isCentered: boolean): GradientTransformation {
  checkOptions(op, options, rmsKeys);
  const { decay = 0.9, eps = 1e-8, initialScale = 0, epsInSqrt = true, biasCorrection = false } = options;
  const inverseRoot = (v: Tensor): Tensor =>
    epsInSqrt ? prim.rsqrt(shifted(v, eps)) : prim.div(prim.like(v, 1), shifted(prim.sqrt(v), eps));
  return transformation<RmsState>({
    init: (params) => ({
      ...(biasCorrection ? { count: zeroCount() } : {}),
      ...(isCentered ? { mu: fullLike(op, params, 0) } : {}),
      nu: fullLike(op, params, initialScale),
    }),
    update: (grads, state) => {
      const count = state.count && increment(state.count);
      const corrected = (moment: unknown): unknown => (count ? correctBias(op, moment, decay, count) : moment);
      const nu = updateMoment(op, grads, state.nu, decay, 2);
      const mu = isCentered ? updateMoment(op, grads, state.mu, decay, 1) : undefined;
      const spread = isCentered
        ? mapLeaves(op, (v, m) => variance(v, m!), corrected(nu), corrected(mu))
        : corrected(nu);
      const updates = mapLeaves(op, (g, v) => prim.mul(inverseRoot(v!), g), grads, spread);
      return [updates, { ...(count ? { count } : {}), ...(isCentered ? { mu } : {}), nu }];
    },
  });
}

/** g / √(E[g²] + eps). State `{ nu }`, with bias correction `{ count, nu }`. */
export const scaleByRms = (options: RmsOptions = {}): GradientTransformation =>
  scaleByRoot('scaleByRms', options, false);

/** g / √(E[g²] − E[g]² + eps). State `{ mu, nu }`, with bias correction `{ count, mu, nu }`. */
export const scaleByStddev = (options: RmsOptions = {}): GradientTransformation =>
  scaleByRoot('scaleByStddev', options, true);

export interface AdadeltaScaling {
  /** Decay of both means of squares; 0.9. */
  readonly rho?: TensorLike;
  /** 1e-6 */
  readonly eps?: TensorLike;
}

/** g · √(E[u²] + eps) / √(E[g²] + eps), where u are the updates. State `{ eG, eX }`. */
export function scaleByAdadelta(options: AdadeltaScaling = {}): GradientTransformation {
  checkOptions('scaleByAdadelta', options, ['rho', 'eps']);
  const { rho = 0.9, eps = 1e-6 } = options;
  const root = (x: Tensor): Tensor => prim.sqrt(shifted(x, eps));
  return transformation<{ readonly eG: unknown; readonly eX: unknown }>({
    init: (params) => ({ eG: fullLike('adadelta', params, 0), eX: fullLike('adadelta', params, 0) }),
    update: (grads, state) => {
      const eG = updateMoment('adadelta', grads, state.eG, rho, 2);
      const updates = mapLeaves(
        'adadelta',
        (g, s, d) => prim.mul(prim.div(root(d!), root(s!)), g),
        grads,
        eG,
        state.eX,
      );
      return [updates, { eG, eX: updateMoment('adadelta', updates, state.eX, rho, 2) }];
    },
  });
}

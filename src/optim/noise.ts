/**
 * Gradients with noise, and without NaN.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { TensorLike } from '../api/lift.ts';
import { normalOf } from '../api/random/continuous.ts';
import { key, splitKeys } from '../api/random/keys.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { unflatten } from '../core/pytree.ts';
import { type Arguments, readArguments } from './arguments.ts';
import * as prim from '../primitives/index.ts';
import { castTo, increment, leavesOf, mapLeaves, zeroCount } from './leaves.ts';
import { scaleByLearningRate } from './scaling.ts';
import type { LearningRate } from './schedules.ts';
import { chain, type GradientTransformation, transformation } from './transformation.ts';

interface NoiseArguments {
  readonly eta: TensorLike;
  readonly gamma: TensorLike;
  readonly seed: number | Tensor;
}

/**
 * g + N(0, eta / kᵍᵃᵐᵐᵃ) at step k. State `{ count, rngKey }`.
 * @param seed an integer, or a key
 * @see Neelakantan et al., Adding Gradient Noise Improves Learning for Very Deep Networks, 2015
 */
export function addNoise(
  ...args: Arguments<[eta: TensorLike, gamma: TensorLike, seed: number | Tensor], [], never, NoiseArguments>
): GradientTransformation {
  const { eta, gamma, seed } = readArguments<NoiseArguments>('addNoise', ['eta', 'gamma', 'seed'], {}, args);
  return transformation<{ readonly count: Tensor; readonly rngKey: Tensor }>({
    init: () => ({ count: zeroCount(), rngKey: typeof seed === 'number' ? key(seed) : seed }),
    update: (updates, state) => {
      const [leaves, def] = leavesOf('addNoise', updates);
      const count = increment(state.count);
      const [rngKey, sampleKey] = splitKeys(state.rngKey) as [Tensor, Tensor];
      const keys = splitKeys(sampleKey, Math.max(leaves.length, 1));
      const noisy = leaves.map((g, i) => {
        const k = prim.convert(count, g.dtype);
        const deviation = prim.sqrt(prim.div(castTo(g.dtype, eta), prim.pow(k, castTo(g.dtype, gamma))));
        return prim.add(g, prim.mul(deviation, normalOf(keys[i]!, g.shape, g.dtype)));
      });
      return [unflatten(def, noisy), { count, rngKey }];
    },
  });
}

export interface NoisySgdArguments {
  readonly learningRate: LearningRate;
  /** Variance of the noise at the first step; 0.01. */
  readonly eta?: TensorLike;
  /** How fast it falls; 0.55. */
  readonly gamma?: TensorLike;
  /** 0 */
  readonly seed?: number | Tensor;
}

type NoisySgdCall =
  | readonly [learningRate: LearningRate, options?: Omit<NoisySgdArguments, 'learningRate'>]
  | readonly [everything: NoisySgdArguments];

/** Stochastic gradient descent with added noise that falls with time. */
export function noisySgd(...args: NoisySgdCall): GradientTransformation {
  const names = ['learningRate', 'eta', 'gamma', 'seed'] as const;
  const o = readArguments<Required<NoisySgdArguments>>('noisySgd', names, { eta: 0.01, gamma: 0.55, seed: 0 }, args);
  return chain(addNoise(o.eta, o.gamma, o.seed), scaleByLearningRate(o.learningRate));
}

/** 0 in place of NaN. State `{ foundNan }`, a boolean for each leaf of the last updates. */
export function zeroNans(): GradientTransformation {
  const any = (x: Tensor): Tensor =>
    prim.reduceOr(
      prim.ne(x, x),
      x.shape.map((_, i) => i),
    );
  return transformation<{ readonly foundNan: unknown }>({
    init: (params) => ({ foundNan: mapLeaves('zeroNans', () => scalarTensor(0, 'bool'), params) }),
    update: (updates) => [
      mapLeaves('zeroNans', (g) => prim.select(prim.ne(g, g), prim.like(g, 0), g), updates),
      { foundNan: mapLeaves('zeroNans', any, updates) },
    ],
  });
}

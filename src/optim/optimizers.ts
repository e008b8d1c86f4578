/**
 * Optimisers: chains of transformations that end with the learning rate. Names, defaults and formulas are optax's.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { DTypeLike } from '../api/numpy/dtypes.ts';
import type { TensorLike } from '../api/lift.ts';
import {
  adamKeys,
  type AdamaxOptions,
  type AdamOptions,
  type AmsgradOptions,
  type LionOptions,
  type RadamOptions,
  scaleByAdam,
  scaleByAdamax,
  scaleByAmsgrad,
  scaleByBelief,
  scaleByLion,
  scaleByRadam,
  scaleByYogi,
} from './adaptive.ts';
import { readArgument } from '../api/named.ts';
import { type Only, readArguments } from './arguments.ts';
import {
  type RmsOptions,
  rmsKeys,
  type RssOptions,
  scaleByAdadelta,
  scaleByRms,
  scaleByRss,
  scaleByStddev,
} from './root-mean-square.ts';
import { addDecayedWeights, ema, scaleByLearningRate, scaleBySign, scaleByTrustRatio, trace } from './scaling.ts';
import type { LearningRate, Schedule } from './schedules.ts';
import { scaleBySm3 } from './sm3.ts';
import { chain, type GradientTransformation, identity, type Mask } from './transformation.ts';

/** `optimizer(learningRate, options)` or `optimizer({ learningRate, ...options })`. */
type Call<O> =
  | readonly [learningRate: LearningRate, options?: O]
  | readonly [everything: O & { readonly learningRate: LearningRate }];

/** The learning rate, and the options that were given. */
function callOf<O extends object>(
  op: string,
  keys: readonly string[],
  args: readonly unknown[],
): { rate: LearningRate; options: O } {
  const defaults = Object.fromEntries(keys.map((key) => [key, undefined]));
  const { learningRate, ...rest } = readArguments<Record<string, unknown>>(
    op,
    ['learningRate', ...keys],
    defaults,
    args,
  );
  const given = Object.fromEntries(Object.entries(rest).filter(([, v]) => v !== undefined));
  return { rate: learningRate as LearningRate, options: given as O };
}

export interface SgdOptions {
  /** Decay of the accumulated gradients; none. */
  readonly momentum?: TensorLike | null | undefined;
  /** Nesterov's form of momentum; false. */
  readonly nesterov?: boolean;
  readonly accumulatorDtype?: DTypeLike | undefined;
}

/**
 * Stochastic gradient descent: −learningRate · g, or of the momentum t ← g + momentum · t.
 * @example
 * ```ts
 * import { grad, np, type Tensor } from 'cotangent';
 * import * as optim from 'cotangent/optim';
 * const optimizer = optim.sgd(0.25);
 * let x = np.array([4]);
 * let state = optimizer.init(x);
 * for (let i = 0; i < 3; i++) {
 *   const [updates, next] = optimizer.update(grad((p: Tensor) => np.sum(np.square(p)))(x), state);
 *   [x, state] = [optim.applyUpdates(x, updates), next];
 * }
 * console.log(String(x)); // => [0.5]
 * ```
 */
export function sgd(...args: Call<SgdOptions>): GradientTransformation {
  const { rate, options } = callOf<SgdOptions>('sgd', ['momentum', 'nesterov', 'accumulatorDtype'], args);
  return chain(momentumOf(options), scaleByLearningRate(rate));
}

function momentumOf({ momentum, nesterov, accumulatorDtype }: SgdOptions): GradientTransformation {
  if (momentum === undefined || momentum === null) return identity();
  return trace(momentum, { nesterov: nesterov ?? false, accumulatorDtype });
}

/**
 * Adam: −learningRate · m̂ / (√(v̂ + epsRoot) + eps), with bias-corrected means m̂ of gradients and v̂ of their squares.
 * @see Kingma and Ba, Adam: A Method for Stochastic Optimization, 2014
 * @example
 * ```ts
 * import { jit, np, type Tensor, valueAndGrad } from 'cotangent';
 * import * as optim from 'cotangent/optim';
 * const optimizer = optim.adam(0.1);
 * const loss = (p: { x: Tensor }) => np.sum(np.square(np.subtract(p.x, 3)));
 * const step = jit((p: { x: Tensor }, state: optim.OptState) => {
 *   const [value, grads] = valueAndGrad(loss)(p);
 *   const [updates, next] = optimizer.update(grads, state, p);
 *   return [optim.applyUpdates(p, updates), next, value] as const;
 * });
 * let params = { x: np.array([0, 1]) };
 * let state = optimizer.init(params);
 * for (let i = 0; i < 200; i++) [params, state] = step(params, state);
 * console.log(np.max(np.abs(np.subtract(params.x, 3))).item() < 0.01); // => true
 * ```
 */
export function adam(...args: Call<AdamOptions>): GradientTransformation {
  const { rate, options } = callOf<AdamOptions>('adam', adamKeys, args);
  return chain(scaleByAdam(options), scaleByLearningRate(rate));
}

/** Adam with Nesterov's look-ahead. */
export function nadam(...args: Call<Omit<AdamOptions, 'nesterov'>>): GradientTransformation {
  const { rate, options } = callOf<AdamOptions>('nadam', adamKeys.slice(0, -1), args);
  return adam(rate, { ...options, nesterov: true });
}

export interface DecayOptions {
  /** Strength of the decay toward zero; a number or a schedule. */
  readonly weightDecay?: TensorLike | Schedule;
  /** Which leaves decay: a prefix of the parameters with booleans, or a function of them; all. */
  readonly mask?: Mask;
}

/** Splits the options of the decay from those of the scaling. */
function decaying<O extends DecayOptions>(
  all: O,
  strength: number,
): { rest: Omit<O, 'weightDecay' | 'mask'>; decay: GradientTransformation } {
  const { weightDecay = strength, mask, ...rest } = all;
  return { rest, decay: addDecayedWeights(weightDecay, mask) };
}

const decayedAdamKeys = [...adamKeys.slice(0, -1), 'weightDecay', 'mask'];

/** Adam with decoupled weight decay (1e-4): −learningRate · (m̂ / (√v̂ + eps) + weightDecay · p). Its update needs the parameters. */
export function adamw(...args: Call<AdamOptions & DecayOptions>): GradientTransformation {
  const { rate, options } = callOf<AdamOptions & DecayOptions>('adamw', [...decayedAdamKeys, 'nesterov'], args);
  const { rest, decay } = decaying(options, 1e-4);
  return chain(scaleByAdam(rest), decay, scaleByLearningRate(rate));
}

/** AdamW with Nesterov's look-ahead. */
export function nadamw(...args: Call<Omit<AdamOptions, 'nesterov'> & DecayOptions>): GradientTransformation {
  const { rate, options } = callOf<AdamOptions & DecayOptions>('nadamw', decayedAdamKeys, args);
  return adamw(rate, { ...options, nesterov: true });
}

/** Adam with the largest second moment so far in the denominator. */
export function amsgrad(...args: Call<AmsgradOptions>): GradientTransformation {
  const keys = [...adamKeys.slice(0, -1), 'biasCorrectionMu', 'biasCorrectionNu'];
  const { rate, options } = callOf<AmsgradOptions>('amsgrad', keys, args);
  return chain(scaleByAmsgrad(options), scaleByLearningRate(rate));
}

/** Adam with the infinity norm of gradients. */
export function adamax(...args: Call<AdamaxOptions>): GradientTransformation {
  const { rate, options } = callOf<AdamaxOptions>('adamax', ['b1', 'b2', 'eps'], args);
  return chain(scaleByAdamax(options), scaleByLearningRate(rate));
}

/** Adam that divides by the surprise of gradients instead of their size (AdaBelief); eps and epsRoot are 1e-16 unless given. */
export function adabelief(...args: Call<Omit<AdamOptions, 'muDtype'>>): GradientTransformation {
  const { rate, options } = callOf<Omit<AdamOptions, 'muDtype'>>(
    'adabelief',
    ['b1', 'b2', 'eps', 'epsRoot', 'nesterov'],
    args,
  );
  return chain(scaleByBelief(options), scaleByLearningRate(rate));
}

/** Rectified Adam: without the denominator until its variance can be trusted. */
export function radam(...args: Call<RadamOptions>): GradientTransformation {
  const { rate, options } = callOf<RadamOptions>(
    'radam',
    ['b1', 'b2', 'eps', 'epsRoot', 'threshold', 'nesterov'],
    args,
  );
  return chain(scaleByRadam(options), scaleByLearningRate(rate));
}

/** Yogi: Adam with a second moment that changes by a bounded amount; eps is 1e-3 unless given. */
export function yogi(...args: Call<AdamaxOptions>): GradientTransformation {
  const { rate, options } = callOf<AdamaxOptions>('yogi', ['b1', 'b2', 'eps'], args);
  return chain(scaleByYogi(options), scaleByLearningRate(rate));
}

/** Lion: −learningRate · (sign(b1 · m + (1 − b1) · g) + weightDecay · p), with weight decay 1e-3 unless given. */
export function lion(...args: Call<LionOptions & DecayOptions>): GradientTransformation {
  const { rate, options } = callOf<LionOptions & DecayOptions>(
    'lion',
    ['b1', 'b2', 'muDtype', 'weightDecay', 'mask'],
    args,
  );
  const { rest, decay } = decaying(options, 1e-3);
  return chain(scaleByLion(rest), decay, scaleByLearningRate(rate));
}

/** LAMB: Adam scaled to the norm of each parameter; eps is 1e-6, weight decay 0 unless given. Its update needs the parameters. */
export function lamb(...args: Call<Omit<AdamOptions, 'muDtype' | 'nesterov'> & DecayOptions>): GradientTransformation {
  const { rate, options } = callOf<AdamOptions & DecayOptions>(
    'lamb',
    ['b1', 'b2', 'eps', 'epsRoot', 'weightDecay', 'mask'],
    args,
  );
  const { rest, decay } = decaying(options, 0);
  return chain(scaleByAdam({ eps: 1e-6, ...rest }), decay, scaleByTrustRatio(), scaleByLearningRate(rate));
}

export interface RmspropOptions extends RmsOptions {
  /** Divide by the standard deviation instead of the root mean square; false. */
  readonly centered?: boolean;
  /** Decay of momentum, applied after the learning rate; none. */
  readonly momentum?: TensorLike | null | undefined;
  readonly nesterov?: boolean;
}

/** RMSProp: −learningRate · g / √(E[g²] + eps), optionally centred and with momentum. */
export function rmsprop(...args: Call<RmspropOptions>): GradientTransformation {
  const keys = [...rmsKeys.slice(0, -1), 'centered', 'momentum', 'nesterov', 'biasCorrection'];
  const { rate, options } = callOf<RmspropOptions>('rmsprop', keys, args);
  const { centered = false, momentum, nesterov = false, ...scaling } = options;
  const root = centered ? scaleByStddev(scaling) : scaleByRms(scaling);
  return chain(root, scaleByLearningRate(rate), momentumOf({ momentum, nesterov }));
}

/** Adagrad: −learningRate · g / √(Σ g² + eps). */
export function adagrad(...args: Call<RssOptions>): GradientTransformation {
  const { rate, options } = callOf<RssOptions>('adagrad', ['initialAccumulatorValue', 'eps'], args);
  return chain(scaleByRss(options), scaleByLearningRate(rate));
}

export interface Sm3Arguments {
  /** Decay of the mean of updates; 0.9. */
  readonly momentum?: TensorLike;
}

/**
 * SM3, Adagrad in the memory of SGD with momentum: −learningRate · mean of g / √(s + eps), where an n × m matrix has n + m sums s.
 * @see Anil, Gupta, Koren and Singer, Memory-Efficient Adaptive Optimization, 2019
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import * as optim from 'cotangent/optim';
 * const optimizer = optim.sm3(0.1, { momentum: 0 });
 * const params = np.zeros([2, 2]);
 * const [updates] = optimizer.update(np.array([[3, -1], [-5, 2]]), optimizer.init(params), params);
 * console.log(String(updates)); // => [[-0.1, 0.1], [0.1, -0.1]]
 * ```
 */
export function sm3(...args: Call<Sm3Arguments>): GradientTransformation {
  const { rate, options } = callOf<Sm3Arguments>('sm3', ['momentum'], args);
  return chain(scaleBySm3({ b1: options.momentum ?? 0.9 }), scaleByLearningRate(rate));
}

export interface AdadeltaOptions {
  /** Decay of both means of squares; 0.9. */
  readonly rho?: TensorLike;
  /** 1e-6 */
  readonly eps?: TensorLike;
  /** Weight decay added to the gradient; 0. */
  readonly weightDecay?: TensorLike | Schedule;
  readonly weightDecayMask?: Mask;
}

/** Adadelta: −learningRate · g · √(E[u²] + eps) / √(E[g²] + eps). */
export function adadelta(...args: Call<AdadeltaOptions>): GradientTransformation {
  const { rate, options } = callOf<AdadeltaOptions>('adadelta', ['rho', 'eps', 'weightDecay', 'weightDecayMask'], args);
  const { weightDecay = 0, weightDecayMask, ...scaling } = options;
  // Without decay the parameters are not needed.
  const decay = weightDecay === 0 ? identity() : addDecayedWeights(weightDecay, weightDecayMask);
  return chain(decay, scaleByAdadelta(scaling), scaleByLearningRate(rate));
}

/** −learningRate · sign(g). */
export const signSgd = (learningRate: Only<'learningRate', LearningRate>): GradientTransformation =>
  chain(scaleBySign(), scaleByLearningRate(readArgument('signSgd', 'learningRate', learningRate)));

export interface SignumOptions {
  /** Decay of the moving average; 0.9. */
  readonly beta?: TensorLike;
  readonly accumulatorDtype?: DTypeLike | undefined;
}

/** −learningRate · sign of the moving average of gradients. */
export function signum(...args: Call<SignumOptions>): GradientTransformation {
  const { rate, options } = callOf<SignumOptions>('signum', ['beta', 'accumulatorDtype'], args);
  const { beta = 0.9, accumulatorDtype } = options;
  return chain(ema(beta, { debias: false, accumulatorDtype }), scaleBySign(), scaleByLearningRate(rate));
}

export interface LarsOptions {
  /** 0 */
  readonly weightDecay?: TensorLike | Schedule;
  readonly weightDecayMask?: Mask;
  /** 0.001 */
  readonly trustCoefficient?: TensorLike;
  /** Added to the norm of the update; 0. */
  readonly eps?: TensorLike;
  /** 0.9 */
  readonly momentum?: TensorLike;
  readonly nesterov?: boolean;
}

/** LARS: momentum of gradients scaled to the norm of each parameter. Its update needs the parameters. */
export function lars(...args: Call<LarsOptions>): GradientTransformation {
  const keys = ['weightDecay', 'weightDecayMask', 'trustCoefficient', 'eps', 'momentum', 'nesterov'];
  const { rate, options } = callOf<LarsOptions>('lars', keys, args);
  const {
    weightDecay = 0,
    weightDecayMask,
    trustCoefficient = 0.001,
    eps = 0,
    momentum = 0.9,
    nesterov = false,
  } = options;
  return chain(
    addDecayedWeights(weightDecay, weightDecayMask),
    scaleByTrustRatio({ trustCoefficient, eps }),
    scaleByLearningRate(rate),
    trace(momentum, { nesterov }),
  );
}

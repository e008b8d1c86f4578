/**
 * Transformations that scale updates as a whole, accumulate momentum, or pull toward zero.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { DTypeLike } from '../api/numpy/dtypes.ts';
import { asTensor, type TensorLike } from '../api/lift.ts';
import { readArgument } from '../api/named.ts';
import { checkOptions, isOptions } from '../api/options.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import * as prim from '../primitives/index.ts';
import { type Arguments, type Only, readArguments } from './arguments.ts';
import {
  cast,
  castTo,
  fullLike,
  increment,
  leavesOf,
  mapLeaves,
  scaled,
  shifted,
  withFloatsOf,
  zeroCount,
} from './leaves.ts';
import { correctBias, updateMoment } from './moments.ts';
import type { LearningRate, Schedule } from './schedules.ts';
import {
  type GradientTransformation,
  identity,
  type Mask,
  masked,
  needParams,
  stateless,
  statelessWithParams,
  transformation,
} from './transformation.ts';

/** stepSize · g. */
export function scale(stepSize: Only<'stepSize', TensorLike>): GradientTransformation {
  const size = readArgument('scale', 'stepSize', stepSize);
  return stateless('scale', (g) => scaled(g, size));
}

/** sign(g). */
export const scaleBySign = (): GradientTransformation => stateless('scaleBySign', (g) => prim.sign(g));

/** Value of a schedule at a step, as precise as the leaves it will multiply. A number is rounded when it meets them. */
function valueAt(op: string, schedule: Schedule, count: Tensor, tree: unknown): Tensor {
  const [leaves] = leavesOf(op, tree);
  const value = withFloatsOf(leaves, () => schedule(count));
  return typeof value === 'number' ? scalarTensor(value, 'float64') : asTensor(value);
}

/** stepSizeFn(step) · g; the first step is 0. State `{ count }`. */
export const scaleBySchedule = (stepSizeFn: Only<'stepSizeFn', Schedule>): GradientTransformation =>
  scheduled(readArgument('scaleBySchedule', 'stepSizeFn', stepSizeFn), false);

function scheduled(schedule: Schedule, flipSign: boolean): GradientTransformation {
  return transformation<{ readonly count: Tensor }, Tensor>({
    init: () => ({ count: zeroCount() }),
    outside: (updates, state) => valueAt('scaleBySchedule', schedule, state.count, updates),
    update: (updates, state, _params, step) => {
      const apply = (g: Tensor): Tensor => (flipSign ? prim.mul(prim.neg(castTo(g.dtype, step)), g) : scaled(g, step));
      return [mapLeaves('scaleBySchedule', apply, updates), { count: increment(state.count) }];
    },
  });
}

export interface FlipSignOption {
  /** Go downhill: multiply by −1; true. */
  readonly flipSign?: boolean;
}

/** −learningRate · g, for a number, a scalar tensor or a schedule. */
export function scaleByLearningRate(
  ...args: Arguments<
    [learningRate?: LearningRate],
    [flipSign: boolean],
    FlipSignOption,
    FlipSignOption & { readonly learningRate?: LearningRate }
  >
): GradientTransformation {
  const { learningRate, flipSign } = readArguments<{ learningRate: LearningRate | undefined; flipSign: boolean }>(
    'scaleByLearningRate',
    ['learningRate', 'flipSign'],
    { learningRate: undefined, flipSign: true },
    args,
  );
  if (learningRate === undefined || learningRate === null) return identity();
  if (typeof learningRate === 'function') return scheduled(learningRate, flipSign);
  if (typeof learningRate === 'number') return scale(flipSign ? -learningRate : learningRate);
  const rate = asTensor(learningRate);
  return scale(flipSign ? prim.neg(rate) : rate);
}

export interface TraceOptions {
  /** Decay of the momentum. */
  readonly decay: TensorLike;
  readonly nesterov?: boolean;
  readonly accumulatorDtype?: DTypeLike | undefined;
}

/** Momentum: t ← g + decay · t; with Nesterov's form the update is g + decay · t of the new t. State `{ trace }`. */
export function trace(
  ...args: Arguments<
    [decay: TensorLike],
    [nesterov: boolean, accumulatorDtype: DTypeLike | undefined],
    Omit<TraceOptions, 'decay'>,
    TraceOptions
  >
): GradientTransformation {
  const names = ['decay', 'nesterov', 'accumulatorDtype'] as const;
  const defaults = { nesterov: false, accumulatorDtype: undefined };
  const { decay, nesterov, accumulatorDtype } = readArguments<TraceOptions>('trace', names, defaults, args);
  const add = (g: Tensor, t: Tensor): Tensor => prim.add(g, scaled(cast(t, g.dtype), decay));
  return transformation<{ readonly trace: unknown }>({
    init: (params) => ({ trace: fullLike('trace', params, 0, accumulatorDtype) }),
    update: (grads, state) => {
      const next = mapLeaves('trace', (g, t) => add(g, t!), grads, state.trace);
      const updates = nesterov ? mapLeaves('trace', (g, t) => add(g, t!), grads, next) : next;
      return [updates, { trace: mapLeaves('trace', (t) => cast(t, accumulatorDtype), next) }];
    },
  });
}

export interface EmaOptions {
  /** Share of the past. */
  readonly decay: TensorLike;
  /** Correct the bias toward the zeros it starts from; true. */
  readonly debias?: boolean;
  readonly accumulatorDtype?: DTypeLike | undefined;
}

/** Moving average of the updates. State `{ count, ema }`. */
export function ema(
  ...args: Arguments<
    [decay: TensorLike],
    [debias: boolean, accumulatorDtype: DTypeLike | undefined],
    Omit<EmaOptions, 'decay'>,
    EmaOptions
  >
): GradientTransformation {
  const names = ['decay', 'debias', 'accumulatorDtype'] as const;
  const defaults = { debias: true, accumulatorDtype: undefined };
  const { decay, debias, accumulatorDtype } = readArguments<EmaOptions>('ema', names, defaults, args);
  return transformation<{ readonly count: Tensor; readonly ema: unknown }>({
    init: (params) => ({ count: zeroCount(), ema: fullLike('ema', params, 0, accumulatorDtype) }),
    update: (updates, state) => {
      const next = updateMoment('ema', updates, state.ema, decay, 1);
      const count = increment(state.count);
      return [
        debias ? correctBias('ema', next, decay, count) : next,
        { count, ema: mapLeaves('ema', (m) => cast(m, accumulatorDtype), next) },
      ];
    },
  });
}

interface DecayedWeightsArguments {
  /** 0 */
  readonly weightDecay?: TensorLike | Schedule;
  readonly mask?: Mask;
}

/** g + weightDecay · p: weight decay that the learning rate scales. State null; `{ count }` when scheduled. */
export function addDecayedWeights(
  weightDecay: TensorLike | Schedule | DecayedWeightsArguments = 0,
  mask?: Mask,
): GradientTransformation {
  if (isOptions(weightDecay)) {
    checkOptions('addDecayedWeights', weightDecay, ['weightDecay', 'mask']);
    const given = weightDecay as DecayedWeightsArguments;
    return addDecayedWeights(given.weightDecay, given.mask);
  }
  const inner = typeof weightDecay === 'function' ? scheduledDecay(weightDecay) : constantDecay(weightDecay);
  return mask === undefined || mask === null ? inner : masked(inner, mask);
}

const decayed = (g: Tensor, p: Tensor, rate: TensorLike): Tensor => prim.add(g, scaled(cast(p, g.dtype), rate));

function constantDecay(rate: TensorLike): GradientTransformation {
  return statelessWithParams('addDecayedWeights', (g, p) => (rate === 0 ? g : decayed(g, p, rate)));
}

function scheduledDecay(schedule: Schedule): GradientTransformation {
  return transformation<{ readonly count: Tensor }, Tensor>({
    init: () => ({ count: zeroCount() }),
    outside: (updates, state) => valueAt('addDecayedWeights', schedule, state.count, updates),
    update: (updates, state, params, rate) => {
      const next = mapLeaves(
        'addDecayedWeights',
        (g, p) => decayed(g, p!, rate),
        updates,
        needParams('addDecayedWeights', params),
      );
      return [next, { count: increment(state.count) }];
    },
  });
}

/** √Σx² of a leaf, not below `least`, with derivative 0 there. */
function safeNorm(x: Tensor, least: TensorLike): Tensor {
  const squares = prim.reduceSum(
    prim.mul(x, x),
    x.shape.map((_, i) => i),
  );
  const floor = castTo(x.dtype, least);
  const isSmall = prim.le(squares, prim.mul(floor, floor));
  return prim.select(isSmall, floor, prim.sqrt(prim.select(isSmall, prim.like(x, 1), squares)));
}

export interface TrustRatioOptions {
  /** Least norm of parameters and updates; 0. */
  readonly minNorm?: TensorLike;
  /** 1 */
  readonly trustCoefficient?: TensorLike;
  /** Added to the norm of the update; 0. */
  readonly eps?: TensorLike;
}

/** g · trustCoefficient · ‖p‖ / (‖g‖ + eps) per leaf; g where a norm is 0. */
export function scaleByTrustRatio(options: TrustRatioOptions = {}): GradientTransformation {
  checkOptions('scaleByTrustRatio', options, ['minNorm', 'trustCoefficient', 'eps']);
  const { minNorm = 0, trustCoefficient = 1, eps = 0 } = options;
  return statelessWithParams('scaleByTrustRatio', (g, p) => {
    const [ofParam, ofUpdate] = [safeNorm(cast(p, g.dtype), minNorm), safeNorm(g, minNorm)];
    const zero = prim.like(g, 0);
    const isZero = prim.or(prim.eq(ofParam, zero), prim.eq(ofUpdate, zero));
    const divisor = prim.select(isZero, prim.like(g, 1), shifted(ofUpdate, eps));
    const ratio = prim.div(scaled(ofParam, trustCoefficient), divisor);
    return prim.mul(g, prim.select(isZero, prim.like(g, 1), ratio));
  });
}

/** g · max(‖p‖, minScale) per leaf. */
export function scaleByParamBlockNorm(minScale: Only<'minScale', TensorLike> = 1e-3): GradientTransformation {
  const least = readArgument('scaleByParamBlockNorm', 'minScale', minScale);
  return statelessWithParams('scaleByParamBlockNorm', (g, p) => prim.mul(g, safeNorm(cast(p, g.dtype), least)));
}

/** g · max(root mean square of p, minScale) per leaf. */
export function scaleByParamBlockRms(minScale: Only<'minScale', TensorLike> = 1e-3): GradientTransformation {
  const least = readArgument('scaleByParamBlockRms', 'minScale', minScale);
  return statelessWithParams('scaleByParamBlockRms', (g, p) => {
    const perElement = 1 / Math.sqrt(p.size);
    return prim.mul(g, safeNorm(scaled(cast(p, g.dtype), perElement), least));
  });
}

/** g minus its mean over all axes but the first; vectors and scalars as they are. */
export const centralize = (): GradientTransformation =>
  stateless('centralize', (g) => {
    if (g.ndim < 2) return g;
    const axes = g.shape.flatMap((_, i) => (i > 0 ? [i] : []));
    const count = g.size / g.shape[0]!;
    const mean = scaled(prim.reduceSum(g, axes), 1 / count);
    return prim.sub(g, prim.reshape(mean, [g.shape[0]!, ...axes.map(() => 1)]));
  });

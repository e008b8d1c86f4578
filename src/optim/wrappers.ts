/**
 * Transformations around others: gradient accumulation, steps that are skipped, look-ahead. Definitions and defaults are optax's.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { asTensor, type TensorLike } from '../api/lift.ts';
import { readArgument } from '../api/named.ts';
import { checkCount } from '../api/options.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../ir/errors.ts';
import * as prim from '../primitives/index.ts';
import { type Arguments, type Only, readArguments } from './arguments.ts';
import { allFinite, selectTree } from './choose.ts';
import { cast, castTo, fullLike, increment, mapLeaves, scaled, zeroCount } from './leaves.ts';
import type { Schedule } from './schedules.ts';
import { type GradientTransformation, needParams, type OptState, transformation } from './transformation.ts';
import { squaredNorm } from './update.ts';

const zerosLike = <P>(op: string, tree: P): P => fullLike(op, tree, 0);

/** Whether a step is to be left out: updates, number of steps done, parameters. */
export type SkipRule = (updates: unknown, step: Tensor, params: unknown) => TensorLike;

/** Leaves out steps with a NaN or an infinity in the gradients. For `multiSteps`. */
export const skipNotFinite: SkipRule = (updates) => prim.not(allFinite(updates));

/** Leaves out steps whose gradients have a squared norm of `maxSquaredNorm` or more, or none. For `multiSteps`. */
export const skipLargeUpdates =
  (maxSquaredNorm: TensorLike): SkipRule =>
  (updates) => {
    const norm = squaredNorm('skipLargeUpdates', updates);
    return prim.not(prim.lt(norm, castTo(norm.dtype, maxSquaredNorm)));
  };

export interface MultiStepsOptions {
  /** Average the gradients of the small steps, rather than add them; true. */
  readonly useGradMean?: boolean;
  /** Small steps that are left out as if they had not been taken; none. */
  readonly shouldSkipUpdateFn?: SkipRule;
}

interface MultiStepsArguments {
  readonly everyKSchedule: number | Schedule;
  readonly useGradMean: boolean;
  readonly shouldSkipUpdateFn: SkipRule | undefined;
}

export interface MultiStepsState {
  readonly miniStep: Tensor;
  readonly gradientStep: Tensor;
  readonly innerOptState: OptState;
  readonly accGrads: unknown;
}

export interface MultiSteps extends GradientTransformation {
  /** Whether the last update was a whole step, which changed the parameters. */
  hasUpdated(state: OptState): Tensor;
}

/**
 * Gradient accumulation: `inner` sees the mean of k gradients, at every k-th step; at the others updates are 0. With equal batches that is
 * one step with a batch k times as large. The sums have the dtype of the parameters.
 * State `{ miniStep, gradientStep, innerOptState, accGrads }`.
 * @param args everyKSchedule, k itself or a schedule of it by the number of whole steps, and options
 * @example
 * ```ts
 * import * as optim from 'cotangent/optim';
 * const optimizer = optim.multiSteps(optim.sgd(1), 2);
 * const [first, state] = optimizer.update({ w: 1 }, optimizer.init({ w: 0 }), { w: 0 });
 * const [second] = optimizer.update({ w: 5 }, state, { w: 0 });
 * console.log(String(first.w), String(second.w)); // => 0 -3
 * ```
 */
export function multiSteps(
  inner: GradientTransformation,
  ...args: Arguments<
    [everyKSchedule: number | Schedule],
    [useGradMean: boolean, shouldSkipUpdateFn: SkipRule],
    MultiStepsOptions,
    MultiStepsOptions & { readonly everyKSchedule: number | Schedule }
  >
): MultiSteps {
  const {
    everyKSchedule: everyK,
    useGradMean,
    shouldSkipUpdateFn,
  } = readArguments<MultiStepsArguments>(
    'multiSteps',
    ['everyKSchedule', 'useGradMean', 'shouldSkipUpdateFn'],
    { useGradMean: true, shouldSkipUpdateFn: undefined },
    args,
  );
  if (typeof everyK === 'number' && !(Number.isInteger(everyK) && everyK > 0)) {
    throw new ArgumentError(`multiSteps: expected a positive number of steps, got ${everyK}.`);
  }
  const add = (total: Tensor, g: Tensor, k: Tensor): Tensor => {
    const grad = cast(g, total.dtype);
    if (!useGradMean) return prim.add(total, grad);
    return prim.add(total, prim.div(prim.sub(grad, total), prim.convert(k, total.dtype)));
  };
  const made = transformation<MultiStepsState>({
    isOpaque: true,
    init: (params) => ({
      miniStep: zeroCount(),
      gradientStep: zeroCount(),
      innerOptState: inner.init(params),
      accGrads: zerosLike('multiSteps', params),
    }),
    update: (updates, state, params) => {
      const k = prim.convert(asTensor(typeof everyK === 'number' ? everyK : everyK(state.gradientStep)), 'int32');
      const taken = increment(state.miniStep);
      const accGrads = mapLeaves('multiSteps', (t, g) => add(t, g!, taken), state.accGrads, updates);
      const isLast = prim.ge(taken, k);
      const [final, innerOptState] = inner.update(accGrads, state.innerOptState, params);
      const next: MultiStepsState = {
        miniStep: prim.select(isLast, prim.like(taken, 0), taken),
        gradientStep: prim.select(isLast, increment(state.gradientStep), state.gradientStep),
        innerOptState: selectTree(isLast, innerOptState, state.innerOptState),
        accGrads: selectTree(isLast, zerosLike('multiSteps', accGrads), accGrads),
      };
      const out = selectTree(isLast, final, zerosLike('multiSteps', final));
      if (shouldSkipUpdateFn === undefined) return [out, next];
      const isSkipped = shouldSkipUpdateFn(updates, state.gradientStep, params);
      return [selectTree(isSkipped, zerosLike('multiSteps', out), out), selectTree(isSkipped, state, next)];
    },
  });
  const hasUpdated = (state: OptState): Tensor => {
    const { miniStep, gradientStep } = state as unknown as MultiStepsState;
    return prim.and(prim.eq(miniStep, prim.like(miniStep, 0)), prim.gt(gradientStep, prim.like(gradientStep, 0)));
  };
  return { ...made, hasUpdated };
}

export interface ApplyIfFiniteState {
  /** Steps left out in a row. */
  readonly notFiniteCount: Tensor;
  readonly lastFinite: Tensor;
  /** Steps with a NaN or an infinity so far. */
  readonly totalNotFinite: Tensor;
  readonly innerState: OptState;
}

/**
 * Leaves out steps whose gradients hold a NaN or an infinity, as if they had not been taken; after `maxConsecutiveErrors` in a row the next
 * one is taken nevertheless. State `{ notFiniteCount, lastFinite, totalNotFinite, innerState }`.
 */
export function applyIfFinite(
  inner: GradientTransformation,
  maxConsecutiveErrors: Only<'maxConsecutiveErrors', number>,
): GradientTransformation {
  const most = readArgument('applyIfFinite', 'maxConsecutiveErrors', maxConsecutiveErrors);
  checkCount('applyIfFinite', 'maxConsecutiveErrors', most ?? null, 0);
  return transformation<ApplyIfFiniteState>({
    isOpaque: true,
    init: (params) => ({
      notFiniteCount: zeroCount(),
      lastFinite: scalarTensor(1, 'bool'),
      totalNotFinite: zeroCount(),
      innerState: inner.init(params),
    }),
    update: (updates, state, params) => {
      const isFinite = allFinite(updates);
      const bad = increment(state.notFiniteCount);
      const notFiniteCount = prim.select(isFinite, prim.like(bad, 0), bad);
      const isTaken = prim.or(isFinite, prim.gt(notFiniteCount, prim.like(bad, most)));
      const [given, innerState] = inner.update(updates, state.innerState, params);
      const next: ApplyIfFiniteState = {
        notFiniteCount,
        lastFinite: isFinite,
        totalNotFinite: prim.select(isFinite, state.totalNotFinite, increment(state.totalNotFinite)),
        innerState: selectTree(isTaken, innerState, state.innerState),
      };
      return [selectTree(isTaken, given, zerosLike('applyIfFinite', given)), next];
    },
  });
}

/** The parameters of `lookahead`: those that learn, and those that follow. */
export interface LookaheadParams<P> {
  readonly fast: P;
  readonly slow: P;
}

interface LookaheadArguments {
  readonly syncPeriod: number;
  readonly slowStepSize: TensorLike;
  readonly resetState: boolean;
}

const isPair = (x: unknown): x is LookaheadParams<unknown> =>
  typeof x === 'object' && x !== null && 'fast' in x && 'slow' in x;

/** Both from the same start. */
export const lookaheadParams = <P>(params: P): LookaheadParams<P> => ({ fast: params, slow: params });

/**
 * Look-ahead: after `syncPeriod` steps of `inner` on the fast parameters, slow ones move `slowStepSize` of the way to them, and the fast ones
 * start from there. Parameters and updates are `{ fast, slow }`, gradients those of the fast parameters in the place `fast`
 * (or alone); evaluate with the slow ones. State `{ fastState, stepsSinceSync }`.
 * @see Zhang et al., Lookahead Optimizer: k steps forward, 1 step back, 2019
 * @example
 * ```ts
 * import { grad, np, type Tensor } from 'cotangent';
 * import * as optim from 'cotangent/optim';
 * const optimizer = optim.lookahead(optim.sgd(0.1), 5, 0.5);
 * let params = optim.lookaheadParams(np.array([1]));
 * let state = optimizer.init(params);
 * for (let i = 0; i < 50; i++) {
 *   const grads = { fast: grad((x: Tensor) => np.sum(np.square(x)))(params.fast), slow: params.slow };
 *   const [updates, next] = optimizer.update(grads, state, params);
 *   [params, state] = [optim.applyUpdates(params, updates), next];
 * }
 * console.log(Math.abs(params.slow.item()) < 0.02); // => true
 * ```
 */
export function lookahead(
  inner: GradientTransformation,
  ...args: Arguments<
    [syncPeriod: number, slowStepSize: TensorLike],
    [resetState: boolean],
    { readonly resetState?: boolean },
    Omit<LookaheadArguments, 'resetState'> & { readonly resetState?: boolean }
  >
): GradientTransformation {
  const names = ['syncPeriod', 'slowStepSize', 'resetState'] as const;
  const given = readArguments<LookaheadArguments>('lookahead', names, { resetState: false }, args);
  const { syncPeriod, slowStepSize, resetState } = given;
  if (!(Number.isInteger(syncPeriod) && syncPeriod > 0)) {
    throw new ArgumentError(`lookahead: expected a positive synchronisation period, got ${syncPeriod}.`);
  }
  const pairOf = (x: unknown): LookaheadParams<unknown> => {
    if (isPair(x)) return x;
    throw new ArgumentError(
      'lookahead: expected parameters { fast, slow }, got something else.',
      'make them with lookaheadParams(params).',
    );
  };
  return transformation<{ readonly fastState: OptState; readonly stepsSinceSync: Tensor }>({
    isOpaque: true,
    init: (params) => ({ fastState: inner.init(pairOf(params).fast), stepsSinceSync: zeroCount() }),
    update: (updates, state, params) => {
      const { fast, slow } = pairOf(needParams('lookahead', params));
      const [step, fastState] = inner.update(isPair(updates) ? updates.fast : updates, state.fastState, fast);
      const taken = increment(state.stepsSinceSync);
      const isSync = prim.eq(taken, prim.like(taken, syncPeriod));
      const ahead = mapLeaves('lookahead', (p, u, s) => prim.sub(prim.add(p, u!), s!), fast, step, slow);
      const slowUpdates = mapLeaves('lookahead', (d) => scaled(d, slowStepSize), ahead);
      const back = mapLeaves('lookahead', (u, s, d) => prim.add(u, prim.sub(s!, d!)), step, slowUpdates, ahead);
      const pair = {
        fast: selectTree(isSync, back, step),
        slow: selectTree(isSync, slowUpdates, zerosLike('lookahead', slowUpdates)),
      };
      const kept = resetState ? selectTree(isSync, inner.init(fast), fastState) : fastState;
      return [pair, { fastState: kept, stepsSinceSync: prim.select(isSync, prim.like(taken, 0), taken) }];
    },
  });
}

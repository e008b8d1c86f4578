/**
 * Learning rates that depend on the step. A schedule is a function of the step count; these compute in the default float dtype, inside
 * an optimiser in that of the parameters. Formulas are optax's.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { asTensor, type TensorLike } from '../api/lift.ts';
import { readArgument } from '../api/named.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../ir/errors.ts';
import * as prim from '../primitives/index.ts';
import { type Arguments, type Only, readArguments } from './arguments.ts';
import { castTo, complement, floatOf, scaled, shifted } from './leaves.ts';

/** From the step count (an int32 scalar, 0 at the first step) to a scalar. */
export type Schedule = (count: Tensor) => TensorLike;

/** A learning rate: a number, a scalar tensor, or a schedule. */
export type LearningRate = TensorLike | Schedule;

/** A schedule that also takes plain numbers. */
export type StepFunction = (count: TensorLike) => Tensor;

/** A step count as an integer, unless it is fractional. */
const stepOf = (count: TensorLike): Tensor =>
  typeof count === 'number' && Number.isInteger(count) ? scalarTensor(count, 'int32') : asTensor(count);

const difference = (k: Tensor, a: TensorLike, b: TensorLike): TensorLike =>
  typeof a === 'number' && typeof b === 'number' ? a - b : prim.sub(castTo(k.dtype, a), castTo(k.dtype, b));

const power = (x: Tensor, exponent: TensorLike): Tensor =>
  exponent === 1 ? x : prim.pow(x, castTo(x.dtype, exponent));

function needPositive(op: string, name: string, value: number): void {
  if (value > 0) return;
  throw new ArgumentError(
    `${op}: expected a positive ${name}, got ${value}.`,
    'use constantSchedule for a rate that stays.',
  );
}

/** The same value at every step. */
export function constantSchedule(value: Only<'value', TensorLike>): StepFunction {
  const constant = readArgument('constantSchedule', 'value', value);
  return (count) => castTo(floatOf(count).dtype, constant);
}

interface PolynomialOptions {
  /** Step at which the transition begins; 0. */
  readonly transitionBegin?: number;
}

interface PolynomialArguments extends PolynomialOptions {
  readonly initValue: TensorLike;
  readonly endValue: TensorLike;
  readonly power: TensorLike;
  /** Steps from the initial to the end value. */
  readonly transitionSteps: number;
}

/** (initValue − endValue) (1 − k/transitionSteps)ᵖᵒʷᵉʳ + endValue; constant before and after the transition. */
export function polynomialSchedule(
  ...args: Arguments<
    [initValue: TensorLike, endValue: TensorLike, power: TensorLike, transitionSteps: number],
    [transitionBegin: number],
    PolynomialOptions,
    PolynomialArguments
  >
): StepFunction {
  const names = ['initValue', 'endValue', 'power', 'transitionSteps', 'transitionBegin'] as const;
  return polynomial(readArguments<PolynomialArguments>('polynomialSchedule', names, { transitionBegin: 0 }, args));
}

function polynomial({
  initValue,
  endValue,
  power: exponent,
  transitionSteps,
  transitionBegin = 0,
}: PolynomialArguments): StepFunction {
  if (transitionSteps <= 0) return constantSchedule(initValue);
  const begin = Math.max(transitionBegin, 0);
  return (count) => {
    const k = floatOf(count);
    const done = prim.clamp(prim.like(k, 0), shifted(k, -begin), prim.like(k, transitionSteps));
    const left = prim.sub(prim.like(k, 1), prim.div(done, prim.like(k, transitionSteps)));
    return shifted(scaled(power(left, exponent), difference(k, initValue, endValue)), endValue);
  };
}

type LinearArguments = Omit<PolynomialArguments, 'power'>;

/**
 * A straight line from initValue to endValue in transitionSteps steps.
 * @example
 * ```ts
 * import * as optim from 'cotangent/optim';
 * const rate = optim.linearSchedule(1, 0, 10, { transitionBegin: 5 });
 * console.log([0, 5, 10, 20].map((k) => rate(k).item())); // => [ 1, 1, 0.5, 0 ]
 * ```
 */
export function linearSchedule(
  ...args: Arguments<
    [initValue: TensorLike, endValue: TensorLike, transitionSteps: number],
    [transitionBegin: number],
    PolynomialOptions,
    LinearArguments
  >
): StepFunction {
  const names = ['initValue', 'endValue', 'transitionSteps', 'transitionBegin'] as const;
  return polynomial({
    ...readArguments<LinearArguments>('linearSchedule', names, { transitionBegin: 0 }, args),
    power: 1,
  });
}

interface ExponentialOptions {
  /** Step at which the decay begins; 0. */
  readonly transitionBegin?: number;
  /** Decay at whole multiples of transitionSteps only; false. */
  readonly staircase?: boolean;
  /** Bound of the decayed value; none. */
  readonly endValue?: TensorLike | null;
}

interface ExponentialArguments extends ExponentialOptions {
  readonly initValue: TensorLike;
  readonly transitionSteps: number;
  readonly decayRate: number;
}

const exponentialNames = [
  'initValue',
  'transitionSteps',
  'decayRate',
  'transitionBegin',
  'staircase',
  'endValue',
] as const;
const exponentialDefaults = { transitionBegin: 0, staircase: false, endValue: null } as const;

/** initValue · decayRate^(k / transitionSteps), bounded by endValue. */
export function exponentialDecay(
  ...args: Arguments<
    [initValue: TensorLike, transitionSteps: number, decayRate: number],
    [transitionBegin: number, staircase: boolean, endValue: TensorLike | null],
    ExponentialOptions,
    ExponentialArguments
  >
): StepFunction {
  return exponential(
    readArguments<ExponentialArguments>('exponentialDecay', exponentialNames, exponentialDefaults, args),
  );
}

function exponential({
  initValue,
  transitionSteps,
  decayRate,
  transitionBegin = 0,
  staircase,
  endValue,
}: ExponentialArguments): StepFunction {
  if (transitionSteps <= 0 || decayRate === 0) return constantSchedule(initValue);
  const begin = Math.max(transitionBegin, 0);
  return (count) => {
    const k = shifted(floatOf(count), -begin);
    const start = castTo(k.dtype, initValue);
    const periods = prim.div(k, prim.like(k, transitionSteps));
    const factor = prim.pow(prim.like(k, decayRate), staircase ? prim.floor(periods) : periods);
    const value = prim.select(prim.le(k, prim.like(k, 0)), start, prim.mul(start, factor));
    if (endValue === null || endValue === undefined) return value;
    const bound = castTo(k.dtype, endValue);
    return decayRate < 1 ? prim.max(value, bound) : prim.min(value, bound);
  };
}

interface CosineOptions {
  /** End value as a fraction of the initial one; 0. */
  readonly alpha?: TensorLike;
  /** Power of the cosine; 1. */
  readonly exponent?: TensorLike;
}

interface CosineArguments extends CosineOptions {
  readonly initValue: TensorLike;
  readonly decaySteps: number;
}

/**
 * initValue · ((1 − alpha) (½ (1 + cos πk/decaySteps))ᵉˣᵖᵒⁿᵉⁿᵗ + alpha).
 * @throws ArgumentError unless decaySteps > 0
 * @example
 * ```ts
 * import * as optim from 'cotangent/optim';
 * const rate = optim.cosineDecaySchedule(1, 10, { alpha: 0.5 });
 * console.log([0, 5, 10].map((k) => rate(k).item().toFixed(3))); // => [ '1.000', '0.750', '0.500' ]
 * ```
 */
export function cosineDecaySchedule(
  ...args: Arguments<
    [initValue: TensorLike, decaySteps: number],
    [alpha: TensorLike, exponent: TensorLike],
    CosineOptions,
    CosineArguments
  >
): StepFunction {
  const names = ['initValue', 'decaySteps', 'alpha', 'exponent'] as const;
  return cosine(
    'cosineDecaySchedule',
    readArguments<CosineArguments>('cosineDecaySchedule', names, { alpha: 0, exponent: 1 }, args),
  );
}

function cosine(op: string, { initValue, decaySteps, alpha = 0, exponent = 1 }: CosineArguments): StepFunction {
  needPositive(op, 'decaySteps', decaySteps);
  return (count) => {
    const k = floatOf(count);
    const part = prim.div(prim.min(k, prim.like(k, decaySteps)), prim.like(k, decaySteps));
    const wave = scaled(shifted(prim.cos(scaled(part, Math.PI)), 1), 0.5);
    const decayed = shifted(scaled(power(wave, exponent), complement(alpha)), alpha);
    return scaled(decayed, initValue);
  };
}

interface JoinArguments {
  readonly schedules: readonly Schedule[];
  readonly boundaries: readonly number[];
}

/** Schedules one after the other: from boundaries[i] on, schedules[i + 1] of the steps since. */
export function joinSchedules(
  ...args: Arguments<[schedules: readonly Schedule[], boundaries: readonly number[]], [], never, JoinArguments>
): StepFunction {
  const { schedules, boundaries } = readArguments<JoinArguments>(
    'joinSchedules',
    ['schedules', 'boundaries'],
    {},
    args,
  );
  if (schedules.length !== boundaries.length + 1) {
    throw new ArgumentError(
      `joinSchedules: expected one boundary less than schedules, got ${boundaries.length} and ${schedules.length}.`,
      'boundaries stand between schedules.',
    );
  }
  return (count) => {
    const step = stepOf(count);
    const { dtype } = floatOf(count);
    const first = castTo(dtype, schedules[0]!(step));
    return boundaries.reduce((value, boundary, i) => {
      const next = castTo(dtype, schedules[i + 1]!(shifted(step, -boundary)));
      return prim.select(prim.lt(step, castTo(step.dtype, boundary)), value, next);
    }, first);
  };
}

interface WarmupCosineOptions {
  /** Value at the end; 0. */
  readonly endValue?: number;
  /** Power of the cosine; 1. */
  readonly exponent?: TensorLike;
}

export interface WarmupCosineArguments extends WarmupCosineOptions {
  readonly initValue: number;
  readonly peakValue: number;
  /** Steps of the linear rise. */
  readonly warmupSteps: number;
  /** Steps in all, the rise included. */
  readonly decaySteps: number;
}

const warmupCosineNames = ['initValue', 'peakValue', 'warmupSteps', 'decaySteps', 'endValue', 'exponent'] as const;

/**
 * A linear rise from initValue to peakValue, then half a cosine down to endValue.
 * @example
 * ```ts
 * import * as optim from 'cotangent/optim';
 * const rate = optim.warmupCosineDecaySchedule({ initValue: 0, peakValue: 1, warmupSteps: 10, decaySteps: 110 });
 * console.log([0, 5, 10, 60, 110].map((k) => rate(k).item().toFixed(2))); // => [ '0.00', '0.50', '1.00', '0.50', '0.00' ]
 * ```
 */
export function warmupCosineDecaySchedule(
  ...args: Arguments<
    [initValue: number, peakValue: number, warmupSteps: number, decaySteps: number],
    [endValue: number, exponent: TensorLike],
    WarmupCosineOptions,
    WarmupCosineArguments
  >
): StepFunction {
  return warmupCosine(
    readArguments<WarmupCosineArguments>(
      'warmupCosineDecaySchedule',
      warmupCosineNames,
      { endValue: 0, exponent: 1 },
      args,
    ),
  );
}

function warmupCosine(a: WarmupCosineArguments): StepFunction {
  const { initValue, peakValue, warmupSteps, decaySteps, endValue = 0, exponent = 1 } = a;
  const alpha = peakValue === 0 ? 0 : endValue / peakValue;
  const rise = linearSchedule(initValue, peakValue, warmupSteps);
  const fall = cosine('warmupCosineDecaySchedule', {
    initValue: peakValue,
    decaySteps: decaySteps - warmupSteps,
    alpha,
    exponent,
  });
  return joinSchedules([rise, fall], [warmupSteps]);
}

interface WarmupExponentialArguments extends Omit<ExponentialArguments, 'initValue'> {
  readonly initValue: number;
  readonly peakValue: number;
  readonly warmupSteps: number;
}

/** A linear rise from initValue to peakValue, then exponential decay. */
export function warmupExponentialDecaySchedule(
  ...args: Arguments<
    [initValue: number, peakValue: number, warmupSteps: number, transitionSteps: number, decayRate: number],
    [transitionBegin: number, staircase: boolean, endValue: TensorLike | null],
    ExponentialOptions,
    WarmupExponentialArguments
  >
): StepFunction {
  const names = [
    'initValue',
    'peakValue',
    'warmupSteps',
    ...exponentialNames.slice(1),
  ] as (keyof WarmupExponentialArguments)[];
  const a = readArguments<WarmupExponentialArguments>(
    'warmupExponentialDecaySchedule',
    names,
    exponentialDefaults,
    args,
  );
  const rise = linearSchedule(a.initValue, a.peakValue, a.warmupSteps);
  return joinSchedules([rise, exponential({ ...a, initValue: a.peakValue })], [a.warmupSteps]);
}

interface WarmupConstantArguments {
  readonly initValue: TensorLike;
  readonly peakValue: TensorLike;
  readonly warmupSteps: number;
}

/** Linear rise from initValue to peakValue in warmupSteps steps, then constant. */
export function warmupConstantSchedule(
  ...args: Arguments<
    [initValue: TensorLike, peakValue: TensorLike, warmupSteps: number],
    [],
    never,
    WarmupConstantArguments
  >
): StepFunction {
  const names = ['initValue', 'peakValue', 'warmupSteps'] as const;
  const a = readArguments<WarmupConstantArguments>('warmupConstantSchedule', names, {}, args);
  return linearSchedule(a.initValue, a.peakValue, a.warmupSteps);
}

/** Cosine decay with warm restarts (SGDR): one `warmupCosineDecaySchedule` after the other. */
export function sgdrSchedule(cosineKwargs: Only<'cosineKwargs', readonly WarmupCosineArguments[]>): StepFunction {
  const cycles = readArgument('sgdrSchedule', 'cosineKwargs', cosineKwargs);
  let end = 0;
  const ends = cycles.map((c) => (end += c.decaySteps));
  return joinSchedules(
    cycles.map((c) => warmupCosineDecaySchedule(c)),
    ends.slice(0, -1),
  );
}

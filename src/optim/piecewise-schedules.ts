/**
 * Schedules that change by given factors at given steps. Formulas are optax's.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { TensorLike } from '../api/lift.ts';
import { checkChoice, checkOptions, isOptions } from '../api/options.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../ir/errors.ts';
import * as prim from '../primitives/index.ts';
import { type Arguments, readArguments } from './arguments.ts';
import { castTo, floatOf, scaled, shifted } from './leaves.ts';
import type { StepFunction } from './schedules.ts';

/** Factors by step: `{ 1000: 0.1, 2000: 0.1 }` or a Map. */
export type Boundaries = Readonly<Record<number, number>> | ReadonlyMap<number, number>;

function sortedBoundaries(op: string, boundaries: Boundaries | null | undefined): [step: number, scale: number][] {
  const entries = boundaries instanceof Map ? [...boundaries] : Object.entries(boundaries ?? {});
  const pairs = entries.map(([step, scale]): [number, number] => [Number(step), scale as number]);
  const bad = pairs.find(([step, scale]) => !Number.isFinite(step) || !(scale >= 0));
  if (bad)
    throw new ArgumentError(`${op}: expected steps with factors that are not negative, got ${bad[0]}: ${bad[1]}.`);
  return pairs.sort((a, b) => a[0] - b[0]);
}

interface PiecewiseArguments {
  readonly initValue: TensorLike;
  readonly boundariesAndScales?: Boundaries | null;
}

/**
 * initValue, multiplied by a factor from each given step on.
 * @example
 * ```ts
 * import * as optim from 'cotangent/optim';
 * const rate = optim.piecewiseConstantSchedule(8, { 10: 0.5, 20: 0.25 });
 * console.log([0, 9, 10, 20].map((k) => rate(k).item())); // => [ 8, 8, 4, 1 ]
 * ```
 */
export function piecewiseConstantSchedule(
  initValue: TensorLike | PiecewiseArguments,
  boundariesAndScales?: Boundaries | null,
): StepFunction {
  if (isOptions(initValue)) {
    checkOptions('piecewiseConstantSchedule', initValue, ['initValue', 'boundariesAndScales']);
    const given = initValue as PiecewiseArguments;
    return piecewiseConstantSchedule(given.initValue, given.boundariesAndScales);
  }
  const pairs = sortedBoundaries('piecewiseConstantSchedule', boundariesAndScales);
  return (count) => {
    const k = floatOf(count);
    const step = (value: Tensor, [boundary, scale]: [number, number]): Tensor =>
      prim.select(prim.lt(k, prim.like(k, boundary)), value, scaled(value, scale));
    return pairs.reduce(step, castTo(k.dtype, initValue));
  };
}

type Interpolation = 'linear' | 'cosine';

interface InterpolateArguments {
  readonly interpolateType: Interpolation;
  readonly initValue: number;
  readonly boundariesAndScales?: Boundaries | null;
}

/** As `piecewiseConstantSchedule`, with straight lines or half cosines between the steps. */
export function piecewiseInterpolateSchedule(everything: InterpolateArguments): StepFunction;
export function piecewiseInterpolateSchedule(
  interpolateType: Interpolation,
  initValue: number,
  boundariesAndScales?: Boundaries | null,
): StepFunction;
export function piecewiseInterpolateSchedule(
  first: Interpolation | InterpolateArguments,
  initValue?: number,
  boundariesAndScales?: Boundaries | null,
): StepFunction {
  const op = 'piecewiseInterpolateSchedule';
  if (!isOptions(first)) return interpolated(op, first, initValue!, boundariesAndScales);
  checkOptions(op, first, ['interpolateType', 'initValue', 'boundariesAndScales']);
  return interpolated(op, first.interpolateType, first.initValue, first.boundariesAndScales);
}

function interpolated(
  op: string,
  interpolateType: Interpolation,
  initValue: number,
  boundariesAndScales?: Boundaries | null,
): StepFunction {
  checkChoice(op, 'interpolateType', interpolateType, ['linear', 'cosine']);
  const pairs = sortedBoundaries(op, boundariesAndScales);
  const steps = [0, ...pairs.map(([step]) => step)];
  const values = [initValue];
  for (const [, scale] of pairs) values.push(values.at(-1)! * scale);
  return (count) => {
    const k = floatOf(count);
    // From the last interval to the first, so that the first that contains the step decides.
    return pairs.reduceRight(
      (later, _pair, i) => {
        const part = scaled(shifted(k, -steps[i]!), 1 / Math.max(steps[i + 1]! - steps[i]!, 1));
        const isBefore = prim.lt(k, prim.like(k, steps[i + 1]!));
        return prim.select(isBefore, interpolate(interpolateType, part, values[i]!, values[i + 1]!), later);
      },
      prim.like(k, values.at(-1)!),
    );
  };
}

function interpolate(type: Interpolation, part: Tensor, from: number, to: number): Tensor {
  if (type === 'linear') return shifted(scaled(part, to - from), from);
  return shifted(scaled(shifted(prim.cos(scaled(part, Math.PI)), 1), (from - to) / 2), to);
}

interface OnecycleOptions {
  /** Fraction of the steps in which the rate rises; 0.3. */
  readonly pctStart?: number;
  /** Fraction after which the rate falls below its start, of the linear form; 0.85. */
  readonly pctFinal?: number;
  /** peakValue over the initial value; 25. */
  readonly divFactor?: number;
  /** Initial value over the final one; 1e4. */
  readonly finalDivFactor?: number;
}

interface OnecycleArguments extends OnecycleOptions {
  readonly transitionSteps: number;
  readonly peakValue: number;
}

type OnecycleCall<Omitted extends keyof OnecycleOptions> = Arguments<
  [transitionSteps: number, peakValue: number],
  [],
  Omit<OnecycleOptions, Omitted>,
  Omit<OnecycleArguments, Omitted>
>;

const onecycleDefaults = { pctStart: 0.3, divFactor: 25, finalDivFactor: 1e4 };

function onecycle(op: string, type: Interpolation, args: readonly unknown[]): StepFunction {
  const isLinear = type === 'linear';
  const names = ['transitionSteps', 'peakValue', 'pctStart', isLinear && 'pctFinal', 'divFactor', 'finalDivFactor'];
  const {
    transitionSteps: steps,
    peakValue,
    pctStart,
    pctFinal,
    divFactor,
    finalDivFactor,
  } = readArguments<Required<OnecycleArguments>>(
    op,
    names.filter((name) => name !== false) as (keyof OnecycleArguments)[],
    isLinear ? { ...onecycleDefaults, pctFinal: 0.85 } : onecycleDefaults,
    args,
  );
  if (!(steps > 0)) throw new ArgumentError(`${op}: expected a positive transitionSteps, got ${steps}.`);
  const top = [Math.trunc(pctStart * steps), divFactor] as const;
  const down: (readonly [number, number])[] = isLinear
    ? [
        [Math.trunc(pctFinal * steps), 1 / divFactor],
        [steps, 1 / finalDivFactor],
      ]
    : [[steps, 1 / (divFactor * finalDivFactor)]];
  return piecewiseInterpolateSchedule(type, peakValue / divFactor, new Map([top, ...down]));
}

/** One cycle of half cosines: up to peakValue, down to peakValue / (divFactor · finalDivFactor). */
export const cosineOnecycleSchedule = (...args: OnecycleCall<'pctFinal'>): StepFunction =>
  onecycle('cosineOnecycleSchedule', 'cosine', args);

/** One cycle of straight lines: up to peakValue, back to the start, and on to peakValue / (divFactor · finalDivFactor). */
export const linearOnecycleSchedule = (...args: OnecycleCall<never>): StepFunction =>
  onecycle('linearOnecycleSchedule', 'linear', args);

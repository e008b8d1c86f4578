/**
 * Schedules that change by given factors at given steps. Formulas are optax's.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { TensorLike } from '../api/lift.ts';
import { checkChoice, checkOptions } from '../api/options.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../ir/errors.ts';
import * as prim from '../primitives/index.ts';
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
  initValue: TensorLike,
  boundariesAndScales?: Boundaries | null,
): StepFunction {
  const pairs = sortedBoundaries('piecewiseConstantSchedule', boundariesAndScales);
  return (count) => {
    const k = floatOf(count);
    const step = (value: Tensor, [boundary, scale]: [number, number]): Tensor =>
      prim.select(prim.lt(k, prim.like(k, boundary)), value, scaled(value, scale));
    return pairs.reduce(step, castTo(k.dtype, initValue));
  };
}

type Interpolation = 'linear' | 'cosine';

/** As `piecewiseConstantSchedule`, with straight lines or half cosines between the steps. */
export function piecewiseInterpolateSchedule(
  interpolateType: Interpolation,
  initValue: number,
  boundariesAndScales?: Boundaries | null,
): StepFunction {
  const op = 'piecewiseInterpolateSchedule';
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

function onecycle(
  op: string,
  type: Interpolation,
  steps: number,
  peakValue: number,
  options: OnecycleOptions,
): StepFunction {
  checkOptions(op, options, ['pctStart', ...(type === 'linear' ? ['pctFinal'] : []), 'divFactor', 'finalDivFactor']);
  if (!(steps > 0)) throw new ArgumentError(`${op}: expected a positive transitionSteps, got ${steps}.`);
  const { pctStart = 0.3, pctFinal = 0.85, divFactor = 25, finalDivFactor = 1e4 } = options;
  const top = [Math.trunc(pctStart * steps), divFactor] as const;
  const down: (readonly [number, number])[] =
    type === 'linear'
      ? [
          [Math.trunc(pctFinal * steps), 1 / divFactor],
          [steps, 1 / finalDivFactor],
        ]
      : [[steps, 1 / (divFactor * finalDivFactor)]];
  return piecewiseInterpolateSchedule(type, peakValue / divFactor, new Map([top, ...down]));
}

/** One cycle of half cosines: up to peakValue, down to peakValue / (divFactor · finalDivFactor). */
export const cosineOnecycleSchedule = (
  transitionSteps: number,
  peakValue: number,
  options: Omit<OnecycleOptions, 'pctFinal'> = {},
): StepFunction => onecycle('cosineOnecycleSchedule', 'cosine', transitionSteps, peakValue, options);

/** One cycle of straight lines: up to peakValue, back to the start, and on to peakValue / (divFactor · finalDivFactor). */
export const linearOnecycleSchedule = (
  transitionSteps: number,
  peakValue: number,
  options: OnecycleOptions = {},
): StepFunction => onecycle('linearOnecycleSchedule', 'linear', transitionSteps, peakValue, options);

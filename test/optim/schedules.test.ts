/**
 * Schedules against their closed forms.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { ArgumentError, config, jit, np, type Tensor, vmap } from 'cotangent';
import * as optim from 'cotangent/optim';

/** Values at steps, computed in float64. */
function valuesAt(schedule: optim.StepFunction, steps: readonly number[]): number[] {
  return steps.map((k) => schedule(np.array(k, { dtype: 'float64' })).item());
}

const steps = [0, 1, 5, 9, 10, 11, 25, 60];

function expectForm(schedule: optim.StepFunction, form: (k: number) => number): void {
  valuesAt(schedule, steps).forEach((v, i) => expect(v).toBeCloseTo(form(steps[i]!), 12));
}

const linear = (from: number, to: number, n: number) => (k: number) =>
  from + (to - from) * Math.min(Math.max(k / n, 0), 1);

describe('schedules', () => {
  it('constantSchedule stays', () => expectForm(optim.constantSchedule(0.3), () => 0.3));

  it('linearSchedule is a line between two constants', () => {
    expectForm(optim.linearSchedule(1, 0.2, 20), linear(1, 0.2, 20));
    expectForm(optim.linearSchedule(1, 0.2, 20, { transitionBegin: 5 }), (k) => linear(1, 0.2, 20)(k - 5));
    expectForm(optim.linearSchedule({ initValue: 1, endValue: 0.2, transitionSteps: 20 }), linear(1, 0.2, 20));
    expectForm(optim.linearSchedule(1, 0.2, 0), () => 1);
  });

  it('polynomialSchedule is a power of the part that is left', () => {
    expectForm(optim.polynomialSchedule(2, 0.5, 3, 20), (k) => 1.5 * (1 - Math.min(k / 20, 1)) ** 3 + 0.5);
  });

  it('exponentialDecay decays, in steps, from a begin, to an end', () => {
    expectForm(optim.exponentialDecay(2, 10, 0.5), (k) => 2 * 0.5 ** (k / 10));
    expectForm(optim.exponentialDecay(2, 10, 0.5, { staircase: true }), (k) => 2 * 0.5 ** Math.floor(k / 10));
    expectForm(optim.exponentialDecay(2, 10, 0.5, 5), (k) => (k <= 5 ? 2 : 2 * 0.5 ** ((k - 5) / 10)));
    expectForm(optim.exponentialDecay(2, 10, 0.5, { endValue: 0.7 }), (k) => Math.max(0.7, 2 * 0.5 ** (k / 10)));
    expectForm(optim.exponentialDecay(2, 10, 1.5, { endValue: 3 }), (k) => Math.min(3, 2 * 1.5 ** (k / 10)));
  });

  const cosine = (k: number, n: number): number => 0.5 * (1 + Math.cos((Math.PI * Math.min(k, n)) / n));

  it('cosineDecaySchedule is half a wave', () => {
    expectForm(optim.cosineDecaySchedule(3, 40), (k) => 3 * cosine(k, 40));
    expectForm(
      optim.cosineDecaySchedule(3, 40, { alpha: 0.1, exponent: 2 }),
      (k) => 3 * (0.9 * cosine(k, 40) ** 2 + 0.1),
    );
  });

  const warm = (k: number): number => (k < 10 ? linear(0.1, 1, 10)(k) : 0.05 + 0.95 * cosine(k - 10, 40));

  it('warmupCosineDecaySchedule rises, then falls', () => {
    expectForm(optim.warmupCosineDecaySchedule(0.1, 1, 10, 50, { endValue: 0.05 }), warm);
  });

  it('warmupExponentialDecaySchedule rises, then decays', () => {
    expectForm(optim.warmupExponentialDecaySchedule(0, 1, 10, 5, 0.5), (k) =>
      k < 10 ? k / 10 : 0.5 ** ((k - 10) / 5),
    );
  });

  it('sgdrSchedule restarts', () => {
    const cycle = { initValue: 0.1, peakValue: 1, warmupSteps: 10, decaySteps: 50, endValue: 0.05 };
    expectForm(optim.sgdrSchedule([cycle, cycle]), (k) => warm(k < 50 ? k : k - 50));
  });

  it('piecewiseConstantSchedule multiplies from each boundary on', () => {
    expectForm(optim.piecewiseConstantSchedule(1, { 10: 0.5, 20: 0.1 }), (k) => (k < 10 ? 1 : k < 20 ? 0.5 : 0.05));
  });

  it('piecewiseInterpolateSchedule joins boundaries', () => {
    const form = (k: number): number => (k < 10 ? linear(1, 4, 10)(k) : linear(4, 2, 10)(k - 10));
    expectForm(optim.piecewiseInterpolateSchedule('linear', 1, { 10: 4, 20: 0.5 }), form);
    const peak = valuesAt(optim.cosineOnecycleSchedule(100, 2), [0, 30, 100]);
    [2 / 25, 2, 2 / 25e4 / 1].forEach((v, i) => expect(peak[i]!).toBeCloseTo(i === 2 ? 2 / 25 / 1e4 : v, 12));
  });

  it('joinSchedules counts from each boundary', () => {
    const joined = optim.joinSchedules([() => 1, (k: Tensor) => np.multiply(k, 2)], [10]);
    expect([9, 10, 12].map((k) => joined(k).item())).toEqual([1, 0, 4]);
    expect(() => optim.joinSchedules([], [1])).toThrow(/one boundary less/);
  });

  it('work on traced and batched counts', () => {
    const rate = optim.warmupCosineDecaySchedule(0, 1, 10, 50);
    const counts = np.arange(60, { dtype: 'int32' });
    const batched = vmap(rate)(counts).toArray();
    const jitted = jit(rate);
    expect(jitted(np.array(30, { dtype: 'int32' })).item()).toBeCloseTo(rate(30).item(), 6);
    expect((batched as number[])[30]).toBeCloseTo(rate(30).item(), 6);
  });

  it('are as precise as the parameters inside an optimiser', () => {
    const schedule = optim.cosineDecaySchedule(0.1, 7);
    expect(schedule(3).dtype).toBe('float32');
    const transform = optim.scaleBySchedule(schedule);
    const g = np.array([1], { dtype: 'float64' });
    let state = transform.init(g);
    let updates = g;
    for (let k = 0; k < 4; k++) [updates, state] = transform.update(g, state);
    expect(updates.item()).toBeCloseTo(0.05 * (1 + Math.cos((Math.PI * 3) / 7)), 14);
    expect(config.defaultDtype).toBe('float32');
  });

  it.each([
    ['an unknown option', () => optim.cosineDecaySchedule(1, 10, { beta: 2 } as never), /beta/],
    ['no steps', () => optim.cosineDecaySchedule(1, 0), /positive decaySteps/],
    ['a missing argument', () => optim.linearSchedule({ initValue: 1 } as never), /endValue/],
    [
      'an argument twice',
      () => optim.exponentialDecay(1, 2, 0.5, 1, { transitionBegin: 2 } as never),
      /by position and by name/,
    ],
    ['a negative factor', () => optim.piecewiseConstantSchedule(1, { 5: -1 }), /not negative/],
  ])('%s is an error', (_what, f, message) => {
    expect(f).toThrow(ArgumentError);
    expect(f).toThrow(message);
  });
});

/**
 * Arguments of transformations and schedules, by position and by name; and updates that do not fit.
 * @module
 */
import { describe, expect, it, test } from 'vitest';
import { np, ShapeError, type Tensor } from 'cotangent';
import * as optim from 'cotangent/optim';

const [params, grads] = [np.array([1, 2]), np.array([3, 4])];

/** Two updates. */
function updates(t: optim.GradientTransformation): unknown {
  const [first, state] = t.update(grads, t.init(params), params);
  return [first, t.update(grads, state, params)[0]].map((u) => u.toArray());
}

describe('transformations are the same by position and by name', () => {
  it.each<[string, optim.GradientTransformation, optim.GradientTransformation]>([
    ['clip', optim.clip(1), optim.clip({ maxDelta: 1 })],
    ['clipByGlobalNorm', optim.clipByGlobalNorm(1), optim.clipByGlobalNorm({ maxNorm: 1 })],
    ['clipByBlockRms', optim.clipByBlockRms(1), optim.clipByBlockRms({ threshold: 1 })],
    ['adaptiveGradClip', optim.adaptiveGradClip(0.1, 2), optim.adaptiveGradClip({ clipping: 0.1, eps: 2 })],
    ['scale', optim.scale(2), optim.scale({ stepSize: 2 })],
    ['scaleBySchedule', optim.scaleBySchedule(() => 2), optim.scaleBySchedule({ stepSizeFn: () => 2 })],
    [
      'scaleByLearningRate',
      optim.scaleByLearningRate(2, { flipSign: false }),
      optim.scaleByLearningRate({ learningRate: 2, flipSign: false }),
    ],
    ['trace', optim.trace(0.9, true), optim.trace({ decay: 0.9, nesterov: true })],
    ['ema', optim.ema(0.9, { debias: false }), optim.ema({ decay: 0.9, debias: false })],
    ['addDecayedWeights', optim.addDecayedWeights(0.1), optim.addDecayedWeights({ weightDecay: 0.1 })],
    ['addNoise', optim.addNoise(1, 0.5, 3), optim.addNoise({ eta: 1, gamma: 0.5, seed: 3 })],
    ['scaleByParamBlockNorm', optim.scaleByParamBlockNorm(3), optim.scaleByParamBlockNorm({ minScale: 3 })],
    ['scaleByParamBlockRms', optim.scaleByParamBlockRms(3), optim.scaleByParamBlockRms({ minScale: 3 })],
    ['signSgd', optim.signSgd(0.1), optim.signSgd({ learningRate: 0.1 })],
    [
      'multiSteps',
      optim.multiSteps(optim.sgd(1), 2, false),
      optim.multiSteps(optim.sgd(1), { everyKSchedule: 2, useGradMean: false }),
    ],
    [
      'applyIfFinite',
      optim.applyIfFinite(optim.sgd(1), 2),
      optim.applyIfFinite(optim.sgd(1), { maxConsecutiveErrors: 2 }),
    ],
  ])('%s', (_name, first, second) => expect(updates(second)).toEqual(updates(first)));

  it('and what is missing or unknown is named', () => {
    expect(() => optim.ema({} as never)).toThrow('ema: expected decay, got nothing');
    expect(() => optim.clip({ max: 1 } as never)).toThrow('clip: expected options maxDelta, got max');
    expect(() => optim.lookahead(optim.sgd(1), { syncPeriod: 2 } as never)).toThrow('lookahead: expected slowStepSize');
    expect(() => optim.multiSteps(optim.sgd(1), { everyK: 2 } as never)).toThrow('expected options everyKSchedule');
    expect(() => optim.applyIfFinite(optim.sgd(1), {} as never)).toThrow(
      'applyIfFinite: expected maxConsecutiveErrors',
    );
  });
});

test.each<[string, optim.Schedule, optim.Schedule]>([
  ['constantSchedule', optim.constantSchedule(2), optim.constantSchedule({ value: 2 })],
  [
    'piecewiseConstantSchedule',
    optim.piecewiseConstantSchedule(1, { 2: 0.5 }),
    optim.piecewiseConstantSchedule({ initValue: 1, boundariesAndScales: { 2: 0.5 } }),
  ],
  [
    'piecewiseInterpolateSchedule',
    optim.piecewiseInterpolateSchedule('cosine', 1, { 2: 0.5 }),
    optim.piecewiseInterpolateSchedule({ interpolateType: 'cosine', initValue: 1, boundariesAndScales: { 2: 0.5 } }),
  ],
  [
    'warmupConstantSchedule',
    optim.warmupConstantSchedule(0, 1, 2),
    optim.warmupConstantSchedule({ initValue: 0, peakValue: 1, warmupSteps: 2 }),
  ],
  [
    'cosineOnecycleSchedule',
    optim.cosineOnecycleSchedule(8, 1, { pctStart: 0.5 }),
    optim.cosineOnecycleSchedule({ transitionSteps: 8, peakValue: 1, pctStart: 0.5 }),
  ],
  [
    'linearOnecycleSchedule',
    optim.linearOnecycleSchedule(8, 1, { pctFinal: 0.5 }),
    optim.linearOnecycleSchedule({ transitionSteps: 8, peakValue: 1, pctFinal: 0.5 }),
  ],
  [
    'joinSchedules',
    optim.joinSchedules([() => 1, () => 2], [3]),
    optim.joinSchedules({ schedules: [() => 1, () => 2], boundaries: [3] }),
  ],
  [
    'sgdrSchedule',
    optim.sgdrSchedule([{ initValue: 0, peakValue: 1, warmupSteps: 1, decaySteps: 4 }]),
    optim.sgdrSchedule({ cosineKwargs: [{ initValue: 0, peakValue: 1, warmupSteps: 1, decaySteps: 4 }] }),
  ],
])('%s is the same by position and by name', (_name, first, second) => {
  const values = (f: optim.Schedule): number[] => [0, 1, 2, 3, 5, 8, 9].map((k) => (f(np.array(k)) as Tensor).item());
  expect(values(second)).toEqual(values(first));
});

test('lookahead takes the gradients of the fast parameters alone', () => {
  const t = optim.lookahead(optim.sgd(1), { syncPeriod: 1, slowStepSize: 0.5 });
  const pair = optim.lookaheadParams(params);
  const [alone] = t.update(grads, t.init(pair), pair) as unknown as [optim.LookaheadParams<Tensor>];
  const [inPair] = t.update({ fast: grads, slow: params }, t.init(pair), pair);
  expect([alone.fast.toArray(), alone.slow.toArray()]).toEqual([
    [-1.5, -2],
    [-1.5, -2],
  ]);
  expect([inPair.fast.toArray(), inPair.slow.toArray()]).toEqual([
    [-1.5, -2],
    [-1.5, -2],
  ]);
});

test('an update never changes the shape of a parameter', () => {
  expect(optim.applyUpdates(np.ones([2]), np.array(1)).toArray()).toEqual([2, 2]);
  expect(() => optim.applyUpdates(np.ones([2]), np.ones([3, 2]))).toThrow(ShapeError);
  expect(() => optim.applyUpdates({ w: np.ones([1]) }, { w: np.ones([2]) })).toThrow(
    'applyUpdates: expected updates that broadcast to their parameters, got f32[2] for f32[1]',
  );
});

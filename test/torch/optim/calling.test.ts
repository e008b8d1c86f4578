/**
 * Arguments of schedulers and of gradient clipping, by position as in PyTorch, and by name.
 * @module
 */
import { describe, expect, it, test } from 'vitest';
import { nn, optim, tensor, type Tensor } from 'cotangent/torch';

const S = optim.lrScheduler;
type Scheduler = optim.lrScheduler.LRScheduler | optim.lrScheduler.ReduceLROnPlateau;
const sgd = (): optim.SGD => new optim.SGD([tensor([1])], { lr: 0.8, momentum: 0.9 });

function rates(make: (optimizer: optim.SGD) => Scheduler): number[] {
  const optimizer = sgd();
  const scheduler = make(optimizer);
  return Array.from({ length: 6 }, () => {
    scheduler.step(1);
    return optimizer.paramGroups[0]!.lr;
  });
}

describe('schedulers', () => {
  it.each<[string, (o: optim.SGD) => Scheduler, (o: optim.SGD) => Scheduler]>([
    ['StepLR', (o) => new S.StepLR(o, 2, 0.5), (o) => new S.StepLR(o, { stepSize: 2, gamma: 0.5 })],
    ['MultiStepLR', (o) => new S.MultiStepLR(o, [1, 3]), (o) => new S.MultiStepLR(o, { milestones: [1, 3] })],
    ['ExponentialLR', (o) => new S.ExponentialLR(o, 0.9), (o) => new S.ExponentialLR(o, { gamma: 0.9 })],
    ['ConstantLR', (o) => new S.ConstantLR(o, 0.5, 2), (o) => new S.ConstantLR(o, { factor: 0.5, totalIters: 2 })],
    ['LinearLR', (o) => new S.LinearLR(o, 0.5, 1, 3), (o) => new S.LinearLR(o, { startFactor: 0.5, totalIters: 3 })],
    ['PolynomialLR', (o) => new S.PolynomialLR(o, 4, 2), (o) => new S.PolynomialLR(o, { totalIters: 4, power: 2 })],
    ['CosineAnnealingLR', (o) => new S.CosineAnnealingLR(o, 5), (o) => new S.CosineAnnealingLR(o, { tMax: 5 })],
    [
      'CosineAnnealingWarmRestarts',
      (o) => new S.CosineAnnealingWarmRestarts(o, 2, 2),
      (o) => new S.CosineAnnealingWarmRestarts(o, { t0: 2, tMult: 2 }),
    ],
    [
      'LambdaLR',
      (o) => new S.LambdaLR(o, (e) => 1 / (1 + e)),
      (o) => new S.LambdaLR(o, { lrLambda: (e) => 1 / (1 + e) }),
    ],
    ['MultiplicativeLR', (o) => new S.MultiplicativeLR(o, () => 0.5), (o) => new S.StepLR(o, 1, 0.5)],
    ['OneCycleLR', (o) => new S.OneCycleLR(o, 1, 9), (o) => new S.OneCycleLR(o, { maxLr: 1, totalSteps: 9 })],
    [
      'CyclicLR',
      (o) => new S.CyclicLR(o, 0.1, 1, 2),
      (o) => new S.CyclicLR(o, { baseLr: 0.1, maxLr: 1, stepSizeUp: 2 }),
    ],
    [
      'ReduceLROnPlateau',
      (o) => new S.ReduceLROnPlateau(o, 'max', 0.5, 1),
      (o) => new S.ReduceLROnPlateau(o, { mode: 'max', factor: 0.5, patience: 1 }),
    ],
    [
      'SequentialLR',
      (o) => new S.SequentialLR(o, [new S.ConstantLR(o, 0.1, 2), new S.ExponentialLR(o, 0.9)], [3]),
      (o) =>
        new S.SequentialLR(o, {
          schedulers: [new S.ConstantLR(o, 0.1, 2), new S.ExponentialLR(o, 0.9)],
          milestones: [3],
        }),
    ],
  ])('%s', (_name, first, second) => {
    const got = rates(first);
    expect(new Set(got).size).toBeGreaterThan(1);
    expect(got).toEqual(rates(second));
  });

  it('go on from an epoch', () => {
    const optimizer = sgd();
    optimizer.paramGroups[0]!.initialLr = 0.8;
    expect(new S.StepLR(optimizer, { stepSize: 2 }, 4).lastEpoch).toBe(5);
    expect(new S.StepLR(optimizer, 2, 0.1, 4).lastEpoch).toBe(5);
    expect(new S.StepLR(optimizer, { stepSize: 2, lastEpoch: 4 }).lastEpoch).toBe(5);
  });

  it('refuse settings that are unknown, and miss those that are not there', () => {
    expect(() => new S.CosineAnnealingLR(sgd(), { TMax: 5 } as never)).toThrow(
      'CosineAnnealingLR: expected options tMax, etaMin, lastEpoch, got TMax',
    );
    expect(() => new S.StepLR(sgd(), {} as never)).toThrow('StepLR: expected stepSize, got nothing');
    expect(() => new S.CyclicLR(sgd(), 0.1 as never)).toThrow('CyclicLR: expected maxLr, got nothing');
    expect(() => new S.CyclicLR(sgd(), 0.1, 1, { mode: 'exp_range' } as never)).toThrow('expected mode to be one of');
    expect(() => new S.ReduceLROnPlateau(sgd(), 'maximum' as never)).toThrow('expected mode to be one of min, max');
  });
});

test.each<[string, optim.Optimizer, optim.Optimizer]>([
  ['SGD', new optim.SGD([tensor([1])], 0.1, 0.9), new optim.SGD([tensor([1])], { lr: 0.1, momentum: 0.9 })],
  [
    'Adam',
    new optim.Adam([tensor([1])], 0.1, [0.5, 0.6], 1e-3, 0.2, true),
    new optim.Adam([tensor([1])], { lr: 0.1, betas: [0.5, 0.6], eps: 1e-3, weightDecay: 0.2, amsgrad: true }),
  ],
  [
    'AdamW',
    new optim.AdamW([tensor([1])], 0.1, [0.5, 0.6], 1e-3, 0.2),
    new optim.AdamW([tensor([1])], { lr: 0.1, betas: [0.5, 0.6], eps: 1e-3, weightDecay: 0.2 }),
  ],
  [
    'NAdam',
    new optim.NAdam([tensor([1])], 0.1, [0.5, 0.6], 1e-3, 0.2, 0.3),
    new optim.NAdam([tensor([1])], {
      lr: 0.1,
      betas: [0.5, 0.6],
      eps: 1e-3,
      weightDecay: 0.2,
      momentumDecay: 0.3,
    }),
  ],
  [
    'RMSprop',
    new optim.RMSprop([tensor([1])], 0.1, 0.5, 1e-3, { momentum: 0.9 }),
    new optim.RMSprop([tensor([1])], { lr: 0.1, alpha: 0.5, eps: 1e-3, momentum: 0.9 }),
  ],
  ['LBFGS', new optim.LBFGS([tensor([1])], 0.1, 7), new optim.LBFGS([tensor([1])], { lr: 0.1, maxIter: 7 })],
])('%s takes its settings by position', (_name, first, second) => {
  expect(first.defaults).toEqual(second.defaults);
});

test('gradients are clipped by the norm that is asked for', () => {
  const clipped = (...args: [] | [normType: number] | [{ normType: number }]): [number, number] => {
    const w: Tensor = tensor([3, 4], { dtype: 'float64', requiresGrad: true });
    w.grad = tensor([3, 4], { dtype: 'float64' });
    return [nn.utils.clipGradNorm_([w], 1, ...args).item(), Math.round(w.grad.sum().item() * 1e5) / 1e5];
  };
  expect(clipped()).toEqual([5, 1.4]);
  expect(clipped(1)).toEqual([7, 1]);
  expect(clipped({ normType: 1 })).toEqual([7, 1]);
  expect(clipped(Infinity)).toEqual([4, 1.75]);
  expect(() => clipped({ p: 1 } as never)).toThrow('clipGradNorm_: expected options normType, errorIfNonfinite');
});

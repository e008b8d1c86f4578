/**
 * Optimisers with PyTorch's trajectories. The figures in `data/optimizers.json` are those of PyTorch 1.13 in float64: two groups, eight
 * steps, a parameter without a gradient beside them. (NAdam is its `foreach` variant: the other counts one momentum twice in 1.13.)
 * Those with options that 1.13 has not (`decoupledWeightDecay`; `maximize` of some) are of PyTorch 2.13.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { nn, ones, optim } from 'cotangent/torch';
import { type Figures, leaf, Problem, readData } from './problem.ts';

interface Case {
  readonly optimizer: string;
  readonly options: { readonly lr?: number };
  readonly trace: readonly Figures[];
}

const cases = readData('optimizers') as Case[];
type Make = new (params: unknown, options: object) => optim.Optimizer;
const optimizers = optim as unknown as Readonly<Record<string, Make>>;

const problemOf = ({ optimizer, options }: Case): Problem =>
  new Problem(({ a, b, unused }) => {
    const groups = [{ params: [a, unused] }, { params: [b], lr: (options.lr ?? 0.1) / 2 }];
    return new optimizers[optimizer]!(groups, options);
  });

function step(problem: Problem): void {
  problem.closure();
  problem.optimizer.step();
}

describe.each(cases)('$optimizer($options)', (c) => {
  it('goes where it goes in PyTorch', () => {
    const problem = problemOf(c);
    for (const at of c.trace) {
      step(problem);
      problem.expectAt(at, 8);
    }
    expect(problem.unused.item()).toBe(7);
    expect(problem.optimizer.state.has(problem.unused)).toBe(false);
  });

  it.each([false, true])('goes on from its state (from JSON: %s)', (isJson) => {
    const [before, after] = [problemOf(c), problemOf(c)];
    for (let i = 0; i < 4; i++) step(before);
    after.goOnFrom(before, isJson);
    for (const at of c.trace.slice(4)) {
      step(after);
      after.expectAt(at, 8);
    }
  });
});

describe('optimisers', () => {
  it('T50 sets gradients to null, or to zero if asked', () => {
    const w = leaf([1, 2]);
    const optimizer = new optim.SGD([w], { lr: 0.1 });
    w.sum().backward();
    const { grad } = w;
    optimizer.zeroGrad(false);
    expect(w.grad).toBe(grad);
    expect(w.grad?.tolist()).toEqual([0, 0]);
    optimizer.zeroGrad();
    expect(w.grad).toBeNull();
  });

  it('T51 pass over parameters without a gradient', () => {
    const w = leaf([1, 2]);
    new optim.Adam([w], { weightDecay: 1 }).step();
    expect(w.tolist()).toEqual([1, 2]);
  });

  it('update float32 parameters of a module', () => {
    const layer = new nn.Linear(3, 2);
    const optimizer = new optim.AdamW(layer.parameters());
    const before = layer.weight.clone();
    layer.call(ones(4, 3)).sum().backward();
    expect(optimizer.step(() => 3)).toBe(3);
    expect(layer.weight.dtype).toBe('float32');
    expect(layer.weight.isLeaf && layer.weight.requiresGrad).toBe(true);
    expect(layer.weight.sub(before).abs().max().item()).toBeCloseTo(1e-3, 4);
  });

  it('take options that say how PyTorch is to compute, and refuse those that nothing here answers to', () => {
    const w = leaf([1]);
    w.grad = leaf([2]).detach();
    new optim.SGD([w], { foreach: true, fused: null, differentiable: false, capturable: false }).step();
    expect(w.item()).toBeCloseTo(1 - 2e-3, 12);
    expect(() => new optim.Adam([w], { differentiable: true })).toThrow('expected differentiable to be false');
    expect(() => new optim.Adam([w], { capturable: true })).toThrow('expected capturable to be false');
    expect(() => new optim.SGD([w], { momemtum: 0.9 } as never)).toThrow(
      /SGD: expected options lr, momentum, .*got momemtum/,
    );
    expect(Object.keys(new optim.Adam([w], { foreach: true }).paramGroups[0]!)).not.toContain('foreach');
  });

  it('take the learning rate alone', () => {
    const w = leaf([1]);
    expect(new optim.Adam([w], 0.5).paramGroups[0]!.lr).toBe(0.5);
    expect(new optim.AdamW([w], 0.5).paramGroups[0]!).toMatchObject({ lr: 0.5, weightDecay: 0.01 });
    expect(new optim.SGD([w]).paramGroups[0]!.lr).toBe(1e-3);
    expect(() => new optim.SGD([w], '0.5' as never)).toThrow('SGD: expected an options object, got "0.5"');
  });

  it('say what is wrong with parameters and settings', () => {
    const w = leaf([1]);
    expect(() => new optim.SGD([], { lr: 1 })).toThrow('optimizer got an empty parameter list');
    expect(() => new optim.SGD([w.mul(2)], { lr: 1 })).toThrow("can't optimize a non-leaf Tensor");
    expect(() => new optim.SGD([w, w], { lr: 1 })).toThrow('some parameters appear in more than one parameter group');
    expect(() => new optim.Adam([w], { lr: -1 })).toThrow('invalid lr value: -1');
    expect(() => new optim.Adam([w], { betas: [0.9, 1] })).toThrow('invalid beta parameter at index 1 value: 1');
    expect(() => new optim.SGD([w], { lr: 1, nesterov: true })).toThrow('Nesterov momentum requires a momentum');
  });
});

const curves = readData('schedulers') as Readonly<Record<string, readonly (readonly [number, number, number])[]>>;
const S = optim.lrScheduler;
type Scheduler = { step(metrics: number): void };
const schedulers: { readonly [name: string]: (o: optim.SGD) => Scheduler } = {
  step: (o) => new S.StepLR(o, { stepSize: 3, gamma: 0.5 }),
  multiStep: (o) => new S.MultiStepLR(o, { milestones: [2, 5, 5, 9], gamma: 0.5 }),
  exponential: (o) => new S.ExponentialLR(o, { gamma: 0.9 }),
  constant: (o) => new S.ConstantLR(o, { factor: 0.25, totalIters: 4 }),
  linear: (o) => new S.LinearLR(o, { startFactor: 0.25, endFactor: 0.75, totalIters: 4 }),
  polynomial: (o) => new S.PolynomialLR(o, { totalIters: 6, power: 2 }),
  lambda: (o) => new S.LambdaLR(o, [(e) => 0.9 ** e, (e) => 1 / (1 + e)]),
  cosine: (o) => new S.CosineAnnealingLR(o, { tMax: 5, etaMin: 0.01 }),
  warmRestarts: (o) => new S.CosineAnnealingWarmRestarts(o, { t0: 2, tMult: 2, etaMin: 0.01 }),
  oneCycle: (o) => new S.OneCycleLR(o, { maxLr: 1, totalSteps: 15 }),
  oneCycleLinear: (o) =>
    new S.OneCycleLR(o, {
      maxLr: [1, 2],
      epochs: 3,
      stepsPerEpoch: 5,
      annealStrategy: 'linear',
      pctStart: 0.4,
      divFactor: 10,
      finalDivFactor: 100,
    }),
  cyclic: (o) => new S.CyclicLR(o, { baseLr: 0.1, maxLr: 1, stepSizeUp: 3, stepSizeDown: 2, mode: 'triangular2' }),
  cyclicExp: (o) =>
    new S.CyclicLR(o, { baseLr: 0.1, maxLr: 1, stepSizeUp: 3, mode: 'expRange', gamma: 0.9, cycleMomentum: false }),
  plateau: (o) => new S.ReduceLROnPlateau(o, { factor: 0.5, patience: 1, cooldown: 2, minLr: 0.04 }),
  plateauMax: (o) =>
    new S.ReduceLROnPlateau(o, { mode: 'max', factor: 0.5, patience: 2, threshold: 0.5, thresholdMode: 'abs' }),
  chained: (o) =>
    new S.ChainedScheduler([
      new S.ConstantLR(o, { factor: 0.1, totalIters: 2 }),
      new S.ExponentialLR(o, { gamma: 0.9 }),
    ]),
  sequential: (o) =>
    new S.SequentialLR(
      o,
      [new S.ConstantLR(o, { factor: 0.1, totalIters: 2 }), new S.ExponentialLR(o, { gamma: 0.9 })],
      [4],
    ),
};
const metrics: { readonly [name: string]: number[] } = {
  plateau: [5, 4, 4, 4, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3],
  plateauMax: [1, 2, 2.4, 2.4, 2.4, 2.6, 2.6, 2.6, 2.6, 2.6, 5, 5, 5, 5],
};

describe('schedulers', () => {
  it.each(Object.keys(curves))('%s has the curve of PyTorch', (name) => {
    const optimizer = new optim.SGD([{ params: [leaf([0])] }, { params: [leaf([0])], lr: 0.1 }], {
      lr: 0.5,
      momentum: 0.9,
    });
    const scheduler = schedulers[name]!(optimizer);
    curves[name]!.forEach((expected, i) => {
      const [first, second] = optimizer.paramGroups as [optim.ParamGroup<optim.SGDOptions>, { lr: number }];
      [first.lr, second.lr, first.momentum].forEach((x, k) => expect(x, `step ${i}`).toBeCloseTo(expected[k]!, 12));
      scheduler.step(metrics[name]?.[i] ?? 0);
    });
  });
});

/**
 * Transformations around others: accumulation, skipped steps, look-ahead, groups, settings in the state, noise, factored moments.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { grad, jit, lax, np, random, type Tensor } from 'cotangent';
import * as optim from 'cotangent/optim';

const numbers = (t: unknown): unknown => JSON.parse(JSON.stringify(t)) as unknown;

describe('multiSteps', () => {
  const [x, y] = [random.normal(random.key(0), [16, 3]), random.normal(random.key(1), [16])];
  const loss = (w: Tensor, a: Tensor, b: Tensor): Tensor => np.mean(np.square(np.dot(a, w).sub(b)));

  it('takes over 4 micro-batches the step of one batch', () => {
    const adam = optim.adam(0.1);
    const optimizer = optim.multiSteps(adam, 4);
    const step = jit((w: Tensor, state: optim.OptState, a: Tensor, b: Tensor) => {
      const [updates, next] = optimizer.update(grad(loss)(w, a, b), state, w);
      return [optim.applyUpdates(w, updates), next] as const;
    });
    let small = np.zeros([3]);
    let state = optimizer.init(small);
    let big = np.zeros([3]);
    let bigState = adam.init(big);
    for (let epoch = 0; epoch < 5; epoch++) {
      for (let i = 0; i < 4; i++) {
        const rows = (t: Tensor): Tensor => lax.sliceInDim(t, 4 * i, 4 * i + 4);
        [small, state] = step(small, state, rows(x), rows(y));
        expect(optimizer.hasUpdated(state).item()).toBe(Number(i === 3));
      }
      const [updates, next] = adam.update(grad(loss)(big, x, y), bigState, big);
      [big, bigState] = [optim.applyUpdates(big, updates), next];
      expect(np.max(np.abs(small.sub(big))).item()).toBeLessThan(2e-6);
    }
  });

  it('adds instead of averaging, follows a schedule, and leaves out steps', () => {
    const summed = optim.multiSteps(optim.sgd(1), 2, { useGradMean: false });
    const [, one] = summed.update(np.array(1), summed.init(np.array(0)), np.array(0));
    expect(summed.update(np.array(2), one, np.array(0))[0].item()).toBe(-3);
    // One step, then two.
    const growing = optim.multiSteps(optim.sgd(1), (k) => np.where(np.less(k, 1), 1, 2));
    let state = growing.init(np.array(0));
    const out = [1, 2, 4].map((g) => {
      const [u, next] = growing.update(np.array(g), state, np.array(0));
      state = next;
      return u.item();
    });
    expect(out).toEqual([-1, 0, -3]);
    const careful = optim.multiSteps(optim.sgd(1), 2, { shouldSkipUpdateFn: optim.skipNotFinite });
    const start = careful.init(np.array(0));
    const [u, same] = careful.update(np.array(Number.NaN), start, np.array(0));
    expect(u.item()).toBe(0);
    expect(numbers(same)).toEqual(numbers(start));
    const large = optim.multiSteps(optim.sgd(1), 1, { shouldSkipUpdateFn: optim.skipLargeUpdates(4) });
    expect(large.update(np.array(2), large.init(np.array(0)))[0].item()).toBe(0);
    expect(large.update(np.array(1.5), large.init(np.array(0)))[0].item()).toBe(-1.5);
    expect(() => optim.multiSteps(optim.sgd(1), 0)).toThrow(/positive number of steps, got 0/);
  });

  it('accumulates float16 gradients in the dtype of the parameters', () => {
    const optimizer = optim.multiSteps(optim.sgd(1), 2);
    const state = optimizer.init(np.array(0)) as unknown as optim.MultiStepsState;
    expect((state.accGrads as Tensor).dtype).toBe('float32');
    const g = np.array(6e-8, { dtype: 'float16' });
    const [, next] = optimizer.update<Tensor>(g, state as never, np.array(0));
    const [u] = optimizer.update<Tensor>(g, next, np.array(0));
    expect(u.dtype).toBe('float32');
    expect(u.item()).toBeCloseTo(-(2 ** -24), 12);
  });
});

describe('applyIfFinite', () => {
  it('leaves out steps that are not finite, but not for ever', () => {
    const optimizer = optim.applyIfFinite(optim.sgd(1, { momentum: 0.5 }), 2);
    let state = optimizer.init(np.array(0));
    const run = jit((g: Tensor, s: optim.OptState) => optimizer.update(g, s));
    const out: number[] = [];
    for (const g of [1, Number.NaN, Infinity, 1, Number.NaN, Number.NaN, Number.NaN]) {
      const [u, next] = run(np.array(g), state);
      out.push(u.item());
      state = next;
    }
    expect(out.slice(0, 6)).toEqual([-1, 0, 0, -1.5, 0, 0]);
    expect(out[6]).toBeNaN();
    const { notFiniteCount, totalNotFinite, lastFinite } = state as unknown as optim.ApplyIfFiniteState;
    expect([notFiniteCount.item(), totalNotFinite.item(), lastFinite.item()]).toEqual([3, 5, 0]);
  });
});

describe('lookahead', () => {
  it('moves slow parameters part of the way, and fast ones to them', () => {
    const optimizer = optim.lookahead(optim.sgd(0.1), 2, 0.5);
    let params = optim.lookaheadParams(np.array(1));
    let state = optimizer.init(params);
    const path = [1, 2, 3].map((g) => {
      const [updates, next] = optimizer.update({ fast: np.array(g), slow: np.array(0) }, state, params);
      [params, state] = [optim.applyUpdates(params, updates), next];
      return [params.fast.item(), params.slow.item()].map((v) => Math.round(v * 1e6) / 1e6);
    });
    // 1 → 0.9 → 0.7, halfway 0.85 for both, → 0.55
    expect(path).toEqual([
      [0.9, 1],
      [0.85, 0.85],
      [0.55, 0.85],
    ]);
    expect(() => optimizer.init(np.array(1))).toThrow(/\{ fast, slow \}/);
  });
});

describe('partition', () => {
  it('gives each group its own optimiser and state', () => {
    const labels = (p: Record<string, unknown>): unknown =>
      Object.fromEntries(Object.keys(p).map((k) => [k, k.startsWith('b') ? 'bias' : 'weight']));
    const optimizer = optim.multiTransform({ weight: optim.adam(0.1), bias: optim.sgd(0.5) }, labels);
    const params = { b1: np.array(1), w1: np.array([1, 2]) };
    const [updates, state] = optimizer.update(
      { b1: np.array(2), w1: np.array([3, -4]) },
      optimizer.init(params),
      params,
    );
    expect(numbers(updates.b1)).toBe(-1);
    expect((numbers(updates.w1) as number[]).map((v) => Math.round(v * 1e4) / 1e4)).toEqual([-0.1, 0.1]);
    expect(Object.keys(state)).toEqual(['weight', 'bias']);
    expect(() => optim.partition({ a: optim.sgd(1) }, 'c').init(params)).toThrow(/labels of a, got c/);
  });
});

describe('injectHyperparams', () => {
  it('keeps settings in the state, evaluates schedules, and compiles once', () => {
    const optimizer = optim.injectHyperparams(optim.adam)({
      learningRate: (k: Tensor) => np.divide(1, k.add(1)),
      b1: 0.5,
    });
    const params = np.array([1, 2]);
    let traces = 0;
    const step = jit((g: Tensor, s: optim.InjectedState & optim.OptState) => {
      traces++;
      return optimizer.update(g, s, params);
    });
    let state = optimizer.init(params);
    const rates: number[] = [];
    for (let i = 0; i < 3; i++) {
      [, state] = step(np.array([1, 1]), state);
      rates.push(state.hyperparams['learningRate']!.item());
    }
    expect(rates).toEqual([1, 0.5, 1 / 3].map(Math.fround));
    expect(state.hyperparams['b1']!.item()).toBe(0.5);
    const changed = { ...state, hyperparams: { ...state.hyperparams, b1: np.array(0.9) } };
    step(np.array([1, 1]), changed as typeof state);
    expect(traces).toBe(1);
    const plain = optim.adam(0.25);
    const same = optim.injectHyperparams(optim.adam)({ learningRate: 0.25 });
    const g = np.array([0.3, -2]);
    const [a] = plain.update(g, plain.init(params), params);
    const [b] = same.update(g, same.init(params), params);
    expect(np.max(np.abs(a.sub(b))).item()).toBeLessThan(1e-6);
  });
});

describe('noise and NaN', () => {
  it('adds noise of the variance eta / k^gamma, the same for the same seed', () => {
    const noise = optim.addNoise(0.04, 0.5, 7);
    const zeros = { a: np.zeros([4000]), b: np.zeros([2]) };
    const [first, state] = noise.update(zeros, noise.init(zeros));
    expect(np.std(first.a).item()).toBeCloseTo(0.2, 2);
    const [again] = noise.update(zeros, noise.init(zeros));
    expect(numbers(again)).toEqual(numbers(first));
    let next = state;
    let last = first;
    for (let i = 0; i < 15; i++) [last, next] = noise.update(zeros, next);
    // 16^(-1/4) = 1/2
    expect(np.std(last.a).item()).toBeCloseTo(0.1, 2);
    const [noisy] = optim.noisySgd(1).update(zeros, optim.noisySgd(1).init(zeros));
    expect(np.std(noisy.a).item()).toBeCloseTo(0.1, 2);
  });

  it('replaces NaN by 0 and tells where', () => {
    const clean = optim.zeroNans();
    const params = { a: np.array([1, 2]), b: np.array(3) };
    const [updates, state] = clean.update({ a: np.array([Number.NaN, 2]), b: np.array(1) }, clean.init(params));
    expect(numbers(updates)).toEqual({ a: [0, 2], b: 1 });
    expect(numbers(state)).toEqual({ foundNan: { a: true, b: false } });
  });
});

describe('adafactor', () => {
  it('keeps a row and a column of a matrix, and follows its formula', () => {
    const optimizer = optim.scaleByFactoredRms({ minDimSizeToFactor: 2 });
    const g = np.array(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      { dtype: 'float64' },
    );
    const params = { w: np.zeros([2, 3], 'float64'), b: np.zeros([2], 'float64') };
    const bias = np.array([2, -3], { dtype: 'float64' });
    const [updates, state] = optimizer.update({ w: g, b: bias }, optimizer.init(params), params);
    const { vRow, vCol } = state as unknown as { vRow: { w: Tensor }; vCol: { w: Tensor } };
    // The first decay is 0: v is the mean of squares over the longer axis, and over the shorter one.
    expect(np.max(np.abs(vRow.w.sub(np.array([14 / 3, 77 / 3], { dtype: 'float64' })))).item()).toBeLessThan(1e-13);
    expect(numbers(vCol.w)).toEqual([8.5, 14.5, 22.5]);
    const mean = (14 / 3 + 77 / 3) / 2;
    const expected = [
      [1, 2, 3],
      [4, 5, 6],
    ].map((r, i) => r.map((x, j) => x / Math.sqrt(([14 / 3, 77 / 3][i]! / mean) * [8.5, 14.5, 22.5][j]!)));
    expect(np.max(np.abs(updates.w.sub(np.array(expected, { dtype: 'float64' })))).item()).toBeLessThan(1e-12);
    expect(numbers(updates.b)).toEqual([1, -1]);
  });

  it('trains', () => {
    const optimizer = optim.adafactor(0.3, { minDimSizeToFactor: 2, momentum: 0.5 });
    const target = np.array([
      [1, -2],
      [3, 0.5],
    ]);
    const loss = (w: Tensor): Tensor => np.sum(np.square(w.sub(target)));
    let w = np.ones([2, 2]);
    let state = optimizer.init(w);
    for (let i = 0; i < 200; i++) {
      const [updates, next] = optimizer.update(grad(loss)(w), state, w);
      [w, state] = [optim.applyUpdates(w, updates), next];
    }
    expect(loss(w).item()).toBeLessThan(0.5);
  });
});

describe('averages of parameters', () => {
  it('are what ema makes of the parameters themselves', () => {
    const average = optim.ema(0.9);
    let state = average.init(np.array(0));
    let mean = np.array(0);
    for (const x of [1, 2, 3]) [mean, state] = average.update(np.array(x), state);
    expect(mean.item()).toBeCloseTo((0.081 * 1 + 0.09 * 2 + 0.1 * 3) / (1 - 0.9 ** 3), 5);
  });
});

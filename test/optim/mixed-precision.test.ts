/**
 * Training in 16 bits: small gradients vanish in float16 without a scale and do not with one, overflow skips a step and halves the scale.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { grad, jit, nn as functions, np, random, type Tensor, tree, valueAndGrad } from 'cotangent';
import { memoryReport } from 'cotangent/inspect';
import * as nn from 'cotangent/nn';
import * as optim from 'cotangent/optim';

interface Net {
  readonly w1: Tensor;
  readonly b1: Tensor;
  readonly w2: Tensor;
}

const initial = (): Net => ({
  w1: random.normal(random.key(1), [2, 16]).mul(0.7),
  b1: np.zeros([16]),
  w2: random.normal(random.key(2), [16]).mul(0.3),
});
const x = random.normal(random.key(0), [64, 2]);
const y = np.sin(np.sum(x, { axis: 1 }));

/** A loss so small that its gradients are below the smallest float16 (6e-8). */
const tiny = 1e-7;
const policy = optim.mixedPrecision({ compute: 'float16' });
const error = policy.wrap((p: Net, a: Tensor, b: Tensor): Tensor => {
  const hidden = np.tanh(np.matmul(a, p.w1).add(p.b1));
  return np.mean(np.square(np.dot(hidden, p.w2).sub(b)));
});
const loss = (p: Net): Tensor => error(p, x, y).mul(tiny);

const optimizer = optim.adam(0.02, { eps: 1e-12 });

/** The mean square error of the network after some steps with a scale. */
function train(scale: optim.LossScale, steps: number): { last: number; scale: optim.LossScale; params: Net } {
  const step = jit((p: Net, state: optim.OptState, s: optim.LossScale) => {
    const grads = s.unscale(grad((q: Net) => s.scale(loss(q)))(p));
    const isFinite = optim.allFinite(grads);
    const [updates, next] = optimizer.update(grads, state, p);
    return [
      optim.selectTree(isFinite, optim.applyUpdates(p, updates), p),
      optim.selectTree(isFinite, next, state),
      s.adjust(isFinite),
    ] as const;
  });
  let params = initial();
  let state = optimizer.init(params);
  let current = scale;
  for (let i = 0; i < steps; i++) [params, state, current] = step(params, state, current);
  return { last: loss(params).item() / tiny, scale: current, params };
}

describe('a network in float16', () => {
  const start = loss(initial()).item() / tiny;

  it('does not learn without a scale: its gradients vanish', () => {
    const { last, params } = train(optim.noLossScale(), 100);
    expect(last).toBeCloseTo(start, 5);
    expect(np.max(np.abs(params.w2.sub(initial().w2))).item()).toBe(0);
  });

  it('learns with a dynamic scale, and keeps its parameters in float32', () => {
    const { last, params, scale } = train(new optim.DynamicLossScale(2 ** 15, { period: 20 }), 200);
    expect(last).toBeLessThan(0.1 * start);
    expect(tree.leaves(params).map((t) => (t as Tensor).dtype)).toEqual(['float32', 'float32', 'float32']);
    expect(scale.lossScale.item()).toBeGreaterThan(2 ** 15);
  });

  it('learns with a fixed scale', () => {
    expect(train(new optim.StaticLossScale(2 ** 18), 200).last).toBeLessThan(0.1 * start);
  });

  it('skips a step that overflows, and halves the scale', () => {
    const from = new optim.DynamicLossScale(2 ** 40);
    const { params, scale } = train(from, 1);
    expect(JSON.stringify(tree.leaves(params))).toBe(JSON.stringify(tree.leaves(initial())));
    expect(scale.lossScale.item()).toBe(2 ** 39);
    expect(train(from, 40).last).toBeLessThan(start);
  });
});

describe('a classifier kept in 16 bits', () => {
  const labels = random.randint(random.key(3), [256], 0, 10);
  const centres = random.normal(random.key(4), [10, 64]);
  const images = np.take(centres, labels, { axis: 0 }).add(random.normal(random.key(5), [256, 64]));

  it.each(['float32', 'bfloat16', 'float16'] as const)('learns in %s, in the memory that its dtype takes', (dtype) => {
    const [a, b] = [
      new nn.Linear(64, 128, { key: random.key(0), dtype }),
      new nn.Linear(128, 10, { key: random.key(1), dtype }),
    ];
    let model = new nn.Sequential([a, functions.relu, b]);
    const inputs = images.astype(dtype);
    const lossOf = (m: nn.Sequential): Tensor => nn.crossEntropy(m.call(inputs), labels);
    const rule = optim.adam(0.01, { eps: 1e-5 });
    let state = rule.init(model);
    // A loss is float32, whatever the model is in; its scale keeps the gradients inside float16.
    let scale = new optim.DynamicLossScale(2 ** 10);
    const step = jit((m: nn.Sequential, s: optim.OptState, k: optim.DynamicLossScale) => {
      const grads = k.unscale(grad((q: nn.Sequential) => k.scale(lossOf(q)))(m));
      const isFinite = optim.allFinite(grads);
      const [updates, next] = rule.update(grads, s, m);
      return [
        optim.selectTree(isFinite, optim.applyUpdates(m, updates), m),
        optim.selectTree(isFinite, next, s),
        k.adjust(isFinite),
      ] as const;
    });
    for (let i = 0; i < 40; i++) [model, state, scale] = step(model, state, scale);
    expect(lossOf(model).item()).toBeLessThan(0.01);
    expect(Object.values(nn.stateDict(model)).map((t) => t.dtype)).toEqual([dtype, dtype, dtype, dtype]);
    const kept: unknown[] = [];
    const report = memoryReport(() => kept.push(...[a, b].map((layer) => layer.weight.add(0))));
    expect(report.bytes).toBe((64 * 128 + 10 * 128) * (dtype === 'float32' ? 4 : 2));
  });
});

describe('loss scales', () => {
  it('grow after a period of finite steps and not past what float32 holds', () => {
    let scale = new optim.DynamicLossScale(8, { period: 3, factor: 4 });
    const seen: number[] = [];
    for (const ok of [true, true, true, true, false, true, true, true]) {
      scale = scale.adjust(ok);
      seen.push(scale.lossScale.item());
    }
    expect(seen).toEqual([8, 8, 32, 32, 8, 8, 8, 32]);
    expect(new optim.DynamicLossScale(2 ** 127, { period: 1 }).adjust(true).lossScale.item()).toBe(2 ** 127);
    expect(new optim.DynamicLossScale(1).adjust(false).lossScale.item()).toBe(1);
  });

  it('unscale in float32, where the gradient fits', () => {
    const scale = new optim.StaticLossScale(2 ** 14);
    const g = scale.unscale({ w: np.array([2 ** -10], { dtype: 'float16' }) });
    expect(g.w.dtype).toBe('float32');
    expect(g.w.dataSync()[0]).toBe(2 ** -24);
    expect(scale.scale(np.array(2, { dtype: 'float16' })).dtype).toBe('float16');
  });

  it('are trees, and keep their rules through jit', () => {
    const scale = new optim.DynamicLossScale(16, { period: 1, factor: 8 });
    const next = jit((s: optim.DynamicLossScale) => s.adjust(true))(scale);
    expect(next).toBeInstanceOf(optim.DynamicLossScale);
    expect(next.adjust(true).lossScale.item()).toBe(1024);
  });
});

describe('policies', () => {
  it('say which dtype is used where, and leave integers alone', () => {
    const p = optim.mixedPrecision('bfloat16');
    expect([p.paramDtype, p.computeDtype, p.outputDtype]).toEqual(['float32', 'bfloat16', 'float32']);
    const cast = p.castToCompute({ w: np.ones([2]), i: np.array([1], { dtype: 'int32' }), n: 3 });
    expect([cast.w.dtype, cast.i.dtype, cast.n]).toEqual(['bfloat16', 'int32', 3]);
    let inside = '';
    const f = p.wrap((w: Tensor) => {
      inside = w.dtype;
      return np.sum(np.square(w));
    });
    const [value, g] = valueAndGrad(f)(np.array([1, 2]));
    expect([inside, value.dtype, g.dtype, value.item()]).toEqual(['bfloat16', 'float32', 'float32', 5]);
    expect(() => optim.mixedPrecision({ compute: 'float8' as never })).toThrow(/expected a dtype, got float8/);
  });
});

/**
 * Optimisers that look at rows and columns of parameters, against their definitions in plain numbers.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { grad, jit, np, random, type Tensor } from 'cotangent';
import * as optim from 'cotangent/optim';

const numbers = (x: Tensor): number[] => Array.from(x.dataSync());
function expectNear(got: Tensor, expected: readonly number[]): void {
  const found = numbers(got);
  expect(found.length).toBe(expected.length);
  found.forEach((x, i) => expect(Math.abs(x - expected[i]!)).toBeLessThan(1e-12 * Math.max(1, Math.abs(expected[i]!))));
}
const drawn = (seed: number, shape: readonly number[]): Tensor => random.normal(random.key(seed), shape, 'float64');

/** Flat positions of a shape with their indices. */
function positions(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (all, n) => all.flatMap((at) => Array.from({ length: n }, (_, i) => [...at, i])),
    [[]],
  );
}

describe('sm3', () => {
  /** Steps by the definition: s = g² + min over axes of the bounds; new bounds: the largest s of each slice. */
  function reference(shape: readonly number[], grads: readonly Tensor[], momentum: number): number[] {
    const at = positions(shape);
    const axes = shape.length === 0 ? [0] : shape.map((_, i) => i);
    let bounds = axes.map((i) => Array.from({ length: shape[i] ?? 1 }, () => 0));
    let nu = at.map(() => 0);
    for (const t of grads) {
      const g = numbers(t);
      const s = at.map((p, k) => g[k]! ** 2 + Math.min(...axes.map((i) => bounds[i]![p[i] ?? 0]!)));
      nu = nu.map((m, k) => momentum * m + (s[k]! > 0 ? ((1 - momentum) * g[k]!) / Math.sqrt(s[k]! + 1e-8) : 0));
      bounds = bounds.map((b, i) => b.map((_, j) => Math.max(...s.filter((_s, k) => (at[k]![i] ?? 0) === j))));
    }
    return nu;
  }

  it.each([[[]], [[5]], [[3, 4]], [[2, 3, 4]]])('follows its definition over %j', (shape) => {
    const params = np.zeros(shape, 'float64');
    const grads = [1, 2, 3, 4].map((seed) => drawn(seed, shape).mul(seed === 2 ? 0 : 1));
    for (const [optimizer, momentum] of [
      [optim.sm3(0.5), 0.9],
      [optim.sm3({ learningRate: 0.5, momentum: 0.3 }), 0.3],
    ] as const) {
      let state = optimizer.init(params);
      let updates = params;
      const step = jit((g: Tensor, s: optim.OptState) => optimizer.update(g, s));
      for (const g of grads) [updates, state] = step(g, state) as unknown as [Tensor, optim.OptState];
      expectNear(
        updates,
        reference(shape, grads, momentum).map((x) => -0.5 * x),
      );
    }
  });

  it('keeps a vector for each axis, and decays the sums where b2 is below 1', () => {
    const decaying = optim.scaleBySm3({ b1: 0, b2: 0.5, eps: 0 });
    const g = np.array([[2, 1]], { dtype: 'float64' });
    const [first, state] = decaying.update(g, decaying.init(g));
    expectNear(first, [Math.SQRT2, Math.SQRT2]);
    const { mu } = state as unknown as { mu: Tensor[] };
    expect(mu.map((m) => m.toArray())).toEqual([[2], [2, 0.5]]);
    expectNear(decaying.update(g, state)[0], [2 / Math.sqrt(3), 1 / Math.sqrt(0.75)]);
    expect(() => decaying.update({ a: g }, state)).toThrow(/sm3: expected trees of one structure/);
  });
});

describe('adaptiveGradClip', () => {
  /** By the definition, where `unitOf` names the unit of an element. */
  function reference(g: Tensor, w: Tensor, clipping: number, unitOf: (at: readonly number[]) => unknown): number[] {
    const at = positions(g.shape).map((p) => JSON.stringify(unitOf(p)));
    const norm = (x: Tensor, unit: string): number =>
      Math.sqrt(numbers(x).reduce((sum, v, k) => sum + (at[k] === unit ? v * v : 0), 0));
    return numbers(g).map((v, k) => {
      const [size, most] = [norm(g, at[k]!), clipping * Math.max(norm(w, at[k]!), 1e-3)];
      return size <= most ? v : (v * most) / size;
    });
  }

  it.each<readonly [readonly number[], number | undefined, (at: readonly number[]) => unknown]>([
    [[], undefined, () => 0],
    [[6], undefined, () => 0],
    [[1, 6], undefined, () => 0],
    [[4, 3], undefined, (at) => at[1]],
    [[2, 3, 2], undefined, (at) => at.slice(1)],
    [[2, 2, 3, 4], undefined, (at) => at[3]],
    [[6], 0, () => 0],
    [[4, 3], 0, (at) => at[0]],
    [[4, 1], 0, (at) => at[0]],
    [[4, 3, 2, 2], 0, (at) => at[0]],
    [[2, 2, 2, 2, 3], -1, (at) => at[4]],
  ])('bounds the units of %j by their weights (axis %s)', (shape, outputAxis, unitOf) => {
    const [g, w] = [drawn(1, shape), drawn(2, shape)];
    for (const clipping of [0.01, 0.8, 100]) {
      const bound = optim.adaptiveGradClip(clipping, outputAxis === undefined ? {} : { outputAxis });
      expectNear(bound.update(g, bound.init(w), w)[0], reference(g, w, clipping, unitOf));
    }
  });

  it('lets weights of 0 grow, has derivatives at 0, and does not overflow in float16', () => {
    const bound = optim.adaptiveGradClip(0.1, { outputAxis: 0 });
    const zero = np.zeros([2, 2]);
    expect(numbers(bound.update(np.ones([2, 2]), null as never, zero)[0])[0]).toBeCloseTo(1e-4 / Math.SQRT2, 9);
    expect(grad((g: Tensor) => np.sum(bound.update(g, null as never, zero)[0]))(zero).toArray()).toEqual([
      [1, 1],
      [1, 1],
    ]);
    const [g, w] = [np.full([1, 4], 3e4, { dtype: 'float16' }), np.full([1, 4], 1e3)];
    expect(numbers(bound.update(g, null as never, w)[0])).toEqual([100, 100, 100, 100]);
    expect(numbers(optim.adaptiveGradClip(0).update(zero, null as never, zero)[0])).toEqual([0, 0, 0, 0]);
  });

  it('says what it needs', () => {
    const bound = optim.adaptiveGradClip(0.1);
    const deep = np.ones([2, 2, 2, 2, 2]);
    expect(() => bound.update(deep, null as never, deep)).toThrow(/at most 4 axes, got f32\[2,2,2,2,2\]/);
    expect(() => bound.update(deep, null as never)).toThrow(/adaptiveGradClip: expected the parameters, got none/);
  });
});

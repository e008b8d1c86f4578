/**
 * L-BFGS and its line search: the strong Wolfe conditions, trees, float32 at the limit of its digits, steps into NaN.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { grad, jit, np, type Tensor, valueAndGrad } from 'cotangent';
import * as optim from 'cotangent/optim';

const f64 = (x: number[]): Tensor => np.array(x, { dtype: 'float64' });
const rosenbrock = (x: Tensor): Tensor => {
  const pairs = x.reshape([-1, 2]);
  const [even, odd] = [np.take(pairs, 0, { axis: 1 }), np.take(pairs, 1, { axis: 1 })];
  return np.sum(np.square(np.subtract(1, even)).add(np.square(odd.sub(np.square(even))).mul(100)));
};

describe('lbfgs', () => {
  it('ends every step where the strong Wolfe conditions hold', () => {
    const optimizer = optim.lbfgs();
    let x = f64([-1.2, 1, 0.3, -0.7]);
    let state = optimizer.init(x);
    for (let i = 0; i < 60; i++) {
      const [value, g] = valueAndGrad(rosenbrock)(x);
      if (value.item() < 1e-8) break;
      const [updates, next] = optimizer.update(g, state, x, { valueFn: rosenbrock, value });
      const [after, end] = valueAndGrad(rosenbrock)(x.add(updates));
      const [slope, slopeAfter] = [np.dot(g, updates).item(), np.dot(end, updates).item()];
      expect(slope).toBeLessThan(0);
      expect(after.item()).toBeLessThanOrEqual(value.item() + 1e-4 * slope + 1e-12);
      expect(Math.abs(slopeAfter)).toBeLessThanOrEqual(0.9 * Math.abs(slope));
      expect(next.value.item()).toBeCloseTo(after.item(), 12);
      [x, state] = [x.add(updates), next];
    }
    expect(rosenbrock(x).item()).toBeLessThan(1e-6);
  });

  it('minimises a convex quadratic of n unknowns in little more than n steps, over trees and in jit', () => {
    const loss = (p: { a: Tensor; b: Tensor[] }): Tensor =>
      np.sum(np.square(p.a.sub(f64([1, 2, 3]))).mul(f64([1, 10, 100]))).add(np.square(p.b[0]!.add(4)).mul(3));
    const optimizer = optim.lbfgs({ memorySize: 5 });
    const step = jit((p: { a: Tensor; b: Tensor[] }, state: optim.LbfgsState) => {
      const [value, g] = optim.valueAndGradFromState(loss)(p, state);
      const [updates, next] = optimizer.update(g, state, p, { valueFn: loss, value });
      return [optim.applyUpdates(p, updates), next] as const;
    });
    let p = { a: f64([0, 0, 0]), b: [np.array(0, { dtype: 'float64' })] };
    let state = optimizer.init(p);
    for (let i = 0; i < 20; i++) [p, state] = step(p, state);
    expect(loss(p).item()).toBeLessThan(1e-12);
    expect(p.b[0]!.item()).toBeCloseTo(-4, 6);
  });

  it('goes on in float32 until the digits end, and stays at a minimum', () => {
    const f = (x: Tensor): Tensor => np.sum(np.square(x.sub(np.array([1, -2])))).add(1000);
    const optimizer = optim.lbfgs();
    let x = np.array([5, 5]);
    let state = optimizer.init(x);
    for (let i = 0; i < 10; i++) {
      const [updates, next] = optimizer.update(grad(f)(x), state, x, { valueFn: f });
      [x, state] = [optim.applyUpdates(x, updates), next];
    }
    expect(np.max(np.abs(x.sub(np.array([1, -2])))).item()).toBeLessThan(1e-4);
  });

  it('steps back from where the function is not a number', () => {
    const f = (x: Tensor): Tensor => np.sum(x.mul(20).sub(np.log(x)));
    const optimizer = optim.lbfgs();
    let x = f64([0.9]);
    let state = optimizer.init(x);
    for (let i = 0; i < 12; i++) {
      const [updates, next] = optimizer.update(grad(f)(x), state, x, { valueFn: f });
      [x, state] = [optim.applyUpdates(x, updates), next];
    }
    expect(x.dataSync()[0]).toBeCloseTo(0.05, 8);
  });

  it('takes a fixed step length, and says what it needs', () => {
    const f = (x: Tensor): Tensor => np.sum(np.square(x));
    const optimizer = optim.lbfgs({ learningRate: 0.5 });
    const x = f64([0.2]);
    const [updates, state] = optimizer.update(grad(f)(x), optimizer.init(x), x, { valueFn: f });
    expect(updates.dataSync()[0]).toBeCloseTo(-0.2, 12);
    expect(state.learningRate.item()).toBe(0.5);
    expect(() => optimizer.update(x, state, x, undefined as never)).toThrow(/expected the function to minimise/);
    expect(() => optim.lbfgs({ memorySize: 0 })).toThrow(/positive memory size, got 0/);
    const chained = optim.chain(optim.scaleByLbfgs({ memorySize: 3 }), optim.scale(-0.1));
    const [first] = chained.update(grad(f)(x), chained.init(x), x);
    expect(first.dataSync()[0]).toBeCloseTo(-0.04, 12);
  });
});

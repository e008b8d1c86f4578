/**
 * Trajectories against figures of PyTorch 1.13 in float64 (`data/pytorch-trajectories.json`). The definitions are optax's; where PyTorch's
 * differ, the options that make them equal are given here and told in docs/optim.md.
 * @module
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { grad, jit, np, type Tensor } from 'cotangent';
import * as optim from 'cotangent/optim';

interface Figures {
  readonly problems: { readonly regression: { readonly x: number[][]; readonly y: number[] } };
  readonly trajectories: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly lbfgs: Readonly<
    Record<string, { minimum: number[]; value: number; evaluations: number; iterations: number }>
  >;
}

const figures = JSON.parse(readFileSync(new URL('data/pytorch-trajectories.json', import.meta.url), 'utf8')) as Figures;
const steps = [1, 2, 5, 10, 20];

const f64 = (x: unknown): Tensor => np.array(x as number[], { dtype: 'float64' });
const { x: X, y: Y } = figures.problems.regression;

const problems: Readonly<Record<string, { f: (p: Tensor) => Tensor; start: number[] }>> = {
  rosenbrock: {
    f: (p) => {
      const [a, b] = [p.slice(0), p.slice(1)];
      return np.square(np.subtract(1, a)).add(np.square(b.sub(np.square(a))).mul(100));
    },
    start: [-1.2, 1],
  },
  regression: { f: (p) => np.mean(np.square(np.dot(f64(X), p).sub(f64(Y)))), start: [0.5, -0.5, 1] },
};

const optimizers: Readonly<Record<string, optim.GradientTransformation>> = {
  'sgd momentum': optim.sgd(3e-4, { momentum: 0.9 }),
  'sgd nesterov': optim.sgd(3e-4, { momentum: 0.9, nesterov: true }),
  'sgd weight decay': optim.chain(optim.addDecayedWeights(0.1), optim.sgd(3e-4, { momentum: 0.9 })),
  adam: optim.adam(0.05),
  'adam eps': optim.adam(0.05, { b1: 0.8, b2: 0.95, eps: 1e-3 }),
  adamw: optim.adamw(0.05, { weightDecay: 0.1 }),
  rmsprop: optim.rmsprop(0.01, { decay: 0.99, epsInSqrt: false }),
  'rmsprop centered momentum': optim.rmsprop(0.003, { decay: 0.9, epsInSqrt: false, centered: true, momentum: 0.5 }),
  adagrad: optim.adagrad(0.1, { initialAccumulatorValue: 0, eps: 0 }),
  adadelta: optim.adadelta(1),
  nadam: optim.nadam(0.05),
  radam: optim.radam(1e-4),
  adamax: optim.adamax(0.05),
};

function trajectory(optimizer: optim.GradientTransformation, f: (p: Tensor) => Tensor, start: number[]): number[][] {
  const step = jit((p: Tensor, state: optim.OptState) => {
    const [updates, next] = optimizer.update(grad(f)(p), state, p);
    return [optim.applyUpdates(p, updates), next] as const;
  });
  let p = f64(start);
  let state = optimizer.init(p);
  const out: number[][] = [];
  for (let k = 0; k < 20; k++) {
    [p, state] = step(p, state);
    out.push(p.toArray() as number[]);
  }
  return steps.map((k) => out[k - 1]!);
}

describe.each(Object.entries(figures.trajectories))('%s', (name, expected) => {
  it('takes the steps that PyTorch takes', () => {
    const [optimizer, problem] = name.split(', ') as [string, string];
    const { f, start } = problems[problem]!;
    const got = trajectory(optimizers[optimizer]!, f, start);
    expected.forEach((p, k) => {
      p.forEach((x, i) => {
        expect(Math.abs(got[k]![i]! - x), `step ${steps[k]}, element ${i}`).toBeLessThan(
          2e-8 * Math.max(1, Math.abs(x)),
        );
      });
    });
  });
});

describe('lbfgs', () => {
  it.each(Object.entries(figures.lbfgs))(
    '%s: finds the minimum that PyTorch finds, in as many steps',
    (name, expected) => {
      const { f, start } = problems[name]!;
      const optimizer = optim.lbfgs();
      const valueAndGrad = optim.valueAndGradFromState(f);
      const step = jit((p: Tensor, state: optim.LbfgsState) => {
        const [value, g] = valueAndGrad(p, state);
        const [updates, next] = optimizer.update(g, state, p, { valueFn: f, value });
        return [optim.applyUpdates(p, updates), next, np.max(np.abs(g))] as const;
      });
      let p = f64(start);
      let state = optimizer.init(p);
      let count = 0;
      for (let slope = f64(1); slope.item() > 1e-9 && count < 100; count++) [p, state, slope] = step(p, state);
      expect(count).toBeLessThanOrEqual(1.3 * expected.iterations + 3);
      expect(np.max(np.abs(p.sub(f64(expected.minimum)))).item()).toBeLessThan(1e-7);
    },
  );
});

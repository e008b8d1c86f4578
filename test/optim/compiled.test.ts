/** Updates of large parameters are compiled, and nobody can tell but by the clock. */
import { beforeAll, describe, expect, test } from 'vitest';
import { configure, grad, init, np, random, type Tensor } from 'cotangent';
import * as optim from 'cotangent/optim';
import { activeExecutor, type Executor, withExecutor } from '../../src/core/executor.ts';

beforeAll(async () => {
  configure({ defaultDevice: 'wasm' });
  await init();
});

interface Params {
  readonly w: Tensor;
  readonly b: Tensor;
}

const draw = (seed: number, shape: readonly number[]): Tensor => random.normal(random.key(seed), shape);
/** 320 KB each. */
const params: Params = { w: draw(1, [300, 270]), b: draw(2, [270]) };
const gradients = (step: number): Params => ({ w: draw(10 + step, [300, 270]), b: draw(20 + step, [270]) });

/** Runs `f` one operation at a time. */
function uncompiled<T>(f: () => T): T {
  configure({ debugNans: true });
  try {
    return f();
  } finally {
    configure({ debugNans: false });
  }
}

/** The operations that `f` runs. */
function operations(f: () => void): string[] {
  const names: string[] = [];
  const device = activeExecutor();
  const counting: Executor = {
    name: device.name,
    keepsScalarsOnHost: true,
    execute: (primitive, args, settings, avals) => {
      names.push(primitive.name);
      return device.execute(primitive, args, settings, avals);
    },
    compile: (program, options) => device.compile(program, options),
    fromHost: (data, aval) => device.fromHost(data, aval),
  };
  withExecutor(counting, f);
  return names;
}

function threeSteps(optimizer: optim.GradientTransformation): Params {
  let p = params;
  let state = optimizer.init(p);
  for (let i = 0; i < 3; i++) {
    const [updates, next] = optimizer.update(gradients(i), state, p);
    [p, state] = [optim.applyUpdates(p, updates), next];
  }
  return p;
}

const optimizers: { readonly [name: string]: () => optim.GradientTransformation } = {
  sgd: () => optim.sgd(0.1),
  momentum: () => optim.sgd(0.1, { momentum: 0.9, nesterov: true }),
  adam: () => optim.adam(1e-2),
  adamw: () => optim.adamw(1e-2, { weightDecay: 0.1 }),
  rmsprop: () => optim.rmsprop(1e-2),
  lion: () => optim.lion(1e-2),
  lamb: () => optim.lamb(1e-2),
  'adam with a schedule': () => optim.adam(optim.exponentialDecay(1e-2, 2, 0.5)),
  'adam with a function of numbers': () => optim.adam((count) => (Number(count as Tensor) < 1 ? 1e-2 : 1e-3)),
  'clipping before adam': () => optim.chain(optim.clipByGlobalNorm(1), optim.adam(1e-2)),
  'a masked one': () => optim.masked(optim.adam(1e-2), { w: true, b: false }),
  'a transformation of the user’s in the chain': () =>
    optim.chain(
      { init: () => ({}), update: <P>(u: P, s: optim.OptState): [P, optim.OptState] => [u, s] },
      optim.adam(1e-2),
    ),
};

describe('the same steps as one operation at a time', () => {
  for (const [name, make] of Object.entries(optimizers)) {
    test(name, () => {
      const got = threeSteps(make());
      const wanted = uncompiled(() => threeSteps(make()));
      for (const k of ['w', 'b'] as const) {
        expect(got[k].aval.toString()).toBe(wanted[k].aval.toString());
        const difference = np.max(np.abs(got[k].sub(wanted[k]))).item();
        // Parameters of order 1 in float32.
        expect(difference).toBeLessThan(1e-6);
      }
    });
  }
});

describe('what runs', () => {
  test('an update of Adam is one call', () => {
    const optimizer = optim.adamw(1e-2, { weightDecay: 0.1 });
    const state = optimizer.init(params);
    expect(operations(() => void optimizer.update(gradients(0), state, params))).toContain('call');
    const [, next] = optimizer.update(gradients(0), state, params);
    const g = gradients(1);
    expect(operations(() => void optimizer.update(g, next, params))).toEqual(['call']);
  });

  test('small parameters are not compiled', () => {
    const optimizer = optim.adam(1e-2);
    const small = { w: np.ones([4]) };
    const state = optimizer.init(small);
    expect(operations(() => void optimizer.update(small, state))).not.toContain('call');
  });

  test('functions of the user’s run at every step', () => {
    let rate = 0.5;
    const optimizer = optim.sgd(() => rate);
    const ones = np.ones([70_000]);
    let state = optimizer.init(ones);
    const steps: number[] = [];
    for (rate of [0.5, 0.25, 2]) {
      const [u, next] = optimizer.update(ones, state);
      state = next;
      steps.push(u.slice(7).item());
    }
    expect(steps).toEqual([-0.5, -0.25, -2]);
  });

  test('other shapes, dtypes and structures are compiled anew', () => {
    const optimizer = optim.sgd(0.5);
    for (const g of [
      np.ones([70_000]),
      [np.ones([80_000])],
      np.ones([70_000], { dtype: 'float64' }),
      np.ones([70_000]),
    ]) {
      const [u] = optimizer.update(g, optimizer.init(g));
      const leaf = (Array.isArray(u) ? u[0] : u) as Tensor;
      const like = (Array.isArray(g) ? g[0] : g) as Tensor;
      expect(leaf.aval.toString()).toBe(like.aval.toString());
      expect(leaf.slice(3).item()).toBe(-0.5);
    }
  });

  test('updates are differentiable in the learning rate', () => {
    const p = np.ones([70_000]);
    const loss = (rate: Tensor): Tensor => {
      const optimizer = optim.sgd(rate);
      const [u] = optimizer.update(p, optimizer.init(p));
      return np.mean(np.square(optim.applyUpdates(p, u)));
    };
    expect(grad(loss)(np.array(0.25)).item()).toBeCloseTo(-1.5, 5);
  });

  test('errors name what was wrong', () => {
    const optimizer = optim.chain(optim.adam(1e-2));
    expect(() => optimizer.update(params, [] as never)).toThrow(/chain: expected a state with 1 entries/);
    expect(() => optimizer.update({ w: params.w }, optimizer.init(params))).toThrow(
      /adam: expected trees of one structure/,
    );
  });
});

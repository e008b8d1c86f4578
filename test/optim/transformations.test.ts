/**
 * What optimisers promise beyond their trajectories: structures, dtypes, transformations, clipping, masks, errors.
 * @module
 */
import { describe, expect, expectTypeOf, it } from 'vitest';
import { ArgumentError, grad, jit, lax, np, type Tensor, tree, TreeError, valueAndGrad, vmap } from 'cotangent';
import * as optim from 'cotangent/optim';

interface Params {
  layers: { w: Tensor; b: Tensor }[];
  scale: Tensor;
}

const params = (dtype: 'float32' | 'float64' = 'float32'): Params => ({
  layers: [
    {
      w: np.array(
        [
          [1, 2],
          [3, 4],
        ],
        { dtype },
      ),
      b: np.array([0.5, -0.5], { dtype }),
    },
    { w: np.array([[5], [6]], { dtype }), b: np.array([1], { dtype }) },
  ],
  scale: np.array(2, { dtype }),
});

const loss = (p: Params): Tensor =>
  tree.reduce((sum: Tensor, x: Tensor) => np.add(sum, np.sum(np.square(x))), p, np.array(0)) as Tensor;
const numbers = (t: unknown): unknown => JSON.parse(JSON.stringify(t)) as unknown;

const all: [string, optim.GradientTransformation][] = [
  ['sgd', optim.sgd(0.1, { momentum: 0.9, nesterov: true })],
  ['adam', optim.adam(optim.linearSchedule(0.1, 0, 10))],
  ['adamw', optim.adamw(0.1)],
  ['nadamw', optim.nadamw(0.1)],
  ['amsgrad', optim.amsgrad(0.1)],
  ['adamax', optim.adamax(0.1)],
  ['adabelief', optim.adabelief(0.1)],
  ['radam', optim.radam(0.1)],
  ['yogi', optim.yogi(0.1)],
  ['lion', optim.lion(0.1)],
  ['lamb', optim.lamb(0.1)],
  ['lars', optim.lars(0.1)],
  ['rmsprop', optim.rmsprop(0.1, { centered: true, momentum: 0.5, biasCorrection: true })],
  ['adagrad', optim.adagrad(0.1)],
  ['sm3', optim.sm3(0.1)],
  ['clipped by units', optim.chain(optim.adaptiveGradClip(0.1), optim.sgd(0.1))],
  ['adadelta', optim.adadelta(1)],
  ['signum', optim.signum(0.1)],
  ['clipped', optim.chain(optim.clipByGlobalNorm(1), optim.clipByBlockRms(0.1), optim.clip(0.05), optim.centralize())],
  [
    'scaled',
    optim.chain(optim.scaleByParamBlockNorm(), optim.scaleByParamBlockRms(), optim.ema(0.9), optim.scale(-0.1)),
  ],
];

describe.each(all)('%s', (_name, optimizer) => {
  it.each(['float32', 'float64'] as const)('keeps structure, shapes and %s', (dtype) => {
    const p = params(dtype);
    const state = optimizer.init(p);
    const [updates, next] = optimizer.update(grad(loss)(p), state, p);
    const changed = optim.applyUpdates(p, updates);
    const describeLeaf = (x: Tensor): string => x.aval.toString();
    expect(tree.map(describeLeaf, updates)).toEqual(tree.map(describeLeaf, p));
    expect(tree.map(describeLeaf, changed)).toEqual(tree.map(describeLeaf, p));
    // A state of the same avals: a jitted step compiles once.
    expect(tree.map(describeLeaf, next as never)).toEqual(tree.map(describeLeaf, state as never));
  });

  it('has a state that survives flattening, and is the same under jit', () => {
    const p = params();
    const g = grad(loss)(p);
    const step = (q: Params, s: optim.OptState): [Params, optim.OptState] => {
      const [updates, next] = optimizer.update(g, s, q);
      return [optim.applyUpdates(q, updates), next];
    };
    const [once, state] = step(p, optimizer.init(p));
    const [leaves, structure] = tree.flatten(state);
    const restored = tree.unflatten(
      structure,
      leaves.map((x) => np.array((x as Tensor).dataSync() as never, { shape: (x as Tensor).shape })),
    ) as optim.OptState;
    const expected = step(once, state);
    expect(numbers(step(once, restored))).toEqual(numbers(expected));
    const flat = (t: unknown): number[] => tree.leaves(t).flatMap((x) => [...(x as Tensor).dataSync()]);
    const jitted = flat(jit(step)(once, state));
    flat(expected).forEach((v, i) => expect(Math.abs(v - jitted[i]!)).toBeLessThanOrEqual(1e-5 * (1 + Math.abs(v))));
  });

  it('runs under vmap', () => {
    const run = (x: Tensor): Tensor => {
      const [updates] = optimizer.update(np.multiply(x, 3), optimizer.init(x), x);
      return optim.applyUpdates(x, updates);
    };
    const xs = np.array([
      [1, 2],
      [-3, 0.5],
    ]);
    const each = [0, 1].map((i) => run(np.array((xs.toArray() as number[][])[i]!)).toArray());
    expect(numbers(vmap(run)(xs))).toEqual(numbers(each));
  });
});

describe('an optimiser', () => {
  it('is differentiable: the gradient through ten steps is the finite difference', () => {
    const after = (rate: Tensor): Tensor => {
      const optimizer = optim.adam(rate);
      let x = np.array([1, -2], { dtype: 'float64' });
      let state = optimizer.init(x);
      for (let k = 0; k < 10; k++) {
        const [updates, next] = optimizer.update(np.multiply(x, 2), state);
        [x, state] = [optim.applyUpdates(x, updates), next];
      }
      return np.sum(np.square(x));
    };
    const at = (r: number): number => after(np.array(r, { dtype: 'float64' })).item();
    const derivative = grad(after)(np.array(0.05, { dtype: 'float64' })).item();
    expect(derivative).toBeCloseTo((at(0.05 + 1e-5) - at(0.05 - 1e-5)) / 2e-5, 6);
  });

  it('runs inside lax.scan', () => {
    const optimizer = optim.adam(0.1);
    const x = np.array([3, -1]);
    const body = ([p, state]: [Tensor, optim.OptState]): [[Tensor, optim.OptState], Tensor] => {
      const [value, g] = valueAndGrad((q: Tensor) => np.sum(np.square(q)))(p);
      const [updates, next] = optimizer.update(g, state, p);
      return [[optim.applyUpdates(p, updates), next], value];
    };
    const [, losses] = lax.scan(body as never, [x, optimizer.init(x)] as never, null as never, {
      length: 100,
    }) as unknown as [unknown, Tensor];
    const values = losses.toArray() as number[];
    expect(values[99]!).toBeLessThan(0.05);
  });

  it('needs no casts in a training loop', () => {
    const optimizer = optim.adam(0.1);
    const step = jit((p: Params, state: optim.OptState) => {
      const [value, grads] = valueAndGrad(loss)(p);
      const [updates, next] = optimizer.update(grads, state, p);
      return [optim.applyUpdates(p, updates), next, value] as const;
    });
    let p = params();
    let state = optimizer.init(p);
    const first = loss(p).item();
    let value = np.array(0);
    for (let k = 0; k < 20; k++) [p, state, value] = step(p, state);
    expect(value.item()).toBeLessThan(first);
    expectTypeOf(optim.applyUpdates(p, p)).toEqualTypeOf<Params>();
  });

  it('takes Maps, null and plain numbers', () => {
    const optimizer = optim.sgd(0.5);
    const p = new Map<string, unknown>([
      ['a', 1],
      ['none', null],
      ['b', [2, 3]],
    ]);
    const [updates] = optimizer.update(p, optimizer.init(p), p);
    expect(numbers([...(optim.applyUpdates(p, updates) as Map<string, unknown>).values()])).toEqual([
      0.5,
      null,
      [1, 1.5],
    ]);
  });
});

describe('clipping', () => {
  it('clipByGlobalNorm shortens long gradients and leaves short ones', () => {
    const clipping = optim.clipByGlobalNorm(5);
    const [long] = clipping.update({ a: np.array([6, 0]), b: np.array([[8]]) }, clipping.init(null));
    expect(numbers(long)).toEqual({ a: [3, 0], b: [[4]] });
    const [short] = clipping.update([np.array([1, 2])], clipping.init(null));
    expect(numbers(short)).toEqual([[1, 2]]);
  });

  it('clipByGlobalNorm and globalNorm have derivatives at 0', () => {
    const clipped = (g: Tensor): Tensor => np.sum(optim.clipByGlobalNorm(1).update(g, null as never)[0]);
    expect(grad(clipped)(np.zeros([2])).toArray()).toEqual([1, 1]);
    expect(grad((g: Tensor) => optim.globalNorm(g))(np.zeros([2])).toArray()).toEqual([0, 0]);
  });

  it('clip and clipByBlockRms bound elements and leaves', () => {
    expect(numbers(optim.clip(1).update([3, -0.5], null as never)[0])).toEqual([1, -0.5]);
    const [updates] = optim.clipByBlockRms(1).update([np.array([3, 4]), np.array([0.1])], null as never);
    expect((updates[0]!.toArray() as number[])[0]).toBeCloseTo(3 / Math.sqrt(12.5), 6);
    expect(updates[1]!.item()).toBeCloseTo(0.1, 6);
  });
});

describe('masks', () => {
  const p = { w: np.array([1, 1]), b: np.array([1]) };
  const zero = { w: np.zeros([2]), b: np.zeros([1]) };

  it('addDecayedWeights takes a tree, a prefix or a function', () => {
    const decayOf = (mask: optim.Mask): unknown => {
      const decay = optim.addDecayedWeights(0.5, mask);
      return numbers(decay.update(zero, decay.init(p), p)[0]);
    };
    expect(decayOf({ w: true, b: false })).toEqual({ w: [0.5, 0.5], b: [0] });
    expect(decayOf(false)).toEqual({ w: [0, 0], b: [0] });
    expect(decayOf((q: typeof p) => tree.map((x: Tensor) => x.shape[0] === 1, q))).toEqual({ w: [0, 0], b: [0.5] });
  });

  it('masked keeps a state of the visible leaves only', () => {
    const optimizer = optim.masked(optim.trace(0.9), { w: false, b: true });
    const [updates, state] = optimizer.update(p, optimizer.init(p));
    expect(tree.leaves(state)).toHaveLength(1);
    expect(numbers(updates)).toEqual({ w: [1, 1], b: [1] });
  });

  it('a scheduled decay counts its steps', () => {
    const decay = optim.addDecayedWeights((count) => np.multiply(count, 0.25));
    let state = decay.init(p);
    let updates = zero;
    for (let k = 0; k < 3; k++) [updates, state] = decay.update(zero, state, p);
    expect(numbers(updates)).toEqual({ w: [0.5, 0.5], b: [0.5] });
  });
});

describe('errors', () => {
  const x = np.array([1]);
  const sgd = optim.sgd(0.1, { momentum: 0.9 });
  it.each([
    ['an unknown option', () => optim.adam(0.1, { beta1: 0.9 } as never), ArgumentError, /beta1/],
    ['no learning rate', () => optim.adam({ b1: 0.9 } as never), ArgumentError, /learningRate/],
    [
      'weight decay without parameters',
      () => optim.adamw(0.1).update(x, optim.adamw(0.1).init(x)),
      ArgumentError,
      /update\(grads, state, params\)/,
    ],
    ['a state of other parameters', () => sgd.update({ a: x }, sgd.init({ b: x })), TreeError, /one structure/],
    [
      'swapped arguments',
      () => sgd.update(x, x as never, sgd.init(x)),
      ArgumentError,
      /update\(grads, state, params\)/,
    ],
    ['updates of another structure', () => optim.applyUpdates({ a: x }, { b: x } as never), TreeError, /applyUpdates/],
    ['an uncalled factory', () => optim.chain(optim.adam as never), ArgumentError, /call the factory/],
  ])('%s is named', (_what, f, type, message) => {
    expect(f).toThrow(type);
    expect(f).toThrow(message);
  });
});

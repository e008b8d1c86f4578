/** Modules are pytrees: transformations, optimisers and tree functions take them as they are. */
import { describe, expect, test } from 'vitest';
import { grad, hessian, jit, nn, np, random, type Tensor, tree, valueAndGrad, vmap } from 'cotangent';
import { Dropout, Embedding, Identity, Lambda, LayerNorm, Linear, Module, mseLoss, Sequential } from 'cotangent/nn';
import * as optim from 'cotangent/optim';

const key = random.key(0);
const sum = (x: Tensor): Tensor => np.sum(x);

class Pair extends Module {
  readonly first: Linear;
  readonly rest: { readonly norm: LayerNorm; readonly more: readonly Module[] };
  readonly scale: number;
  readonly f: (x: Tensor) => Tensor;
  readonly missing = null;
  constructor(scale: number) {
    super();
    this.first = new Linear(2, 3, { key });
    this.rest = { norm: new LayerNorm(3), more: [new Linear(3, 1, { key, bias: false })] };
    this.scale = scale;
    this.f = np.tanh;
  }
  call(x: Tensor): Tensor {
    const h = this.rest.norm.call(this.f(this.first.call(x)));
    return (this.rest.more[0] as Linear).call(h).mul(this.scale);
  }
}

describe('a module as a pytree', () => {
  const model = new Pair(2);

  test('has its tensors as leaves, with paths of fields, and the rest in its structure', () => {
    const [leaves, structure] = tree.flatten(model);
    expect(leaves).toHaveLength(5);
    expect(structure.paths()).toEqual([
      '.first.weight',
      '.first.bias',
      '.rest.more[0].weight',
      '.rest.norm.weight',
      '.rest.norm.bias',
    ]);
    expect(String(tree.structure(model.first))).toBe('Linear(weight: *, bias: *)');
    expect(structure.equals(tree.structure(new Pair(2)))).toBe(true);
    expect(structure.equals(tree.structure(new Pair(3)))).toBe(false);
  });

  test('comes back from unflatten as an instance that computes', () => {
    const doubled = tree.map((x: Tensor) => x.mul(2), model);
    expect(doubled).toBeInstanceOf(Pair);
    expect(doubled.scale).toBe(2);
    expect(doubled.first.weight.toArray()).toEqual(model.first.weight.mul(2).toArray());
    expect(doubled.call(np.ones([4, 2])).shape).toEqual([4, 1]);
  });

  test('keeps its structure with anything at the leaves', () => {
    const flags = tree.map((x: Tensor) => x.ndim > 1, model);
    expect(tree.leaves(flags)).toEqual([true, false, true, false, false]);
    expect(tree.structure(flags).equals(tree.structure(model))).toBe(true);
    const holes = tree.map((x: Tensor) => (x.ndim > 1 ? x : null), model);
    expect(tree.leaves(holes)).toHaveLength(2);
  });

  test('passes through grad, jit, vmap and hessian', () => {
    const x = np.array([
      [1, -1],
      [0.5, 2],
    ]);
    const f = (m: Pair, x: Tensor): Tensor => sum(np.square(m.call(x)));
    const g = grad(f)(model, x);
    expect(g).toBeInstanceOf(Pair);
    expect(g.first.weight.shape).toEqual([3, 2]);
    const compiled = jit(grad(f))(model, x);
    expect(np.allclose(compiled.first.weight, g.first.weight, { rtol: 1e-4, atol: 1e-5 }).item()).toBe(1);
    const perExample = vmap(grad(f), { inAxes: [null, 0] })(model, x);
    expect(np.allclose(perExample.first.bias!.sum(0), g.first.bias!, { rtol: 1e-4, atol: 1e-5 }).item()).toBe(1);
    const single = new Linear(2, 1, { key });
    const h = hessian((m: Linear) => sum(np.square(m.call(x))))(single);
    expect(tree.leaves(h)).toHaveLength(4);
  });

  test('a jitted step with another setting compiles anew, with the same setting it does not', () => {
    let traces = 0;
    const f = jit((m: Pair, x: Tensor) => {
      traces++;
      return m.call(x);
    });
    const x = np.ones([1, 2]);
    f(model, x);
    f(
      tree.map((w: Tensor) => w.mul(2), model),
      x,
    );
    f(new Pair(2), x);
    expect(traces).toBe(1);
    f(new Pair(3), x);
    expect(traces).toBe(2);
  });

  test('several copies stack into one and run under vmap', () => {
    const models = vmap((k: Tensor) => new Linear(2, 3, { key: k }))(random.split(key, 4));
    expect(models.weight.shape).toEqual([4, 3, 2]);
    expect(vmap((m: Linear, x: Tensor) => m.call(x), { inAxes: [0, null] })(models, np.ones([2])).shape).toEqual([
      4, 3,
    ]);
  });

  test('is frozen once it has been used as a tree', () => {
    const layer = new Linear(1, 1, { key });
    tree.leaves(layer);
    expect(() => Object.assign(layer, { bias: null })).toThrow(TypeError);
  });
});

describe('with', () => {
  const layer = new Linear(2, 1, { key, bias: false });

  test('gives a copy and leaves the original', () => {
    const changed = layer.with({ bias: np.ones([1]) });
    expect(layer.bias).toBe(null);
    expect(String(tree.structure(changed))).toBe('Linear(weight: *, bias: *)');
    expect(tree.structure(changed).equals(tree.structure(new Linear(2, 1, { key })))).toBe(true);
  });

  test('refuses names that are no fields', () => {
    expect(() => layer.with({ weights: 1 } as never)).toThrow(/Linear.with: expected fields weight, bias, got weights/);
  });
});

describe('training', () => {
  test('a network of layers learns under jit and an optimiser, by one call of each', () => {
    const [a, b] = random.split(key) as unknown as [Tensor, Tensor];
    let model = new Sequential([new Linear(1, 16, { key: a }), nn.tanh, new Linear(16, 1, { key: b })]);
    const x = np.linspace(-2, 2, 32).reshape(32, 1);
    const y = np.sin(x);
    const optimizer = optim.adam(0.02);
    const step = jit((m: Sequential, state: optim.OptState) => {
      const [loss, g] = valueAndGrad((m: Sequential) => mseLoss(m.call(x), y))(m);
      const [updates, next] = optimizer.update(g, state, m);
      return [optim.applyUpdates(m, updates), next, loss] as const;
    });
    let state = optimizer.init(model);
    let loss = np.array(1);
    for (let i = 0; i < 200; i++) [model, state, loss] = step(model, state);
    expect(model).toBeInstanceOf(Sequential);
    expect(loss.item()).toBeLessThan(5e-3);
  });

  test('a mask for an optimiser is made by mapping over the model', () => {
    const layer = new Linear(2, 2, { key });
    const decay = optim.masked(
      optim.addDecayedWeights(1),
      tree.map((w: Tensor) => w.ndim > 1, layer),
    );
    const zeros = tree.map((w: Tensor) => np.zerosLike(w), layer);
    const [updates] = decay.update(zeros, decay.init(layer), layer);
    expect(updates.weight.toArray()).toEqual(layer.weight.toArray());
    expect(updates.bias!.toArray()).toEqual([0, 0]);
  });
});

describe('mistakes', () => {
  test('a missing key is said, and what to do', () => {
    expect(() => new Linear(2, 3, {} as never)).toThrow(
      /Linear: expected a random key .* got undefined[^]*random\.key\(0\)/,
    );
    expect(() => new Linear(2, 3, undefined as never)).toThrow(/Linear: expected a random key/);
  });

  test('sizes and option names are checked', () => {
    expect(() => new Linear(0, 3, { key })).toThrow(/Linear: expected inFeatures to be a positive integer, got 0/);
    expect(() => new Linear(2, 3, { key, biass: true } as never)).toThrow(/Linear: expected options .* got biass/);
    expect(() => new Dropout(1.5)).toThrow(/Dropout: expected rate between 0 and 1, got 1.5/);
    expect(() => new Embedding(3, 2, { key, paddingIndex: 3 })).toThrow(/expected paddingIndex from 0 to 2, got 3/);
    expect(() => new Sequential([Identity as never])).toThrow(
      /Sequential: expected layers .* got a function at layers\[0\]/,
    );
    expect(() => new Sequential([3 as never])).toThrow(
      /Sequential: expected layers and functions, got 3 at layers\[0\]/,
    );
    expect(() => new Lambda(3 as never)).toThrow(/Lambda: expected a function, got 3/);
  });

  test('tensors that would be hidden from training are refused', () => {
    class Holder {
      readonly w = np.ones([1]);
    }
    class Hiding extends Module {
      readonly holder: unknown;
      constructor(holder: unknown) {
        super();
        this.holder = holder;
      }
    }
    for (const holder of [new Holder(), new Set([np.ones([1])]), [new Holder()]]) {
      expect(() => tree.leaves(new Hiding(holder))).toThrow(
        /Module: expected tensors in arrays, plain objects, Maps and modules, got some in an instance of (Holder|Set)/,
      );
    }
    expect(tree.leaves(new Hiding(new Date()))).toEqual([]);
  });

  test('a shape that does not fit names the module and its path', () => {
    const model = new Sequential([
      new Identity(),
      new Sequential([new Linear(2, 3, { key }), new Linear(2, 3, { key })]),
    ]);
    const message =
      /Linear\(2 → 3\): expected input \[…,2\], got f32\[4,3\]\.\n {2}At: \.layers\[1\]\.layers\[1\]\n {2}Fix: /;
    expect(() => model.call(np.ones([4, 2]))).toThrow(message);
    expect(() => grad((m: Sequential) => sum(m.call(np.ones([4, 2]))))(model)).toThrow(message);
    let stack: string | undefined;
    try {
      model.call(np.ones([4, 2]));
    } catch (error) {
      ({ stack } = error as Error);
    }
    expect(stack).toMatch(message);
  });
});

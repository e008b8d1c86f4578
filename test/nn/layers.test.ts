/** Layers have PyTorch's values and gradients, from its state dicts. */
import { describe, expect, test } from 'vitest';
import { grad, jit, np, random, type Tensor, tree, valueAndGrad, vmap } from 'cotangent';
import * as nn from 'cotangent/nn';
import { expectClose, type Figure, figures, tensor } from './figures.ts';

interface Case {
  readonly module: string;
  readonly args: readonly unknown[];
  readonly options: Record<string, unknown>;
  readonly state: Record<string, Figure>;
  readonly inputs: readonly Figure[];
  readonly out: Figure;
  readonly ct: Figure;
  readonly grads: { readonly inputs: readonly (Figure | null)[]; readonly state: Record<string, Figure> };
  readonly note?: string;
}

const key = random.key(0);
const withoutKey = new Set(['LayerNorm', 'GroupNorm', 'InstanceNorm', 'BatchNorm']);
const withoutDtype = /Pool/;

/** The module of a case with PyTorch's parameters. */
function build({ module, args, options, state }: Case): nn.Layer {
  const Class = (nn as unknown as Record<string, new (...args: unknown[]) => nn.Layer>)[module]!;
  const extra = withoutDtype.test(module) ? {} : { dtype: 'float64', ...(withoutKey.has(module) ? {} : { key }) };
  const model = module.startsWith('Adaptive') ? new Class(...args) : new Class(...args, { ...options, ...extra });
  const dict = Object.fromEntries(Object.entries(state).map(([name, x]) => [name, tensor(x)]));
  return nn.loadStateDict(model, dict, { map: nn.torchNames(model) });
}

describe("layers have PyTorch's values and gradients", () => {
  figures<Case>('layers').forEach((c, n) => {
    test(`${n}: ${c.module}(${JSON.stringify(c.args).slice(1, -1)}) ${c.note ?? JSON.stringify(c.options)}`, () => {
      const model = build(c);
      const [x] = c.inputs.map(tensor) as [Tensor];
      const ct = tensor(c.ct);
      expectClose(model.call(x), c.out, 1e-10, 'value');
      const total = (m: nn.Layer, x: Tensor): Tensor => np.sum(m.call(x).mul(ct));
      const byInput = c.grads.inputs[0];
      const [params, rest] = nn.partition(model);
      const f = (p: nn.Layer, x: Tensor): Tensor => total(nn.combine(p, rest), x);
      for (const wrap of [(g: typeof gradient) => g, (g: typeof gradient) => jit(g)]) {
        const [byModel, byX] = wrap(gradient)(params, x);
        const expected = Object.entries(nn.stateDict(byModel));
        const names = nn.torchNames(model) as Record<string, string>;
        for (const [name, g] of expected) expectClose(g, c.grads.state[names[name]!]!, 1e-9, name);
        expect(expected).toHaveLength(Object.keys(c.grads.state).length);
        if (byInput) expectClose(byX!, byInput, 1e-9, 'input');
      }
      function gradient(p: nn.Layer, x: Tensor): [nn.Layer, Tensor | null] {
        return [grad(f)(p, x), byInput ? grad(f, { argnums: 1 })(p, x) : null];
      }
    });
  });
});

describe('BatchNorm', () => {
  interface Steps {
    readonly momentum: number | null;
    readonly state: Record<string, Figure>;
    readonly steps: readonly {
      readonly input: Figure;
      readonly out: Figure;
      readonly ct: Figure;
      readonly grads: readonly Figure[];
      readonly state: Record<string, Figure>;
    }[];
  }
  const load = (m: nn.BatchNorm, state: Record<string, Figure>): nn.BatchNorm =>
    nn.loadStateDict(m, Object.fromEntries(Object.entries(state).map(([k, x]) => [k, tensor(x)])), {
      map: nn.torchNames(m),
    });

  for (const c of figures<Steps>('batch-norm')) {
    test(`trains as PyTorch's over several steps, momentum ${String(c.momentum)}`, () => {
      let layer = load(new nn.BatchNorm(3, { momentum: c.momentum, dtype: 'float64' }), c.state);
      for (const step of c.steps) {
        const loss = (m: nn.BatchNorm, x: Tensor): [Tensor, nn.BatchNorm] => {
          const [y, next] = m.apply(x, { train: true });
          return [np.sum(y.mul(tensor(step.ct))), next];
        };
        const x = tensor(step.input);
        expectClose(layer.apply(x, { train: true })[0], step.out, 1e-10, 'value');
        const [[, next], g] = jit(valueAndGrad(loss, { hasAux: true }))(layer, x) as unknown as [
          [Tensor, nn.BatchNorm],
          nn.BatchNorm,
        ];
        const [byX] = grad(loss, { hasAux: true, argnums: 1 })(layer, x) as unknown as [Tensor];
        [byX, g.weight!, g.bias!].forEach((got, i) => expectClose(got, step.grads[i]!, 1e-9, `gradient ${i}`));
        expect(np.any(np.notEqual(g.runningMean!, 0)).item()).toBe(0);
        layer = next;
        for (const [name, x] of Object.entries(nn.stateDict(layer))) {
          expectClose(x, step.state[(nn.torchNames(layer) as Record<string, string>)[name]!]!, 1e-12, name);
        }
      }
    });
  }

  test('evaluation by default; training asks for apply, and for more than one value', () => {
    const layer = new nn.BatchNorm(2);
    expect(layer.apply(np.ones([3, 2]))[1]).toBe(layer);
    expect(() => layer.call(np.ones([3, 2]), { train: true })).toThrow(
      /BatchNorm\(2\): expected apply in training, got call[^]*const \[y, next\]/,
    );
    expect(() => layer.apply(np.ones([1, 2]), { train: true })).toThrow(
      /expected more than one value for each feature/,
    );
    expect(() => layer.call(np.ones([3, 4]))).toThrow(/expected input with 2 features on axis 1, got f32\[3,4\]/);
    expect(new nn.BatchNorm(4, { axis: -1 }).call(np.ones([3, 5, 4])).shape).toEqual([3, 5, 4]);
    const untracked = new nn.BatchNorm(2, { trackRunningStats: false });
    expect(tree.leaves(untracked)).toHaveLength(2);
    expect(
      untracked
        .call([
          [1, 2],
          [3, 4],
        ])
        .toArray(),
    ).toEqual(
      untracked
        .call(
          [
            [1, 2],
            [3, 4],
          ],
          { train: true },
        )
        .toArray(),
    );
  });

  test('inside Sequential, apply threads the state and names the layer that fails', () => {
    const model = new nn.Sequential([new nn.Linear(2, 3, { key }), new nn.BatchNorm(3), new nn.Dropout(0.5)]);
    const x = random.normal(key, [8, 2]);
    const [, next] = model.apply(x, { train: true, key });
    expect((next.layers[1] as nn.BatchNorm).batchesTracked!.item()).toBe(1);
    expect(next.layers[0]).toBe(model.layers[0]);
    expect(() => model.apply(x, { train: true })).toThrow(
      /Dropout\(0.5\): expected a random key in training, got none.\n {2}At: \.layers\[2\]\n {2}Fix: call it with/,
    );
    expect(() => model.call(x, { train: true, key })).toThrow(/expected apply in training[^]*At: \.layers\[1\]/);
    expect(nn.parameterCount(model)).toBe(2 * 3 + 3 + 6);
  });
});

describe('Dropout', () => {
  test('keeps the mean, repeats for a key, and differs between layers of one Sequential', () => {
    const x = np.ones([64, 64]);
    const layer = new nn.Dropout(0.25);
    const y = layer.call(x, { train: true, key });
    expect(y.mean().item()).toBeCloseTo(1, 1);
    expect(np.all(np.logicalOr(np.equal(y, 0), np.isclose(y, 4 / 3))).item()).toBe(1);
    expect(layer.call(x, { train: true, key }).toArray()).toEqual(y.toArray());
    const two = new nn.Sequential([layer, layer]).call(x, { train: true, key });
    expect(np.mean(np.equal(two, 0).astype('float32')).item()).toBeCloseTo(1 - 0.75 ** 2, 1);
  });

  test('rates 0 and 1, and axes that share', () => {
    const x = np.ones([4, 3, 5]);
    expect(new nn.Dropout(0).call(x, { train: true }).toArray()).toEqual(x.toArray());
    expect(np.all(np.equal(new nn.Dropout(1).call(x, { train: true, key }), 0)).item()).toBe(1);
    const y = new nn.Dropout(0.5, { sharedAxes: [2] }).call(x, { train: true, key });
    expect(np.all(np.equal(y, y.slice({}, {}, { stop: 1 }))).item()).toBe(1);
  });

  test('has the derivative of its mask', () => {
    const layer = new nn.Dropout(0.5);
    const f = (x: Tensor): Tensor => np.sum(layer.call(x, { train: true, key }));
    expect(grad(f)(np.ones([8])).toArray()).toEqual(layer.call(np.ones([8]), { train: true, key }).toArray());
  });
});

describe('norms, embeddings and windows', () => {
  test('RMSNorm divides by the root of the mean square', () => {
    const x = np.array([[3, 4]]);
    const y = new nn.RMSNorm(2, { epsilon: 0 }).call(x);
    expect(np.allclose(y, x.div(Math.sqrt(12.5))).item()).toBe(1);
    expect(np.all(np.isfinite(grad((x: Tensor) => np.sum(new nn.RMSNorm(2).call(x)))(np.zeros([1, 2])))).item()).toBe(
      1,
    );
  });

  test('Embedding takes integers, gives NaN outside its table, and shares it with the output', () => {
    const table = new nn.Embedding(4, 2, { key, paddingIndex: 0 });
    expect(table.weight.slice(0).toArray()).toEqual([0, 0]);
    expect(table.call([[1, 2]]).shape).toEqual([1, 2, 2]);
    expect(() => table.call(np.ones([2]))).toThrow(/Embedding\(4 × 2\): expected integers, got f32\[2\]/);
    expect(table.call([7]).toArray()).toEqual([[Number.NaN, Number.NaN]]);
    expect(table.attend(np.ones([3, 2])).shape).toEqual([3, 4]);
    expect(() => table.attend(np.ones([3, 5]))).toThrow(/Embedding\(4 × 2\): expected input \[…,2\], got f32\[3,5\]/);
  });

  test('SAME keeps ⌈size / stride⌉, and size · stride when transposed', () => {
    for (const [n, stride, k] of [
      [7, 2, 3],
      [8, 3, 2],
      [5, 1, 4],
    ] as const) {
      const x = np.ones([1, 2, n]);
      const options = { key, stride, padding: 'SAME' } as const;
      expect(new nn.Conv1d(2, 1, k, options).call(x).shape).toEqual([1, 1, Math.ceil(n / stride)]);
      expect(new nn.ConvTranspose1d(2, 1, k, options).call(x).shape).toEqual([1, 1, n * stride]);
      expect(new nn.MaxPool([k], { stride, padding: 'SAME' }).call(x).shape).toEqual([1, 2, Math.ceil(n / stride)]);
    }
  });

  test('a transposed convolution is the adjoint of the convolution with its weight', () => {
    const down = new nn.Conv2d(2, 4, 3, { key, stride: 2, padding: 1, groups: 2, bias: false });
    const up = new nn.ConvTranspose2d(4, 2, 3, {
      key,
      stride: 2,
      padding: 1,
      groups: 2,
      bias: false,
      outputPadding: 1,
    });
    const x = random.normal(key, [1, 2, 6, 6]);
    const y = random.normal(key, [1, 4, 3, 3]);
    const left = np.sum(down.call(x).mul(y)).item();
    expect(np.sum(up.with({ weight: down.weight }).call(y).mul(x)).item()).toBeCloseTo(left, 3);
  });

  test('of equal elements the first has the derivative of a maximum; in adaptive bins they share it', () => {
    const x = np.array([[1, 1, 1, 1]]);
    const by = (layer: nn.Layer): unknown => grad((x: Tensor) => np.sum(layer.call(x)))(x).toArray();
    expect(by(new nn.MaxPool([2]))).toEqual([[1, 0, 1, 0]]);
    expect(by(new nn.AdaptiveMaxPool([2]))).toEqual([[0.5, 0.5, 0.5, 0.5]]);
    const odd = np.array([[1, 5, 1]]);
    expect(grad((x: Tensor) => np.sum(new nn.AdaptiveMaxPool([2]).call(x)))(odd).toArray()).toEqual([[0, 2, 0]]);
  });

  test('batch axes are free, and vmap is the batch', () => {
    const layer = new nn.Conv2d(2, 3, 3, { key });
    const x = random.normal(key, [2, 4, 2, 5, 5]);
    const y = layer.call(x);
    expect(y.shape).toEqual([2, 4, 3, 3, 3]);
    expect(np.allclose(vmap(vmap((x: Tensor) => layer.call(x)))(x), y, { atol: 1e-5 }).item()).toBe(1);
    expect(new nn.MaxPool([2, 2]).call(x).shape).toEqual([2, 4, 2, 2, 2]);
    expect(new nn.AdaptiveAvgPool([1, 1]).call(x).shape).toEqual([2, 4, 2, 1, 1]);
  });

  test('mistakes name the module', () => {
    const layer = new nn.Conv2d(3, 4, 3, { key });
    expect(() => layer.call(np.ones([1, 8, 8, 3]))).toThrow(
      /Conv2d\(3 → 4, 3 × 3\): expected input \[…, 3, height, width\], got f32\[1,8,8,3\][^]*np\.moveaxis/,
    );
    expect(() => new nn.Conv2d(3, 4, 3, { key, groups: 2 })).toThrow(
      /Conv2d: expected inChannels to be a multiple of groups/,
    );
    expect(() => new nn.Conv2d(3, 4, [3], { key })).toThrow(
      /Conv2d: expected kernelSize to be an integer of at least 1 or 2 of them/,
    );
    expect(() => new nn.Conv2d(3, 4, 3, { key, padding: 'same' as never })).toThrow(
      /Conv2d: expected padding 'SAME', 'VALID'/,
    );
    expect(
      () =>
        new nn.Conv2d(3, 4, 3, {
          key,
          padding: [
            [1, -1],
            [0, 0],
          ],
        }),
    ).toThrow(/expected padding/);
    expect(() => new nn.ConvTranspose1d(3, 4, 3, { key, outputPadding: 1 })).toThrow(
      /expected outputPadding less than the stride/,
    );
    expect(() => new nn.AdaptiveAvgPool(3 as never)).toThrow(/AdaptiveAvgPool: expected an array/);
    expect(() => new nn.GroupNorm(4, 6)).toThrow(
      /GroupNorm: expected channels to be a multiple of groups, got 6 and 4/,
    );
    expect(() => new nn.LayerNorm(3).call(np.ones([2, 4]))).toThrow(
      /LayerNorm\(3\): expected input \[…,3\], got f32\[2,4\]/,
    );
    expect(() => new nn.GroupNorm(2, 6).call(np.ones([2, 4]))).toThrow(
      /GroupNorm\(2, 6\): expected input \[batch, 6, …\]/,
    );
  });

  test('initial values have the bounds that are documented', () => {
    const wide = new nn.Conv2d(8, 64, 3, { key });
    const bound = 1 / Math.sqrt(8 * 9);
    for (const x of [wide.weight, wide.bias!]) {
      expect(np.max(np.abs(x)).item()).toBeLessThanOrEqual(bound);
      expect(np.max(np.abs(x)).item()).toBeGreaterThan(bound * 0.9);
    }
    expect(np.std(new nn.Embedding(100, 100, { key }).weight).item()).toBeCloseTo(1, 1);
  });
});

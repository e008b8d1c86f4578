/** Attention, transformer blocks and recurrent layers: PyTorch's figures, caches, masks, states. */
import { describe, expect, test } from 'vitest';
import { grad, jit, lax, nn as functions, np, random, type Tensor, vmap } from 'cotangent';
import * as nn from 'cotangent/nn';
import { expectClose, type Figure, figures, tensor } from './figures.ts';

interface Case {
  readonly module: string;
  readonly args: readonly number[];
  readonly options: Record<string, unknown>;
  readonly extra: {
    readonly isCausal?: boolean;
    readonly mask?: (number | boolean)[][];
    readonly lengths?: readonly number[];
  };
  readonly state: Record<string, Figure>;
  readonly inputs: readonly Figure[];
  readonly outs: readonly Figure[];
  readonly cts: readonly Figure[];
  readonly grads: { readonly inputs: readonly (Figure | null)[]; readonly state: Record<string, Figure> };
  readonly note?: string;
}

const key = random.key(0);
const activations: Record<string, unknown> = {
  relu: functions.relu,
  gelu: (x: Tensor) => functions.gelu(x, { approximate: false }),
};
const isCell = (c: Case): boolean => c.module.endsWith('Cell');
const isBlock = (c: Case): boolean => c.module === 'TransformerBlock' || c.module === 'MultiHeadAttention';

function build(c: Case): nn.Module {
  const Class = (nn as unknown as Record<string, new (...args: unknown[]) => nn.Module>)[c.module]!;
  const options =
    c.module === 'TransformerBlock'
      ? { ...c.options, activation: activations[c.options.activation as string] }
      : c.options;
  const model = new Class(...c.args, { ...options, key, dtype: 'float64' });
  const dict = Object.fromEntries(Object.entries(c.state).map(([name, x]) => [name, tensor(x)]));
  return nn.loadStateDict(model, dict, { map: nn.torchNames(model) });
}

/** States of one table `[cells, batch, features]` each (hidden vectors, memories) to a list with one state a cell, and back. */
const unstack = (tables: readonly Tensor[]): nn.CellState[] =>
  tables.length === 0
    ? []
    : Array.from({ length: tables[0]!.shape[0]! }, (_, i) =>
        tables.length === 1 ? tables[0]!.slice(i) : ([tables[0]!.slice(i), tables[1]!.slice(i)] as const),
      );
const listOf = (state: nn.CellState): readonly Tensor[] =>
  (Array.isArray(state) ? state : [state]) as readonly Tensor[];
const stack = (states: readonly nn.CellState[]): Tensor[] =>
  listOf(states[0]!).map((_, k) => np.stack(states.map((s) => listOf(s)[k]!)));

function outputs(c: Case, model: nn.Module, inputs: readonly Tensor[]): readonly Tensor[] {
  const [x, ...rest] = inputs as [Tensor, ...Tensor[]];
  if (isBlock(c)) {
    const { lengths, mask, isCausal } = c.extra;
    const given = lengths ? nn.paddingMask(lengths as number[], x.shape[1]!) : mask;
    const masks = { ...(given === undefined ? {} : { mask: given }), ...(isCausal ? { isCausal } : {}) };
    const [keys, values] = rest;
    return [
      (model as nn.MultiHeadAttention).call(x, { ...masks, ...(keys ? { keys } : {}), ...(values ? { values } : {}) }),
    ];
  }
  if (isCell(c)) {
    const state = rest.length === 2 ? (rest as unknown as nn.CellState) : rest[0]!;
    return listOf((model as nn.LSTMCell).call(x, state as never));
  }
  const layer = model as nn.LSTM;
  const { lengths } = c.extra;
  const [y, states] = layer.unroll(x, {
    ...(rest.length > 0 ? { initial: unstack(rest) as never } : {}),
    ...(lengths ? { lengths: lengths as number[] } : {}),
  });
  return [y, ...stack(states)];
}

describe("values and gradients are PyTorch's", () => {
  figures<Case>('sequences').forEach((c, n) => {
    test(`${n}: ${c.module} ${c.note ?? JSON.stringify(c.options)}`, () => {
      const model = build(c);
      const inputs = c.inputs.map(tensor);
      const tolerance = c.extra.mask ? 1e-6 : 1e-9;
      outputs(c, model, inputs).forEach((y, i) => expectClose(y, c.outs[i]!, tolerance, `output ${i}`));
      const total = (m: nn.Module, ...xs: Tensor[]): Tensor =>
        outputs(c, m, xs)
          .map((y, i) => np.sum(y.mul(tensor(c.cts[i]!))))
          .reduce((a, b) => a.add(b));
      const argnums = [0, ...inputs.map((_, i) => i + 1)];
      const [byModel, ...byInputs] = jit(grad(total, { argnums }))(model, ...inputs) as unknown as [
        nn.Module,
        ...Tensor[],
      ];
      const names = nn.torchNames(model) as Record<string, string | nn.Source>;
      for (const [name, g] of Object.entries(nn.stateDict(byModel))) {
        const source = names[name]!;
        const from = typeof source === 'string' ? source : source.name;
        const whole = tensor(c.grads.state[from]!);
        const expected = typeof source === 'string' || !source.transform ? whole : source.transform(whole);
        const difference = np.max(np.abs(g.sub(expected))).item();
        expect(difference, name).toBeLessThan(tolerance * 10);
      }
      byInputs.forEach((g, i) => expectClose(g, c.grads.inputs[i]!, tolerance * 10, `input ${i}`));
    });
  });
});

const close = (a: Tensor, b: Tensor, atol = 1e-5): void => expect(np.max(np.abs(a.sub(b))).item()).toBeLessThan(atol);

describe('a cache', () => {
  const x = random.normal(random.key(1), [2, 6, 8]);
  for (const rotary of [false, true, { layout: 'pairs', base: 100 }] as const) {
    test(`gives the full pass step by step, rotary ${JSON.stringify(rotary)}`, () => {
      const block = new nn.TransformerBlock(8, 4, { key, rotary, keyValueHeads: 2, norm: 'rms' });
      const whole = block.call(x, { isCausal: true });
      // A prompt of three positions, then one at a time, compiled once for all positions.
      const step = jit((b: nn.TransformerBlock, t: Tensor, cache: nn.KeyValueCache) => b.decode(t, cache));
      const [prompt, first] = block.decode(x.slice({}, { stop: 3 }), block.initCache(2, 6));
      const parts = [prompt];
      let cache = first;
      for (let t = 3; t < 6; t++) {
        const [y, next] = step(block, x.slice({}, { start: t, stop: t + 1 }), cache);
        parts.push(y);
        cache = next;
      }
      close(np.concatenate(parts, 1), whole);
      expect(cache.length.item()).toBe(6);
    });
  }

  test('runs inside scan, with gradients', () => {
    const attention = new nn.MultiHeadAttention(8, 2, { key, dtype: 'float64' });
    const x64 = x.astype('float64');
    const stepwise = (m: nn.MultiHeadAttention): Tensor => {
      const body = (cache: nn.KeyValueCache, t: Tensor): readonly [nn.KeyValueCache, Tensor] => {
        const [y, next] = m.decode(np.expandDims(t, 1), cache);
        return [next, y];
      };
      const [, ys] = lax.scan(body, m.initCache(2, 6), np.moveaxis(x64, 1, 0));
      return np.sum(np.square(ys));
    };
    const whole = (m: nn.MultiHeadAttention): Tensor => np.sum(np.square(m.call(x64, { isCausal: true })));
    expect(stepwise(attention).item()).toBeCloseTo(whole(attention).item(), 9);
    const [a, b] = [grad(stepwise)(attention), grad(whole)(attention)];
    for (const [name, g] of Object.entries(nn.stateDict(a))) close(g, nn.stateDict(b)[name]!, 1e-9);
  });

  test('that is full is an error, and NaN where the length is not known', () => {
    const attention = new nn.MultiHeadAttention(8, 2, { key });
    const cache = attention.initCache(2, 4);
    expect(() => attention.decode(x, cache)).toThrow(
      /MultiHeadAttention\(8, 2\)\.decode: expected at most 4 positions, got 0 in the cache and 6 more/,
    );
    const three = x.slice({}, { stop: 3 });
    const decode = jit((c: nn.KeyValueCache) => attention.decode(three, c));
    const [y, next] = decode(cache);
    expect(np.all(np.isfinite(y)).item()).toBe(1);
    expect(np.all(np.isnan(decode(next)[0])).item()).toBe(1);
    expect(() => attention.decode(x.slice({ stop: 1 }), cache)).toThrow(
      /expected a cache \[1,room,2,4\], got f32\[2,4,2,4\]/,
    );
  });
});

describe('attention', () => {
  const x = random.normal(random.key(1), [2, 5, 8]);
  const attention = new nn.MultiHeadAttention(8, 2, { key });

  test('rotary embedding makes scores depend on distances only', () => {
    const [q, k] = [random.normal(key, [1, 1, 8], 'float64'), random.normal(random.key(2), [1, 1, 8], 'float64')];
    for (const layout of ['halves', 'pairs'] as const) {
      const score = (m: number, n: number): number =>
        np
          .sum(nn.rotaryEmbedding(q, { positions: [m], layout }).mul(nn.rotaryEmbedding(k, { positions: [n], layout })))
          .item();
      expect(score(7, 3)).toBeCloseTo(score(104, 100), 9);
      expect(Math.abs(score(7, 3) - score(7, 4))).toBeGreaterThan(1e-3);
      expect(score(0, 0)).toBeCloseTo(np.sum(q.mul(k)).item(), 9);
    }
    expect(() => nn.rotaryEmbedding(np.ones([2, 1, 3]))).toThrow(
      /rotaryEmbedding: expected .* even number of features/,
    );
    expect(() => nn.rotaryEmbedding(np.ones([2, 1, 4]), { positions: [0] })).toThrow(/expected positions \[…,2\]/);
  });

  test('a mask of booleans, of −∞ and of causality agree; rows of nothing give no NaN', () => {
    const lower = np.tril(np.ones([5, 5]));
    const whole = attention.call(x, { isCausal: true });
    close(attention.call(x, { mask: np.greater(lower, 0) }), whole);
    close(attention.call(x, { mask: np.where(np.greater(lower, 0), 0, -Infinity) }), whole);
    const nothing = np.full([5, 5], -Infinity);
    const g = grad((m: nn.MultiHeadAttention) => np.sum(m.call(x, { mask: nothing })))(attention);
    for (const t of Object.values(nn.stateDict(g))) expect(np.all(np.isfinite(t)).item()).toBe(1);
  });

  test('what is padded has no influence', () => {
    const mask = nn.paddingMask([3, 5], 5);
    const changed = x.at(0, { start: 3 }).set(100);
    close(attention.call(x, { mask }).slice(0, { stop: 3 }), attention.call(changed, { mask }).slice(0, { stop: 3 }));
  });

  test('groups of heads that share keys equal heads with repeated keys', () => {
    const shared = new nn.MultiHeadAttention(8, 4, { key, keyValueHeads: 2 });
    const repeat = (l: nn.Linear): nn.Linear =>
      l.with({
        weight: np.repeat(l.weight.reshape(2, 2, 8), 2, { axis: 0 }).reshape(8, 8),
        bias: np.repeat(l.bias!.reshape(2, 2), 2, { axis: 0 }).reshape(8),
      });
    const full = shared.with({ key: repeat(shared.key), value: repeat(shared.value), keyValueHeads: 4 });
    close(shared.call(x), full.call(x));
  });

  test('the batch may be left out, or come from vmap', () => {
    close(attention.call(x.slice(0)), attention.call(x).slice(0));
    close(vmap((t: Tensor) => attention.call(t))(x), attention.call(x));
  });

  test('dropout asks for a key and drops weights', () => {
    const block = new nn.TransformerBlock(8, 2, { key, dropout: 0.5 });
    expect(() => block.call(x, { train: true })).toThrow(
      /Dropout\(0.5\): expected a random key[^]*At: \.attention\.dropout/,
    );
    const y = block.call(x, { train: true, key });
    expect(np.allclose(y, block.call(x, { train: true, key })).item()).toBe(1);
    expect(np.allclose(y, block.call(x)).item()).toBe(0);
  });

  test('mistakes', () => {
    expect(() => new nn.MultiHeadAttention(8, 3, { key })).toThrow(
      /expected features to be a multiple of heads, got 8 and 3/,
    );
    expect(() => new nn.MultiHeadAttention(8, 4, { key, keyValueHeads: 3 })).toThrow(/multiple of keyValueHeads/);
    expect(() => attention.call(np.ones([2, 5, 7]))).toThrow(
      /MultiHeadAttention\(8, 2\): expected query input \[…,8\], got f32\[2,5,7\]/,
    );
    expect(() => attention.call(x, { causal: true } as never)).toThrow(/expected options .* got causal/);
    const model = new nn.Sequential([new nn.TransformerBlock(8, 2, { key })]);
    expect(() => model.call(np.ones([2, 5, 7]))).toThrow(/LayerNorm\(8\): expected .*\n {2}At: \.layers\[0\]\.norm1/);
  });
});

describe('recurrent layers', () => {
  const x = random.normal(random.key(1), [2, 6, 3]);

  test('a sequence in two parts, state by state, is the whole; a cell by hand too', () => {
    const layer = new nn.LSTM(3, 4, { key, layers: 2 });
    const [whole, end] = layer.unroll(x);
    const [a, middle] = layer.unroll(x.slice({}, { stop: 4 }));
    const [b, last] = layer.unroll(x.slice({}, { start: 4 }), { initial: middle });
    close(np.concatenate([a, b], 1), whole);
    close(last[1]![1], end[1]![1]);
    const single = new nn.GRU(3, 4, { key });
    let state: Tensor | undefined;
    for (let t = 0; t < 6; t++) state = single.cells[0]!.call(x.slice({}, t), state);
    close(state!, single.unroll(x)[1][0]!);
    close(vmap((t: Tensor) => single.call(t))(x), single.call(x));
  });

  test('dropout between layers asks for a key', () => {
    const layer = new nn.GRU(3, 4, { key, layers: 2, dropout: 0.5 });
    expect(() => layer.call(x, { train: true })).toThrow(/expected a random key[^]*At: \.dropout/);
    expect(layer.call(x, { train: true, key }).shape).toEqual([2, 6, 4]);
  });

  test('mistakes', () => {
    const layer = new nn.LSTM(3, 4, { key });
    expect(() => layer.call(np.ones([2, 6, 5]))).toThrow(/LSTM\(3 → 4\): expected input \[…,3\], got f32\[2,6,5\]/);
    expect(() => layer.call(np.ones([2, 2, 6, 3]))).toThrow(/expected input \[batch,T,3\]/);
    expect(() => layer.unroll(x, { initial: [] })).toThrow(/expected 1 initial states, got 0/);
    expect(() => layer.unroll(x, { lengths: [1] })).toThrow(/expected lengths \[batch\]/);
    expect(() => new nn.RNN(3, 4, { key, activation: 'sin' as never })).toThrow(
      /expected activation to be one of tanh, relu/,
    );
    expect(() => new nn.LSTMCell(3, 4, { key }).call(np.ones([3]), [np.ones([5]), np.ones([5])])).toThrow(
      /LSTMCell\(3 → 4\): expected a state \[…,4\], got f32\[5\]/,
    );
  });
});

/** Parts of models, tables of their tensors, and summaries. */
import { describe, expect, test } from 'vitest';
import { grad, jit, np, random, type Tensor, tree } from 'cotangent';
import {
  combine,
  filter,
  isTrainable,
  Linear,
  loadStateDict,
  maskOf,
  Module,
  parameterCount,
  partition,
  Sequential,
  stateDict,
  summary,
} from 'cotangent/nn';

const key = random.key(0);

class Tracked extends Module {
  readonly layer = new Linear(2, 1, { key });
  readonly extra: { readonly seen: Tensor; readonly table: ReadonlyMap<string, Tensor> };
  readonly count = np.array(3, { dtype: 'int32' });
  readonly mean = np.zeros([2]);
  constructor() {
    super();
    this.extra = { seen: np.ones([2]), table: new Map([['a b', np.ones([1])]]) };
  }
  override get buffers(): readonly string[] {
    return ['mean'];
  }
}

const model = new Tracked();
const names = ['layer.weight', 'layer.bias', 'extra.seen', 'extra.table.a b', 'count', 'mean'];

describe('partition', () => {
  test('takes buffers and integers out of what is trained, and combine puts them back', () => {
    const [params, rest] = partition(model);
    expect(Object.keys(stateDict(params))).toEqual(['layer.weight', 'layer.bias', 'extra.seen', 'extra.table.a b']);
    expect(Object.keys(stateDict(rest))).toEqual(['count', 'mean']);
    const whole = combine(params, rest);
    expect(whole).toBeInstanceOf(Tracked);
    expect(tree.structure(whole).equals(tree.structure(model))).toBe(true);
    expect(whole.layer.weight).toBe(model.layer.weight);
    expect(tree.leaves(maskOf(model))).toEqual([true, true, true, true, false, false]);
    expect(parameterCount(model)).toBe(2 + 1 + 2 + 1);
    expect(parameterCount(model, () => true)).toBe(9);
  });

  test('parts pass through jit and grad', () => {
    const [bias, rest] = partition(model, (leaf) => leaf.field === 'bias');
    const f = jit((p: Tracked, q: Tracked) =>
      grad((p: Tracked) => np.sum(np.square(combine(p, q).layer.call([1, 2]))))(p),
    );
    const g = f(bias, rest);
    expect(g.layer.weight).toBe(null);
    expect(g.layer.bias!.shape).toEqual([1]);
  });

  test('filters get names, owners and fields', () => {
    const seen: unknown[] = [];
    filter(model, (leaf) => {
      seen.push([leaf.name, String(leaf.owner), leaf.field, isTrainable(leaf)]);
      return true;
    });
    expect(seen[1]).toEqual(['layer.bias', 'Linear(2 → 1)', 'bias', true]);
    expect(seen[2]).toEqual(['extra.seen', 'Tracked', 'extra', true]);
  });

  test('refuses parts of different models, and filters that are none', () => {
    expect(() => combine(new Linear(1, 1, { key }), new Linear(1, 1, { key, bias: false }))).toThrow(
      /combine: expected parts of one model, got Linear\(weight: \*, bias: \*\) and Linear\(weight: \*\) \(part 1\)/,
    );
    expect(() => partition(model, 'layer' as never)).toThrow(/partition: expected a function of leaves/);
  });
});

describe('stateDict', () => {
  test('names every tensor in the order of fields, and loads back', () => {
    const dict = stateDict(model);
    expect(Object.keys(dict)).toEqual(names);
    const other = tree.map((x: Tensor) => np.zerosLike(x), model);
    const loaded = loadStateDict(other, dict);
    expect(loaded).toBeInstanceOf(Tracked);
    for (const name of names) expect(stateDict(loaded)[name]!.toArray()).toEqual(dict[name]!.toArray());
    expect(loaded.count.dtype).toBe('int32');
  });

  test('loads into the dtype of the model', () => {
    const layer = new Linear(1, 1, { key, dtype: 'float64' });
    expect(loadStateDict(layer, { weight: [[2]], bias: new Int32Array([1]) }).bias!.dtype).toBe('float64');
  });

  test('names all that does not fit at once', () => {
    const layer = new Linear(2, 3, { key });
    expect(() => loadStateDict(layer, { weight: np.zeros([2, 3]), offset: np.zeros([3]) })).toThrow(
      /loadStateDict: expected the entries of the model, got missing: bias; unexpected: offset; other shapes: weight is f32\[3,2\], got f32\[2,3\]\.\n {2}Fix: map names/,
    );
    expect(() => loadStateDict(layer, { w: [[1]] }, { map: { weight: 'w', bias: 'b' } })).toThrow(
      /missing: b \(for bias\)/,
    );
    expect(() => loadStateDict(layer, {}, { stric: false } as never)).toThrow(
      /loadStateDict: expected options map, strict, got stric/,
    );
  });

  test('loads what there is when it need not be all, and still refuses other shapes', () => {
    const layer = new Linear(2, 1, { key });
    const loaded = loadStateDict(layer, { bias: [7], more: [1] }, { strict: false });
    expect(loaded.bias!.toArray()).toEqual([7]);
    expect(loaded.weight).toBe(layer.weight);
    expect(() => loadStateDict(layer, { bias: [7, 8] }, { strict: false })).toThrow(/bias is f32\[1\], got f32\[2\]/);
  });

  test('a function maps names and layouts', () => {
    const layer = new Linear(2, 1, { key });
    const dict = { 'l/weight': np.array([[1], [2]]), 'l/bias': np.array([3]) };
    const loaded = loadStateDict(layer, dict, { map: (name) => ({ name: `l/${name}`, transform: (x) => x.T }) });
    expect(loaded.weight.toArray()).toEqual([[1, 2]]);
  });

  test('refuses leaves that are no tensors', () => {
    expect(() => stateDict({ a: [np.ones([1]), 'x'] })).toThrow(/stateDict: expected tensors, got "x" at a.1/);
  });
});

test('a summary has a line for each tensor and the sums', () => {
  const lines = summary(new Sequential([new Linear(2, 3, { key }), np.tanh])).split('\n');
  expect(lines).toEqual([
    'name             module         tensor    elements',
    'layers.0.weight  Linear(2 → 3)  f32[3,2]  6',
    'layers.0.bias    Linear(2 → 3)  f32[3]    3',
    '9 parameters, 36 bytes',
  ]);
  expect(summary(model)).toContain('9 elements'.replace('9', '6 parameters, 3 other'));
});

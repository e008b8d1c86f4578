/**
 * How layers and functions are told what to do: by position, by name, in place; and what they say about names that they do not know.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { compile, manualSeed, nn, ones, randn, type Tensor, tensor } from 'cotangent/torch';

const F = nn.functional;
const same = (x: Tensor, y: Tensor): void => expect(x.tolist()).toEqual(y.tolist());
const x = tensor([-2, -0.5, 0, 0.5, 2], { dtype: 'float64' });

describe('activations', () => {
  it.each<[string, Tensor, Tensor]>([
    ['leakyRelu', F.leakyRelu(x, 0.3), F.leakyRelu(x, { negativeSlope: 0.3 })],
    ['elu', F.elu(x, 0.3), F.elu(x, { alpha: 0.3 })],
    ['hardtanh', F.hardtanh(x, -1, 0.3), F.hardtanh(x, { minVal: -1, maxVal: 0.3 })],
    ['softplus', F.softplus(x, 2, 1), F.softplus(x, { beta: 2, threshold: 1 })],
    ['threshold', F.threshold(x, 0, 9), F.threshold(x, { threshold: 0, value: 9 })],
    ['softmax', F.softmax(x, 0), F.softmax(x, { dim: 0 })],
    ['gelu', F.gelu(x, 'tanh'), F.gelu(x, { approximate: 'tanh' })],
    ['LeakyReLU', new nn.LeakyReLU(0.3).call(x), new nn.LeakyReLU({ negativeSlope: 0.3 }).call(x)],
    ['Softmax', new nn.Softmax(0).call(x), new nn.Softmax({ dim: 0 }).call(x)],
    ['ELU', new nn.ELU(0.3).call(x), new nn.ELU({ alpha: 0.3 }).call(x)],
  ])('%s takes options by position and by name', (_name, first, second) => same(first, second));

  it('change their input if they are told to', () => {
    const y = x.clone();
    const z = new nn.ReLU(true).call(y);
    expect(z === y).toBe(true);
    expect(y.tolist()).toEqual([0, 0, 0, 0.5, 2]);
    expect(String(new nn.ReLU({ inplace: true }))).toBe('ReLU(inplace=True)');
    const leaf = randn([3], { requiresGrad: true });
    const h = leaf.mul(2);
    new nn.LeakyReLU(0.1, true).call(h).sum().backward();
    expect(leaf.grad?.tolist()).toEqual(leaf.gt(0).mul(1.8).add(0.2).float().tolist());
    expect(() => new nn.ReLU(true).call(leaf)).toThrow('a leaf Variable that requires grad');
  });

  it('refuse names that they do not know', () => {
    expect(() => F.leakyRelu(x, { slope: 0.1 } as never)).toThrow(
      'leakyRelu: expected options negativeSlope, got slope',
    );
    expect(() => new nn.ELU({ a: 1 } as never)).toThrow('ELU: expected options alpha, inplace, got a');
    expect(() => F.softmax(x, undefined as never)).toThrow('softmax: expected a dimension');
    expect(() => new nn.Softmax2d().call(ones(2, 3))).toThrow('Softmax2d: expected input [N,C,H,W] or [C,H,W]');
  });
});

describe('functions', () => {
  const y = randn([3, 4]);

  it('take options by position and by name', () => {
    same(F.normalize(y, 1, 0), F.normalize(y, { p: 1, dim: 0 }));
    same(F.pairwiseDistance(y, ones(3, 4), 1), F.pairwiseDistance(y, ones(3, 4), { p: 1 }));
    same(F.cosineSimilarity(y, ones(3, 4), 0), F.cosineSimilarity(y, ones(3, 4), { dim: 0 }));
    same(F.dropout(y, 0.3, false), y);
    expect(F.dropout(ones(2000), 0.9).eq(0).sum().item()).toBeGreaterThan(1600);
    same(
      F.batchNorm(y, null, null, null, null, true, 0.1, 1e-3),
      F.batchNorm(y, null, null, null, null, { training: true, eps: 1e-3 }),
    );
    const [weight, bias] = [randn([4]), randn([4])];
    same(F.batchNorm(y, null, null, null, bias, true), F.batchNorm(y, null, null, { training: true, bias }));
    same(F.layerNorm(y, [4], weight, bias, 0.1), F.layerNorm(y, [4], { weight, bias, eps: 0.1 }));
    same(F.groupNorm(y, 2, null, bias, 0.1), F.groupNorm(y, 2, { bias, eps: 0.1 }));
    same(F.rmsNorm(y, [4], weight, 0.1), F.rmsNorm(y, [4], { weight, eps: 0.1 }));
    const z = y.unsqueeze(0);
    same(F.instanceNorm(z, null, null, null, null, true, 0.1, 0.5), F.instanceNorm(z, { eps: 0.5 }));
    const mask = tensor([[true, false, true]]);
    const q = randn([3, 4]);
    same(F.scaledDotProductAttention(q, q, q, mask), F.scaledDotProductAttention(q, q, q, { attnMask: mask }));
    same(F.rrelu(y, 0.5, 0.5), F.leakyRelu(y, 0.5));
  });

  it('refuse names that they do not know', () => {
    expect(() => F.dropout(y, { rate: 0.1 } as never)).toThrow(
      'dropout: expected options p, training, generator, got rate',
    );
    expect(() => F.scaledDotProductAttention(y, y, y, { mask: y } as never)).toThrow('expected options attnMask');
    expect(() => F.batchNorm(y, null, null, null, null, { train: true } as never)).toThrow(
      'batchNorm: expected options weight, bias, training',
    );
  });
});

describe('layers', () => {
  it('refuse names that they do not know', () => {
    expect(() => new nn.Linear(2, 3, { biass: false } as never)).toThrow(
      'Linear: expected options bias, dtype, got biass',
    );
    expect(() => new nn.BatchNorm2d(2, { epsilon: 1 } as never)).toThrow('BatchNorm2d: expected options eps');
    expect(() => new nn.LayerNorm(2, { epsilon: 1 } as never)).toThrow('LayerNorm: expected options eps');
    expect(() => new nn.Dropout({ rate: 0.1 } as never)).toThrow('Dropout: expected options p, inplace, got rate');
    expect(() => new nn.Embedding(2, 3, { padding: 0 } as never)).toThrow('Embedding: expected options paddingIdx');
  });

  it('name themselves, what they expect and what they got', () => {
    expect(() => new nn.Linear(4, 3).call(ones(2, 5))).toThrow('Linear: expected input […,4], got f32[2,5]');
    expect(() => new nn.BatchNorm1d(4).call(ones(2, 5))).toThrow('BatchNorm1d: expected input [N,4,…]');
    expect(() => new nn.Linear(-1, 3)).toThrow('Linear: expected inFeatures to be an integer of at least 0, got -1.');
  });

  it('keep a momentum of null', () => {
    expect(new nn.BatchNorm1d(2, { momentum: null }).momentum).toBeNull();
    expect(new nn.BatchNorm1d(2, 1e-5, null).momentum).toBeNull();
    expect(new nn.BatchNorm1d(2).momentum).toBe(0.1);
  });

  it('drop whole channels, in place too, and keep mean and variance of SELU', () => {
    manualSeed(5);
    const y = ones(1000);
    expect(new nn.Dropout({ p: 0.5, inplace: true }).call(y) === y).toBe(true);
    expect(new Set(y.dataSync())).toEqual(new Set([0, 2]));
    const z = new nn.AlphaDropout(0.2).call(randn(20_000));
    expect(z.mean().item()).toBeCloseTo(0, 1);
    expect(z.std().item()).toBeCloseTo(1, 1);
    const channels = new nn.FeatureAlphaDropout(0.5).call(ones(8, 4, 5)).reshape(32, 5);
    expect(channels.std({ dim: 1 }).max().item()).toBeCloseTo(0, 6);
    same(new nn.AlphaDropout(0.2).eval().call(x), x);
  });
});

describe('tables', () => {
  const index = (data: number[] | number[][]): Tensor => tensor(data, { dtype: 'long' });

  it('start from given ones, frozen or not', () => {
    const table = nn.Embedding.fromPretrained([
      [1, 2],
      [3, 4],
    ]);
    expect(table.call(index([1])).tolist()).toEqual([[3, 4]]);
    expect(table.weight.requiresGrad).toBe(false);
    expect(nn.Embedding.fromPretrained(ones(2, 2), { freeze: false }).weight.requiresGrad).toBe(true);
    expect([...table.parameters()].length).toBe(1);
  });

  it('say which index they do not have', () => {
    expect(() => new nn.Embedding(3, 2).call(index([0, 3]))).toThrow(
      'expected indices from 0 to 2, got 3: index out of range',
    );
    expect(() => new nn.Embedding(3, 2, { sparse: true }).call(index([0]))).toThrow('gradients are dense');
    const bag = new nn.EmbeddingBag(3, 2);
    expect(() => bag.call(index([0, 1]))).toThrow('expected bags as the rows of a matrix, or a vector with offsets');
    expect(() => bag.call(index([0, 1]), index([1]))).toThrow('offsets[0] has to be 0');
    expect(() => bag.call(index([[0, 1]]), null, ones(1, 2))).toThrow("mode 'sum' alone");
  });

  it('of classes too', () => {
    const [rows, none] = [ones(2, 3), index([-100, -100])];
    for (const loss of [F.nllLoss, F.crossEntropy]) {
      expect(() => loss(rows, index([0, 3]))).toThrow('expected targets from 0 to 2, got 3: Target is out of bounds');
      expect(() => loss(rows, index([0, -1]))).toThrow('got -1: Target is out of bounds');
      expect(loss(rows, index([0, -1]), { ignoreIndex: -1 }).item()).toBe(loss(rows, index([0, 0])).item());
      expect(loss(rows, none, { reduction: 'sum' }).item()).toBe(0);
    }
  });

  it('give empty bags 0', () => {
    const weight = ones(3, 2);
    for (const mode of ['sum', 'mean', 'max'] as const) {
      expect(F.embeddingBag(index([1]), weight, index([0, 0]), { mode }).tolist()).toEqual([
        [0, 0],
        [1, 1],
      ]);
    }
  });

  it('compile', () => {
    const table = new nn.Embedding(4, 2);
    const f = compile((at: Tensor) => table.call(at).sum());
    f(index([1, 1, 3])).backward();
    expect(table.weight.grad?.select(1, 0).tolist()).toEqual([0, 2, 0, 1]);
  });
});

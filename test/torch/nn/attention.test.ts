/**
 * Attention and transformers: masks, derivatives, copies of layers, errors. The numbers of the layers are in `layers.test.ts`.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { autograd, manualSeed, nn, ones, randn, type Tensor, tensor, where, zeros } from 'cotangent/torch';

const f64 = { dtype: 'float64' } as const;
const { scaledDotProductAttention } = nn.functional;
const leaf = (...shape: number[]): Tensor => randn(shape, { ...f64, requiresGrad: true });
const causal = (n: number): Tensor => ones([n, n], { dtype: 'bool' }).tril();

function expectClose(x: Tensor, y: Tensor, by = 1e-12): void {
  expect(x.shape).toEqual(y.shape);
  expect(x.sub(y).abs().max().item()).toBeLessThan(by);
}

/** From the formula, in single operations. */
function plain(q: Tensor, k: Tensor, v: Tensor, mask?: Tensor): Tensor {
  let scores = q.matmul(k.transpose(-2, -1)).div(Math.sqrt(q.shape.at(-1)!));
  if (mask !== undefined) scores = mask.dtype === 'bool' ? where(mask, scores, -Infinity) : scores.add(mask);
  return scores.softmax(-1).matmul(v);
}

describe('scaledDotProductAttention', () => {
  it('is softmax(q kᵀ / √E + mask) v', () => {
    manualSeed(1);
    const [q, k, v] = [randn([2, 3, 4, 5], f64), randn([2, 3, 6, 5], f64), randn([2, 3, 6, 2], f64)];
    expectClose(scaledDotProductAttention(q, k, v), plain(q, k, v));
    const mask = ones([4, 6], { dtype: 'bool' }).tril(1);
    expectClose(scaledDotProductAttention(q, k, v, { attnMask: mask }), plain(q, k, v, mask));
    const bias = randn([2, 1, 4, 6], f64);
    expectClose(scaledDotProductAttention(q, k, v, { attnMask: bias }), plain(q, k, v, bias));
    expectClose(scaledDotProductAttention(q, k, v, { scale: 1 }), plain(q.mul(Math.sqrt(5)), k, v));
    const triangle = ones([4, 6], { dtype: 'bool' }).tril();
    expectClose(scaledDotProductAttention(q, k, v, { isCausal: true }), plain(q, k, v, triangle));
    expectClose(scaledDotProductAttention(q, k.get(0), v.get(0)), plain(q, k.get(0), v.get(0)));
  });

  it('has first and second derivatives, by a mask of numbers too', () => {
    manualSeed(2);
    const operands = [leaf(3, 2), leaf(3, 2), leaf(3, 2)];
    const f = (q: Tensor, k: Tensor, v: Tensor): Tensor => scaledDotProductAttention(q, k, v, { isCausal: true });
    expect(autograd.gradcheck(f, operands)).toBe(true);
    expect(autograd.gradgradcheck(f, operands)).toBe(true);
    const masked = (q: Tensor, k: Tensor, v: Tensor, attnMask: Tensor): Tensor =>
      scaledDotProductAttention(q, k, v, { attnMask });
    expect(autograd.gradcheck(masked, [...operands, leaf(3, 3)])).toBe(true);
    expect(autograd.gradgradcheck(masked, [...operands, leaf(3, 3)])).toBe(true);
  });

  it('gives 0, with derivative 0, where nothing may be attended to', () => {
    const [q, k, v] = [leaf(2, 3), leaf(2, 3), leaf(2, 3)];
    const allowed = tensor([
      [true, false],
      [false, false],
    ]);
    for (const attnMask of [allowed, where(allowed, 0, tensor(-Infinity))]) {
      const y = scaledDotProductAttention(q, k, v, { attnMask });
      expect(y.get(1).tolist()).toEqual([0, 0, 0]);
      const grads = autograd.grad(y.sum(), [q, k, v], { createGraph: true });
      expect(grads[2]!.tolist()).toEqual([
        [1, 1, 1],
        [0, 0, 0],
      ]);
      expect(grads.every((g) => g!.isfinite().all().item())).toBe(true);
    }
  });

  it('drops weights', () => {
    manualSeed(3);
    const [q, v] = [zeros(1, 4), ones(1000, 1)];
    const kept = scaledDotProductAttention(q, zeros(1000, 4), v, { dropoutP: 0.25 }).item();
    expect(Math.abs(kept - 1)).toBeLessThan(0.1);
    expect(kept).not.toBe(1);
    expect(scaledDotProductAttention(q, zeros(1000, 4), v, { dropoutP: 0 }).item()).toBeCloseTo(1, 5);
    expect(scaledDotProductAttention(q, zeros(1000, 4), v, { dropoutP: 1 }).item()).toBe(0);
  });

  it('shares heads of key and value among groups of queries', () => {
    const [q, k, v] = [randn([2, 4, 3, 5], f64), randn([2, 2, 3, 5], f64), randn([2, 2, 3, 5], f64)];
    const wide = (x: Tensor): Tensor => x.repeatInterleave(2, 1);
    expectClose(scaledDotProductAttention(q, k, v, { enableGqa: true }), plain(q, wide(k), wide(v)));
  });

  it('says what it expects', () => {
    const x = ones(3, 4);
    expect(() => scaledDotProductAttention(x, ones(3, 5), x)).toThrow(
      'scaledDotProductAttention: expected query […,L,E], key […,S,E] and value […,S,F], got f32[3,4], f32[3,5], f32[3,4].',
    );
    expect(() => scaledDotProductAttention(x, x, x, { attnMask: causal(3), isCausal: true })).toThrow(
      'Explicit attn_mask should not be set when is_causal=True',
    );
    expect(() => scaledDotProductAttention(x, x, x, { attnMask: ones([3, 3], { dtype: 'int32' }) })).toThrow(
      'expected a mask of bool or float, got i32[3,3]',
    );
    expect(() => scaledDotProductAttention(x, x, x, { attnMask: ones(2, 3, 3) })).toThrow(
      'expected a mask that broadcasts to [3,3], got f32[2,3,3]',
    );
  });
});

describe('MultiheadAttention', () => {
  it('starts like that of PyTorch', () => {
    manualSeed(4);
    const layer = new nn.MultiheadAttention(64, 4, { addBiasKv: true });
    expect(Object.keys(layer.stateDict())).toEqual([
      'in_proj_weight',
      'in_proj_bias',
      'bias_k',
      'bias_v',
      'out_proj.weight',
      'out_proj.bias',
    ]);
    expect(layer.inProjWeight?.abs().max().item()).toBeCloseTo(Math.sqrt(6 / 256), 3);
    expect(layer.outProj.weight.abs().max().item()).toBeCloseTo(1 / 8, 3);
    expect([layer.inProjBias, layer.outProj.bias].every((b) => b?.eq(0).all().item())).toBe(true);
    const other = new nn.MultiheadAttention(4, 2, { kdim: 3, vdim: 5 });
    expect(Object.keys(other.stateDict())).toEqual([
      'q_proj_weight',
      'k_proj_weight',
      'v_proj_weight',
      'in_proj_bias',
      'out_proj.weight',
      'out_proj.bias',
    ]);
  });

  it('takes a causal mask from isCausal, and bool and float masks alike', () => {
    const layer = new nn.MultiheadAttention(4, 2, f64);
    const x = randn([3, 2, 4], f64);
    const [byFlag, weights] = layer.call(x, x, x, { isCausal: true });
    const [byMask] = layer.call(x, x, x, { attnMask: causal(3).logicalNot() });
    const [byNumbers] = layer.call(x, x, x, { attnMask: nn.Transformer.generateSquareSubsequentMask(3) });
    expectClose(byFlag, byMask);
    expectClose(byFlag, byNumbers);
    expectClose(weights.sum(-1), ones([2, 3], f64));
  });

  it('joins masks of both kinds', () => {
    const layer = new nn.MultiheadAttention(4, 2, f64);
    const x = randn([3, 2, 4], f64);
    const padding = tensor([
      [false, false, true],
      [false, true, false],
    ]);
    const bias = randn([3, 3], f64);
    const [y] = layer.call(x, x, x, { attnMask: bias, keyPaddingMask: padding });
    const wide = bias.unsqueeze(0).add(where(padding, -Infinity, zeros([], f64)).unsqueeze(1));
    const [z] = layer.call(x, x, x, { attnMask: wide.repeatInterleave(2, 0) });
    expectClose(y, z);
  });

  it('gives no weights unless they are needed, and drops some in training', () => {
    const layer = new nn.MultiheadAttention(4, 2, { dropout: 0.5 });
    const x = randn(20, 1, 4);
    const [, none] = layer.call(x, x, x, { needWeights: false });
    expect(none).toBeNull();
    const dropped = (): number => layer.call(x, x, x, { averageAttnWeights: false })[1].eq(0).sum().item();
    expect(dropped()).toBeGreaterThan(100);
    layer.eval();
    expect(dropped()).toBe(0);
  });

  it('says what it expects', () => {
    const layer = new nn.MultiheadAttention(4, 2, { batchFirst: true });
    const x = ones(2, 3, 4);
    expect(() => layer.call(x, ones(1, 3, 4), ones(1, 3, 4))).toThrow(
      'MultiheadAttention: expected query [N,L,4], key [N,S,4] and value [N,S,4], or all without N, got f32[2,3,4], f32[1,3,4], f32[1,3,4].',
    );
    expect(() => layer.call(x, x, x, { attnMask: ones(2, 3) })).toThrow(
      'expected attnMask [3,3] or [4,3,3], got f32[2,3]',
    );
    expect(() => layer.call(x, x, x, { keyPaddingMask: ones(3, 2) })).toThrow(
      'expected keyPaddingMask [2,3], got f32[3,2]',
    );
    expect(() => layer.call(x, x, x, { mask: ones(3, 3) } as never)).toThrow('expected options keyPaddingMask');
    expect(() => new nn.MultiheadAttention(5, 2)).toThrow('embed_dim must be divisible by num_heads');
  });
});

describe('transformers', () => {
  it('are stacks of copies with parameters of their own', () => {
    const layer = new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 5 });
    const encoder = new nn.TransformerEncoder(layer, 2, { norm: new nn.LayerNorm(4) });
    const [first, second] = [encoder.layers.at(0), encoder.layers.at(1)];
    expectClose(first.linear1.weight, second.linear1.weight, 1e-9);
    expect(first.linear1.weight === second.linear1.weight).toBe(false);
    expect(first.linear1.weight === layer.linear1.weight).toBe(false);
    expect([...encoder.parameters()].length).toBe(2 * [...layer.parameters()].length + 2);
    expect(Object.keys(encoder.stateDict())[0]).toBe('layers.0.self_attn.in_proj_weight');
  });

  it('take masks by position and by name', () => {
    const layer = new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 5, dropout: 0, dtype: 'float64' });
    const encoder = new nn.TransformerEncoder(layer, 1);
    const x = randn([3, 2, 4], f64);
    const mask = nn.Transformer.generateSquareSubsequentMask(3);
    const expected = layer.call(x, { isCausal: true });
    expectClose(layer.call(x, mask), expected);
    expectClose(encoder.call(x, mask), expected);
    expectClose(encoder.call(x, { mask }), expected);
    expect(() => encoder.call(x, { srcMask: mask } as never)).toThrow(
      'expected options mask, srcKeyPaddingMask, isCausal',
    );
  });

  it('take modules and functions as activations', () => {
    const byName = new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 5, dropout: 0, activation: 'gelu' });
    const byModule = new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 5, dropout: 0, activation: new nn.GELU() });
    byModule.loadStateDict(byName.stateDict());
    const x = randn(3, 2, 4);
    expectClose(byModule.call(x), byName.call(x), 1e-6);
  });

  it('have the mask of PyTorch, and its initial values', () => {
    expect(nn.Transformer.generateSquareSubsequentMask(2).tolist()).toEqual([
      [0, -Infinity],
      [0, 0],
    ]);
    const model = new nn.Transformer({
      dModel: 32,
      nhead: 2,
      numEncoderLayers: 1,
      numDecoderLayers: 1,
      dimFeedforward: 64,
    });
    const weight = model.stateDict()['encoder.layers.0.linear1.weight']!;
    expect(weight.abs().max().item()).toBeCloseTo(Math.sqrt(6 / 96), 2);
    expect(Object.keys(new nn.Transformer(8, 2, { numEncoderLayers: 1, numDecoderLayers: 1 }).stateDict()).length).toBe(
      34,
    );
  });

  it('say what they expect', () => {
    const model = new nn.Transformer({
      dModel: 4,
      nhead: 2,
      numEncoderLayers: 1,
      numDecoderLayers: 1,
      batchFirst: true,
    });
    expect(() => model.call(ones(2, 3, 4), ones(1, 3, 4))).toThrow(
      'Transformer: expected src [N,S,4] and tgt [N,T,4], or both without N, got f32[2,3,4] and f32[1,3,4]',
    );
    expect(() => new nn.TransformerEncoderLayer(4, 2, { hidden: 3 } as never)).toThrow(
      'expected options dimFeedforward',
    );
    expect(() => new nn.TransformerEncoderLayer(4, 2, { activation: 'elu' as never })).toThrow(
      'activation to be one of relu, gelu',
    );
  });
});

describe('deepcopy', () => {
  it('gives a module that shares nothing, with hooks, buffers and what is shared within', () => {
    const shared = new nn.Linear(2, 2);
    const net = new nn.Sequential(shared, new nn.BatchNorm1d(2), shared);
    let calls = 0;
    shared.registerForwardHook(() => void calls++);
    const copy = net.deepcopy();
    expect(String(copy)).toBe(String(net));
    expect(copy.at(0) === copy.at(2)).toBe(true);
    expect(copy.at(0) === shared).toBe(false);
    const before = net.stateDict()['0.weight']!.tolist();
    copy.call(randn(4, 2)).sum().backward();
    expect(calls).toBe(2);
    expect(shared.weight.grad).toBeNull();
    new nn.Sequential(copy).requiresGrad_(false);
    nn.init.zeros_((copy.at(0) as nn.Linear).weight);
    expect(net.stateDict()['0.weight']!.tolist()).toEqual(before);
    expect([...net.parameters()].every((p) => p.requiresGrad)).toBe(true);
    expect(net.stateDict()['1.num_batches_tracked']!.item()).toBe(0);
    expect(copy.stateDict()['1.num_batches_tracked']!.item()).toBe(1);
  });

  it('copies recurrent layers and fields of users', () => {
    class Net extends nn.Module {
      readonly rnn = new nn.GRU(2, 3);
      readonly sizes = [1, 2];
      forward(x: Tensor): Tensor {
        return this.rnn.call(x)[0];
      }
    }
    const net = new Net();
    const copy = net.deepcopy();
    const x = randn(4, 1, 2);
    expectClose(copy.call(x), net.call(x), 1e-9);
    expect(copy.sizes).toEqual([1, 2]);
    expect(copy.sizes).not.toBe(net.sizes);
    expect(copy.rnn.weightIhL0 === net.rnn.weightIhL0).toBe(false);
  });
});

/**
 * Weights that are functions of other parameters; choices with derivatives; parameters by name; options of losses.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { autograd, linalg, manualSeed, nn, ones, randn, type Tensor, tensor } from 'cotangent/torch';

const { removeSpectralNorm, removeWeightNorm, spectralNorm, weightNorm } = nn.utils;
const f64 = { dtype: 'float64' } as const;
const distance = (x: Tensor, y: Tensor): number => x.sub(y).abs().max().item();

describe('weightNorm', () => {
  it('keeps the function, and has size and direction as parameters', () => {
    const plain = new nn.Conv2d(2, 3, 2, f64);
    const layer = weightNorm(plain.deepcopy());
    const x = randn([1, 2, 4, 4], f64);
    expect(distance(layer.call(x), plain.call(x))).toBeLessThan(1e-12);
    expect(Object.entries(layer.stateDict()).map(([name, t]) => [name, t.shape])).toEqual([
      ['bias', [3]],
      ['weight_g', [3, 1, 1, 1]],
      ['weight_v', [3, 2, 2, 2]],
    ]);
    layer.call(x).pow(2).sum().backward();
    const grads = new Map([...layer.namedParameters()].map(([name, p]) => [name, p.grad!]));
    const [g, v] = [layer.stateDict()['weight_g']!, layer.stateDict()['weight_v']!].map((t) =>
      t.clone().requiresGrad_(),
    ) as [Tensor, Tensor];
    const weight = v.mul(g.div(v.pow(2).sum([1, 2, 3], true).sqrt()));
    const [dg, dv] = autograd.grad(nn.functional.conv2d(x, weight, plain.bias).pow(2).sum(), [g, v]);
    expect(distance(grads.get('weight_g')!, dg!)).toBeLessThan(1e-9);
    expect(distance(grads.get('weight_v')!, dv!)).toBeLessThan(1e-9);
  });

  it('trains, is copied, and is undone', () => {
    const layer = weightNorm(new nn.Linear(3, 2, f64), 'weight', null);
    const copy = layer.deepcopy();
    nn.init.ones_((layer as unknown as { weightG: Tensor }).weightG);
    const x = ones([1, 3], f64);
    expect(distance(layer.call(x), copy.call(x))).toBeGreaterThan(0);
    expect(layer.weight.pow(2).sum().item()).toBeCloseTo(1, 10);
    const before = layer.call(x);
    removeWeightNorm(layer);
    expect(Object.keys(layer.stateDict())).toEqual(['bias', 'weight']);
    expect(distance(layer.call(x), before)).toBe(0);
    expect(() => removeWeightNorm(layer)).toThrow("weightNorm of 'weight' not found");
    expect(() => weightNorm(layer, 'kernel')).toThrow('expected a module with a parameter "kernel"');
  });
});

describe('spectralNorm', () => {
  it('comes to a largest singular value of 1, in training only', () => {
    manualSeed(7);
    const layer = spectralNorm(new nn.Linear(5, 4, f64), 'weight', { nPowerIterations: 50 });
    const x = ones([1, 5], f64);
    layer.call(x);
    expect(linalg.svdvals(layer.weight.detach()).max().item()).toBeCloseTo(1, 6);
    layer.eval();
    const u = layer.stateDict()['weight_u']!.tolist();
    layer.call(x);
    expect(layer.stateDict()['weight_u']!.tolist()).toEqual(u);
    layer.call(x).sum().backward();
    expect([...layer.namedParameters()].map(([name, p]) => [name, p.grad !== null])).toEqual([
      ['bias', true],
      ['weight_orig', true],
    ]);
    removeSpectralNorm(layer);
    expect(Object.keys(layer.stateDict())).toEqual(['bias', 'weight']);
  });

  it('takes the outputs of transposed convolutions', () => {
    const layer = spectralNorm(new nn.ConvTranspose2d(3, 5, 2));
    expect(layer.stateDict()['weight_u']!.shape).toEqual([5]);
    expect(layer.stateDict()['weight_v']!.shape).toEqual([12]);
  });
});

describe('gumbelSoftmax', () => {
  it('chooses with the probabilities of the logits, with the derivative of the soft choice', () => {
    manualSeed(8);
    const logits = tensor([Math.log(0.2), Math.log(0.8)], f64)
      .expand(4000, 2)
      .detach()
      .requiresGrad_();
    const hard = nn.functional.gumbelSoftmax(logits, { hard: true });
    expect(hard.mean(0).get(1).item()).toBeCloseTo(0.8, 1);
    expect(distance(hard.sum(1), ones([4000], f64))).toBeLessThan(1e-12);
    hard.select(1, 0).sum().backward();
    expect(logits.grad!.abs().max().item()).toBeGreaterThan(0);
    expect(distance(nn.functional.gumbelSoftmax(logits, { tau: 0.5 }).sum(1), ones([4000], f64))).toBeLessThan(1e-12);
  });
});

describe('ParameterDict', () => {
  it('registers its parameters', () => {
    const dict = new nn.ParameterDict({ a: ones(2), b: ones(3) });
    expect([...dict.namedParameters()].map(([name]) => name)).toEqual(['a', 'b']);
    dict.set('a', randn(4));
    expect([dict.get('a').shape, dict.delete('b'), dict.keys()]).toEqual([[4], true, ['a']]);
    expect(() => dict.get('z')).toThrow('expected one of a, got "z"');
  });
});

describe('losses', () => {
  it('refuse options that they do not have', () => {
    const x = ones(2);
    expect(() => nn.functional.mseLoss(x, x, { reduce: true } as never)).toThrow(
      'mseLoss: expected options reduction, got reduce',
    );
    expect(() => nn.functional.mseLoss(x, x, { reduction: 'avg' as never })).toThrow(
      'reduction to be one of none, mean, sum',
    );
    expect(() => nn.functional.klDiv(x, x, { logtarget: true } as never)).toThrow(
      'klDiv: expected options reduction, logTarget',
    );
    expect(() => new nn.TripletMarginLoss({ eps: 1, q: 2 } as never).call(x, x, x)).toThrow('got q');
  });
});

/**
 * Modules: what is registered, names, hooks, state, containers; helpers for gradients; data loaders.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { arange, Generator, manualSeed, nn, ones, type Tensor, tensor, utils, zeros } from 'cotangent/torch';

class Net extends nn.Module {
  readonly fc1: nn.Linear = new nn.Linear(2, 3);
  readonly norm: nn.BatchNorm1d = new nn.BatchNorm1d(3);
  readonly scale: nn.Parameter = new nn.Parameter(ones(3));
  readonly layers: nn.ModuleList<nn.Linear> = new nn.ModuleList([new nn.Linear(3, 3), new nn.Linear(3, 1)]);

  constructor() {
    super();
    this.registerBuffer('seen', zeros(1), { persistent: false });
  }

  forward(x: Tensor): Tensor {
    const hidden = this.norm.call(this.fc1.call(x)).mul(this.scale);
    return this.layers.at(1).call(this.layers.at(0).call(hidden));
  }
}

const names = (entries: Iterable<nn.Named<unknown>>): string[] => [...entries].map(([name]) => name);

describe('modules', () => {
  it('find parameters, buffers and modules in their fields', () => {
    const net = new Net();
    expect(names(net.namedParameters())).toEqual([
      'scale',
      'fc1.weight',
      'fc1.bias',
      'norm.weight',
      'norm.bias',
      'layers.0.weight',
      'layers.0.bias',
      'layers.1.weight',
      'layers.1.bias',
    ]);
    expect(names(net.namedBuffers())).toEqual([
      'seen',
      'norm.running_mean',
      'norm.running_var',
      'norm.num_batches_tracked',
    ]);
    expect(names(net.namedModules())).toEqual(['', 'fc1', 'norm', 'layers', 'layers.0', 'layers.1']);
    expect(names(net.namedChildren())).toEqual(['fc1', 'norm', 'layers']);
    expect(net.getSubmodule('layers.1')).toBe(net.layers.at(1));
  });

  it('name what is shared once, and keep all its names in the state', () => {
    const layer = new nn.Linear(2, 2);
    const net = new nn.Sequential(layer, layer);
    expect([...net.parameters()].length).toBe(2);
    expect(Object.keys(net.stateDict())).toEqual(['0.weight', '0.bias', '1.weight', '1.bias']);
    expect(net.call(ones(1, 2)).shape).toEqual([1, 2]);
  });

  it('count what stands in several places of a sequence at each', () => {
    const relu = new nn.ReLU();
    const net = new nn.Sequential(new nn.Linear(2, 3), relu, new nn.Linear(3, 3), relu, new nn.Linear(3, 1));
    expect(net.length).toBe(5);
    expect(net.at(-2)).toBe(relu);
    expect(Object.keys(net.stateDict())).toEqual(['0.weight', '0.bias', '2.weight', '2.bias', '4.weight', '4.bias']);
  });

  it('print like PyTorch', () => {
    expect(String(new nn.Sequential(new nn.Linear(2, 3), new nn.Sequential(new nn.ReLU())))).toBe(
      'Sequential(\n  (0): Linear(in_features=2, out_features=3, bias=True)\n  (1): Sequential(\n    (0): ReLU()\n  )\n)',
    );
  });

  it('train, evaluate, and apply functions to all below', () => {
    const net = new Net();
    expect(net.eval().norm.training).toBe(false);
    expect(net.train().norm.training).toBe(true);
    const seen: string[] = [];
    net.apply((m) => seen.push(m.constructor.name));
    expect(seen).toEqual(['Linear', 'BatchNorm1d', 'Linear', 'Linear', 'ModuleList', 'Net']);
    net.requiresGrad_(false);
    expect([...net.parameters()].some((p) => p.requiresGrad)).toBe(false);
  });

  it('convert their dtype in place', () => {
    const net = new Net();
    const { weight } = net.fc1;
    net.double();
    expect(net.fc1.weight).toBe(weight);
    expect(weight.dtype).toBe('float64');
    expect(net.norm.numBatchesTracked?.dtype).toBe('int32');
    expect(net.call(ones(4, 2, { dtype: 'float64' })).dtype).toBe('float64');
  });

  it('give their state and take it back', () => {
    const [a, b] = [new Net(), new Net()];
    a.call(
      tensor([
        [1, 2],
        [3, 5],
      ]),
    );
    expect(b.loadStateDict(a.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] });
    const x = tensor([[1, -1]]);
    expect(b.eval().call(x).tolist()).toEqual(a.eval().call(x).tolist());
    expect(b.fc1.weight.requiresGrad).toBe(true);
  });

  it('say what is wrong with a state, and change nothing', () => {
    const layer = new nn.Linear(2, 1);
    const before = layer.bias?.tolist();
    const wrong = { bias: [5], weight: [[1, 2, 3]], extra: [1] };
    expect(() => layer.loadStateDict(wrong)).toThrow(
      /Error\(s\) in loading state_dict for Linear:\n {2}Unexpected key\(s\) in state_dict: "extra"\.\n {2}size mismatch for weight: copying a param with shape \[1, 3\] from checkpoint, the shape in current model is \[1, 2\]/,
    );
    expect(layer.bias?.tolist()).toEqual(before);
    expect(() => layer.loadStateDict({})).toThrow('Missing key(s) in state_dict: "weight", "bias".');
    expect(layer.loadStateDict({ bias: [2] }, { strict: false }).missingKeys).toEqual(['weight']);
    expect(layer.bias?.tolist()).toEqual([2]);
  });

  it('refuse names that are taken or have dots', () => {
    const layer = new nn.Linear(2, 1);
    expect(() => layer.registerParameter('weight', new nn.Parameter(ones(1)))).toThrow(
      "attribute 'weight' already exists",
    );
    expect(() => layer.registerBuffer('a.b', ones(1))).toThrow('has no dot');
    expect(() => layer.registerModule('forward', layer)).toThrow('not taken');
  });

  it('call hooks before and after forward, until they are removed', () => {
    const layer = new nn.Identity();
    const first = layer.registerForwardPreHook((_, [x]) => [(x as Tensor).mul(2)]);
    const second = layer.registerForwardHook((_, [x], y) => (x as Tensor).add(y as Tensor));
    expect(layer.call(tensor([1])).tolist()).toEqual([4]);
    first.remove();
    second.remove();
    expect(layer.call(tensor([1])).tolist()).toEqual([1]);
  });

  it('call hooks with gradients, which these may replace', () => {
    const layer = new nn.Linear(2, 1, { bias: false });
    layer.loadStateDict({ weight: [[3, 4]] });
    const seen: unknown[] = [];
    layer.registerFullBackwardHook((_, [gradIn], [gradOut]) => {
      seen.push(gradIn?.tolist(), gradOut?.tolist());
      return gradIn ? [gradIn.mul(10)] : undefined;
    });
    const x = tensor([1, 2], { requiresGrad: true });
    layer.call(x).mul(2).sum().backward();
    expect(seen).toEqual([[6, 8], [2]]);
    expect(x.grad?.tolist()).toEqual([60, 80]);
    expect(layer.weight.grad?.tolist()).toEqual([[2, 4]]);
    layer
      .call(tensor([1, 2]))
      .sum()
      .backward();
    expect(seen.slice(2)).toEqual([undefined, [1]]);
  });

  it('initialise as PyTorch does', () => {
    manualSeed(1);
    const { weight, bias } = new nn.Linear(100, 300);
    for (const p of [weight, bias!]) {
      expect(p.abs().max().item()).toBeLessThanOrEqual(0.1);
      expect(p.std().item()).toBeCloseTo(0.1 / Math.sqrt(3), 2);
    }
    const w = zeros(200, 100);
    expect(nn.init.kaimingNormal_(w, { nonlinearity: 'relu' }).std().item()).toBeCloseTo(Math.sqrt(2 / 100), 2);
    expect(nn.init.xavierUniform_(w).abs().max().item()).toBeCloseTo(Math.sqrt(6 / 300), 3);
    const q = nn.init.orthogonal_(zeros(3, 5));
    q.matmul(q.T)
      .sub(
        tensor([
          [1, 0, 0],
          [0, 1, 0],
          [0, 0, 1],
        ]),
      )
      .abs()
      .max()
      .item();
    expect(q.matmul(q.T).trace().item()).toBeCloseTo(3, 5);
  });

  it('drop and scale in training only', () => {
    const layer = new nn.Dropout(0.5);
    const y = layer.call(ones(1000));
    expect(new Set(y.dataSync())).toEqual(new Set([0, 2]));
    expect(layer.eval().call(ones(3)).tolist()).toEqual([1, 1, 1]);
    const channels = new nn.Dropout2d(0.5).call(ones(64, 4, 2, 2)).sum([2, 3]);
    expect(new Set(channels.reshape(-1).dataSync())).toEqual(new Set([0, 8]));
  });
});

describe('gradients of many parameters', () => {
  it('are clipped by norm and by value', () => {
    const [a, b] = [tensor([3, 0], { requiresGrad: true }), tensor([4], { requiresGrad: true })];
    a.mul(a).sum().add(b.mul(b).sum()).div(2).backward();
    expect(nn.utils.clipGradNorm_([a, b], 1).item()).toBe(5);
    expect(a.grad?.get(0).item()).toBeCloseTo(0.6, 5);
    nn.utils.clipGradValue_([a, b], 0.7);
    expect(b.grad?.item()).toBeCloseTo(0.7, 6);
  });

  it('go into one vector and back', () => {
    const layer = new nn.Linear(2, 1);
    const vector = nn.utils.parametersToVector(layer.parameters());
    nn.utils.vectorToParameters(vector.mul(0).add(tensor([1, 2, 3])), layer.parameters());
    expect([layer.weight.tolist(), layer.bias?.tolist()]).toEqual([[[1, 2]], [3]]);
    expect(() => nn.utils.vectorToParameters(ones(2), layer.parameters())).toThrow('expected a vector of 3 numbers');
  });
});

describe('data', () => {
  const { DataLoader, TensorDataset, Subset, randomSplit, defaultCollate } = utils.data;
  const data = new TensorDataset(arange(5), arange(10).reshape(5, 2));

  it('comes in batches, of rows and of examples alike', async () => {
    const whole = [...new DataLoader(data, { batchSize: 2 })].map((b) => b.map((t) => t.tolist()));
    expect(whole).toEqual([
      [
        [0, 1],
        [
          [0, 1],
          [2, 3],
        ],
      ],
      [
        [2, 3],
        [
          [4, 5],
          [6, 7],
        ],
      ],
      [[4], [[8, 9]]],
    ]);
    const subset = new Subset(data, [0, 1, 2, 3, 4]);
    const single: unknown[] = [];
    for await (const batch of new DataLoader(subset, { batchSize: 2 })) single.push(batch.map((t) => t.tolist()));
    expect(single).toEqual(whole);
    expect(new DataLoader(data, { batchSize: 2, dropLast: true }).length).toBe(2);
  });

  it('is shuffled by a seed, anew each time', () => {
    const order = (loader: Iterable<Tensor[]>): number[] => [...loader].flatMap(([x]) => [...x!.dataSync()]);
    const make = () => new DataLoader(data, { batchSize: 2, shuffle: true, generator: new Generator(7) });
    const loader = make();
    const first = order(loader);
    expect(first.toSorted()).toEqual([0, 1, 2, 3, 4]);
    expect(order(make())).toEqual(first);
    expect([order(loader), order(loader)]).not.toEqual([first, first]);
  });

  it('collates nested structures', () => {
    const batch = defaultCollate([
      { x: tensor([1, 2]), y: 1, name: 'a', pair: [0.5, true] as const },
      { x: tensor([3, 4]), y: 2, name: 'b', pair: [1, false] as const },
    ]);
    expect(batch.x.tolist()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect([batch.y.dtype, batch.y.tolist(), batch.name]).toEqual(['int32', [1, 2], ['a', 'b']]);
    expect([batch.pair[0].tolist(), batch.pair[1].tolist()]).toEqual([
      [0.5, 1],
      [true, false],
    ]);
    expect(() => defaultCollate([{ a: 1 }, { b: 1 }])).toThrow('expected examples of one structure');
  });

  it('is split at random', () => {
    const parts = randomSplit(data, [3, 2], { generator: new Generator(1) });
    expect(parts.map((p) => p.length)).toEqual([3, 2]);
    expect(parts.flatMap((p) => p.indices).toSorted()).toEqual([0, 1, 2, 3, 4]);
    expect(randomSplit(data, [0.5, 0.5]).map((p) => p.length)).toEqual([3, 2]);
    expect(() => randomSplit(data, [1, 2])).toThrow('Sum of input lengths does not equal');
  });
});

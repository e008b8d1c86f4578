/**
 * Recurrent layers: packed sequences, states, long sequences, errors. Their numbers are in `layers.test.ts`.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { makeProgram, type Tensor as CoreTensor } from 'cotangent';
import { arange, asTensor, cat, manualSeed, nn, ones, randn, type Tensor, zeros } from 'cotangent/torch';

const { packPaddedSequence, packSequence, padPackedSequence, padSequence, unpackSequence, unpadSequence } =
  nn.utils.rnn;
const f64 = { dtype: 'float64' } as const;

function expectClose(x: Tensor, y: Tensor): void {
  expect(x.shape).toEqual(y.shape);
  expect(x.sub(y).abs().max().item()).toBeLessThan(1e-12);
}

describe('packed sequences', () => {
  const lengths = [2, 4, 1, 4];
  const sequences = lengths.map((n, i) =>
    arange(3 * n, f64)
      .reshape(n, 3)
      .add(100 * i),
  );

  it('hold the elements of each position side by side, the longest sequence first', () => {
    const packed = packSequence(sequences, { enforceSorted: false });
    expect(packed.batchSizes.tolist()).toEqual([4, 3, 2, 2]);
    expect(packed.sortedIndices?.tolist()).toEqual([1, 3, 0, 2]);
    expect(packed.unsortedIndices?.tolist()).toEqual([2, 0, 3, 1]);
    expect(packed.data.select(1, 0).tolist()).toEqual([100, 300, 0, 200, 103, 303, 3, 106, 306, 109, 309]);
  });

  it('come back in their first order', () => {
    const packed = packSequence(sequences, { enforceSorted: false });
    const [padded, found] = padPackedSequence(packed, { batchFirst: true, paddingValue: -1, totalLength: 5 });
    expect(found.tolist()).toEqual(lengths);
    expect(padded.shape).toEqual([4, 5, 3]);
    expect(padded.select(2, 0).tolist()).toEqual([
      [0, 3, -1, -1, -1],
      [100, 103, 106, 109, -1],
      [200, -1, -1, -1, -1],
      [300, 303, 306, 309, -1],
    ]);
    expect(unpackSequence(packed).map((s) => s.tolist())).toEqual(sequences.map((s) => s.tolist()));
    const batch = padSequence(sequences, { batchFirst: true });
    expect(unpadSequence(batch, lengths, { batchFirst: true }).map((s) => s.tolist())).toEqual(
      sequences.map((s) => s.tolist()),
    );
  });

  type Packed = nn.utils.rnn.PackedSequence;
  type State = Tensor | [Tensor, Tensor];
  interface Layer extends nn.Module {
    forward(x: Packed): [Packed, State];
    forward(x: Tensor): [Tensor, State];
  }

  it.each<[string, () => Layer]>([
    ['LSTM', () => new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true, dtype: 'float64' })],
    ['LSTM with a projection', () => new nn.LSTM(3, 4, { projSize: 2, bidirectional: true, dtype: 'float64' })],
    ['GRU', () => new nn.GRU(3, 4, { bidirectional: true, dtype: 'float64' })],
    ['RNN', () => new nn.RNN(3, 4, { numLayers: 2, dtype: 'float64' })],
  ])('%s gives for each sequence what it gives for it alone, with its gradients', (_name, make) => {
    manualSeed(3);
    const layer = make();
    const xs = lengths.map((n) => randn([n, 3], { ...f64, requiresGrad: true }));
    const alone = xs.map((x) => layer.call(x));
    const [packed, states] = layer.call(packSequence(xs, { enforceSorted: false }));
    const together = unpackSequence(packed);
    together.forEach((y, i) => expectClose(y, alone[i]![0]));
    const list = [states].flat();
    list.forEach((s, k) => alone.forEach(([, end], i) => expectClose(s.select(1, i), [end].flat()[k]!)));
    const loss = (ys: readonly Tensor[], ends: readonly Tensor[]): Tensor =>
      [...ys, ...ends].map((y) => y.pow(2).sum()).reduce((a, b) => a.add(b));
    loss(together, list).backward();
    const parameters = [...layer.parameters()];
    const grads = [...xs, ...parameters].map((x) => x.grad!.clone());
    for (const x of [...xs, ...parameters]) x.grad = null;
    loss(
      alone.map(([y]) => y),
      alone.flatMap(([, end]) => [end].flat()),
    ).backward();
    [...xs, ...parameters].forEach((x, i) => expectClose(grads[i]!, x.grad!));
  });

  it('take initial states in the order of the sequences', () => {
    const layer = new nn.GRU(3, 4, f64);
    const h = randn([1, 4, 4], f64);
    const [, end] = layer.call(packSequence(sequences, { enforceSorted: false }), h);
    sequences.forEach((x, i) => expectClose(end.select(1, i), layer.call(x, h.select(1, i))[1]));
  });

  it('say what is wrong with lengths', () => {
    expect(() => packPaddedSequence(ones(4, 2, 3), [2, 4])).toThrow('expected lengths in descending order, got [2, 4]');
    expect(() => packPaddedSequence(ones(4, 2, 3), [4, 0])).toThrow('expected lengths from 1 to 4, got 0');
    expect(() => packPaddedSequence(ones(4, 2, 3), [4, 2, 1])).toThrow(
      'expected as many lengths as sequences, 2, got 3',
    );
    expect(() => padPackedSequence(packSequence([ones(3, 1)]), { totalLength: 2 })).toThrow(
      'expected totalLength of at least 3, got 2',
    );
  });
});

describe('recurrent layers', () => {
  it('go on from a state', () => {
    const layer = new nn.LSTM(2, 3, { numLayers: 2, dtype: 'float64' });
    const x = randn([6, 1, 2], f64);
    const [whole, [h, c]] = layer.call(x);
    const [first, state] = layer.call(x.narrow(0, 0, 4));
    const [second, [h2, c2]] = layer.call(x.narrow(0, 4, 2), state);
    expectClose(cat([first, second], 0), whole);
    expectClose(h2, h);
    expectClose(c2, c);
  });

  it('agree with their cells', () => {
    const [layer, cell] = [new nn.LSTM(2, 3, f64), new nn.LSTMCell(2, 3, f64)];
    cell.loadStateDict(
      Object.fromEntries(Object.entries(layer.stateDict()).map(([name, t]) => [name.replace('_l0', ''), t])),
    );
    const x = randn([5, 2, 2], f64);
    let state: [Tensor, Tensor] | null = null;
    for (const step of x.unbind()) state = cell.call(step, state);
    const [, [h, c]] = layer.call(x);
    expectClose(state![0], h.select(0, 0));
    expectClose(state![1], c.select(0, 0));
  });

  it('drop between layers in training only', () => {
    const layer = new nn.RNN(2, 50, { numLayers: 2, dropout: 0.5 });
    const x = ones(1, 1, 2);
    expect(layer.call(x)[0].sub(layer.call(x)[0]).abs().max().item()).toBeGreaterThan(0);
    layer.eval();
    expect(layer.call(x)[0].sub(layer.call(x)[0]).abs().max().item()).toBe(0);
  });

  it('have a Program whose size does not depend on the length', () => {
    const layer = new nn.GRU(2, 3);
    const size = (length: number): number =>
      makeProgram((x: CoreTensor) => layer.call(asTensor(x))[0].asCore())(ones(length, 1, 2).asCore()).toString()
        .length;
    expect(size(3000) - size(1000)).toBe(0);
    const [y] = layer.call(randn(3000, 1, 2));
    y.sum().backward();
    expect(y.shape).toEqual([3000, 1, 3]);
    expect(layer.weightHhL0?.grad?.isfinite().all().item()).toBeTruthy();
  });

  it('have the parameters that PyTorch has', () => {
    const layer = new nn.LSTM(2, 4, { numLayers: 2, bidirectional: true, projSize: 3 });
    expect(Object.keys(layer.stateDict()).slice(0, 12)).toEqual([
      'weight_ih_l0',
      'weight_hh_l0',
      'bias_ih_l0',
      'bias_hh_l0',
      'weight_hr_l0',
      'weight_ih_l0_reverse',
      'weight_hh_l0_reverse',
      'bias_ih_l0_reverse',
      'bias_hh_l0_reverse',
      'weight_hr_l0_reverse',
      'weight_ih_l1',
      'weight_hh_l1',
    ]);
    expect(layer.weightIhL1?.shape).toEqual([16, 6]);
    expect(layer.allWeights.length).toBe(4);
    for (const p of layer.parameters()) expect(p.abs().max().item()).toBeLessThanOrEqual(0.5);
  });

  it('say what they expect', () => {
    const layer = new nn.LSTM(2, 3);
    expect(() => layer.call(ones(5, 2, 4))).toThrow('LSTM: expected input [T,N,2] or [T,2], got f32[5,2,4].');
    expect(() => layer.call(ones(2))).toThrow('LSTM: expected input [T,N,2] or [T,2], got f32[2].');
    expect(() => layer.call(ones(5, 2, 2), [zeros(2, 3), zeros(1, 2, 3)])).toThrow(
      'LSTM: expected hidden vectors [1,2,3], got f32[2,3].',
    );
    expect(() => layer.call(ones(5, 2, 2, f64))).toThrow('LSTM: expected input of the dtype of the weights, float32');
    expect(() => new nn.LSTM(2, 3, { layers: 2 } as never)).toThrow('expected options numLayers, bias, batchFirst');
    expect(() => new nn.LSTM(2, 3, { projSize: 3 })).toThrow('proj_size has to be smaller than hidden_size');
    expect(() => new nn.RNN(2, 3, { nonlinearity: 'elu' as never })).toThrow('nonlinearity to be one of tanh, relu');
    expect(() => new nn.GRU(0, 3)).toThrow('GRU: expected inputSize to be an integer of at least 1, got 0.');
    expect(() => new nn.GRUCell(2, 3).call(ones(5, 2, 2))).toThrow(
      'GRUCell: expected input [N,2] or [2], got f32[5,2,2].',
    );
    expect(() => new nn.GRUCell(2, 3).call(ones(5, 2), ones(4, 3))).toThrow(
      'expected hidden state [5,3], got f32[4,3]',
    );
  });
});

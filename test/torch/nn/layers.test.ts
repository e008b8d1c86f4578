/**
 * Layers and losses with PyTorch's numbers: results, gradients of inputs and parameters, buffers afterwards, names, representation.
 * The figures in `data/layers.json` are those of PyTorch 1.13 in float64, for random parameters; the loss is the sum of the outputs times
 * weights that go from ½ to 1½.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { Tensor } from 'cotangent/torch';
import { argsOf, cases, type Figures, flat, layers, leavesOf, tensorOf, weighted } from './layer-cases.ts';

function expectClose(x: Tensor | null | undefined, { shape, data }: Figures, what: string): void {
  expect(x, what).not.toBeNull();
  expect(x!.shape, what).toEqual(shape);
  const found = [...x!.dataSync()];
  const worst = Math.max(0, ...found.map((v, i) => Math.abs(v - data[i]!) / (1 + Math.abs(data[i]!))));
  expect(worst, `${what}: ${found.join()} for ${data.join()}`).toBeLessThan(2e-8);
}

describe.each(cases)('$layer($args) in $mode', (c) => {
  const layer = new layers[c.layer]!(...c.args);
  layer.double().train(c.mode === 'train');

  it('has the numbers of PyTorch', () => {
    expect(Object.keys(layer.stateDict())).toEqual(Object.keys(c.state));
    layer.loadStateDict(Object.fromEntries(Object.entries(c.state).map(([name, f]) => [name, tensorOf(f)])));
    const inputs = c.inputs.map(leavesOf);
    let result: unknown;
    for (let i = 0; i < c.calls; i++) result = layer.call(...argsOf(c, inputs));
    const outputs = [result].flat(3).filter((y): y is Tensor => y instanceof Tensor);
    expect(outputs.length).toBe(c.outputs.length);
    c.outputs.forEach((f, i) => expectClose(outputs[i], f, `output ${i}`));
    weighted(outputs).backward();
    const leaves = flat(inputs);
    flat(c.inputGrads).forEach((f, i) => f && expectClose(leaves[i]!.grad, f, `gradient of input ${i}`));
    const parameters = new Map(layer.namedParameters());
    for (const [name, f] of Object.entries(c.grads)) expectClose(parameters.get(name)!.grad, f, name);
    const buffers = new Map(layer.namedBuffers());
    for (const [name, f] of Object.entries(c.after)) expectClose(buffers.get(name), f, name);
  });

  it('prints like PyTorch', () => {
    expect(String(layer)).toBe(c.repr);
  });
});

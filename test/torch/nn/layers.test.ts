/**
 * Layers and losses with PyTorch's numbers: results, gradients of inputs and parameters, buffers afterwards, names, representation.
 * The figures in `data/layers.json` are those of PyTorch 1.13 in float64, for random parameters; the loss is the sum of the outputs times
 * weights that go from ½ to 1½.
 * @module
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { linspace, nn, Tensor, tensor as make } from 'cotangent/torch';

interface Figures {
  readonly shape: readonly number[];
  readonly data: readonly number[];
  readonly int: boolean;
}

interface Case {
  readonly layer: string;
  readonly args: readonly unknown[];
  readonly mode: 'train' | 'eval';
  readonly calls: number;
  readonly state: Readonly<Record<string, Figures>>;
  readonly inputs: readonly Figures[];
  readonly outputs: readonly Figures[];
  readonly inputGrads: readonly (Figures | null)[];
  readonly grads: Readonly<Record<string, Figures>>;
  readonly after: Readonly<Record<string, Figures>>;
  readonly repr: string;
}

const cases = JSON.parse(readFileSync(new URL('../data/layers.json', import.meta.url), 'utf8')) as Case[];

const tensorOf = ({ shape, data, int }: Figures, requiresGrad = false): Tensor =>
  make(data, { dtype: int ? 'int32' : 'float64', requiresGrad: requiresGrad && !int })
    .reshape([...shape])
    .detach();

function leafOf(figures: Figures): Tensor {
  const x = tensorOf(figures);
  return figures.int ? x : x.requiresGrad_();
}

function expectClose(x: Tensor | null | undefined, { shape, data }: Figures, what: string): void {
  expect(x, what).not.toBeNull();
  expect(x!.shape, what).toEqual(shape);
  const found = [...x!.dataSync()];
  const worst = Math.max(0, ...found.map((v, i) => Math.abs(v - data[i]!) / (1 + Math.abs(data[i]!))));
  expect(worst, `${what}: ${found.join()} for ${data.join()}`).toBeLessThan(2e-8);
}

type Layer = nn.Module & { forward(...xs: Tensor[]): unknown };
const layers = nn as unknown as Readonly<Record<string, new (...args: readonly unknown[]) => Layer>>;

function weighted(outputs: readonly Tensor[]): Tensor {
  return outputs
    .map((y) => y.mul(linspace(0.5, 1.5, y.numel(), { dtype: 'float64' }).reshape([...y.shape])).sum())
    .reduce((a, b) => a.add(b));
}

describe.each(cases)('$layer($args) in $mode', (c) => {
  const layer = new layers[c.layer]!(...c.args);
  layer.double().train(c.mode === 'train');

  it('has the numbers of PyTorch', () => {
    expect(Object.keys(layer.stateDict())).toEqual(Object.keys(c.state));
    layer.loadStateDict(Object.fromEntries(Object.entries(c.state).map(([name, f]) => [name, tensorOf(f)])));
    const inputs = c.inputs.map(leafOf);
    let result: unknown;
    for (let i = 0; i < c.calls; i++) result = layer.call(...inputs);
    const outputs = [result].flat(3).filter((y): y is Tensor => y instanceof Tensor);
    c.outputs.forEach((f, i) => expectClose(outputs[i], f, `output ${i}`));
    weighted(outputs).backward();
    c.inputGrads.forEach((f, i) => f && expectClose(inputs[i]!.grad, f, `gradient of input ${i}`));
    const parameters = new Map(layer.namedParameters());
    for (const [name, f] of Object.entries(c.grads)) expectClose(parameters.get(name)!.grad, f, name);
    const buffers = new Map(layer.namedBuffers());
    for (const [name, f] of Object.entries(c.after)) expectClose(buffers.get(name), f, name);
  });

  it('prints like PyTorch', () => {
    expect(String(layer)).toBe(c.repr);
  });
});

/**
 * Second derivatives through every layer and loss: products with the Hessian of a scalar of the outputs, by inputs and parameters together,
 * against central differences of the gradient. The layers are those of `data/layers.json`.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { autograd, nn, noGrad, type Tensor, tensor } from 'cotangent/torch';
import { argsOf, type Case, cases, flat, layers, leavesOf, tensorOf, weighted } from './layer-cases.ts';

const step = 1e-5;

/** Directions, and offsets that move inputs away from kinks. */
const spread = (n: number, phase: number): number[] =>
  Array.from({ length: n }, (_, i) => Math.sin(12.9898 * (i + 1) + phase));

class Problem {
  readonly leaves: readonly Tensor[];
  private readonly layer: InstanceType<(typeof layers)[string]>;
  private readonly args: Tensor[];

  constructor(c: Case) {
    const layer = new layers[c.layer]!(...c.args);
    layer.double().train(c.mode === 'train');
    layer.loadStateDict(Object.fromEntries(Object.entries(c.state).map(([name, f]) => [name, tensorOf(f)])));
    const inputs = c.inputs.map(leavesOf);
    const grads = flat(c.inputGrads);
    const wanted = flat(inputs).filter((x, i): x is Tensor => x !== null && (grads[i] ?? null) !== null);
    this.layer = layer;
    this.args = argsOf(c, inputs);
    this.leaves = [...wanted, ...layer.parameters()];
    if (c.layer.endsWith('Loss')) return;
    for (const x of wanted) move(x, spread(x.numel(), 0.3), 0.01);
  }

  /** Gradients of Σ w y + Σ y² / 2, recorded. */
  gradients(): Tensor[] {
    const outputs = flat([this.layer.call(...this.args)].flat(3) as Tensor[]);
    const floats = outputs.filter((y): y is Tensor => y?.dtype === 'float64');
    const total = floats.reduce((sum, y) => sum.add(y.pow(2).sum().div(2)), weighted(floats));
    return autograd.grad(total, this.leaves, {
      createGraph: true,
      allowUnused: true,
      materializeGrads: true,
    }) as Tensor[];
  }
}

function move(x: Tensor, direction: readonly number[], by: number): void {
  noGrad(() =>
    x.add_(
      tensor(direction, { dtype: 'float64' })
        .mul(by)
        .reshape([...x.shape]),
    ),
  );
}

/** Whose gradient is not the derivative, or who change their parameters: PyTorch's options say so. */
const isHonest = ({ args }: Case): boolean =>
  !args.some((x) => typeof x === 'object' && x !== null && ('scaleGradByFreq' in x || 'maxNorm' in x));

describe.each(cases.filter(isHonest))('$layer($args) in $mode', (c) => {
  it('has right second derivatives', () => {
    const problem = new Problem(c);
    const { leaves } = problem;
    const directions = leaves.map((x, i) => spread(x.numel(), i));
    const vs = leaves.map((x, i) => tensor(directions[i]!, { dtype: 'float64' }).reshape([...x.shape]));
    const along = problem
      .gradients()
      .map((g, i) => g.mul(vs[i]!).sum())
      .reduce((a, b) => a.add(b));
    const products = along.requiresGrad
      ? autograd.grad(along, leaves, { allowUnused: true, materializeGrads: true })
      : leaves.map((x) => x.detach().mul(0));
    const at = (by: number): number[][] => {
      leaves.forEach((x, i) => move(x, directions[i]!, by));
      return problem.gradients().map((g) => [...g.dataSync()]);
    };
    const [above, below] = [at(step), at(-2 * step)];
    products.forEach((h, i) => {
      const found = h!.dataSync();
      above[i]!.forEach((up, k) => {
        const expected = (up - below[i]![k]!) / (2 * step);
        expect(Math.abs(found[k]! - expected), `leaf ${i}, entry ${k}`).toBeLessThan(1e-5 * (1 + Math.abs(expected)));
      });
    });
  });
});

describe('gradgradcheck of recurrent layers', () => {
  it.each<[string, () => nn.Module & { forward(x: Tensor): [Tensor, unknown] }]>([
    ['RNN', () => new nn.RNN(2, 2)],
    ['LSTM', () => new nn.LSTM(2, 2, { bidirectional: true })],
    ['GRU', () => new nn.GRU(2, 2)],
  ])('%s', (_name, make) => {
    const layer = make().double();
    const x = tensor(spread(6, 1), { dtype: 'float64' }).reshape([3, 1, 2]).detach().requiresGrad_();
    expect(autograd.gradcheck((y) => layer.call(y)[0], x)).toBe(true);
    expect(autograd.gradgradcheck((y) => layer.call(y)[0], x)).toBe(true);
  });
});

/**
 * Programs at random of views and changes in place, held against PyTorch (data/mutations.golden.json says how the figures were made).
 * @module
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { autograd, noGrad, tensor, type Tensor } from 'cotangent/torch';

type Step = readonly [name: keyof typeof makes | keyof typeof changes, of: number, ...args: number[]];

interface Case {
  readonly data: readonly number[];
  readonly steps: readonly Step[];
  readonly values: readonly (readonly number[])[];
  readonly requiresGrad: readonly boolean[];
  readonly grad: readonly number[];
  readonly second?: readonly number[];
}

/** Steps that make a tensor. */
const makes = {
  select: (x: Tensor, dim: number, at: number) => x.select(dim, at),
  slice: (x: Tensor, start: number, stop: number, step: number) => x.get({ start, stop, step }),
  view1: (x: Tensor) => x.view(-1),
  t: (x: Tensor) => x.t(),
  unsq: (x: Tensor) => x.unsqueeze(0),
  detach: (x: Tensor) => x.detach(),
  clone: (x: Tensor) => x.clone(),
  sq: (x: Tensor) => x.mul(x.clone()),
  sum: (x: Tensor) => x.sum(),
  addself: (x: Tensor) => x.add(x),
};

/** Steps that change one, by another. */
const changes = {
  mul_: (x: Tensor) => x.mul_(1.5),
  add_: (x: Tensor) => x.add_(0.5),
  fill_: (x: Tensor) => x.fill_(0.7),
  zero_: (x: Tensor) => x.zero_(),
  exp_: (x: Tensor) => x.mul_(0.1).exp_(),
  copy_: (x: Tensor, y: Tensor) => x.copy_(y.clone()),
  mul_t: (x: Tensor, y: Tensor) => x.mul_(y.clone()),
  ng_mul_: (x: Tensor) => noGrad(() => x.mul_(2)),
  ng_fill_: (x: Tensor) => noGrad(() => x.fill_(0.3)),
};

const isMaking = (name: string): name is keyof typeof makes => name in makes;

function run({ data, steps }: Case): { x: Tensor; tensors: Tensor[] } {
  const x = tensor(Float64Array.from(data)).view(2, 3).clone().detach().requiresGrad_();
  const tensors = [x, x.mul(1)];
  for (const [name, of, ...args] of steps) {
    const target = tensors[of]!;
    if (isMaking(name)) tensors.push((makes[name] as (x: Tensor, ...args: number[]) => Tensor)(target, ...args));
    else changes[name](target, tensors[args[0] ?? 0]!);
  }
  return { x, tensors };
}

function weighted(x: Tensor, k: number): Tensor {
  const w = Float64Array.from({ length: x.numel() }, (_, i) => 0.5 + ((i * 7 + k * 3) % 5) / 4);
  return x.mul(tensor(w).view([...x.shape])).sum();
}

function expectNear(what: string, x: Tensor, expected: readonly number[]): void {
  const got = Array.from(x.dataSync());
  expect(got, what).toHaveLength(expected.length);
  expected.forEach((e, i) =>
    expect(Math.abs(got[i]! - e), `${what}[${i}]: ${got[i]} for ${e}`).toBeLessThan(1e-8 * (1 + Math.abs(e))),
  );
}

const path = new URL('data/mutations.golden.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { readonly cases: readonly Case[] };

describe('views and changes in place', () => {
  it.each(cases.map((c) => [JSON.stringify(c.steps), c] as const))('%s', (_name, c) => {
    const { x, tensors } = run(c);
    expect(tensors.map((t) => t.requiresGrad)).toEqual(c.requiresGrad);
    tensors.forEach((t, k) => expectNear(`tensor ${k}`, t, c.values[k]!));
    const parts = tensors.flatMap((t, k) => (t.requiresGrad ? [weighted(t, k)] : []));
    const [g] = autograd.grad(
      parts.reduce((a, b) => a.add(b)),
      x,
      { createGraph: true },
    );
    expectNear('gradient', g, c.grad);
    if (c.second === undefined || !g.requiresGrad) return;
    expectNear('second derivative', autograd.grad(weighted(g, 1), x, { materializeGrads: true })[0], c.second);
  });
});

/**
 * Indices at random, read, written and changed through, held against PyTorch (data/indexing.golden.json says how the figures were made).
 * @module
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CotangentError } from 'cotangent';
import { autograd, tensor, type Tensor } from 'cotangent/torch';

type Entry =
  | { readonly i: number }
  | { readonly s: { readonly start?: number; readonly stop?: number; readonly step?: number } }
  | { readonly t: readonly number[] }
  | { readonly m: readonly boolean[] }
  | { readonly n: 1 }
  | { readonly e: 1 };

interface Case {
  readonly mode: 'get' | 'set' | 'mulview';
  readonly shape: readonly number[];
  readonly data: readonly number[];
  readonly index: readonly Entry[];
  readonly value?: { readonly data: readonly number[]; readonly shape: readonly number[] };
  readonly throws?: boolean;
  readonly out?: { readonly shape: readonly number[]; readonly data: readonly number[] };
  readonly grads?: readonly (readonly number[] | null)[];
}

type Indices = Parameters<Tensor['get']>;

function entryOf(e: Entry): Indices[number] {
  if ('i' in e) return e.i;
  if ('s' in e) return e.s;
  if ('t' in e) return tensor([...e.t], { dtype: 'int32' });
  if ('m' in e) return tensor(e.m);
  return 'n' in e ? null : '...';
}

const leafOf = (data: readonly number[], shape: readonly number[]): Tensor =>
  tensor(Float64Array.from(data))
    .view([...shape])
    .clone()
    .detach()
    .requiresGrad_();

function run({ mode, shape, data, index, value }: Case): { inputs: Tensor[]; out: Tensor } {
  const x = leafOf(data, shape);
  const at = index.map(entryOf);
  if (mode === 'get') return { inputs: [x], out: x.get(...at) };
  const y = x.mul(1);
  if (mode === 'mulview') {
    y.get(...at).mul_(3);
    return { inputs: [x], out: y.mul(y) };
  }
  const v = value === undefined ? tensor(1) : leafOf(value.data, value.shape);
  return { inputs: [x, v], out: y.set(at, v) };
}

function expectNear(x: Tensor, expected: readonly number[]): void {
  const got = Array.from(x.dataSync());
  expect(got).toHaveLength(expected.length);
  expected.forEach((e, i) => expect(got[i]).toBeCloseTo(e, 8));
}

const path = new URL('data/indexing.golden.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { readonly cases: readonly Case[] };

describe('indices', () => {
  it.each(cases.map((c) => [`${c.mode} ${JSON.stringify(c.shape)} at ${JSON.stringify(c.index)}`, c] as const))(
    '%s',
    (_name, c) => {
      if (c.throws) return expect(() => run(c)).toThrow(CotangentError);
      const { inputs, out } = run(c);
      expect([...out.shape]).toEqual(c.out!.shape);
      expectNear(out, c.out!.data);
      const w = Float64Array.from({ length: out.numel() }, (_, i) => 0.5 + ((i * 7) % 5) / 4);
      const loss = out.mul(tensor(w).view([...out.shape])).sum();
      const grads = autograd.grad(loss, inputs, { materializeGrads: true });
      c.grads!.forEach((g, i) => expectNear(grads[i]!, g ?? Array<number>(grads[i]!.numel()).fill(0)));
    },
  );

  it('a number among tensors takes a part, as in PyTorch and unlike NumPy', () => {
    const x = leafOf(
      Array.from({ length: 24 }, (_, i) => i),
      [2, 3, 4],
    );
    expect(x.get(0, {}, tensor([1, 2], { dtype: 'int32' })).shape).toEqual([3, 2]);
    expect(x.get(0, [0, 2]).tolist()).toEqual([
      [0, 1, 2, 3],
      [8, 9, 10, 11],
    ]);
    const y = x.indexPut([0, {}, [1]], -1);
    expect(y.get(0, {}, 1).tolist()).toEqual([-1, -1, -1]);
  });
});

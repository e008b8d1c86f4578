/**
 * The first k of an order, however the elements lie, against a plain sort.
 * @module
 */
import { grad, jit, lax, np, type Tensor, vmap } from 'cotangent';
import * as torch from 'cotangent/torch';
import { describe, expect, it } from 'vitest';
import { randomSource } from '../support/samples.ts';

type Line = readonly number[];

/** NaN first, then the largest; of equals the first. */
function expected(x: Line, k: number): { readonly values: number[]; readonly positions: number[] } {
  const key = (i: number): number => (Number.isNaN(x[i]) ? Infinity : x[i]!);
  const isNumber = (i: number): number => Number(!Number.isNaN(x[i]));
  const order = x.map((_, i) => i);
  order.sort((i, j) => isNumber(i) - isNumber(j) || (key(i) === key(j) ? i - j : key(j) - key(i)));
  const positions = order.slice(0, k);
  return { values: positions.map((i) => x[i]!), positions };
}

const random = randomSource(7);
const line = (n: number, draw: (i: number) => number): number[] => Array.from({ length: n }, (_, i) => draw(i));
const special = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 2 ** -140, 3.5];

const lines: readonly (readonly [string, (n: number) => Line])[] = [
  ['in random order', (n) => line(n, () => random() * 2 - 1)],
  ['in ascending order', (n) => line(n, (i) => i)],
  ['in descending order', (n) => line(n, (i) => -i)],
  ['all equal', (n) => line(n, () => 1)],
  ['equal by halves', (n) => line(n, (i) => Number(i % 2 === 0))],
  ['of few values', (n) => line(n, () => Math.floor(random() * 4))],
  ['in teeth of 32', (n) => line(n, (i) => i % 32)],
  ['large in one group of 40', (n) => line(n, (i) => (i % 40 === 3 ? i : -i))],
  ['of special numbers', (n) => line(n, () => special[Math.floor(random() * special.length)]!)],
  ['all NaN', (n) => line(n, () => NaN)],
  ['with one number', (n) => line(n, (i) => (i === n >> 1 ? 0 : -Infinity))],
];

function check(x: Line, k: number, dtype: 'float32' | 'float64' | 'int32'): void {
  const t = np.array([...x], { dtype });
  const { values, positions } = expected(Array.from(t.dataSync()), k);
  const f = (y: Tensor): [Tensor, Tensor] => lax.topK(y, k);
  for (const [v, p] of [f(t), jit(f)(t)]) {
    expect(Array.from(p.dataSync())).toEqual(positions);
    expect(Array.from(v.dataSync())).toEqual(values);
  }
}

describe('topK', () => {
  it.each(lines)('finds the first of lines that are %s', (_, make) => {
    for (const [n, k] of [
      [64, 1],
      [65, 8],
      [100, 3],
      [257, 12],
      [1000, 31],
      [1000, 32],
      [40, 40],
    ] as const) {
      check(make(n), k, 'float32');
      check(make(n), k, 'float64');
    }
  });

  it('compares whole integers, signed and unsigned', () => {
    check(
      line(500, () => Math.floor((random() - 0.5) * 2 ** 32)),
      9,
      'int32',
    );
    const x = np.array(Uint32Array.from({ length: 90 }, (_, i) => (i * 2654435761) >>> 0));
    expect(Array.from(lax.topK(x, 4)[0].dataSync())).toEqual([...x.dataSync()].sort((a, b) => b - a).slice(0, 4));
    const flags = np.array(
      line(80, (i) => Number(i > 70)),
      { dtype: 'bool' },
    );
    expect(lax.topK(flags, 3)[1].toArray()).toEqual([71, 72, 73]);
    const halves = np.array(
      line(90, (i) => (i * 37) % 90),
      { dtype: 'float16' },
    );
    expect([lax.topK(halves, 3)[0].dtype, lax.topK(halves, 3)[0].toArray()]).toEqual(['float16', [89, 88, 87]]);
  });

  it('goes along any axis, and maps', () => {
    const x = np.array(line(3 * 70 * 2, () => Math.floor(random() * 50))).reshape(3, 70, 2);
    const [values, positions] = lax.topK(x, 4, 1);
    expect([values.shape, positions.shape]).toEqual([[3, 4, 2], [3, 4, 2]]); // prettier-ignore
    const last = np.moveaxis(x, 1, -1);
    const [v, p] = lax.topK(last, 4);
    expect(np.moveaxis(v, -1, 1).toArray()).toEqual(values.toArray());
    expect(np.moveaxis(p, -1, 1).toArray()).toEqual(positions.toArray());
    const mapped = vmap((y: Tensor) => lax.topK(y, 4, 0)[1])(x) as Tensor;
    expect(mapped.toArray()).toEqual(positions.toArray());
  });

  it('gives the derivative to what was chosen', () => {
    const x = np.array(line(70, (i) => (i * 31) % 70));
    const weights = np.array([3, 2, 1]);
    const f = (y: Tensor): Tensor => np.sum(lax.topK(y, 3)[0].mul(weights));
    const chosen = lax.topK(x, 3)[1].toArray() as number[];
    const gradient = (jit(grad(f))(x) as Tensor).toArray() as number[];
    expect(gradient).toEqual(line(70, (i) => (chosen.includes(i) ? 3 - chosen.indexOf(i) : 0)));
  });

  it('has the smallest first for torch.topk, NaN last', () => {
    const x = torch.tensor(line(70, (i) => (i < 67 ? NaN : 70 - i)));
    const { values, indices } = torch.topk(x, { k: 4, largest: false });
    expect(values.tolist()).toEqual([1, 2, 3, NaN]);
    expect(indices.tolist()).toEqual([69, 68, 67, 0]);
    expect(torch.topk(x, 2).indices.tolist()).toEqual([0, 1]);
  });
});

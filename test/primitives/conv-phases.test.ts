import { describe, expect, it } from 'vitest';
import { grad, jit, lax, np, setDevice, type Tensor } from '../../src/index.ts';

const values = (shape: readonly number[], seed: number): Tensor => {
  let s = seed;
  const next = (): number => (s = (s * 48271) % 2147483647) / 2147483647 - 0.5;
  const size = shape.reduce((p, q) => p * q, 1);
  return np.array(Float32Array.from({ length: size }, next), { shape: [...shape] });
};

function expectEqualOnReference(run: () => Tensor): void {
  const got = run().dataSync();
  setDevice('reference');
  const want = run().dataSync();
  setDevice('wasm');
  got.forEach((x, i) => expect(x).toBeCloseTo(want[i]!, 4));
}

interface Case {
  readonly name: string;
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly strides?: number[];
  readonly padding: [number, number][];
  readonly more?: { lhsDilation?: number[]; rhsDilation?: number[]; featureGroupCount?: number };
}

const cases: readonly Case[] = [
  { name: 'holes of 1', x: [2, 3, 4, 5], w: [4, 3, 3, 3], padding: [[1, 2], [1, 1]], more: { lhsDilation: [2, 2] } }, // prettier-ignore
  { name: 'different holes', x: [1, 2, 4, 3], w: [3, 2, 2, 4], padding: [[2, 0], [-1, 3]], more: { lhsDilation: [3, 2] } }, // prettier-ignore
  { name: 'a kernel shorter than the holes', x: [1, 2, 4], w: [2, 2, 2], padding: [[1, 1]], more: { lhsDilation: [4] } }, // prettier-ignore
  { name: 'a kernel with holes of its own', x: [1, 2, 9], w: [2, 2, 4], padding: [[3, 2]], more: { lhsDilation: [4], rhsDilation: [2] } }, // prettier-ignore
  { name: 'holes that the kernel steps over', x: [1, 2, 9], w: [2, 2, 3], padding: [[2, 2]], more: { lhsDilation: [2], rhsDilation: [2] } }, // prettier-ignore
  { name: 'groups', x: [2, 6, 5, 5], w: [6, 1, 3, 3], padding: [[1, 1], [1, 1]], more: { lhsDilation: [2, 2], featureGroupCount: 6 } }, // prettier-ignore
  { name: 'strides too', x: [1, 2, 7], w: [2, 2, 3], strides: [2], padding: [[1, 1]], more: { lhsDilation: [2] } }, // prettier-ignore
  { name: 'strides only', x: [2, 3, 9, 8], w: [4, 3, 3, 3], strides: [2, 3], padding: [[1, 1], [0, 2]] }, // prettier-ignore
];

describe('convolution of an operand with holes, and gradients of convolutions with strides', () => {
  for (const { name, x, w, strides, padding, more } of cases) {
    const [lhs, rhs] = [values(x, 3), values(w, 5)];
    const conv = (l: Tensor, r: Tensor): Tensor =>
      lax.convGeneralDilated(l, r, strides ?? padding.map(() => 1), padding, more);
    it(`${name}: as on the reference device`, () => expectEqualOnReference(() => jit(conv)(lhs, rhs)));
    it(`${name}: both gradients as on the reference device`, () => {
      const loss = (l: Tensor, r: Tensor): Tensor => np.sum(np.square(conv(l, r)));
      for (const i of [0, 1]) expectEqualOnReference(() => jit(grad(loss, i))(lhs, rhs));
    });
  }
});

/**
 * Random straight-line programs over shapes [2,3], of the public functions.
 * @module
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import { type DType, jit, lax, nn, np, type Tensor } from 'cotangent';

export type Op = readonly [name: string, apply: (a: Tensor, b: Tensor) => Tensor];

/** Every operation takes and gives f[2,3] and stays within a few units, so that any sequence is well conditioned. */
export const smoothOps: readonly Op[] = [
  ['sin', (a) => np.sin(a)],
  ['tanh', (a) => np.tanh(a)],
  ['sigmoid', (a) => nn.sigmoid(a)],
  ['exp∘tanh', (a) => np.exp(np.tanh(a))],
  ['log1p∘square', (a) => np.log1p(np.square(a))],
  ['add', (a, b) => np.add(a, b).mul(0.5)],
  ['sub', (a, b) => np.subtract(a, b).mul(0.5)],
  ['mul', (a, b) => np.tanh(np.multiply(a, b))],
  ['div', (a, b) => np.divide(a, np.square(b).add(1))],
  [
    'row sum',
    (a) =>
      np
        .sum(a, { axis: 1, keepdims: true })
        .mul(0.3)
        .add(np.zeros([2, 3], { dtype: a.dtype })),
  ],
  ['column mean, broadcast', (a, b) => np.mean(a, { axis: 0 }).add(b).mul(0.5)],
  ['transpose, reshape', (a) => a.T.reshape([2, 3])],
  ['reverse', (a) => np.flip(a, { axis: 1 })],
  [
    'slice, concatenate',
    (a, b) => np.concatenate([lax.sliceInDim(a, 1, 3, { axis: 1 }), lax.sliceInDim(b, 0, 1, { axis: 1 })], { axis: 1 }),
  ],
  ['cumsum', (a) => np.cumsum(a, { axis: 1 }).mul(0.4)],
  ['gather', (a) => np.take(a, np.array([2, 0, 2], { dtype: 'int32' }), { axis: 1 })],
  ['matmul', (a, b) => np.matmul(np.matmul(a, b.T), a).mul(0.1)],
  ['softmax', (a) => nn.softmax(a, { axis: 1 })],
  ['scan', (a, b) => lax.scan((c: Tensor, x: Tensor) => [np.tanh(c.add(x)), c], b.slice(0), a)[1] as Tensor],
  [
    'cond',
    (a, b) =>
      lax.cond(
        np.greater(np.sum(b), 100),
        (x: Tensor) => x,
        (x: Tensor) => np.cos(x),
        a,
      ) as Tensor,
  ],
  ['foriLoop', (a, b) => lax.foriLoop(0, 3, (_i: Tensor, v: Tensor) => np.sin(v).add(b.mul(0.1)), a) as Tensor],
  [
    'pad',
    (a) =>
      lax.pad(a, 0, [
        [0, 0, 0],
        [1, -1, 0],
      ]),
  ],
  ['jit', (a, b) => jit((x: Tensor, y: Tensor) => np.cos(x).mul(y))(a, b)],
];

export interface Step {
  readonly op: number;
  readonly a: number;
  readonly b: number;
}

/** Up to eight steps, each an operation on two of the values so far. */
export const programArb = (ops: readonly Op[]): fc.Arbitrary<readonly Step[]> =>
  fc.array(fc.record({ op: fc.nat(ops.length - 1), a: fc.nat(20), b: fc.nat(20) }), { minLength: 1, maxLength: 8 });

/** The elements of two inputs. */
export const valuesArb: fc.Arbitrary<readonly number[]> = fc.array(
  fc.integer({ min: -150, max: 150 }).map((v) => v / 100 + 0.003),
  { minLength: 12, maxLength: 12 },
);

export type Binary = (x: Tensor, y: Tensor) => Tensor;

export const build =
  (ops: readonly Op[], steps: readonly Step[]): Binary =>
  (x, y) => {
    const values = [x, y];
    for (const { op, a, b } of steps) values.push(ops[op]![1](values[a % values.length]!, values[b % values.length]!));
    return values.at(-1)!;
  };

export type Inputs = readonly [Tensor, Tensor];

export const inputsOf = (v: readonly number[], dtype: DType): Inputs => [
  np.array(v.slice(0, 6), { dtype, shape: [2, 3] }),
  np.array(v.slice(6), { dtype, shape: [2, 3] }),
];

export const numbers = (t: Tensor): number[] => Array.from(t.dataSync());

export function expectClose(actual: Tensor, expected: Tensor | readonly number[], tolerance: number): void {
  const [a, b] = [numbers(actual), Array.isArray(expected) ? (expected as number[]) : numbers(expected as Tensor)];
  expect(a.length).toBe(b.length);
  a.forEach((v, i) => {
    const error = Math.abs(v - b[i]!) / Math.max(1, Math.abs(b[i]!));
    if (!(error <= tolerance)) throw new Error(`element ${i}: ${v} is not ${b[i]!} (relative error ${error})`);
  });
}

export const show = (ops: readonly Op[], steps: readonly Step[]): string =>
  steps.map((s) => `${ops[s.op]![0]}(${s.a}, ${s.b})`).join('; ');

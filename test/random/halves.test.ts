/**
 * Random programs in 16 bits, mixed with float32: every operation rounds its result once, so what is compiled gives the bits of what is
 * not, whatever is fused; devices, batches and derivatives agree within the last places of the dtype.
 * @module
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { configure, type DType, grad, jit, jvp, nn, np, type Tensor, vmap } from 'cotangent';
import {
  type Binary,
  build,
  expectClose,
  type Inputs,
  inputsOf,
  numbers,
  type Op,
  programArb,
  show,
  smoothOps,
  valuesArb,
} from './program.ts';
import { runs } from '../support/runs.ts';

const halves = ['float16', 'bfloat16'] as const;
type Half = (typeof halves)[number];
const other = (dtype: DType): Half => (dtype === 'float16' ? 'bfloat16' : 'float16');

/** Operands in the dtype in which they meet: loops carry one dtype. */
const promoted = ([name, f]: Op): Op => [
  name,
  (a, b) => {
    const dtype = np.promoteTypes(a.dtype, b.dtype);
    return f(a.astype(dtype), b.astype(dtype));
  },
];

const conversions: readonly Op[] = [
  ['to float32', (a) => a.astype('float32')],
  ['to float16', (a) => a.astype('float16')],
  ['to bfloat16', (a) => a.astype('bfloat16')],
  ['through the other dtype', (a) => a.astype(other(a.dtype)).astype(a.dtype)],
  ['in float32', (a, b) => np.tanh(a.astype('float32').mul(b)).astype(a.dtype)],
  ['product kept in float32', (a, b) => np.matmul(a, b.T, { preferredElementType: 'float32' }).dot(b).mul(0.1)],
];

/** What is exact in the dtype, and what is at the ends of its range. */
const edges: readonly Op[] = [
  ['neg, abs', (a, b) => np.negative(a).add(np.abs(b)).mul(0.5)],
  ['maximum', (a, b) => np.maximum(a, b)],
  ['minimum of negatives', (a, b) => np.minimum(a.neg(), b)],
  ['where less', (a, b) => np.where(np.less(a, b), a, np.negative(b))],
  ['where equal', (a, b) => np.where(np.equal(a, b), 0.5, a.sub(b))],
  ['relu', (a) => nn.relu(a)],
  ['clip', (a) => np.clip(a, -0.7, 0.3)],
  ['sign · floor', (a, b) => np.sign(a).add(np.floor(b)).mul(0.3)],
  ['round, truncate', (a, b) => np.round(a.mul(3)).sub(np.trunc(b)).mul(0.2)],
  ['copysign', (a, b) => np.copysign(a, b)],
  ['sort', (a) => np.sort(a, { axis: 1 })],
  ['largest of a row', (a, b) => np.max(a, { axis: 1, keepdims: true }).sub(b).mul(0.5)],
  ['position of the largest', (a) => np.argmax(a, { axis: 0 }).astype(a.dtype).sub(a).mul(0.5)],
  ['update', (a, b) => a.at(0).add(b.slice(1))],
  ['integers', (a) => a.mul(40).astype('int32').astype(a.dtype).mul(0.03)],
  ['overflow', (a) => np.tanh(a.mul(3e4).mul(3e4))],
  ['subnormal', (a) => a.mul(1e-5).mul(3e-3).mul(3e4).mul(1e3)],
  ['not a number', (a, b) => np.where(np.isnan(np.sqrt(a)), b, np.sqrt(a))],
  ['next', (a) => (a.dtype === 'float32' ? a : np.nextafter(a, np.array(9, { dtype: a.dtype })))],
  ['mean, variance', (a, b) => np.var(a, { axis: 1, keepdims: true }).add(np.mean(b)).sub(a).mul(0.3)],
  ['power', (a, b) => np.tanh(np.power(np.abs(a).add(0.5), b))],
];

const smooth = [...smoothOps.map(promoted), ...conversions];
const all = [...smooth, ...edges];

function property(ops: readonly Op[], dtype: DType, numRuns: number, check: Check): void {
  fc.assert(
    fc.property(programArb(ops), valuesArb, valuesArb, (steps, v, t) => {
      try {
        check(build(ops, steps), inputsOf(v, dtype), inputsOf(t, dtype));
      } catch (error) {
        throw new Error(`${show(ops, steps)}: ${(error as Error).message}`, { cause: error });
      }
    }),
    runs(numRuns),
  );
}
type Check = (f: Binary, inputs: Inputs, others: Inputs) => void;

function expectBits(actual: Tensor, expected: Tensor): void {
  expect(actual.aval.toString()).toBe(expected.aval.toString());
  const b = numbers(expected);
  numbers(actual).forEach((x, i) => {
    if (!Object.is(x, b[i])) throw new Error(`element ${i}: ${x} is not ${b[i]!}`);
  });
}

const places = (dtype: DType): number => (dtype === 'float16' ? 2 ** -11 : 2 ** -8);
const on =
  (device: string, run: () => void): (() => void) =>
  () =>
    configure({ defaultDevice: device }, run);

const square =
  (f: Binary): Binary =>
  (x, y) =>
    np.sum(np.square(f(x, y).astype('float32')));

describe.each(halves)('in %s', (dtype) => {
  describe.each(['wasm', 'reference'])('on %s', (device) => {
    test(
      'compiled code gives the bits of eager code',
      on(device, () => property(all, dtype, 50, (f, [x, y]) => expectBits(jit(f)(x, y) as Tensor, f(x, y)))),
    );

    test(
      'so do compiled gradients',
      on(device, () =>
        property(smooth, dtype, 25, (f, [x, y]) => {
          const g = grad(square(f), { argnums: [0, 1] });
          const [eager, compiled] = [g(x, y), (jit(g as never) as unknown as typeof g)(x, y)];
          eager.forEach((e, i) => {
            expect(e.dtype).toBe(dtype);
            expectBits(compiled[i]!, e);
          });
        }),
      ),
    );

    test(
      'and compiled batches, which fill whole vectors',
      on(device, () =>
        property(all, dtype, 25, (f, [x, y], [u, v]) => {
          const xs = np.stack([x, u, y, v, x.mul(0.5), u.sub(v), y.mul(x)]);
          const batched = vmap(f) as unknown as Binary;
          expectBits(jit(batched)(xs, np.flip(xs, { axis: 0 })) as Tensor, batched(xs, np.flip(xs, { axis: 0 })));
        }),
      ),
    );
  });

  test('devices agree within the places of the dtype', () => {
    property(smooth, dtype, 60, (f, [x, y]) => {
      const reference = configure({ defaultDevice: 'reference' }, () => f(x, y));
      const wasm = configure({ defaultDevice: 'wasm' }, () => f(x, y));
      expect(wasm.dtype).toBe(reference.dtype);
      expectClose(wasm, reference, 8 * places(dtype));
    });
  });

  test(
    'vmap = loop',
    on('reference', () =>
      property(all, dtype, 60, (f, [x, y], [u, v]) => {
        const batched = vmap(f)(np.stack([x, u]), np.stack([y, v])) as Tensor;
        expectBits(batched, np.stack([f(x, y), f(u, v)]));
        const shared = vmap(f, { inAxes: [0, null], outAxes: 1 })(np.stack([x, u]), y) as Tensor;
        expectBits(shared, np.stack([f(x, y), f(u, y)], { axis: 1 }));
      }),
    ),
  );

  test(
    'derivatives are those of float32 within the places of the dtype, and have the dtype of the inputs',
    on('reference', () =>
      property(smooth, dtype, 60, (f, inputs, directions) => {
        const wide = (all16: Inputs): Inputs => [all16[0].astype('float32'), all16[1].astype('float32')];
        const g = grad(square(f), { argnums: [0, 1] });
        const expected = g(...wide(inputs));
        g(...inputs).forEach((got, i) => {
          expect(got.dtype).toBe(dtype);
          expectClose(got, expected[i]!, 60 * places(dtype));
        });
        const [out, tangent] = jvp(f, [...inputs], [...directions]) as unknown as [Tensor, Tensor];
        expect(tangent.dtype).toBe(out.dtype);
        expectClose(
          tangent,
          jvp(f, [...wide(inputs)], [...wide(directions)])[1] as unknown as Tensor,
          60 * places(dtype),
        );
      }),
    ),
  );
});

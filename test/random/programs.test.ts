/**
 * Random programs: fast-check draws a straight-line program over shapes [2,3], and every transformation of it must agree with the
 * definition of that transformation.
 * @module
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { configure, devices, grad, jit, jvp, lax, nn, np, type Tensor, vjp, vmap } from 'cotangent';

type Op = readonly [name: string, apply: (a: Tensor, b: Tensor) => Tensor];

/** Every operation takes and gives f[2,3] and stays within a few units, so that any sequence is well conditioned. */
const ops: readonly Op[] = [
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

interface Step {
  readonly op: number;
  readonly a: number;
  readonly b: number;
}

const stepArb: fc.Arbitrary<Step> = fc.record({ op: fc.nat(ops.length - 1), a: fc.nat(20), b: fc.nat(20) });
const programArb = fc.array(stepArb, { minLength: 1, maxLength: 8 });
const valuesArb = fc.array(
  fc.integer({ min: -150, max: 150 }).map((v) => v / 100 + 0.003),
  { minLength: 12, maxLength: 12 },
);

const build =
  (steps: readonly Step[]) =>
  (x: Tensor, y: Tensor): Tensor => {
    const values = [x, y];
    for (const { op, a, b } of steps) values.push(ops[op]![1](values[a % values.length]!, values[b % values.length]!));
    return values.at(-1)!;
  };

type Inputs = readonly [Tensor, Tensor];
const inputsOf = (v: readonly number[], dtype: 'float32' | 'float64'): Inputs => [
  np.array(v.slice(0, 6), { dtype, shape: [2, 3] }),
  np.array(v.slice(6), { dtype, shape: [2, 3] }),
];

const numbers = (t: Tensor): number[] => Array.from(t.dataSync());

function expectClose(actual: Tensor, expected: Tensor | readonly number[], tolerance: number): void {
  const [a, b] = [numbers(actual), Array.isArray(expected) ? (expected as number[]) : numbers(expected as Tensor)];
  expect(a.length).toBe(b.length);
  a.forEach((v, i) => {
    const error = Math.abs(v - b[i]!) / Math.max(1, Math.abs(b[i]!));
    if (!(error <= tolerance)) throw new Error(`element ${i}: ${v} is not ${b[i]!} (relative error ${error})`);
  });
}

const show = (steps: readonly Step[]): string => steps.map((s) => `${ops[s.op]![0]}(${s.a}, ${s.b})`).join('; ');
const runs = { numRuns: 40, seed: 20261123 };

function property(
  check: (f: (x: Tensor, y: Tensor) => Tensor, inputs: Inputs, direction: Inputs) => void,
  dtype: 'float32' | 'float64' = 'float64',
): void {
  fc.assert(
    fc.property(programArb, valuesArb, valuesArb, (steps, v, t) => {
      try {
        check(build(steps), inputsOf(v, dtype), inputsOf(t, dtype));
      } catch (error) {
        throw new Error(`${show(steps)}: ${(error as Error).message}`, { cause: error });
      }
    }),
    { numRuns: runs.numRuns, seed: runs.seed },
  );
}

describe.each(devices())('on device %s', (device) => {
  const here = (run: () => void) => () => configure({ defaultDevice: device }, run);

  test(
    'compiled = eager = reference',
    here(() => {
      for (const [dtype, tolerance] of [
        ['float64', 1e-12],
        ['float32', 2e-5],
      ] as const) {
        property((f, [x, y]) => {
          const reference = configure({ defaultDevice: 'reference' }, () => f(x, y));
          expectClose(f(x, y), reference, tolerance);
          expectClose(jit(f)(x, y) as Tensor, reference, tolerance);
        }, dtype);
      }
    }),
    120_000,
  );

  test(
    'gradients: compiled = eager = reference',
    here(() => {
      property((f, [x, y]) => {
        const g = grad((a: Tensor, b: Tensor) => np.sum(np.square(f(a, b))), { argnums: [0, 1] });
        const reference = configure({ defaultDevice: 'reference' }, () => g(x, y));
        const [eager, compiled] = [g(x, y), (jit(g as never) as unknown as typeof g)(x, y)];
        reference.forEach((r, i) => {
          expectClose(eager[i]!, r, 1e-10);
          expectClose(compiled[i]!, r, 1e-10);
        });
      });
    }),
    120_000,
  );
});

describe('by definition, on the reference', () => {
  const here = (run: () => void) => () => configure({ defaultDevice: 'reference' }, run);

  test(
    'jvp = central difference',
    here(() => {
      property((f, [x, y], [dx, dy]) => {
        const h = 1e-5;
        const at = (s: number): number[] => numbers(f(x.add(dx.mul(s * h)), y.add(dy.mul(s * h))));
        const [plus, minus] = [at(1), at(-1)];
        expectClose(
          jvp(f, [x, y], [dx, dy])[1] as Tensor,
          plus.map((p, i) => (p - minus[i]!) / (2 * h)),
          2e-7,
        );
      });
    }),
    120_000,
  );

  test(
    '⟨ct, J v⟩ = ⟨Jᵀ ct, v⟩',
    here(() => {
      property((f, [x, y], [dx, dy]) => {
        const [out, tangent] = jvp(f, [x, y], [dx, dy]) as [Tensor, Tensor];
        const ct = np.cos(out.add(1));
        const pulled = vjp(f, x, y)[1](ct as never) as unknown as Tensor[];
        const left = np.sum(ct.mul(tangent)).item();
        const right = np
          .sum(pulled[0]!.mul(dx))
          .add(np.sum(pulled[1]!.mul(dy)))
          .item();
        expect(Math.abs(left - right)).toBeLessThanOrEqual(1e-11 * Math.max(1, Math.abs(left)));
      });
    }),
    120_000,
  );

  test(
    'vmap = loop',
    here(() => {
      property((f, [x, y], [dx, dy]) => {
        const batched = vmap(f)(np.stack([x, dx]), np.stack([y, dy]));
        expectClose(batched as Tensor, np.stack([f(x, y), f(dx, dy)]), 1e-12);
        const shared = vmap(f, { inAxes: [0, null], outAxes: 1 })(np.stack([x, dx]), y);
        expectClose(shared as Tensor, np.stack([f(x, y), f(dx, y)], { axis: 1 }), 1e-12);
      });
    }),
    120_000,
  );

  test(
    'forward over reverse = reverse over reverse',
    here(() => {
      property((f, [x, y], [dx]) => {
        const loss = (a: Tensor): Tensor => np.sum(np.square(f(a, y)));
        const forward = jvp(grad(loss), [x], [dx])[1] as Tensor;
        const reverse = grad((a: Tensor) => np.sum((grad(loss)(a) as Tensor).mul(dx)))(x) as Tensor;
        expectClose(forward, reverse, 1e-9);
      });
    }),
    120_000,
  );
});

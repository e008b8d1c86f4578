/**
 * Random programs: fast-check draws a straight-line program over shapes [2,3], and every transformation of it must agree with the
 * definition of that transformation.
 * @module
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { configure, devices, grad, jit, jvp, np, type Tensor, vjp, vmap } from 'cotangent';
import {
  type Binary,
  build,
  expectClose,
  type Inputs,
  inputsOf,
  numbers,
  programArb,
  show,
  smoothOps,
  valuesArb,
} from './program.ts';
import { runs } from '../support/runs.ts';

function property(
  check: (f: Binary, inputs: Inputs, direction: Inputs) => void,
  dtype: 'float32' | 'float64' = 'float64',
): void {
  fc.assert(
    fc.property(programArb(smoothOps), valuesArb, valuesArb, (steps, v, t) => {
      try {
        check(build(smoothOps, steps), inputsOf(v, dtype), inputsOf(t, dtype));
      } catch (error) {
        throw new Error(`${show(smoothOps, steps)}: ${(error as Error).message}`, { cause: error });
      }
    }),
    runs(40),
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

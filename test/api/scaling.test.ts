/** Depth costs memory, never stack, and time linear in length. Timings are printed, counts are asserted. */
import { expect, test } from 'vitest';
import { grad, jit, makeProgram, np, type Tensor } from 'cotangent';

const chain =
  (n: number) =>
  (x: Tensor): Tensor => {
    let y = x;
    for (let i = 0; i < n; i++) y = y.mul(1.0000001);
    return y;
  };

const microseconds = (n: number, run: () => unknown): number => {
  const start = performance.now();
  run();
  return Math.round(((performance.now() - start) / n) * 1e5) / 100;
};

test.each([1e4, 1e5, 1e6])(
  'a chain of %d eager operations differentiates',
  (n) => {
    let slope: Tensor | undefined;
    const cost = microseconds(n, () => (slope = grad(chain(n))(1)));
    expect(slope!.item()).toBeCloseTo(1.0000001 ** n, 1);
    console.log(`eager gradient, ${n} operations: ${cost} µs each`);
  },
  120_000,
);

test.each([1e4, 1e5])(
  'a Program of %d equations traces, prints, differentiates and compiles',
  (n) => {
    const trace = microseconds(n, () => expect(makeProgram(chain(n))(1).equations).toHaveLength(n));
    const program = makeProgram(chain(n))(1);
    const print = microseconds(n, () => expect(program.toString().split('\n')).toHaveLength(n + 2));
    const differentiate = microseconds(n, () => makeProgram(grad(chain(n)))(1));
    let value = 0;
    const compile = microseconds(
      n,
      () => (value = (jit(chain(n))(np.array(1, { dtype: 'float64' })) as Tensor).item()),
    );
    expect(value).toBeCloseTo(1.0000001 ** n, 9);
    console.log(
      `µs an equation at ${n}: trace ${trace}, print ${print}, differentiate ${differentiate}, trace + compile + run ${compile}`,
    );
  },
  120_000,
);

/** Derivatives of functions of separate scalars: the tape of numbers gives what equations give. */
import { beforeAll, describe, expect, test } from 'vitest';
import fc from 'fast-check';
import {
  configure,
  grad,
  hessian,
  init,
  jit,
  jvp,
  linearize,
  np,
  type Tensor,
  valueAndGrad,
  vjp,
  vmap,
} from 'cotangent';
import { Linearized } from '../../src/transforms/linearize.ts';
import { runs } from '../support/runs.ts';

beforeAll(async () => {
  configure({ defaultDevice: 'wasm' });
  await init();
});

/** Runs `f` with tangents recorded as equations only. */
function byEquations<T>(f: () => T): T {
  configure({ debugNans: true });
  try {
    return f();
  } finally {
    configure({ debugNans: false });
  }
}

type Scalars = readonly Tensor[];

const unary: ((x: Tensor) => Tensor)[] = [
  (x) => x.neg(),
  (x) => x.sin(),
  (x) => x.tanh(),
  (x) => x.abs(),
  (x) => x.mul(x),
  (x) => x.mul(3.25),
  (x) => np.subtract(1, x),
  (x) => np.divide(1.5, x.mul(x).add(1)),
  (x) => np.sqrt(x.mul(x).add(0.5)),
  (x) => np.where(x.greater(0), x, x.mul(0.1)),
  (x) => np.square(x),
  (x) => np.sum(np.stack([x, x.mul(2)]).mul(np.array([1.5, -0.5]))),
];
const binary: ((x: Tensor, y: Tensor) => Tensor)[] = [
  (x, y) => x.add(y),
  (x, y) => x.sub(y),
  (x, y) => x.mul(y),
  (x, y) => x.div(y.abs().add(0.5)),
  (x, y) => x.maximum(y),
  (x, y) => x.minimum(y.mul(0.5)),
  (x, y) => np.sum(np.stack([x, y])),
];

/** A straight-line program of scalars: each step applies an operation to values made before. */
const programs = fc.array(fc.tuple(fc.nat(1000), fc.nat(1000), fc.nat(1000)), { minLength: 1, maxLength: 25 });

const functionOf =
  (steps: readonly (readonly [number, number, number])[]) =>
  (xs: Scalars): Tensor => {
    const values = [...xs];
    for (const [op, i, j] of steps) {
      const [x, y] = [values[i % values.length]!, values[j % values.length]!];
      const k = op % (unary.length + binary.length);
      values.push(k < unary.length ? unary[k]!(x) : binary[k - unary.length]!(x, y));
    }
    return values.slice(-3).reduce((a, b) => a.add(b.mul(0.75)));
  };

const numbersOf = (gs: readonly Tensor[]): number[] => gs.map((g) => g.item());
const inputs = (dtype: 'float32' | 'float64'): Tensor[] => [0.3, -1.2, 2.1].map((x) => np.array(x, { dtype }));

/** Sums may be taken in another order, and float64 quotients by way of reciprocals are not on the tape. */
function expectClose(got: readonly number[], wanted: readonly number[], epsilon: number): void {
  got.forEach((g, i) => {
    const w = wanted[i]!;
    if (!Number.isFinite(w)) expect(g).toBe(w);
    else expect(Math.abs(g - w)).toBeLessThanOrEqual(epsilon * Math.max(1, Math.abs(w)));
  });
}

describe('random functions of scalars', () => {
  for (const [dtype, epsilon] of [
    ['float32', 2e-5],
    ['float64', 1e-12],
  ] as const) {
    test(`${dtype}: values and gradients are those of equations`, () => {
      fc.assert(
        fc.property(programs, (steps) => {
          const f = functionOf(steps);
          const xs = inputs(dtype);
          const [value, gs] = valueAndGrad(f)(xs);
          const [wantedValue, wanted] = byEquations(() => valueAndGrad(f)(xs));
          fc.pre(Number.isFinite(wantedValue.item()) && Math.abs(wantedValue.item()) < 1e4);
          fc.pre(numbersOf(wanted).every((w) => Math.abs(w) < 1e4));
          expect(value.item()).toBe(wantedValue.item());
          expect(value.aval.toString()).toBe(wantedValue.aval.toString());
          expect(gs.map((g) => g.aval.toString())).toEqual(wanted.map((g) => g.aval.toString()));
          expectClose(numbersOf(gs), numbersOf(wanted), epsilon);
        }),
        runs(300),
      );
    });
  }

  test('the Program made of a tape is the same linear map', () => {
    fc.assert(
      fc.property(programs, (steps) => {
        const f = functionOf(steps);
        const xs = inputs('float64');
        const linear = new Linearized('test', (ys) => [f(ys)], xs);
        const tangents = [1, -0.5, 0.25].map((t) => np.array(t, { dtype: 'float64' }));
        const pushed = linear.jvp(tangents)[0]?.item() ?? 0;
        const wanted = byEquations(() => jvp(f, [xs], [tangents])[1].item());
        fc.pre(Math.abs(wanted) < 1e4);
        expectClose([pushed], [wanted], 1e-11);
        const pulled = numbersOf(linear.vjp([np.array(1, { dtype: 'float64' })]).map((g) => g ?? np.array(0)));
        // Under jit the cotangent is not a number.
        const traced = jit((ct: Tensor) => linear.vjp([ct]).map((g) => g ?? np.array(0)))(
          np.array(1, { dtype: 'float64' }),
        );
        expectClose(numbersOf(traced), pulled, 1e-11);
      }),
      runs(150),
    );
  });
});

const rosenbrock = (xs: Scalars): Tensor => {
  let sum = np.array(0);
  for (let i = 0; i < xs.length - 1; i++) {
    const d = xs[i + 1]!.sub(xs[i]!.mul(xs[i]!));
    const e = np.subtract(1, xs[i]!);
    sum = sum.add(d.mul(d).mul(100).add(e.mul(e)));
  }
  return sum;
};

describe('composition', () => {
  const point = [0.5, -0.25, 1.5].map((x) => np.array(x));

  test('results are bit for bit those of equations where the order of sums is one', () => {
    const f = (x: Tensor, y: Tensor): Tensor => x.mul(y).sub(x.div(3)).mul(y.neg()).exp().maximum(0.1);
    const args = [np.array(1.1), np.array(-0.7)] as const;
    const got = grad(f, [0, 1])(...args);
    expect(numbersOf(got)).toEqual(numbersOf(byEquations(() => grad(f, [0, 1])(...args))));
  });

  test('second derivatives', () => {
    const row = (i: number) => (xs: Scalars) => grad(rosenbrock)(xs)[i]!;
    const rows = point.map((_, i) => numbersOf(grad(row(i))(point)));
    const dense = hessian((x: Tensor) => rosenbrock([x.slice(0), x.slice(1), x.slice(2)]))(np.stack(point)).toArray();
    (dense as number[][]).forEach((r, i) => expectClose(rows[i]!, r, 1e-4));
    const [, push] = jvp((xs: Scalars) => grad(rosenbrock)(xs), [point], [[1, 0, 0].map((t) => np.array(t))]);
    expectClose(
      numbersOf(push),
      rows.map((r) => r[0]!),
      1e-4,
    );
  });

  test('vmap and jit of gradients', () => {
    const batch = point.map((x) => np.stack([x, x.add(1)]));
    const mapped = vmap((xs: Scalars) => grad(rosenbrock)(xs))(batch);
    const single = grad(rosenbrock)(point);
    mapped.forEach((g, i) => expect(g.slice(0).item()).toBeCloseTo(single[i]!.item(), 3));
    expectClose(numbersOf(jit(grad(rosenbrock))(point)), numbersOf(single), 1e-5);
    const inside = grad((xs: Scalars) => jit(rosenbrock)(xs).mul(2))(point);
    expectClose(
      numbersOf(inside),
      numbersOf(single).map((g) => 2 * g),
      1e-5,
    );
  });

  test('a pullback runs again, and maps over cotangents', () => {
    const [y, pull] = vjp((x: Tensor, z: Tensor) => x.mul(z).sin(), np.array(0.4), np.array(2));
    const slope = Math.cos(0.8);
    expect(y.item()).toBeCloseTo(Math.sin(0.8), 6);
    for (const ct of [1, -3]) expectClose(numbersOf(pull(np.array(ct))), [ct * 2 * slope, ct * 0.4 * slope], 1e-6);
    const [dx] = vmap((ct: Tensor) => pull(ct))(np.array([1, 2]));
    expectClose(dx!.toArray() as number[], [2 * slope, 4 * slope], 1e-6);
    const second = grad((ct: Tensor) => np.add(pull(ct.mul(ct))[0]!, 0))(np.array(3));
    expect(second.item()).toBeCloseTo(6 * 2 * slope, 4);
  });

  test('linearize', () => {
    const [, push] = linearize((x: Tensor, z: Tensor) => x.mul(z).add(x), np.array(2), np.array(5));
    expect(push(np.array(1), np.array(0)).item()).toBe(6);
    expect(push(np.array(0), np.array(1)).item()).toBe(2);
  });

  test('scalars of two dtypes', () => {
    const f = (x: Tensor, y: Tensor): Tensor => x.mul(x).mul(y.mul(y).astype('float32')).add(1);
    const [dx, dy] = grad(f, [0, 1])(np.array(2), np.array(3, { dtype: 'float64' }));
    expect([dx!.item(), dy!.item(), dx!.dtype, dy!.dtype]).toEqual([36, 24, 'float32', 'float64']);
  });

  test('integers on the way do not keep floats off the tape', () => {
    const f = ([x]: Scalars): Tensor[] => [x!.mul(np.array(3).astype('int32').add(np.array(1).astype('int32')))];
    const linear = new Linearized('test', (xs) => f(xs), [np.array(2)]);
    expect(Reflect.get(linear, 'tape')).toBeDefined();
    expect(linear.vjp([np.array(1)])[0]!.item()).toBe(4);
  });

  test('inputs of several kinds keep their places', () => {
    const f = (x: Tensor, v: Tensor, k: Tensor, y: Tensor, w: Tensor): Tensor =>
      np.sum(v.mul(x).mul(w.astype('float32'))).add(x.mul(y).mul(k));
    const args = [
      np.array(2),
      np.array([1, 3]),
      np.array(4, { dtype: 'int32' }),
      np.array(-1),
      np.array(0.5, { dtype: 'float64' }),
    ] as const;
    const slopes = [-2, [1, 1], 8, 8];
    const asArrays = (gs: readonly Tensor[]): unknown[] => gs.map((g) => g.toArray());
    expect(asArrays(grad(f, [0, 1, 3, 4])(...args))).toEqual(slopes);
    const linear = new Linearized('test', (xs) => [f(...(xs as [Tensor, Tensor, Tensor, Tensor, Tensor]))], args);
    const given = [0, 1, 3, 4];
    const traced = jit((ct: Tensor) => given.map((i) => linear.vjp([ct])[i]!))(np.array(1));
    expect(asArrays(traced)).toEqual(slopes);
    const zeros = args.map((x) => np.zerosLike(x));
    const along = (i: number, t: Tensor): number => linear.jvp(zeros.map((z, k) => (k === i ? t : z)))[0]!.item();
    expect([along(0, np.array(1)), along(1, np.array([1, 0])), along(3, np.array(1))]).toEqual([-2, 1, 8]);
    expect(along(4, np.array(1, { dtype: 'float64' }))).toBe(8);
  });

  test('an input that is the result, or that nothing reads', () => {
    const f = (x: Tensor, _y: Tensor): Tensor => x;
    const args = [np.array(3), np.array(4)] as const;
    expect(numbersOf(grad(f, [0, 1])(...args))).toEqual([1, 0]);
    expect(f(...args).item()).toBe(3);
    const [, pull] = vjp(f, ...args);
    expect(numbersOf(jit((ct: Tensor) => pull(ct))(np.array(5)))).toEqual([5, 0]);
  });

  test('numbers as arguments', () => {
    const g = grad((x: Tensor, y: Tensor) => x.mul(y).add(2).mul(x))(3 as never, 4 as never);
    expect(g.item()).toBe(26);
    expect(g.aval.toString()).toBe(byEquations(() => grad((x: Tensor) => x.mul(x))(3 as never)).aval.toString());
  });
});

describe('zeros, NaN and leaks', () => {
  test('a value that the result does not use has no derivative, be its slope infinite', () => {
    const f = (x: Tensor): Tensor => {
      x.sqrt();
      np.divide(1, x);
      return x.mul(2);
    };
    expect(grad(f)(np.array(0)).item()).toBe(2);
  });

  test('a branch not taken does not leak', () => {
    const f = (x: Tensor): Tensor => np.where(x.greater(0), x.mul(3), np.log(x));
    expect(grad(f)(np.array(2)).item()).toBe(3);
  });

  test('NaN and infinity flow', () => {
    expect(grad((x: Tensor) => x.sqrt().mul(0))(np.array(0)).item()).toBeNaN();
    expect(grad((x: Tensor) => x.sqrt())(np.array(0)).item()).toBe(Infinity);
    expect(grad((x: Tensor) => x.log().add(x))(np.array(-1)).item()).toBeCloseTo(0, 6);
  });

  test('a constant function has zero gradient', () => {
    expect(grad((x: Tensor) => x.sign().add(np.array(1)))(np.array(2)).item()).toBe(0);
    expect(grad((_x: Tensor) => np.array(1))(np.array(2)).item()).toBe(0);
  });

  test('a scalar that outlives its trace is an error', () => {
    let leaked: Tensor | undefined;
    grad((x: Tensor) => (leaked = x.mul(2)).add(1))(np.array(1));
    expect(() => leaked!.add(1)).toThrow(/leaked/);
    expect(() => grad((x: Tensor) => x.mul(leaked!))(np.array(1))).toThrow(/leaked/);
  });

  test('a derivative that was to be taken once is not given again', () => {
    const linear = new Linearized('test', ([x]) => [x!.mul(x!)], [np.array(3)], true);
    expect(linear.vjp([np.array(1)])[0]!.item()).toBe(6);
    expect(() => linear.vjp([np.array(1)])).toThrow(/once/);
  });

  test('the number of a tracer outlives the tape', () => {
    let leaked: Tensor | undefined;
    grad((x: Tensor) => (leaked = x.mul(2)).add(1))(np.array(1));
    grad((x: Tensor) => x.mul(7).mul(x))(np.array(5));
    expect(leaked!.item()).toBe(2);
  });

  test('item() inside gives the number', () => {
    const f = (x: Tensor): Tensor => {
      const y = x.mul(2);
      return y.item() > 1 ? y.mul(y) : y;
    };
    expect(grad(f)(np.array(3)).item()).toBe(24);
  });
});

test('a long chain of scalars is linear in time and depth', () => {
  const f = (x: Tensor): Tensor => {
    let y = x;
    for (let i = 0; i < 200_000; i++) y = y.mul(1.000001);
    return y;
  };
  expect(grad(f)(np.array(1, { dtype: 'float64' })).item()).toBeCloseTo(1.000001 ** 200_000, 9);
});

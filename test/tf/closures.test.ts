/**
 * What functions close over under tapes, rules of the user's and their second derivatives, tapes through transformations and back.
 * @module
 */
import { checkpoint, customJvp, customVjp, grad, init, jit, jvp, lax, np, type Tensor, vmap } from 'cotangent';
import * as tf from 'cotangent/tf';
import { beforeAll, describe, expect, test } from 'vitest';

beforeAll(() => init());

type F = (x: Tensor) => Tensor;

const numbers = (x: unknown): unknown => (x === null ? null : (x as Tensor).toArray());
const int = (n: number): Tensor => tf.constant(n, 'int32');

/** First and second derivative of `f` at x by nested tapes. */
function derivatives(f: F, x: Tensor): (number | null)[] {
  const [outer, inner] = [new tf.GradientTape(), new tf.GradientTape()];
  const first = outer.run(() => {
    outer.watch(x);
    const y = inner.run(() => (inner.watch(x), f(x)));
    return inner.gradient(y, x)!;
  });
  const second = outer.gradient(first, x);
  return [first.item(), second === null ? null : second.item()];
}

const once = (step: F): F => {
  const body = (i: Tensor, y: Tensor): Tensor[] => [i.add(1), step(y)];
  return (x) => tf.whileLoop((i: Tensor) => np.less(i, 1), body, [int(0), x])[1] as Tensor;
};
const scanned =
  (step: F): F =>
  (x) =>
    lax.scan((c: Tensor) => [step(c), null] as const, x, null, { length: 1 })[0] as unknown as Tensor;
const chosen =
  (step: F): F =>
  (x) =>
    tf.cond(
      np.greater(x, 0),
      () => step(x),
      () => x,
    );
const traced = (f: F): F => tf.fn(f);
const jitted = (f: F): F => jit(f) as F;

/** x·w in functions of which some were traced before the tape follows w. */
const closures: Record<string, (w: Tensor) => F> = {
  jit: (w) => jitted((x) => x.mul(w)),
  fn: (w) => traced((x) => x.mul(w)),
  'jit in fn': (w) => traced(jitted((x) => x.mul(w))),
  'fn in jit': (w) => jitted(traced((x) => x.mul(w))),
  'jit of cond': (w) =>
    jitted(
      (x) =>
        lax.cond(
          np.greater(x, 0),
          (y: Tensor) => y.mul(w),
          (y: Tensor) => y,
          x,
        ) as Tensor,
    ),
  'fn of cond': (w) => traced(chosen((x) => x.mul(w))),
  'fn of whileLoop': (w) => traced(once((x) => x.mul(w))),
  'fn of whileLoop in whileLoop': (w) => traced(once(once((x) => x.mul(w)))),
  'fn of whileLoop in scan': (w) => traced(scanned(once((x) => x.mul(w)))),
  checkpoint: (w) => checkpoint((x: Tensor) => x.mul(w)) as F,
  grad: (w) => grad((x: Tensor) => x.mul(x).mul(w).mul(0.5)) as F,
  'jit of grad': (w) => jitted(grad((x: Tensor) => x.mul(x).mul(w).mul(0.5)) as F),
};

describe.each(Object.keys(closures))('%s', (name) => {
  test.each(['a tensor', 'a variable'])('closes over %s', (kind) => {
    for (const isTracedBefore of [false, true]) {
      const w = kind === 'a tensor' ? tf.constant(3) : new tf.Variable(3);
      const x = tf.constant(2);
      const f = closures[name]!(w);
      if (isTracedBefore) expect(f(x).item()).toBe(6);
      const tape = new tf.GradientTape();
      const y = tape.run(() => (tape.watch([x, w]), f(x)));
      expect(tape.gradient(y, [x, w]).map(numbers)).toEqual([3, 2]);
    }
  });
});

test('equal constants of other loops are not taken for one that is watched', () => {
  const loop = (c: Tensor): Tensor =>
    lax.scan((s: Tensor) => [s.mul(c), null] as const, np.array(1), null, { length: 2 })[0] as unknown as Tensor;
  const [a, b] = [tf.constant(5), tf.constant(5)];
  loop(a);
  const tape = new tf.GradientTape({ persistent: true });
  const [of, other] = tape.run(() => (tape.watch(a), [loop(a), loop(b)]));
  expect([tape.gradient(of, a), tape.gradient(other, a)].map(numbers)).toEqual([10, null]);
});

describe('functions with rules of their own', () => {
  const sine = customVjp((x: Tensor) => np.sin(x)).defvjp(
    (x: Tensor) => [np.sin(x), np.cos(x)],
    (cosine: Tensor, ct: Tensor) => [ct.mul(cosine)],
  ) as F;
  const log1pexp = tf.customGradient((x: Tensor) => {
    const e = np.exp(x);
    return [np.log(e.add(1)), (upstream: Tensor) => upstream.mul(np.subtract(1, np.reciprocal(e.add(1))))];
  }) as F;
  const s = 1 / (1 + Math.exp(-0.5));

  test.each([
    ['customVjp', sine, Math.cos(0.5), -Math.sin(0.5)],
    ['customGradient', log1pexp, s, s * (1 - s)],
  ] as const)('%s: residuals have derivatives, in every nesting', (_name, f, first, second) => {
    for (const g of [f, traced(f), jitted(f), (x: Tensor) => (vmap(f)(x.reshape([1])) as Tensor).reshape([])]) {
      const got = derivatives(g, tf.constant(0.5));
      expect(got[0]).toBeCloseTo(first, 5);
      expect(got[1]).toBeCloseTo(second, 5);
    }
    const slope = (x: Tensor): Tensor => {
      const tape = new tf.GradientTape();
      const y = tape.run(() => (tape.watch(x), f(x)));
      return tape.gradient(y, x)!;
    };
    expect((grad(slope)(0.5) as Tensor).item()).toBeCloseTo(second, 5);
    expect((vmap(grad(slope))(tf.constant([0.5])) as Tensor).toArray()).toEqual([expect.closeTo(second, 5)]);
    const [x, tape] = [tf.constant(0.5), new tf.GradientTape()];
    const inside = tape.run(() => (tape.watch(x), grad(f)(x) as Tensor));
    expect(tape.gradient(inside, x)!.item()).toBeCloseTo(second, 5);
  });

  test('what they close over is an error when its derivative is asked for, and only then', () => {
    const w = tf.constant(3);
    const byVjp = customVjp((x: Tensor) => x.mul(w)).defvjp(
      (x: Tensor) => [x.mul(w), null],
      (_: null, ct: Tensor) => [ct.mul(w)],
    ) as F;
    const byGradient = tf.customGradient((x: Tensor) => [x.mul(w), (u: Tensor) => u.mul(w)]) as F;
    for (const f of [byVjp, byGradient]) {
      const x = tf.constant(2);
      const tape = new tf.GradientTape({ persistent: true });
      const [y, z] = tape.run(() => (tape.watch([x, w]), [f(x), f(tf.constant(1))]));
      expect(numbers(tape.gradient(y, x))).toBe(3);
      for (const target of [y, z])
        expect(() => tape.gradient(target, w)).toThrow(/a custom rule .* through its arguments only; it closes over/);
    }
  });

  test('a closure of a customJvp function is refused with a text that says so', () => {
    const w = tf.constant(3);
    const f = customJvp((x: Tensor) => x.mul(w)).defjvp(([x], [dx]) => [x!.mul(w), dx!.mul(w)]);
    const tape = new tf.GradientTape();
    expect(() => tape.run(() => (tape.watch(w), tape.watch(tf.constant(1)), f(w)))).not.toThrow(/undefined/);
    const x = tf.constant(2);
    expect(() => new tf.GradientTape().run(() => f(x))).not.toThrow();
    const other = new tf.GradientTape();
    expect(() => other.run(() => (other.watch([x, w]), f(x)))).toThrow(
      /closes over no traced value, .* a tape follows/,
    );
  });

  test('variables read in a customGradient function have second derivatives through what it computes', () => {
    const w = new tf.Variable(3);
    const f = tf.customGradient((x: Tensor) => {
      const e = np.exp(x.mul(w));
      return [e, (u: Tensor, { variables }: tf.VariablesOption) => [u.mul(e).mul(w), variables.map(() => null)]];
    }) as F;
    const x = tf.constant(0.1);
    const [outer, inner] = [new tf.GradientTape(), new tf.GradientTape()];
    const g = outer.run(() => {
      const y = inner.run(() => (inner.watch(x), f(x)));
      return inner.gradient(y, x)!;
    });
    // d/dw (w·exp(xw)) = exp(xw) (1 + xw)
    expect(outer.gradient(g, w)!.item()).toBeCloseTo(Math.exp(0.3) * 1.3, 4);
  });

  test('gradients go by key, and have to be of the shape and dtype of the arguments', () => {
    const byKey = tf.customGradient((p: { a: Tensor; b: Tensor }) => [
      p.a.mul(p.b),
      (u: Tensor) => [{ b: u.mul(100), a: u }],
    ]);
    const [a, b] = [tf.constant(2), tf.constant(3)];
    const tape = new tf.GradientTape();
    const y = tape.run(() => (tape.watch([a, b]), byKey({ a, b })));
    expect(tape.gradient(y, [a, b]).map(numbers)).toEqual([1, 100]);
    const wrong = (gradient: unknown): (() => unknown) => {
      const f = tf.customGradient((x: Tensor) => [x.mul(2), () => gradient]);
      const again = new tf.GradientTape();
      const z = again.run(() => (again.watch(a), f(a)));
      return () => again.gradient(z, a);
    };
    expect(wrong(tf.constant([1, 2]))).toThrow(
      /expected the gradient function to return f32\[\] at args\[0\], got f32\[2\]/,
    );
    expect(wrong(int(1))).toThrow(/got i32\[\]/);
    expect(wrong([a, a])).toThrow(/expected 1 gradient, got 2/);
    expect(numbers(wrong(5)())).toBe(5);
  });
});

test('reverse over reverse of a traced loop is an error, forward over reverse is right', () => {
  const cube: F = traced((x) => {
    const body = (i: Tensor, y: Tensor): Tensor[] => [i.add(1), y.mul(x)];
    return tf.whileLoop((i: Tensor) => np.less(i, 2), body, [int(0), x])[1] as Tensor;
  });
  expect(() => derivatives(cube, tf.constant(2))).toThrow(/while loop/);
  expect(jvp(grad(cube) as F, [tf.constant(2)], [tf.constant(1)]).map(numbers)).toEqual([12, 12]);
});

test('interoperation: tape values and variables through jit, vmap and rules, and back', () => {
  const v = new tf.Variable([1, 2]);
  const scaled = customVjp((x: Tensor, k: Tensor) => x.mul(k)).defvjp(
    (x: Tensor, k: Tensor) => [x.mul(k), [x, k]],
    ([x, k]: readonly Tensor[], ct: Tensor) => [ct.mul(k!), ct.mul(x!).mul(10)],
  ) as (x: Tensor, k: Tensor) => Tensor;
  const rows = vmap((x: Tensor) => scaled(x, x.mul(0).add(3)));
  const f = jitted((x) => np.sum(rows(x) as Tensor));
  const tape = new tf.GradientTape({ persistent: true });
  const [inside, outside] = tape.run(() => {
    const y = f(v);
    return [y, y.mul(f(v.mul(2)))];
  });
  expect([inside, outside].map(numbers)).toEqual([9, 162]);
  expect(numbers(tape.gradient(inside, v))).toEqual([3, 3]);
  // 3s · 6s with s = v0 + v1: derivative 36 s
  expect(numbers(tape.gradient(outside, v))).toEqual([108, 108]);
  v.assign([0, 1]);
  expect(numbers(f(v))).toBe(3);
  expect(numbers((vmap((x: Tensor) => x.mul(2)) as F)(v))).toEqual([0, 2]);
});

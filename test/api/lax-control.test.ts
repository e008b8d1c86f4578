/** Control flow of `lax`: values, derivatives in both modes, batches, and the errors of carries and branches. */
import { describe, expect, test } from 'vitest';
import { grad, jit, jvp, lax, makeProgram, np, type Tensor, vmap } from 'cotangent';

const js = (x: unknown): unknown => JSON.parse(JSON.stringify(x));
const scalar = (x: number, dtype: 'int32' | 'float32' | 'float64' = 'float32'): Tensor => np.array(x, { dtype });
const close = (x: unknown, expected: number): void => expect(Number(x as Tensor)).toBeCloseTo(expected, 5);

describe('cond and switch', () => {
  const root = (x: Tensor): Tensor =>
    lax.cond(
      x.greater(0),
      (v: Tensor) => np.sqrt(v),
      (v: Tensor) => np.negative(v),
      x,
    );

  test('take one branch, with its derivative', () => {
    close(root(scalar(4)), 2);
    close(root(scalar(-3)), 3);
    close(grad(root)(4), 0.25);
    close(grad(root)(-3), -1);
    close(jvp(root, [scalar(4)], [scalar(1)])[1], 0.25);
    close(jit(grad(root))(4), 0.25);
  });

  test('a mapped predicate chooses for each example', () => {
    expect(js(vmap(root)(np.array([4, -3, 9])))).toEqual([2, 3, 3]);
    expect(js(vmap(grad(root))(np.array([4, -3])))).toEqual([0.25, -1]);
    // A branch that an example does not take sends no NaN into its gradient.
    expect(js(grad((x: Tensor) => np.sum(vmap(root)(x)))(np.array([4, -3])))).toEqual([0.25, -1]);
  });

  test('branches may close over traced values that the others do not use', () => {
    const f = jit((a: Tensor, b: Tensor, p: Tensor) =>
      lax.cond(
        p,
        () => a.mul(2),
        () => b.mul(3),
      ),
    );
    close(f(1, 10, true), 2);
    close(f(1, 10, false), 30);
    const g = grad((a: Tensor) =>
      lax.cond(
        a.greater(0),
        () => a.mul(a),
        () => np.exp(a),
      ),
    );
    close(g(3), 6);
    close(g(-1), Math.exp(-1));
  });

  test('a number counts as true unless it is 0', () => {
    close(
      lax.cond(
        2,
        () => 1,
        () => 0,
      ),
      1,
    );
    close(
      lax.cond(
        0,
        () => 1,
        () => 0,
      ),
      0,
    );
  });

  test('an index past the ends means the first or last branch', () => {
    const branches = [(x: Tensor) => x, (x: Tensor) => x.mul(10), (x: Tensor) => x.mul(100)];
    expect([-5, 0, 1, 2, 7].map((i) => Number(lax.switch(i, branches, scalar(1))))).toEqual([1, 1, 10, 100, 100]);
  });

  test('weakly typed results take the type of the other branch', () => {
    expect(
      lax.cond(
        true,
        () => 0,
        (x: Tensor) => x,
        scalar(1, 'float64'),
      ).dtype,
    ).toBe('float64');
  });

  test('branches with different results are an error that names both types', () => {
    const x = np.array([1, 2]);
    expect(() =>
      lax.cond(
        true,
        (a: Tensor) => a,
        (a: Tensor) => a.slice([0]),
        x,
      ),
    ).toThrow(/lax.cond: expected branches with results of one type, got .*f32\[2\]/);
    expect(() =>
      lax.cond(
        true,
        (a: Tensor) => a,
        (a: Tensor) => a.astype('int32'),
        x,
      ),
    ).toThrow(/i32\[2\].*at result/);
    expect(() =>
      lax.cond(
        true,
        (a: Tensor) => [a],
        (a: Tensor) => a,
        x,
      ),
    ).toThrow(/results of one structure, got \* from branch 0 and \[\*\]/);
    expect(() =>
      lax.cond(
        x.greater(0),
        (a: Tensor) => a,
        (a: Tensor) => a,
        x,
      ),
    ).toThrow(/expected a scalar predicate, got bool\[2\]/);
  });
});

describe('scan', () => {
  const xs = np.array([1, 2, 3]);
  const f = (w: Tensor): Tensor => lax.scan((c: Tensor, x: Tensor) => [np.sin(c).mul(w.mul(x)), c], scalar(0.5), xs)[0];
  const reference = (w: number): number => [1, 2, 3].reduce((c, x) => Math.sin(c) * w * x, 0.5);

  test('has values and derivatives in both modes, compiled or not', () => {
    const h = 1e-4;
    const slope = (reference(0.7 + h) - reference(0.7 - h)) / (2 * h);
    close(f(scalar(0.7)), reference(0.7));
    expect(Number(grad(f)(0.7))).toBeCloseTo(slope, 4);
    expect(Number(jit(grad(f))(0.7))).toBeCloseTo(slope, 4);
    expect(Number(jvp(f, [scalar(0.7)], [scalar(1)])[1])).toBeCloseTo(slope, 4);
    expect((js(vmap(grad(f))(np.array([0.7, 0.7]))) as number[])[1]).toBeCloseTo(slope, 4);
  });

  test('reverse goes from the last element and stacks in the order of xs', () => {
    const [last, ys] = lax.scan((c: Tensor, x: Tensor) => [c.mul(2).add(x), c], 0, xs, { reverse: true });
    expect([js(last), js(ys)]).toEqual([1 + 2 * (2 + 2 * 3), [8, 3, 0]]);
  });

  test('carries and slices are pytrees; no xs needs a length', () => {
    const step = (c: { n: Tensor; v: Tensor }): [unknown, Tensor] => [{ n: c.n.add(1), v: c.v.mul(2) }, c.n];
    const [end, ys] = lax.scan(step, { n: scalar(0, 'int32'), v: scalar(1) }, null, { length: 4 });
    expect([js(end.n), js(end.v), js(ys)]).toEqual([4, 16, [0, 1, 2, 3]]);
    expect(() => lax.scan(step, { n: 0, v: 0 }, null)).toThrow(/lax.scan: expected xs or a length, got neither/);
  });

  test('a number as initial carry takes the dtype that the body gives it', () => {
    const [total] = lax.scan((c: Tensor, x: Tensor) => [np.add(c, x), null], 0, np.array([1, 2], { dtype: 'float64' }));
    expect(total.dtype).toBe('float64');
    const [count] = lax.scan((_c: Tensor, x: Tensor) => [x, null], 0, np.array([1, 2], { dtype: 'int32' }));
    expect(count.dtype).toBe('int32');
  });

  test('a carry that changes type is an error with its path and both types', () => {
    const grow = (c: { m: Tensor }, x: Tensor): [unknown, Tensor] => [{ m: np.concatenate([c.m, x.reshape([1])]) }, x];
    expect(() => lax.scan(grow, { m: np.zeros([2]) }, xs)).toThrow(
      /lax.scan: expected the carry to keep its type, at carry.m: f32\[2\] in, f32\[3\] out/,
    );
    expect(() => lax.scan((c: Tensor, x: Tensor) => [c.astype('int32'), x], scalar(0), xs)).toThrow(
      /at carry: f32\[\] in, i32\[\] out/,
    );
    expect(() => lax.scan((c: Tensor, x: Tensor) => [[c], x], scalar(0), xs)).toThrow(
      /expected the carry to keep its structure, got \* in, \[\*\] out/,
    );
    expect(() => lax.scan((c: Tensor) => c as never, scalar(0), xs)).toThrow(
      /expected the function to return \[carry, y\]/,
    );
  });

  test('xs of different lengths are an error', () => {
    expect(() => lax.scan((c: Tensor) => [c, null], 0, [np.zeros([2]), np.zeros([3])])).toThrow(
      /expected xs\[1\] to have 2 entries as xs\[0\]/,
    );
  });

  test('is one equation, however long', () => {
    expect(makeProgram(f)(1).equations.filter((e) => e.primitive.name === 'scan')).toHaveLength(1);
  });
});

describe('foriLoop and map', () => {
  test('known bounds reverse; the counter is an int32', () => {
    const power = (x: Tensor): Tensor => lax.foriLoop(0, 3, (_i: Tensor, v: Tensor) => v.mul(x), 1) as Tensor;
    close(power(scalar(2)), 8);
    close(grad(power)(2), 12);
    close(grad(grad(power))(2), 12);
    expect(lax.foriLoop(2, 5, (i: Tensor, v: Tensor) => v.add(i), scalar(0, 'int32')).dtype).toBe('int32');
    close(
      lax.foriLoop(2, 5, (i: Tensor, v: Tensor) => v.add(i), scalar(0, 'int32')),
      9,
    );
    close(
      lax.foriLoop(5, 2, (_i: Tensor, v: Tensor) => v.add(1), scalar(7)),
      7,
    );
  });

  test('a traced bound works forward, and in reverse is an error that names the ways out', () => {
    const f = (x: Tensor, n: Tensor): Tensor => lax.foriLoop(0, n, (_i: Tensor, v: Tensor) => v.mul(x), scalar(1));
    const n = scalar(3, 'int32');
    close(jit(f)(2, n), 8);
    close(jit((x: Tensor) => jvp((y: Tensor) => f(y, n), [x], [1])[1] as Tensor)(2), 12);
    expect(() => jit(grad(f))(2, n)).toThrow(/lax.foriLoop with bounds that are JavaScript numbers/);
  });

  test('map applies a function to slices', () => {
    expect(
      js(
        lax.map(
          (x: Tensor) => np.sum(x),
          np.array([
            [1, 2],
            [3, 4],
          ]),
        ),
      ),
    ).toEqual([3, 7]);
  });
});

describe('whileLoop', () => {
  test('runs until its condition fails; vmap runs each example as long as it needs', () => {
    const f = (x: Tensor): Tensor =>
      lax.whileLoop(
        (v: Tensor) => v.less(100),
        (v: Tensor) => v.mul(2),
        x,
      );
    close(f(scalar(3)), 192);
    expect(js(vmap(f)(np.array([1, 3, 200])))).toEqual([128, 192, 200]);
  });

  test('has forward derivatives, of second order too', () => {
    const newton = (a: Tensor): Tensor =>
      lax.whileLoop(
        (s: Tensor) => np.abs(s.mul(s).sub(a)).greater(1e-5),
        (s: Tensor) => s.add(a.div(s)).mul(0.5),
        a,
      );
    const d =
      (g: (x: Tensor) => Tensor) =>
      (x: Tensor): Tensor =>
        jvp(g, [x], [scalar(1)])[1] as Tensor;
    expect(Number(d(newton)(scalar(2)))).toBeCloseTo(0.5 / Math.SQRT2, 4);
    expect(Number(d(d(newton))(scalar(2)))).toBeCloseTo(-0.25 / 2 ** 1.5, 3);
    expect(() => grad(newton)(2)).toThrow(/got a while loop, which reverse mode cannot run backward/);
  });

  test('carries are pytrees', () => {
    const [i, s] = lax.whileLoop(
      ([n]: [Tensor, Tensor]) => n.less(5),
      ([n, t]: [Tensor, Tensor]) => [n.add(1), t.add(n)],
      [scalar(0, 'int32'), scalar(0, 'int32')],
    );
    expect([js(i), js(s)]).toEqual([5, 10]);
  });

  test('a condition that is not one boolean is an error', () => {
    expect(() =>
      lax.whileLoop(
        (v: Tensor) => v,
        (v: Tensor) => v,
        scalar(1),
      ),
    ).toThrow(/expected the condition to return bool\[\], got f32\[\]/);
  });
});

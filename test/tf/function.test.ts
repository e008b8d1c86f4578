/**
 * What users of TensorFlow rely on, row by row: traced functions (G36–G47).
 * @module
 */
import { config, grad, init, np, type Tensor } from 'cotangent';
import * as tf from 'cotangent/tf';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

beforeAll(() => init());
afterEach(() => void vi.restoreAllMocks());

const numbers = (x: unknown): unknown => (x === null ? null : (x as Tensor).toArray());
const int = (n: number): Tensor => tf.constant(n, 'int32');

test('G36: one trace for each dtype and shape; variables count by identity', () => {
  const f = tf.fn((x: Tensor) => x.mul(2));
  f(tf.constant([1, 2]));
  f(tf.constant([3, 4]));
  expect(f.experimentalGetTracingCount()).toBe(1);
  f(tf.constant([1, 2, 3]));
  f(tf.constant([1, 2], 'int32'));
  expect(f.experimentalGetTracingCount()).toBe(3);
  const g = tf.fn((v: Tensor) => v.add(1));
  const [a, b] = [new tf.Variable(1), new tf.Variable(1)];
  expect([g(a), g(a), g(b)].map(numbers)).toEqual([2, 2, 2]);
  expect(g.experimentalGetTracingCount()).toBe(2);
  a.assign(5);
  expect(numbers(g(a))).toBe(6);
  expect(g.experimentalGetTracingCount()).toBe(2);
});

test('G37: numbers count by value, tensors do not', () => {
  const f = tf.fn((x: Tensor, steps: number | Tensor) => x.mul(steps));
  const x = tf.constant(1);
  expect([f(x, 10), f(x, 20)].map(numbers)).toEqual([10, 20]);
  expect(f.experimentalGetTracingCount()).toBe(2);
  const g = tf.fn((n: Tensor) => n.add(1));
  expect([g(int(10)), g(int(20))].map(numbers)).toEqual([11, 21]);
  expect(g.experimentalGetTracingCount()).toBe(1);
});

test('G38: arrays by their entries in order, objects by key whatever the order', () => {
  const f = tf.fn((p: { a: Tensor; b: Tensor }) => p.a.sub(p.b));
  const [one, two] = [tf.constant(1), tf.constant(2)];
  expect([f({ a: one, b: two }), f({ b: two, a: one })].map(numbers)).toEqual([-1, -1]);
  expect(f.experimentalGetTracingCount()).toBe(1);
  const g = tf.fn((list: readonly (Tensor | string)[]) => list.length);
  g([one, 'x']);
  g(['x', one]);
  g([two, 'x']);
  expect(g.experimentalGetTracingCount()).toBe(2);
});

test('a declared signature takes nested arrays as well, of the declared type', () => {
  const spec = new tf.TensorSpec([null, 2], 'int32');
  const f = tf.fn((x: Tensor, p: { w: Tensor }) => x.add(p.w), { inputSignature: [spec, { w: spec }] });
  const sum = f([[1, 2]] as never, { w: [[10, 20]] } as never);
  expect([sum.dtype, sum.toArray()]).toEqual(['int32', [[11, 22]]]);
  expect(() => f([[1.5, 2]] as never, { w: sum })).toThrow('args[0] to be int32[?,2], got 1.5');
  expect(() => f([[1, 2, 3]] as never, { w: sum })).toThrow('args[0] to be int32[?,2], got i32[1,3]');
  expect(() => f([[1, 2]] as never, [sum] as never)).toThrow('expected arguments of the structure of inputSignature');
  expect(() => tf.fn((x: Tensor) => x, { inputSignature: [spec] })(1.5 as never)).toThrow('got 1.5');
});

test('G39: an input signature refuses other ranks and dtypes; an open dimension takes every length', () => {
  const f = tf.fn((x: Tensor) => x.mul(2), { inputSignature: [new tf.TensorSpec([null], 'int32')] });
  expect(numbers(f(tf.constant([1, 2], 'int32')))).toEqual([2, 4]);
  expect(numbers(f(tf.constant([1, 2, 3], 'int32')))).toEqual([2, 4, 6]);
  expect(() => f(tf.constant([[1, 2]], 'int32'))).toThrow(/expected args\[0\] to be int32\[\?\], got i32\[1,2\]/);
  expect(() => f(tf.constant([1, 2]))).toThrow(/expected args\[0\] to be int32\[\?\], got f32\[2\]/);
  expect(() => (f as (...args: unknown[]) => unknown)(1, 2)).toThrow(/it declares 1 argument/);
});

test('G40: JavaScript runs while tracing, print at every call', () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  const f = tf.fn((x: Tensor) => {
    console.log('tracing');
    tf.print('x is', x);
    return x;
  });
  f(tf.constant(1));
  f(tf.constant(2));
  expect(log.mock.calls.map((c) => c.join(' '))).toEqual(['tracing', 'x is 1', 'x is 2']);
});

test('G41, G42: traces belong to one traced function; what it closes over is as it was traced', () => {
  let factor = 2;
  const body = (x: Tensor): Tensor => x.mul(factor);
  const [f, g] = [tf.fn(body), tf.fn(body)];
  expect(numbers(f(tf.constant(1)))).toBe(2);
  factor = 3;
  expect([f(tf.constant(1)), g(tf.constant(1))].map(numbers)).toEqual([2, 3]);
});

test('G43: a number fixed in a concrete function cannot be changed', () => {
  const f = tf.fn((x: Tensor, n: number) => x.mul(n));
  const twice = f.getConcreteFunction(tf.constant(1), 2);
  expect(numbers(twice(tf.constant(5), 2))).toBe(10);
  expect(() => twice(tf.constant(5), 3)).toThrow(/traced for \(args\[1\] 2\), got args\[1\] 3/);
  expect(String(twice.program)).toContain('mul');
});

describe('G44: control flow on tensors', () => {
  test('a bare comparison or value of a traced tensor is an error that names cond', () => {
    const f = tf.fn((x: Tensor) => (x.item() > 0 ? x : x.neg()));
    expect(() => f(tf.constant(1))).toThrow(/lax\.cond/);
  });

  test('cond traces both branches once, and gives the derivative of the one taken', () => {
    const traced: string[] = [];
    const f = tf.fn((x: Tensor) =>
      tf.cond(
        np.greater(x, 0),
        () => (traced.push('true'), x.mul(x)),
        () => (traced.push('false'), x.mul(-3)),
      ),
    );
    const slopes = [2, -2].map((value) => {
      const x = tf.constant(value);
      const tape = new tf.GradientTape();
      const y = tape.run(() => (tape.watch(x), f(x)));
      return [numbers(y), numbers(tape.gradient(y, x))];
    });
    expect(slopes).toEqual([
      [4, 4],
      [6, -3],
    ]);
    expect(traced.toSorted()).toEqual(['false', 'true']);
  });

  test('whileLoop traces its body once; a range of JavaScript unrolls', () => {
    let bodies = 0;
    const f = tf.fn((n: Tensor) => {
      const [, product] = tf.whileLoop(
        (i: Tensor) => np.less(i, n),
        (i: Tensor, p: Tensor) => (bodies++, [i.add(1), p.mul(2)]),
        [int(0), int(1)],
      );
      return product;
    });
    expect([f(int(5)), f(int(10))].map(numbers)).toEqual([32, 1024]);
    expect(bodies).toBe(1);
    const unrolled = tf.fn((x: Tensor) => [1, 2, 3].reduce((y, k) => y.mul(k), x));
    expect(String(unrolled.getConcreteFunction(tf.constant(1)).program).match(/ mul /g)).toHaveLength(3);
  });

  test('autograph is given the function before it is traced', () => {
    const f = tf.fn((x: Tensor) => x.mul(2), { autograph: (g) => (x: Tensor) => (g(x as never) as Tensor).add(1) });
    expect(numbers(f(tf.constant(3)))).toBe(7);
  });
});

test('G45: TensorArray collects in a traced loop', () => {
  const f = tf.fn((n: Tensor, w: Tensor) => {
    const start = new tf.TensorArray('float32', { size: 5, elementShape: [] });
    const [, , array] = tf.whileLoop(
      (i: Tensor) => np.less(i, n),
      (i: Tensor, x: Tensor, a: tf.TensorArray) => [i.add(1), x.mul(w), a.write(i, x)],
      [int(0), w, start] as const,
    );
    return array.stack();
  });
  const w = tf.constant(2);
  const tape = new tf.GradientTape();
  const y = tape.run(() => (tape.watch(w), f(int(3), w)));
  expect(numbers(y)).toEqual([2, 4, 8, 0, 0]);
  // w + w² + w³
  expect(numbers(tape.gradient(y, w))).toBe(1 + 4 + 12);
  const grown = [1, 2, 3].reduce((a, v, i) => a.write(i, v), new tf.TensorArray('float32', { dynamicSize: true }));
  expect([grown.size(), numbers(grown.stack()), numbers(grown.read(1))]).toEqual([3, [1, 2, 3], 2]);
  expect(() => new tf.TensorArray('float32', { size: 1, elementShape: [] }).write(1, 0)).toThrow(
    /TensorArray\.write: expected an index from 0 to 0, got 1/,
  );
});

describe('G46: derivatives through traced functions and loops equal the eager ones', () => {
  const iterate = (x: Tensor, w: Tensor, n: Tensor): Tensor =>
    tf.whileLoop(
      (i: Tensor) => np.less(i, n),
      (i: Tensor, y: Tensor) => [i.add(1), np.sin(y.mul(w)).add(x)],
      [int(0), x],
    )[1] as Tensor;
  const slopes = (f: typeof iterate, n: number): unknown[] => {
    const [x, w] = [tf.constant([0.3, -0.2]), tf.constant([1.1, 0.7])];
    const tape = new tf.GradientTape();
    const y = tape.run(() => (tape.watch([x, w]), f(x, w, int(n))));
    return [y, ...tape.gradient(y, [x, w])].map((g) => (g === null ? [0, 0] : numbers(g)));
  };

  test.each([0, 1, 2, 7, 255, 256, 257, 1000])('a loop of %i iterations', (n) => {
    const [eager, traced] = [slopes(iterate, n), slopes(tf.fn(iterate), n)];
    traced.forEach((row, i) =>
      (row as number[]).forEach((v, k) => expect(v).toBeCloseTo((eager[i] as number[])[k]!, 4)),
    );
  });

  test('more iterations than two tables hold', () => {
    // 8 entries in each of the tables for states of 4 MiB and more: 64 iterations, and no more, are spaced by one.
    const wide = tf.fn((w: Tensor) =>
      np.mean(
        tf.whileLoop(
          (i: Tensor) => np.less(i, 150),
          (i: Tensor, y: Tensor) => [i.add(1), y.mul(w)],
          [int(0), np.ones([1 << 20])],
        )[1] as Tensor,
      ),
    );
    const w = tf.constant(1.01);
    const tape = new tf.GradientTape();
    const y = tape.run(() => (tape.watch(w), wide(w)));
    expect(tape.gradient(y, w)!.item()).toBeCloseTo(150 * 1.01 ** 149, 1);
  });

  test('maximumIterations stops, in both', () => {
    const f = (x: Tensor): Tensor =>
      tf.whileLoop(
        () => true,
        (y: Tensor) => [y.mul(2)],
        [x],
        { maximumIterations: 4 },
      )[0]!;
    expect([f(tf.constant(1)), tf.fn(f)(tf.constant(1))].map(numbers)).toEqual([16, 16]);
  });

  test('grad of a traced function that loops', () => {
    const f = tf.fn((x: Tensor) => iterate(x, tf.constant(0.5), int(4)));
    const eager = (x: Tensor): Tensor => [0, 1, 2, 3].reduce((y) => np.sin(y.mul(0.5)).add(x), x);
    expect(grad((x: Tensor) => f(x))(0.3).item()).toBeCloseTo(grad(eager)(0.3).item(), 5);
  });
});

describe('G47: variables and traced functions', () => {
  test('variables may be created in the first call only', () => {
    let v: tf.Variable | undefined;
    const once = tf.fn((x: Tensor) => {
      v ??= new tf.Variable(10);
      return x.add(v);
    });
    expect([once(tf.constant(1)), once(tf.constant([1]))].map(numbers)).toEqual([11, [11]]);
    const always = tf.fn((x: Tensor) => x.add(new tf.Variable(1)));
    always(tf.constant(1));
    expect(() => always(tf.constant([1]))).toThrow(/expected no new variable in fn\(.*\) after its first call/);
  });

  test('reads and assignments happen at each call, in order', () => {
    const v = new tf.Variable(1);
    const f = tf.fn((x: Tensor) => {
      const before = v.mul(1);
      v.assignAdd(x);
      v.assign(v.mul(2));
      return [before, v.mul(1)] as const;
    });
    expect(f(tf.constant(1)).map(numbers)).toEqual([1, 4]);
    expect(f(tf.constant(1)).map(numbers)).toEqual([4, 10]);
    expect(numbers(v)).toBe(10);
    expect(f.experimentalGetTracingCount()).toBe(1);
  });

  test('a traced function calls another, and both use one variable', () => {
    const v = new tf.Variable(1);
    const inner = tf.fn((x: Tensor) => {
      v.assignAdd(1);
      return x.mul(v);
    });
    const outer = tf.fn((x: Tensor) => inner(inner(x)).add(v));
    expect([outer(tf.constant(1)), outer(tf.constant(1))].map(numbers)).toEqual([9, 25]);
    expect(numbers(v)).toBe(5);
  });

  test('a tape inside a traced function trains a variable', () => {
    const w = new tf.Variable([0, 0]);
    const [x, y] = [
      tf.constant([
        [1, 2],
        [3, 4],
      ]),
      tf.constant([5, 11]),
    ];
    const step = tf.fn((rate: Tensor) => {
      const tape = new tf.GradientTape();
      const loss = tape.run(() => np.mean(np.square(np.matmul(x, w).sub(y))));
      w.assignSub(tape.gradient(loss, w)!.mul(rate));
      return loss;
    });
    let loss = Infinity;
    for (let i = 0; i < 2000; i++) loss = step(tf.constant(0.05)).item();
    expect(loss).toBeLessThan(1e-4);
    expect(step.experimentalGetTracingCount()).toBe(1);
    (numbers(w) as number[]).forEach((v, i) => expect(v).toBeCloseTo(i + 1, 1));
  });

  test('the derivative in a variable that is assigned is that of what was read', () => {
    const v = new tf.Variable(2);
    const f = (x: Tensor): Tensor => {
      const before = v.mul(x);
      v.assign(x.mul(x));
      return before.add(v.mul(10));
    };
    for (const g of [f, tf.fn(f)]) {
      v.assign(2);
      const x = tf.constant(3);
      const tape = new tf.GradientTape();
      const y = tape.run(() => (tape.watch(x), g(x)));
      expect([numbers(y), ...tape.gradient(y, [x, v]).map(numbers)]).toEqual([96, 2, 13]);
    }
  });

  test('assignments in a loop that is traced, and other mistakes, say what to do', () => {
    const v = new tf.Variable(1);
    const f = tf.fn((x: Tensor) =>
      tf.cond(
        np.greater(x, 0),
        () => v.assign(x).mul(1),
        () => x,
      ),
    );
    expect(() => f(tf.constant(1))).toThrow(/Variable\.assign: expected a call in the body of fn\(.*\) itself/);
    expect(() => v.assign([1, 2])).toThrow(/expected a value like Variable:\d+ f32\[\], got f32\[2\]/);
    expect(() => tf.fn((x: Tensor) => Promise.resolve(x))(tf.constant(1))).toThrow(/Promise/);
    expect(() => tf.fn(3 as never)).toThrow(/fn: expected a function/);
  });
});

test('a function that is traced over and over is warned about, with what changed', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  const f = tf.fn((x: Tensor, n: number) => x.mul(n));
  const before = config.recompileWarningLimit;
  config.recompileWarningLimit = 8;
  for (let i = 0; i < 12; i++) f(tf.constant(1), i);
  config.recompileWarningLimit = before;
  expect(warn).toHaveBeenCalledTimes(1);
  expect(warn.mock.calls[0]![0]).toMatch(/traced 9 times; the last time for args\[1\] 8 \(before: args\[1\] 7\)/);
});

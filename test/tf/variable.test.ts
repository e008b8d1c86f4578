/**
 * Variables wherever a tensor goes; watching, stopping and resetting tapes; which calls of a traced function are alike.
 * @module
 */
import { config, grad, init, jit, lax, np, random, tree, type Tensor, vmap } from 'cotangent';
import * as tf from 'cotangent/tf';
import { afterEach, beforeAll, describe, expect, expectTypeOf, test, vi } from 'vitest';

beforeAll(() => init());
afterEach(() => void vi.restoreAllMocks());

const numbers = (x: unknown): unknown => (x === null ? null : (x as Tensor).toArray());

describe('variables', () => {
  test('stand for their value in operations, indices, trees, text', () => {
    const [v, i] = [new tf.Variable([1, 2, 3]), new tf.Variable(1, { dtype: 'int32' })];
    expect(numbers(np.roll(v, i))).toEqual([3, 1, 2]);
    expect(numbers(np.full([2], i))).toEqual([1, 1]);
    expect(numbers(np.concatenate(new tf.Variable([[1], [2]])))).toEqual([1, 2]);
    expect(numbers(lax.dynamicSlice(v, new tf.Variable([1], { dtype: 'int32' }), [2]))).toEqual([2, 3]);
    expect(numbers(v.slice(i))).toBe(2);
    expect(JSON.stringify({ v })).toBe('{"v":[1,2,3]}');
    expect(numbers(tree.map((x: Tensor) => x.mul(2), { v }).v)).toEqual([2, 4, 6]);
    expect(numbers(grad((x: Tensor) => np.sum(x.mul(x)))(v))).toEqual([2, 4, 6]);
    const copy = np.array(v);
    v.assign([0, 0, 0]);
    expect(numbers(copy)).toEqual([1, 2, 3]);
  });

  test('are never stale in a jitted function, whatever it wraps', () => {
    const v = new tf.Variable(2);
    const twice = jit(
      (x: Tensor) => lax.scan((c: Tensor) => [c.mul(v), null] as const, x, null, { length: 2 })[0] as unknown as Tensor,
    ) as (x: Tensor) => Tensor;
    const slope = grad((x: Tensor) => x.mul(x).mul(v)) as (x: Tensor) => Tensor;
    expect([twice(tf.constant(1)), slope(tf.constant(1))].map(numbers)).toEqual([4, 4]);
    v.assign(5);
    expect([twice(tf.constant(1)), slope(tf.constant(1))].map(numbers)).toEqual([25, 10]);
  });

  test('take bare numbers in their dtype where it can hold them', () => {
    const i = new tf.Variable(3, { dtype: 'int32' });
    expect(numbers(i.assign(1).assignAdd(2))).toBe(3);
    expect(() => i.assignAdd(1.5)).toThrow(/i32\[\]/);
    const wide = new tf.Variable([1, 2], { dtype: 'float64' });
    expect(numbers(wide.assign([3, 4]).assignSub([1, 1]))).toEqual([2, 3]);
    expect(() => wide.assign(np.ones([2]))).toThrow(/expected a value like .* f64\[2\], got f32\[2\]/);
    expect(() => new tf.Variable(true).assign(1)).toThrow(/bool\[\]/);
  });

  test('cannot be assigned while a function is traced, known value or not', () => {
    const v = new tf.Variable(2);
    const seven = tf.constant(7);
    for (const value of [7, seven]) {
      expect(() => jit((x: Tensor) => (v.assign(value), x))(seven)).toThrow(
        /Variable\.assign: expected a call outside/,
      );
      const body = (c: Tensor): readonly [Tensor, null] => [(v.assign(value), c), null];
      expect(() => lax.scan(body, seven, null, { length: 2 })).toThrow(/Variable\.assign: expected a call outside/);
    }
    expect(() => vmap((x: Tensor) => (v.assign(x), x))(np.ones([2]))).toThrow(/Variable\.assign/);
    expect(numbers(v)).toBe(2);
  });
});

describe('watching', () => {
  test('a variable that is watched is watched with every value it is given', () => {
    const [frozen, v] = [new tf.Variable(2, { trainable: false }), new tf.Variable(2)];
    for (const [x, options] of [
      [frozen, {}],
      [v, { watchAccessedVariables: false }],
    ] as const) {
      const tape = new tf.GradientTape(options);
      const y = tape.run(() => (tape.watch(x), x.assign(3).mul(x)));
      expect(numbers(tape.gradient(y, x))).toBe(6);
    }
  });

  test('the value of a variable, watched as a tensor, is the same source', () => {
    const v = new tf.Variable(2);
    const value = v.readValue();
    const tape = new tf.GradientTape();
    const y = tape.run(() => (tape.watch(value), v.mul(3).add(value)));
    expect(tape.gradient(y, [v, value]).map(numbers)).toEqual([4, 4]);
  });

  test('while recording is stopped', () => {
    const [x, v] = [tf.constant(2), new tf.Variable(2)];
    const tape = new tf.GradientTape({ persistent: true });
    const [y, z] = tape.run(() => {
      tape.watch(x);
      const square = x.mul(x);
      tape.stopRecording(() => tape.watch([square, v]));
      return [
        square.mul(3).mul(v),
        tape.stopRecording(() => {
          tape.stopRecording(() => x);
          return x.mul(x);
        }),
      ];
    });
    expect(tape.gradient(y, [x, v]).map(numbers)).toEqual([24, 12]);
    expect(tape.gradient(z, x)).toBeNull();
  });

  test('after reset a tape that has been used records again', () => {
    const x = tf.constant(2);
    const tape = new tf.GradientTape();
    const again = tape.run(() => {
      tape.watch(x);
      tape.gradient(x.mul(x), x);
      tape.reset();
      tape.watch(x);
      return tape.gradient(x.mul(x), x);
    });
    expect(numbers(again)).toBe(4);
  });

  test('a constant that others share cannot be watched', () => {
    const tape = new tf.GradientTape();
    const zero = tape.gradient(tf.constant(1), tf.constant(3), { unconnectedGradients: 'zero' })!;
    expect(() => new tf.GradientTape().run(() => 1)).not.toThrow();
    const other = new tf.GradientTape();
    expect(() => other.run(() => other.watch(zero))).toThrow(/expected a tensor of its own, got the constant 0/);
  });

  test('tensors without elements have Jacobians without elements', () => {
    const x = np.zeros([0, 3]);
    const tape = new tf.GradientTape({ persistent: true });
    const y = tape.run(() => (tape.watch(x), x.mul(2)));
    expect(tape.gradient(y, x)!.shape).toEqual([0, 3]);
    expect(tape.jacobian(y, x)!.shape).toEqual([0, 3, 0, 3]);
    expect(tape.jacobian(y, x, { experimentalUsePfor: false })!.shape).toEqual([0, 3, 0, 3]);
    expect(tape.batchJacobian(y, x)!.shape).toEqual([0, 3, 3]);
  });
});

describe('which calls are alike', () => {
  class Scale {
    readonly factor: number;
    readonly w: Tensor;
    constructor(factor: number, w: Tensor) {
      this.factor = factor;
      this.w = w;
    }
  }
  tree.register(
    Scale,
    (s) => [[s.w], { factor: s.factor }],
    (aux, [w]) => new Scale((aux as { factor: number }).factor, w as Tensor),
  );

  test('instances by class, children and what else they hold', () => {
    const f = tf.fn((s: Scale) => s.w.mul(s.factor));
    const one = tf.constant(1);
    expect([new Scale(2, one), new Scale(3, one), new Scale(2, one)].map((s) => numbers(f(s)))).toEqual([2, 3, 2]);
    expect(f.experimentalGetTracingCount()).toBe(2);
  });

  test('symbols by identity, -0, NaN, undefined and bigints by value, keys whatever they hold', () => {
    const [a, b] = [Symbol('s'), Symbol('s')];
    const seen: unknown[] = [];
    const f = tf.fn((x: Tensor, k: unknown) => (seen.push(k), x));
    const kinds = [a, b, Symbol.for('s'), 0, -0, Number.NaN, undefined, 'undefined', 1n, 1];
    for (const k of [...kinds, ...kinds]) f(tf.constant(1), k);
    expect(seen).toEqual(kinds);
    const count = tf.fn((o: Readonly<Record<string, Tensor>>) => Object.keys(o).length);
    const one = tf.constant(1);
    expect([count({ 'a: *, b': one }), count({ a: one, b: one })].map(numbers)).toEqual([1, 2]);
  });

  test('a first call that fails is no first call', () => {
    let [v, isBad]: [tf.Variable | undefined, boolean] = [undefined, true];
    const f = tf.fn((x: Tensor) => {
      if (isBad) throw new RangeError('not yet');
      return x.add((v ??= new tf.Variable(1)));
    });
    expect(() => f(tf.constant(1))).toThrow('not yet');
    isBad = false;
    expect(numbers(f(tf.constant(1)))).toBe(2);
    // Nothing of the failed trace is left.
    expect(numbers(tf.constant(1).add(v!))).toBe(2);
  });

  test('a function may call itself with other arguments, not with the same kind', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const limit = config.recompileWarningLimit;
    config.recompileWarningLimit = 8;
    const double: (x: Tensor, n: number) => Tensor = tf.fn((x: Tensor, n: number): Tensor =>
      n === 0 ? x : double(x.mul(2), n - 1),
    );
    expect(numbers(double(tf.constant(1), 12))).toBe(4096);
    config.recompileWarningLimit = limit;
    expect(warn).toHaveBeenCalledTimes(1);
    const endless: (x: Tensor) => Tensor = tf.fn((x: Tensor): Tensor => endless(x));
    expect(() => endless(tf.constant(1))).toThrow(/calls itself with arguments of the same kind \(args\[0\] f32\[\]\)/);
    // The key's state is clean afterwards.
    expect(() => endless(tf.constant(1))).toThrow(/calls itself/);
  });

  test('results keep their structure; nothing stays nothing', () => {
    expect(tf.fn(() => undefined)()).toBeUndefined();
    expect(tf.fn(() => null)()).toBeNull();
    const f = tf.fn((x: Tensor) => ({ a: [x, 'text', 3] as const }));
    const { a } = f(tf.constant(1));
    expect([numbers(a[0]), a[1], numbers(a[2])]).toEqual([1, 'text', 3]);
    expectTypeOf(a[2]).toEqualTypeOf<Tensor>();
    const v = new tf.Variable(3);
    const g = tf.fn(() => v.assignAdd(1));
    expect([numbers(g()), numbers(g())]).toEqual([4, 5]);
    expectTypeOf(g()).toEqualTypeOf<Tensor>();
  });

  test('callbacks need no annotations', () => {
    const f = tf.fn(
      (x) =>
        tf.whileLoop(
          (i, y) => np.less(i, y.add(2)),
          (i, y) => [i.add(1), y],
          [x, x],
        )[0],
    );
    expectTypeOf(f).parameter(0).toEqualTypeOf<Tensor>();
    expect(numbers(f(tf.constant(1)))).toBe(3);
  });
});

test('TensorArray refuses to read outside, as it does to write', () => {
  const array = new tf.TensorArray('float32', { size: 2, elementShape: [] });
  for (const i of [-1, 2]) expect(() => array.read(i)).toThrow(/TensorArray\.read: expected an index from 0 to 1/);
});

test('a training loop does not grow', () => {
  const [x, w] = [random.normal(random.key(0), [8, 64]), new tf.Variable(np.zeros([64, 256]))];
  const step = (): number => {
    const tape = new tf.GradientTape();
    const loss = tape.run(() => np.mean(np.square(np.matmul(x, w).sub(1))));
    w.assignSub(tape.gradient(loss, w)!.mul(0.1));
    return loss.item();
  };
  const used = (): number => {
    globalThis.gc!();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  for (let i = 0; i < 50; i++) step();
  const before = used();
  for (let i = 0; i < 200; i++) step();
  // One gradient kept a step would be 13 MB.
  expect(used() - before).toBeLessThan(6 << 20);
});

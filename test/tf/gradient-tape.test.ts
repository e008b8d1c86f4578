/**
 * What users of TensorFlow rely on, row by row: GradientTape (G01–G35).
 * @module
 */
import { grad, init, jit, lax, np, type Tensor, vmap } from 'cotangent';
import * as tf from 'cotangent/tf';
import { beforeAll, expect, test } from 'vitest';

beforeAll(() => init());

const numbers = (x: unknown): unknown => (x === null ? null : (x as Tensor).toArray());

/** A tape over `f`, whose tensors `watched` it watches, and what `f` gave. */
function taped<T>(watched: readonly Tensor[], f: () => T, options?: tf.GradientTapeOptions): [tf.GradientTape, T] {
  const tape = new tf.GradientTape(options);
  const result = tape.run(() => {
    tape.watch([...watched]);
    return f();
  });
  return [tape, result];
}

test('G01: the gradient in a watched tensor', () => {
  const x = tf.constant(3);
  const [tape, y] = taped([x], () => x.mul(x));
  expect(numbers(tape.gradient(y, x))).toBe(6);
});

test('G02: trainable variables are watched when read; constants, others and sums with them are not', () => {
  const x0 = new tf.Variable(3, { name: 'x0' });
  const x1 = new tf.Variable(3, { name: 'x1', trainable: false });
  const x2 = new tf.Variable(2).add(1);
  const x3 = tf.constant(3);
  const [tape, y] = taped([], () => np.square(x0).add(np.square(x1)).add(np.square(x2)));
  expect(tape.gradient(y, [x0, x1, x2, x3]).map(numbers)).toEqual([6, null, null, null]);
});

test('G03: with watchAccessedVariables: false only what is watched counts', () => {
  const [x0, x1] = [new tf.Variable(0), new tf.Variable(10)];
  const tape = new tf.GradientTape({ watchAccessedVariables: false });
  const y = tape.run(() => {
    tape.watch(x1);
    const y0 = np.sin(x0);
    return np.sum(y0.add(tf.softplus(x1)));
  });
  const { g0, g1 } = tape.gradient(y, { g0: x0, g1: x1 });
  expect(g0).toBeNull();
  expect(numbers(g1)).toBeCloseTo(0.9999546, 6);
});

test('G04: watchedVariables lists them in the order in which they were made', () => {
  const [a, b] = [new tf.Variable(1), new tf.Variable(2)];
  const [tape] = taped([], () => b.mul(a).mul(b));
  expect(tape.watchedVariables().map((v) => [a, b].indexOf(v))).toEqual([0, 1]);
});

test('G05: the gradient in an intermediate value', () => {
  const x = tf.constant(3);
  const [tape, [y, z]] = taped([x], () => {
    const y = x.mul(x);
    return [y, y.mul(y)] as const;
  });
  expect(numbers(tape.gradient(z, y))).toBe(18);
});

test('G06: a tape that is not persistent gives one set of gradients or Jacobians', () => {
  const x = tf.constant(3);
  const [tape, y] = taped([x], () => x.mul(x));
  tape.gradient(y, x);
  expect(() => tape.gradient(y, x)).toThrow(
    /non-persistent GradientTape can only be used to compute one set of gradients/,
  );
  expect(() => tape.jacobian(y, x)).toThrow(/GradientTape\.jacobian: .*has/);
});

test('G07: a persistent tape gives as many as are asked for', () => {
  const x = tf.constant([1, 3]);
  const [tape, [y, z]] = taped(
    [x],
    () => {
      const y = x.mul(x);
      return [y, y.mul(y)] as const;
    },
    { persistent: true },
  );
  expect(numbers(tape.gradient(z, x))).toEqual([4, 108]);
  expect(numbers(tape.gradient(y, x))).toEqual([2, 6]);
});

test('G08: several targets, and arrays, are summed', () => {
  const x = new tf.Variable(2);
  const [tape, targets] = taped([], () => ({ y0: np.square(x), y1: np.reciprocal(x) }));
  expect(numbers(tape.gradient(targets, x))).toBe(3.75);
  const [again, y] = taped([], () => x.mul([3, 4]));
  expect(numbers(again.gradient(y, x))).toBe(7);
});

test('G09: sources are any tree, and so is the result', () => {
  const vars = { w: new tf.Variable([[1, 2]]), b: [new tf.Variable(1), new tf.Variable(2)] };
  const [tape, y] = taped([], () => np.sum(vars.w.mul(vars.b[0]!)).add(vars.b[1]!));
  const gradient = tape.gradient(y, vars);
  expect(numbers(gradient.w)).toEqual([[1, 1]]);
  expect(gradient.b.map(numbers)).toEqual([3, 1]);
});

test('G10: outputGradients are the cotangents, one for each target', () => {
  const x = tf.constant([1, 2]);
  const [tape, y] = taped([x], () => [x.mul(2), x.mul(x)] as const);
  const outputGradients = [tf.constant([1, 10]), tf.constant([0, 1])];
  expect(numbers(tape.gradient([...y], x, { outputGradients }))).toEqual([2, 24]);
  const [again, z] = taped([x], () => x.mul(2));
  expect(() => again.gradient(z, x, { outputGradients: tf.constant([1, 2, 3]) })).toThrow(
    /outputGradients like the target f32\[2\], got f32\[3\]/,
  );
});

test('G11: what is not connected is null, or zeros if asked for', () => {
  const [x, z] = [new tf.Variable([2, 2]), new tf.Variable(3)];
  const [tape, y] = taped([], () => (x.mul(1), z.mul(z)), { persistent: true });
  expect(tape.gradient(y, x)).toBeNull();
  const { ZERO: unconnectedGradients } = tf.UnconnectedGradients;
  expect(numbers(tape.gradient(y, x, { unconnectedGradients }))).toEqual([0, 0]);
});

test('G12: gradient() in the block stops a tape that is not persistent, and is recorded by one that is', () => {
  const x = tf.constant(3);
  const once = new tf.GradientTape();
  once.run(() => {
    once.watch(x);
    expect(numbers(once.gradient(x.mul(x), x))).toBe(6);
  });
  const tape = new tf.GradientTape({ persistent: true });
  const g = tape.run(() => {
    tape.watch(x);
    return tape.gradient(x.mul(x).mul(x), x)!;
  });
  expect(numbers(tape.gradient(g, x))).toBe(18);
});

test('G13: entering a tape that records is an error', () => {
  const tape = new tf.GradientTape();
  expect(() => tape.run(() => tape.run(() => 1))).toThrow(/Tape is still recording/);
});

test('G14: stopRecording', () => {
  const [x, y] = [new tf.Variable(2), new tf.Variable(3)];
  const tape = new tf.GradientTape();
  const z = tape.run(() => {
    const xSquared = np.square(x);
    const ySquared = tape.stopRecording(() => np.square(y));
    return xSquared.add(ySquared);
  });
  expect(tape.gradient(z, [x, y]).map(numbers)).toEqual([4, null]);
});

test('G15: reset forgets', () => {
  const [x, y] = [new tf.Variable(2), new tf.Variable(3)];
  const tape = new tf.GradientTape();
  const z = tape.run(() => {
    const ySquared = np.square(y);
    tape.reset();
    return np.square(x).add(ySquared);
  });
  expect(tape.gradient(z, [x, y]).map(numbers)).toEqual([4, null]);
});

test.each([
  ['a number', 3],
  ['an array', [3, 3]],
])('G16: stopGradient of %s', (_name, value) => {
  const [x, y] = [tf.constant(2), tf.constant(value)];
  const [tape, z] = taped([x, y], () =>
    np
      .square(x)
      .add(tf.stopGradient(np.square(y)))
      .add(tf.stopGradient(y)),
  );
  const one = Array.isArray(value) ? 8 : 4;
  expect(tape.gradient(z, [x, y]).map(numbers)).toEqual([one, null]);
});

test('G17: two tapes side by side watch different things', () => {
  const [x0, x1] = [tf.constant(0), tf.constant(0)];
  const [tape0, tape1] = [new tf.GradientTape(), new tf.GradientTape()];
  const y = tape0.run(() =>
    tape1.run(() => {
      tape0.watch(x0);
      tape1.watch(x1);
      return np.sin(x0).add(tf.sigmoid(x1));
    }),
  );
  expect(numbers(tape0.gradient(y, x0))).toBe(1);
  expect(numbers(tape1.gradient(y, x1))).toBe(0.25);
});

test('G18: nested tapes give second derivatives', () => {
  const x = new tf.Variable(1);
  const [outer, inner] = [new tf.GradientTape(), new tf.GradientTape()];
  const first = outer.run(() => {
    const y = inner.run(() => x.mul(x).mul(x));
    return inner.gradient(y, x)!;
  });
  expect(numbers(first)).toBe(3);
  expect(numbers(outer.gradient(first, x))).toBe(6);
});

test('G18: three tapes give third derivatives, of arrays and through library functions', () => {
  const x = tf.constant([0.5, -1]);
  const f = (v: Tensor): Tensor => np.sum(np.sin(v.mul(v)));
  const expected = grad((v: Tensor) => np.sum(grad((u: Tensor) => np.sum(grad(f)(u)))(v)))(x);
  const [t1, t2, t3] = [new tf.GradientTape(), new tf.GradientTape(), new tf.GradientTape()];
  const d2 = t1.run(() => {
    t1.watch(x);
    const d1 = t2.run(() => {
      t2.watch(x);
      const y = t3.run(() => {
        t3.watch(x);
        return f(x);
      });
      return np.sum(t3.gradient(y, x)!);
    });
    return np.sum(t2.gradient(d1, x)!);
  });
  const got = numbers(t1.gradient(d2, x)) as number[];
  (numbers(expected) as number[]).forEach((e, i) => expect(got[i]).toBeCloseTo(e, 4));
});

test('G19, G20: a Jacobian has the shape of target and source, and sums to the gradient', () => {
  const x = tf.constant([1, 2]);
  const [tape, y] = taped([x], () => x.mul(x));
  expect(numbers(tape.jacobian(y, x))).toEqual([
    [2, 0],
    [0, 4],
  ]);
  const [input, w, b] = [np.ones([7, 5]).mul(0.1), new tf.Variable(np.ones([5, 10])), new tf.Variable(np.zeros([10]))];
  const [layer, out] = taped([], () => tf.sigmoid(np.matmul(input, w).add(b)), { persistent: true });
  const jacobians = layer.jacobian(out, [w, b]);
  expect(jacobians[0]!.shape).toEqual([7, 10, 5, 10]);
  expect(jacobians[1]!.shape).toEqual([7, 10, 10]);
  const total = numbers(np.sum(jacobians[0]!, { axis: [0, 1] })) as number[][];
  const whole = numbers(layer.gradient(out, w)) as number[][];
  total.forEach((row, i) => row.forEach((v, k) => expect(v).toBeCloseTo(whole[i]![k]!, 5)));
});

test('G21: a Hessian is the Jacobian of a gradient', () => {
  const x = tf.constant([1, 2]);
  const [outer, inner] = [new tf.GradientTape(), new tf.GradientTape()];
  const g = outer.run(() => {
    outer.watch(x);
    const y = inner.run(() => {
      inner.watch(x);
      return np.sum(x.mul(x).mul(x));
    });
    return inner.gradient(y, x)!;
  });
  expect(numbers(outer.jacobian(g, x))).toEqual([
    [6, 0],
    [0, 12],
  ]);
});

test('G22: batchJacobian', () => {
  const x = np.arange(35).astype('float32').reshape([7, 5]).mul(0.01);
  const w = np.arange(30).astype('float32').reshape([5, 6]).mul(0.1);
  const [tape, y] = taped([x], () => tf.elu(np.matmul(x, w)), { persistent: true });
  const jacobian = tape.batchJacobian(y, x)!;
  expect(jacobian.shape).toEqual([7, 6, 5]);
  const whole = tape.jacobian(y, x)!;
  for (let b = 0; b < 7; b++) expect(numbers(jacobian.slice(b))).toEqual(numbers(whole.slice(b, ':', b)));
  expect(() => tape.batchJacobian(y, x.slice({ stop: 6 }))).toThrow(
    /the same first dimension, got f32\[7,6\] and f32\[6,5\]/,
  );
});

test('G23: without pfor a Jacobian needs a persistent tape', () => {
  const x = tf.constant([1, 2]);
  const [tape, y] = taped([x], () => x.mul(x));
  expect(() => tape.jacobian(y, x, { experimentalUsePfor: false })).toThrow(/expected a persistent tape/);
  const [again, z] = taped([x], () => x.mul(x), { persistent: true });
  expect(numbers(again.jacobian(z, x, { experimentalUsePfor: false }))).toEqual([
    [2, 0],
    [0, 4],
  ]);
});

test('G24: only the branch that was taken is recorded', () => {
  const x = tf.constant(1);
  const [v0, v1] = [new tf.Variable(2), new tf.Variable(2)];
  const [tape, y] = taped([x], () => (x.item() > 0 ? v0.mul(1) : np.square(v1)));
  expect(tape.gradient(y, [v0, v1, x]).map(numbers)).toEqual([1, null, null]);
});

test('G25: a variable that is replaced by a tensor is watched no more', () => {
  let x: Tensor = new tf.Variable(2);
  const seen: unknown[] = [];
  for (let epoch = 0; epoch < 2; epoch++) {
    const [tape, y] = taped([], () => x.add(1));
    seen.push(numbers(tape.gradient(y, x)));
    x = x.add(1);
  }
  expect(seen).toEqual([1, null]);
});

test('G26: leaving for plain numbers, or integers, ends the derivative', () => {
  const x = new tf.Variable([
    [1, 2],
    [3, 4],
  ]);
  const [tape, y] = taped([], () =>
    np.square(x).add(np.array((x.toArray() as number[][]).map((row) => row.map((v) => v * v)))),
  );
  expect(numbers(tape.gradient(y, x))).toEqual([
    [2, 4],
    [6, 8],
  ]);
  const [again, z] = taped([], () => np.sum(x.astype('int32')).astype('float32'));
  expect(again.gradient(z, x)).toBeNull();
  const i = tf.constant([10], 'int32');
  expect(() => taped([i], () => i)).toThrow(/GradientTape\.watch: expected floats, got i32\[1\]/);
});

test('G27: assignment stops derivatives', () => {
  const [x0, x1] = [new tf.Variable(3), new tf.Variable(0)];
  const [tape, y] = taped([], () => np.square(x1.assignAdd(x0)));
  expect(numbers(y)).toBe(9);
  expect(tape.gradient(y, [x0, x1]).map(numbers)).toEqual([null, 6]);
});

test('G28: an operation without this derivative is an error when it is asked for, one without any gives null', () => {
  const x = tf.constant(3);
  const [tape, [y, z]] = taped(
    [x],
    () =>
      [
        lax.whileLoop(
          (v: Tensor) => np.less(v, 100),
          (v: Tensor) => v.mul(v),
          x,
        ),
        np.floor(x),
      ] as const,
    { persistent: true },
  );
  expect(() => tape.gradient(y, x)).toThrow(/whileLoop|while/);
  expect(tape.gradient(z, x)).toBeNull();
});

test('G29: customGradient', () => {
  const clip = tf.customGradient((x: Tensor) => [x, (upstream: Tensor) => tf.clipByNorm(upstream, 0.5)]);
  const v = new tf.Variable(2);
  const [tape, y] = taped([], () => clip(v.mul(v)));
  expect(numbers(y)).toBe(4);
  expect(numbers(tape.gradient(y, v))).toBe(2);
  const log1pexp = tf.customGradient((x: Tensor) => {
    const e = np.exp(x);
    return [np.log(e.add(1)), (upstream: Tensor) => upstream.mul(np.subtract(1, np.reciprocal(e.add(1))))];
  });
  const x = tf.constant(100);
  const [again, z] = taped([x], () => log1pexp(x));
  expect(numbers(again.gradient(z, x))).toBe(1);
});

test('G29: customGradient inside jit, grad and vmap', () => {
  const half = tf.customGradient((x: Tensor) => [x.mul(x), (upstream: Tensor) => upstream.mul(x)]);
  const x = tf.constant([1, 2]);
  const [tape, y] = taped([x], () => jit((v: Tensor) => np.sum(half(v) as Tensor))(x));
  expect(numbers(tape.gradient(y, x))).toEqual([1, 2]);
  expect(numbers(vmap(grad((v: Tensor) => half(v) as Tensor))(x))).toEqual([1, 2]);
  // Several arguments, of which one has no gradient.
  const scaled = tf.customGradient((a: Tensor, b: Tensor) => [a.mul(b), (u: Tensor) => [u.mul(7), null]]);
  const [again, z] = taped([x], () => scaled(x, x));
  expect(numbers(again.gradient(z, x))).toEqual([7, 7]);
});

test('G30: a gradient function of a function that reads variables must give gradients for them', () => {
  const w = new tf.Variable(3);
  const f = tf.customGradient((x: Tensor) => [
    x.mul(w),
    (upstream: Tensor, { variables }: tf.VariablesOption) => [
      upstream.mul(w),
      variables.map((v) => (v === w ? upstream.mul(100) : null)),
    ],
  ]);
  const x = tf.constant(2);
  const [tape, y] = taped([x], () => f(x));
  expect(tape.gradient(y, [x, w]).map(numbers)).toEqual([3, 100]);
  const careless = tf.customGradient((v: Tensor) => [v.mul(w), (upstream: Tensor) => upstream.mul(w)]);
  const [again, z] = taped([x], () => careless(x));
  expect(() => again.gradient(z, x)).toThrow(
    /expected the gradient function to return \[gradients, variableGradients\]/,
  );
  const traced = tf.fn((v: Tensor) => f(v));
  const [third, u] = taped([x], () => traced(x));
  expect(third.gradient(u, [x, w]).map(numbers)).toEqual([3, 100]);
});

test('G31: the second derivative is that of what the gradient function computes', () => {
  const f = tf.customGradient((x: Tensor) => [x.mul(x).mul(x), (upstream: Tensor) => upstream.mul(x).mul(10)]);
  const x = tf.constant(2);
  const [outer, inner] = [new tf.GradientTape(), new tf.GradientTape()];
  const g = outer.run(() => {
    outer.watch(x);
    const y = inner.run(() => (inner.watch(x), f(x)));
    return inner.gradient(y, x)!;
  });
  expect([g, outer.gradient(g, x)].map(numbers)).toEqual([20, 10]);
});

test('G32: recomputeGrad computes again, and gives the same', () => {
  const x = tf.constant([0.1, 0.2]);
  const f = tf.recomputeGrad((v: Tensor) => np.sum(np.sin(np.exp(v))));
  const [tape, y] = taped([x], () => f(x));
  expect(numbers(tape.gradient(y, x))).toEqual(numbers(grad((v: Tensor) => np.sum(np.sin(np.exp(v))))(x)));
});

test('G33: ties of reduceMax are shared, those of maximum and minimum go to the first', () => {
  const x = tf.constant([2, 2, 1]);
  const [tape, y] = taped([x], () => tf.reduceMax(x));
  expect(numbers(tape.gradient(y, x))).toEqual([0.5, 0.5, 0]);
  for (const f of [tf.maximum, tf.minimum]) {
    const [a, b] = [tf.constant(1), tf.constant(1)];
    const [again, z] = taped([a, b], () => f(a, b));
    expect(again.gradient(z, [a, b]).map((g) => numbers(g) ?? 0)).toEqual([1, 0]);
    expect(f(Number.NaN, 1).item()).toBeNaN();
    expect(f(1, Number.NaN).item()).toBeNaN();
  }
});

test('G34: prod with zeros, pow at zero, mod, and what is piecewise constant', () => {
  const x = tf.constant([0, 2, 3]);
  const [tape, y] = taped([x], () => tf.reduceProd(x));
  expect(numbers(tape.gradient(y, x))).toEqual([6, 0, 0]);
  const [base, exponent] = [tf.constant(0), tf.constant(2)];
  const [again, z] = taped([base, exponent], () => tf.pow(base, exponent));
  expect(again.gradient(z, [base, exponent]).map(numbers)).toEqual([0, 0]);
  const [a, b] = [tf.constant(7), tf.constant(3)];
  const [third, m] = taped([a, b], () => tf.mod(a, b));
  expect(third.gradient(m, [a, b]).map(numbers)).toEqual([1, -2]);
  for (const f of [tf.floor, tf.round, tf.sign, (v: Tensor) => tf.argMax(v, 0).astype('float32')] as ((
    v: Tensor,
  ) => Tensor)[]) {
    const [fourth, u] = taped([x], () => f(x));
    const gradient = fourth.gradient(u, x);
    if (gradient !== null) expect(numbers(gradient)).toEqual([0, 0, 0]);
  }
});

test('G35: repeated indices of gather add up', () => {
  const params = tf.constant([1, 2, 3]);
  const [tape, y] = taped([params], () => tf.gather(params, tf.constant([0, 2, 0], 'int32')));
  expect(numbers(tape.gradient(y, params))).toEqual([2, 0, 1]);
});

test('what a traced function closes over is seen, however early it was traced', () => {
  const w = tf.constant([1, 2, 3]);
  const inJit = jit((x: Tensor) => np.sum(x.mul(w)));
  inJit(np.ones([3]));
  const [tape, y] = taped([w], () => inJit(np.ones([3])));
  expect(numbers(tape.gradient(y, w))).toEqual([1, 1, 1]);
  const c = tf.constant(2);
  const inScan = (): Tensor =>
    lax.scan((s: Tensor) => [s.mul(c), null] as const, np.array(1), null, { length: 3 })[0] as unknown as Tensor;
  inScan();
  const [again, z] = taped([c], inScan);
  expect(numbers(again.gradient(z, c))).toBe(12);
});

test('tapes inside and around function transformations', () => {
  const x = tf.constant([0.3, 0.7]);
  const slope = (v: Tensor): Tensor => {
    const tape = new tf.GradientTape();
    const y = tape.run(() => (tape.watch(v), np.sum(np.sin(v).mul(v))));
    return tape.gradient(y, v)!;
  };
  const expected = numbers(grad((v: Tensor) => np.sum(np.sin(v).mul(v)))(x)) as number[];
  const close = (got: unknown): void => (got as number[]).forEach((g, i) => expect(g).toBeCloseTo(expected[i]!, 6));
  close(numbers(slope(x)));
  close(numbers(jit(slope)(x)));
  close(numbers(vmap(slope)(x)));
  const second = grad((v: Tensor) => np.sum(slope(v)))(x);
  const [tape, y] = taped([x], () => np.sum(grad((v: Tensor) => np.sum(np.sin(v).mul(v)))(x)));
  const taped2 = numbers(tape.gradient(y, x)) as number[];
  (numbers(second) as number[]).forEach((g, i) => expect(taped2[i]).toBeCloseTo(g, 5));
});

test('a loop of a hundred thousand operations is no deeper than any other', () => {
  const x = tf.constant(1);
  const [tape, y] = taped([x], () => {
    let z: Tensor = x;
    for (let i = 0; i < 100_000; i++) z = z.add(x);
    return z;
  });
  expect(numbers(tape.gradient(y, x))).toBe(100_001);
});

test('mistakes say what is wrong', () => {
  const tape = new tf.GradientTape();
  expect(() => tape.watch(tf.constant(1))).toThrow(/GradientTape\.watch: expected a tape that is recording/);
  expect(() => tape.run(() => Promise.resolve(1))).toThrow(/GradientTape\.run: .*Promise/);
  const [again, y] = taped([], () => tf.constant(1));
  expect(() => again.gradient(y, 3)).toThrow(/expected tensors or variables as sources, got 3/);
  expect(() => new tf.GradientTape({ persistant: true } as never)).toThrow(/persistant/);
});

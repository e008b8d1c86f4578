/** scan, while and cond under every transformation, on functions small enough to check by hand or by an unrolled loop. */
import { describe, expect, test } from 'vitest';
import {
  configure,
  grad,
  jit,
  jvp,
  lax,
  linearize,
  linearTranspose,
  makeProgram,
  np,
  random,
  type Tensor,
  valueAndGrad,
  vmap,
} from 'cotangent';
import { close, numbers } from './close.ts';

configure({ defaultDtype: 'float64', defaultDevice: 'reference' });

describe('scan', () => {
  /** y = Σ over rows of tanh-recurrence; consts, carry and xs all matter. */
  const scanned = (w: Tensor, c: Tensor, xs: Tensor, reverse = false): Tensor => {
    const [end, ys] = lax.scan(
      (s: Tensor, x: Tensor) => {
        const next = np.tanh(s.mul(w).add(x));
        return [next, next.mul(x)] as const;
      },
      c,
      xs,
      { reverse },
    );
    return (end as Tensor).add((ys as Tensor).sum());
  };
  const unrolled = (w: Tensor, c: Tensor, xs: Tensor, reverse = false): Tensor => {
    let [s, total] = [c, np.array(0)];
    const n = xs.shape[0]!;
    for (let k = 0; k < n; k++) {
      const x = xs.slice(reverse ? n - 1 - k : k);
      s = np.tanh(s.mul(w).add(x));
      total = total.add(s.mul(x));
    }
    return s.add(total);
  };
  const [w, c, xs] = [np.array(0.8), np.array(0.3), np.array([0.5, -0.2, 0.9])];

  test.each([0, 1, 2])(
    'the gradient in argument %d, and in all, is that of the unrolled loop, both ways round',
    (k) => {
      for (const reverse of [false, true]) {
        const of = (f: typeof scanned) => (a: Tensor, b: Tensor, d: Tensor) => f(a, b, d, reverse);
        close(grad(of(scanned), { argnums: k })(w, c, xs), numbers(grad(of(unrolled), { argnums: k })(w, c, xs)));
        const [all, expected] = [scanned, unrolled].map((f) => grad(of(f), { argnums: [0, 1, 2] })(w, c, xs));
        all!.forEach((g, i) => close(g, numbers(expected![i])));
      }
    },
  );

  test.each([
    ['float64', 1e-13],
    ['float32', 2e-5],
  ] as const)(
    'a recurrent network in a loop, unrolled by any factor or written out, agrees in %s',
    (dtype, tolerance) => {
      const n = 7;
      const key = random.key(3);
      const draw = (i: number, shape: number[]): Tensor => random.normal(random.foldIn(key, i), shape, { dtype });
      const [w, u, h0, xs] = [draw(0, [4, 4]), draw(1, [3, 4]), draw(2, [4]), draw(3, [n, 3])];
      type Cell = (h: Tensor, x: Tensor) => Tensor;
      const cell =
        (a: Tensor, b: Tensor): Cell =>
        (h, x) =>
          np.tanh(np.matmul(h, a).add(np.matmul(x, b)));
      const writtenOut = (a: Tensor, b: Tensor): Tensor => {
        let [h, total] = [h0, np.array(0, { dtype })];
        for (let t = 0; t < n; t++) {
          h = cell(a, b)(h, xs.slice(t));
          total = total.add(np.sum(np.square(h)));
        }
        return total;
      };
      const looped =
        (unroll: number | boolean) =>
        (a: Tensor, b: Tensor): Tensor => {
          const step = (h: Tensor, x: Tensor): readonly [Tensor, Tensor] => {
            const next = cell(a, b)(h, x);
            return [next, np.sum(np.square(next))];
          };
          return np.sum(lax.scan(step, h0, xs, { unroll })[1] as Tensor);
        };
      const results = (f: (a: Tensor, b: Tensor) => Tensor): number[] =>
        configure({ defaultDtype: dtype, defaultDevice: 'wasm' }, () => {
          const [value, gradients] = jit(valueAndGrad(f, { argnums: [0, 1] }))(w, u);
          return [value, ...gradients].flatMap(numbers);
        });
      const expected = results(writtenOut);
      const rolled = results(looped(1));
      for (const unroll of [1, 2, 3, true]) {
        const got = results(looped(unroll));
        got.forEach((x, i) => {
          expect(Math.abs(x - expected[i]!)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(expected[i]!)));
          expect(Math.abs(x - rolled[i]!)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(expected[i]!)));
        });
      }
    },
  );

  test('unroll is a positive integer or a boolean', () => {
    const run = (unroll: number) => () =>
      lax.scan((c: Tensor, x: Tensor) => [c.add(x), null], 0, np.ones([3]), { unroll });
    expect(run(0)).toThrow('lax.scan: expected unroll to be a positive integer or a boolean, got 0.');
    expect(run(1.5)).toThrow('got 1.5');
    expect(lax.foriLoop(0, 5, (i, v) => v.add(i), np.array(0), { unroll: 2 }).item()).toBe(10);
  });

  const subsets = [1, 2, 3, 4, 5, 6, 7].map((m) => [m & 1, m & 2, m & 4].map((b) => (b ? 0 : null)));
  test.each(subsets)(
    'vmap over w %s, carry %s, xs %s is a loop; so are its gradient and the gradient of it',
    (...inAxes) => {
      const args = [w, c, xs].map((x, i) => (inAxes[i] === 0 ? np.stack([x, x.mul(0.5)]) : x)) as [
        Tensor,
        Tensor,
        Tensor,
      ];
      const row = (k: number): [Tensor, Tensor, Tensor] =>
        args.map((x, i) => (inAxes[i] === 0 ? x.slice(k) : x)) as never;
      const values = [0, 1].flatMap((k) => numbers(scanned(...row(k))));
      close(vmap(scanned, { inAxes: inAxes as number[] })(...args), values);
      close(jit(vmap(scanned, { inAxes: inAxes as number[] }))(...args), values);
      const gradient = grad(scanned, { argnums: [0, 1, 2] });
      const mapped = vmap(gradient, { inAxes: inAxes as number[] })(...args);
      const rows = [0, 1].map((k) => gradient(...row(k)));
      mapped.forEach((g, i) =>
        close(
          g,
          rows.flatMap((r) => numbers(r[i])),
        ),
      );
      const total = grad(
        (...a: [Tensor, Tensor, Tensor]) => vmap(scanned, { inAxes: inAxes as number[] })(...a).sum(),
        {
          argnums: [0, 1, 2],
        },
      )(...args);
      total.forEach((g, i) => {
        const parts = rows.map((r) => numbers(r[i]));
        close(g, inAxes[i] === 0 ? parts.flat() : parts[0]!.map((v, j) => v + parts[1]![j]!));
      });
    },
  );

  test('length 0 passes the carry on, and its cotangent; xs and constants get zeros', () => {
    const none = np.zeros([0]);
    close(scanned(w, c, none), [0.3]);
    const [gw, gc, gx] = grad(scanned, { argnums: [0, 1, 2] })(w, c, none);
    close(gw, [0]);
    close(gc, [1]);
    expect(gx.shape).toEqual([0]);
  });

  test('a third derivative goes through', () => {
    const cube = (x: Tensor): Tensor => lax.scan((s: Tensor) => [s.mul(x), null], np.array(1), null, { length: 4 })[0];
    close(grad(grad(grad(cube)))(2), [48]);
    close(jit(grad(jit(grad(grad(cube)))))(2), [48]);
  });

  test('a linear scan with an integer counter transposes', () => {
    const f = (x: Tensor): Tensor =>
      lax.scan(
        ({ i, s }: { i: Tensor; s: Tensor }, row: Tensor) => [{ i: i.add(1), s: s.add(row.mul(i)) }, null] as const,
        { i: np.array(1, { dtype: 'int32' }), s: np.array(0) },
        x,
      )[0].s;
    close(linearTranspose(f, np.zeros([3]))(1)[0], [1, 2, 3]);
  });

  test('a carry that meets what is differentiated only in a later iteration is differentiated', () => {
    const f = (x: Tensor): Tensor => {
      const init = { a: np.array(1), b: np.array(1), d: np.array(1) };
      const [end] = lax.scan(
        ({ a, b, d }: typeof init, _: null) => [{ a: a.mul(x), b: b.add(a), d: d.add(b) }, null] as const,
        init,
        null,
        { length: 3 },
      );
      return end.d;
    };
    // d = 1 + 1 + 2 + (2 + x)
    close(f(np.array(5)), [11]);
    close(grad(f)(5), [1]);
    close(jvp(f, [5], [2])[1], [2]);
  });
});

test('what the backward pass needs of weights is kept once, not once an iteration', () => {
  const rnn = (w: Tensor, xs: Tensor): Tensor =>
    lax.scan((h: Tensor, x: Tensor) => [np.tanh(np.matmul(w.T, h).add(x)), null], np.zeros([4]), xs)[0].sum();
  const text = String(makeProgram(grad(rnn))(np.ones([4, 4]), np.ones([7, 4])));
  expect(text).toContain('scan');
  expect(text).not.toContain('f64[7,4,4]');
  const throughCarry = (w: Tensor): Tensor =>
    lax
      .scan(
        (c: { w: Tensor; h: Tensor }) => [{ w: c.w, h: np.sin(np.exp(c.w).mul(c.h)) }, null] as const,
        { w, h: np.ones([4]) },
        null,
        { length: 7 },
      )[0]
      .h.sum();
  // h and cos(…) vary, and are stacked; w and exp(w) do not.
  expect([...String(makeProgram(grad(throughCarry))(np.ones([4]))).matchAll(/:f64\[7,4\]/g)]).toHaveLength(2);
});

describe('whileLoop', () => {
  /** x doubled until it reaches 10. */
  const doubled = (x: Tensor): Tensor =>
    lax.whileLoop(
      (v: Tensor) => np.less(v, 10),
      (v: Tensor) => v.mul(2),
      x,
    );
  /** sin three times; the body holds a jitted function, whose outputs are part known, part unknown, under linearize. */
  const sines = (x: Tensor): Tensor =>
    lax.whileLoop(
      ({ n }: { n: Tensor; v: Tensor }) => np.less(n, 3),
      ({ n, v }: { n: Tensor; v: Tensor }) => ({ n: n.add(1), v: jit((y: Tensor) => np.sin(y))(v) }),
      { n: np.array(0, { dtype: 'int32' }), v: x },
    ).v;
  const sin3 = (v: number): number => Math.sin(Math.sin(Math.sin(v)));
  const slope = (v: number): number => Math.cos(Math.sin(Math.sin(v))) * Math.cos(Math.sin(v)) * Math.cos(v);

  test('forward mode, also twice, and linearize through what the body holds', () => {
    const d = (x: Tensor): Tensor => jvp(sines, [x], [1])[1];
    close(d(np.array(1)), [slope(1)]);
    close(jvp(d, [1], [1])[1], [(slope(1 + 1e-6) - slope(1 - 1e-6)) / 2e-6]);
    const [value, push] = linearize(sines, 1);
    close(value, [sin3(1)]);
    close(push(2), [2 * slope(1)]);
    close(vmap(push)(np.array([1, 3])), [slope(1), 3 * slope(1)]);
  });

  test('vmap runs every example to its own end', () => {
    close(vmap(doubled)(np.array([1, 3, 20])), [16, 12, 20]);
    close(vmap((x: Tensor) => jvp(doubled, [x], [1])[1])(np.array([1, 3, 20])), [16, 4, 1]);
    expect(vmap(doubled)(np.zeros([0])).shape).toEqual([0]);
  });

  test('a loop that does not depend on what is differentiated is a constant to grad', () => {
    close(grad((x: Tensor) => x.mul(doubled(np.array(1))))(3), [16]);
    close(jit(grad((x: Tensor) => x.mul(doubled(np.array(1)))))(3), [16]);
  });

  test.each([
    ['at once', (x: Tensor) => doubled(x)],
    ['under jit', (x: Tensor) => jit(doubled)(x)],
    ['under vmap and jit', (x: Tensor) => vmap(jit(doubled))(np.stack([x, x])).sum()],
    ['inside a scan', (x: Tensor) => lax.scan((c: Tensor) => [sines(c), null], x, null, { length: 2 })[0]],
    ['inside a cond', (x: Tensor) => lax.cond(np.greater(x, 0), sines, (v: Tensor) => v, x)],
  ])('reverse mode is an error that names the bounded loops: %s', (_name, f) => {
    expect(() => grad(f)(1)).toThrow(
      /got a while loop, which reverse mode cannot run backward[\s\S]*lax\.foriLoop[\s\S]*lax\.scan/,
    );
  });
});

describe('cond', () => {
  const root = (x: Tensor): Tensor =>
    lax.cond(
      np.greater(x, 0),
      (v: Tensor) => np.sqrt(v),
      (v: Tensor) => v.mul(v),
      x,
    );

  test('the branch not taken adds nothing, not even NaN', () => {
    close(grad(root)(-2), [-4]);
    close(jit(grad(root))(-2), [-4]);
    close(grad(root)(4), [0.25]);
    close(grad((x: Tensor) => vmap(root)(x).sum())(np.array([-2, 0, 4])), [-4, 0, 0.25]);
  });

  test('branches of which one alone depends on the input, and integer results', () => {
    const f = (x: Tensor): Tensor => {
      const [a, n] = lax.cond(
        np.greater(x, 0),
        (v: Tensor) => [v.mul(v), v.astype('int32')],
        () => [np.array(7), np.array(2, { dtype: 'int32' })],
        x,
      ) as [Tensor, Tensor];
      return a.mul(n);
    };
    close(grad(f)(3), [18]);
    close(grad(f)(-3), [0]);
    close(vmap(grad(f))(np.array([3, -3])), [18, 0]);
  });

  test('its branches and residuals nest to second order', () => {
    const f = (x: Tensor): Tensor =>
      lax.cond(
        np.less(x, 10),
        (v: Tensor) => root(v).mul(v),
        (v: Tensor) => np.sin(v),
        x,
      );
    close(grad(grad(f))(4), [0.75 / 2]);
    close(jvp(grad(f), [4], [1])[1], [0.75 / 2]);
  });
});

describe('Programs that equations carry', () => {
  test('operands of another shape are refused where the equation is made', () => {
    const program = makeProgram((x: Tensor) => lax.scan((c: Tensor, y: Tensor) => [c.add(y), null], 0, x)[0])(
      np.ones([3]),
    );
    const eqn = program.equations.find((e) => e.primitive.name === 'scan');
    const { abstractEval } = eqn!.primitive as never as {
      abstractEval: (avals: unknown[], params: unknown) => unknown;
    };
    const avals = eqn!.inputs.map((a) => a.aval);
    expect(() => abstractEval([avals[0], avals[1]!.withShape([4])], eqn!.params)).toThrow(
      /scan: expected f64\[3\] as operand 1, got f64\[4\]/,
    );
  });
});

/** User-written rules and checkpoints in awkward company. */
import { describe, expect, test } from 'vitest';
import {
  checkpoint,
  checkpointPolicies,
  configure,
  customJvp,
  customVjp,
  grad,
  jit,
  jvp,
  lax,
  makeProgram,
  np,
  type Tensor,
  vjp,
  vmap,
} from 'cotangent';
import { close, numbers } from './close.ts';

configure({ defaultDtype: 'float64', defaultDevice: 'reference' });

describe('customVjp', () => {
  interface Pair {
    readonly a: Tensor;
    readonly b: readonly [Tensor, null];
  }
  /** Value a·b; the rule gives ten times the derivative, so that it is seen to be used. */
  const product = customVjp((p: Pair) => ({ y: p.a.mul(p.b[0]) }));
  product.defvjp(
    (p: Pair) => [{ y: p.a.mul(p.b[0]) }, { p, factor: 10, nothing: null }],
    ({ p, factor }: { p: Pair; factor: Tensor }, ct: { y: Tensor }) => [
      { a: ct.y.mul(p.b[0]).mul(factor), b: [ct.y.mul(p.a).mul(factor), null] },
    ],
  );
  const f = (a: Tensor, b: Tensor): Tensor => product({ a, b: [b, null] }).y;
  const gradient = grad(f, { argnums: [0, 1] });

  test('arguments, results and residuals are pytrees, with null and numbers inside', () => {
    const [ga, gb] = gradient(2, 3);
    close(ga, [30]);
    close(gb, [20]);
  });

  test('one function serves calls of several structures', () => {
    const first = customVjp((tree: { readonly [key: string]: Tensor }) => Object.values(tree)[0]!.mul(1));
    first.defvjp(
      (tree: { readonly [key: string]: Tensor }) => [Object.values(tree)[0]!, tree],
      (tree: { readonly [key: string]: Tensor }, ct: Tensor) => [
        Object.fromEntries(Object.keys(tree).map((k, i) => [k, ct.mul(i + 1)])),
      ],
    );
    const out = grad((x: Tensor) =>
      first({ a: x })
        .add(first({ a: x, b: x }))
        .add(first({ a: x, b: x, c: x })),
    )(1);
    close(out, [1 + (1 + 2) + (1 + 2 + 3)]);
  });

  test('the rule is differentiated in turn, and used at every order', () => {
    const cube = customVjp((x: Tensor) => x.mul(x).mul(x));
    cube.defvjp(
      (x: Tensor) => [cube(x), x],
      (x: Tensor, ct: Tensor) => [ct.mul(x).mul(x).mul(6)],
    );
    close(grad(cube)(2), [24]);
    close(grad(grad(cube))(2), [24]);
    close(jit(grad(jit(grad(cube))))(2), [24]);
    close(grad(grad(grad(cube)))(2), [12]);
  });

  test.each([
    ['scan', (x: Tensor) => lax.scan((c: Tensor) => [f(c, x), null], x, null, { length: 2 })[0]],
    [
      'scan in jit',
      (x: Tensor) => jit((y: Tensor) => lax.scan((c: Tensor) => [f(c, y), null], y, null, { length: 2 })[0])(x),
    ],
    [
      'cond in scan',
      (x: Tensor) =>
        lax.scan(
          (c: Tensor) => [
            lax.cond(
              np.greater(c, 0),
              (v: Tensor) => f(v, x),
              (v: Tensor) => v,
              c,
            ),
            null,
          ],
          x,
          null,
          { length: 2 },
        )[0],
    ],
    ['checkpoint', (x: Tensor) => checkpoint((y: Tensor) => f(f(y, y), y))(x)],
  ])('the rule is used inside %s, also mapped', (_name, g) => {
    // x³ by c ← c·x: with every product's derivative times ten, 10·(x·10·(x + x) + x²)
    const expected = (x: number): number => 10 * (x * 10 * 2 * x + x * x);
    close(grad(g)(2), [expected(2)]);
    close(vmap(grad(g))(np.array([2, 3])), [expected(2), expected(3)]);
    close(grad((v: Tensor) => vmap(g)(v).sum())(np.array([2, 3])), [expected(2), expected(3)]);
  });

  test('null for an argument is no gradient; integer arguments need none; integer results take no cotangent', () => {
    const h = customVjp((x: Tensor, n: Tensor) => [x.mul(n), n.add(1)] as const);
    h.defvjp(
      (x: Tensor, n: Tensor) => [[x.mul(n), n.add(1)], n],
      (n: Tensor, [ct]: [Tensor, Tensor]) => [ct.mul(n), null],
    );
    const n = np.array(3, { dtype: 'int32' });
    close(
      grad((x: Tensor) => {
        const [y, m] = h(x, n);
        return y.mul(m);
      })(2),
      [12],
    );
    close(
      jit(
        grad((x: Tensor) => {
          const [y, m] = h(x, n);
          return y.mul(m);
        }),
      )(2),
      [12],
    );
  });

  test('nondiffArgnums come first in bwd, as they are', () => {
    const h = customVjp((mode: string, x: Tensor) => (mode === 'double' ? x.mul(2) : x), { nondiffArgnums: [0] });
    h.defvjp(
      (mode: string, x: Tensor) => [mode === 'double' ? x.mul(2) : x, null],
      (mode: string, _r: null, ct: Tensor) => [ct.mul(mode === 'double' ? 200 : 100)],
    );
    close(grad((x: Tensor) => h('double', x).add(h('plain', x)))(1), [300]);
  });

  test('a rule that throws leaves nothing behind', () => {
    const h = customVjp((x: Tensor) => x.mul(1));
    h.defvjp(
      (x: Tensor) => [x, null],
      () => {
        throw new RangeError('from the rule');
      },
    );
    expect(() => grad(h)(1)).toThrow('from the rule');
    expect(() => jit(grad(h))(1)).toThrow('from the rule');
    close(np.sin(0), [0]);
    close(gradient(2, 3)[0], [30]);
  });

  const bad = (result: unknown): (() => unknown) => {
    const h = customVjp((p: { w: Tensor }) => p.w.sum());
    h.defvjp(
      (p: { w: Tensor }) => [p.w.sum(), null],
      () => result as never,
    );
    return () => grad((p: { w: Tensor }) => h(p))({ w: np.ones([2]) });
  };
  test.each([
    ['no array', 3, /expected bwd to return an array with 1 cotangents, got number/],
    ['too few', [], /got 0/],
    ['another structure', [{ v: 1 }], /expected a cotangent like argument 0, \{w: \*\}, got \{v: \*\}/],
    ['another shape', [{ w: np.ones([3]) }], /expected bwd to return f64\[2\] at \[0\]\.w, got f64\[3\]/],
  ])('what bwd must not return: %s', (_name, result, message) => expect(bad(result)).toThrow(message));

  test('fwd must give a value like the function', () => {
    const h = customVjp((x: Tensor) => x.mul(1));
    h.defvjp(
      (x: Tensor) => [[x, x], null],
      () => [1],
    );
    expect(() => grad((x: Tensor) => jit(h)(x))(1)).toThrow(
      /expected fwd to return a value like the function's \*, got \[\*, \*\]/,
    );
  });
});

describe('customJvp', () => {
  test('defjvps adds the rules of the arguments, which may be pytrees; null is no derivative', () => {
    const h = customJvp((p: { a: Tensor }, q: Tensor, r: Tensor) => [p.a.mul(q), r] as const);
    h.defjvps(
      ((t: { a: Tensor }, _out: unknown, _p: unknown, q: Tensor, r: Tensor) => [t.a.mul(q), r.mul(0)]) as never,
      null,
      ((t: Tensor) => [0, t.mul(5)]) as never,
    );
    const g = grad(
      (a: Tensor, q: Tensor, r: Tensor) => {
        const [y, z] = h({ a }, q, r);
        return y.add(z);
      },
      { argnums: [0, 1, 2] },
    );
    expect(g(2, 3, 4).map((x) => x.item())).toEqual([3, 0, 5]);
  });

  test('defjvps wants a rule an argument, and no nondiffArgnums', () => {
    const h = customJvp((x: Tensor, y: Tensor) => x.mul(y));
    h.defjvps((t) => t);
    expect(() => grad((x: Tensor) => h(x, x))(1)).toThrow(/expected one rule for each of 2 arguments, got 1/);
    expect(() => customJvp((_n: number, x: Tensor) => x, { nondiffArgnums: [0] }).defjvps((t) => t)).toThrow(
      /expected defjvp with nondiffArgnums/,
    );
  });

  test('perturbations inside a rule are not confused with those outside', () => {
    // f(x) = x², its rule written with a derivative inside
    const f = customJvp((x: Tensor) => x.mul(x));
    f.defjvp(([x]: [Tensor], [t]: [Tensor]) => [f(x), grad((y: Tensor) => y.mul(y))(x).mul(t)]);
    close(grad((a: Tensor) => a.mul(grad((b: Tensor) => f(a.mul(b)))(1)))(3), [6 * 9]);
    close(jvp(grad(f), [3], [1])[1], [2]);
  });

  test.each([
    ['grad', (h: (x: Tensor) => unknown) => grad(h as (x: Tensor) => Tensor)(2)],
    ['vmap', (h: (x: Tensor) => unknown) => vmap(h)(np.ones([2]))],
  ])('closing over a value of %s is an error that says what to do', (_name, transform) => {
    const run = (): unknown =>
      transform((x) => {
        const h = customJvp((y: Tensor) => y.mul(x));
        h.defjvps((t) => t);
        return h(x);
      });
    expect(run).toThrow(/stands aside while a user-written derivative rule runs[\s\S]*pass the value as an argument/);
  });
});

describe('checkpoint', () => {
  const inner: [string, (x: Tensor) => Tensor][] = [
    ['jit', jit((x: Tensor) => np.sin(np.sin(x)))],
    ['scan', (x) => lax.scan((c: Tensor) => [np.sin(c), null], x, null, { length: 2 })[0]],
    [
      'cond',
      (x) =>
        lax.cond(
          np.greater(x, 0),
          (v: Tensor) => np.sin(np.sin(v)),
          (v: Tensor) => v,
          x,
        ),
    ],
    ['vmap', (x) => vmap((v: Tensor) => np.sin(np.sin(v)))(x.reshape([1])).sum()],
    ['itself', checkpoint((x: Tensor) => np.sin(np.sin(x)))],
  ];
  const slope = Math.cos(Math.sin(0.5)) * Math.cos(0.5);
  test.each(inner)('differentiates around %s, under every policy', (_name, f) => {
    for (const policy of Object.values(checkpointPolicies)) {
      const g = checkpoint(f, { policy });
      close(g(np.array(0.5)), [Math.sin(Math.sin(0.5))]);
      close(grad(g)(0.5), [slope]);
      close(jit(grad(g))(0.5), [slope]);
      close(jvp(g, [0.5], [1])[1], [slope]);
      const second = numbers(grad(grad(f))(0.5));
      close(grad(grad(g))(0.5), second);
    }
  });

  test('keeps what the policy names and computes the rest again', () => {
    const f = (x: Tensor): Tensor => np.sin(np.matmul(np.sin(x), x)).sum();
    const count = (g: (x: Tensor) => Tensor, name: string): number =>
      [...String(makeProgram(grad(g))(np.ones([2, 2]))).matchAll(new RegExp(`= ${name}\\b`, 'g'))].length;
    const products = (policy: keyof typeof checkpointPolicies): number =>
      count(checkpoint(f, { policy: checkpointPolicies[policy] }), 'dot_general');
    expect(products('nothingSaveable')).toBe(products('everythingSaveable') + 1);
    expect(products('dotsSaveable')).toBe(products('everythingSaveable'));
  });

  test('vjp of a checkpointed loss in a scan body', () => {
    const f = (x: Tensor): Tensor =>
      lax.scan((c: Tensor) => [checkpoint((v: Tensor) => np.sin(v).mul(x))(c), null], x, null, { length: 2 })[0];
    const plain = (x: Tensor): Tensor => np.sin(np.sin(x).mul(x)).mul(x);
    close(vjp(f, 0.7)[1](1)[0], numbers(grad(plain)(0.7)));
  });
});

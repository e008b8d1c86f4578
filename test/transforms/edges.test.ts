/** The transformations at their edges: aux, axes, argnums, empty arrays, integers, errors. */
import { describe, expect, test } from 'vitest';
import {
  closureConvert,
  configure,
  config,
  grad,
  hessian,
  jacfwd,
  jacrev,
  jit,
  jvp,
  linearize,
  linearTranspose,
  np,
  type Tensor,
  valueAndGrad,
  vjp,
  vmap,
} from 'cotangent';

configure({ defaultDevice: 'reference' });
const js = (x: unknown): unknown =>
  x !== null && typeof x === 'object' && 'toArray' in x
    ? (x as Tensor).toArray()
    : Array.isArray(x)
      ? x.map(js)
      : x !== null && typeof x === 'object'
        ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, js(v)]))
        : x;

describe('aux', () => {
  const f = (x: Tensor) =>
    [x.mul(x).sum(), { twice: x.mul(2), steps: np.array(3, { dtype: 'int32' }), label: 'fit', none: null }] as const;
  const x = np.array([1, 2]);
  const aux = { twice: [2, 4], steps: 3, label: 'fit', none: null };

  test.each([
    ['grad', () => grad(f, { hasAux: true })(x), [[2, 4], aux]],
    [
      'valueAndGrad',
      () => valueAndGrad(f, { hasAux: true })(x),
      [
        [5, aux],
        [2, 4],
      ],
    ],
    ['jacfwd', () => jacfwd(f, { hasAux: true })(x), [[2, 4], aux]],
    ['jacrev', () => jacrev(f, { hasAux: true })(x), [[2, 4], aux]],
    [
      'hessian',
      () => hessian(f, { hasAux: true })(x),
      [
        [
          [2, 0],
          [0, 2],
        ],
        aux,
      ],
    ],
    ['jvp', () => jvp(f, [x], [np.ones([2])], { hasAux: true }), [5, 6, aux]],
    [
      'jit∘grad',
      () =>
        jit((v: Tensor) => {
          const [g, a] = grad(f, { hasAux: true })(v);
          return [g, a.twice];
        })(x),
      [
        [2, 4],
        [2, 4],
      ],
    ],
    [
      'grad∘grad',
      () =>
        grad((v: Tensor) => {
          const [g, a] = grad(f, { hasAux: true })(v);
          return g.mul(a.twice).sum();
        })(x),
      [8, 16],
    ],
    [
      'vmap∘grad',
      () => {
        const [g, a] = vmap((v: Tensor) => {
          const [d, b] = grad(f, { hasAux: true })(v);
          return [d, b.twice];
        })(np.stack([x, x]));
        return [g, a];
      },
      [
        [
          [2, 4],
          [2, 4],
        ],
        [
          [2, 4],
          [2, 4],
        ],
      ],
    ],
  ] as [string, () => unknown, unknown][])(
    'of %s is a value that outlives it; text passes as it is',
    (_name, run, expected) => {
      const out = run();
      expect(js(out)).toEqual(expected);
    },
  );

  test('vjp gives it third', () => {
    const [value, pull, extra] = vjp(f, x, { hasAux: true });
    expect(js([value, pull(2), extra])).toEqual([5, [[4, 8]], aux]);
    expect(js(extra.twice.add(1))).toEqual([3, 5]);
  });

  test('a function without it is told so', () => {
    expect(() => grad((v: Tensor) => v.sum(), { hasAux: true })(x)).toThrow(
      /grad: expected the function to return \[value, aux\] with hasAux, got \*/,
    );
  });
});

describe('axes of vmap', () => {
  const m = np.array([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  test('outAxes count from the end, go by tree, and null is for what is the same in all', () => {
    expect(js(vmap((x) => x, { outAxes: -1 })(m))).toEqual([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
    expect(js(vmap((x) => ({ a: x, b: [np.array(7), x.sum()] }), { outAxes: { a: 1, b: [null, 0] } })(m))).toEqual({
      a: [
        [1, 4],
        [2, 5],
        [3, 6],
      ],
      b: [7, [6, 15]],
    });
    expect(js(vmap(() => np.array(1), { axisSize: 3 })())).toEqual([1, 1, 1]);
    expect(js(vmap((x) => x.mul(2), { inAxes: null, axisSize: 2 })(3))).toEqual([6, 6]);
  });

  test('no examples give no results', () => {
    expect(vmap((x) => np.sin(x).sum())(np.zeros([0, 3])).shape).toEqual([0]);
    expect(vmap(grad((x) => np.sin(x).sum()))(np.zeros([0, 3])).shape).toEqual([0, 3]);
  });

  const errors: [string, () => unknown, RegExp][] = [
    [
      'outAxes past the end',
      () => vmap((x) => x, { outAxes: 2 })(m),
      /expected outAxes between -2 and 1 for result, got 2/,
    ],
    [
      'outAxes null of a mapped result',
      () => vmap((x) => [x], { outAxes: null })(m),
      /expected result\[0\] to be the same for all examples/,
    ],
    [
      'keys of inAxes',
      () => vmap((p: { a: Tensor }) => p.a, { inAxes: [{ b: 0 }] })({ a: m }),
      /expected a tree prefix of \{a: \*\} at \[0\], got \{b: \*\}/,
    ],
    [
      'axisSize of no number',
      () => vmap((x) => x, { axisSize: 1.5 })(m),
      /expected axisSize to be a number of examples, got 1\.5/,
    ],
    [
      'axisSize against an argument',
      () => vmap((x) => x, { axisSize: 5 })(m),
      /args\[0\] to have size 5, got f32\[2,3\]; size 5 came from axisSize/,
    ],
    ['nothing mapped', () => vmap((x) => x, { inAxes: null })(m), /expected at least one mapped argument/],
  ];
  test.each(errors)('wrong: %s', (_name, run, message) => expect(run).toThrow(message));
});

describe('arguments', () => {
  const mixed = { a: np.array(2), n: np.array([1], { dtype: 'int32' }), flag: true };
  const f = (p: { a: Tensor; n: Tensor; flag: Tensor }): Tensor => p.a.mul(p.a);

  test('integers beside floats are an error with the path, or zeros with allowInt', () => {
    expect(() => grad(f as never)(mixed as never)).toThrow(/got bool\[\] at args\[0\]\.flag/);
    expect(() => grad((_x: Tensor, p: typeof mixed) => p.a, { argnums: 1 })(1, mixed as never)).toThrow(
      /args\[1\]\.flag/,
    );
    expect(js(grad(f, { allowInt: true })(mixed as never))).toEqual({ a: 4, n: [0], flag: 0 });
  });

  test('an argument may be differentiated once only', () => {
    expect(() => grad((x: Tensor, y: Tensor) => x.mul(y), { argnums: [0, -2] })(1, 2)).toThrow(
      /expected distinct argnums, got \[0,-2\]/,
    );
  });

  test('empty arrays have empty gradients', () => {
    expect(grad((x) => x.sum())(np.zeros([0, 3])).shape).toEqual([0, 3]);
    expect(jacfwd((x) => np.sin(x))(np.zeros([0])).shape).toEqual([0, 0]);
    expect(jacrev((x) => np.concatenate([x, np.ones([2])]))(np.zeros([0])).shape).toEqual([2, 0]);
  });

  test('nested arrays of traced values are stacked, and keep their derivatives', () => {
    const g = (x: Tensor): Tensor => np.sum(np.square([x, [x.mul(2)][0]!]));
    expect(js(grad(g)(3))).toBe(30);
    expect(js(jit(grad(g))(3))).toBe(30);
    expect(js(grad((v: Tensor[]) => np.sum(np.square(v)))([np.array(1), np.array(2)]))).toEqual([2, 4]);
  });

  test('vjp and linearize are functions: they may be called again, later, and under other transformations', () => {
    const [, pull] = vjp((x: Tensor, p: { b: Tensor }) => np.sin(x).mul(p.b), 0, { b: np.array(3) });
    expect(js([pull(1), pull(2), pull(0)])).toEqual([
      [3, { b: 0 }],
      [6, { b: 0 }],
      [0, { b: 0 }],
    ]);
    expect(js(vmap((ct) => pull(ct)[0])(np.array([1, 2])))).toEqual([3, 6]);
    expect(js(grad((ct) => pull(ct)[0].mul(ct))(2))).toBe(12);
    const [, push] = linearize((x: Tensor) => x.mul(x), 3);
    expect(js(jit(push)(2))).toBe(12);
    expect(js(grad((t: Tensor) => push(t).mul(t))(2))).toBe(24);
  });

  test('hessian of several arguments has a block for every pair', () => {
    const h = hessian((x: Tensor, y: Tensor) => x.mul(x).mul(y).sum(), { argnums: [0, 1] })(
      np.array([1, 2]),
      np.array([3, 4]),
    );
    expect(js(h)).toEqual([
      [
        [
          [6, 0],
          [0, 8],
        ],
        [
          [2, 0],
          [0, 4],
        ],
      ],
      [
        [
          [2, 0],
          [0, 4],
        ],
        [
          [0, 0],
          [0, 0],
        ],
      ],
    ]);
  });
});

describe('errors', () => {
  const cases: [string, () => unknown, RegExp][] = [
    [
      'linearTranspose of a product',
      () => linearTranspose((x: Tensor) => x.mul(x), 1)(1),
      /expected a linear function, but it multiplies two values/,
    ],
    [
      'jacfwd of integers',
      () => jacfwd((x) => x.astype('int32'))(np.ones([2])),
      /jacfwd: expected float results, got i32\[2\]/,
    ],
    [
      'jacrev of integers',
      () => jacrev((x) => x.astype('int32'))(np.ones([2])),
      /jacrev: expected float results, got i32\[2\]/,
    ],
    [
      'a closure-converted function on another shape',
      () => {
        const [h, v] = closureConvert((x: Tensor) => x.sum(), np.ones([2]));
        return h(np.ones([3]), ...v);
      },
      /expected f32\[2\] as operand 0, got f32\[3\]/,
    ],
    [
      'arithmetic on what is differentiated',
      () => grad((x) => x.mul((x as never as number) * 2))(3),
      /conversion to a number: expected a value that is not being differentiated[\s\S]*x\.mul\(2\), not x \* 2/,
    ],
  ];
  test.each(cases)('%s', (_name, run, message) => expect(run).toThrow(message));

  test('after an error inside a transformation everything goes on as before', () => {
    const broken = (x: Tensor): Tensor => {
      np.sin(x);
      throw new RangeError('mine');
    };
    for (const run of [
      () => grad(broken)(1),
      () => jit(broken)(1),
      () => vmap(broken)(np.ones([2])),
      () => grad(jit(vmap(broken)))(np.ones([2])),
    ]) {
      expect(run).toThrow('mine');
    }
    expect(js(np.sin(0))).toBe(0);
  });

  test('an async function is refused, and its late errors do not surface', async () => {
    let late: unknown;
    const listen = (reason: unknown): void => {
      late = reason;
    };
    process.on('unhandledRejection', listen);
    expect(() =>
      jit(async (x: Tensor) => {
        await Promise.resolve();
        return x.mul(2);
      })(1),
    ).toThrow(/returns a Promise/);
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off('unhandledRejection', listen);
    expect(late).toBeUndefined();
  });

  test('settings that do not fit change nothing', () => {
    expect(() => configure({ defaultDtype: 'float64', threads: -1 })).toThrow(
      /config\.threads: expected a positive integer, got -1/,
    );
    expect(config.defaultDtype).toBe('float32');
    expect(() => configure({ defaultDtype: 'float64' }, () => Promise.resolve(1))).toThrow(
      /expected a function that returns at once/,
    );
    expect(config.defaultDtype).toBe('float32');
  });
});

describe('jit', () => {
  test('NaN and −0 are static values like others', () => {
    let traces = 0;
    const f = jit(
      (x: Tensor, s: number) => {
        traces++;
        return x.mul(s);
      },
      { staticArgnums: 1 },
    );
    f(1, NaN);
    f(1, NaN);
    expect(traces).toBe(1);
    expect(Object.is((f(1, -0) as Tensor).item(), -0)).toBe(true);
    expect(Object.is((f(1, 0) as Tensor).item(), 0)).toBe(true);
    expect(traces).toBe(3);
  });

  test('donation is for the outermost call: transformations keep what they need', () => {
    const step = jit((w: Tensor, x: Tensor) => w.mul(x).mul(w), { donateArgnums: 0 });
    const [w, x] = [np.arange(1, 40, { dtype: 'float32' }), np.ones([39])];
    expect(js(grad((v: Tensor) => step(v, x).sum())(w))).toEqual(js(w.mul(2)));
    expect(js(grad((v: Tensor) => step(w, v).sum())(x))).toEqual(js(w.mul(w)));
    expect(js(vmap(step)(w, x))).toEqual(js(w.mul(w)));
    step(w, x);
    expect(() => js(w)).toThrow(/disposed tensor/);
  });
});

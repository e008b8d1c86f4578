/** Transformations in any nesting, on hand-checked functions. The table-driven suite holds the primitives; the goldens hold the rest. */
import { describe, expect, test } from 'vitest';
import {
  checkpoint,
  checkpointPolicies,
  closureConvert,
  configure,
  customJvp,
  customVjp,
  evalShape,
  grad,
  hessian,
  hvp,
  jacfwd,
  jacrev,
  jit,
  jvp,
  lax,
  linearize,
  linearTranspose,
  makeProgram,
  np,
  stopGradient,
  type Tensor,
  valueAndGrad,
  vjp,
  vmap,
} from 'cotangent';

const close = (actual: unknown, expected: unknown, digits = 5): void => {
  const flat = (x: unknown): number[] =>
    (np.asarray(x as never).toArray() as never as number[] | number[][]).toString().split(',').map(Number);
  const [a, b] = [flat(actual), flat(expected)];
  expect(a.length).toBe(b.length);
  a.forEach((v, i) => expect(v).toBeCloseTo(b[i]!, digits));
};

const f = (x: Tensor): Tensor => np.sum(np.sin(x).mul(x).mul(x));
const x = np.array([0.5, -1.2, 2]);
const derivative = (v: number): number => 2 * v * Math.sin(v) + v * v * Math.cos(v);
const second = (v: number): number => 2 * Math.sin(v) + 4 * v * Math.cos(v) - v * v * Math.sin(v);
const points = [0.5, -1.2, 2];

describe('first and second order, in any nesting', () => {
  const first: [string, (v: Tensor) => unknown][] = [
    ['grad', grad(f)],
    ['grad∘jit', grad(jit(f))],
    ['jit∘grad', jit(grad(f))],
    ['jit∘grad∘jit', jit(grad(jit(f)))],
    ['jacfwd', jacfwd(f)],
    ['jacrev', jacrev(f)],
    ['grad∘checkpoint', grad(checkpoint(f))],
    ['jit∘grad∘checkpoint', jit(grad(checkpoint(f)))],
    ['grad∘checkpoint(dotsSaveable)', grad(checkpoint(f, { policy: checkpointPolicies.dotsSaveable }))],
    ['vjp', (v) => vjp(f, v)[1](np.array(1))[0]],
    ['valueAndGrad', (v) => valueAndGrad(f)(v)[1]],
    ['linearTranspose∘linearize', (v) => (linearTranspose(linearize(f, v)[1], v)(np.array(1)) as unknown[])[0]],
  ];
  test.each(first)('%s is the derivative', (_name, g) => close(g(x), points.map(derivative)));

  const hessians: [string, (v: Tensor) => unknown][] = [
    ['hessian', hessian(f)],
    ['jacfwd∘jacfwd', jacfwd(jacfwd(f))],
    ['jacrev∘jacrev', jacrev(jacrev(f))],
    ['jacrev∘jacfwd', jacrev(jacfwd(f))],
    ['jit∘hessian', jit(hessian(f))],
    ['hessian∘jit', hessian(jit(f))],
    ['hessian∘checkpoint', hessian(checkpoint(f))],
    ['jacfwd∘grad∘jit', jacfwd(grad(jit(f)))],
  ];
  test.each(hessians)('%s is the diagonal of second derivatives', (_name, h) => {
    close(
      h(x),
      points.map((v, i) => points.map((_, j) => (i === j ? second(v) : 0))),
    );
  });

  test('hvp takes one argument or arrays of arguments', () => {
    const v = np.array([1, 2, -1]);
    const expected = points.map((p, i) => second(p) * [1, 2, -1][i]!);
    close(hvp(f, x, v), expected);
    close(hvp(f, [x], [v]), expected);
    close(jit((a: Tensor, b: Tensor) => hvp(f, a, b))(x, v), expected);
  });

  test('vmap∘grad = grad of every row, inside and outside jit', () => {
    const rows = np.array([points, points.map((p) => p + 1)]);
    const expected = [points.map(derivative), points.map((p) => derivative(p + 1))];
    close(vmap(grad(f))(rows), expected);
    close(jit(vmap(grad(f)))(rows), expected);
    close(vmap(jit(grad(f)), { inAxes: 1, outAxes: 1 })(rows.T), np.array(expected).T);
  });

  test('a third derivative is right', () => {
    close(grad(grad(grad((v: Tensor) => v.mul(v).mul(v).mul(v))))(2), 48);
  });
});

describe('a bare number as a cotangent or tangent', () => {
  test('leaves derivatives of a strong value strong', () => {
    const x = np.float32(3);
    const same = (v: Tensor): Tensor => v;
    expect(vjp(same, x)[1](1)[0].aval.weakType).toBe(false);
    expect(linearTranspose(same, x)(1)[0]!.aval.weakType).toBe(false);
    expect(jvp(same, [x], [1])[1].aval.weakType).toBe(false);
    expect(vjp(same, 3)[1](1)[0].aval.weakType).toBe(true);
  });
});

describe('perturbations are not confused', () => {
  test('d/da a·d/db(a+b) = 1', () => close(grad((a: Tensor) => a.mul(grad((b: Tensor) => a.add(b))(1)))(3), 1));
  test('d/da a·d/db(a·b²) at b=2 is 8a', () =>
    close(grad((a: Tensor) => a.mul(grad((b: Tensor) => a.mul(b).mul(b))(2)))(3), 24));
  test('forward inside forward', () => {
    const d = (g: (v: Tensor) => Tensor) => (v: Tensor) => jvp(g, [v], [np.onesLike(v)])[1];
    close(d((a) => a.mul(d((b) => a.add(b))(np.array(1))))(np.array(3)), 1);
  });
  test('forward inside reverse', () => {
    const inner = (a: Tensor): Tensor => jvp((b: Tensor) => a.mul(b), [np.array(2)], [np.array(1)])[1] as Tensor;
    close(grad((a: Tensor) => a.mul(inner(a)))(3), 6);
  });
});

describe('pytrees, argnums, aux', () => {
  test('a gradient has the structure of its argument', () => {
    const g = grad((p: { w: Tensor; b: [Tensor, Tensor] }) => np.sum(p.w.mul(p.b[0])).add(p.b[1].mul(p.b[1])));
    const out = g({ w: np.array([1, 2]), b: [np.array([3, 4]), 5] });
    close(out.w, [3, 4]);
    close(out.b[0], [1, 2]);
    close(out.b[1], 10);
  });

  test('argnums selects, negative ones count from the end, arrays give arrays', () => {
    const g = (a: Tensor, b: Tensor): Tensor => np.sum(a.mul(b).mul(b));
    close(grad(g, { argnums: 1 })(np.array([1, 2]), np.array([3, 4])), [6, 16]);
    close(grad(g, { argnums: -1 })(np.array([1, 2]), np.array([3, 4])), [6, 16]);
    const [ga, gb] = grad(g, { argnums: [0, 1] })(np.array([1, 2]), np.array([3, 4]));
    close(ga, [9, 16]);
    close(gb, [6, 16]);
  });

  test('aux passes through undifferentiated', () => {
    const [[value, aux], g] = valueAndGrad((v: Tensor) => [np.sum(v.mul(v)), { max: np.max(v) }] as const, {
      hasAux: true,
    })(np.array([1, 3])) as never as [[Tensor, { max: Tensor }], Tensor];
    close(value, 10);
    close(aux.max, 3);
    close(g, [2, 6]);
  });

  test('null arguments have no leaves', () => {
    close(grad((a: Tensor, b: null) => (b === null ? np.sum(a) : a))(np.ones([2]), null), [1, 1]);
  });

  test('evalShape computes nothing', () => {
    const shape = evalShape((a: Tensor) => ({ s: np.matmul(a, a.T), t: a.sum() }), np.ones([2, 3]));
    expect(String((shape as { s: unknown }).s)).toBe('f32[2,2]');
  });

  test('closureConvert makes closed-over traced values arguments', () => {
    const out = grad((a: Tensor) => {
      const [h, values] = closureConvert((b: Tensor) => a.mul(b), np.array(2));
      return h(np.array(2), ...values) as Tensor;
    })(np.array(3));
    close(out, 2);
  });

  test('makeProgram prints one equation a line', () => {
    expect(String(makeProgram((v: Tensor) => np.sum(np.sin(v).mul(2)))(np.ones([3])))).toBe(
      [
        '{ lambda a:f32[3] .',
        '    b:f32[3] = sin a',
        '    c:f32[3] = mul b 2.0:f32[]',
        '    d:f32[] = reduce_sum[axes=[0]] c',
        '  in (d) }',
      ].join('\n'),
    );
  });
});

describe('custom rules', () => {
  const clip = customVjp((a: Tensor) => a);
  clip.defvjp(
    (a: Tensor) => [a, null],
    (_r: null, ct: Tensor) => [np.clip(ct, -0.5, 0.5)],
  );
  const through = (v: Tensor): Tensor => np.sum(clip(v).mul(np.array([1, -3, 0.1])));
  const expected = [0.5, -0.5, 0.1];

  test.each([
    ['eager', grad(through)],
    ['jit outside', jit(grad(through))],
    ['jit inside', grad(jit(through))],
    ['checkpoint', grad(checkpoint(through))],
  ] as [string, (v: Tensor) => Tensor][])('customVjp is used: %s', (_name, g) => close(g(x), expected));

  test('customVjp maps over a batch, and sums cotangents of unmapped arguments', () => {
    const scale = customVjp((a: Tensor, b: Tensor) => a.mul(b));
    scale.defvjp(
      (a: Tensor, b: Tensor) => [a.mul(b), [a, b]],
      ([a, b]: [Tensor, Tensor], ct: Tensor) => [ct.mul(b).mul(10), ct.mul(a).mul(10)],
    );
    const total = (a: Tensor, b: Tensor): Tensor => np.sum(vmap(scale, { inAxes: [0, null] })(a, b) as Tensor);
    const [ga, gb] = grad(total, { argnums: [0, 1] })(np.array([1, 2]), np.array(3));
    close(ga, [30, 30]);
    close(gb, 30);
  });

  test('forward mode through customVjp is an error that says so', () => {
    expect(() => jvp(clip, [x], [x])).toThrow(/defined by customVjp, which gives reverse mode only/);
    expect(() => jit((v: Tensor) => jvp(clip, [v], [v])[1])(x)).toThrow(/reverse mode only/);
  });

  test('customJvp is used in both modes and to second order, also under jit and scan', () => {
    const g = customJvp((a: Tensor) => np.exp(a));
    g.defjvps((t, out) => t.mul(out).mul(2));
    close(grad(g)(0), 2);
    close(grad(grad(g))(0), 4);
    close(jvp(g, [0], [1])[1], 2);
    close(grad(jit(g))(0), 2);
    close(vmap(grad(g))(np.zeros([2])), [2, 2]);
    const looped = (v: Tensor): Tensor =>
      lax.scan((c: Tensor, _: null) => [g(c), null], v, null, { length: 1 })[0] as Tensor;
    close(grad(looped)(0), 2);
    close(grad(grad(looped))(0), 4);
  });

  test('a rule may not close over what is differentiated', () => {
    expect(() =>
      grad((a: Tensor) => {
        const h = customJvp((b: Tensor) => b.mul(a));
        h.defjvps((t) => t);
        return jit(h)(np.array(2)) as Tensor;
      })(np.array(3)),
    ).toThrow(/through its arguments only/);
  });

  test('stopGradient is zero in every mode', () => {
    close(grad((v: Tensor) => np.sum(v.mul(stopGradient(v))))(x), points);
    close(jvp((v: Tensor) => stopGradient(v), [x], [x])[1], [0, 0, 0]);
  });
});

describe('tracers', () => {
  test('coercions of a traced value are errors that say what to use', () => {
    expect(() => jit((v: Tensor) => (+v > 0 ? v : v.neg()))(1)).toThrow(/np\.where, lax\.cond/);
    expect(() => jit((v: Tensor) => (`${v}`.length > 0 ? v : v))(1)).toThrow(/conversion to a string/);
    expect(() => jit((v: Tensor) => (JSON.stringify(v) ? v : v))(1)).toThrow(/JSON/);
    expect(() => jit((v: Tensor) => (v.item() > 0 ? v : v))(1)).toThrow(/item\(\)/);
    expect(() => vmap((v: Tensor) => (+v > 0 ? v : v))(x)).toThrow(/traced by vmap/);
  });

  test('JavaScript arithmetic on a differentiated value is an error, not a lost derivative', () => {
    expect(() => grad((v: Tensor) => v.mul(+v))(3)).toThrow(/would carry no derivative/);
  });

  test('eager derivatives may branch on values', () => {
    const abs = (v: Tensor): Tensor => (v.item() > 0 ? v.mul(v) : v.neg());
    close(grad(abs)(3), 6);
    close(grad(abs)(-3), -1);
  });

  test('a leaked tracer is an error at its next use; checkLeaks adds where its trace began', () => {
    let leaked: Tensor | undefined;
    jit((v: Tensor) => (leaked = v.mul(2)))(x);
    expect(() => leaked!.add(1)).toThrow(/leaked out of jit/);
    configure({ checkLeaks: true }, () => {
      grad((v: Tensor) => np.sum((leaked = v.mul(2))))(x);
      expect(() => leaked!.add(1)).toThrow(/entered at .*transformations\.test/);
    });
  });

  test('an async function is an error', () => {
    expect(() => jit(async (v: Tensor) => v)(x)).toThrow(/Promise/);
    expect(() => grad((async (v: Tensor) => v) as never)(x)).toThrow(/cannot survive an await/);
  });
});

describe('errors of the transformations', () => {
  const cases: [string, () => unknown, RegExp][] = [
    ['grad of an array', () => grad((v: Tensor) => v)(x), /grad: expected .* to return a float scalar, got f32\[3\]/],
    [
      'grad of an integer',
      () => grad((v: Tensor) => np.sum(v))(np.array([1, 2], { dtype: 'int32' })),
      /expected float arguments, got i32\[2\]/,
    ],
    [
      'vmap sizes',
      () => vmap((a: Tensor, b: { w: Tensor }) => a.add(b.w))(x, { w: np.ones([8, 1]) }),
      /args\[1\]\.w to have size 3, got f32\[8,1\]; size 3 came from args\[0\]/,
    ],
    ['vmap of a scalar', () => vmap((a: Tensor) => a)(np.array(1)), /to have an axis 0, got f32\[\]/],
    [
      'jvp tangent shape',
      () => jvp((v: Tensor) => v, [x], [np.ones([2])]),
      /tangents\[0\] to be like f32\[3\], got f32\[2\]/,
    ],
    ['missing return', () => jit((() => undefined) as never)(x), /is a return missing/],
    ['string argument', () => jit((v: Tensor) => v)('mean' as never), /mark it static/],
    ['linearTranspose of sin', () => linearTranspose((v: Tensor) => np.sin(v), x)(x), /sin is not linear/],
    ['argnums', () => grad((v: Tensor) => np.sum(v), { argnums: 2 })(x), /argnums between -1 and 0/],
  ];
  test.each(cases)('%s', (_name, run, message) => expect(run).toThrow(message));
});

describe('jit', () => {
  test('traces once per aval and static value', () => {
    let traces = 0;
    const g = jit(
      (v: Tensor, n: number) => {
        traces++;
        return v.mul(n);
      },
      { staticArgnums: 1 },
    );
    close(
      g(x, 2),
      points.map((p) => p * 2),
    );
    close(g(np.array([1, 1, 1]), 2), [2, 2, 2]);
    expect(traces).toBe(1);
    g(x, 3);
    g(np.ones([2]), 2);
    expect(traces).toBe(3);
  });

  test('closes over values of an enclosing trace', () => {
    close(
      grad((a: Tensor) => np.sum(jit((b: Tensor) => a.mul(b))(a)))(x),
      points.map((p) => 2 * p),
    );
  });

  test('donated tensors are gone, and say so', () => {
    const donated = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]);
    const step = jit((v: Tensor) => v.add(1), { donateArgnums: 0 });
    expect(step(donated).toArray()).toHaveLength(17);
    expect(() => donated.toArray()).toThrow(/disposed tensor f32\[17\]/);
  });
});

import { describe, expect, it } from 'vitest';
import {
  allDTypes,
  castScalar,
  type DType,
  dtypeInfo,
  isFloat,
  isHalf,
  isInteger,
  makeTypedArray,
  type TypedArray,
} from '../../../src/ir/dtype.ts';
import {
  binary,
  type BinaryOp,
  bitcast,
  constant,
  convert,
  type Expr,
  iadd,
  imod,
  imul,
  int,
  isub,
  linearize,
  load,
  select,
  unary,
  type UnaryOp,
  unaryDType,
} from '../../../src/ir/loop/expr.ts';
import { type Combine, KernelBuilder } from '../../../src/ir/loop/kernel.ts';
import { emitModule, expectSame, runEmitted } from './run-kernel.ts';

const edge = [0, -0, 1, -1, 2.5, -2.5, 0.5, -0.5, 1.5, 3e9, -3e9, 300, -300, NaN, Infinity, -Infinity, 1e-40, 16777217];
const edgeInt = [0, 1, -1, 2, -2, 7, -7, 31, 32, 33, 255, 256, 2147483647, -2147483648, 12345, -98765];

/** Kernels move, select and convert 16-bit floats, and compute with none (`compiler/halves`). */
const computed = allDTypes.filter((dtype) => !isHalf(dtype));

function data(dtype: DType, n: number, seed = 1): TypedArray {
  const out = makeTypedArray(dtype, n);
  let s = seed * 7919 + 13;
  for (let i = 0; i < n; i++) {
    s = (Math.imul(s, 1103515245) + 12345) & 0x7fffffff;
    const r = s / 0x7fffffff;
    if (dtype === 'bool') out[i] = r > 0.5 ? 1 : 0;
    else if (isFloat(dtype)) out[i] = castScalar(i % 3 === 0 ? edge[s % edge.length]! : (r - 0.5) * 8, dtype);
    else out[i] = i % 2 === 0 ? edgeInt[s % edgeInt.length]! : Math.floor((r - 0.5) * 1000);
  }
  return out;
}

function smooth(dtype: DType, n: number, seed = 1): TypedArray {
  return data(dtype, n, seed).map((x, i) => (isFloat(dtype) ? Math.sin(i * 1.7 + seed) * 3 : x)) as TypedArray;
}

/** out[i] = f(a[i], b[i]) over 23 elements: vector main loop and remainder. */
function pointwise(dtypes: readonly DType[], out: DType, f: (xs: Expr[]) => Expr, n = 23): KernelBuilder {
  const b = new KernelBuilder(
    'pointwise',
    dtypes.map((dtype) => ({ dtype, size: n })),
    [{ dtype: out, size: n }],
  );
  b.parallel([n], ([i]) => b.store(b.outputs[0]!, i!, f(b.inputs.map((x) => load(x, i!)))));
  return b;
}

describe('elementwise kernels', () => {
  const floatOps: BinaryOp[] = [
    'add',
    'sub',
    'mul',
    'div',
    'rem',
    'max',
    'min',
    'eq',
    'ne',
    'lt',
    'le',
    'gt',
    'ge',
    'copysign',
  ];
  const intOps: BinaryOp[] = [
    'add',
    'sub',
    'mul',
    'div',
    'rem',
    'max',
    'min',
    'and',
    'or',
    'xor',
    'shl',
    'shr_logical',
    'shr_arithmetic',
    'eq',
    'ne',
    'lt',
    'le',
    'gt',
    'ge',
  ];
  const boolOps: BinaryOp[] = ['and', 'or', 'xor', 'eq', 'ne', 'lt', 'le', 'gt', 'ge', 'max', 'min'];
  for (const dtype of computed) {
    const ops = dtype === 'bool' ? boolOps : isFloat(dtype) ? floatOps : intOps;
    it(`computes every binary operation of ${dtype}`, () => {
      for (const fn of ops) {
        const k = pointwise([dtype, dtype], binary(fn, constant(0, dtype), constant(0, dtype)).dtype, ([x, y]) =>
          binary(fn, x!, y!),
        );
        expectSame({ ...k.build(), name: `${fn} ${dtype}` }, [data(dtype, 23, 1), data(dtype, 23, 2)]);
      }
    });
    const words = dtype === 'float64' ? (['high_word', 'low_word'] as const) : [];
    const unaryOps: UnaryOp[] =
      dtype === 'bool'
        ? ['not']
        : isFloat(dtype)
          ? ['neg', 'abs', 'sign', 'floor', 'ceil', 'trunc', 'round_even', 'sqrt', 'is_finite', ...words]
          : ['neg', 'abs', 'sign', 'not', 'popcount', 'clz'];
    it(`computes every basic unary operation of ${dtype}`, () => {
      for (const fn of unaryOps) {
        const k = pointwise([dtype], unaryDType(fn, dtype), ([x]) => unary(fn, x!));
        expectSame({ ...k.build(), name: `${fn} ${dtype}` }, [data(dtype, 23)]);
      }
    });
  }

  for (const dtype of allDTypes) {
    it(`converts ${dtype} to every dtype`, () => {
      for (const to of allDTypes) {
        const k = pointwise([dtype], to, ([x]) => convert(x!, to));
        expectSame({ ...k.build(), name: `${dtype} to ${to}` }, [data(dtype, 23)]);
      }
    });
    it(`selects ${dtype}`, () => {
      const k = pointwise(['bool', dtype, dtype], dtype, ([c, x, y]) => select(c!, x!, y!));
      expectSame(k.build(), [data('bool', 23), data(dtype, 23, 1), data(dtype, 23, 2)]);
      const lt = pointwise([dtype, dtype], dtype, ([x, y]) => select(binary('lt', x!, y!), y!, x!));
      if (dtype !== 'bool' && !isHalf(dtype)) expectSame(lt.build(), [data(dtype, 23, 1), data(dtype, 23, 2)]);
    });
  }

  it('shifts by constants and by a loop-invariant amount', () => {
    for (const dtype of ['int32', 'uint32', 'uint8'] as const) {
      for (const fn of ['shl', 'shr_logical', 'shr_arithmetic'] as const) {
        for (const amount of [0, 3, 31, 32, 40]) {
          const k = pointwise([dtype], dtype, ([x]) => binary(fn, x!, constant(amount, dtype)));
          expectSame({ ...k.build(), name: `${fn} ${dtype} ${amount}` }, [data(dtype, 23)]);
        }
        const b = new KernelBuilder(
          'uniform shift',
          [
            { dtype, size: 23 },
            { dtype, size: 1 },
          ],
          [{ dtype, size: 23 }],
        );
        b.parallel([23], ([i]) =>
          b.store(b.outputs[0]!, i!, binary(fn, load(b.inputs[0]!, i!), load(b.inputs[1]!, int(0)))),
        );
        for (const amount of [5, 35]) expectSame(b.build(), [data(dtype, 23), makeTypedArray(dtype, 1).fill(amount)]);
      }
    }
  });

  it('reinterprets bits', () => {
    expectSame(pointwise(['float32'], 'int32', ([x]) => bitcast(x!, 'int32')).build(), [smooth('float32', 23)]);
    expectSame(pointwise(['uint32'], 'float32', ([x]) => bitcast(x!, 'float32')).build(), [
      Uint32Array.from({ length: 23 }, (_, i) => 0x3f800000 + i * 77777),
    ]);
  });

  it('computes transcendental functions within a few ulp', () => {
    const fns: UnaryOp[] = [
      'exp',
      'exp2',
      'expm1',
      'log',
      'log1p',
      'log2',
      'log10',
      'logistic',
      'sin',
      'cos',
      'tan',
      'asin',
      'acos',
      'atan',
      'sinh',
      'cosh',
      'tanh',
      'asinh',
      'acosh',
      'atanh',
      'erf',
      'erfc',
      'erf_inv',
      'lgamma',
      'digamma',
      'cbrt',
      'rsqrt',
      'bessel_i0e',
      'bessel_i1e',
    ];
    for (const dtype of ['float32', 'float64'] as const) {
      for (const fn of fns) {
        const k = pointwise([dtype], dtype, ([x]) => unary(fn, x!));
        const x = smooth(dtype, 23);
        x[3] = 1e8;
        x[21] = -1e7;
        const positive = x.map((v) =>
          fn === 'asin' || fn === 'acos' || fn === 'atanh' || fn === 'erf_inv' ? v / 1e8 : v,
        ) as TypedArray;
        expectSame({ ...k.build(), name: `${fn} ${dtype}` }, [positive], dtype === 'float32' ? 3e-7 : 5e-16);
      }
      for (const fn of ['pow', 'atan2'] as const) {
        const k = pointwise([dtype, dtype], dtype, ([x, y]) => binary(fn, x!, y!));
        expectSame(k.build(), [smooth(dtype, 23, 1), smooth(dtype, 23, 2)], dtype === 'float32' ? 3e-7 : 5e-16);
      }
    }
  });

  it('mixes widths in one kernel', () => {
    const k = pointwise(['float32', 'float64', 'uint8', 'bool'], 'float64', ([x, y, z, c]) =>
      select(
        binary('and', c!, binary('lt', convert(x!, 'float64'), y!)),
        binary('mul', convert(z!, 'float64'), y!),
        convert(convert(binary('add', convert(z!, 'float32'), x!), 'int32'), 'float64'),
      ),
    );
    expectSame(k.build(), [smooth('float32', 23), smooth('float64', 23, 2), data('uint8', 23), data('bool', 23)]);
  });

  it('shares a subexpression between outputs', () => {
    const spec = { dtype: 'float32', size: 37 } as const;
    const b = new KernelBuilder('shared', [spec, spec], [spec, spec, spec]);
    b.parallel([37], ([i]) => {
      const sum = binary('add', load(b.inputs[0]!, i!), load(b.inputs[1]!, i!));
      const square = binary('mul', sum, sum);
      b.store(b.outputs[0]!, i!, square);
      b.store(b.outputs[1]!, i!, binary('sub', square, sum));
      b.store(b.outputs[2]!, i!, unary('sqrt', square));
    });
    expectSame(b.build(), [smooth('float32', 37), smooth('float32', 37, 2)]);
  });

  it('survives an expression 20,000 operations deep', () => {
    const k = pointwise(
      ['float32'],
      'float32',
      ([x]) => {
        let y: Expr = x!;
        for (let i = 0; i < 20_000; i++) y = binary('add', binary('mul', y, constant(0.5, 'float32')), x!);
        return y;
      },
      9,
    );
    const x = smooth('float32', 9);
    const got = runEmitted(k.build(), [x])[1]!;
    x.forEach((v, i) => expect(got[i]).toBeCloseTo(2 * v, 4));
  });
});

describe('index arithmetic', () => {
  it('broadcasts, transposes and strides', () => {
    const [m, n] = [7, 9];
    const b = new KernelBuilder(
      'views',
      [
        { dtype: 'float32', size: m * n },
        { dtype: 'float32', size: n },
      ],
      [
        { dtype: 'float32', size: m * n },
        { dtype: 'float32', size: m * n },
      ],
    );
    b.parallel([m, n], ([i, j]) => {
      const at = linearize([i!, j!], [m, n]);
      b.store(b.outputs[0]!, at, binary('add', load(b.inputs[0]!, at), load(b.inputs[1]!, j!)));
      const flipped = linearize([j!, isub(int(m - 1), i!)], [n, m]);
      b.store(b.outputs[1]!, flipped, load(b.inputs[0]!, linearize([isub(int(m - 1), i!), j!], [m, n])));
    });
    expectSame(b.build(), [smooth('float32', m * n), smooth('float32', n, 3)]);
  });

  it('pads, with loads outside guarded by a select', () => {
    for (const dtype of ['float32', 'float64', 'uint8', 'bool'] as const) {
      const [h, w, p] = [5, 6, 2];
      const [ph, pw] = [h + 2 * p, w + 2 * p];
      const b = new KernelBuilder('pad', [{ dtype, size: h * w }], [{ dtype, size: ph * pw }]);
      b.parallel([ph, pw], ([i, j]) => {
        const [y, x] = [isub(i!, int(p)), isub(j!, int(p))];
        const inside = [
          binary('ge', y, int(0)),
          binary('lt', y, int(h)),
          binary('ge', x, int(0)),
          binary('lt', x, int(w)),
        ];
        const cond = inside.reduce((a, c) => binary('and', a, c));
        b.store(
          b.outputs[0]!,
          linearize([i!, j!], [ph, pw]),
          select(cond, load(b.inputs[0]!, linearize([y, x], [h, w])), constant(1, dtype)),
        );
      });
      expectSame(b.build(), [smooth(dtype, h * w)]);
    }
  });

  it('guards loads that are far out of range', () => {
    const n = 21;
    const b = new KernelBuilder(
      'far',
      [
        { dtype: 'float32', size: n },
        { dtype: 'int32', size: n },
      ],
      [{ dtype: 'float32', size: n }],
    );
    b.parallel([n], ([i]) => {
      const k = load(b.inputs[1]!, i!);
      const inside = binary('and', binary('ge', k, int(0)), binary('lt', k, int(n)));
      b.store(b.outputs[0]!, i!, select(inside, load(b.inputs[0]!, k), constant(-1, 'float32')));
    });
    expectSame(b.build(), [
      smooth('float32', n),
      Int32Array.from({ length: n }, (_, i) => (i % 3 === 0 ? i * 500_000_000 : (i * 5) % n)),
    ]);
  });

  it('gathers with division and remainder of a merged index', () => {
    const [a, c, d] = [3, 5, 4];
    const b = new KernelBuilder(
      'regroup',
      [{ dtype: 'int32', size: a * c * d }],
      [{ dtype: 'int32', size: a * c * d }],
    );
    b.parallel([a * c * d], ([i]) => {
      // out[x, z, y] = in[x, y, z]
      const [x, z, y] = [binary('div', i!, int(c * d)), imod(binary('div', i!, int(c)), d), imod(i!, c)];
      b.store(b.outputs[0]!, i!, load(b.inputs[0]!, linearize([x, y, z], [a, c, d])));
    });
    expectSame(b.build(), [data('int32', a * c * d)]);
  });

  it('computes iota in lanes', () => {
    const b = new KernelBuilder(
      'iota',
      [],
      [
        { dtype: 'float32', size: 19 },
        { dtype: 'float64', size: 19 },
      ],
    );
    b.parallel([19], ([i]) => {
      b.store(b.outputs[0]!, i!, convert(iadd(imul(i!, int(3)), int(7)), 'float32'));
      b.store(b.outputs[1]!, i!, convert(imod(i!, 4), 'float64'));
    });
    expectSame(b.build(), []);
  });
});

describe('reductions', () => {
  const combines = (d: DType): Combine[] =>
    d === 'bool'
      ? ['and', 'or', 'xor']
      : isFloat(d)
        ? ['add', 'mul', 'max', 'min']
        : ['add', 'mul', 'max', 'min', 'and', 'or', 'xor'];
  for (const dtype of computed) {
    for (const [m, n] of [
      [3, 70],
      [21, 5],
      [1, 133],
      [4, 1],
      [6, 0],
      [50, 19],
    ] as const) {
      it(`reduces ${dtypeInfo[dtype].short}[${m},${n}] along rows, columns and in full`, () => {
        for (const combine of combines(dtype)) {
          const b = new KernelBuilder(
            combine,
            [{ dtype, size: m * n }],
            [
              { dtype, size: m },
              { dtype, size: n },
              { dtype, size: 1 },
            ],
          );
          const at = (i: Expr, j: Expr): Expr => load(b.inputs[0]!, linearize([i, j], [m, n]));
          b.parallel([m], ([i]) =>
            b.store(
              b.outputs[0]!,
              i!,
              b.reduce(combine, [n], dtype, ([j]) => at(i!, j!)),
            ),
          );
          b.parallel([n], ([j]) =>
            b.store(
              b.outputs[1]!,
              j!,
              b.reduce(combine, [m], dtype, ([i]) => at(i!, j!)),
            ),
          );
          b.store(
            b.outputs[2]!,
            int(0),
            b.reduce(combine, [m, n], dtype, ([i, j]) => at(i!, j!)),
          );
          const input = isFloat(dtype) ? smooth(dtype, m * n) : data(dtype, m * n);
          expectSame(b.build(), [input], dtype === 'float32' ? 1e-6 : 1e-13);
        }
      });
    }
  }

  it('reduces windows', () => {
    const [h, w, k] = [8, 11, 3];
    const b = new KernelBuilder(
      'pool',
      [{ dtype: 'float32', size: h * w }],
      [{ dtype: 'float32', size: (h - 2) * (w - 2) }],
    );
    b.parallel([h - 2, w - 2], ([i, j]) => {
      const r = b.reduce('max', [k, k], 'float32', ([y, x]) =>
        load(b.inputs[0]!, linearize([iadd(i!, y!), iadd(j!, x!)], [h, w])),
      );
      b.store(b.outputs[0]!, linearize([i!, j!], [h - 2, w - 2]), r);
    });
    expectSame(b.build(), [smooth('float32', h * w)]);
  });

  it('computes mean and variance of rows, two passes and a map', () => {
    const [m, n] = [5, 37];
    const b = new KernelBuilder('normalize', [{ dtype: 'float32', size: m * n }], [{ dtype: 'float32', size: m * n }]);
    b.parallel([m], ([i]) => {
      const x = (j: Expr): Expr => load(b.inputs[0]!, linearize([i!, j], [m, n]));
      const mean = binary(
        'div',
        b.reduce('add', [n], 'float32', ([j]) => x(j!)),
        constant(n, 'float32'),
      );
      const top = b.reduce('max', [n], 'float32', ([j]) => x(j!));
      const variance = b.reduce('add', [n], 'float32', ([j]) => {
        const d = binary('sub', x(j!), mean);
        return binary('mul', d, d);
      });
      b.parallel([n], ([j]) =>
        b.store(b.outputs[0]!, linearize([i!, j!], [m, n]), binary('div', binary('sub', x(j!), top), variance)),
      );
    });
    expectSame(b.build(), [smooth('float32', m * n)], 1e-5);
  });

  it('sums ten million float32 tenths to 1e-6 and counts 2^25 ones', () => {
    const n = 10_000_000;
    const b = new KernelBuilder('sum', [{ dtype: 'float32', size: n }], [{ dtype: 'float32', size: 1 }]);
    b.store(
      b.outputs[0]!,
      int(0),
      b.reduce('add', [n], 'float32', ([i]) => load(b.inputs[0]!, i!)),
    );
    const got = runEmitted(b.build(), [new Float32Array(n).fill(0.1)])[1]![0]!;
    expect(Math.abs(got / (n * Math.fround(0.1)) - 1)).toBeLessThan(1e-6);
    const ones = 2 ** 25;
    const c = new KernelBuilder('ones', [], [{ dtype: 'float32', size: 1 }]);
    c.store(
      c.outputs[0]!,
      int(0),
      c.reduce('add', [ones], 'float32', () => constant(1, 'float32')),
    );
    expect(runEmitted(c.build(), [])[0]![0]).toBe(ones);
  });

  it('sums ten million float64 tenths to 1e-14', () => {
    const n = 10_000_000;
    const b = new KernelBuilder('sum', [{ dtype: 'float64', size: n }], [{ dtype: 'float64', size: 1 }]);
    b.store(
      b.outputs[0]!,
      int(0),
      b.reduce('add', [n], 'float64', ([i]) => load(b.inputs[0]!, i!)),
    );
    const got = runEmitted(b.build(), [new Float64Array(n).fill(0.1)])[1]![0]!;
    expect(Math.abs(got / 1e6 - 1)).toBeLessThan(1e-14);
  });
});

describe('sums of infinities', () => {
  it('stay infinite, or NaN where signs differ', () => {
    for (const dtype of ['float32', 'float64'] as const) {
      for (const values of [[Infinity], [-Infinity, Infinity], [NaN]]) {
        const b = new KernelBuilder('sum', [{ dtype, size: 5000 }], [{ dtype, size: 1 }]);
        b.store(
          b.outputs[0]!,
          int(0),
          b.reduce('add', [5000], dtype, ([i]) => load(b.inputs[0]!, i!)),
        );
        const x = makeTypedArray(dtype, 5000).fill(1);
        x.set(values, 70);
        expectSame(b.build(), [x]);
      }
    }
  });
});

describe('statements', () => {
  it('runs a cumulative sum with a rewritten buffer', () => {
    const [m, n] = [3, 17];
    const b = new KernelBuilder('cumsum', [{ dtype: 'float32', size: m * n }], [{ dtype: 'float32', size: m * n }]);
    b.parallel([m], ([i]) => {
      b.store(b.outputs[0]!, linearize([i!, int(0)], [m, n]), load(b.inputs[0]!, linearize([i!, int(0)], [m, n])));
      b.loop(n - 1, (j) => {
        const at = linearize([i!, iadd(j, int(1))], [m, n]);
        const before = linearize([i!, j], [m, n]);
        b.store(b.outputs[0]!, at, binary('add', load(b.outputs[0]!, before), load(b.inputs[0]!, at)));
      });
    });
    expectSame(b.build(), [smooth('float32', m * n)], 1e-6);
  });

  it('tracks the position of a maximum in locals, along rows and along columns', () => {
    const [m, n] = [13, 9];
    for (const dtype of ['float32', 'float64', 'int32'] as const) {
      const b = new KernelBuilder(
        'argmax',
        [{ dtype, size: m * n }],
        [
          { dtype: 'int32', size: m },
          { dtype: 'int32', size: n },
        ],
      );
      const scan = (out: number, outer: number, inner: number, at: (o: Expr, k: Expr) => Expr): void =>
        b.parallel([outer], ([o]) => {
          const best = b.local(dtype, load(b.inputs[0]!, at(o!, int(0))));
          const where = b.local('int32', 0);
          b.loop(inner, (k) => {
            const x = load(b.inputs[0]!, at(o!, k));
            const isBetter = binary('gt', x, b.get(best));
            b.set(where, select(isBetter, k, b.get(where)));
            b.set(best, select(isBetter, x, b.get(best)));
          });
          b.store(b.outputs[out]!, o!, b.get(where));
        });
      scan(0, m, n, (o, k) => linearize([o, k], [m, n]));
      scan(1, n, m, (o, k) => linearize([k, o], [m, n]));
      expectSame(b.build(), [smooth(dtype, m * n)]);
    }
  });

  it('branches and loops while', () => {
    const n = 12;
    const b = new KernelBuilder('collatz', [{ dtype: 'int32', size: n }], [{ dtype: 'int32', size: n }]);
    b.parallel([n], ([i]) => {
      const x = b.local('int32', load(b.inputs[0]!, i!));
      const steps = b.local('int32', 0);
      b.while(binary('gt', b.get(x), int(1)), () => {
        b.if(
          binary('eq', binary('and', b.get(x), int(1)), int(0)),
          () => b.set(x, binary('div', b.get(x), int(2))),
          () => b.set(x, iadd(imul(b.get(x), int(3)), int(1))),
        );
        b.set(steps, iadd(b.get(steps), int(1)));
      });
      b.store(b.outputs[0]!, i!, b.get(steps));
    });
    expectSame(b.build(), [Int32Array.from({ length: n }, (_, i) => i + 1)]);
  });

  it('swaps in place through scratch', () => {
    const n = 16;
    const b = new KernelBuilder('reverse', [{ dtype: 'float32', size: n }], [{ dtype: 'float32', size: n }]);
    const t = b.scratch('float32', n);
    b.parallel([n], ([i]) => b.store(t, i!, load(b.inputs[0]!, i!)));
    b.parallel([n], ([i]) => b.store(b.outputs[0]!, i!, load(t, isub(int(n - 1), i!))));
    expectSame(b.build(), [smooth('float32', n)]);
  });
});

describe('parametric kernels', () => {
  it('share one module between shapes of equal structure', () => {
    const make = (m: number, n: number): Uint8Array => {
      const b = new KernelBuilder(
        'add',
        [
          { dtype: 'float32', size: m * n },
          { dtype: 'float32', size: n },
        ],
        [{ dtype: 'float32', size: m * n }],
      );
      b.parallel([m, n], ([i, j]) => {
        const at = linearize([i!, j!], [m, n]);
        b.store(b.outputs[0]!, at, binary('add', load(b.inputs[0]!, at), load(b.inputs[1]!, j!)));
      });
      return emitModule(b.build(), true).bytes;
    };
    expect(make(5, 40)).toEqual(make(100, 17));
  });
  it('knows integers', () => expect(isInteger('uint8')).toBe(true));
});

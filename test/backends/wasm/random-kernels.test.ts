import { array, assert, constantFrom, integer, property, record } from 'fast-check';
import { describe, it } from 'vitest';
import { type DType, isFloat, makeTypedArray, type TypedArray } from '../../../src/ir/dtype.ts';
import {
  binary,
  type BinaryOp,
  constant,
  convert,
  type Expr,
  iadd,
  idiv,
  imod,
  imul,
  int,
  isub,
  linearize,
  load,
  select,
  unary,
  type UnaryOp,
} from '../../../src/ir/loop/expr.ts';
import { type Combine, KernelBuilder } from '../../../src/ir/loop/kernel.ts';
import { expectSame } from './run-kernel.ts';
import { runs } from '../../support/runs.ts';

interface Op {
  readonly kind: number;
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

const dtypes: readonly DType[] = ['float32', 'float64', 'int32', 'uint32', 'uint8', 'bool'];
const exactFloat: readonly BinaryOp[] = ['add', 'sub', 'mul', 'max', 'min', 'div'];
const exactInt: readonly BinaryOp[] = [
  'add',
  'sub',
  'mul',
  'max',
  'min',
  'and',
  'or',
  'xor',
  'div',
  'rem',
  'shl',
  'shr_logical',
];
const compare: readonly BinaryOp[] = ['lt', 'le', 'eq', 'ne', 'gt', 'ge'];
const logic: readonly BinaryOp[] = ['and', 'or', 'xor'];
const pick = <T>(list: readonly T[], i: number): T => list[i % list.length]!;

/** Grows a pool of expressions by one more, made of earlier ones. All operations are exact, so results must agree to the bit. */
function grow(pool: Expr[], { kind, x, y, z }: Op): void {
  const a = pick(pool, x);
  const b = convert(pick(pool, y), a.dtype);
  switch (kind) {
    case 0:
    case 1:
    case 2: {
      const ops = a.dtype === 'bool' ? logic : isFloat(a.dtype) ? exactFloat : exactInt;
      pool.push(binary(pick(ops, z), a, b));
      return;
    }
    case 3:
      pool.push(binary(pick(compare, z), a, b));
      return;
    case 4:
      pool.push(select(convert(pick(pool, z), 'bool'), a, b));
      return;
    case 5:
      pool.push(convert(a, pick(dtypes, z)));
      return;
    case 6: {
      const fns: readonly UnaryOp[] =
        a.dtype === 'bool'
          ? ['not']
          : isFloat(a.dtype)
            ? ['neg', 'abs', 'floor', 'sqrt', 'sign']
            : ['neg', 'abs', 'not', 'sign'];
      pool.push(unary(pick(fns, z), a));
      return;
    }
    default:
      pool.push(a.dtype === 'bool' ? unary('not', a) : binary('add', a, constant(z % 7, a.dtype)));
  }
}

function fill(dtype: DType, n: number, seed: number): TypedArray {
  const out = makeTypedArray(dtype, n);
  for (let i = 0; i < n; i++) {
    const h = Math.imul(i * 2654435761 + seed * 40503, 2246822519) >>> 8;
    out[i] = dtype === 'bool' ? h & 1 : isFloat(dtype) ? ((h % 2001) - 1000) / 64 : (h % 41) - 20;
  }
  return out;
}

const op = record({
  kind: integer({ min: 0, max: 7 }),
  x: integer({ min: 0, max: 99 }),
  y: integer({ min: 0, max: 99 }),
  z: integer({ min: 0, max: 99 }),
});

describe('random kernels', () => {
  it('agree with the interpreter to the bit, elementwise with several outputs', () => {
    assert(
      property(
        array(op, { minLength: 1, maxLength: 25 }),
        integer({ min: 1, max: 19 }),
        integer({ min: 1, max: 6 }),
        (ops, n, m) => {
          const inputs = dtypes.map((dtype) => ({ dtype, size: m * n }));
          const made: Expr[] = [];
          const build = (outs: readonly DType[]): KernelBuilder => {
            const b = new KernelBuilder(
              'random',
              [...inputs, { dtype: 'float32', size: n }],
              outs.map((dtype) => ({ dtype, size: m * n })),
            );
            b.parallel([m, n], ([i, j]) => {
              const at = linearize([i!, j!], [m, n]);
              const pool = [
                ...b.inputs.slice(0, 6).map((x) => load(x, at)),
                load(b.inputs[6]!, j!),
                convert(at, 'float32'),
              ];
              for (const o of ops) grow(pool, o);
              made.splice(0, made.length, ...pool.slice(-3));
              made.forEach((e, k) => outs[k] && b.store(b.outputs[k]!, at, e));
            });
            return b;
          };
          build([]);
          const b = build(made.map((e) => e.dtype));
          expectSame(b.build(), [...inputs.map((s, k) => fill(s.dtype, s.size, k)), fill('float32', n, 9)]);
        },
      ),
      runs(150),
    );
  });

  it('agree with the interpreter on integer index arithmetic', () => {
    const shape = record({
      a: integer({ min: 1, max: 5 }),
      b: integer({ min: 1, max: 6 }),
      c: integer({ min: 1, max: 9 }),
    });
    assert(
      property(
        shape,
        array(
          record({ kind: integer({ min: 0, max: 6 }), d: integer({ min: 1, max: 7 }), k: integer({ min: 0, max: 9 }) }),
          { maxLength: 8 },
        ),
        ({ a, b: bb, c }, steps) => {
          const size = a * bb * c;
          const b = new KernelBuilder(
            'index',
            [{ dtype: 'float32', size: 11 }],
            [
              { dtype: 'int32', size },
              { dtype: 'float32', size },
            ],
          );
          b.parallel([a, bb, c], ([i, j, k]) => {
            const at = linearize([i!, j!, k!], [a, bb, c]);
            let e: Expr = at;
            for (const s of steps) {
              if (s.kind === 0) e = idiv(e, s.d);
              else if (s.kind === 1) e = imod(e, s.d);
              else if (s.kind === 2) e = iadd(e, imul(j!, int(s.k)));
              else if (s.kind === 3) e = imul(e, int(s.d));
              else if (s.kind === 4) e = iadd(imul(idiv(e, s.d), int(s.d)), imod(e, s.d));
              else if (s.kind === 5) e = binary('max', isub(e, int(s.k)), int(0));
              else e = select(binary('lt', k!, int(s.k)), e, iadd(e, int(1)));
            }
            b.store(b.outputs[0]!, at, e);
            const outside = isub(imod(e, 20), int(4));
            const isInside = binary('and', binary('ge', outside, int(0)), binary('lt', outside, int(11)));
            b.store(b.outputs[1]!, at, select(isInside, load(b.inputs[0]!, outside), constant(-1, 'float32')));
          });
          expectSame(b.build(), [fill('float32', 11, 3)]);
        },
      ),
      runs(200),
    );
  });

  it('agree with the interpreter on reductions over any axes', () => {
    const shape = record({
      a: integer({ min: 1, max: 7 }),
      b: integer({ min: 1, max: 20 }),
      c: integer({ min: 1, max: 70 }),
    });
    assert(
      property(
        shape,
        integer({ min: 1, max: 7 }),
        constantFrom<Combine>('add', 'max', 'min', 'mul'),
        constantFrom<DType>('float32', 'float64', 'int32', 'uint8'),
        (s, mask, combine, dtype) => {
          const dims = [s.a, s.b, s.c];
          const isReduced = dims.map((_, i) => ((mask >> i) & 1) === 1);
          const outer = dims.filter((_, i) => !isReduced[i]);
          const inner = dims.filter((_, i) => isReduced[i]);
          const outSize = outer.reduce((x, y) => x * y, 1);
          const b = new KernelBuilder(
            'reduce',
            [{ dtype, size: s.a * s.b * s.c }],
            [
              { dtype, size: outSize },
              { dtype, size: outSize },
            ],
          );
          b.parallel(outer, (o) => {
            const element = (r: readonly Expr[]): Expr => {
              let [ro, rr] = [0, 0];
              return load(
                b.inputs[0]!,
                linearize(
                  dims.map((_, i) => (isReduced[i] ? r[rr++]! : o[ro++]!)),
                  dims,
                ),
              );
            };
            const first = b.reduce(combine, inner, dtype, element);
            const second = b.reduce('max', inner, dtype, (r) =>
              dtype === 'uint8' ? element(r) : unary('neg', element(r)),
            );
            b.store(b.outputs[0]!, linearize(o, outer), first);
            b.store(b.outputs[1]!, linearize(o, outer), second);
          });
          const data = fill(dtype, s.a * s.b * s.c, 5);
          const input = combine === 'mul' && isFloat(dtype) ? (data.map((x) => 1 + x / 4096) as TypedArray) : data;
          expectSame(b.build(), [input], dtype === 'float32' ? 1e-6 : 1e-12);
        },
      ),
      runs(150),
    );
  });
});

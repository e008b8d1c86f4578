/**
 * The rewrite rules that primitives carry: they apply where they should, and change no bit of any result.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { Aval, bool, f32, f64, i32, u32, u8 } from '../../src/ir/aval.ts';
import { makeTypedArray, type TypedArray } from '../../src/ir/dtype.ts';
import { type Atom, Equation, Literal, Program } from '../../src/ir/program.ts';
import { verifyProgram } from '../../src/ir/verify.ts';
import { hostTensor, scalarTensor, type Tensor } from '../../src/core/tensor.ts';
import { ReferenceExecutor } from '../../src/backends/reference/executor.ts';
import { divP } from '../../src/primitives/arithmetic.ts';
import * as p from '../../src/primitives/index.ts';
import { stopGradientOf } from '../../src/primitives/barrier.ts';
import { slice } from '../../src/primitives/slice.ts';
import { broadcastInDimP, reduceSumP, reshapeP, transposeP } from '../../src/primitives/structural.ts';
import { bind1 } from '../../src/core/trace.ts';
import { dce } from '../../src/compiler/dce.ts';
import { simplify } from '../../src/compiler/simplify.ts';
import { trace } from './check-plan.ts';

const floats = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 1e-45, -1e-40, 3.4e38, 0.1, -2.5];
const integers = [0, 1, -1, 2147483647, -2147483648, 7, -7, 65536, 3, 2, 100, -100];
const reference = new ReferenceExecutor();

function special(aval: Aval): TypedArray {
  const data = makeTypedArray(aval.dtype, aval.size);
  const from = aval.dtype === 'bool' ? [1, 0] : aval.dtype === 'int32' ? integers : floats;
  for (let i = 0; i < data.length; i++) data[i] = from[i % from.length]!;
  return data;
}

/** The equations that are left, after checking that the results are the same bit for bit. */
function simplified(avals: readonly Aval[], f: (args: readonly Tensor[]) => readonly Tensor[]): string[] {
  return rewritten(avals, f).equations.map((e) => e.primitive.name);
}

function rewritten(avals: readonly Aval[], f: (args: readonly Tensor[]) => readonly Tensor[]): Program {
  const program = trace(avals, f);
  const simple = dce(simplify(program));
  verifyProgram(simple);
  const args = avals.map((a) => hostTensor(special(a), a));
  const [before, after] = [program, withTensors(simple)].map((q) =>
    reference
      .compile(q)(args)
      .map((t) => [...t.read()]),
  );
  before!.forEach((xs, o) =>
    xs.forEach((x, i) => expect(Object.is(x, after![o]![i]), `${o}[${i}]: ${x}, ${after![o]![i]}`).toBe(true)),
  );
  return simple;
}

/** The compiler's own literals are numbers only; the reference device wants tensors. */
function withTensors(program: Program): Program {
  const tensor = (a: Atom): Atom =>
    a.kind === 'literal' && a.value.scalar !== undefined ? new Literal(scalarTensor(a.value.scalar, a.aval.dtype)) : a;
  const equations = program.equations.map((e) => new Equation(e.primitive, e.inputs.map(tensor), e.params, e.outputs));
  return new Program(program.name, program.inputs, equations, program.outputs.map(tensor));
}

const s = (x: number): Tensor => scalarTensor(x, 'float32');
const n = (x: number): Tensor => scalarTensor(x, 'int32');
const v = f32(12);
const w = i32(12);
const u = u32(12);

describe('arithmetic', () => {
  it('drops what is neutral', () => {
    const neutral = [
      (x: Tensor) => p.mul(x, s(1)),
      (x: Tensor) => p.mul(s(1), x),
      (x: Tensor) => p.div(x, s(1)),
      (x: Tensor) => p.add(x, s(-0)),
      (x: Tensor) => p.sub(x, s(0)),
    ];
    for (const f of neutral) expect(simplified([v], ([x]) => [f(x!)])).toEqual([]);
    expect(simplified([w], ([x]) => [p.add(n(0), p.mul(x!, n(1))), p.sub(x!, n(0)), p.div(x!, n(1))])).toEqual([]);
  });

  it('keeps what only looks neutral', () => {
    expect(simplified([v], ([x]) => [p.add(x!, s(0)), p.sub(x!, s(-0)), p.mul(x!, s(0)), p.div(s(1), x!)])).toEqual([
      'add',
      'sub',
      'mul',
      'div',
    ]);
    expect(simplified([f32(1)], ([x]) => [p.mul(x!, s(1))])).toEqual([]);
    const ones = trace([f32()], ([x]) => [p.mul(x!, p.broadcastInDim(s(1), [3], []))]);
    expect(simplify(ones).equations.length).toBe(2);
  });

  it('negates twice for nothing, and divides by powers of two by multiplying', () => {
    expect(simplified([v], ([x]) => [p.neg(p.neg(p.neg(x!)))])).toEqual(['neg']);
    expect(
      simplified([v], ([x]) => [p.div(x!, s(8)), p.div(x!, s(-0.25)), p.div(x!, s(3)), p.div(x!, s(2 ** 127))]),
    ).toEqual(['mul', 'mul', 'div', 'div']);
    expect(simplified([w], ([x]) => [p.div(x!, n(2))])).toEqual(['div']);
    expect(divP.simplify).toBeDefined();
  });
});

describe('signs', () => {
  it('move between terms and factors', () => {
    expect(simplified([v, v], ([x, y]) => [p.add(x!, p.neg(y!)), p.add(p.neg(x!), y!), p.sub(x!, p.neg(y!))])).toEqual([
      'sub',
      'sub',
      'add',
    ]);
    expect(simplified([v, v], ([x, y]) => [p.mul(p.neg(x!), p.neg(y!)), p.div(p.neg(x!), p.neg(y!))])).toEqual([
      'mul',
      'div',
    ]);
    expect(simplified([v], ([x]) => [p.mul(p.neg(x!), s(3)), p.div(p.neg(x!), s(3))])).toEqual(['mul', 'div']);
    expect(simplified([v], ([x]) => [p.mul(x!, s(-1)), p.sub(s(-0), x!), p.neg(p.mul(s(0), x!))])).toEqual([
      'neg',
      'neg',
      'mul',
    ]);
    for (const a of [w, u])
      expect(
        simplified([a, a], ([x, y]) => [p.add(p.neg(x!), y!), p.mul(p.neg(x!), p.neg(y!)), p.sub(x!, p.neg(y!))]),
      ).toEqual(['sub', 'mul', 'add']);
  });

  it('stay where moving them would show', () => {
    // −(x − y) is −0 where y − x is 0; 0 − x is 0 where −x is −0; the least integer is its own negative.
    expect(simplified([v, v], ([x, y]) => [p.neg(p.sub(x!, y!)), p.sub(s(0), x!)])).toEqual(['sub', 'neg', 'sub']);
    expect(simplified([w], ([x]) => [p.div(p.neg(x!), n(3))])).toEqual(['neg', 'div']);
    expect(simplified([u], ([x]) => [p.abs(p.neg(x!))])).toEqual(['neg', 'abs']);
  });

  it('of even functions do not matter', () => {
    expect(simplified([v], ([x]) => [p.abs(p.neg(p.abs(x!))), p.integerPow(p.neg(x!), 4)])).toEqual([
      'abs',
      'integer_pow',
    ]);
    expect(simplified([v], ([x]) => [p.integerPow(p.neg(x!), 3)])).toEqual(['neg', 'integer_pow']);
    expect(simplified([v], ([x]) => [p.pow(x!, s(2)), p.pow(x!, s(1)), p.pow(x!, s(0.5)), p.pow(x!, s(3))])).toEqual([
      'integer_pow',
      'pow',
      'pow',
    ]);
  });
});

describe('constants', () => {
  it('of integers are collected, modulo 2 to their bits', () => {
    const large = n(2147483647);
    expect(simplified([w], ([x]) => [p.add(p.add(large, x!), large), p.sub(p.add(x!, large), n(-5))])).toEqual([
      'add',
      'add',
    ]);
    expect(simplified([w], ([x]) => [p.mul(p.mul(x!, n(65539)), n(65535))])).toEqual(['mul']);
    const bytes = scalarTensor(200, 'uint8');
    expect(simplified([u8(12)], ([x]) => [p.mul(p.mul(x!, bytes), bytes), p.add(p.add(x!, bytes), bytes)])).toEqual([
      'mul',
      'add',
    ]);
  });

  it('of floats are not', () => {
    expect(simplified([v], ([x]) => [p.add(p.add(x!, s(1)), s(1e8)), p.mul(p.mul(x!, s(3)), s(1e38))])).toEqual([
      'add',
      'add',
      'mul',
      'mul',
    ]);
  });
});

describe('order and logic', () => {
  it('drop what decides nothing', () => {
    const [low, high] = [s(-Infinity), s(Infinity)];
    expect(simplified([v], ([x]) => [p.max(x!, x!), p.max(x!, low), p.max(low, x!), p.min(x!, high)])).toEqual([]);
    expect(simplified([w], ([x]) => [p.max(x!, n(-2147483648)), p.min(x!, n(2147483647))])).toEqual([]);
    expect(simplified([u], ([x]) => [p.max(x!, scalarTensor(0, 'uint32'))])).toEqual([]);
    expect(simplified([v], ([x]) => [p.max(x!, s(0)), p.min(x!, low)])).toEqual(['max', 'min']);
    expect(
      simplified([w], ([x]) => [p.and(x!, x!), p.or(x!, x!), p.and(x!, n(-1)), p.or(x!, n(0)), p.xor(x!, n(0))]),
    ).toEqual([]);
    expect(simplified([bool(4)], ([x]) => [p.not(p.not(x!)), p.and(x!, scalarTensor(1, 'bool'))])).toEqual([]);
    expect(simplified([w], ([x]) => [p.xor(x!, x!), p.and(x!, n(1))])).toEqual(['xor', 'and']);
  });

  it('choose once', () => {
    const args = [bool(12), v, v];
    expect(simplified(args, ([c, x, y]) => [p.select(c!, p.select(c!, x!, s(1)), p.select(c!, s(2), y!))])).toEqual([
      'select',
    ]);
    const [yes, no] = [scalarTensor(1, 'bool'), scalarTensor(0, 'bool')];
    expect(simplified([bool(3)], ([c]) => [p.select(c!, yes, no)])).toEqual([]);
    expect(simplified([bool(3)], ([c]) => [p.select(c!, no, yes)])).toEqual(['select']);
  });
});

describe('broadcasts', () => {
  it('are left to elementwise operations', () => {
    const wide = (x: Tensor): Tensor => p.broadcastInDim(x, [4, 3], x.ndim === 0 ? [] : [1]);
    expect(simplified([f32(4, 3), f32(3)], ([x, y]) => [p.mul(x!, wide(y!)), p.add(wide(s(2)), x!)])).toEqual([
      'mul',
      'add',
    ]);
    // Not where the shape comes from the broadcast, nor along trailing axes.
    expect(simplified([f32(3)], ([y]) => [p.mul(wide(y!), wide(y!))]).at(-1)).toBe('mul');
    expect(simplified([f32(4, 3), f32(4)], ([x, y]) => [p.mul(x!, p.broadcastInDim(y!, [4, 3], [0]))])).toEqual([
      'broadcast_in_dim',
      'mul',
    ]);
  });

  it('come after functions of one array', () => {
    const program = rewritten([f32(3)], ([y]) => [p.add(p.exp(p.broadcastInDim(y!, [4, 3], [1])), s(1))]);
    expect(program.equations.map((e) => `${e.primitive.name} ${e.outputs[0]!.aval.toString()}`)).toEqual([
      'exp f32[3]',
      'add f32[3]',
      'broadcast_in_dim f32[4,3]',
    ]);
  });

  it('are reduced once', () => {
    const rows = (x: Tensor): Tensor => p.broadcastInDim(x, [5, 12], [1]);
    expect(simplified([v], ([x]) => [p.reduceMax(rows(x!), [0]), p.reduceMin(rows(x!), [0])])).toEqual([]);
    expect(simplified([v], ([x]) => [p.reduceMax(rows(x!), [0, 1])])).toEqual(['reduce_max']);
    expect(simplified([f32(3, 1)], ([x]) => [p.reduceMax(p.broadcastInDim(x!, [3, 4, 2], [0, 1]), [1])])).toEqual([
      'reshape',
      'broadcast_in_dim',
    ]);
    // n·x + 0, because a sum turns −0 into 0. (Of five times 3.4e38 both are ∞.)
    expect(simplified([v], ([x]) => [p.reduceSum(rows(x!), [0])])).toEqual(['mul', 'add']);
    expect(simplified([w], ([x]) => [p.reduceSum(rows(x!), [0]), p.reduceSum(rows(x!), [0, 1])])).toEqual([
      'mul',
      'reduce_sum',
      'mul',
    ]);
    // A sum of sums would round twice, a product of equal factors is a power, and no times NaN is 0.
    expect(simplified([v], ([x]) => [p.reduceSum(rows(x!), [0, 1])])).toEqual(['broadcast_in_dim', 'reduce_sum']);
    expect(simplified([v], ([x]) => [p.reduceProd(rows(x!), [0])])).toEqual(['broadcast_in_dim', 'reduce_prod']);
    expect(simplified([v], ([x]) => [p.reduceSum(p.broadcastInDim(x!, [0, 12], [1]), [0])])).toEqual([
      'broadcast_in_dim',
      'reduce_sum',
    ]);
  });
});

describe('reductions', () => {
  it('over axes of one element move nothing', () => {
    const x = f32(12, 1);
    expect(simplified([x], ([a]) => [p.reduceMax(a!, [1]), p.reduceProd(a!, [1])])).toEqual(['reshape', 'reshape']);
    expect(simplified([x], ([a]) => [p.reduceSum(a!, [1])])).toEqual(['reduce_sum']);
  });

  it('of the same kind are one, where their order shows nowhere', () => {
    const twice = (f: (x: Tensor, axes: readonly number[]) => Tensor, x: Tensor): Tensor => f(f(x, [1]), [0]);
    expect(simplified([f32(2, 3, 2)], ([x]) => [twice(p.reduceMax, x!), twice(p.reduceMin, x!)])).toEqual([
      'reduce_max',
      'reduce_min',
    ]);
    expect(simplified([f32(2, 3, 2)], ([x]) => [twice(p.reduceSum, x!)]).length).toBe(2);
  });
});

describe('pieces', () => {
  const cut = (x: Tensor, start: number, limit: number, stride = 1): Tensor =>
    slice(x, { start: [start], limit: [limit], strides: [stride] });
  const padded = (x: Tensor, low: number, high: number, interior = 0): Tensor =>
    p.pad(x, s(7), { low: [low], high: [high], interior: [interior] });

  it('of pieces are pieces', () => {
    for (const [a, b, c] of [
      [1, 11, 2],
      [0, 12, 5],
      [3, 9, 1],
    ] as const)
      expect(simplified([v], ([x]) => [cut(cut(x!, a, b, c), 0, 2), cut(cut(x!, a, b, c), 1, 1)])).toEqual([
        'slice',
        'slice',
      ]);
    expect(simplified([v], ([x]) => [cut(padded(x!, 2, 1), 3, 13, 3)])).toEqual(['slice']);
    expect(simplified([v], ([x]) => [cut(padded(x!, 2, 1), 2, 14)])).toEqual([]);
    expect(simplified([v], ([x]) => [cut(padded(x!, 2, 1), 1, 13), cut(padded(x!, 2, 1, 1), 4, 6)])).toEqual([
      'pad',
      'slice',
      'pad',
      'slice',
    ]);
    expect(simplified([v], ([x]) => [padded(padded(x!, 2, 1), 1, 3)])).toEqual(['pad']);
    expect(simplified([v], ([x]) => [padded(padded(x!, -2, 1), 1, 3)])).toEqual(['pad', 'pad']);
    expect(
      simplified([f32(3)], ([x]) => [
        slice(p.broadcastInDim(x!, [4, 3], [1]), { start: [1, 0], limit: [4, 3], strides: [2, 1] }),
      ]),
    ).toEqual(['broadcast_in_dim']);
  });

  it('of concatenations are pieces of an operand', () => {
    expect(simplified([v, f32(3)], ([x, y]) => [cut(p.concatenate([x!, y!], 0), 12, 15)])).toEqual([]);
    expect(simplified([v, f32(3)], ([x, y]) => [cut(p.concatenate([x!, y!], 0), 2, 12, 3)])).toEqual(['slice']);
    expect(simplified([v, f32(3)], ([x, y]) => [cut(p.concatenate([x!, y!], 0), 11, 13)])).toEqual([
      'concatenate',
      'slice',
    ]);
    expect(simplified([v, f32(0)], ([x, y]) => [p.concatenate([y!, x!, y!], 0)])).toEqual([]);
  });

  it('are reversed once', () => {
    const x = f32(2, 3, 2);
    expect(simplified([x], ([a]) => [p.reverse(p.reverse(a!, [0, 1]), [0, 1])])).toEqual([]);
    const program = rewritten([x], ([a]) => [p.reverse(p.reverse(a!, [0, 1]), [1, 2])]);
    expect(program.equations.map((e) => e.params)).toEqual([{ axes: [0, 2] }]);
    expect(simplified([f32(1, 12)], ([a]) => [p.reverse(a!, [0])])).toEqual([]);
  });
});

describe('products', () => {
  const matmul = (x: Tensor, y: Tensor): Tensor => p.dotGeneral(x, y, { contract: [[1], [0]], batch: [[], []] });

  it('take permuted operands as they are', () => {
    const t = (x: Tensor): Tensor => p.transpose(x, [1, 0]);
    expect(simplified([f32(3, 2), f32(4, 3)], ([x, y]) => [matmul(t(x!), t(y!))])).toEqual(['dot_general']);
    expect(simplified([f32(3, 2), f32(2, 4)], ([x, y]) => [t(matmul(x!, y!))])).toEqual(['dot_general']);
    expect(
      simplified([f32(2, 3, 4), f32(2, 3, 5)], ([x, y]) => [
        p.dotGeneral(p.transpose(x!, [0, 2, 1]), y!, { contract: [[2], [1]], batch: [[0], [0]] }),
      ]),
    ).toEqual(['dot_general']);
    // Heads beside tokens: each product reads rows that lie apart.
    expect(
      simplified([f32(2, 5, 3, 4), f32(2, 3, 4, 6)], ([x, y]) => [
        p.dotGeneral(p.transpose(x!, [0, 2, 1, 3]), y!, {
          contract: [[3], [2]],
          batch: [
            [0, 1],
            [0, 1],
          ],
        }),
      ]),
    ).toEqual(['dot_general']);
  });

  it('leave a permutation that they would have to copy', () => {
    expect(
      simplified([f32(3, 4, 2), f32(2, 3, 5)], ([x, y]) => [
        p.dotGeneral(p.transpose(x!, [2, 1, 0]), y!, { contract: [[2], [1]], batch: [[0], [0]] }),
      ]),
    ).toEqual(['transpose', 'dot_general']);
  });

  it('write their results where a permutation wants them, unless no run of these would lie side by side', () => {
    const heads: p.DotParams = {
      contract: [[3], [1]],
      batch: [
        [0, 1],
        [0, 2],
      ],
    };
    const attended = (x: Tensor, y: Tensor, permutation: number[]): Tensor =>
      p.transpose(p.dotGeneral(x, y, heads), permutation);
    const avals = [f32(2, 3, 20, 20), f32(2, 20, 3, 16)];
    expect(simplified(avals, ([x, y]) => [attended(x!, y!, [0, 2, 1, 3])])).toEqual(['permuted_dot']);
    expect(simplified(avals, ([x, y]) => [p.transpose(attended(x!, y!, [0, 2, 1, 3]), [2, 1, 0, 3])])).toEqual([
      'permuted_dot',
    ]);
    expect(simplified(avals, ([x, y]) => [attended(x!, y!, [0, 2, 3, 1])])).toEqual(['dot_general', 'transpose']);
    expect(
      simplified(avals, ([x, y]) => {
        const z = p.dotGeneral(x!, y!, heads);
        return [p.transpose(z, [0, 2, 1, 3]), z];
      }),
    ).toEqual(['dot_general', 'transpose']);
  });

  it('stand for sums of many products', () => {
    const sum = (x: Tensor, y: Tensor, axis: number): Tensor => p.reduceSum(p.mul(x, y), [axis]);
    const names = (avals: readonly Aval[], f: (args: readonly Tensor[]) => readonly Tensor[]): string[] => {
      const program = trace(avals, f);
      const simple = dce(simplify(program));
      verifyProgram(simple);
      const args = avals.map((a, i) => hostTensor(numbers(a, i), a));
      const [before, after] = [program, withTensors(simple)].map((q) =>
        reference
          .compile(q)(args)
          .map((t) => [...t.read()]),
      );
      expect(after).toEqual(before);
      return simple.equations.map((e) => e.primitive.name);
    };
    // Small integers: the sums are exact in any order.
    const numbers = (a: Aval, seed: number): TypedArray => {
      const data = makeTypedArray(a.dtype, a.size);
      for (let i = 0; i < data.length; i++) data[i] = ((i * 7 + seed * 3) % 11) - 5;
      return data;
    };
    expect(names([f32(16, 1, 32), f32(1, 24, 32)], ([x, y]) => [sum(x!, y!, 2)])).toEqual([
      'reshape',
      'reshape',
      'dot_general',
    ]);
    expect(
      names([f32(32, 24), f32(16, 32, 1)], ([x, y]) => [sum(p.broadcastInDim(x!, [16, 32, 24], [1, 2]), y!, 1)]),
    ).toEqual(['reshape', 'dot_general', 'transpose'].slice(0, 2));
    expect(names([f64(3, 16, 1, 32), f64(3, 1, 24, 32)], ([x, y]) => [sum(x!, y!, 3)])).toContain('dot_general');
    // Both repeat their elements along the first axis: no product has it.
    const repeated = (x: Tensor, dims: readonly number[]): Tensor => p.broadcastInDim(x, [2, 16, 24, 32], dims);
    expect(
      names([f32(16, 32), f32(24, 32)], ([x, y]) => [sum(repeated(x!, [1, 3]), repeated(y!, [2, 3]), 3)]),
    ).toContain('reduce_sum');
    // One vector, few terms, operands of equal shape: the sum is as fast, and float32 keeps its accuracy.
    expect(names([f32(16, 32), f32(32)], ([x, y]) => [sum(x!, y!, 1)])).toEqual(['mul', 'reduce_sum']);
    expect(names([f32(4, 1, 8), f32(1, 4, 8)], ([x, y]) => [sum(x!, y!, 2)])).toEqual(['mul', 'reduce_sum']);
    expect(names([f32(64, 64), f32(64, 64)], ([x, y]) => [sum(x!, y!, 1)])).toEqual(['mul', 'reduce_sum']);
  });
});

describe('sums of products of special values', () => {
  it('are NaN, infinite or zero where the product is, with the same sign', () => {
    const [rows, columns, terms] = [6, 6, 128];
    const row = (i: number): number[] => Array.from({ length: terms }, (_, k) => ((k * 5 + i) % 7) - 3);
    const special: readonly number[][] = [
      row(0).with(9, NaN),
      row(1).with(9, Infinity),
      row(2).with(9, -Infinity).with(70, Infinity),
      row(3).map(() => -0),
      row(4).map(() => 0),
      row(5),
    ];
    for (const dtype of ['float32', 'float64'] as const) {
      const [a, b] = [new Aval([rows, 1, terms], dtype), new Aval([1, columns, terms], dtype)];
      const program = trace([a, b], ([x, y]) => [p.reduceSum(p.mul(x!, y!), [2])]);
      const simple = dce(simplify(program));
      expect(simple.equations.at(-1)!.primitive.name).toBe('dot_general');
      const data = (aval: Aval): TypedArray => {
        const out = makeTypedArray(dtype, aval.size);
        out.set(special.flat());
        return out;
      };
      const args = [a, b].map((aval) => hostTensor(data(aval), aval));
      const [before, after] = [program, withTensors(simple)].map((q) => [...reference.compile(q)(args)[0]!.read()]);
      before!.forEach((x, i) => expect(Object.is(x, after![i]), `[${i}]: ${x}, ${after![i]}`).toBe(true));
    }
  });
});

describe('movement', () => {
  it('composes', () => {
    expect(simplified([f32(2, 6)], ([x]) => [p.reshape(p.reshape(p.reshape(x!, [12]), [3, 4]), [4, 3])])).toEqual([
      'reshape',
    ]);
    expect(simplified([f32(2, 6)], ([x]) => [p.reshape(p.reshape(x!, [12]), [2, 6])])).toEqual([]);
    expect(simplified([f32(2, 3, 2)], ([x]) => [p.transpose(p.transpose(x!, [2, 0, 1]), [0, 2, 1])])).toEqual([
      'transpose',
    ]);
    expect(simplified([f32(2, 3, 2)], ([x]) => [p.transpose(p.transpose(x!, [2, 0, 1]), [1, 2, 0])])).toEqual([]);
    expect(
      simplified([f32(3, 1)], ([x]) => [p.broadcastInDim(p.broadcastInDim(x!, [3, 2], [0, 1]), [4, 3, 2], [1, 2])]),
    ).toEqual(['broadcast_in_dim']);
  });

  it('drops identities', () => {
    const x = f32(3, 2);
    expect(simplified([x], ([a]) => [bind1(reshapeP, [a!], { shape: [3, 2] })])).toEqual([]);
    // Axes of size 1 come and go without moving anything.
    expect(simplified([f32(3, 1, 2)], ([a]) => [p.transpose(a!, [1, 0, 2])])).toEqual(['reshape']);
    expect(simplified([x], ([a]) => [p.broadcastInDim(a!, [3, 1, 2], [0, 2])])).toEqual(['reshape']);
    expect(simplified([f32(2)], ([a]) => [p.transpose(p.broadcastInDim(a!, [3, 4, 2], [2]), [1, 0, 2])])).toEqual([
      'broadcast_in_dim',
    ]);
    expect(simplified([x], ([a]) => [stopGradientOf(a!)])).toEqual([]);
    expect(simplified([x], ([a]) => [bind1(transposeP, [a!], { permutation: [0, 1] })])).toEqual([]);
    expect(simplified([x], ([a]) => [bind1(broadcastInDimP, [a!], { shape: [3, 2], dims: [0, 1] })])).toEqual([]);
    // A sum over no axes starts from 0 all the same, and turns −0 into 0.
    expect(simplified([x], ([a]) => [bind1(reduceSumP, [a!], { axes: [] })])).toEqual(['reduce_sum']);
  });
});

describe('conversion and choice', () => {
  it('goes there and back only where something is lost', () => {
    expect(simplified([v], ([x]) => [p.convert(p.convert(x!, 'float64'), 'float32')])).toEqual([]);
    expect(simplified([bool(4)], ([x]) => [p.convert(p.convert(x!, 'int32'), 'bool')])).toEqual([]);
    expect(simplified([f64(12)], ([x]) => [p.convert(p.convert(x!, 'float32'), 'float64')])).toEqual([
      'convert',
      'convert',
    ]);
    expect(simplified([w], ([x]) => [p.convert(p.convert(x!, 'float32'), 'int32')])).toEqual(['convert', 'convert']);
  });

  it('between equal values, or by a known predicate, is none', () => {
    const yes = scalarTensor(1, 'bool');
    expect(simplified([bool(12), v], ([c, x]) => [p.select(c!, x!, x!), p.select(yes, x!, s(3))])).toEqual([]);
  });
});

/**
 * The rewrite rules that primitives carry: they apply where they should, and change no bit of any result.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { type Aval, bool, f32, f64, i32 } from '../../src/ir/aval.ts';
import { makeTypedArray, type TypedArray } from '../../src/ir/dtype.ts';
import { type Atom, Equation, Literal, Program } from '../../src/ir/program.ts';
import { verifyProgram } from '../../src/ir/verify.ts';
import { hostTensor, scalarTensor, type Tensor } from '../../src/core/tensor.ts';
import { ReferenceExecutor } from '../../src/backends/reference/executor.ts';
import { divP } from '../../src/primitives/arithmetic.ts';
import * as p from '../../src/primitives/index.ts';
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
  return simple.equations.map((e) => e.primitive.name);
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

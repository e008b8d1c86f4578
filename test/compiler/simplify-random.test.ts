/**
 * Random programs of movements, arithmetic, reductions and products on special values: simplified, they give the same bits.
 * @module
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Aval } from '../../src/ir/aval.ts';
import { type DType, isFloat, makeTypedArray, type TypedArray } from '../../src/ir/dtype.ts';
import { type Atom, Equation, Literal, Program } from '../../src/ir/program.ts';
import { verifyProgram } from '../../src/ir/verify.ts';
import { hostTensor, scalarTensor, type Tensor } from '../../src/core/tensor.ts';
import { ReferenceExecutor } from '../../src/backends/reference/executor.ts';
import * as p from '../../src/primitives/index.ts';
import { slice } from '../../src/primitives/slice.ts';
import { cse } from '../../src/compiler/cse.ts';
import { dce } from '../../src/compiler/dce.ts';
import { simplify } from '../../src/compiler/simplify.ts';
import { trace } from './check-plan.ts';
import { type Choose, chooser } from './random-program.ts';
import { runs } from '../support/runs.ts';

const reference = new ReferenceExecutor();

const specials: Readonly<Record<string, readonly number[]>> = {
  float: [NaN, Infinity, -Infinity, 0, -0, 1, -1, 1e-45, 3.4e38, 0.1, -2.5, 7],
  int32: [0, 1, -1, 2147483647, -2147483648, 7, -7, 65536],
  uint32: [0, 1, 4294967295, 2147483648, 7, 65536],
  bool: [0, 1],
};
const valuesOf = (dtype: DType): readonly number[] => specials[isFloat(dtype) ? 'float' : dtype]!;

function special(aval: Aval, choose: Choose): TypedArray {
  const from = valuesOf(aval.dtype);
  const data = makeTypedArray(aval.dtype, aval.size);
  for (let i = 0; i < data.length; i++) data[i] = from[choose(from.length)]!;
  return data;
}

const literal = (dtype: DType, choose: Choose): Tensor => {
  const from = valuesOf(dtype);
  return scalarTensor(from[choose(from.length)]!, dtype);
};

function permutation(n: number, choose: Choose): number[] {
  const left = Array.from({ length: n }, (_, i) => i);
  return Array.from({ length: n }, (_, i) => left.splice(choose(n - i), 1)[0]!);
}

function axesOf(x: Tensor, choose: Choose): number[] {
  return x.shape.flatMap((_, d) => (choose(2) === 0 ? [d] : []));
}

const movements: readonly ((x: Tensor, choose: Choose) => Tensor)[] = [
  (x, choose) => p.transpose(x, permutation(x.ndim, choose)),
  (x) => p.reshape(x, [x.size]),
  (x) => p.reshape(x, [1, ...x.shape, 1]),
  (x) =>
    p.reshape(
      x,
      x.shape.filter((n) => n !== 1),
    ),
  (x, choose) => p.reverse(x, axesOf(x, choose)),
  (x, choose) => {
    const at = choose(x.ndim + 1);
    const shape = x.shape.toSpliced(at, 0, 1 + choose(3));
    return p.broadcastInDim(
      x,
      shape,
      x.shape.map((_, d) => (d < at ? d : d + 1)),
    );
  },
  (x, choose) =>
    p.broadcastInDim(
      x,
      x.shape.map((n) => (n === 1 ? 1 + choose(3) : n)),
      x.shape.map((_, d) => d),
    ),
  (x, choose) => {
    const start = x.shape.map((n) => choose(n));
    const limit = x.shape.map((n, d) => start[d]! + choose(n - start[d]! + 1));
    return slice(x, { start, limit, strides: x.shape.map(() => 1 + choose(2)) });
  },
  (x, choose) => {
    const edge = (): number[] => x.shape.map(() => choose(3));
    return p.pad(x, literal(x.dtype, choose), {
      low: edge(),
      high: edge(),
      interior: x.shape.map(() => (choose(4) === 0 ? 1 : 0)),
    });
  },
  (x, choose) =>
    x.ndim === 0
      ? x
      : p.concatenate(
          Array.from({ length: 1 + choose(3) }, () => x),
          choose(x.ndim),
        ),
];

const reductions = [p.reduceSum, p.reduceMax, p.reduceMin, p.reduceProd];

const arithmetic: readonly ((x: Tensor, y: Tensor) => Tensor)[] = [p.add, p.sub, p.mul, p.div, p.max, p.min];

const fits = (x: Tensor, y: Tensor): boolean => {
  const [a, b] = [[...x.shape].reverse(), [...y.shape].reverse()];
  return a.every((n, i) => b[i] === undefined || n === b[i] || n === 1 || b[i] === 1);
};

function product(x: Tensor, y: Tensor, choose: Choose): Tensor | undefined {
  const pairs = x.shape.flatMap((n, i) => y.shape.flatMap((m, j) => (n === m ? [[i, j] as const] : [])));
  if (pairs.length === 0 || x.dtype === 'bool') return undefined;
  const [i, j] = pairs[choose(pairs.length)]!;
  const rest = pairs.filter(([a, b]) => a !== i && b !== j);
  const batch = rest.length > 0 && choose(2) === 0 ? rest[choose(rest.length)]! : undefined;
  return p.dotGeneral(x, y, { contract: [[i], [j]], batch: batch ? [[batch[0]], [batch[1]]] : [[], []] });
}

function step(values: readonly Tensor[], choose: Choose): Tensor | undefined {
  const pick = (): Tensor => values[Math.max(choose(values.length), choose(values.length))]!;
  const x = pick();
  const kind = choose(20);
  if (kind < 9) return movements[choose(movements.length)]!(x, choose);
  if (x.dtype === 'bool') return p.not(x);
  if (kind < 11) return p.neg(x);
  if (kind < 12) return p.abs(x);
  if (kind < 14) return reductions[choose(reductions.length)]!(x, axesOf(x, choose));
  const sameKind = values.filter((v) => v.dtype === x.dtype);
  const y = sameKind[choose(sameKind.length)]!;
  if (kind === 14) return product(x, y, choose);
  const other = choose(2) === 0 ? literal(x.dtype, choose) : y;
  if (!fits(x, other)) return undefined;
  if (kind === 15) return p.select(p.lt(x, other), x, other);
  const f = arithmetic[choose(arithmetic.length)]!;
  return choose(2) === 0 ? f(x, other) : f(other, x);
}

function randomProgram(choose: Choose, size: number): Program {
  const shapes = [[2, 3], [3, 2, 1], [4], [], [1, 3]];
  const dtypes: DType[] = ['float32', 'float64', 'int32', 'uint32'];
  const avals = Array.from(
    { length: 3 },
    () => new Aval(shapes[choose(shapes.length)]!, dtypes[choose(dtypes.length)]!),
  );
  return trace(avals, (args) => {
    const values = [...args];
    for (let i = 0; i < size; i++) {
      const next = step(values, choose);
      if (next !== undefined && next.size <= 200 && next.ndim <= 6) values.push(next);
    }
    return values.slice(-3);
  });
}

/** The compiler's own literals are numbers only; the reference device wants tensors. */
function withTensors(program: Program): Program {
  const tensor = (a: Atom): Atom =>
    a.kind === 'literal' && a.value.scalar !== undefined ? new Literal(scalarTensor(a.value.scalar, a.aval.dtype)) : a;
  const equations = program.equations.map((e) => new Equation(e.primitive, e.inputs.map(tensor), e.params, e.outputs));
  return new Program(program.name, program.inputs, equations, program.outputs.map(tensor));
}

describe('simplification', () => {
  it('changes no bit of random programs', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(0xffff)), fc.integer({ min: 1, max: 30 }), (stream, size) => {
        const choose = chooser(stream);
        const program = randomProgram(choose, size);
        const simple = dce(cse(simplify(program)));
        verifyProgram(simple);
        const args = program.inAvals.map((a) => hostTensor(special(a, choose), a));
        const [before, after] = [program, withTensors(simple)].map((q) =>
          reference
            .compile(q)(args)
            .map((t) => [...t.read()]),
        );
        before!.forEach((xs, o) =>
          xs.forEach((x, i) => {
            if (!Object.is(x, after![o]![i]))
              throw new Error(
                `output ${o}[${i}]: ${x} became ${after![o]![i]} of ${args.map((t) => `[${[...t.read()].join()}]`).join()}\n${program.toString()}\n${simple.toString()}`,
              );
          }),
        );
      }),
      runs(1000),
    );
  });

  it('finds the products in sums of products', () => {
    const extents = [1, 4, 16, 24];
    let found = 0;
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(0xffff)), (stream) => {
        const choose = chooser(stream);
        // Each axis belongs to x, to y, to both, or to neither; most of those of both are summed.
        const shape = Array.from({ length: 4 }, () => extents[choose(extents.length)]!);
        const owners = shape.map(() => [1, 2, 3, 3, choose(4)][choose(5)]!);
        const axes = shape.flatMap((_, d) => (choose(5) < (owners[d] === 3 ? 4 : 1) ? [d] : []));
        const part = (owner: number): Aval =>
          new Aval(
            shape.map((n, d) => ((owners[d]! & owner) === 0 ? 1 : n)),
            'float64',
          );
        const program = trace([part(1), part(2)], ([x, y]) => {
          const stretched = (t: Tensor): Tensor => {
            const full = shape.map((n, d) => (choose(4) === 0 ? n : t.shape[d]!));
            return p.broadcastInDim(t, full, [...full.keys()]);
          };
          return [p.reduceSum(p.mul(stretched(x!), stretched(y!)), axes)];
        });
        const simple = dce(cse(simplify(program)));
        verifyProgram(simple);
        if (simple.equations.some((e) => e.primitive.name === 'dot_general')) found++;
        // Small integers: any order of the sums gives the same.
        const args = program.inAvals.map((a) => {
          const data = makeTypedArray(a.dtype, a.size);
          return hostTensor(data.map(() => choose(9) - 4) as TypedArray, a);
        });
        const [before, after] = [program, withTensors(simple)].map((q) => [...reference.compile(q)(args)[0]!.read()]);
        expect(after!.length).toBe(before!.length);
        // Not by `toEqual`, which takes seconds for what has a hundred thousand elements.
        const wrong = after!.findIndex((y, i) => !Object.is(y, before![i]));
        if (wrong !== -1) expect.fail(`[${wrong}]: ${before![wrong]} became ${after![wrong]}\n${program.toString()}`);
      }),
      runs(300),
    );
    expect(found).toBeGreaterThan(2);
  });
});

/**
 * The passes from Program to Program, each by itself.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { type Aval, f32 } from '../../src/ir/aval.ts';
import type { Literal, Program } from '../../src/ir/program.ts';
import type { SimplifyRule } from '../../src/ir/simplify.ts';
import { scalarOf } from '../../src/ir/simplify.ts';
import { verifyProgram } from '../../src/ir/verify.ts';
import { definePrimitive, type Primitive, type PrimitiveRules } from '../../src/core/primitive.ts';
import { traceClosedProgram } from '../../src/core/program-trace.ts';
import { hostTensor, scalarTensor, type Tensor } from '../../src/core/tensor.ts';
import { bind1 } from '../../src/core/trace.ts';
import { call } from '../../src/control/call.ts';
import { cond } from '../../src/control/cond.ts';
import { scan } from '../../src/control/scan.ts';
import { whileLoop } from '../../src/control/while.ts';
import { ReferenceExecutor } from '../../src/backends/reference/executor.ts';
import { barrier } from '../../src/primitives/barrier.ts';
import * as p from '../../src/primitives/index.ts';
import { foldConstants } from '../../src/compiler/constants.ts';
import { cse } from '../../src/compiler/cse.ts';
import { dce } from '../../src/compiler/dce.ts';
import { expand } from '../../src/compiler/expand.ts';
import { simplify } from '../../src/compiler/simplify.ts';
import { drawArgs, expectPlanMatches, trace } from './check-plan.ts';

const s = (x: number): Tensor => scalarTensor(x, 'float32');

function names(program: Program): string[] {
  verifyProgram(program);
  return program.equations.map((e) => e.primitive.name);
}

/** A unary primitive of these tests; only what the compiler reads is meant. */
function toy(name: string, rules: Partial<PrimitiveRules<object>>): (x: Tensor) => Tensor {
  const primitive: Primitive<object> = definePrimitive<object>({
    name,
    abstractEval: ([x]: readonly Aval[]) => [x!],
    calculus: { kind: 'piecewise-constant' },
    batch: (_context, xs, dims) => [xs, dims],
    lower: { kind: 'pointwise', element: ({ index, load }) => [load(0, index)] },
    samples: [],
    ...rules,
  });
  return (x) => bind1(primitive, [x], {});
}

describe('expand', () => {
  it('inlines calls in calls, and one Program in many places', () => {
    const inner = trace([f32(2)], ([x]) => [p.sin(x!)]);
    const outer = trace([f32(2)], ([x]) => call(inner, call(inner, [x!])));
    const program = trace([f32(2)], ([x]) => {
      const [y] = call(outer, [x!]);
      return call(outer, [p.neg(y!)]);
    });
    expect(names(expand(program))).toEqual(['sin', 'sin', 'neg', 'sin', 'sin']);
  });

  it('costs no call depth', () => {
    let program = trace([f32()], ([x]) => [p.sin(x!)]);
    for (let i = 0; i < 3000; i++) {
      const inner = program;
      // Not by `trace`, which verifies all that is inside each time.
      program = traceClosedProgram('nest', [f32()], ([x]) => call(inner, [x!]));
    }
    expect(names(expand(program))).toEqual(['sin']);
  });
});

describe('simplify', () => {
  it('folds scalars, with the rounding of their dtype', () => {
    const out = simplify(trace([], () => [p.add(s(0.1), s(0.2)), p.lt(s(1), s(2))])).outputs;
    expect(out.map(scalarOf)).toEqual([Math.fround(Math.fround(0.1) + Math.fround(0.2)), 1]);
  });

  it.each([
    ['float32', [NaN, Infinity, -Infinity, 0, -0, 1e-45, 3.4e38, -2.5, 0.1]],
    ['float64', [NaN, Infinity, -Infinity, 0, -0, 5e-324, 1.7e308, -2.5, 0.1]],
    ['int32', [0, 1, -1, 2147483647, -2147483648, 65537]],
    ['uint32', [0, 1, 4294967295, 2147483648, 65537]],
    ['uint8', [0, 1, 255, 128, 17]],
  ] as const)('folds scalars of %s to the bits that the reference computes: NaN, ∞, −0, wrapping', (dtype, values) => {
    const reference = new ReferenceExecutor();
    const binaries = [p.add, p.sub, p.mul, p.div, p.max, p.min, p.lt, p.eq];
    const unaries = [p.neg, p.abs, p.sign];
    for (const x of values) {
      const scalars = (f: (n: (value: number) => Tensor) => Tensor[]): void => {
        const program = trace([], () => f((value) => scalarTensor(value, dtype)));
        const expected = reference
          .compile(program)([])
          .map((t) => t.read()[0]);
        const folded = simplify(program).outputs.map((o) => (o.kind === 'literal' ? scalarOf(o) : undefined));
        folded.forEach((got, i) => {
          if (got !== undefined) expect(Object.is(got, expected[i]), `${x}, #${i}: ${got}, ${expected[i]}`).toBe(true);
        });
        expect(folded.filter((got) => got !== undefined).length).toBeGreaterThan(folded.length / 2);
      };
      scalars((n) => unaries.map((f) => f(n(x))));
      for (const y of values) scalars((n) => binaries.map((f) => f(n(x), n(y))));
    }
  });

  it('applies the rules of records until none applies', () => {
    const simplifyTwice: SimplifyRule<object> = ({ inputs: [x], producer }) => {
      const before = producer(x!);
      return before?.primitive.name === 'toy_involution' ? { kind: 'values', values: [before.inputs[0]!] } : undefined;
    };
    const flip = toy('toy_involution', { simplify: simplifyTwice });
    const program = trace([f32(2)], ([x]) => [flip(flip(flip(flip(flip(x!)))))]);
    expect(names(dce(simplify(program)))).toEqual(['toy_involution']);
  });

  it('rejects rules that change avals', () => {
    const wrong = toy('toy_wrong', { simplify: ({ inputs: [x] }) => ({ kind: 'values', values: [x!, x!] }) });
    expect(() => simplify(trace([f32(2)], ([x]) => [wrong(x!)]))).toThrow(/changed the avals[^]*toy_wrong/);
  });
});

describe('cse', () => {
  it('merges equal equations, with equal literals, in sub-Programs too', () => {
    const program = trace([f32(2)], ([x]) => [p.add(p.mul(x!, s(2)), p.mul(x!, s(2))), p.mul(x!, s(3))]);
    expect(names(cse(program))).toEqual(['mul', 'add', 'mul']);
    const body = trace([f32(2)], ([x]) => [p.mul(p.sin(x!), p.sin(x!))]);
    const loop = trace([f32(2)], ([x]) => scan([x!], { body, numConsts: 0, numCarry: 1, length: 2, reverse: false }));
    expect((cse(loop).equations[0]!.params as { body: Program }).body.equations.length).toBe(2);
  });

  it('tells 0 from −0 and parameters from each other', () => {
    const program = trace([f32(2, 2)], ([x]) => [
      p.add(x!, s(0)),
      p.add(x!, s(-0)),
      p.reduceSum(x!, [0]),
      p.reduceSum(x!, [1]),
    ]);
    expect(names(cse(program)).length).toBe(4);
  });

  it('leaves barriers apart', () => {
    const program = trace([f32(2)], ([x]) => [...barrier([x!]), ...barrier([x!])]);
    expect(names(cse(program)).length).toBe(2);
  });
});

describe('dce', () => {
  it('drops what nothing uses, in loops too', () => {
    const body = trace([f32(2), f32(2)], ([, y]) => [p.cos(y!), p.exp(y!)]);
    const program = trace([f32(2), f32(2)], ([x, y]) => {
      p.tan(x!);
      const outs = scan([x!, y!], { body, numConsts: 1, numCarry: 1, length: 3, reverse: false });
      return [outs[0]!];
    });
    const out = dce(program);
    expect(names(out)).toEqual(['scan']);
    expect((out.equations[0]!.params as { body: Program }).body.equations.map((e) => e.primitive.name)).toEqual([
      'cos',
    ]);
  });

  it('drops carries that only feed themselves, and what only they need', () => {
    const body = trace([f32(2), f32(2), f32(2), f32(2), f32(2), f32(2)], ([c, k, a, b, x, y]) => [
      p.add(a!, p.mul(c!, x!)),
      p.mul(b!, p.add(k!, y!)),
      a!,
      b!,
    ]);
    const args = [f32(2), f32(2), f32(2), f32(2), f32(3, 2), f32(3, 2)];
    const loop = (keep: number): Program =>
      trace(args, (xs) => [scan(xs, { body, numConsts: 2, numCarry: 2, length: 3, reverse: false })[keep]!]);
    for (const keep of [0, 1, 2, 3]) {
      const [eqn] = dce(loop(keep)).equations;
      expect(eqn!.inputs.length).toBe(3);
      expect(eqn!.params).toMatchObject({ numConsts: 1, numCarry: 1 });
      expectPlanMatches(loop(keep), drawArgs(args, keep));
    }
  });

  it('drops carries of a loop that neither decide when it ends nor are used', () => {
    const test = trace([f32(), f32(), f32(2), f32(2)], ([limit, i]) => [p.lt(i!, limit!)]);
    const body = trace([f32(2), f32(), f32(2), f32(2)], ([k, i, a, b]) => [
      p.add(i!, s(1)),
      p.add(a!, s(1)),
      p.mul(b!, k!),
    ]);
    const args = [f32(), f32(2), f32(), f32(2), f32(2)];
    const program = trace(args, (xs) => [whileLoop(xs, { cond: test, body, numCondConsts: 1, numBodyConsts: 1 })[1]!]);
    const [eqn] = dce(program).equations;
    expect([eqn!.inputs.length, eqn!.outputs.length]).toEqual([3, 2]);
    expectPlanMatches(program, drawArgs(args, 5));
  });

  it('keeps effects', () => {
    const note = toy('toy_effect', { hasEffects: true });
    const program = trace([f32(2)], ([x]) => {
      note(x!);
      return [x!];
    });
    expect(names(dce(program))).toEqual(['toy_effect']);
  });
});

describe('constants', () => {
  const matrix = hostTensor(
    Float32Array.from({ length: 6 }, (_, i) => i - 2),
    f32(2, 3),
  );
  const identity = (): Tensor => p.convert(p.eq(p.iota([3, 3], 'int32', 0), p.iota([3, 3], 'int32', 1)), 'float32');
  const matmul = (x: Tensor, y: Tensor): Tensor => p.dotGeneral(x, y, { contract: [[1], [0]], batch: [[], []] });

  it('are computed once where that is dear, with all behind them', () => {
    const program = trace([f32(2, 3)], ([x]) => [p.add(x!, matmul(matrix, identity())), p.add(x!, p.sin(matrix))]);
    const folded = dce(foldConstants(program));
    expect(names(folded)).toEqual(['add', 'sin', 'add']);
    const [, literal] = folded.equations[0]!.inputs;
    expect([...(literal as Literal & { value: Tensor }).value.dataSync()]).toEqual([...matrix.dataSync()]);
  });

  it('in the bodies of loops too', () => {
    const body = trace([f32(2)], ([x]) => [p.add(x!, p.reduceSum(matrix, [1]))]);
    const loop = trace([f32(2)], ([x]) => scan([x!], { body, numConsts: 0, numCarry: 1, length: 2, reverse: false }));
    const folded = dce(foldConstants(loop));
    expect(names((folded.equations[0]!.params as { body: Program }).body)).toEqual(['add']);
  });

  it('are left where they are large, kept apart, or have effects', () => {
    const note = toy('toy_noted', { hasEffects: true });
    const large = p.broadcastInDim(s(1), [600, 600, 2], []);
    const program = trace([], () => [
      p.reduceSum(large, [2]),
      p.reduceSum(barrier([matrix])[0]!, [1]),
      p.reduceSum(note(matrix), [1]),
    ]);
    expect(names(dce(foldConstants(program))).filter((name) => name === 'reduce_sum').length).toBe(3);
  });

  it('cost near-linear time', () => {
    const program = trace([], () => {
      let x: Tensor = matrix;
      for (let i = 0; i < 2000; i++) x = p.add(x, x);
      return [p.reduceSum(x, [0])];
    });
    expect(names(dce(foldConstants(program)))).toEqual([]);
  });
});

describe('loops', () => {
  const matmul = (x: Tensor, y: Tensor): Tensor => p.dotGeneral(x, y, { contract: [[1], [0]], batch: [[], []] });
  const bodyOf = (program: Program): Program =>
    (program.equations.find((e) => e.primitive.name === 'scan')!.params as { body: Program }).body;
  const simple = (program: Program): Program => dce(cse(simplify(program)));

  it('compute before they begin what is the same in every iteration', () => {
    // exp(w) goes to a product, which needs it in memory; the sum of w takes loops; b / 2 fuses into what varies.
    const body = trace([f32(3, 3), f32(3), f32(2, 3)], ([w, b, h]) => [
      p.add(matmul(h!, p.exp(w!)), p.sub(p.mul(p.mul(b!, s(0.5)), h!), p.reduceSum(w!, [0]))),
    ]);
    const args = [f32(3, 3), f32(3), f32(2, 3)];
    const program = trace(args, (xs) => scan(xs, { body, numConsts: 2, numCarry: 1, length: 4, reverse: false }));
    const out = simple(program);
    expect(names(out)).toEqual(['exp', 'reduce_sum', 'scan']);
    expect(names(bodyOf(out))).toEqual(['dot_general', 'mul', 'mul', 'sub', 'add']);
    expectPlanMatches(program, drawArgs(args, 4));
  });

  it('in loops, out of both', () => {
    const inner = trace([f32(3, 3), f32(3)], ([w, h]) => [p.add(h!, p.reduceSum(w!, [0]))]);
    const outer = trace([f32(3, 3), f32(3)], (xs) =>
      scan(xs, { body: inner, numConsts: 1, numCarry: 1, length: 3, reverse: false }),
    );
    const args = [f32(3, 3), f32(3)];
    const program = trace(args, (xs) =>
      scan(xs, { body: outer, numConsts: 1, numCarry: 1, length: 2, reverse: false }),
    );
    const out = simple(program);
    expect(names(out)).toEqual(['reduce_sum', 'scan']);
    expect(names(bodyOf(bodyOf(out)))).toEqual(['add']);
    expectPlanMatches(program, drawArgs(args, 4));
  });

  it('keep what is behind a barrier, has effects, or varies', () => {
    const note = toy('toy_in_loop', { hasEffects: true });
    const body = trace([f32(3, 3), f32(3)], ([w, h]) => [
      p.add(p.add(h!, p.reduceSum(barrier([w!])[0]!, [0])), p.reduceSum(note(w!), [0])),
    ]);
    const program = trace([f32(3, 3), f32(3)], (xs) =>
      scan(xs, { body, numConsts: 1, numCarry: 1, length: 2, reverse: false }),
    );
    expect(names(simple(program))).toEqual(['scan']);
  });
});

describe('branches', () => {
  it('that are known are run, whatever the index', () => {
    const [f, g] = [trace([f32(2)], ([x]) => [p.sin(x!)]), trace([f32(2)], ([x]) => [p.cos(x!)])];
    const at = (k: number): string[] =>
      names(simplify(trace([f32(2)], (xs) => cond([f, g], scalarTensor(k, 'int32'), xs))));
    expect([at(-1), at(0), at(1), at(7)]).toEqual([['sin'], ['sin'], ['cos'], ['cos']]);
  });
});

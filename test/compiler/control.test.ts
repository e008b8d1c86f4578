/**
 * Loops and branches: right, without needless copies, with memory planned across iterations.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { bool, f32, i32 } from '../../src/ir/aval.ts';
import { scalarTensor, type Tensor } from '../../src/core/tensor.ts';
import { cond } from '../../src/control/cond.ts';
import { scan } from '../../src/control/scan.ts';
import { whileLoop } from '../../src/control/while.ts';
import { dynamicUpdateSlice } from '../../src/primitives/dynamic.ts';
import * as p from '../../src/primitives/index.ts';
import { type CompileStats, compileStats } from '../../src/compiler/stats.ts';
import { compileProgram, type PlanOptions } from '../../src/compiler/compile.ts';
import { repeatBody } from '../../src/compiler/repeat-body.ts';
import type { Program } from '../../src/ir/program.ts';
import { drawArgs, expectPlanMatches, trace } from './check-plan.ts';

const s = (x: number): Tensor => scalarTensor(x, 'float32');
const n = (x: number): Tensor => scalarTensor(x, 'int32');

const check = (program: Program, options: PlanOptions = {}): CompileStats =>
  compileStats(expectPlanMatches(program, drawArgs(program.inAvals, 11), '', options));

const foriLoop = (length: number, init: readonly Tensor[], body: Program): Tensor[] =>
  scan(init, { body, numConsts: 0, numCarry: init.length, length, reverse: false });

describe('scan', () => {
  it('reads and stacks slices in place, forward and in reverse', () => {
    const body = trace([f32(3), f32(2), f32(2)], ([c, h, x]) => {
      const next = p.tanh(p.add(h!, p.mul(x!, p.reduceSum(c!, [0]))));
      return [next, p.mul(next, s(2)), x!];
    });
    for (const reverse of [false, true]) {
      const program = trace([f32(3), f32(2), f32(5, 2)], (args) =>
        scan(args, { body, numConsts: 1, numCarry: 1, length: 5, reverse }),
      );
      check(program);
    }
  });

  it('of several iterations in one reads and stacks the same slices, with a rest', () => {
    const body = trace([f32(3), f32(2), f32(2)], ([c, h, x]) => {
      const next = p.tanh(p.add(h!, p.mul(x!, p.reduceSum(c!, [0]))));
      return [next, p.mul(next, s(2)), x!, h!];
    });
    for (const reverse of [false, true])
      for (const unroll of [1, 2, 3, 7, 9])
        check(
          trace([f32(3), f32(2), f32(7, 2)], (args) =>
            scan(args, { body, numConsts: 1, numCarry: 1, length: 7, reverse, unroll }),
          ),
        );
  });

  it('of several iterations in one is one kernel where one iteration is, and computes once what they share', () => {
    const body = trace([f32(16), f32(16)], ([c, h]) => [p.add(p.mul(h!, p.exp(p.reverse(c!, [0]))), s(1))]);
    const loop = (unroll: number): Program =>
      trace([f32(16), f32(16)], (xs) =>
        scan(xs, { body, numConsts: 1, numCarry: 1, length: 8, reverse: false, unroll }),
      );
    const plan = expectPlanMatches(loop(4), drawArgs([f32(16), f32(16)], 2));
    expect(compileStats(plan).kernels).toBe(compileStats(compileProgram(loop(1))).kernels);
    const names = repeatBody(body, 1, 1, 4).equations.map((e) => e.primitive.name);
    expect(names.filter((name) => name === 'exp')).toEqual(['exp']);
    expect(names.filter((name) => name === 'mul').length).toBe(4);
  });

  it('that runs 10,000 times costs one kernel a step for a small cell, and copies nothing', () => {
    const cell = trace([f32(8, 8), f32(8), f32(8)], ([w, h, x]) => {
      const next = p.tanh(p.add(p.reduceSum(p.mul(w!, h!), [1]), x!));
      return [next, next];
    });
    const program = trace([f32(8, 8), f32(8), f32(10_000, 8)], (args) =>
      scan(args, { body: cell, numConsts: 1, numCarry: 1, length: 10_000, reverse: false }),
    );
    const loop = compileProgram(program).steps.find((step) => step.kind === 'for');
    // The carry is read whole for each new element, so it cannot be overwritten: its 32 bytes are moved once an iteration.
    const kinds = loop?.kind === 'for' ? loop.body.map((step) => step.kind) : [];
    expect(kinds.filter((kind) => kind === 'kernel').length).toBe(1);
    expect(kinds.filter((kind) => kind === 'copy').length).toBeLessThanOrEqual(1);
  });

  it('keeps a carry in place when each element depends on itself', () => {
    const body = trace([f32(16)], ([h]) => [p.add(p.mul(h!, s(0.5)), s(1))]);
    const program = trace([f32(16)], ([x]) => foriLoop(4, [x!], body));
    expect(check(program)).toMatchObject({ kernels: 1, copies: 1, arenaBytes: 0 });
    // The initial copy goes away when the loop may write to the operand, or when the operand is computed.
    const donated = expectPlanMatches(program, drawArgs([f32(16)], 2), '', { donate: [0] });
    expect(donated.plannedOutputs).toEqual([{ kind: 'donated', input: 0 }]);
    const computed = trace([f32(16)], ([x]) => foriLoop(4, [p.exp(x!)], body));
    expect(check(computed)).toMatchObject({ kernels: 2, copies: 0, arenaBytes: 0 });
  });

  it('double-buffers a carry whose elements depend on each other', () => {
    const body = trace([f32(6)], ([h]) => [p.add(p.reverse(h!, [0]), h!)]);
    expect(check(trace([f32(6)], ([x]) => foriLoop(3, [x!], body)))).toMatchObject({ kernels: 1, copies: 2 });
  });

  it('swaps and rotates carries', () => {
    const swap = trace([f32(2), f32(2), f32(2)], ([a, b, c]) => [b!, c!, a!]);
    check(trace([f32(2), f32(2), f32(2)], (xs) => foriLoop(4, xs, swap)));
    const fibonacci = trace([f32(), f32()], ([a, b]) => [b!, p.add(a!, b!)]);
    check(trace([f32(), f32()], (xs) => foriLoop(9, xs, fibonacci)));
  });

  it('gives literals, constants and equal values as results of the body', () => {
    const body = trace([f32(2), f32(2)], ([c, h]) => {
      const y = p.add(h!, c!);
      return [y, s(3), c!, y, h!];
    });
    check(trace([f32(2), f32(2)], (xs) => scan(xs, { body, numConsts: 1, numCarry: 1, length: 3, reverse: false })));
  });

  it('of no iterations gives the initial carry', () => {
    const body = trace([f32(2), f32(3)], ([h, x]) => [p.neg(h!), x!]);
    check(trace([f32(2), f32(0, 3)], (xs) => scan(xs, { body, numConsts: 0, numCarry: 1, length: 0, reverse: false })));
  });

  it('starts from literals', () => {
    const body = trace([i32(), f32()], ([i, x]) => [p.add(i!, n(1)), p.add(x!, p.convert(i!, 'float32'))]);
    check(trace([f32()], ([x]) => [...foriLoop(5, [n(0), s(1)], body), x!]));
  });

  it('nests, with the inner carry in the memory of the outer', () => {
    const inner = trace([f32(4)], ([h]) => [p.mul(h!, s(1.5))]);
    const outer = trace([f32(4), f32(4)], ([h, x]) => {
      const [y] = foriLoop(2, [h!], inner);
      return [p.add(y!, x!), p.reduceSum(y!, [0])];
    });
    const program = trace([f32(4), f32(3, 4)], (xs) =>
      scan(xs, { body: outer, numConsts: 0, numCarry: 1, length: 3, reverse: true }),
    );
    expect(check(program).copies).toBeLessThanOrEqual(2);
    const passing = trace([f32(4)], ([h]) => foriLoop(2, [h!], inner));
    expect(check(trace([f32(4)], ([x]) => foriLoop(3, [p.exp(x!)], passing)))).toMatchObject({
      copies: 0,
      arenaBytes: 0,
    });
  });

  it('uses what it was given after the loop', () => {
    const body = trace([f32(3)], ([h]) => [p.mul(h!, s(2))]);
    const program = trace([f32(3)], ([x]) => {
      const init = p.exp(x!);
      const [out] = foriLoop(3, [init], body);
      return [
        p.add(out!, init),
        ...foriLoop(
          2,
          [init, init],
          trace([f32(3), f32(3)], ([a, b]) => [p.add(a!, b!), p.sub(a!, b!)]),
        ),
      ];
    });
    check(program);
  });
});

describe('arrays that loops change', () => {
  const write = trace([i32(), f32(64)], ([i, xs]) => {
    const value = p.reshape(p.mul(p.convert(i!, 'float32'), s(2)), [1]);
    return [p.add(i!, n(1)), dynamicUpdateSlice(xs!, value, [i!])];
  });

  it('are not copied to change one element', () => {
    const program = trace([f32(64)], ([x]) => foriLoop(64, [n(0), p.neg(x!)], write));
    const stats = check(program);
    // Two passes to negate, then for each of the iterations a few bytes; the planner counts the array itself as an operand and a result.
    const plan = expectPlanMatches(program, drawArgs(program.inAvals, 3));
    const loop = plan.steps.find((step) => step.kind === 'for');
    const copied = loop?.kind === 'for' ? loop.body.flatMap((step) => (step.kind === 'copy' ? [step.bytes] : [])) : [];
    expect(copied.every((bytes) => bytes <= 4)).toBe(true);
    expect(stats.arenaBytes).toBeLessThanOrEqual(256);
  });

  it('are copied once when the old value is needed', () => {
    const program = trace([f32(64)], ([x]) => {
      const y = p.exp(x!);
      return [...foriLoop(8, [n(0), y], write), p.reduceSum(y, [0])];
    });
    check(program);
  });

  it('are copied when the old value is read after the change', () => {
    const both = trace([i32(), f32(64)], ([i, xs]) => {
      const next = dynamicUpdateSlice(xs!, p.reshape(s(7), [1]), [i!]);
      return [p.add(i!, n(1)), p.add(p.mul(next, s(0.5)), p.reverse(xs!, [0]))];
    });
    check(trace([f32(64)], ([x]) => foriLoop(3, [n(0), x!], both)));
  });
});

describe('while', () => {
  it('tests before each iteration', () => {
    const test = trace([f32(), f32(), f32(2)], ([limit, x]) => [p.lt(x!, limit!)]);
    const body = trace([f32(2), f32(), f32(2)], ([c, x, y]) => [p.add(x!, s(1)), p.add(y!, c!)]);
    const program = trace([f32(), f32(2), f32(), f32(2)], ([limit, c, x, y]) =>
      whileLoop([limit!, c!, x!, y!], { cond: test, body, numCondConsts: 1, numBodyConsts: 1 }),
    );
    check(program);
    const never = trace([f32(2)], ([y]) =>
      whileLoop([s(-1), y!, s(0), y!], { cond: test, body, numCondConsts: 1, numBodyConsts: 1 }),
    );
    check(never);
  });

  it('nests in branches and scans', () => {
    const test = trace([i32(), f32(2)], ([i]) => [p.lt(i!, n(3))]);
    const body = trace([i32(), f32(2)], ([i, x]) => [p.add(i!, n(1)), p.mul(x!, s(1.25))]);
    const grow = trace([f32(2)], ([x]) =>
      whileLoop([n(0), x!], { cond: test, body, numCondConsts: 0, numBodyConsts: 0 }).slice(1),
    );
    const keep = trace([f32(2)], ([x]) => [p.neg(x!)]);
    const step = trace([f32(2), i32()], ([x, k]) => {
      const [y] = cond([keep, grow], k!, [x!]);
      return [y!, p.reduceSum(y!, [0])];
    });
    check(
      trace([f32(2), i32(4)], ([x, ks]) =>
        scan([x!, p.rem(ks!, n(2))], { body: step, numConsts: 0, numCarry: 1, length: 4, reverse: false }),
      ),
    );
  });
});

describe('branches', () => {
  const first = trace([f32(3), f32(3)], ([x, y]) => [p.add(x!, y!), x!]);
  const second = trace([f32(3), f32(3)], ([x, y]) => [p.exp(p.mul(x!, y!)), p.sin(y!)]);

  it('write their results where they are wanted', () => {
    const program = trace([bool(), f32(3), f32(3)], ([k, x, y]) => {
      const [a, b] = cond([first, second], p.convert(k!, 'int32'), [x!, y!]);
      return [p.mul(a!, s(2)), b!];
    });
    check(program);
  });

  it('with a known index are the branch', () => {
    expect(check(trace([f32(3), f32(3)], (xs) => cond([first, second], n(1), xs)))).toMatchObject({
      controls: 0,
      kernels: 1,
    });
  });

  it('take literals', () => {
    const f = trace([f32(), f32(3)], ([c, x]) => [p.mul(c!, x!)]);
    const g = trace([f32(), f32(3)], ([, x]) => [x!]);
    check(trace([i32(), f32(3)], ([k, x]) => cond([f, g], p.rem(k!, n(2)), [s(4), x!])));
  });
});

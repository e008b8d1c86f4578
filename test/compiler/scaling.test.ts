/**
 * Long programs: no call depth, cost in proportion to length, kernels of bounded size.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { type Aval, f32 } from '../../src/ir/aval.ts';
import { scalarTensor, type Tensor } from '../../src/core/tensor.ts';
import * as p from '../../src/primitives/index.ts';
import { compileProgram } from '../../src/compiler/compile.ts';
import { compileStats } from '../../src/compiler/stats.ts';
import { type EmittedPlan, emitPlan } from '../../src/backends/wasm/emit-plan.ts';
import { drawArgs, expectPlanMatches, trace } from './check-plan.ts';

const s = (x: number): Tensor => scalarTensor(x, 'float32');

interface Family {
  readonly name: string;
  readonly aval: Aval;
  /** Equations of the long program. */
  readonly length: number;
  readonly build: (x: Tensor, n: number) => Tensor[];
}

function repeat(x: Tensor, n: number, f: (x: Tensor, i: number) => Tensor): Tensor {
  let y = x;
  for (let i = 0; i < n; i++) y = f(y, i);
  return y;
}

const families: readonly Family[] = [
  {
    name: 'a chain of scalars',
    aval: f32(),
    length: 1e5,
    build: (x, n) => [repeat(x, n, (y, i) => (i % 2 ? p.add(y, s(1)) : p.sin(y)))],
  },
  {
    name: 'squares of squares',
    aval: f32(3),
    length: 2e4,
    build: (x, n) => [repeat(x, n, (y) => p.tanh(p.mul(y, y)))],
  },
  {
    name: 'a backward pass',
    aval: f32(4),
    length: 1e5,
    build: (x, n) => {
      const saved: Tensor[] = [];
      let y = x;
      for (let i = 0; i < n / 3; i++) {
        saved.push(y);
        y = p.sin(y);
      }
      for (let i = 0; i < n / 3; i++) y = p.mul(y, p.cos(saved.pop()!));
      return [y];
    },
  },
  {
    name: 'movements',
    aval: f32(3, 3),
    length: 2e4,
    build: (x, n) => [repeat(x, n, (y, i) => (i % 2 ? p.transpose(y, [1, 0]) : p.reverse(y, [0])))],
  },
  {
    name: 'reductions',
    aval: f32(4),
    length: 2e4,
    build: (x, n) => [repeat(x, n / 2, (y) => p.tanh(p.mul(y, p.reduceSum(y, [0]))))],
  },
  {
    name: 'many results',
    aval: f32(4),
    length: 2e4,
    build: (x, n) => Array.from({ length: n }, (_, i) => p.mul(x, s(i))),
  },
];

describe('long programs', () => {
  for (const { name, aval, build, length } of families) {
    it(`compile: ${name}, ${length} equations`, () => {
      const plan = compileProgram(trace([aval], ([x]) => build(x!, length)));
      expect(compileStats(plan).kernels).toBeGreaterThan(100);
      for (const step of plan.steps) {
        if (step.kind !== 'kernel') continue;
        expect(step.kernel.outputs.length + step.kernel.inputs.length).toBeLessThan(200);
      }
    });
  }
});

describe('programs of 500 equations', () => {
  for (const { name, aval, build } of families) {
    it(`compute the same: ${name}`, () => {
      const program = trace([aval], ([x]) => build(x!, 500));
      expectPlanMatches(program, drawArgs([aval], 1), name);
    });
  }
});

describe('the code of long programs', () => {
  const emitted = (family: Family, n: number): EmittedPlan =>
    emitPlan(compileProgram(trace([family.aval], ([x]) => family.build(x!, n))));

  for (const family of families) {
    it(`grows no faster than the program: ${family.name}`, () => {
      const [short, long] = [emitted(family, 1000), emitted(family, 8000)];
      expect(long.bytes.length / short.bytes.length).toBeLessThan(8.8);
      expect(long.kernels / short.kernels).toBeLessThan(8.8);
    });
  }

  it('holds each of the equal parts of a program once', () => {
    const cell = (y: Tensor): Tensor => p.tanh(p.sub(y, p.reduceSum(p.mul(y, y), [0])));
    const layers = (n: number): EmittedPlan =>
      emitPlan(compileProgram(trace([f32(64)], ([x]) => [repeat(x!, n, cell)])));
    const [few, many] = [layers(400), layers(1600)];
    // The last kernel may hold fewer layers than the others.
    expect(many.kernels).toBeLessThanOrEqual(few.kernels + 1);
    expect(many.bytes.length).toBeLessThan(2 * few.bytes.length);
  });
});

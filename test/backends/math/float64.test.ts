import { describe, expect, it } from 'vitest';
import { expandUnary } from '../../../src/backends/wasm/math/expand.ts';
import type { UnaryOp } from '../../../src/ir/loop/expr.ts';
import figures from './figures.json' with { type: 'json' };
import { compileExpr, operand } from './interpret.ts';
import { ulp64 } from './ulp.ts';

const run = (fn: string): ((x: number) => number) => compileExpr(expandUnary(fn as UnaryOp, operand(0, 'float64'))!, 1).run;

/** Values at 0, -0, ∞, -∞, NaN, and where a range ends. */
const edges: Readonly<Record<string, readonly (readonly [number, number])[]>> = {
  exp: [[0, 1], [Infinity, Infinity], [-Infinity, 0], [709.79, Infinity], [-745.14, 0]],
  exp2: [[0, 1], [Infinity, Infinity], [-Infinity, 0], [1024, Infinity], [-1075.1, 0], [10, 1024], [-1074, 2 ** -1074]],
  expm1: [[0, 0], [-0, -0], [Infinity, Infinity], [-Infinity, -1], [709.79, Infinity], [-100, -1]],
  logistic: [[0, 0.5], [Infinity, 1], [-Infinity, 0], [-746, 0], [50, 1]],
  tanh: [[0, 0], [-0, -0], [Infinity, 1], [-Infinity, -1], [30, 1]],
  sinh: [[0, 0], [-0, -0], [Infinity, Infinity], [-Infinity, -Infinity], [711, Infinity]],
  cosh: [[0, 1], [Infinity, Infinity], [-Infinity, Infinity], [711, Infinity]],
  erf: [[0, 0], [-0, -0], [Infinity, 1], [-Infinity, -1]],
  log: [[1, 0], [0, -Infinity], [-0, -Infinity], [Infinity, Infinity], [-1, NaN], [-Infinity, NaN]],
  log1p: [[0, 0], [-0, -0], [-1, -Infinity], [Infinity, Infinity], [-1.5, NaN], [-Infinity, NaN]],
  sin: [[0, 0], [-0, -0], [Infinity, NaN], [-Infinity, NaN]],
  cos: [[0, 1], [Infinity, NaN], [-Infinity, NaN]],
  tan: [[0, 0], [-0, -0], [Infinity, NaN]],
  cbrt: [[0, 0], [-0, -0], [8, 2], [-27, -3], [Infinity, Infinity], [-Infinity, -Infinity]],
  rsqrt: [[4, 0.5], [0, Infinity], [-0, -Infinity], [Infinity, 0], [-1, NaN]],
}; // prettier-ignore

describe('float64 expansions', () => {
  for (const [fn, rows] of Object.entries(figures as Record<string, number[][]>)) {
    it(`${fn} is within 2 ulp of the tabulated figures`, () => {
      const f = run(fn);
      for (const [x, high, low] of rows) expect(ulp64(f(x!), high!, low!), `${fn}(${x}) = ${f(x!)}`).toBeLessThanOrEqual(2);
    });
  }

  for (const [fn, cases] of Object.entries(edges)) {
    it(`${fn} is exact at its edges and keeps NaN`, () => {
      const f = run(fn);
      for (const [x, y] of cases) expect(f(x), `${fn}(${x})`).toBe(y);
      expect(f(NaN)).toBeNaN();
    });
  }

  it('has no expansion for integers', () => {
    expect(expandUnary('exp', operand(0, 'int32'))).toBeUndefined();
  });
});

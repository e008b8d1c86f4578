import { describe, expect, it } from 'vitest';
import { expandBinary, expandUnary } from '../../../src/backends/wasm/math/expand.ts';
import type { BinaryOp, UnaryOp } from '../../../src/ir/loop/expr.ts';
import figures from './figures.json' with { type: 'json' };
import { compileExpr, operand } from './interpret.ts';
import { ulp64 } from './ulp.ts';

const x = operand(0, 'float64');
const y = operand(1, 'float64');
const run = (fn: string, isFused?: boolean): ((...args: number[]) => number) =>
  compileExpr(expandUnary(fn as UnaryOp, x) ?? expandBinary(fn as BinaryOp, x, y)!, 2, isFused).run;

/** Values at 0, -0, ∞, -∞, NaN, and where a range ends. */
// prettier-ignore
const edges: Readonly<Record<string, readonly (readonly [number, number])[]>> = {
  exp: [[0, 1], [Infinity, Infinity], [-Infinity, 0], [709.79, Infinity], [-745.14, 0]],
  exp2: [[0, 1], [Infinity, Infinity], [-Infinity, 0], [1024, Infinity], [-1075.1, 0], [10, 1024], [-1074, 2 ** -1074]],
  expm1: [[0, 0], [-0, -0], [Infinity, Infinity], [-Infinity, -1], [709.79, Infinity], [-100, -1]],
  logistic: [[0, 0.5], [Infinity, 1], [-Infinity, 0], [-746, 0], [50, 1]],
  tanh: [[0, 0], [-0, -0], [Infinity, 1], [-Infinity, -1], [30, 1]],
  sinh: [[0, 0], [-0, -0], [Infinity, Infinity], [-Infinity, -Infinity], [711, Infinity]],
  cosh: [[0, 1], [Infinity, Infinity], [-Infinity, Infinity], [711, Infinity]],
  erf: [[0, 0], [-0, -0], [Infinity, 1], [-Infinity, -1]],
  erfc: [[0, 1], [-0, 1], [Infinity, 0], [-Infinity, 2], [27.3, 0]],
  log: [[1, 0], [0, -Infinity], [-0, -Infinity], [Infinity, Infinity], [-1, NaN], [-Infinity, NaN]],
  log1p: [[0, 0], [-0, -0], [-1, -Infinity], [Infinity, Infinity], [-1.5, NaN], [-Infinity, NaN]],
  sin: [[0, 0], [-0, -0], [Infinity, NaN], [-Infinity, NaN]],
  cos: [[0, 1], [Infinity, NaN], [-Infinity, NaN]],
  tan: [[0, 0], [-0, -0], [Infinity, NaN]],
  cbrt: [[0, 0], [-0, -0], [8, 2], [-27, -3], [Infinity, Infinity], [-Infinity, -Infinity]],
  log2: [[1, 0], [8, 3], [2 ** -1074, -1074], [0, -Infinity], [Infinity, Infinity], [-1, NaN]],
  log10: [[1, 0], [1000, 3], [0, -Infinity], [Infinity, Infinity], [-1, NaN]],
  asin: [[0, 0], [-0, -0], [1, Math.PI / 2], [-1, -Math.PI / 2], [1.1, NaN], [Infinity, NaN]],
  acos: [[0, Math.PI / 2], [1, 0], [-1, Math.PI], [1.1, NaN], [-Infinity, NaN]],
  atan: [[0, 0], [-0, -0], [Infinity, Math.PI / 2], [-Infinity, -Math.PI / 2]],
  asinh: [[0, 0], [-0, -0], [Infinity, Infinity], [-Infinity, -Infinity]],
  acosh: [[1, 0], [0.9, NaN], [Infinity, Infinity], [-Infinity, NaN]],
  atanh: [[0, 0], [-0, -0], [1, Infinity], [-1, -Infinity], [1.1, NaN], [Infinity, NaN]],
  rsqrt: [[4, 0.5], [0, Infinity], [-0, -Infinity], [Infinity, 0], [-1, NaN]],
};

describe('float64 expansions', () => {
  for (const [fn, rows] of Object.entries(figures as Record<string, number[][]>)) {
    const most = fn === 'erfc' ? 2.8 : 2;
    it.each([true, false])(
      `${fn} is within ${most} ulp of the tabulated figures (multiply-adds fused: %s)`,
      (isFused) => {
        const f = run(fn, isFused);
        for (const row of rows) {
          const args = row.slice(0, -2);
          const [high, low] = row.slice(-2);
          expect(ulp64(f(...args), high!, low!), `${fn}(${args.join()}) = ${f(...args)}`).toBeLessThanOrEqual(most);
        }
      },
    );
  }

  for (const [fn, cases] of Object.entries(edges)) {
    it(`${fn} is exact at its edges and keeps NaN`, () => {
      const f = run(fn);
      for (const [at, value] of cases) expect(f(at), `${fn}(${at})`).toBe(value);
      expect(f(NaN)).toBeNaN();
    });
  }

  /** Zeros of both signs, infinities, NaN, odd and even integers, fractions, and the ends of the range. */

  // prettier-ignore
  // prettier-ignore
  const specials = [
    0,
    -0,
    Infinity,
    -Infinity,
    NaN,
    1,
    -1,
    2,
    -2,
    3,
    -3,
    0.5,
    -0.5,
    1.5,
    2 ** -1074,
    -(2 ** -1074),
    Number.MAX_VALUE,
    -Number.MAX_VALUE,
    2 ** 53 - 1,
    1 - 2 ** 53,
    2 ** 54,
    1e300,
    1 - 2 ** -53,
    1 + 2 ** -52,
    1025,
    -1075,
    1024.5,
  ];
  const isOne = (a: number, b: number): boolean => a === 1 || b === 0 || (a === -1 && Math.abs(b) === Infinity);
  const binaries: Readonly<Record<string, (a: number, b: number) => number>> = {
    pow: (a, b) => (isOne(a, b) ? 1 : Math.pow(a, b)), // C's; JavaScript has NaN for 1^NaN and 1^∞
    atan2: Math.atan2,
  };
  for (const [fn, reference] of Object.entries(binaries)) {
    it(`${fn} agrees with C on all pairs of special values`, () => {
      const f = run(fn);
      for (const a of specials) {
        for (const b of specials) {
          const expected = reference(a, b);
          const isNear = expected !== 0 && Math.abs(f(a, b) - expected) <= 1e-15 * Math.abs(expected);
          if (!isNear) expect(f(a, b), `${fn}(${a}, ${b})`).toBe(expected);
        }
      }
    });
  }

  it('has no expansion for integers', () => {
    expect(expandUnary('exp', operand(0, 'int32'))).toBeUndefined();
  });
});

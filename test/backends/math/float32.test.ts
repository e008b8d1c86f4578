import { describe, expect, it } from 'vitest';
import { expandBinary, expandUnary } from '../../../src/backends/wasm/math/expand.ts';
import type { BinaryOp, UnaryOp } from '../../../src/ir/loop/expr.ts';
import { erf, erfc } from '../../../src/util/special/erf.ts';
import { lgamma } from '../../../src/util/special/gamma.ts';
import { erfInv } from '../../../src/util/special/erf-inv.ts';
import { compileExpr, operand } from './interpret.ts';
import { ulp32 } from './ulp.ts';

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);
const ofBits = (b: number): number => {
  bits[0] = b;
  return float[0]!;
};

/** A small generator (Park and Miller), so that failures repeat. */
function uniform(seed: number): () => number {
  let s = seed;
  return () => (s = (s * 48271) % 2147483647) / 2147483647;
}

/** C's pow. */
const pow = (x: number, y: number): number =>
  x === 1 || y === 0 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);

/** The function in float64, the bound in ulp, and the range where most of its life is. */
const unaries: Partial<Record<UnaryOp, readonly [(x: number) => number, number, number]>> = {
  exp: [Math.exp, 1.1, 105],
  exp2: [(x) => 2 ** x, 1.2, 150],
  expm1: [Math.expm1, 1.3, 90],
  logistic: [(x) => (x < -30 ? Math.exp(x) : 1 / (1 + Math.exp(-x))), 1.7, 105],
  tanh: [Math.tanh, 2.6, 10],
  erf: [erf, 1.3, 5],
  erfc: [erfc, 3, 10],
  erf_inv: [erfInv, 0.65, 1],
  lgamma: [lgamma, 0.52, 10],
  log: [Math.log, 0.9, 10],
  log1p: [Math.log1p, 1.5, 2],
  log2: [Math.log2, 0.51, 10],
  log10: [Math.log10, 0.51, 10],
  sin: [Math.sin, 2.18, 1000],
  cos: [Math.cos, 2.06, 1000],
  tan: [Math.tan, 0.51, 1000],
  asin: [Math.asin, 1.3, 1],
  acos: [Math.acos, 1.4, 1],
  atan: [Math.atan, 1.6, 4],
  sinh: [Math.sinh, 0.75, 90],
  cosh: [Math.cosh, 0.51, 90],
  asinh: [Math.asinh, 0.51, 10],
  acosh: [Math.acosh, 0.51, 10],
  atanh: [Math.atanh, 0.51, 1],
  cbrt: [Math.cbrt, 0.51, 10],
  rsqrt: [(x) => 1 / Math.sqrt(x), 1.5, 10],
};

// prettier-ignore
const specials = [
  0, -0, Infinity, -Infinity, NaN, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 1.5, -1.5, 2 ** -149, -(2 ** -149), 2 ** -126,
  -(2 ** -126), 2 ** -127, 3.4028234663852886e38, -3.4028234663852886e38, 1 - 2 ** -24, 1 + 2 ** -23, -1 + 2 ** -24,
  -1 - 2 ** -23, 2 ** 23 + 1, 2 ** 24 - 1, 2 ** 25, -(2 ** 24) + 1, 88.72283, 88.72284, -87.33655, -103.97208,
  -103.97209, 89.41599, -88.5, 128, -149.5, -150, 823549, 823550, 1e10, 1e30, -1e30, 9.01,
  // Where all float32 were tried, the worst of sin and cos, up to 800 and beyond.
  581.2102661132812, 56085.37109375, 0.2925563454627991, 4916.51806640625,
].map(Math.fround);

function worst(run: (x: number) => number, exact: (x: number) => number, range: number): readonly [number, number] {
  let found: readonly [number, number] = [0, NaN];
  const check = (x: number): void => {
    const distance = ulp32(run(x), exact(x));
    if (!(distance <= found[0])) found = [distance, x];
  };
  specials.forEach(check);
  const random = uniform(7);
  for (let b = 0; b < 2 ** 32; b += 65521) check(ofBits(b | 0));
  for (let i = 0; i < 60000; i++) check(Math.fround((2 * random() - 1) * range));
  for (let i = 0; i < 20000; i++) check(Math.fround(1 + (2 * random() - 1) * 0.5));
  return found;
}

describe('float32 expansions', () => {
  for (const [fn, [exact, bound, range]] of Object.entries(unaries)) {
    it(`${fn} is within ${bound} ulp everywhere, special values included, whether multiply-adds round once or twice`, () => {
      const expansion = expandUnary(fn as UnaryOp, operand(0, 'float32'));
      for (const isFused of [true, false]) {
        const [distance, at] = worst(compileExpr(expansion!, 1, isFused).run, exact, range);
        expect(distance, `at ${at}, rounding ${isFused ? 'once' : 'twice'}`).toBeLessThanOrEqual(bound);
      }
    });
  }

  it('sin and cos are right beside the zeros of both, where all digits of the argument cancel', () => {
    for (const [fn, exact] of [
      ['sin', Math.sin],
      ['cos', Math.cos],
    ] as const) {
      for (const isFused of [true, false]) {
        const { run } = compileExpr(expandUnary(fn, operand(0, 'float32'))!, 1, isFused);
        let largest = 0;
        for (let n = 1; n < 2200; n++) {
          float[0] = (n * Math.PI) / 2;
          const middle = bits[0]!;
          for (let b = middle - 2; b <= middle + 2; b++)
            largest = Math.max(largest, ulp32(run(ofBits(b)), exact(ofBits(b))));
        }
        expect(largest, `${fn}, rounding ${isFused ? 'once' : 'twice'}`).toBeLessThan(1.6);
      }
    }
  });

  it('cos of what is near 0 is 1, and neither exceeds 1', () => {
    for (const isFused of [true, false]) {
      const cos = compileExpr(expandUnary('cos', operand(0, 'float32'))!, 1, isFused).run;
      for (const x of [0, -0, 1e-30, 1e-5, 1e-4]) expect(cos(Math.fround(x))).toBe(1);
      const sin = compileExpr(expandUnary('sin', operand(0, 'float32'))!, 1, isFused).run;
      const check = (x: number): void => {
        if (!(Math.abs(cos(x)) <= 1 && Math.abs(sin(x)) <= 1)) expect.fail(`at ${x}`);
      };
      for (let i = 0; i < 20000; i++) check(Math.fround(i * 0.0197));
      // Beside the tops of both.
      for (let n = 1; n < 500; n++) {
        float[0] = (n * Math.PI) / 2;
        const middle = bits[0]!;
        for (let i = -200; i <= 200; i++) check(ofBits(middle + i * 7));
      }
    }
  });

  const binaries: Partial<Record<BinaryOp, readonly [(x: number, y: number) => number, number]>> = {
    pow: [pow, 0.51],
    atan2: [Math.atan2, 1.6],
  };
  for (const [fn, [exact, bound]] of Object.entries(binaries)) {
    it(`${fn} is within ${bound} ulp on all pairs of special values and on random ones`, () => {
      const { run } = compileExpr(expandBinary(fn as BinaryOp, operand(0, 'float32'), operand(1, 'float32'))!, 2);
      const check = (x: number, y: number): void => {
        const distance = ulp32(run(x, y), exact(x, y));
        if (!(distance <= bound)) expect.fail(`${fn}(${x}, ${y}) = ${run(x, y)}, expected ${exact(x, y)}`);
      };
      for (const x of specials) for (const y of specials) check(x, y);
      const random = uniform(11);
      for (let i = 0; i < 100000; i++) {
        check(ofBits((random() * 2 ** 32) | 0), ofBits((random() * 2 ** 32) | 0));
        const x = Math.fround(Math.exp((random() - 0.5) * 100));
        check(x, Math.fround(((random() - 0.5) * 200) / Math.log(x)));
        check(Math.fround(8 * random() - 4), Math.fround(8 * random() - 4));
      }
    });
  }
});

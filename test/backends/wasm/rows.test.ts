/**
 * Rows of all widths: their elements in lanes, or several rows in lanes, with what fills no whole vector.
 * @module
 */
import { grad, init, jit, nn, np, type Tensor } from 'cotangent';
import { describe, expect, it } from 'vitest';
import { prepareKernel } from '../../../src/backends/wasm/kernel/emit.ts';
import { binary, type Expr, iadd, imul, int, load, unary } from '../../../src/ir/loop/expr.ts';
import { KernelBuilder } from '../../../src/ir/loop/kernel.ts';

await init();

const widths = [...Array.from({ length: 21 }, (_, i) => i + 1), 24, 31, 63, 65, 79, 100];

/** Distinct in each row, none alike. */
const valuesOf = (rows: number, width: number): number[][] =>
  Array.from({ length: rows }, (_, r) =>
    Array.from({ length: width }, (_, c) => 3 * Math.sin(r * 12.9898 + c * 7.233)),
  );

function softmax(x: readonly number[]): number[] {
  const largest = Math.max(...x);
  const e = x.map((v) => Math.exp(v - largest));
  const sum = e.reduce((p, q) => p + q, 0);
  return e.map((v) => v / sum);
}

/** Of Σ softmax(x)². */
function gradientOf(x: readonly number[]): number[] {
  const s = softmax(x);
  const mean = s.reduce((sum, v) => sum + v * 2 * v, 0);
  return s.map((v) => v * (2 * v - mean));
}

describe.each(['float32', 'float64'] as const)('rows of %s', (dtype) => {
  const close = dtype === 'float32' ? 1e-6 : 1e-14;
  const expectClose = (got: Tensor, want: readonly number[][]): void => {
    const expected = want.flat();
    const worst = [...got.dataSync()].reduce((most, v, i) => Math.max(most, Math.abs(v - expected[i]!)), 0);
    expect(worst).toBeLessThan(close * Math.max(1, ...expected.map(Math.abs)));
  };

  it.each(widths)('of %i elements', (width) => {
    for (const rows of [3, 9]) {
      const values = valuesOf(rows, width);
      const x = np.array(values, { dtype });
      expectClose(jit((x: Tensor) => nn.softmax(x))(x), values.map(softmax));
      expectClose(jit(grad((x: Tensor) => np.sum(np.square(nn.softmax(x)))))(x), values.map(gradientOf));
      const sums = values.map((row) => [row.reduce((p, q) => p + q * q, 0)]);
      expectClose(jit((x: Tensor) => np.sum(np.square(x), { axis: 1 }))(x), sums);
      const largest = values.map((row) => [Math.max(...row)]);
      expectClose(jit((x: Tensor) => np.max(x, { axis: 1 }))(x), largest);
    }
  });
});

describe('the lanes', () => {
  /** What runs in lanes of y = exp(x) / Σ exp(x) along each of many rows. */
  function lanesOf(width: number): string[] {
    const size = 1000 * width;
    const b = new KernelBuilder('normalize', [{ dtype: 'float32', size }], [{ dtype: 'float32', size }]);
    const [x, y] = [b.inputs[0]!, b.outputs[0]!];
    b.parallel([1000], ([r]) => {
      const e = (c: Expr): Expr => unary('exp', load(x, iadd(imul(r!, int(width)), c)));
      const sum = b.reduce('add', [width], 'float32', ([c]) => e(c!));
      b.parallel([width], ([c]) => b.store(y, iadd(imul(r!, int(width)), c!), binary('div', e(c!), sum)));
    });
    return [...prepareKernel(b.build(), 'none').plan.keys()].map((s) => s.kind);
  }

  it('are rows where these are short, or leave much over, and elements elsewhere', () => {
    expect(lanesOf(3)).toEqual(['for']);
    expect(lanesOf(10)).toEqual(['for']);
    expect(lanesOf(24)).toEqual(['reduce', 'for']);
    expect(lanesOf(100)).toEqual(['reduce', 'for']);
  });
});

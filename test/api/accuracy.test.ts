/** Long sums on every path that adds: eager and compiled, whole arrays, rows and columns. */
import { describe, expect, test } from 'vitest';
import { jit, np, type Tensor } from 'cotangent';

const relative = (got: number, expected: number): number => Math.abs(got - expected) / Math.abs(expected);

describe.each([
  ['eager', (f: (x: Tensor) => Tensor) => f],
  ['jit', (f: (x: Tensor) => Tensor) => jit(f) as (x: Tensor) => Tensor],
])('float32 sums, %s', (_name, wrap) => {
  const tenths = np.full([10_000_000], 0.1);

  test('the sum of 10⁷ tenths is right to 1e-6', () => {
    expect(relative(wrap((x) => np.sum(x))(tenths).item(), 1e7 * Math.fround(0.1))).toBeLessThan(1e-6);
  });

  test('so it is when the array is summed as rows, as columns, and after an elementwise operation', () => {
    const table = tenths.reshape([1000, 10_000]);
    for (const [axis, n] of [
      [0, 1000],
      [1, 10_000],
    ] as const) {
      const sums = wrap((x) => np.sum(x, { axis }))(table);
      expect(relative(np.max(sums).item(), n * Math.fround(0.1))).toBeLessThan(1e-6);
      expect(relative(np.min(sums).item(), n * Math.fround(0.1))).toBeLessThan(1e-6);
    }
    expect(relative(wrap((x) => np.sum(np.sqrt(x)))(tenths).item(), 1e7 * Math.sqrt(Math.fround(0.1)))).toBeLessThan(
      1e-6,
    );
  });

  test('the mean of 2²⁵ ones is 1', () => {
    expect(wrap((x) => np.mean(x))(np.ones([2 ** 25])).item()).toBe(1);
  });
});

test('float64 sums keep 1e-13', () => {
  const x = np.full([1_000_000], 0.1, { dtype: 'float64' });
  expect(relative(np.sum(x).item(), 1e5)).toBeLessThan(1e-13);
});

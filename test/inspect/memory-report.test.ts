/** memoryReport lists what is alive, and what a function left alive. */
import { describe, expect, test } from 'vitest';
import { configure, jit, np, type Tensor } from 'cotangent';
import { memoryReport } from 'cotangent/inspect';

describe('what a function leaves alive', () => {
  test('by shape and dtype, with the line that made it', () => {
    const kept: Tensor[] = [];
    const report = memoryReport(() => {
      for (let i = 0; i < 4; i++) {
        kept.push(np.full([500], i).mul(2));
        np.ones([700]).add(1);
      }
      kept.push(np.zeros([10, 100]).astype('float64').add(1));
      return np.ones([900]).add(1);
    });
    expect(report.groups.map(({ aval, count, bytes }) => [aval, count, bytes])).toEqual([
      ['f32[500]', 4, 8000],
      ['f64[10,100]', 1, 8000],
    ]);
    for (const g of report.groups) expect(g.place).toMatch(/memory-report\.test\.ts:\d+$/);
    expect(String(report)).toMatch(
      /^5 tensors on wasm: 16\.0 kB; linear memory has [\d.]+ MB\n\n +bytes +count +each +made at\n8\.00 kB +4 +f32\[500\] +\S+\n8\.00 kB +1 +f64\[10,100\] +\S+$/,
    );
    expect(kept).toHaveLength(5);
  });

  test('a compiled function that keeps nothing leaves nothing', () => {
    const f = jit((x: Tensor) => np.tanh(x.mul(2)));
    const x = np.ones([2000]);
    expect(memoryReport(() => void f(f(x))).tensors).toBe(0);
  });

  test('must be over when the function returns', () => {
    expect(() => memoryReport(() => Promise.resolve(1))).toThrow(
      'memoryReport: expected a function that returns at once',
    );
  });
});

test('all that is alive, and that disposing takes away', () => {
  const before = memoryReport();
  const x = np.ones([3000]).add(1);
  const during = memoryReport();
  expect([during.tensors - before.tensors, during.bytes - before.bytes]).toEqual([1, 12_000]);
  x.dispose();
  expect(memoryReport().bytes).toBe(before.bytes);
  expect(during.heapBytes).toBeGreaterThan(12_000);
});

test('other devices keep tensors where nobody counts them', () => {
  expect(configure({ defaultDevice: 'reference' }, () => String(memoryReport()))).toBe(
    'Tensors on reference are ordinary JavaScript arrays and not counted.',
  );
});

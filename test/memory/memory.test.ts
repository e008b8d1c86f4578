/**
 * Memory without ceremony: nothing here disposes anything. Resident memory is read in a fresh process each time.
 * @module
 */
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { configure, MemoryError, np, type Tensor } from 'cotangent';

const root = new URL('../..', import.meta.url).pathname;

function churn(loop: string): { peak: number; growth: number } {
  const out = execFileSync(process.execPath, ['scripts/run-ts.mjs', 'test/memory/churn.ts', loop], {
    cwd: root,
    encoding: 'utf8',
  });
  return JSON.parse(out) as { peak: number; growth: number };
}

describe('loops that drop their results keep flat memory', () => {
  test('20,000 eager operations on 1 MB arrays in one synchronous loop stay under 300 MB', () => {
    const { peak } = churn('eager');
    console.log(`peak resident memory: ${peak.toFixed(0)} MB`);
    expect(peak).toBeLessThan(300);
  }, 120_000);

  test.each(['training', 'jit'])(
    '500 steps of a naive %s loop do not grow',
    (loop) => {
      const { peak, growth } = churn(loop);
      console.log(`${loop}: peak ${peak.toFixed(0)} MB, growth over the second half ${growth.toFixed(1)} MB`);
      expect(peak).toBeLessThan(300);
      expect(growth).toBeLessThan(40);
    },
    120_000,
  );
});

describe('config.memoryLimit', () => {
  test('exceeding it is an error that lists the largest live tensors, and nothing computed is lost', () => {
    const big = np.ones([512, 1024]);
    const small = np.arange(5);
    const kept: Tensor[] = [];
    configure({ memoryLimit: 6 * 2 ** 20 }, () => {
      const fill = (): void => {
        for (let i = 0; i < 20; i++) kept.push(np.add(big, i));
      };
      expect(fill).toThrow(MemoryError);
      expect(fill).toThrow(/f32\[512,1024\]/);
      expect(kept.length).toBeGreaterThan(0);
    });
    expect(np.mean(kept[0]!).item()).toBe(1);
    expect(small.toArray()).toEqual([0, 1, 2, 3, 4]);
    expect(np.sum(np.add(big, 1)).item()).toBe(2 ** 20);
  });

  test('disposing frees at once, is never needed, and use afterwards says so', () => {
    const x = np.ones([300]);
    x.dispose();
    expect(() => np.sum(x)).toThrow(/disposed tensor f32\[300\]/);
  });
});

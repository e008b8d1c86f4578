/**
 * The workloads of `npm run bench` give right results, whatever they take.
 * @module
 */
import { expect, it } from 'vitest';
import { compare } from '../../bench/harness.ts';
import { ratios, workloads } from '../../bench/workloads.ts';

it.each(workloads.map((w) => [w.name, w] as const))('%s', (_name, { setUp }) => {
  const { run, check } = setUp();
  run();
  check();
});

it('are named once, and ratios name two of them', () => {
  const names = workloads.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { of, to } of ratios) expect(names).toEqual(expect.arrayContaining([of, to]));
});

it('are reported in full, with the ratios of those that ran, and a wrong result stops the run', async () => {
  const sum = (name: string, n: number) => ({
    name,
    work: n,
    unit: 'element' as const,
    setUp: () => ({
      run: () => Array.from({ length: n }, Math.sqrt).length,
      check: () => expect(n).toBeLessThan(1000),
    }),
  });
  const rows: object[] = [];
  const options = { rounds: 2, time: 5, report: (row: object): void => void rows.push(row) };
  const pair = { name: 'long of short', of: 'long', to: 'short' };
  await compare([sum('short', 10), sum('long', 900)], [pair, { ...pair, to: 'absent' }], options);
  expect(rows.length).toBe(3);
  expect(Object.keys(rows[0]!)).toEqual(['name', 'median_ms', 'best_ms', 'spread', 'first_ms', 'rate', 'unit', 'load']);
  expect(rows[2]).toMatchObject({ ratio: 'long of short' });
  await expect(compare([sum('wrong', 1000)], [], options)).rejects.toThrow('expected 1000 to be less than 1000');
});

/**
 * One training in three faces, as a user runs it.
 * @module
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runExample } from './process.ts';

const folder = mkdtempSync(join(tmpdir(), 'faces-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the losses of the first 100 steps agree to 1e-5 in all faces', async () => {
  const report = join(folder, 'report.html');
  const run = await runExample('faces', ['--report', report]);
  expect(run.code).toBe(0);
  const [last, ...rows] = run.out.trimEnd().split('\n').toReversed();
  expect(Number(/^largest difference of a loss: (.*)$/.exec(last!)?.[1])).toBeLessThan(1e-5);
  const hundredth = rows
    .find((row) => row.startsWith(' 100 '))!
    .trim()
    .split(/ +/)
    .map(Number);
  expect(hundredth).toHaveLength(4);
  for (const loss of hundredth.slice(1)) expect(loss).toBeLessThan(0.5);
  expect(readFileSync(report, 'utf8')).toContain('<svg');
});

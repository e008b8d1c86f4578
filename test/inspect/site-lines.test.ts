/** Source sites name lines of the file as it was written, where Node knows the loader's source map. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

test('a file that a loader compiled is named with its own lines', () => {
  const output = execFileSync(process.execPath, [path('../../scripts/run-ts.mjs'), path('source-line.ts')], {
    encoding: 'utf8',
  });
  expect(output.trim().split('\n')).toEqual([
    expect.stringMatching(/^sin f \(file:\S+source-line\.ts:10:\d+\) true$/),
    expect.stringMatching(/^exp f \(file:\S+source-line\.ts:9:\d+\) true$/),
  ]);
});

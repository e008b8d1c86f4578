/**
 * `npm test` counts what the runner reports, names what failed, and counts as failures what the runner only hints at.
 * @module
 */
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { outcomeOf } from '../../scripts/test.ts';

const name = fileURLToPath(new URL('../a.test.ts', import.meta.url));
const passing = { fullName: 'adds', status: 'passed', failureMessages: [] };
const failing = { fullName: 'divides by zero', status: 'failed', failureMessages: ['Error: no luck\n  at a.ts:1'] };
const file = (status: string, assertionResults: readonly object[], message = ''): object => ({
  name,
  status,
  message,
  assertionResults,
});
const report = (passed: number, files: readonly object[]): string =>
  JSON.stringify({ numPassedTests: passed, numPendingTests: 1, numTodoTests: 0, testResults: files });

describe('what came of a run', () => {
  test('is what the report says', () => {
    expect(outcomeOf(report(3, [file('failed', [passing, failing, passing, passing])]), 1)).toEqual({
      passed: 3,
      skipped: 1,
      failures: ['test/a.test.ts > divides by zero: Error: no luck'],
    });
  });

  test('has one failure for a file that does not load', () => {
    const outcome = outcomeOf(report(1, [file('passed', [passing]), file('failed', [], 'no such module\n…')]), 1);
    expect(outcome).toMatchObject({ passed: 1, failures: ['test/a.test.ts: no such module'] });
  });

  test('has one failure for a run that fails although every test passed', () => {
    expect(outcomeOf(report(1, [file('passed', [passing])]), 1).failures).toHaveLength(1);
  });

  test('has one failure for a run that leaves no report', () => {
    expect(outcomeOf(null, 134)).toMatchObject({ passed: 0, skipped: 0 });
    expect(outcomeOf(null, 134).failures).toHaveLength(1);
  });
});

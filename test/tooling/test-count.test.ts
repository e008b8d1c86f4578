/**
 * `npm test` counts what the runner reports, and counts as failures what the runner only hints at.
 * @module
 */
import { describe, expect, test } from 'vitest';
import { countOf } from '../../scripts/test.ts';

const file = (status: string, tests: number): object => ({ status, assertionResults: Array.from({ length: tests }) });
const report = (passed: number, failed: number, files: readonly object[]): string =>
  JSON.stringify({
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: 1,
    numTodoTests: 0,
    testResults: files,
  });

describe('the count of a run', () => {
  test('is what the report says', () => {
    expect(countOf(report(3, 2, [file('failed', 5)]), 1)).toEqual({ passed: 3, failed: 2, skipped: 1 });
  });

  test('has one failure for a file that does not load', () => {
    expect(countOf(report(3, 0, [file('passed', 3), file('failed', 0)]), 1)).toMatchObject({ passed: 3, failed: 1 });
  });

  test('has one failure for a run that fails although every test passed', () => {
    expect(countOf(report(3, 0, [file('passed', 3)]), 1)).toMatchObject({ passed: 3, failed: 1 });
  });

  test('has one failure for a run that leaves no report', () => {
    expect(countOf(null, 134)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});

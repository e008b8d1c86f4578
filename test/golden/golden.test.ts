/**
 * The committed golden cases: no result may differ, and the number of cases that pass may only grow.
 * @module
 */

import { describe, expect, it } from 'vitest';
import { readCases } from '../../tools/golden/cases.ts';
import { missingLines, runCases, skippedLines, summaryLines, wrongLines } from '../../tools/golden/report.ts';

/** Cases that pass today. Raise it when more do. */
const FLOOR = 260;

describe('golden cases', () => {
  const report = runCases(readCases('test/golden/data/public.json'));

  it('has no wrong value or derivative', () => {
    console.log([...skippedLines(report), ...missingLines(report), ...summaryLines(report)].join('\n'));
    expect(wrongLines(report)).toEqual([]);
  });

  it(`passes at least ${FLOOR} cases`, () => {
    expect(report.passed).toBeGreaterThanOrEqual(FLOOR);
  });
});

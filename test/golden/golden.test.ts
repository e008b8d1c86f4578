/**
 * The committed golden cases, on every device: no result may differ, and the number of cases that pass may only grow.
 * @module
 */

import { config, devices, setDevice } from 'cotangent';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCases } from '../../tools/golden/cases.ts';
import { missingLines, runCases, skippedLines, summaryLines, wrongLines } from '../../tools/golden/report.ts';
import type { Report } from '../../tools/golden/report.ts';

/** Cases that pass today. Raise it when more do. */
const FLOOR = 420;

const usual = config.defaultDevice;

describe.each(devices())('golden cases on %s', (device) => {
  let report: Report;

  beforeAll(() => {
    setDevice(device);
    report = runCases(readCases('test/golden/data/public.json'));
    // Prefixed, because a bare line of counts would read as those of the test run.
    const lines = [...skippedLines(report), ...missingLines(report), ...summaryLines(report)];
    console.log(lines.map((line) => `golden ${device}: ${line}`).join('\n'));
  }, 120_000);

  afterAll(() => setDevice(usual));

  it('have no wrong value or derivative', () => {
    expect(wrongLines(report)).toEqual([]);
  });

  it(`pass, at least ${FLOOR} of them`, () => {
    expect(report.passed).toBeGreaterThanOrEqual(FLOOR);
  });
});

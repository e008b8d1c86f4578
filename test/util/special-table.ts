/**
 * Accuracy tables of the special functions: rows of arguments followed by the exact value rounded to a double (computed with
 * mpmath at 40 digits or more, from series and continued fractions independent of the code under test).
 *
 * @module
 */

import { expect } from 'vitest';

import { ulpDistance64 } from '../../src/util/special/float64.ts';

export type Table = readonly (readonly number[])[];

/** Asserts that `f` is within `ulps` of every row, or (near zeros of the function) within `absolute`. */
export function expectWithinUlps(f: (...args: number[]) => number, table: Table, ulps: number, absolute = 0): void {
  const misses: string[] = [];
  for (const row of table) {
    const args = row.slice(0, -1);
    const expected = row[row.length - 1]!;
    const got = f(...args);
    const distance = ulpDistance64(got, expected);
    if (distance > ulps && !(Math.abs(got - expected) <= absolute)) {
      misses.push(`(${args.join(', ')}): got ${got}, expected ${expected}, ${distance} ulp apart`);
    }
  }
  expect(misses).toEqual([]);
}

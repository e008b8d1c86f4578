/**
 * Results of control flow held against numbers.
 * @module
 */
import { expect } from 'vitest';
import type { Tensor } from 'cotangent';

export const numbers = (x: unknown): number[] => Array.from((x as Tensor).dataSync());

/** Expects the elements of a tensor, to nine digits. */
export function close(actual: unknown, expected: readonly number[]): void {
  const got = numbers(actual);
  expect(got).toHaveLength(expected.length);
  got.forEach((v, i) => expect(v, `${got} ≠ ${expected}`).toBeCloseTo(expected[i]!, 9));
}

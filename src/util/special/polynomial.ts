/**
 * Polynomial and rational evaluation, the inner loop of every approximation in this folder.
 * Plain numbers in and out: nothing here allocates.
 *
 * @module
 */

/** `c[0] + c[1] x + c[2] x² + …` by Horner's rule (coefficients in ascending order). */
export function polynomial(coefficients: readonly number[], x: number): number {
  let sum = 0;
  for (let i = coefficients.length - 1; i >= 0; i--) sum = sum * x + coefficients[i]!;
  return sum;
}

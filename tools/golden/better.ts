/**
 * The cases in which Cotangent differs from JAX on purpose: a finite, right answer where JAX gives nan or an error.
 * @module
 */

import type { Stage } from './run-op.ts';

export interface Better {
  /** Name of the case. */
  readonly name: string;
  /** The stages whose results differ. */
  readonly stages: readonly Stage[];
  /** Why this answer is the better one. */
  readonly reason: string;
}

const powerAtZero = 'x^0 is 1 for every x, so its derivative in x is 0 at x = 0 too; JAX gives 0·∞ = nan.';

export const better: readonly Better[] = [
  { name: 'power/1', stages: ['jvp', 'vjp', 'jit vjp'], reason: powerAtZero },
  { name: 'float_power/1', stages: ['jvp', 'vjp', 'jit vjp'], reason: powerAtZero },
];

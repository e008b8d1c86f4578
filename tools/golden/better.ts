/**
 * Where Cotangent differs from JAX on purpose: a finite, right answer in place of nan, or a derivative in place of an
 * error. In the stages listed, a finite number may stand where JAX has nan, and a result where JAX fails; every other
 * difference still counts.
 * @module
 */

import type { Stage } from './cases.ts';

export interface Better {
  /** Cases of this op: `name` stands for `name/0`, `name/1`, … */
  readonly op: string;
  readonly stages: readonly Stage[];
  /** Why this answer is the better one. */
  readonly reason: string;
}

const FIRST: readonly Stage[] = ['jvp', 'vjp', 'jit vjp'];
const ALL: readonly Stage[] = ['value', 'jit value', ...FIRST, 'hvp', 'hess'];
const DERIVATIVES: readonly Stage[] = [...FIRST, 'hvp', 'hess'];

export const better: readonly Better[] = [
  { op: 'digamma', stages: DERIVATIVES, reason: 'trigamma tends to 0 at infinity; JAX has nan' },
  { op: 'gammaln', stages: ['hvp', 'hess'], reason: 'trigamma tends to 0 at infinity; JAX has nan' },
  { op: 'logsumexp', stages: DERIVATIVES, reason: 'where every term is -inf the derivative is 0; JAX has nan' },
  { op: 'polygamma', stages: ALL, reason: 'polygamma of positive order tends to 0 at infinity; JAX has nan' },
  { op: 'zeta', stages: ALL, reason: 'the series tends to 0 as its offset grows; JAX has nan' },
  { op: 'float_power', stages: DERIVATIVES, reason: 'x^0 is constant, also at x = 0; JAX has 0 * inf there' },
  { op: 'lax_pow', stages: DERIVATIVES, reason: 'x^0 is constant, also at x = 0; JAX has 0 * inf there' },
  { op: 'power', stages: DERIVATIVES, reason: 'x^0 is constant, also at x = 0; JAX has 0 * inf there' },
];

/** Whether the case may be better than JAX in this stage. */
export function isBetter(name: string, stage: Stage): boolean {
  const op = name.split('/')[0] ?? '';
  return better.some((entry) => entry.op === op && entry.stages.includes(stage));
}

/**
 * How large the matrix products of some steps are.
 * May import: `ir`, `compiler/plan`.
 * @module
 */
import type { Step } from '../../../compiler/plan.ts';
import type { Stmt } from '../../../ir/loop/kernel.ts';

/** Routines for float32 and float64; those that hand out blocks are for products with an epilogue. */
export type GemmName = 'sgemm' | 'dgemm' | 'sgemm_blocks' | 'dgemm_blocks';

export const gemmName = (isDouble: boolean, hasEpilogue: boolean): GemmName =>
  `${isDouble ? 'dgemm' : 'sgemm'}${hasEpilogue ? '_blocks' : ''}`;

/** Multiply-adds of the largest product that calls each routine; none of those that are not called. */
export type LargestProducts = ReadonlyMap<GemmName, number>;

export function largestProducts(steps: readonly Step[]): LargestProducts {
  const largest = new Map<GemmName, number>();
  const statements = (stmts: readonly Stmt[]): void => {
    for (const s of stmts) {
      if (s.kind === 'gemm') {
        const name = gemmName(s.c.buffer.dtype === 'float64', s.epilogue !== undefined);
        largest.set(name, Math.max(largest.get(name) ?? 0, s.m * s.n * s.k));
      } else if (s.kind === 'for' || s.kind === 'while') statements(s.body);
      else if (s.kind === 'if') [s.then, s.otherwise].forEach(statements);
    }
  };
  const visit = (list: readonly Step[]): void => {
    for (const s of list) {
      if (s.kind === 'kernel') statements(s.kernel.body);
      else if (s.kind === 'branch') s.branches.forEach(visit);
      else if (s.kind === 'while') [s.cond, s.body].forEach(visit);
      else if (s.kind === 'for') visit(s.body);
    }
  };
  visit(steps);
  return largest;
}

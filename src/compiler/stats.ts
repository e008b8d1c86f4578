/**
 * Deterministic measures of a plan: what may gate a test where a timing may not.
 * May import: `ir`.
 * @module
 */
import { dtypeInfo } from '../ir/dtype.ts';
import type { BufferRef } from '../ir/loop/expr.ts';
import type { Plan, Step } from './plan.ts';

export interface CompileStats {
  /** Kernels in the plan, each counted once. */
  readonly kernels: number;
  /** Copies in the plan, each counted once. */
  readonly copies: number;
  /** Loops and branches. */
  readonly controls: number;
  /** Bytes of kernel operands, results and copies, times known trip counts (`while` counts one, a branch its dearest). */
  readonly bytesMoved: number;
  readonly arenaBytes: number;
}

export function compileStats(plan: Plan): CompileStats {
  const counts = { kernels: 0, copies: 0, controls: 0 };
  const bytesMoved = traffic(plan.steps, counts);
  return { ...counts, bytesMoved, arenaBytes: plan.arenaBytes };
}

const bytesOf = (b: BufferRef): number => b.size * dtypeInfo[b.dtype].bytes;
const sum = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0);

interface Counts {
  kernels: number;
  copies: number;
  controls: number;
}

function traffic(steps: readonly Step[], counts: Counts): number {
  return sum(steps.map((s) => stepTraffic(s, counts)));
}

function stepTraffic(s: Step, counts: Counts): number {
  switch (s.kind) {
    case 'kernel':
      counts.kernels++;
      return sum([...s.kernel.inputs, ...s.kernel.outputs, ...s.kernel.scratch].map(bytesOf));
    case 'copy':
      counts.copies++;
      return 2 * s.bytes;
    case 'branch':
      counts.controls++;
      return Math.max(0, ...s.branches.map((b) => traffic(b, counts)));
    case 'while':
      counts.controls++;
      return traffic(s.cond, counts) + traffic(s.body, counts);
    case 'for':
      counts.controls++;
      return s.length * traffic(s.body, counts);
  }
}

/**
 * Kernels and bytes moved of whole programs: what fusion is for, asserted where a timing would not hold still. The limits are what the
 * compiler reaches; a change that exceeds one has to say why.
 * @module
 */
import { grad } from 'cotangent';
import { describe, expect, it } from 'vitest';
import { dtypeInfo } from '../../src/ir/dtype.ts';
import type { BufferRef, Expr } from '../../src/ir/loop/expr.ts';
import type { Kernel, Stmt } from '../../src/ir/loop/kernel.ts';
import { compileProgram } from '../../src/compiler/compile.ts';
import { loadedBuffers } from '../../src/compiler/loads.ts';
import type { Plan, Step } from '../../src/compiler/plan.ts';
import { compileStats } from '../../src/compiler/stats.ts';
import {
  adamStep,
  attentionStep,
  chain,
  chainOf,
  crossEntropyStep,
  denseStep,
  type Workload,
} from '../support/workloads.ts';

const planOf = ({ program, donate }: Workload): Plan => compileProgram(program, { donate });

const kernelsOf = (plan: Plan): Kernel[] => plan.steps.flatMap((s: Step) => (s.kind === 'kernel' ? [s.kernel] : []));

/** A line for each kernel: what a failing count shows. */
function listing(plan: Plan): string {
  const lines = kernelsOf(plan).map((k) => {
    const bytes = [...k.inputs, ...k.outputs, ...k.scratch].reduce((n, b) => n + b.size * dtypeInfo[b.dtype].bytes, 0);
    const sizes = (list: Kernel['inputs']): string => list.map((b) => b.size).join(' ');
    return `${String(bytes).padStart(10)} bytes  ${k.name}: ${sizes(k.inputs)} -> ${sizes(k.outputs)}`;
  });
  return `${plan.steps.length} steps\n${lines.join('\n')}`;
}

interface Limits {
  readonly kernels: number;
  readonly bytesMoved: number;
}

function expectWithin(plan: Plan, limits: Limits): void {
  const { kernels, copies, bytesMoved } = compileStats(plan);
  const what = `${kernels} kernels, ${copies} copies, ${bytesMoved} bytes moved: ${listing(plan)}`;
  expect(copies, what).toBe(0);
  expect(kernels, what).toBeLessThanOrEqual(limits.kernels);
  expect(bytesMoved, what).toBeLessThanOrEqual(limits.bytesMoved);
}

/** What is done for one row, pass by pass: reductions that run together are one. */
function rowPasses(kernel: Kernel, rows: number): Stmt[][] {
  const [loop] = kernel.body;
  if (loop?.kind !== 'for' || loop.axis.extent !== rows) throw new Error(`${kernel.name} does not go over rows`);
  const passes: Stmt[][] = [];
  for (const s of loop.body) {
    const last = passes.at(-1)?.at(-1);
    if (s.kind === 'reduce' && last?.kind === 'reduce' && last.axes[0] === s.axes[0]) passes.at(-1)!.push(s);
    else if (s.kind === 'reduce' || s.kind === 'for') passes.push([s]);
  }
  return passes;
}

/** Arrays of `size` elements that the statements read, and that they write. */
function movesOf(pass: readonly Stmt[], size: number): number {
  const [read, written] = [new Set<BufferRef>(), new Set<BufferRef>()];
  const seen = new Set<Expr>();
  const visit = (s: Stmt): void => {
    if (s.kind === 'for') s.body.forEach(visit);
    else if (s.kind === 'reduce') {
      loadedBuffers(s.element, seen, read);
      (s.stores ?? []).forEach(visit);
    } else if (s.kind === 'store') {
      loadedBuffers(s.value, seen, read);
      written.add(s.buffer);
    } else if (s.kind === 'set') loadedBuffers(s.value, seen, read);
  };
  pass.forEach(visit);
  return [...read, ...written].filter((b) => b.size === size).length;
}

describe('kernels and bytes moved', () => {
  it('of an elementwise chain and its sum: one pass that reads each element once', () => {
    const n = 1_000_000;
    expectWithin(planOf(chainOf(chain, n)), { kernels: 1, bytesMoved: 4 * n + 4 });
  });

  it('of the gradient of that chain: one pass that reads and writes each element once', () => {
    const n = 1_000_000;
    expectWithin(planOf(chainOf(grad(chain as never), n)), { kernels: 1, bytesMoved: 8 * n });
  });

  it("of Adam's update: four arrays read and three written, and a few scalars", () => {
    const n = 10_000;
    const plan = planOf(adamStep(n));
    const wide = kernelsOf(plan).filter((k) => k.outputs.some((b) => b.size === n));
    expect(wide.length, listing(plan)).toBe(1);
    const sizes = (list: Kernel['inputs']): number[] => list.flatMap((b) => (b.size === n ? [b.size] : []));
    expect([sizes(wide[0]!.inputs).length, sizes(wide[0]!.outputs).length], listing(plan)).toEqual([4, 3]);
    expectWithin(plan, { kernels: 2, bytesMoved: (4 + 3) * 4 * n + 64 });
  });

  it('of softmax cross-entropy with its gradient: one pass over the rows, and the sum of their losses', () => {
    const [rows, classes] = [512, 128];
    const plan = planOf(crossEntropyStep(rows, classes));
    // Logits and targets are read and the gradient is written once by the kernel that goes over rows, in passes over a row in cache.
    expectWithin(plan, { kernels: 2, bytesMoved: 3 * 4 * rows * classes + 2 * 4 * rows + 4 });
    // Within it: three passes, each of which reads a logit once; two write the gradient's place, which one of them reads.
    const [kernel] = kernelsOf(plan);
    const moves = rowPasses(kernel!, rows).map((pass) => movesOf(pass, rows * classes));
    expect(moves.length, listing(plan)).toBe(3);
    expect(
      moves.reduce((a, b) => a + b),
      listing(plan),
    ).toBeLessThanOrEqual(9);
  });

  it('of a training step of dense layers', () => {
    expectWithin(planOf(denseStep()), { kernels: 16, bytesMoved: 22_400_000 });
  });

  it('of a training step of a transformer block', () => {
    expectWithin(planOf(attentionStep()), { kernels: 45, bytesMoved: 200_000_000 });
  });
});

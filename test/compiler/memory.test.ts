/**
 * Memory of whole training steps: what a compiled transformer step holds at its peak, and what `checkpoint` trades for it.
 * @module
 */
import { jit, makeProgram, np, type Tensor, tree } from 'cotangent';
import { describe, expect, it } from 'vitest';
import {
  initTransformer,
  smallTransformer,
  transformerBatch,
  type TransformerSizes,
  transformerStep,
} from '../../bench/models.ts';
import type { Stmt } from '../../src/ir/loop/kernel.ts';
import { compileProgram } from '../../src/compiler/compile.ts';
import type { Plan, Step } from '../../src/compiler/plan.ts';

interface Case {
  readonly plan: Plan;
  /** Bytes of parameters and optimiser state, and of the batch. */
  readonly stateBytes: number;
  readonly batchBytes: number;
}

function compileStep(sizes: TransformerSizes): Case {
  const { init, step } = transformerStep(sizes);
  const params = initTransformer(sizes);
  const state = init(params);
  const batch = transformerBatch(sizes);
  const program = makeProgram(step as never)(...([params, state, ...batch] as never[])) as never;
  const bytes = (x: unknown): number => (tree.leaves(x as never) as Tensor[]).reduce((sum, t) => sum + t.aval.bytes, 0);
  const donated = (tree.leaves([params, state] as never) as Tensor[]).map((_, i) => i);
  return {
    plan: compileProgram(program, { donate: donated }),
    stateBytes: bytes([params, state]),
    batchBytes: bytes(batch),
  };
}

/** Bytes held during the call: inputs, outputs that do not take the memory of inputs, temporaries. */
function peakBytes({ plan, stateBytes, batchBytes }: Case): number {
  const fresh = plan.plannedOutputs.reduce(
    (sum, p, i) => sum + (p.kind === 'computed' ? plan.outputs[i]!.bytes : 0),
    0,
  );
  return stateBytes + batchBytes + fresh + plan.arenaBytes;
}

/** Multiplications and additions of the matrix products, known trip counts included. */
function productFlops(plan: Plan): number {
  const ofBody = (body: readonly Stmt[]): number =>
    body.reduce((sum, s) => {
      if (s.kind === 'gemm') return sum + 2 * s.m * s.n * s.k;
      return s.kind === 'for' ? sum + s.axis.extent * ofBody(s.body) : sum;
    }, 0);
  const ofSteps = (steps: readonly Step[]): number =>
    steps.reduce((sum, s) => {
      if (s.kind === 'kernel') return sum + ofBody(s.kernel.body);
      return s.kind === 'for' ? sum + s.length * ofSteps(s.body) : sum;
    }, 0);
  return ofSteps(plan.steps);
}

/**
 * Bytes that the backward pass of one block reads and the forward pass computed, when no product, reduction or transcendental function
 * is done twice: both operands of every product whose two gradients are wanted, and one array for each normalisation, softmax
 * and activation.
 */
function residualBytes({ batch, length, width, heads, hidden }: TransformerSizes): number {
  const tokens = batch * length;
  const floats =
    tokens * width + // the normalised input of q, k, v
    tokens * 3 * width + // q, k and v
    batch * heads * length ** 2 + // attention weights: softmax and a product
    tokens * width + // what attention gives to its output layer
    tokens * width + // the sum that the second normalisation is of
    tokens * width + // that, normalised
    tokens * hidden + // what the activation is of
    tokens * hidden + // and what it gives
    tokens * width; // the difference from the target
  return 4 * floats;
}

/** Flops of one block's forward products, and of the last of them. */
function forwardFlops({ batch, length, width, hidden }: TransformerSizes): { all: number; last: number } {
  const tokens = batch * length;
  const last = 2 * tokens * hidden * width;
  const attention = 2 * 2 * batch * length ** 2 * width;
  return { all: 2 * tokens * width * (3 * width + width + hidden) + attention + last, last };
}

describe('a transformer step', () => {
  it('holds at most 1.3 times its parameters, optimiser state, batch and residuals', () => {
    const built = compileStep(smallTransformer);
    const needed = built.stateBytes + built.batchBytes + residualBytes(smallTransformer);
    expect(built.plan.plannedOutputs.filter((p) => p.kind === 'computed').length).toBeLessThanOrEqual(2);
    console.log(`transformer step: ${(peakBytes(built) / needed).toFixed(3)} of what it needs`);
    expect(peakBytes(built) / needed).toBeLessThanOrEqual(1.3);
  });

  it('with checkpoints holds less, for one forward pass more', () => {
    const sizes = { ...smallTransformer, batch: 2, blocks: 4 };
    const [plain, checkpointed] = [sizes, { ...sizes, isCheckpointed: true }].map(compileStep) as [Case, Case];
    // Of each block all but its last product, whose result only the next block needed, is computed again.
    const { all, last } = forwardFlops(sizes);
    const again = productFlops(checkpointed.plan) - productFlops(plain.plan);
    expect(again).toBe(sizes.blocks * (all - last));
    const tokenBytes = 4 * sizes.batch * sizes.length * sizes.width;
    const predicted = plain.plan.arenaBytes - (sizes.blocks - 1) * (residualBytes(sizes) - tokenBytes);
    expect(checkpointed.plan.arenaBytes).toBeLessThanOrEqual(1.1 * predicted);
  });

  it('with checkpoints computes the same', () => {
    const sizes = { batch: 1, length: 4, width: 8, heads: 2, hidden: 16, blocks: 2 };
    const params = initTransformer(sizes);
    const batch = transformerBatch(sizes);
    const [plain, checkpointed] = [sizes, { ...sizes, isCheckpointed: true }].map((s) => {
      const { init, step } = transformerStep(s);
      const run = jit(step as (...args: never[]) => unknown) as unknown as typeof step;
      const [next, , loss] = run(params, init(params), ...batch);
      return [loss, ...(tree.leaves(next as never) as Tensor[])];
    });
    plain!.forEach((x, i) => expect(np.allclose(x, checkpointed![i]!, { rtol: 1e-4, atol: 1e-5 })).toBeTruthy());
  });
});

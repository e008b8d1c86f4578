/**
 * Whole programs: a network's loss with its gradient and an optimiser's update, as one plan.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { f32, i32 } from '../../src/ir/aval.ts';
import { scalarTensor, type Tensor } from '../../src/core/tensor.ts';
import { grad, valueAndGrad } from '../../src/api/grad.ts';
import { scan } from '../../src/control/scan.ts';
import { dotGeneral } from '../../src/primitives/dot.ts';
import * as p from '../../src/primitives/index.ts';
import { compileStats } from '../../src/compiler/stats.ts';
import { drawArgs, expectPlanMatches, trace } from './check-plan.ts';

const s = (x: number): Tensor => scalarTensor(x, 'float32');
const matmul = (x: Tensor, y: Tensor): Tensor => dotGeneral(x, y, { contract: [[1], [0]], batch: [[], []] });

function logSoftmax(x: Tensor): Tensor {
  const [n, k] = x.shape as [number, number];
  const shifted = p.sub(x, p.broadcastInDim(p.reduceMax(x, [1]), [n, k], [0]));
  return p.sub(shifted, p.broadcastInDim(p.log(p.reduceSum(p.exp(shifted), [1])), [n, k], [0]));
}

/** Mean cross entropy of a network with one hidden layer. */
function loss(w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, x: Tensor, target: Tensor): Tensor {
  const hidden = p.tanh(p.add(matmul(x, w1), b1));
  const logits = p.add(matmul(hidden, w2), b2);
  return p.mul(p.reduceSum(p.mul(logSoftmax(logits), target), [0, 1]), s(-1 / x.shape[0]!));
}

const parameters = [f32(5, 7), f32(7), f32(7, 3), f32(3)];
const batch = [f32(4, 5), f32(4, 3)];

describe('a training step', () => {
  it('is one plan that updates donated parameters in place', () => {
    const program = trace([...parameters, ...batch], ([w1, b1, w2, b2, x, t]) => {
      const [value, gradients] = valueAndGrad(loss as never, { argnums: [0, 1, 2, 3] })(
        w1!,
        b1!,
        w2!,
        b2!,
        x!,
        t!,
      ) as unknown as [Tensor, Tensor[]];
      return [value, ...[w1, b1, w2, b2].map((w, i) => p.sub(w!, p.mul(gradients[i]!, s(0.1))))];
    });
    const plan = expectPlanMatches(program, drawArgs(program.inAvals, 4), 'step', { donate: [0, 1, 2, 3] });
    expect(plan.plannedOutputs.slice(1)).toEqual([0, 1, 2, 3].map((input) => ({ kind: 'donated', input })));
    expect(compileStats(plan).kernels).toBeLessThanOrEqual(20);
  });

  it('differentiates twice', () => {
    const program = trace([f32(6)], ([x]) => {
      const f = (y: Tensor): Tensor => p.reduceSum(p.mul(p.tanh(y), p.exp(y)), [0]);
      return [
        grad(((y: Tensor) => p.reduceSum(p.sin(grad(f as never)(y) as unknown as Tensor), [0])) as never)(
          x!,
        ) as unknown as Tensor,
      ];
    });
    const plan = expectPlanMatches(program, drawArgs(program.inAvals, 4));
    expect(compileStats(plan)).toMatchObject({ kernels: 1, arenaBytes: 0 });
  });

  it('of a recurrent network reverses its scan', () => {
    const body = trace([f32(3, 3), f32(3), f32(3)], ([w, h, x]) => {
      const next = p.tanh(p.add(p.reshape(matmul(p.reshape(h!, [1, 3]), w!), [3]), x!));
      return [next, p.reduceSum(next, [0])];
    });
    const program = trace([f32(3, 3), f32(3), f32(6, 3)], ([w, h, xs]) => {
      const f = (weights: Tensor): Tensor => {
        const [last, sums] = scan([weights, h!, xs!], { body, numConsts: 1, numCarry: 1, length: 6, reverse: false });
        return p.add(p.reduceSum(last!, [0]), p.reduceSum(sums!, [0]));
      };
      return [grad(f as never)(w!) as unknown as Tensor];
    });
    expectPlanMatches(program, drawArgs(program.inAvals, 4));
  });

  it('takes labels as integers', () => {
    const program = trace([f32(4, 3), i32(4)], ([logits, labels]) => {
      const f = (x: Tensor): Tensor => {
        const isLabel = p.eq(p.iota([4, 3], 'int32', 1), p.broadcastInDim(labels!, [4, 3], [0]));
        return p.neg(p.reduceSum(p.select(isLabel, logSoftmax(x), s(0)), [0, 1]));
      };
      return [grad(f as never)(logits!) as unknown as Tensor];
    });
    const plan = expectPlanMatches(program, drawArgs(program.inAvals, 4));
    expect(compileStats(plan).kernels).toBeLessThanOrEqual(6);
  });
});

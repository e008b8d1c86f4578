/**
 * The programs whose kernels and traffic are counted: an elementwise chain, a training step of a network of dense layers, and one of a
 * transformer. Written with the public package; sizes are those of the benchmarks.
 * @module
 */
import { makeProgram, nn, np, type Tensor, tree, valueAndGrad } from 'cotangent';
import * as optim from 'cotangent/optim';
import { initTransformer, smallTransformer, transformerBatch, transformerStep } from '../../bench/models.ts';
import type { Program } from '../../src/ir/program.ts';

/** A traced function; its first arguments may be written over. */
export interface Workload {
  readonly program: Program;
  readonly donate: readonly number[];
}

function traced(f: unknown, args: readonly unknown[], donated: number): Workload {
  const program = makeProgram(f as never)(...(args as never[])) as unknown as Program;
  const leaves = tree.leaves(args.slice(0, donated) as never) as unknown[];
  return { program, donate: leaves.map((_, i) => i) };
}

/** Σ tanh(ax + b)·exp(−x²) + sin x. */
export const chain = (x: Tensor): Tensor =>
  np.sum(
    np
      .tanh(x.mul(1.3).add(0.2))
      .mul(np.exp(x.mul(x).neg()))
      .add(np.sin(x)),
  );

export const chainOf = (f: unknown, size: number): Workload => traced(f, [np.zeros([size])], 0);

const crossEntropy = (logits: Tensor, oneHot: Tensor): Tensor =>
  np.mean(np.sum(nn.logSoftmax(logits).mul(oneHot), { axis: -1 })).mul(-1);

/** The loss and its gradient with respect to the logits. */
export const crossEntropyStep = (rows: number, classes: number): Workload =>
  traced(
    (logits: Tensor, target: Tensor) => valueAndGrad((x: Tensor) => crossEntropy(x, target) as never)(logits as never),
    [np.zeros([rows, classes]), np.zeros([rows, classes])],
    0,
  );

function denseLoss(params: readonly Tensor[], x: Tensor, y: Tensor): Tensor {
  const [w1, b1, w2, b2, w3, b3] = params as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
  const h1 = nn.relu(np.matmul(x, w1).add(b1));
  const h2 = nn.relu(np.matmul(h1, w2).add(b2));
  return crossEntropy(np.matmul(h2, w3).add(b3), y);
}

/** One step by Adam of a network with layers of 784, 512, 256 and 10, on 128 images. */
export function denseStep(): Workload {
  const optimizer = optim.adam(1e-3);
  const params = [[784, 512], [512], [512, 256], [256], [256, 10], [10]].map((shape) => np.zeros(shape));
  const step = (p: Tensor[], state: never, x: Tensor, y: Tensor): unknown => {
    const [value, gradient] = valueAndGrad((q: Tensor[]) => denseLoss(q, x, y) as never)(p as never);
    const [updates, next] = optimizer.update(gradient as never, state, p as never);
    return [optim.applyUpdates(p as never, updates as never), next, value];
  };
  const batch = [np.zeros([128, 784]), np.zeros([128, 10])];
  return traced(step, [params, optimizer.init(params as never), ...batch], 2);
}

/** Adam's update of one parameter, its gradient given. */
export function adamStep(size: number): Workload {
  const optimizer = optim.adam(1e-3);
  const params = [np.zeros([size])];
  const step = (p: Tensor[], state: never, gradient: Tensor[]): unknown => {
    const [updates, next] = optimizer.update(gradient as never, state, p as never);
    return [optim.applyUpdates(p as never, updates as never), next];
  };
  return traced(step, [params, optimizer.init(params as never), [np.ones([size])]], 2);
}

/** One step by AdamW of one transformer block. */
export function attentionStep(): Workload {
  const { init, step } = transformerStep(smallTransformer);
  const params = initTransformer(smallTransformer);
  return traced(step, [params, init(params), ...transformerBatch(smallTransformer)], 2);
}

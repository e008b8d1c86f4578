/**
 * Models that benchmarks time and tests count: written with the public package, as a user would.
 * @module
 */
import { checkpoint, nn, np, random, type Tensor, valueAndGrad } from 'cotangent';
import * as optim from 'cotangent/optim';

/** Sizes of a transformer: `batch` sequences of `length` tokens of `width`, in `heads` parts. */
export interface TransformerSizes {
  readonly batch: number;
  readonly length: number;
  readonly width: number;
  readonly heads: number;
  readonly hidden: number;
  readonly blocks: number;
  /** Each block keeps its input only, and is computed again for its gradient. */
  readonly isCheckpointed?: boolean;
}

/** One block of 256 features on 8 sequences of 128 tokens. */
export const smallTransformer: TransformerSizes = {
  batch: 8,
  length: 128,
  width: 256,
  heads: 4,
  hidden: 1024,
  blocks: 1,
};

interface Norm {
  readonly gain: Tensor;
  readonly bias: Tensor;
}

interface Linear {
  readonly w: Tensor;
  readonly b: Tensor;
}

export interface Block {
  readonly norm1: Norm;
  readonly qkv: Linear;
  readonly out: Linear;
  readonly norm2: Norm;
  readonly up: Linear;
  readonly down: Linear;
}

export function initTransformer({ width, hidden, blocks }: TransformerSizes): Block[] {
  const key = random.key(0);
  return Array.from({ length: blocks }, (_, i) => {
    const [k1, k2, k3, k4] = random.split(random.foldIn(key, i), 4) as unknown as [Tensor, Tensor, Tensor, Tensor];
    const linear = (k: Tensor, from: number, to: number): Linear => ({
      w: random.normal(k, [from, to]).mul(1 / Math.sqrt(from)),
      b: np.zeros([to]),
    });
    const norm = (): Norm => ({ gain: np.ones([width]), bias: np.zeros([width]) });
    return {
      norm1: norm(),
      qkv: linear(k1, width, 3 * width),
      out: linear(k2, width, width),
      norm2: norm(),
      up: linear(k3, width, hidden),
      down: linear(k4, hidden, width),
    };
  });
}

const apply = ({ w, b }: Linear, x: Tensor): Tensor => np.matmul(x, w).add(b);

function layerNorm({ gain, bias }: Norm, x: Tensor): Tensor {
  const centred = x.sub(np.mean(x, { axis: -1, keepdims: true }));
  const variance = np.mean(np.square(centred), { axis: -1, keepdims: true });
  return centred
    .div(np.sqrt(variance.add(1e-5)))
    .mul(gain)
    .add(bias);
}

function attention(block: Block, x: Tensor, { batch, length, width, heads }: TransformerSizes): Tensor {
  const size = width / heads;
  const [q, k, v] = np
    .split(apply(block.qkv, x), 3, 1)
    .map((part) => part.reshape([batch, length, heads, size]).transpose([0, 2, 1, 3])) as [Tensor, Tensor, Tensor];
  const scores = np.matmul(q, k.mT).mul(1 / Math.sqrt(size));
  const weights = nn.softmax(np.where(np.tri(length, { dtype: 'bool' }), scores, -1e9));
  return np
    .matmul(weights, v)
    .transpose([0, 2, 1, 3])
    .reshape([batch * length, width]);
}

/** Tokens in rows to tokens in rows. */
function applyBlock(block: Block, x: Tensor, sizes: TransformerSizes): Tensor {
  const y = x.add(apply(block.out, attention(block, layerNorm(block.norm1, x), sizes)));
  return y.add(apply(block.down, nn.gelu(apply(block.up, layerNorm(block.norm2, y)))));
}

export function transformerLoss(blocks: readonly Block[], x: Tensor, target: Tensor, sizes: TransformerSizes): Tensor {
  const forward = (block: Block, h: Tensor): Tensor => applyBlock(block, h, sizes);
  const run = sizes.isCheckpointed === true ? (checkpoint(forward) as typeof forward) : forward;
  const out = blocks.reduce((h, block) => run(block, h), x);
  return np.mean(np.square(out.sub(target)));
}

/** Tokens in rows, and what they should become. */
export function transformerBatch({ batch, length, width }: TransformerSizes): [x: Tensor, target: Tensor] {
  const key = random.key(1);
  const draw = (i: number): Tensor => random.normal(random.foldIn(key, i), [batch * length, width]);
  return [draw(0), draw(1)];
}

export type OptimizerState = ReturnType<ReturnType<typeof optim.adamw>['init']>;

export interface TrainingStep {
  readonly init: (params: Block[]) => OptimizerState;
  /** One update: arguments 0 and 1 may be donated. */
  readonly step: (
    params: Block[],
    state: OptimizerState,
    x: Tensor,
    target: Tensor,
  ) => readonly [params: Block[], state: OptimizerState, loss: Tensor];
}

/** Updates by AdamW. */
export function transformerStep(sizes: TransformerSizes): TrainingStep {
  const optimizer = optim.adamw(1e-3, { weightDecay: 0.01 });
  return {
    init: (params) => optimizer.init(params),
    step: (params, state, x, target) => {
      const loss = (p: Block[]): Tensor => transformerLoss(p, x, target, sizes);
      const [value, gradient] = valueAndGrad(loss)(params);
      const [updates, next] = optimizer.update(gradient, state, params);
      return [optim.applyUpdates(params, updates) as Block[], next, value as Tensor];
    },
  };
}

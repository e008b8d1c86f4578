/**
 * Losses as modules: the functions with their options kept.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { type TensorLike, toTensor } from '../ops/define.ts';
import type { Tensor } from '../tensor.ts';
import { type CtcOptions, ctcLoss } from './functional/ctc.ts';
import type { LossOptions } from './functional/loss-options.ts';
import * as F from './functional/losses.ts';
import * as M from './functional/margins.ts';
import { Layer } from './layer.ts';

/** A loss with options. */
abstract class Loss<O extends object> extends Layer {
  readonly options: O;

  constructor(options?: O) {
    super();
    this.options = options ?? ({} as O);
  }
}

/** A loss of an input and its target. */
abstract class TargetLoss<O extends object> extends Loss<O> {
  protected abstract readonly loss: (input: TensorLike, target: TensorLike, options: O) => Tensor;

  forward(input: TensorLike, target: TensorLike): Tensor {
    return this.loss(input, target, this.current);
  }

  /** The options as they are now. */
  protected get current(): O {
    return this.options;
  }
}

/** What a loss with factors is told. */
interface Weights {
  readonly weight?: TensorLike | null | undefined;
  readonly posWeight?: TensorLike | null | undefined;
}

const factorOf = (x: TensorLike | null | undefined): Tensor | null =>
  x === null || x === undefined ? null : toTensor(x);

/** A loss with factors, which are buffers: they are in the state, and follow the dtype of the module. */
abstract class WeightedLoss<O extends Weights> extends TargetLoss<O> {
  declare readonly weight: Tensor | null;

  constructor(options?: O) {
    super(options);
    this.registerBuffer('weight', factorOf(this.options.weight));
  }

  protected override get current(): O {
    return { ...this.options, weight: this.weight };
  }
}

export class MSELoss extends TargetLoss<LossOptions> {
  protected readonly loss: typeof F.mseLoss = F.mseLoss;
}

export class L1Loss extends TargetLoss<LossOptions> {
  protected readonly loss: typeof F.l1Loss = F.l1Loss;
}

export class SmoothL1Loss extends TargetLoss<F.SmoothL1Options> {
  protected readonly loss: typeof F.smoothL1Loss = F.smoothL1Loss;
}

export class HuberLoss extends TargetLoss<F.HuberOptions> {
  protected readonly loss: typeof F.huberLoss = F.huberLoss;
}

export class NLLLoss extends WeightedLoss<F.NllOptions> {
  protected readonly loss: typeof F.nllLoss = F.nllLoss;
}

/**
 * Cross-entropy of logits `[N, C, …]` and class numbers `[N, …]`, or probabilities.
 * @example
 * ```ts
 * import { nn, tensor } from 'cotangent/torch';
 * const loss = new nn.CrossEntropyLoss({ labelSmoothing: 0.1 });
 * console.log(loss.call(tensor([[2, 0]]), tensor([0], { dtype: 'long' })).item().toFixed(4)); // => 0.2269
 * ```
 */
export class CrossEntropyLoss extends WeightedLoss<F.CrossEntropyOptions> {
  protected readonly loss: typeof F.crossEntropy = F.crossEntropy;
}

export class BCELoss extends WeightedLoss<F.BinaryOptions> {
  protected readonly loss: typeof F.binaryCrossEntropy = F.binaryCrossEntropy;
}

export class BCEWithLogitsLoss extends WeightedLoss<F.LogitOptions> {
  declare readonly posWeight: Tensor | null;
  protected readonly loss: typeof F.binaryCrossEntropyWithLogits = F.binaryCrossEntropyWithLogits;

  constructor(options?: F.LogitOptions) {
    super(options);
    this.registerBuffer('posWeight', factorOf(this.options.posWeight));
  }

  protected override get current(): F.LogitOptions {
    return { ...super.current, posWeight: this.posWeight };
  }
}

export class KLDivLoss extends TargetLoss<F.KlOptions> {
  protected readonly loss: typeof F.klDiv = F.klDiv;
}

export class PoissonNLLLoss extends TargetLoss<F.PoissonOptions> {
  protected readonly loss: typeof F.poissonNllLoss = F.poissonNllLoss;
}

export class HingeEmbeddingLoss extends TargetLoss<M.MarginOptions> {
  protected readonly loss: typeof M.hingeEmbeddingLoss = M.hingeEmbeddingLoss;
}

export class GaussianNLLLoss extends Loss<F.GaussianOptions> {
  forward(input: TensorLike, target: TensorLike, variance: TensorLike): Tensor {
    return F.gaussianNllLoss(input, target, variance, this.options);
  }
}

export class CosineEmbeddingLoss extends Loss<M.MarginOptions> {
  forward(first: TensorLike, second: TensorLike, target: TensorLike): Tensor {
    return M.cosineEmbeddingLoss(first, second, target, this.options);
  }
}

export class MarginRankingLoss extends Loss<M.MarginOptions> {
  forward(first: TensorLike, second: TensorLike, target: TensorLike): Tensor {
    return M.marginRankingLoss(first, second, target, this.options);
  }
}

export class TripletMarginLoss extends Loss<M.TripletOptions> {
  forward(anchor: TensorLike, positive: TensorLike, negative: TensorLike): Tensor {
    return M.tripletMarginLoss(anchor, positive, negative, this.options);
  }
}

/** `TripletMarginLoss` with a distance of the user's. */
export class TripletMarginWithDistanceLoss extends Loss<M.TripletDistanceOptions> {
  forward(anchor: TensorLike, positive: TensorLike, negative: TensorLike): Tensor {
    return M.tripletMarginWithDistanceLoss(anchor, positive, negative, this.options);
  }
}

export class SoftMarginLoss extends TargetLoss<LossOptions> {
  protected readonly loss: typeof M.softMarginLoss = M.softMarginLoss;
}

export class MultiMarginLoss extends WeightedLoss<M.MultiMarginOptions> {
  protected readonly loss: typeof M.multiMarginLoss = M.multiMarginLoss;
}

export class MultiLabelMarginLoss extends TargetLoss<LossOptions> {
  protected readonly loss: typeof M.multilabelMarginLoss = M.multilabelMarginLoss;
}

export class MultiLabelSoftMarginLoss extends WeightedLoss<M.WeightedOptions> {
  protected readonly loss: typeof M.multilabelSoftMarginLoss = M.multilabelSoftMarginLoss;
}

export class CTCLoss extends Loss<CtcOptions> {
  forward(
    logProbs: TensorLike,
    targets: TensorLike,
    inputLengths: TensorLike | readonly number[],
    targetLengths: TensorLike | readonly number[],
  ): Tensor {
    return ctcLoss(logProbs, targets, inputLengths, targetLengths, this.options);
  }
}

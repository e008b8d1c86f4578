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

/** What a loss with factors is told. */
interface Weights {
  readonly weight?: TensorLike | null | undefined;
  readonly posWeight?: TensorLike | null | undefined;
}

const factorOf = (x: TensorLike | null | undefined): Tensor | null =>
  x === null || x === undefined ? null : toTensor(x);

/** A loss with factors, which are buffers: they are in the state, and follow the dtype of the module. */
abstract class WeightedLoss<O extends Weights> extends Loss<O> {
  declare readonly weight: Tensor | null;

  constructor(options?: O) {
    super(options);
    this.registerBuffer('weight', factorOf(this.options.weight));
  }

  /** The options with the factors as they are now. */
  protected get current(): O {
    return { ...this.options, weight: this.weight };
  }
}

export class MSELoss extends Loss<LossOptions> {
  forward(input: TensorLike, target: TensorLike): Tensor {
    return F.mseLoss(input, target, this.options);
  }
}

export class L1Loss extends Loss<LossOptions> {
  forward(input: TensorLike, target: TensorLike): Tensor {
    return F.l1Loss(input, target, this.options);
  }
}

export class SmoothL1Loss extends Loss<F.SmoothL1Options> {
  forward(input: TensorLike, target: TensorLike): Tensor {
    return F.smoothL1Loss(input, target, this.options);
  }
}

export class HuberLoss extends Loss<F.HuberOptions> {
  forward(input: TensorLike, target: TensorLike): Tensor {
    return F.huberLoss(input, target, this.options);
  }
}

export class NLLLoss extends WeightedLoss<F.NllOptions> {
  forward(input: TensorLike, target: TensorLike): Tensor {
    return F.nllLoss(input, target, this.current);
  }
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
  forward(input: TensorLike, target: TensorLike): Tensor {
    return F.crossEntropy(input, target, this.current);
  }
}

export class BCELoss extends WeightedLoss<F.BinaryOptions> {
  forward(input: TensorLike, target: TensorLike): Tensor {
    return F.binaryCrossEntropy(input, target, this.current);
  }
}

export class BCEWithLogitsLoss extends WeightedLoss<F.LogitOptions> {
  declare readonly posWeight: Tensor | null;

  constructor(options?: F.LogitOptions) {
    super(options);
    this.registerBuffer('posWeight', factorOf(this.options.posWeight));
  }

  forward(input: TensorLike, target: TensorLike): Tensor {
    return F.binaryCrossEntropyWithLogits(input, target, { ...this.current, posWeight: this.posWeight });
  }
}

export class KLDivLoss extends Loss<F.KlOptions> {
  forward(input: TensorLike, target: TensorLike): Tensor {
    return F.klDiv(input, target, this.options);
  }
}

export class PoissonNLLLoss extends Loss<F.PoissonOptions> {
  forward(input: TensorLike, target: TensorLike): Tensor {
    return F.poissonNllLoss(input, target, this.options);
  }
}

export class HingeEmbeddingLoss extends Loss<M.MarginOptions> {
  forward(input: TensorLike, target: TensorLike): Tensor {
    return M.hingeEmbeddingLoss(input, target, this.options);
  }
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

export class SoftMarginLoss extends Loss<LossOptions> {
  forward(input: TensorLike, target: TensorLike): Tensor {
    return M.softMarginLoss(input, target, this.options);
  }
}

export class MultiMarginLoss extends WeightedLoss<M.MultiMarginOptions> {
  forward(input: TensorLike, target: TensorLike): Tensor {
    return M.multiMarginLoss(input, target, this.current);
  }
}

export class MultiLabelMarginLoss extends Loss<LossOptions> {
  forward(input: TensorLike, target: TensorLike): Tensor {
    return M.multilabelMarginLoss(input, target, this.options);
  }
}

export class MultiLabelSoftMarginLoss extends WeightedLoss<M.WeightedOptions> {
  forward(input: TensorLike, target: TensorLike): Tensor {
    return M.multilabelSoftMarginLoss(input, target, this.current);
  }
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

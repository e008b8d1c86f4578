/**
 * Losses of probabilities of one event, as logits or as numbers between 0 and 1.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { normalizeAxes } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ArgumentError } from '../../ir/errors.ts';
import { arrayFrom, type TensorLike } from '../../api/lift.ts';
import { softplus } from '../../api/nn/activations.ts';
import { describe } from '../../api/options.ts';
import { add, div, like, mul, neg, sub } from '../../primitives/arithmetic.ts';
import { stopGradientOf } from '../../primitives/barrier.ts';
import { lt } from '../../primitives/compare.ts';
import { exp, log, log1p, logistic } from '../../primitives/elementwise-exp.ts';
import { max } from '../../primitives/elementwise-number.ts';
import { select } from '../../primitives/select.ts';
import { reduceSum } from '../../primitives/structural.ts';
import {
  checkLoss,
  elementwiseLoss,
  type LossOptions,
  maskOf,
  operandsOf,
  reduceLosses,
  timesLog,
} from './reduction.ts';

/** Below this a probability's logarithm goes on as a line, so that its derivative stays finite. */
const tiny = 1e-12;

/**
 * The logarithm of q ≥ 0, not below −100, with a derivative of at most 10¹². `take` is the logarithm as a function of what it is safe to
 * take it of, and `q` what it would be of.
 */
function boundedLog(q: Tensor, take: (isTiny: Tensor) => Tensor): Tensor {
  const isTiny = lt(q, like(q, tiny));
  const value = stopGradientOf(max(log(q), like(q, -100)));
  const line = add(value, mul(sub(q, stopGradientOf(q)), like(q, 1 / tiny)));
  return select(isTiny, line, take(isTiny));
}

/**
 * −t log p − (1 − t) log(1 − p). As in PyTorch logarithms end at −100, and derivatives at 10¹²; so a certain mistake costs 100 and is
 * still corrected. Prefer `binaryCrossEntropyWithLogits` where there are logits.
 *
 * @param probability between 0 and 1; others give NaN
 * @param target between 0 and 1
 * @example
 * ```ts
 * import { binaryCrossEntropy } from 'cotangent/nn';
 * console.log(String(binaryCrossEntropy([0, 0.5, 1], [0, 1, 0], { reduction: 'none' }))); // => [0, 0.6931472, 100]
 * ```
 */
export function binaryCrossEntropy(probability: TensorLike, target: TensorLike, options: LossOptions = {}): Tensor {
  checkLoss('binaryCrossEntropy', options);
  return elementwiseLoss('binaryCrossEntropy', [probability, target], options, [0, 0], (p, t) => {
    const one = like(p!, 1);
    const logOf = boundedLog(p!, (isTiny) => log(select(isTiny, one, p!)));
    const logOfRest = boundedLog(sub(one, p!), (isTiny) => log1p(neg(select(isTiny, like(p!, 0), p!))));
    const cost = (logarithm: Tensor): Tensor => sub(like(t!, 0), logarithm);
    return add(mul(sub(one, t!), cost(logOfRest)), mul(t!, cost(logOf)));
  });
}

export interface LogitOptions extends LossOptions {
  /** A factor for the losses of positive targets (broadcasts): more than 1 raises recall. */
  readonly posWeight?: TensorLike;
}

/**
 * `binaryCrossEntropy` of sigmoid(logit), without loss of precision: w t softplus(−x) + (1 − t) softplus(x). Logits may be infinite.
 *
 * @param target between 0 and 1
 * @example
 * ```ts
 * import { binaryCrossEntropyWithLogits } from 'cotangent/nn';
 * console.log(String(binaryCrossEntropyWithLogits([0, 10000, -10000], [1, 1, 1], { reduction: 'none' })));
 * // => [0.6931472, 0, 10000]
 * ```
 */
export function binaryCrossEntropyWithLogits(
  logit: TensorLike,
  target: TensorLike,
  options: LogitOptions = {},
): Tensor {
  const op = 'binaryCrossEntropyWithLogits';
  checkLoss(op, options, ['posWeight']);
  return elementwiseLoss(op, [logit, target], options, [0, 0], (x, t) => logitLoss(x!, t!, options.posWeight));
}

function logitLoss(x: Tensor, t: Tensor, posWeight?: TensorLike): Tensor {
  const positive = timesLog(t, softplus(neg(x)));
  const negative = timesLog(sub(like(t, 1), t), softplus(x));
  return add(posWeight === undefined ? positive : mul(positive, arrayFrom(posWeight, x.dtype)), negative);
}

export interface FocalOptions extends LossOptions {
  /** Share of the positive targets in the weight (1 − α for the negative ones); none. */
  readonly alpha?: number;
  /** How much less sure predictions count; 2. With 0 this is `binaryCrossEntropyWithLogits`. */
  readonly gamma?: number;
}

/**
 * (1 − p)^γ · binary cross-entropy, p the probability of the target (Lin et al., 2017). The power is e^(−γ softplus(±x)), which is smooth
 * where p is 1.
 * @param target 0 or 1
 * @example
 * ```ts
 * import { sigmoidFocalLoss } from 'cotangent/nn';
 * console.log(String(sigmoidFocalLoss([0, 10000], [1, 1], { reduction: 'none' }))); // => [0.1732868, 0]
 * ```
 */
export function sigmoidFocalLoss(logit: TensorLike, target: TensorLike, options: FocalOptions = {}): Tensor {
  checkLoss('sigmoidFocalLoss', options, ['alpha', 'gamma']);
  const { alpha, gamma = 2 } = options;
  if (!(gamma >= 0)) {
    throw new ArgumentError(`sigmoidFocalLoss: expected gamma to be at least 0, got ${describe(gamma)}.`);
  }
  return elementwiseLoss('sigmoidFocalLoss', [logit, target], options, [0, 0], (x, t) => {
    const losses = mul(powerOfMiss(x!, t!, gamma), logitLoss(x!, t!));
    if (alpha === undefined) return losses;
    const share = add(mul(t!, like(t!, alpha)), mul(sub(like(t!, 1), t!), like(t!, 1 - alpha)));
    return mul(losses, share);
  });
}

/** (1 − p)^γ. For targets 0 and 1 the logarithm of 1 − p is one softplus; between them p is a mixture. */
function powerOfMiss(x: Tensor, t: Tensor, gamma: number): Tensor {
  const one = like(t, 1);
  // 1 − p = t (1 − σ) + (1 − t) σ = σ(−x) where t = 1, σ(x) where t = 0.
  const miss = add(mul(t, logistic(neg(x))), mul(sub(one, t), logistic(x)));
  if (gamma === 0) return like(x, 1);
  if (gamma === 1) return miss;
  const sign = sub(mul(t, like(t, 2)), one);
  return exp(mul(softplus(mul(sign, x)), like(x, -gamma)));
}

export interface DiceOptions extends Pick<LossOptions, 'reduction' | 'where' | 'weights'> {
  /** Axes of one image; all but the first. */
  readonly axis?: number | readonly number[];
  /** Added above and below, so that empty masks give 0 and not NaN; 1. */
  readonly smooth?: number;
}

/**
 * 1 − (2 Σ p t + s) / (Σ p + Σ t + s): how little two masks overlap (Milletari et al., 2016, with plain sums below).
 * @param probability between 0 and 1; `where` and `weights` are of one number an image
 * @example
 * ```ts
 * import { diceLoss } from 'cotangent/nn';
 * console.log(String(diceLoss([[1, 0], [1, 0]], [[1, 0], [0, 1]], { smooth: 0, reduction: 'none' }))); // => [0, 1]
 * ```
 */
export function diceLoss(probability: TensorLike, target: TensorLike, options: DiceOptions = {}): Tensor {
  checkLoss('diceLoss', options, ['axis', 'smooth']);
  const { smooth = 1 } = options;
  const [p, t] = operandsOf('diceLoss', probability, target) as [Tensor, Tensor];
  const axes = normalizeAxes('diceLoss', options.axis ?? p.shape.map((_, d) => d).slice(1), p.ndim);
  const overlap = reduceSum(mul(p, t), axes);
  const total = add(reduceSum(p, axes), reduceSum(t, axes));
  const shared = add(mul(overlap, like(overlap, 2)), like(overlap, smooth));
  const losses = sub(like(overlap, 1), div(shared, add(total, like(total, smooth))));
  return reduceLosses('diceLoss', losses, maskOf('diceLoss', options, losses.shape), options);
}

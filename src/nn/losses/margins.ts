/**
 * Losses that ask for a margin. At a kink (the margin met exactly) the derivative is 0.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { sameShape } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { arrayFrom, type TensorLike } from '../../api/lift.ts';
import { relu } from '../../api/nn/activations.ts';
import { oneHot } from '../../api/nn/normalize.ts';
import { describe } from '../../api/options.ts';
import { add, like, mul, sub } from '../../primitives/arithmetic.ts';
import { gt } from '../../primitives/compare.ts';
import { select } from '../../primitives/select.ts';
import { reduceSum, reshape } from '../../primitives/structural.ts';
import { integerLabels, pickClass } from './labels.ts';
import { checkLoss, elementwiseLoss, type LossOptions, maskOf, reduceLosses } from './reduction.ts';
import { wideFloats } from '../precision.ts';

/**
 * max(0, 1 − target · prediction).
 * @param target −1 or 1
 * @example
 * ```ts
 * import { hingeLoss } from 'cotangent/nn';
 * console.log(String(hingeLoss([0.5, 2, -1], [1, 1, 1], { reduction: 'none' }))); // => [0.5, 0, 2]
 * ```
 */
export function hingeLoss(prediction: TensorLike, target: TensorLike, options: LossOptions = {}): Tensor {
  checkLoss('hingeLoss', options);
  return elementwiseLoss('hingeLoss', [prediction, target], options, [0, 0], (x, t) =>
    relu(sub(like(x!, 1), mul(t!, x!))),
  );
}

export interface MarginOptions extends LossOptions {
  readonly margin?: number;
}

/**
 * A distance where the target is 1, max(0, margin − distance) where it is −1.
 * @param target −1 or 1; the margin is 1 by default
 * @example
 * ```ts
 * import { hingeEmbeddingLoss } from 'cotangent/nn';
 * console.log(String(hingeEmbeddingLoss([0.25, 0.25], [1, -1], { reduction: 'none' }))); // => [0.25, 0.75]
 * ```
 */
export function hingeEmbeddingLoss(distance: TensorLike, target: TensorLike, options: MarginOptions = {}): Tensor {
  checkLoss('hingeEmbeddingLoss', options, ['margin']);
  const { margin = 1 } = options;
  return elementwiseLoss('hingeEmbeddingLoss', [distance, target], options, [0, 0], (x, t) =>
    select(gt(t!, like(t!, 0)), x!, relu(sub(like(x!, margin), x!))),
  );
}

/**
 * max(0, margin − target · (first − second)): the first is to be larger where the target is 1.
 * @param target −1 or 1; the margin is 0 by default
 * @example
 * ```ts
 * import { marginRankingLoss } from 'cotangent/nn';
 * console.log(String(marginRankingLoss([2, 1], [1, 2], [1, 1], { reduction: 'none' }))); // => [0, 1]
 * ```
 */
export function marginRankingLoss(
  first: TensorLike,
  second: TensorLike,
  target: TensorLike,
  options: MarginOptions = {},
): Tensor {
  checkLoss('marginRankingLoss', options, ['margin']);
  const { margin = 0 } = options;
  return elementwiseLoss('marginRankingLoss', [first, second, target], options, [0, 0, 0], (a, b, t) =>
    relu(sub(like(a!, margin), mul(t!, sub(a!, b!)))),
  );
}

export interface MultiMarginOptions extends MarginOptions {
  /** The power of each violation: 1 (default) or 2. */
  readonly p?: 1 | 2;
  /** A factor for each class of the labels `[classes]`. */
  readonly classWeights?: TensorLike;
}

/**
 * Σ over the other classes of max(0, margin − score[label] + score[class])^p / classes.
 * @param scores `[…, classes]`; the margin is 1 by default
 * @param labels integers `[…]`
 * @example
 * ```ts
 * import { multiMarginLoss } from 'cotangent/nn';
 * console.log(String(multiMarginLoss([[0, 1]], [0]))); // => 1
 * ```
 */
export function multiMarginLoss(scores: TensorLike, labels: TensorLike, options: MultiMarginOptions = {}): Tensor {
  const op = 'multiMarginLoss';
  checkLoss(op, options, ['margin', 'p', 'classWeights']);
  const { p = 1, margin = 1, classWeights } = options;
  if (p !== 1 && p !== 2) throw new ArgumentError(`${op}: expected p to be 1 or 2, got ${describe(p)}.`);
  const [x] = wideFloats(scores) as [Tensor];
  const last = x.ndim - 1;
  const at = integerLabels(op, labels);
  if (last < 0 || !sameShape(at.shape, x.shape.slice(0, last))) {
    throw new ShapeError(
      `${op}: expected scores […,classes] and labels […], got ${x.aval.toString()} and ${at.aval.toString()}.`,
    );
  }
  const classes = x.shape[last]!;
  const mask = maskOf(op, options, at.shape);
  const wide = [...at.shape, 1];
  const safe = mask ? select(reshape(mask, wide), x, like(x, 0)) : x;
  const chosen = oneHot(at, classes, { dtype: x.dtype });
  const own = reshape(pickClass(safe, at, last), wide);
  const excess = relu(add(sub(safe, own), like(x, margin)));
  const powers = p === 1 ? excess : mul(excess, excess);
  const others = reduceSum(mul(powers, sub(like(chosen, 1), chosen)), [last]);
  const losses = mul(others, like(others, 1 / classes));
  const factors = classWeights === undefined ? undefined : arrayFrom(classWeights, x.dtype);
  return reduceLosses(op, factors ? mul(losses, reduceSum(mul(chosen, factors), [last])) : losses, mask, options);
}

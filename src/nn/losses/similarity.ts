/**
 * Losses of pairs and triples of vectors (the last axis).
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import type { Tensor } from '../../core/tensor.ts';
import { arrayFrom, type TensorLike } from '../../api/lift.ts';
import { relu } from '../../api/nn/activations.ts';
import { describe } from '../../api/options.ts';
import { add, div, like, mul, sub } from '../../primitives/arithmetic.ts';
import { stopGradientOf } from '../../primitives/barrier.ts';
import { eq, gt } from '../../primitives/compare.ts';
import { dotGeneral } from '../../primitives/dot.ts';
import { exp, log, sqrt } from '../../primitives/elementwise-exp.ts';
import { abs, min } from '../../primitives/elementwise-number.ts';
import { iota } from '../../primitives/iota.ts';
import { concatenate } from '../../primitives/movement.ts';
import { reduceMax } from '../../primitives/reduce.ts';
import { select } from '../../primitives/select.ts';
import { broadcastTo, reduceSum, reshape } from '../../primitives/structural.ts';
import { crossEntropy } from './cross-entropy.ts';
import type { MarginOptions } from './margins.ts';
import { checkLoss, type LossOptions, maskOf, operandsOf, reduceLosses } from './reduction.ts';
import { wideFloats } from '../precision.ts';

const lastOf = (x: Tensor): readonly number[] => [x.ndim - 1];

/** Vectors of one shape, with 0 where the mask of the losses does not hold; and that mask. */
function vectorsOf(
  op: string,
  given: readonly TensorLike[],
  o: LossOptions,
): { xs: Tensor[]; mask: Tensor | undefined } {
  const xs = operandsOf(op, ...given);
  const [first] = xs as [Tensor];
  if (first.ndim === 0) throw new ShapeError(`${op}: expected vectors […,features], got ${first.aval.toString()}.`);
  const shape = first.shape.slice(0, -1);
  const mask = maskOf(op, o, shape);
  if (!mask) return { xs, mask };
  const wide = reshape(mask, [...shape, 1]);
  return { xs: xs.map((x) => select(wide, x, like(x, 0))), mask };
}

/** Length along the last axis, at least `least`; derivative 0 below. */
function lengthOf(x: Tensor, least: number): Tensor {
  const square = reduceSum(mul(x, x), lastOf(x));
  const isLong = gt(square, like(square, least * least));
  return select(isLong, sqrt(select(isLong, square, like(square, 1))), like(square, least));
}

/**
 * a · b / (|a| |b|), lengths at least 1e-8: 0 for a vector of zeros.
 * @example
 * ```ts
 * import { cosineSimilarity } from 'cotangent/nn';
 * console.log(String(cosineSimilarity([3, 4], [[4, 3], [0, 0]]))); // => [0.96, 0]
 * ```
 */
export function cosineSimilarity(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = operandsOf('cosineSimilarity', a, b) as [Tensor, Tensor];
  return div(reduceSum(mul(x, y), lastOf(x)), mul(lengthOf(x, 1e-8), lengthOf(y, 1e-8)));
}

/**
 * 1 − cos where the target is 1, max(0, cos − margin) where it is −1.
 * @param target −1 or 1, one for each pair; the margin is 0 by default
 * @example
 * ```ts
 * import { cosineEmbeddingLoss } from 'cotangent/nn';
 * console.log(String(cosineEmbeddingLoss([[3, 4], [3, 4]], [[4, 3], [4, 3]], [1, -1], { reduction: 'none' }))); // => [0.04…, 0.96]
 * ```
 */
export function cosineEmbeddingLoss(
  first: TensorLike,
  second: TensorLike,
  target: TensorLike,
  options: MarginOptions = {},
): Tensor {
  const op = 'cosineEmbeddingLoss';
  checkLoss(op, options, ['margin']);
  const { xs, mask } = vectorsOf(op, [first, second], options);
  const cosine = cosineSimilarity(xs[0]!, xs[1]!);
  const t = arrayFrom(target, cosine.dtype);
  const apart = relu(sub(cosine, like(cosine, options.margin ?? 0)));
  const isAlike = broadcastTo(gt(t, like(t, 0)), cosine.shape);
  return reduceLosses(op, select(isAlike, sub(like(cosine, 1), cosine), apart), mask, options);
}

export interface TripletOptions extends MarginOptions {
  /** Of the norm: 1, 2 (default) or any number above. */
  readonly p?: number;
  /** Added to differences, so that equal vectors have a derivative; 1e-6. */
  readonly epsilon?: number;
  /** Take the negative's distance from the anchor or from the positive, whichever is smaller; false. */
  readonly swap?: boolean;
}

/**
 * max(0, |anchor − positive| − |anchor − negative| + margin) (Schroff et al., 2015); the margin is 1 by default.
 * @example
 * ```ts
 * import { tripletMarginLoss } from 'cotangent/nn';
 * console.log(String(tripletMarginLoss([[0, 0]], [[3, 4]], [[0, 5.5]]))); // => 0.49999…
 * ```
 */
export function tripletMarginLoss(
  anchor: TensorLike,
  positive: TensorLike,
  negative: TensorLike,
  options: TripletOptions = {},
): Tensor {
  const op = 'tripletMarginLoss';
  checkLoss(op, options, ['margin', 'p', 'epsilon', 'swap']);
  const { margin = 1, p = 2, epsilon = 1e-6, swap = false } = options;
  if (!(p >= 1)) throw new ArgumentError(`${op}: expected p to be at least 1, got ${describe(p)}.`);
  const { xs, mask } = vectorsOf(op, [anchor, positive, negative], options);
  const [a, b, c] = xs as [Tensor, Tensor, Tensor];
  const distance = (x: Tensor, y: Tensor): Tensor => norm(add(sub(x, y), like(x, epsilon)), p);
  const far = swap ? min(distance(a, c), distance(b, c)) : distance(a, c);
  const near = distance(a, b);
  return reduceLosses(op, relu(add(sub(near, far), like(near, margin))), mask, options);
}

/**
 * (Σ |x|^p)^(1/p), 0 with derivative 0 for zeros. Powers are taken of x divided by its largest, so that none overflows; the result does
 * not depend on that divisor, so it has no derivative.
 */
function norm(x: Tensor, p: number): Tensor {
  if (p === 1) return reduceSum(abs(x), lastOf(x));
  if (p === 2) return lengthOf(x, 0);
  const size = abs(x);
  const largest = stopGradientOf(reshape(reduceMax(size, lastOf(x)), [...x.shape.slice(0, -1), 1]));
  const isZero = eq(largest, like(largest, 0));
  const scale = select(isZero, like(largest, 1), largest);
  const ratio = div(size, scale);
  const isPresent = gt(ratio, like(ratio, 0));
  const powers = exp(mul(log(select(isPresent, ratio, like(ratio, 1))), like(ratio, p)));
  const total = reduceSum(select(isPresent, powers, like(powers, 0)), lastOf(x));
  const safe = select(gt(total, like(total, 0)), total, like(total, 1));
  return mul(exp(mul(log(safe), like(safe, 1 / p))), reshape(largest, total.shape));
}

/**
 * d² where the label is 1, max(0, margin − d)² where it is 0, with d the distance of the two vectors (Hadsell, Chopra, LeCun, 2006).
 * @param label 1 for alike, 0 for different; the margin is 1 by default
 * @example
 * ```ts
 * import { contrastiveLoss } from 'cotangent/nn';
 * console.log(String(contrastiveLoss([[0], [0]], [[2], [0.5]], [1, 0], { reduction: 'none' }))); // => [4, 0.25]
 * ```
 */
export function contrastiveLoss(
  first: TensorLike,
  second: TensorLike,
  label: TensorLike,
  options: MarginOptions = {},
): Tensor {
  const op = 'contrastiveLoss';
  checkLoss(op, options, ['margin']);
  const { xs, mask } = vectorsOf(op, [first, second], options);
  const difference = sub(xs[0]!, xs[1]!);
  const square = reduceSum(mul(difference, difference), lastOf(difference));
  const short = relu(sub(like(square, options.margin ?? 1), lengthOf(difference, 0)));
  const isAlike = broadcastTo(gt(arrayFrom(label, square.dtype), like(square, 0.5)), square.shape);
  return reduceLosses(op, select(isAlike, square, mul(short, short)), mask, options);
}

export interface InfoNceOptions extends LossOptions {
  /** What similarities are divided by; 0.1. */
  readonly temperature?: number;
  /** Further keys that match no query `[M, features]`. */
  readonly negatives?: TensorLike;
  /** Take the mean with the loss of keys looking for their queries (as CLIP does); false. */
  readonly symmetric?: boolean;
}

/**
 * Cross-entropy of picking for each query its key (row i for row i) by cosine similarity among all keys (van den Oord et al., 2018).
 *
 * @param queries `[N, features]`
 * @param keys `[N, features]`
 * @returns one number, or `[N]` without reduction
 * @example
 * ```ts
 * import { infoNceLoss } from 'cotangent/nn';
 * console.log(String(infoNceLoss([[1, 0], [0, 1]], [[1, 0], [0, 1]], { temperature: 1 }))); // => 0.3132617
 * ```
 */
export function infoNceLoss(queries: TensorLike, keys: TensorLike, options: InfoNceOptions = {}): Tensor {
  const op = 'infoNceLoss';
  const { temperature = 0.1, negatives, symmetric = false, ...loss } = options;
  checkLoss(op, loss);
  if (!(temperature > 0)) throw new ArgumentError(`${op}: expected temperature > 0, got ${describe(temperature)}.`);
  const parts = wideFloats(queries, keys, ...(negatives === undefined ? [] : [negatives]));
  checkPairs(op, parts);
  const [q, k, more] = parts.map(unit) as [Tensor, Tensor, Tensor | undefined];
  const n = q.shape[0]!;
  const labels = iota([n], 'int32', 0);
  const scores = (rows: Tensor, columns: Tensor): Tensor => {
    const products = dotGeneral(rows, columns, { contract: [[1], [1]], batch: [[], []] });
    return mul(products, like(products, 1 / temperature));
  };
  const forward = crossEntropy(scores(q, more ? concatenate([k, more], 0) : k), labels, loss);
  if (!symmetric) return forward;
  return mul(add(forward, crossEntropy(scores(k, q), labels, loss)), like(forward, 0.5));
}

function checkPairs(op: string, [q, k, more]: readonly Tensor[]): void {
  const fits = q!.ndim === 2 && k!.ndim === 2 && q!.shape.every((n, d) => n === k!.shape[d]);
  if (fits && (!more || (more.ndim === 2 && more.shape[1] === q!.shape[1]))) return;
  throw new ShapeError(
    `${op}: expected queries [N,features], keys [N,features] and negatives [M,features], got ${[q, k, more]
      .filter((x) => x !== undefined)
      .map((x) => x.aval.toString())
      .join(', ')}.`,
  );
}

/** Rows divided by their lengths. */
const unit = (x: Tensor): Tensor => div(x, reshape(lengthOf(x, 1e-8), [x.shape[0]!, 1]));

/**
 * Losses that ask for a margin. Where it is met exactly the derivative is that of the violation, as of PyTorch's `clamp_min`.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { isInteger } from '../../../ir/dtype.ts';
import { ArgumentError, DTypeError, ShapeError } from '../../../ir/errors.ts';
import { sameShape } from '../../../ir/shape.ts';
import type { Tensor as CoreTensor } from '../../../core/tensor.ts';
import * as nn from '../../../api/nn/index.ts';
import * as np from '../../../api/numpy/index.ts';
import { type Reduction, reduceLosses } from '../../../nn/losses/reduction.ts';
import { like } from '../../../primitives/arithmetic.ts';
import { promote, type TensorLike, toTensor, withParams } from '../../ops/define.ts';
import { minimum } from '../../ops/arithmetic.ts';
import type { Tensor } from '../../tensor.ts';
import { distanceOf, pairwiseDistance } from './distance.ts';
import { checkLossOptions, type LossOptions } from './loss-options.ts';

type Reduced = { readonly reduction: Reduction };
type Floats = readonly [CoreTensor, CoreTensor, CoreTensor];

/** Losses of tensors of one dtype, and numbers. @param names of the options beside `reduction` */
function lossOf<P extends object>(
  name: string,
  names: readonly string[],
  losses: (xs: readonly CoreTensor[], params: P) => CoreTensor,
) {
  const apply = withParams<P & Reduced>(name, (xs, params) => {
    const { reduction } = params;
    return reduceLosses(name, losses(promote(xs), params), undefined, { reduction });
  });
  return (xs: readonly TensorLike[], options: LossOptions, params: P): Tensor => {
    checkLossOptions(name, options, names);
    return apply(xs, { ...params, reduction: options.reduction ?? 'mean' });
  };
}

/** max(x, 0), with derivative 1 at 0. */
const violation = (x: CoreTensor): CoreTensor => np.where(np.less(x, 0), like(x, 0), x);

export interface MarginOptions extends LossOptions {
  /** 0, but 1 for `hingeEmbeddingLoss` and `tripletMarginLoss`. */
  readonly margin?: number | undefined;
}

type Margin = { readonly margin: number };

const cosineOf = lossOf<Margin>('cosineEmbeddingLoss', ['margin'], ([x, y, t], { margin }) => {
  const dot = (a: CoreTensor, b: CoreTensor): CoreTensor => np.sum(np.multiply(a, b), -1);
  const squares = [x!, y!].map((a) => np.add(dot(a, a), 1e-12));
  const cosine = np.divide(dot(x!, y!), np.sqrt(np.multiply(squares[0]!, squares[1]!)));
  const apart = violation(np.subtract(cosine, margin));
  return np.where(np.equal(t!, 1), np.subtract(1, cosine), np.where(np.equal(t!, -1), apart, like(apart, 0)));
});
/** 1 − cos where the target is 1, max(0, cos − margin) where it is −1. @param first `[N, D]` or `[D]` @param target `[N]` */
export function cosineEmbeddingLoss(
  first: TensorLike,
  second: TensorLike,
  target: TensorLike,
  options: MarginOptions = {},
): Tensor {
  const [x, y, t] = [toTensor(first), toTensor(second), toTensor(target)];
  if (!sameShape(x.shape, y.shape) || x.ndim === 0 || !sameShape(t.shape, x.shape.slice(0, -1))) {
    throw new ShapeError(
      `cosineEmbeddingLoss: expected two inputs [N,D] and a target [N], or [D] and [], got ${[x, y, t].map((a) => a.aval.toString()).join(', ')}.`,
      'a target says for each pair whether it is alike (1) or not (−1).',
    );
  }
  return cosineOf([x, y, t], options, { margin: options.margin ?? 0 });
}

const rankingOf = lossOf<Margin>('marginRankingLoss', ['margin'], (xs, { margin }) => {
  const [x, y, t] = xs as Floats;
  return violation(np.add(np.multiply(np.negative(t), np.subtract(x, y)), margin));
});
/** max(0, −target (first − second) + margin) */
export const marginRankingLoss = (
  first: TensorLike,
  second: TensorLike,
  target: TensorLike,
  options: MarginOptions = {},
): Tensor => rankingOf([first, second, target], options, { margin: options.margin ?? 0 });

const hingeOf = lossOf<Margin>('hingeEmbeddingLoss', ['margin'], (xs, { margin }) => {
  const [x, t] = xs as Floats;
  const none = like(x, 0);
  const apart = np.where(np.equal(t, 1), none, violation(np.subtract(margin, x)));
  return np.add(apart, np.where(np.equal(t, -1), none, x));
});
/** The input where the target is 1, max(0, margin − input) where it is −1. */
export const hingeEmbeddingLoss = (input: TensorLike, target: TensorLike, options: MarginOptions = {}): Tensor =>
  hingeOf([input, target], options, { margin: options.margin ?? 1 });

export interface TripletOptions extends MarginOptions {
  /** Of the norm; 2. */
  readonly p?: number | undefined;
  readonly eps?: number | undefined;
  /** Measure the negative from the positive where that is nearer; false. */
  readonly swap?: boolean | undefined;
}

type Triplet = Margin & { readonly p: number; readonly eps: number; readonly swap: boolean };

const tripletOf = lossOf<Triplet>(
  'tripletMarginLoss',
  ['margin', 'p', 'eps', 'swap'],
  (xs, { margin, p, eps, swap }) => {
    const [anchor, positive, negative] = xs as Floats;
    const distance = (x: CoreTensor, y: CoreTensor): CoreTensor => distanceOf(x, y, { p, eps, keepdims: false });
    const far = distance(anchor, negative);
    const farthest = swap ? np.minimum(far, distance(positive, negative)) : far;
    return violation(np.add(np.subtract(distance(anchor, positive), farthest), margin));
  },
);
/** max(0, |anchor − positive| − |anchor − negative| + margin) */
export const tripletMarginLoss = (
  anchor: TensorLike,
  positive: TensorLike,
  negative: TensorLike,
  options: TripletOptions = {},
): Tensor => {
  const { margin = 1, p = 2, eps = 1e-6, swap = false } = options;
  return tripletOf([anchor, positive, negative], options, { margin, p, eps, swap });
};

/** How far two batches of vectors are apart, one number a pair. */
export type Distance = (x: Tensor, y: Tensor) => Tensor;

export interface TripletDistanceOptions extends MarginOptions {
  /** `pairwiseDistance`. */
  readonly distanceFunction?: Distance | null | undefined;
  readonly swap?: boolean | undefined;
}

const gapOf = lossOf<Margin>(
  'tripletMarginWithDistanceLoss',
  ['margin', 'swap', 'distanceFunction'],
  ([near, far], { margin }) => violation(np.add(np.subtract(near!, far!), margin)),
);
/** `tripletMarginLoss` with a distance of the user's. */
export function tripletMarginWithDistanceLoss(
  anchor: TensorLike,
  positive: TensorLike,
  negative: TensorLike,
  options: TripletDistanceOptions = {},
): Tensor {
  const { margin = 1, swap = false } = options;
  const distance = options.distanceFunction ?? pairwiseDistance;
  const [a, p, n] = [toTensor(anchor), toTensor(positive), toTensor(negative)];
  const far = distance(a, n);
  return gapOf([distance(a, p), swap ? minimum(far, distance(p, n)) : far], options, { margin });
}

const softMarginOf = lossOf<object>('softMarginLoss', [], ([x, t]) =>
  np.log1p(np.exp(np.negative(np.multiply(x!, t!)))),
);
/** log(1 + exp(−target · input)), for targets −1 or 1. */
export const softMarginLoss = (input: TensorLike, target: TensorLike, options: LossOptions = {}): Tensor =>
  softMarginOf([input, target], options, {});

export interface WeightedOptions extends LossOptions {
  /** A factor for each class `[C]`. */
  readonly weight?: TensorLike | null | undefined;
}

export interface MultiMarginOptions extends WeightedOptions {
  /** The power of a violation; 1, or 2. */
  readonly p?: 1 | 2 | undefined;
  /** 1. */
  readonly margin?: number | undefined;
}

const weights = (weight: TensorLike | null | undefined): TensorLike[] =>
  weight === null || weight === undefined ? [] : [weight];

function checkClasses(op: string, target: Tensor): void {
  if (isInteger(target.dtype)) return;
  throw new DTypeError(
    `${op}: expected integers as targets, got ${target.aval.toString()}: expected scalar type Long.`,
    "convert class numbers with .to('long').",
  );
}

const multiMarginOf = lossOf<Margin & { readonly p: 1 | 2 }>(
  'multiMarginLoss',
  ['margin', 'p', 'weight'],
  ([x, t, w], { margin, p }) => {
    const classes = x!.shape.at(-1)!;
    const own = nn.oneHot(np.astype(t!, 'int32'), classes, { dtype: x!.dtype });
    const score = np.sum(np.multiply(x!, own), { axis: -1, keepdims: true });
    const excess = nn.relu(np.add(np.subtract(x!, score), margin));
    const powers = p === 1 ? excess : np.square(excess);
    const others = np.sum(np.multiply(powers, np.subtract(1, own)), -1);
    const scaled = w === undefined ? others : np.multiply(others, np.sum(np.multiply(own, w), -1));
    return np.divide(scaled, classes);
  },
);
/** Σ over the other classes of max(0, margin − x[target] + x[class])ᵖ / C. @param input `[N, C]` or `[C]` @param target `[N]` or `[]` */
export function multiMarginLoss(input: TensorLike, target: TensorLike, options: MultiMarginOptions = {}): Tensor {
  const { p = 1, margin = 1, weight } = options;
  const [x, t] = [toTensor(input), toTensor(target)];
  checkClasses('multiMarginLoss', t);
  if (p !== 1 && p !== 2) {
    throw new ArgumentError(
      `multiMarginLoss: expected p to be 1 or 2, got ${String(p)}: only p == 1 and p == 2 supported.`,
    );
  }
  if (x.ndim === 0 || !sameShape(t.shape, x.shape.slice(0, -1))) {
    throw new ShapeError(
      `multiMarginLoss: expected input [N,C] and target [N], or [C] and [], got ${x.aval.toString()} and ${t.aval.toString()}.`,
    );
  }
  return multiMarginOf([x, t, ...weights(weight)], options, { margin, p });
}

const multiLabelMarginOf = lossOf<object>('multilabelMarginLoss', [], ([x, t]) => {
  const classes = x!.shape.at(-1)!;
  // Labels stand before the first −1.
  const isLabel = np.greaterEqual(np.cumsum(np.where(np.less(t!, 0), -1, 0), -1), 0);
  const labels = np.where(isLabel, t!, -1);
  const chosen = nn.oneHot(np.astype(labels, 'int32'), classes, { dtype: x!.dtype });
  const isOther = np.subtract(1, np.max(chosen, -2));
  const scores = np.sum(np.multiply(chosen, np.expandDims(x!, -2)), -1);
  const gap = np.subtract(1, np.subtract(np.expandDims(scores, -1), np.expandDims(x!, -2)));
  const pairs = np.multiply(np.expandDims(isOther, -2), np.expandDims(np.astype(isLabel, x!.dtype), -1));
  return np.divide(np.sum(np.multiply(nn.relu(gap), pairs), [-2, -1]), classes);
});
/**
 * Σ over labels and over the other classes of max(0, 1 − (x[label] − x[class])) / C.
 * @param input `[N, C]` or `[C]`
 * @param target class numbers like the input; those from the first −1 on do not count
 */
export function multilabelMarginLoss(input: TensorLike, target: TensorLike, options: LossOptions = {}): Tensor {
  const [x, t] = [toTensor(input), toTensor(target)];
  checkClasses('multilabelMarginLoss', t);
  if (x.ndim === 0 || !sameShape(x.shape, t.shape)) {
    throw new ShapeError(
      `multilabelMarginLoss: expected input and target [N,C] or [C], got ${x.aval.toString()} and ${t.aval.toString()}: inconsistent target size.`,
      'fill the rows of labels up with −1.',
    );
  }
  return multiLabelMarginOf([x, t], options, {});
}

const multiLabelSoftOf = lossOf<object>('multilabelSoftMarginLoss', ['weight'], ([x, t, w]) => {
  const loss = np.add(
    np.multiply(t!, nn.logSigmoid(x!)),
    np.multiply(np.subtract(1, t!), nn.logSigmoid(np.negative(x!))),
  );
  return np.negative(np.mean(w === undefined ? loss : np.multiply(loss, w), -1));
});
/** The mean over classes of the binary cross-entropy with logits. @param input `[…, C]` @param target like the input */
export const multilabelSoftMarginLoss = (
  input: TensorLike,
  target: TensorLike,
  options: WeightedOptions = {},
): Tensor => multiLabelSoftOf([input, target, ...weights(options.weight)], options, {});

/**
 * Cross-entropy of classes.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { normalizeAxis, sameShape, type Shape } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { arrayFrom, asTensor, type TensorLike } from '../../api/lift.ts';
import { maxKept } from '../../api/nn/axes.ts';
import { logSoftmax } from '../../api/nn/normalize.ts';
import { describe } from '../../api/options.ts';
import { add, div, like, mul, sub } from '../../primitives/arithmetic.ts';
import { eq, ne } from '../../primitives/compare.ts';
import { and } from '../../primitives/elementwise-bits.ts';
import { select } from '../../primitives/select.ts';
import { broadcastTo, reduceSum, reshape } from '../../primitives/structural.ts';
import { integerLabels, pickClass } from './labels.ts';
import { checkFloat, checkLoss, type LossOptions, maskOf, reduceLosses, timesLog } from './reduction.ts';
import { wideFloats } from '../precision.ts';

export interface NllOptions extends LossOptions {
  /** Where the classes are; the last axis. (PyTorch's is 1.) */
  readonly axis?: number;
  /**
   * A factor for each class `[classes]`. With integer labels a mean divides by the sum of the factors of the labels that count, as
   * PyTorch does.
   */
  readonly classWeights?: TensorLike;
  /** An integer label that does not count, wherever it stands. */
  readonly ignoreIndex?: number;
}

export interface CrossEntropyOptions extends NllOptions {
  /** Part of every label that is spread evenly over all classes; 0. */
  readonly labelSmoothing?: number;
}

const nllNames = ['axis', 'classWeights', 'ignoreIndex'] as const;

/** The logarithms of probabilities, where their classes are, and the labels. */
interface Scores {
  readonly op: string;
  readonly scores: Tensor;
  readonly axis: number;
  readonly classes: number;
}

function scoresOf(op: string, x: TensorLike, axis = -1): Scores {
  const [scores] = wideFloats(x) as [Tensor];
  const d = normalizeAxis(op, axis, scores.ndim);
  return { op, scores, axis: d, classes: scores.shape[d]! };
}

const withoutAxis = ({ scores, axis }: Scores): number[] => scores.shape.filter((_, d) => d !== axis);

function labelShapeError({ op, scores, axis }: Scores, labels: Tensor, forms: string): ShapeError {
  return new ShapeError(
    `${op}: expected labels ${forms}, got ${labels.aval.toString()} for scores ${scores.aval.toString()} with classes on axis ${axis}.`,
    'name the axis of the classes: { axis }.',
  );
}

function classFactors(s: Scores, classWeights: TensorLike): Tensor {
  const t = arrayFrom(classWeights, s.scores.dtype);
  if (t.ndim === 1 && t.shape[0] === s.classes) {
    return reshape(
      t,
      s.scores.shape.map((_, d) => (d === s.axis ? s.classes : 1)),
    );
  }
  throw new ShapeError(`${s.op}: expected classWeights [${s.classes}], got ${t.aval.toString()}.`);
}

/** 0 − x: a loss of 0 is not −0. */
const negated = (x: Tensor): Tensor => sub(like(x, 0), x);

/** −Σ over classes of q · log p, where 0 · log 0 = 0. */
const expectation = (s: Scores, logs: Tensor, probabilities: Tensor): Tensor =>
  negated(reduceSum(timesLog(probabilities, logs), [s.axis]));

/** Losses of integer labels, with the sum of factors as the mean's divisor where classes have factors. */
function fromIntegers(s: Scores, given: TensorLike, o: CrossEntropyOptions, logsOf: (x: Tensor) => Tensor): Tensor {
  const labels = integerLabels(s.op, given);
  if (!sameShape(labels.shape, withoutAxis(s))) {
    throw labelShapeError(s, labels, `of shape [${withoutAxis(s).join(',')}]`);
  }
  const mask = countingLabels(s, labels, o);
  const safe = mask ? select(mask, labels, like(labels, 0)) : labels;
  const logs = logsOf(maskedScores(s, mask));
  const factors = o.classWeights === undefined ? undefined : classFactors(s, o.classWeights);
  const ofLabels = factors ? pickClass(broadcastTo(factors, logs.shape), safe, s.axis) : undefined;
  const picked = negated(pickClass(logs, safe, s.axis));
  const hard = ofLabels ? mul(picked, ofLabels) : picked;
  const losses = smoothed(s, hard, factors ? mul(logs, factors) : logs, o);
  if (!ofLabels || (o.reduction ?? 'mean') !== 'mean') return reduceLosses(s.op, losses, mask, o);
  const divisor = mask ? select(mask, ofLabels, like(ofLabels, 0)) : ofLabels;
  const all = divisor.shape.map((_, d) => d);
  return div(reduceLosses(s.op, losses, mask, { ...o, reduction: 'sum' }), reduceSum(divisor, all));
}

/** (1 − ε) · hard + ε/C · Σ −log p. */
function smoothed(s: Scores, hard: Tensor, logs: Tensor, { labelSmoothing = 0 }: CrossEntropyOptions): Tensor {
  if (labelSmoothing === 0) return hard;
  const even = mul(negated(reduceSum(logs, [s.axis])), like(hard, labelSmoothing / s.classes));
  return add(mul(hard, like(hard, 1 - labelSmoothing)), even);
}

function countingLabels(s: Scores, labels: Tensor, o: NllOptions): Tensor | undefined {
  const mask = maskOf(s.op, o, labels.shape);
  if (o.ignoreIndex === undefined) return mask;
  const counts = ne(labels, like(labels, o.ignoreIndex));
  return mask ? and(mask, counts) : counts;
}

function maskedScores({ scores, axis }: Scores, mask: Tensor | undefined): Tensor {
  if (!mask) return scores;
  const wide = reshape(mask, mask.shape.toSpliced(axis, 0, 1));
  return select(wide, scores, like(scores, 0));
}

/** Losses of probabilities as labels. */
function fromProbabilities(s: Scores, given: TensorLike, o: CrossEntropyOptions): Tensor {
  if (o.ignoreIndex !== undefined) {
    throw new ArgumentError(
      `${s.op}: expected no ignoreIndex with probabilities as labels.`,
      'say which losses count with { where }.',
    );
  }
  const shape: Shape = withoutAxis(s);
  const mask = maskOf(s.op, o, shape);
  const labels = maskedScores({ ...s, scores: arrayFrom(given, s.scores.dtype) }, mask);
  const epsilon = o.labelSmoothing ?? 0;
  const spread =
    epsilon === 0 ? labels : add(mul(labels, like(labels, 1 - epsilon)), like(labels, epsilon / s.classes));
  const weighted = o.classWeights === undefined ? spread : mul(spread, classFactors(s, o.classWeights));
  return reduceLosses(s.op, expectation(s, logProbabilities(s, maskedScores(s, mask)), weighted), mask, o);
}

/**
 * log softmax, with its limit where logits are +∞: those share all probability. Nothing flows back to such a row.
 */
function logProbabilities({ axis }: Scores, logits: Tensor): Tensor {
  const infinite = like(logits, Infinity);
  const isInfinite = eq(logits, infinite);
  const isRowInfinite = eq(maxKept(logits, [axis]), infinite);
  const limit = select(isInfinite, like(logits, 0), like(logits, -Infinity));
  return logSoftmax(select(isRowInfinite, limit, logits), axis);
}

/**
 * −log softmax(logits)[label]: the loss of classification. Labels are integers (one axis fewer than the logits), or probabilities of the
 * shape of the logits.
 *
 * With label smoothing ε, a label becomes (1 − ε) · label + ε / classes. Logits may be as large as they like, and −∞ where a class is
 * impossible. An integer that is no class gives NaN.
 *
 * @param logits `[…, classes]`, or with the classes on `axis`
 * @param labels integers `[…]`, or floats `[…, classes]`
 * @throws DTypeError for float labels without the axis of the classes; ShapeError if labels do not fit
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import { crossEntropy } from 'cotangent/nn';
 * const logits = np.array([[0, 0], [0, 10000]]);
 * console.log(String(crossEntropy(logits, np.array([0, 1], { dtype: 'int32' }), { reduction: 'none' }))); // => [0.6931472, 0]
 * console.log(String(crossEntropy(logits, np.array([[0.5, 0.5], [0, 1]])))); // => 0.3465736
 * ```
 */
export function crossEntropy(logits: TensorLike, labels: TensorLike, options: CrossEntropyOptions = {}): Tensor {
  checkLoss('crossEntropy', options, [...nllNames, 'labelSmoothing']);
  const { labelSmoothing = 0 } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new ArgumentError(`crossEntropy: expected labelSmoothing between 0 and 1, got ${describe(labelSmoothing)}.`);
  }
  const s = scoresOf('crossEntropy', logits, options.axis);
  const given = asTensor(labels);
  if (sameShape(given.shape, s.scores.shape)) return fromProbabilities(s, labels, options);
  if (given.ndim !== s.scores.ndim - 1) {
    throw labelShapeError(s, given, `of shape [${withoutAxis(s).join(',')}] or [${s.scores.shape.join(',')}]`);
  }
  return fromIntegers(s, labels, options, (x) => logProbabilities(s, x));
}

/**
 * −logProbabilities[label]: `crossEntropy` without its softmax.
 * @param logProbabilities `[…, classes]`, or with the classes on `axis`
 * @param labels integers `[…]`
 * @example
 * ```ts
 * import { nn, np } from 'cotangent';
 * import { nllLoss } from 'cotangent/nn';
 * console.log(String(nllLoss(nn.logSoftmax(np.zeros([1, 2])), [0]))); // => 0.6931472
 * ```
 */
export function nllLoss(logProbabilities: TensorLike, labels: TensorLike, options: NllOptions = {}): Tensor {
  checkLoss('nllLoss', options, nllNames);
  const s = scoresOf('nllLoss', logProbabilities, options.axis);
  checkFloat('nllLoss', 'log probabilities', s.scores);
  return fromIntegers(s, labels, options, (x) => x);
}

/**
 * Losses that are likelihoods or divergences of distributions.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { Tensor } from '../../core/tensor.ts';
import { ArgumentError } from '../../ir/errors.ts';
import { describe } from '../../api/options.ts';
import type { TensorLike } from '../../api/lift.ts';
import { add, div, like, mul, sub } from '../../primitives/arithmetic.ts';
import { stopGradientOf } from '../../primitives/barrier.ts';
import { gt, ne } from '../../primitives/compare.ts';
import { exp, log } from '../../primitives/elementwise-exp.ts';
import { max } from '../../primitives/elementwise-number.ts';
import { select } from '../../primitives/select.ts';
import { checkLoss, elementwiseLoss, type LossOptions, operandsOf, timesLog } from './reduction.ts';

export interface KlOptions extends Omit<LossOptions, 'reduction'> {
  /** Also `'batchMean'`: the sum divided by the size of the first axis, which is the divergence of an example. */
  readonly reduction?: LossOptions['reduction'] | 'batchMean';
  /** Whether the target is given as logarithms too; false. */
  readonly logTarget?: boolean;
}

/**
 * The terms q (log q − log p) of the Kullback–Leibler divergence of p from q; 0 where q is 0.
 *
 * @param logPrediction log p
 * @param target q, or log q with `logTarget`
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import { klDiv } from 'cotangent/nn';
 * const p = np.log(np.array([[0.25, 0.75]]));
 * console.log(String(klDiv(p, [[0, 1]], { reduction: 'sum' }))); // => 0.2876821
 * ```
 */
export function klDiv(logPrediction: TensorLike, target: TensorLike, options: KlOptions = {}): Tensor {
  const { reduction, logTarget, ...rest } = options;
  const isBatchMean = reduction === 'batchMean';
  const loss: LossOptions = isBatchMean || reduction === undefined ? rest : { ...rest, reduction };
  checkLoss('klDiv', loss);
  const terms = (logP: Tensor, q: Tensor): Tensor => {
    if (logTarget) return timesDifference(exp(q), q, logP);
    const isPresent = ne(q, like(q, 0));
    return timesDifference(q, log(select(isPresent, q, like(q, 1))), logP);
  };
  const neutral = [0, logTarget ? -Infinity : 0];
  const run = (o: LossOptions): Tensor =>
    elementwiseLoss('klDiv', [logPrediction, target], o, neutral, (p, q) => terms(p!, q!));
  if (!isBatchMean) return run(loss);
  const [p] = operandsOf('klDiv', logPrediction, target) as [Tensor];
  const total = run({ ...loss, reduction: 'sum' });
  return div(total, like(total, p.shape[0] ?? 1));
}

/** q · log q − q · log p. */
const timesDifference = (q: Tensor, logQ: Tensor, logP: Tensor): Tensor => sub(timesLog(q, logQ), timesLog(q, logP));

export interface GaussianOptions extends LossOptions {
  /** Least variance; 1e-6. Derivatives go on below it as at it. */
  readonly epsilon?: number;
  /** Whether to add the constant log(2π)/2; false. */
  readonly full?: boolean;
}

/**
 * (log σ² + (mean − target)² / σ²) / 2: minus the logarithm of a normal density.
 * @param variance σ², broadcast with the others
 * @example
 * ```ts
 * import { gaussianNllLoss } from 'cotangent/nn';
 * console.log(String(gaussianNllLoss([1], [3], [4]))); // => 1.193147
 * ```
 */
export function gaussianNllLoss(
  mean: TensorLike,
  target: TensorLike,
  variance: TensorLike,
  options: GaussianOptions = {},
): Tensor {
  checkLoss('gaussianNllLoss', options, ['epsilon', 'full']);
  const { epsilon = 1e-6, full = false } = options;
  if (!(epsilon > 0)) throw new ArgumentError(`gaussianNllLoss: expected epsilon > 0, got ${describe(epsilon)}.`);
  return elementwiseLoss('gaussianNllLoss', [mean, target, variance], options, [0, 0, 1], (m, t, v) => {
    const least = add(v!, stopGradientOf(sub(max(v!, like(v!, epsilon)), v!)));
    const error = sub(m!, t!);
    const losses = mul(add(log(least), div(mul(error, error), least)), like(error, 0.5));
    return full ? add(losses, like(losses, Math.log(2 * Math.PI) / 2)) : losses;
  });
}

export interface PoissonOptions extends LossOptions {
  /** Whether the input is the logarithm of the rate; true. */
  readonly logInput?: boolean;
  /** Added to the rate before its logarithm is taken; 1e-8. */
  readonly epsilon?: number;
  /** Whether to add Stirling's approximation of log(target!), for targets above 1; false. */
  readonly full?: boolean;
}

/**
 * rate − target · log rate: minus the logarithm of a Poisson probability, without log(target!).
 * @example
 * ```ts
 * import { poissonNllLoss } from 'cotangent/nn';
 * console.log(String(poissonNllLoss([0], [2]))); // => 1
 * ```
 */
export function poissonNllLoss(input: TensorLike, target: TensorLike, options: PoissonOptions = {}): Tensor {
  checkLoss('poissonNllLoss', options, ['logInput', 'epsilon', 'full']);
  const { logInput = true, epsilon = 1e-8, full = false } = options;
  const neutral = logInput ? 0 : 1;
  return elementwiseLoss('poissonNllLoss', [input, target], options, [neutral, 0], (x, t) => {
    const rate = logInput ? exp(x!) : x!;
    const logRate = logInput ? x! : log(add(x!, like(x!, epsilon)));
    const losses = sub(rate, timesLog(t!, logRate));
    return full ? add(losses, stirling(t!)) : losses;
  });
}

/** t log t − t + log(2π t)/2 for t > 1, else 0. */
function stirling(t: Tensor): Tensor {
  const isLarge = gt(t, like(t, 1));
  const safe = select(isLarge, t, like(t, 1));
  const half = mul(log(mul(safe, like(t, 2 * Math.PI))), like(t, 0.5));
  return select(isLarge, add(sub(mul(safe, log(safe)), safe), half), like(t, 0));
}

/**
 * The softmax family, logsumexp, standardize, oneHot.
 * May import: `ir`, `core`, `primitives`, `api/lift`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import { broadcastShapes, normalizeAxis, sameShape } from '../../ir/shape.ts';
import { defaultFloat } from '../../core/config.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add, div, like, mul, sub } from '../../primitives/arithmetic.ts';
import { stopGradientOf } from '../../primitives/barrier.ts';
import { eq, lt, ne } from '../../primitives/compare.ts';
import { convert } from '../../primitives/convert.ts';
import { exp, log, rsqrt } from '../../primitives/elementwise-exp.ts';
import { abs, isFinite, sign } from '../../primitives/elementwise-number.ts';
import { iota } from '../../primitives/iota.ts';
import { select } from '../../primitives/select.ts';
import { broadcastTo, reshape } from '../../primitives/structural.ts';
import { viaFloat32 } from '../halves.ts';
import { asTensor, promoteToFloat, type TensorLike } from '../lift.ts';
import { type DTypeLike, optionalDType } from '../numpy/dtypes.ts';
import { readOptions } from '../named.ts';
import { checkOptions } from '../options.ts';
import { type Axes, axesOf, dropping, masked, maxKept, meanKept, sumKept } from './axes.ts';

const maskOf = (where: TensorLike | undefined): Tensor | undefined =>
  where === undefined ? undefined : asTensor(where);

export interface SoftmaxOptions {
  /** Default −1. */
  readonly axis?: Axes;
  /** What takes part; the rest gets probability 0. */
  readonly where?: TensorLike;
}

/** x less its largest element: the result of softmax does not depend on it, so it has no derivative. */
function shifted(x: Tensor, axes: readonly number[], where: Tensor | undefined): Tensor {
  return sub(masked(x, where, -Infinity), stopGradientOf(maxKept(x, axes, where)));
}

/**
 * e^x / Σ e^x along axes.
 * @example
 * ```ts
 * import { nn, np } from 'cotangent';
 * console.log(String(nn.softmax(np.array([0, 0, Math.log(2)])))); // => [0.25, 0.25, 0.5]
 * ```
 */
export function softmax(x: TensorLike, axis?: Axes | SoftmaxOptions, options?: SoftmaxOptions): Tensor {
  const o = readOptions<SoftmaxOptions>('nn.softmax', ['axis', 'where'], [axis, options]);
  const [t] = promoteToFloat(x);
  const axes = axesOf('nn.softmax', o.axis === undefined ? -1 : o.axis, t!);
  const where = maskOf(o.where);
  const unnormalized = exp(shifted(t!, axes, where));
  return masked(div(unnormalized, sumKept(unnormalized, axes, where)), where, 0);
}

/** log softmax, without overflow or loss of small probabilities. What does not take part gets −∞. */
export function logSoftmax(x: TensorLike, axis?: Axes | SoftmaxOptions, options?: SoftmaxOptions): Tensor {
  const o = readOptions<SoftmaxOptions>('nn.logSoftmax', ['axis', 'where'], [axis, options]);
  const [t] = promoteToFloat(x);
  const axes = axesOf('nn.logSoftmax', o.axis === undefined ? -1 : o.axis, t!);
  const where = maskOf(o.where);
  const moved = shifted(t!, axes, where);
  return masked(sub(moved, log(sumKept(exp(moved), axes, where))), where, -Infinity);
}

export interface LogsumexpOptions {
  /** Default: all axes. */
  readonly axis?: Axes;
  /** Factors of the exponentials. */
  readonly b?: TensorLike;
  readonly keepdims?: boolean;
  /** Return `[log |Σ b eˣ|, sign]`. */
  readonly returnSign?: boolean;
  readonly where?: TensorLike;
}

const logsumexpNames = ['axis', 'b', 'keepdims', 'returnSign', 'where'] as const;

/**
 * log Σ b eˣ along axes, without overflow. Rows of −∞ give −∞, and have derivative 0 (where JAX has NaN).
 * @example
 * ```ts
 * import { nn, np } from 'cotangent';
 * console.log(String(nn.logsumexp(np.array([1000, 1000])))); // => 1000.693
 * ```
 */
export function logsumexp(
  x: TensorLike,
  axis: Axes | undefined,
  options: LogsumexpOptions & { readonly returnSign: true },
): [Tensor, Tensor];
export function logsumexp(x: TensorLike, options: LogsumexpOptions & { readonly returnSign: true }): [Tensor, Tensor];
export function logsumexp(x: TensorLike, axis?: Axes | LogsumexpOptions, options?: LogsumexpOptions): Tensor;
export function logsumexp(
  x: TensorLike,
  axis?: Axes | LogsumexpOptions,
  options?: LogsumexpOptions,
): Tensor | [Tensor, Tensor] {
  const o = readOptions<LogsumexpOptions>('nn.logsumexp', logsumexpNames, [axis, options]);
  const [t, factors] = o.b === undefined ? promoteToFloat(x) : promoteToFloat(x, o.b);
  const shape = factors ? broadcastShapes('nn.logsumexp', t!.shape, factors.shape) : t!.shape;
  const a = sameShape(shape, t!.shape) ? t! : broadcastTo(t!, shape);
  const axes = axesOf('nn.logsumexp', o.axis, a);
  const where = maskOf(o.where);
  // A factor 0 takes its term out, infinite as it may be.
  const present = factors ? masked(a, ne(factors, like(a, 0)), -Infinity) : a;
  const { value, sum } = logOfSum(present, factors, axes, where);
  const finish = (r: Tensor): Tensor => (o.keepdims ? r : dropping(r, axes));
  if (o.returnSign) return [finish(value), finish(sign(sum))];
  const isNegative = lt(sum, like(sum, 0));
  return finish(factors ? select(isNegative, like(value, Number.NaN), value) : value);
}

/** log |Σ b e^(x − m)| + m with m the largest element (0 if that is infinite). */
function logOfSum(
  x: Tensor,
  factors: Tensor | undefined,
  axes: readonly number[],
  where: Tensor | undefined,
): { value: Tensor; sum: Tensor } {
  const largest = stopGradientOf(maxKept(x, axes, where));
  const shift = select(isFinite(largest), largest, like(largest, 0));
  const terms = exp(sub(x, shift));
  const sum = sumKept(factors ? mul(factors, terms) : terms, axes, where);
  const isEmpty = eq(sum, like(sum, 0));
  // log 0 = −∞ without its infinite derivative.
  const value = select(isEmpty, like(sum, -Infinity), add(log(abs(select(isEmpty, like(sum, 1), sum))), shift));
  return { value, sum };
}

/** logsumexp less the logarithm of the number of elements. */
export function logmeanexp(x: TensorLike, axis?: Axes | LogsumexpOptions, options?: LogsumexpOptions): Tensor {
  const o = readOptions<LogsumexpOptions>('nn.logmeanexp', ['axis', 'where', 'keepdims'], [axis, options]);
  // A count may be larger than any float16.
  return viaFloat32(
    (t) => {
      const axes = axesOf('nn.logmeanexp', o.axis, t!);
      const ones = broadcastTo(like(t!, 1), t!.shape);
      const count = sumKept(ones, axes, maskOf(o.where));
      return sub(logsumexp(t!, null, o), log(o.keepdims ? count : dropping(count, axes)));
    },
    ...promoteToFloat(x),
  );
}

export interface StandardizeOptions {
  readonly axis?: Axes;
  readonly mean?: TensorLike;
  readonly variance?: TensorLike;
  readonly epsilon?: TensorLike;
  readonly where?: TensorLike;
}

/** (x − mean) / √(variance + ε) along axes (default the last; ε = 1e-5). */
export function standardize(x: TensorLike, axis?: Axes | StandardizeOptions, options?: StandardizeOptions): Tensor {
  const names = ['axis', 'mean', 'variance', 'epsilon', 'where'] as const;
  const o = readOptions<StandardizeOptions>('nn.standardize', names, [axis, options]);
  return viaFloat32((t) => standardized(t!, o), ...promoteToFloat(x));
}

function standardized(t: Tensor, o: StandardizeOptions): Tensor {
  const axes = axesOf('nn.standardize', o.axis === undefined ? -1 : o.axis, t);
  const where = maskOf(o.where);
  const mean = o.mean === undefined ? meanKept(t, axes, where) : convert(asTensor(o.mean), t.dtype);
  const centred = sub(t, mean);
  // Two passes: E[x²] − E[x]² would lose the variance of numbers far from 0.
  const variance =
    o.variance === undefined ? meanKept(mul(centred, centred), axes, where) : convert(asTensor(o.variance), t.dtype);
  return mul(centred, rsqrt(add(variance, convert(asTensor(o.epsilon ?? 1e-5), t.dtype))));
}

export interface OneHotOptions {
  readonly dtype?: DTypeLike;
  /** Where the new axis goes in the result; default −1. */
  readonly axis?: number;
}

/**
 * 1 at the position of each class, 0 elsewhere; classes outside 0 … numClasses − 1 give zeros.
 * @example
 * ```ts
 * import { nn } from 'cotangent';
 * console.log(String(nn.oneHot([0, 2], 3))); // => [[1, 0, 0], [0, 0, 1]]
 * ```
 */
export function oneHot(x: TensorLike, numClasses: number, options: OneHotOptions = {}): Tensor {
  checkOptions('nn.oneHot', options, ['dtype', 'axis']);
  if (!Number.isInteger(numClasses) || numClasses < 0) {
    throw new ArgumentError(`nn.oneHot: expected a number of classes, got ${String(numClasses)}.`);
  }
  const t = asTensor(x);
  const axis = normalizeAxis('nn.oneHot', options.axis ?? -1, t.ndim + 1);
  const rows = reshape(t, t.shape.toSpliced(axis, 0, 1));
  const classes = iota(
    rows.shape.map((_, d) => (d === axis ? numClasses : 1)),
    t.dtype === 'bool' ? 'int32' : t.dtype,
    axis,
  );
  return convert(
    eq(t.dtype === 'bool' ? convert(rows, 'int32') : rows, classes),
    optionalDType('nn.oneHot', options.dtype) ?? defaultFloat(),
  );
}

/**
 * Operations under TensorFlow's names. They are the core's, but where TensorFlow's derivative at a tie is another: those are put together
 * from the core's.
 * May import: everything up to `api`.
 * @module
 */
import type { DType } from '../ir/dtype.ts';
import type { Shape } from '../ir/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import * as np from '../api/numpy/index.ts';
import { arrayFrom, promote, type TensorLike } from '../api/lift.ts';
import { oneHot } from '../api/nn/index.ts';

/** A tensor with these values. `shape` repeats a single value, or arranges several. */
export function constant(value: TensorLike, dtype?: DType, shape?: Shape): Tensor {
  const x = arrayFrom(value, dtype, undefined, 'constant');
  if (shape === undefined) return x;
  return x.size === 1 ? np.broadcastTo(np.reshape(x, []), shape) : np.reshape(x, shape);
}

/** The larger of both; at a tie the derivative goes to `x`. NaN if either is. */
export function maximum(x: TensorLike, y: TensorLike): Tensor {
  const [a, b] = promote(x, y) as [Tensor, Tensor];
  return np.where(np.logicalOr(np.greaterEqual(a, b), np.isnan(a)), a, b);
}

/** The smaller of both; at a tie the derivative goes to `x`. NaN if either is. */
export function minimum(x: TensorLike, y: TensorLike): Tensor {
  const [a, b] = promote(x, y) as [Tensor, Tensor];
  return np.where(np.logicalOr(np.lessEqual(a, b), np.isnan(a)), a, b);
}

/** Another dtype. */
export const cast = (x: TensorLike, dtype: DType): Tensor => arrayFrom(x, undefined).astype(dtype);

/** √Σx², zero with derivative zero at zero… of all elements: used to clip. */
function norm(x: Tensor): Tensor {
  const sum = np.sum(np.square(x));
  const isZero = np.equal(sum, 0);
  return np.where(isZero, 0, np.sqrt(np.where(isZero, 1, sum)));
}

/** x, scaled down to norm `clipNorm` where it is longer. */
export function clipByNorm(x: TensorLike, clipNorm: TensorLike): Tensor {
  const [t, limit] = promote(x, clipNorm) as [Tensor, Tensor];
  return np.divide(np.multiply(t, limit), maximum(norm(t), limit));
}

/** Slices of `params` at `indices` along an axis. The derivative is an ordinary tensor, with repeated indices added up. */
export const gather = (params: TensorLike, indices: TensorLike, options: { readonly axis?: number } = {}): Tensor =>
  np.take(params, indices, { axis: options.axis ?? 0 });

/** Tensors joined along an axis. */
export const concat = (values: readonly TensorLike[], axis: number): Tensor => np.concatenate(values as never, axis);

export { oneHot };
export {
  abs,
  add,
  argmax as argMax,
  argmin as argMin,
  broadcastTo,
  ceil,
  cos,
  cosh,
  cumsum,
  cumprod,
  divide,
  einsum,
  equal,
  exp,
  expandDims,
  expm1,
  eye,
  floor,
  greater,
  greaterEqual,
  less,
  lessEqual,
  linspace,
  log,
  log1p,
  logicalAnd,
  logicalNot,
  logicalOr,
  matmul,
  mod,
  multiply,
  negative,
  notEqual,
  ones,
  onesLike,
  pad,
  power as pow,
  reciprocal,
  reshape,
  round,
  sign,
  sin,
  sinh,
  sqrt,
  square,
  squeeze,
  stack,
  subtract,
  tan,
  tanh,
  tile,
  transpose,
  where,
  zeros,
  zerosLike,
  sum as reduceSum,
  mean as reduceMean,
  max as reduceMax,
  min as reduceMin,
  prod as reduceProd,
  any as reduceAny,
  all as reduceAll,
  arange as range,
} from '../api/numpy/index.ts';
export {
  elu,
  gelu,
  leakyRelu,
  logSigmoid,
  logSoftmax,
  relu,
  relu6,
  selu,
  sigmoid,
  softmax,
  softplus,
  swish,
} from '../api/nn/index.ts';

/**
 * Operations whose arguments or defaults are TensorFlow's, where those of the core's function of the same name are NumPy's or JAX's.
 * May import: everything up to `api`.
 * @module
 */
import type { DType } from '../ir/dtype.ts';
import { ArgumentError } from '../ir/errors.ts';
import { normalizeAxis, type Shape } from '../ir/shape.ts';
import { Tensor } from '../core/tensor.ts';
import { arrayFrom, asTensor, promote, type TensorLike } from '../api/lift.ts';
import { readOptions } from '../api/named.ts';
import { sliceInDim } from '../api/lax/index.ts';
import * as activations from '../api/nn/index.ts';
import * as np from '../api/numpy/index.ts';
import { vmap } from '../api/vmap.ts';

interface ConstantOptions {
  readonly dtype?: DType | null;
  readonly shape?: Shape | null;
}

/**
 * A tensor with these values. `shape` repeats a single value, or arranges several.
 * @example
 * ```ts
 * import { constant } from 'cotangent/tf';
 * console.log(String(constant(1, 'int32')), String(constant([1, 2, 3, 4], { shape: [2, 2] }))); // => 1 [[1, 2], [3, 4]]
 * ```
 */
export function constant(
  value: TensorLike,
  dtype?: DType | null | ConstantOptions,
  shape?: Shape | null | ConstantOptions,
): Tensor {
  const given = readOptions<ConstantOptions>('constant', ['dtype', 'shape'], [dtype, shape]);
  const x = arrayFrom(value, given.dtype ?? undefined, undefined, 'constant');
  if (given.shape === undefined || given.shape === null) return x;
  return x.size === 1 ? np.broadcastTo(np.reshape(x, []), given.shape) : np.reshape(x, given.shape);
}

/** Another dtype. */
export const cast = (x: TensorLike, dtype: DType | { readonly dtype: DType }): Tensor =>
  arrayFrom(x, undefined).astype(readOptions<ConstantOptions>('cast', ['dtype'], [dtype]).dtype!);

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

/** √Σx² over some axes, zero with derivative zero at zero: used to clip. */
function norm(x: Tensor, axis: np.Axis | null): Tensor {
  const sum = np.sum(np.square(x), { axis, keepdims: true });
  const isZero = np.equal(sum, 0);
  return np.where(isZero, 0, np.sqrt(np.where(isZero, 1, sum)));
}

/** x, scaled down to norm `clipNorm` where it is longer: the norm of all elements, or those along some axes. */
export function clipByNorm(
  x: TensorLike,
  clipNorm: TensorLike,
  axes?: np.Axis | null | { readonly axes?: np.Axis | null },
): Tensor {
  const [t, limit] = promote(x, clipNorm) as [Tensor, Tensor];
  const { axes: along = null } = readOptions<{ axes: np.Axis | null }>('clipByNorm', ['axes'], [axes]);
  return np.divide(np.multiply(t, limit), maximum(norm(t, along), limit));
}

interface ReduceOptions {
  /** All axes by default. */
  readonly axis?: np.Axis | null;
  readonly keepdims?: boolean;
}

type Reduction = (
  x: TensorLike,
  axis?: np.Axis | null | ReduceOptions,
  keepdims?: boolean | null | ReduceOptions,
) => Tensor;

const reduction =
  (op: string, f: (x: TensorLike, options: ReduceOptions) => Tensor): Reduction =>
  (x, ...args) =>
    f(x, readOptions<ReduceOptions>(op, ['axis', 'keepdims'], args));

/** Sums along axes. */
export const reduceSum: Reduction = reduction('reduceSum', np.sum);
/** Means along axes. */
export const reduceMean: Reduction = reduction('reduceMean', np.mean);
/** Largest elements along axes; ties share the derivative. */
export const reduceMax: Reduction = reduction('reduceMax', np.max);
/** Smallest elements along axes; ties share the derivative. */
export const reduceMin: Reduction = reduction('reduceMin', np.min);
/** Products along axes. */
export const reduceProd: Reduction = reduction('reduceProd', np.prod);
/** Whether any element along axes is true. */
export const reduceAny: Reduction = reduction('reduceAny', np.any);
/** Whether all elements along axes are true. */
export const reduceAll: Reduction = reduction('reduceAll', np.all);
/** log Σ exp along axes, without overflow. */
export const reduceLogsumexp: Reduction = reduction('reduceLogsumexp', activations.logsumexp);

interface AxisOption {
  readonly axis?: number;
}

type Position = (x: TensorLike, axis?: number | null | AxisOption) => Tensor;

const position =
  (op: string, f: typeof np.argmax): Position =>
  (x, given) =>
    f(x, { axis: readOptions<AxisOption>(op, ['axis'], [given]).axis ?? 0 });

/** Where the largest element along an axis (0) is. */
export const argMax: Position = position('argMax', np.argmax);
/** Where the smallest element along an axis (0) is. */
export const argMin: Position = position('argMin', np.argmin);

interface CumulativeOptions extends AxisOption {
  /** Start with 0 (1 for products), and leave out the last element; false. */
  readonly exclusive?: boolean;
  /** From the end; false. */
  readonly reverse?: boolean;
}

type Cumulative = (
  x: TensorLike,
  axis?: number | null | CumulativeOptions,
  exclusive?: boolean | null | CumulativeOptions,
  reverse?: boolean | null | CumulativeOptions,
) => Tensor;

/** Each element one place later along an axis, the first `filling`. */
function delayed(op: string, x: Tensor, axis: number, filling: number): Tensor {
  const along = normalizeAxis(op, axis, x.ndim);
  const n = x.shape[along]!;
  if (n === 0) return x;
  const ends = x.shape.map((_, d): [number, number] => (d === along ? [1, 0] : [0, 0]));
  return np.pad(sliceInDim(x, 0, n - 1, 1, along), ends, { constantValues: filling });
}

const cumulative =
  (op: string, f: typeof np.cumsum, neutral: number): Cumulative =>
  (x, ...args) => {
    const names = ['axis', 'exclusive', 'reverse'] as const;
    const { axis = 0, exclusive = false, reverse = false } = readOptions<CumulativeOptions>(op, names, args);
    const given = asTensor(x);
    const t = reverse ? np.flip(given, axis) : given;
    const y = f(exclusive ? delayed(op, t, axis, neutral) : t, axis);
    return reverse ? np.flip(y, axis) : y;
  };

/** Sums of the elements so far, along an axis (0). */
export const cumsum: Cumulative = cumulative('cumsum', np.cumsum, 0);
/** Products of the elements so far, along an axis (0). */
export const cumprod: Cumulative = cumulative('cumprod', np.cumprod, 1);

interface GatherOptions extends AxisOption {
  /** Leading axes that `params` and `indices` share; 0. */
  readonly batchDims?: number;
}

/**
 * Slices of `params` at `indices` along an axis (the first that is not shared). The derivative is an ordinary tensor, with repeated
 * indices added up.
 */
export function gather(params: TensorLike, indices: TensorLike, options: GatherOptions = {}): Tensor {
  const { batchDims = 0, axis = batchDims } = readOptions<GatherOptions>('gather', ['axis', 'batchDims'], [options]);
  const [x, at] = [asTensor(params), indices instanceof Tensor ? indices : arrayFrom(indices, 'int32')];
  const along = axis < 0 ? axis + x.ndim : axis;
  if (!Number.isInteger(batchDims) || batchDims < 0 || batchDims > Math.min(along, at.ndim)) {
    throw new ArgumentError(
      `gather: expected batchDims from 0 to axis and the rank of the indices, got batchDims ${batchDims}, axis ${axis} and ${at.aval.toString()}.`,
    );
  }
  const under = (dims: number): ((x: Tensor, at: Tensor) => Tensor) =>
    dims === 0 ? (p, i) => np.take(p, i, { axis: along - batchDims }) : vmap(under(dims - 1));
  return under(batchDims)(x, at);
}

/** Tensors joined along an axis. */
export const concat = (values: readonly TensorLike[], axis: number | { readonly axis: number }): Tensor =>
  np.concatenate(values as never, readOptions<AxisOption>('concat', ['axis'], [axis]).axis!);

interface MatmulOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

/** Products of matrices, the last two axes of each; either may be transposed first. */
export function matmul(
  a: TensorLike,
  b: TensorLike,
  transposeA?: boolean | null | MatmulOptions,
  transposeB?: boolean | null | MatmulOptions,
): Tensor {
  const names = ['transposeA', 'transposeB'] as const;
  const given = readOptions<MatmulOptions>('matmul', names, [transposeA, transposeB]);
  const [x, y] = [asTensor(a), asTensor(b)];
  return np.matmul(given.transposeA ? np.matrixTranspose(x) : x, given.transposeB ? np.matrixTranspose(y) : y);
}

interface PadOptions {
  /** `'CONSTANT'`, `'REFLECT'` or `'SYMMETRIC'`, in letters of any size. */
  readonly mode?: string;
  readonly constantValues?: number;
}

/** `paddings[d]` elements before and after axis d. */
export function pad(
  x: TensorLike,
  paddings: readonly (readonly [before: number, after: number])[],
  mode?: string | null | PadOptions,
  constantValues?: number | null | PadOptions,
): Tensor {
  const given = readOptions<PadOptions>('pad', ['mode', 'constantValues'], [mode, constantValues]);
  const kind = (given.mode ?? 'constant').toLowerCase();
  if (kind === 'constant') return np.pad(x, paddings, { constantValues: given.constantValues ?? 0 });
  if (kind === 'reflect' || kind === 'symmetric') return np.pad(x, paddings, { mode: kind });
  throw new ArgumentError(`pad: expected mode CONSTANT, REFLECT or SYMMETRIC, got ${String(given.mode)}.`);
}

interface OneHotOptions extends AxisOption {
  /** 1 */
  readonly onValue?: number;
  /** 0 */
  readonly offValue?: number;
  readonly dtype?: DType;
}

/** `onValue` at each index, along a new axis (the last) of length `depth`; `offValue` elsewhere, and for indices outside. */
export function oneHot(indices: TensorLike, depth: number, options: OneHotOptions = {}): Tensor {
  const names = ['onValue', 'offValue', 'axis', 'dtype'] as const;
  const { onValue = 1, offValue = 0, axis = -1, dtype } = readOptions<OneHotOptions>('oneHot', names, [options]);
  const hot = activations.oneHot(indices, depth, { axis, ...(dtype !== undefined && { dtype }) });
  return onValue === 1 && offValue === 0 ? hot : np.where(hot.astype('bool'), onValue, offValue).astype(hot.dtype);
}

/** x where it is positive, `alpha` (0.2) times x elsewhere. */
export const leakyRelu = (x: TensorLike, alpha?: number | null | { readonly alpha?: number }): Tensor =>
  activations.leakyRelu(x, readOptions<{ alpha: number }>('leakyRelu', ['alpha'], [alpha]).alpha ?? 0.2);

/** x Φ(x), by the error function unless `approximate`. */
export const gelu = (x: TensorLike, approximate?: boolean | null | { readonly approximate?: boolean }): Tensor =>
  activations.gelu(
    x,
    readOptions<{ approximate: boolean }>('gelu', ['approximate'], [approximate]).approximate ?? false,
  );

/** (x − y)² */
export const squaredDifference = (x: TensorLike, y: TensorLike): Tensor => np.square(np.subtract(x, y));

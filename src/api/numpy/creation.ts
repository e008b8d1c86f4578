/**
 * Making arrays: from data, filled with one number, the identity.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`, `api/sizes`.
 * @module
 */
import { Aval } from '../../ir/aval.ts';
import { type DType, makeTypedArray } from '../../ir/dtype.ts';
import { sizeOf } from '../../ir/shape.ts';
import { defaultFloat } from '../../core/config.ts';
import { getExecutor } from '../../core/executor.ts';
import { ConcreteTensor, deviceTensor, Tensor } from '../../core/tensor.ts';
import { currentTrace, evalTrace } from '../../core/trace.ts';
import { add, like } from '../../primitives/arithmetic.ts';
import { eq } from '../../primitives/compare.ts';
import { convert } from '../../primitives/convert.ts';
import { iota } from '../../primitives/iota.ts';
import { broadcastTo, reshape } from '../../primitives/structural.ts';
import { arrayFrom, asTensor, castArray, holdsTensor, resolveShape, stackNested, type TensorLike } from '../lift.ts';
import { optionsOf } from '../options.ts';
import { type ShapeLike, toShape } from '../sizes.ts';
import { type DTypeLike, optionalDType } from './dtypes.ts';

/** Nested arrays whose leaves may also be tensors. */
export type ArrayLike = TensorLike | readonly ArrayLike[];

export interface DTypeOptions {
  readonly dtype?: DTypeLike | null | undefined;
}

export interface ArrayOptions extends DTypeOptions {
  /** Shape of the result: the elements of the data in row-major order; one dimension may be −1. */
  readonly shape?: ShapeLike | undefined;
  /** Device of the result; the current one by default. */
  readonly device?: string | undefined;
  /** Least number of axes; axes of size 1 are put in front. */
  readonly ndmin?: number | undefined;
  /** Accepted for NumPy's sake: tensors are immutable. */
  readonly copy?: boolean | undefined;
}

const arrayKeys = ['dtype', 'shape', 'device', 'ndmin', 'copy'] as const;

/**
 * A tensor from numbers, nested arrays (of numbers, booleans and tensors), typed arrays or tensors.
 *
 * Numbers become floats of `config.defaultDtype`, booleans become bool, typed arrays keep their dtype.
 * @throws ShapeError for ragged arrays
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.array([[1, 2], [3, 4]]).shape); // => [ 2, 2 ]
 * console.log(np.array([1, 2], { dtype: 'int32' }).dtype); // => int32
 * ```
 */
export function array(data: ArrayLike, options?: ArrayOptions | DTypeLike): Tensor {
  return makeArray('array', data, options);
}

/** As {@link array}. */
export function asarray(data: ArrayLike, options?: ArrayOptions | DTypeLike): Tensor {
  return makeArray('asarray', data, options);
}

function makeArray(op: string, data: ArrayLike, options: ArrayOptions | DTypeLike | undefined): Tensor {
  const { dtype, shape, device, ndmin } = optionsOf<ArrayOptions>(op, 'dtype', options, undefined, arrayKeys);
  const type = optionalDType(op, dtype);
  let out: TensorLike = data as TensorLike;
  if (data instanceof Tensor) out = data.current();
  else if (holdsTensor(data)) out = stackNested(data as TensorLike);
  const wanted = shape === undefined ? undefined : typeof shape === 'number' ? [shape] : shape;
  if (!(out instanceof Tensor)) out = arrayFrom(out, type, wanted, op);
  let t = type === undefined ? strong(out) : convert(out, type);
  if (wanted) t = reshape(t, resolveShape(op, wanted, t.size));
  if (ndmin !== undefined && t.ndim < ndmin)
    t = reshape(t, [...Array.from({ length: ndmin - t.ndim }, () => 1), ...t.shape]);
  return device === undefined ? t : onDevice(t, device);
}

export const strong = (t: Tensor): Tensor => (t.aval.weakType ? convert(t, t.dtype) : t);

function onDevice(t: Tensor, device: string): Tensor {
  const source = t.concrete('array({ device })');
  const data = source.read().slice();
  return new ConcreteTensor(
    source.aval,
    getExecutor(device).fromHost(data as Parameters<typeof deviceTensor>[0], source.aval),
  );
}

/** The same array: tensors are immutable. */
export const copy = (x: TensorLike): Tensor => strong(asTensor(x));

/** A constant array: one number, broadcast. */
function filled(op: string, shape: ShapeLike, value: TensorLike, dtype: DType): Tensor {
  const scalar = value instanceof Tensor ? convert(value.current(), dtype) : arrayFrom(value, dtype, undefined, op);
  return broadcastTo(scalar, toShape(op, shape));
}

function constant(op: string, shape: ShapeLike, value: number, dtype: DType): Tensor {
  const resolved = toShape(op, shape);
  // Inside a trace a broadcast scalar fuses; a dense constant would be captured.
  if (currentTrace() !== evalTrace) return broadcastTo(arrayFrom(value, dtype, undefined, op), resolved);
  const data = makeTypedArray(dtype, sizeOf(resolved));
  if (!Object.is(value, 0)) data.fill(castArray([value], dtype, true)[0]!);
  return deviceTensor(data, new Aval(resolved, dtype));
}

export type DTypeArgument = DTypeOptions | DTypeLike | null | undefined;

export const dtypeOf = (op: string, argument: DTypeArgument): DType | undefined =>
  optionalDType(op, optionsOf<DTypeOptions>(op, 'dtype', argument, undefined, ['dtype']).dtype);

/**
 * Zeros; float by default.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.zeros([2, 2]).toArray()); // => [ [ 0, 0 ], [ 0, 0 ] ]
 * ```
 */
export const zeros = (shape: ShapeLike, options?: DTypeOptions | DTypeLike): Tensor =>
  constant('zeros', shape, 0, dtypeOf('zeros', options) ?? defaultFloat());

/** Ones; float by default. */
export const ones = (shape: ShapeLike, options?: DTypeOptions | DTypeLike): Tensor =>
  constant('ones', shape, 1, dtypeOf('ones', options) ?? defaultFloat());

/** Zeros, as in JAX. */
export const empty = (shape: ShapeLike, options?: DTypeOptions | DTypeLike): Tensor =>
  constant('empty', shape, 0, dtypeOf('empty', options) ?? defaultFloat());

/**
 * `value` broadcast to a shape. A number gives floats, a boolean bools, an array its own dtype.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.full([3], 7).toArray()); // => [ 7, 7, 7 ]
 * ```
 */
export function full(shape: ShapeLike, value: TensorLike, options?: DTypeOptions | DTypeLike): Tensor {
  const dtype = dtypeOf('full', options);
  if (typeof value === 'number') return constant('full', shape, value, dtype ?? defaultFloat());
  return filled('full', shape, value, dtype ?? asTensor(value).dtype);
}

export interface LikeOptions extends DTypeOptions {
  readonly shape?: ShapeLike | undefined;
}

function likeOptions(
  op: string,
  x: TensorLike,
  options: LikeOptions | DTypeLike | undefined,
): { shape: ShapeLike; dtype: DType } {
  const t = asTensor(x);
  const { dtype, shape } = optionsOf<LikeOptions>(op, 'dtype', options, undefined, ['dtype', 'shape']);
  return { shape: shape ?? t.shape, dtype: optionalDType(op, dtype) ?? t.dtype };
}

/** Zeros of the shape and dtype of `x`. */
export function zerosLike(x: TensorLike, options?: LikeOptions | DTypeLike): Tensor {
  const { shape, dtype } = likeOptions('zerosLike', x, options);
  return constant('zerosLike', shape, 0, dtype);
}

/** Ones of the shape and dtype of `x`. */
export function onesLike(x: TensorLike, options?: LikeOptions | DTypeLike): Tensor {
  const { shape, dtype } = likeOptions('onesLike', x, options);
  return constant('onesLike', shape, 1, dtype);
}

/** Zeros, as in JAX. */
export function emptyLike(x: TensorLike, options?: LikeOptions | DTypeLike): Tensor {
  const { shape, dtype } = likeOptions('emptyLike', x, options);
  return constant('emptyLike', shape, 0, dtype);
}

/** `value` in the shape and dtype of `x`. */
export function fullLike(x: TensorLike, value: TensorLike, options?: LikeOptions | DTypeLike): Tensor {
  const { shape, dtype } = likeOptions('fullLike', x, options);
  return typeof value === 'number'
    ? constant('fullLike', shape, value, dtype)
    : filled('fullLike', shape, value, dtype);
}

export interface EyeOptions extends DTypeOptions {
  /** Number of columns; that of rows by default. */
  readonly M?: number | undefined;
  /** Diagonal of the ones: 0 the main one, positive above it. */
  readonly k?: number | undefined;
}

/**
 * Ones on a diagonal, zeros elsewhere.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.eye(2).toArray()); // => [ [ 1, 0 ], [ 0, 1 ] ]
 * ```
 */
export function eye(n: number, m?: number | EyeOptions | null, diagonalOrOptions?: number | EyeOptions): Tensor {
  const rest = typeof diagonalOrOptions === 'number' ? { k: diagonalOrOptions } : diagonalOrOptions;
  const { M, k = 0, dtype } = optionsOf<EyeOptions>('eye', 'M', m ?? undefined, rest, ['M', 'k', 'dtype']);
  const type = optionalDType('eye', dtype) ?? defaultFloat();
  const [rows, columns] = toShape('eye', [n, M ?? n]) as [number, number];
  if (currentTrace() !== evalTrace) {
    const row = iota([rows, 1], 'int32');
    return convert(eq(add(row, like(row, k)), iota([1, columns], 'int32', 1)), type);
  }
  const data = makeTypedArray(type, rows * columns);
  for (let i = Math.max(0, -k); i < rows && i + k < columns; i++) data[i * columns + i + k] = 1;
  return deviceTensor(data, new Aval([rows, columns], type));
}

/** The identity matrix. */
export const identity = (n: number, options?: DTypeOptions | DTypeLike): Tensor =>
  eye(n, n, { dtype: dtypeOf('identity', options) });

/**
 * Making arrays: from data, filled, counted, evenly spaced.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { Aval } from '../../ir/aval.ts';
import { type DType, isFloat, makeTypedArray } from '../../ir/dtype.ts';
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { normalizeAxis, type Shape, sizeOf } from '../../ir/shape.ts';
import { defaultFloat } from '../../core/config.ts';
import { getExecutor } from '../../core/executor.ts';
import { ConcreteTensor, deviceTensor, Tensor } from '../../core/tensor.ts';
import { currentTrace, evalTrace } from '../../core/trace.ts';
import { add, div, like, mul, sub } from '../../primitives/arithmetic.ts';
import { eq } from '../../primitives/compare.ts';
import { concatenate } from '../../primitives/movement.ts';
import { convert } from '../../primitives/convert.ts';
import { iota } from '../../primitives/iota.ts';
import { pow } from '../../primitives/elementwise-exp.ts';
import { floor } from '../../primitives/elementwise-number.ts';
import { broadcastTo, moveAxis, reshape } from '../../primitives/structural.ts';
import {
  arrayFrom,
  asTensor,
  castArray,
  holdsTensor,
  promoteToFloat,
  resolveShape,
  stackNested,
  type TensorLike,
} from '../lift.ts';
import { optionsOf } from '../options.ts';
import { type DTypeLike, optionalDType } from './dtypes.ts';

/** A shape, or the length of a one-dimensional one. */
export type ShapeLike = number | Shape;

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

export function toShape(op: string, shape: ShapeLike): Shape {
  const list = typeof shape === 'number' ? [shape] : shape;
  // A copy: the caller's array may change later.
  if (Array.isArray(list) && list.every((d) => Number.isInteger(d) && d >= 0)) return [...list];
  throw new ShapeError(
    `${op}: expected a shape of non-negative integers, got [${String(list)}].`,
    'give a number or an array of them.',
    {
      shape,
    },
  );
}

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
  let out = data instanceof Tensor || !holdsTensor(data) ? (data as TensorLike) : stackNested(data as TensorLike);
  const wanted = shape === undefined ? undefined : typeof shape === 'number' ? [shape] : shape;
  if (!(out instanceof Tensor)) out = arrayFrom(out, type, wanted, op);
  let t = type === undefined ? strong(out) : convert(out, type);
  if (wanted) t = reshape(t, resolveShape(op, wanted, t.size));
  if (ndmin !== undefined && t.ndim < ndmin)
    t = reshape(t, [...Array.from({ length: ndmin - t.ndim }, () => 1), ...t.shape]);
  return device === undefined ? t : onDevice(t, device);
}

const strong = (t: Tensor): Tensor => (t.aval.weakType ? convert(t, t.dtype) : t);

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
  const scalar = value instanceof Tensor ? convert(value, dtype) : arrayFrom(value, dtype, undefined, op);
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

type DTypeArgument = DTypeOptions | DTypeLike | null | undefined;

const dtypeOf = (op: string, argument: DTypeArgument): DType | undefined =>
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

const integral = (...xs: (number | null | undefined)[]): boolean =>
  xs.every((x) => x === undefined || x === null || Number.isInteger(x));

/**
 * `start, start + step, …` up to but without `stop`. One number is `stop`. Integers give int32, anything else floats.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.arange(2, 10, 3).toArray()); // => [ 2, 5, 8 ]
 * ```
 */
export function arange(
  start: number,
  stop?: number | DTypeArgument,
  step?: number | DTypeArgument,
  options?: DTypeArgument,
): Tensor {
  const numbers = [start, stop, step].filter((x) => typeof x === 'number') as number[];
  const last = [stop, step, options].find(
    (x) => x !== undefined && x !== null && typeof x !== 'number',
  ) as DTypeArgument;
  const [from, to, by] = [
    numbers.length > 1 ? numbers[0]! : 0,
    numbers.length > 1 ? numbers[1]! : numbers[0]!,
    numbers[2] ?? 1,
  ];
  if (![from, to, by].every(Number.isFinite) || by === 0) {
    throw new ArgumentError(`arange: expected finite numbers and a step other than 0, got ${numbers.join(', ')}.`);
  }
  const dtype = dtypeOf('arange', last) ?? (integral(...numbers) ? 'int32' : defaultFloat());
  const n = Math.max(0, Math.ceil((to - from) / by));
  if (currentTrace() !== evalTrace && integral(from, by)) {
    const counted = iota([n], dtype);
    const scaled = by === 1 ? counted : mul(counted, like(counted, by));
    return from === 0 ? scaled : add(scaled, like(counted, from));
  }
  const data = makeTypedArray(dtype, n);
  for (let i = 0; i < n; i++) data[i] = from + i * by;
  return deviceTensor(data, new Aval([n], dtype));
}

export interface SpaceOptions extends DTypeOptions {
  /** Number of samples; 50. */
  readonly num?: number | undefined;
  /** Whether `stop` is the last sample; true. */
  readonly endpoint?: boolean | undefined;
  /** Also return the step. */
  readonly retstep?: boolean | undefined;
  /** Axis of the samples when `start` and `stop` are arrays; 0. */
  readonly axis?: number | undefined;
}

interface Spacing {
  readonly samples: Tensor;
  readonly step: Tensor;
  readonly dtype: DType | undefined;
}

/** Samples along axis 0, in floats. */
function spaced(op: string, start: TensorLike, stop: TensorLike, options: SpaceOptions): Spacing {
  const num = options.num ?? 50;
  if (!Number.isInteger(num) || num < 0)
    throw new ArgumentError(`${op}: expected num to be a non-negative integer, got ${String(num)}.`);
  const dtype = optionalDType(op, options.dtype);
  let [a, b] = promoteToFloat(start, stop) as [Tensor, Tensor];
  if (dtype && isFloat(dtype)) [a, b] = [convert(a, dtype), convert(b, dtype)];
  [a, b] = [strong(a), strong(b)];
  const endpoint = options.endpoint ?? true;
  const divisions = endpoint ? num - 1 : num;
  const step = divisions > 0 ? div(sub(b, a), like(b, divisions)) : like(a, Number.NaN);
  const rank = sub(b, a).ndim;
  const column = (t: Tensor): Tensor => reshape(t, [t.size, ...Array.from({ length: rank }, () => 1)]);
  // a(1 − i/n) + b·i/n is exact at both ends, as JAX computes it.
  const n = divisions > 0 ? divisions : 1;
  const weight = column(div(iota([endpoint ? Math.max(num - 1, Math.min(num, 1)) : num], a.dtype), like(a, n)));
  const inner = add(mul(a, sub(like(weight, 1), weight)), mul(b, weight));
  const shape = sub(b, a).shape;
  const samples = endpoint && num > 1 ? concatenate([inner, reshape(broadcastTo(b, shape), [1, ...shape])], 0) : inner;
  return { samples, step, dtype };
}

const spaceKeys = ['num', 'endpoint', 'retstep', 'axis', 'dtype'] as const;

function finishSpaced(op: string, samples: Tensor, dtype: DType | undefined, axis: number | undefined): Tensor {
  const moved = axis === undefined ? samples : moveAxis(samples, 0, normalizeAxis(op, axis, samples.ndim));
  return dtype === undefined ? moved : convert(isFloat(dtype) ? moved : floor(moved), dtype);
}

/**
 * `num` evenly spaced numbers from `start` to `stop`, which may be arrays.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.linspace(0, 1, 5).toArray()); // => [ 0, 0.25, 0.5, 0.75, 1 ]
 * ```
 */
export function linspace(
  start: TensorLike,
  stop: TensorLike,
  num: number | SpaceOptions | undefined,
  options: SpaceOptions & { readonly retstep: true },
): [Tensor, Tensor];
export function linspace(
  start: TensorLike,
  stop: TensorLike,
  num: SpaceOptions & { readonly retstep: true },
): [Tensor, Tensor];
export function linspace(
  start: TensorLike,
  stop: TensorLike,
  num?: number | SpaceOptions,
  options?: SpaceOptions,
): Tensor;
export function linspace(
  start: TensorLike,
  stop: TensorLike,
  num?: number | SpaceOptions,
  options?: SpaceOptions,
): Tensor | [Tensor, Tensor] {
  const o = optionsOf<SpaceOptions>('linspace', 'num', num, options, spaceKeys);
  const { samples, step, dtype } = spaced('linspace', start, stop, o);
  const out = finishSpaced('linspace', samples, dtype, o.axis);
  return o.retstep ? [out, step] : out;
}

export interface LogspaceOptions extends SpaceOptions {
  /** Base of the powers; 10. */
  readonly base?: number | undefined;
}

/** `base` to the power of evenly spaced exponents. */
export function logspace(
  start: TensorLike,
  stop: TensorLike,
  num?: number | LogspaceOptions,
  options?: LogspaceOptions,
): Tensor {
  const o = optionsOf<LogspaceOptions>('logspace', 'num', num, options, [...spaceKeys, 'base']);
  const { samples, dtype } = spaced('logspace', start, stop, o);
  return finishSpaced('logspace', pow(like(samples, o.base ?? 10), samples), dtype, o.axis);
}

/** Numbers with a constant ratio, from `start` to `stop` (both positive, or both negative). */
export function geomspace(
  start: TensorLike,
  stop: TensorLike,
  num?: number | SpaceOptions,
  options?: SpaceOptions,
): Tensor {
  const o = optionsOf<SpaceOptions>('geomspace', 'num', num, options, spaceKeys);
  const [a, b] = promoteToFloat(start, stop).map(strong) as [Tensor, Tensor];
  const { samples, dtype } = spaced('geomspace', like(a, 0), like(a, 1), { ...o, dtype: undefined });
  const rank = sub(b, a).ndim;
  const exponent = reshape(samples, [samples.size, ...Array.from({ length: rank }, () => 1)]);
  return finishSpaced(
    'geomspace',
    mul(a, pow(div(b, a), exponent)),
    optionalDType('geomspace', o.dtype) ?? dtype,
    o.axis,
  );
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

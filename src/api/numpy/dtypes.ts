/**
 * Dtype names as values: `np.float32` is both a dtype (wherever one is taken) and a function that makes such a tensor.
 * May import: `ir`, `core`, `primitives`, `api/lift`.
 * @module
 */
import { type DType, dtypeInfo, isDType, isInteger, promoteTypes as promoteLattice } from '../../ir/dtype.ts';
import { ArgumentError, DTypeError } from '../../ir/errors.ts';
import { largestOf, leastOf } from '../../ir/limits.ts';
import type { Shape } from '../../ir/shape.ts';
import { defaultFloat } from '../../core/config.ts';
import { scalarTensor, Tensor } from '../../core/tensor.ts';
import { convert } from '../../primitives/convert.ts';
import { arrayFrom, asTensor, castArray, type TensorLike } from '../lift.ts';

/** A dtype that is also a function: `np.int32(7)` is an int32 scalar. */
export interface DTypeFunction<D extends DType = DType> {
  (x?: TensorLike): Tensor<Shape, D>;
  readonly dtype: D;
  toString(): string;
}

/** What every `dtype` option takes: a name, or one of `np.float32`, `np.int32`, …. */
export type DTypeLike = DType | DTypeFunction;

/** The name of a dtype given in either form. */
export function toDType(op: string, dtype: DTypeLike): DType {
  const name: unknown = typeof dtype === 'function' ? (dtype.dtype ?? dtype.name) : dtype;
  if (isDType(name)) return name;
  const isShape = typeof name === 'number' || Array.isArray(name);
  throw new DTypeError(
    `${op}: expected a dtype, got ${isShape ? JSON.stringify(name) : String(name)}.`,
    isShape
      ? `a shape is one array, first: zeros([2, 3]); that of given data an option: array(data, { shape: [2, 3] }).`
      : `dtypes: ${Object.keys(dtypeInfo).join(', ')}.`,
    { dtype: name },
  );
}

/** The same for an option that may be absent. */
export const optionalDType = (op: string, dtype: DTypeLike | null | undefined): DType | undefined =>
  dtype === undefined || dtype === null ? undefined : toDType(op, dtype);

function dtypeFunction<D extends DType>(dtype: D): DTypeFunction<D> {
  const make = (x: TensorLike = 0): Tensor<Shape, D> => {
    if (typeof x === 'number')
      return scalarTensor(castArray([x], dtype, true)[0]!, dtype) as Tensor as Tensor<Shape, D>;
    return (x instanceof Tensor ? convert(x.current(), dtype) : arrayFrom(x, dtype, undefined, dtype)) as Tensor<
      Shape,
      D
    >;
  };
  return Object.assign(make, { dtype, toString: () => dtype });
}

/** `np.float32` as a dtype, `np.float32(x)` as a conversion; likewise the others. */
export const float16: DTypeFunction<'float16'> = dtypeFunction('float16');
export const bfloat16: DTypeFunction<'bfloat16'> = dtypeFunction('bfloat16');
export const float32: DTypeFunction<'float32'> = dtypeFunction('float32');
export const float64: DTypeFunction<'float64'> = dtypeFunction('float64');
export const int32: DTypeFunction<'int32'> = dtypeFunction('int32');
export const uint32: DTypeFunction<'uint32'> = dtypeFunction('uint32');
export const uint8: DTypeFunction<'uint8'> = dtypeFunction('uint8');
export const bool: DTypeFunction<'bool'> = dtypeFunction('bool');
/** NumPy's other name of it. */
export { bool as bool_ };

/** What is known of a floating-point dtype. */
export interface FloatInfo {
  readonly dtype: DType;
  readonly bits: number;
  /** Gap between 1 and the next larger number. */
  readonly eps: number;
  readonly max: number;
  readonly min: number;
  /** Smallest positive normal number. */
  readonly tiny: number;
  readonly smallestNormal: number;
  readonly smallestSubnormal: number;
}

// IEEE 754: eps = 2^(1−p), max = (2 − eps)·2^emax, tiny = 2^(1−emax), smallest subnormal = tiny · eps.
const floatInfo = (dtype: DType, bits: number, eps: number, max: number, tiny: number): FloatInfo => ({
  dtype,
  bits,
  eps,
  max,
  min: -max,
  tiny,
  smallestNormal: tiny,
  smallestSubnormal: tiny * eps,
});
const floatInfos: Partial<Record<DType, FloatInfo>> = {
  float16: floatInfo('float16', 16, 2 ** -10, 65504, 2 ** -14),
  bfloat16: floatInfo('bfloat16', 16, 2 ** -7, (2 - 2 ** -7) * 2 ** 127, 2 ** -126),
  float32: floatInfo('float32', 32, 2 ** -23, (2 - 2 ** -23) * 2 ** 127, 2 ** -126),
  float64: floatInfo('float64', 64, Number.EPSILON, Number.MAX_VALUE, 2 ** -1022),
};

/**
 * Limits of a floating-point dtype.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.finfo('float64').eps === Number.EPSILON); // => true
 * ```
 */
export function finfo(dtype: DTypeLike): FloatInfo {
  const name = toDType('finfo', dtype);
  const found = floatInfos[name];
  if (found !== undefined) return found;
  throw new DTypeError(`finfo: expected a float dtype, got ${name}.`, 'use iinfo for integers.');
}

export interface IntegerInfo {
  readonly dtype: DType;
  readonly bits: number;
  readonly min: number;
  readonly max: number;
}

/** Limits of an integer dtype. */
export function iinfo(dtype: DTypeLike): IntegerInfo {
  const name = toDType('iinfo', dtype);
  if (isInteger(name))
    return { dtype: name, bits: 8 * dtypeInfo[name].bytes, min: leastOf(name), max: largestOf(name) };
  throw new DTypeError(`iinfo: expected an integer dtype, got ${name}.`, 'use finfo for floats.');
}

/** The dtype two dtypes promote to. */
export function promoteTypes(a: DTypeLike, b: DTypeLike): DType {
  const strong = (d: DTypeLike): { dtype: DType; weakType: boolean } => ({
    dtype: toDType('promoteTypes', d),
    weakType: false,
  });
  return promoteLattice(strong(a), strong(b), defaultFloat()).dtype;
}

/**
 * The dtype an operation on all arguments computes in. Strings and `np.float32`-like values are dtypes, everything else is an operand;
 * numbers are weak.
 */
export function resultType(...args: (TensorLike | DTypeLike)[]): DType {
  if (args.length === 0) throw new ArgumentError('resultType: expected at least one argument, got none.');
  const types = args.map((a) => {
    if (typeof a === 'string' || typeof a === 'function') return { dtype: toDType('resultType', a), weakType: false };
    if (typeof a === 'number' && Number.isInteger(a)) return { dtype: 'int32' as const, weakType: true };
    return asTensor(a).aval;
  });
  return types.reduce((a, b) => promoteLattice(a, b, defaultFloat())).dtype;
}

const kinds: Readonly<Record<string, readonly string[]>> = {
  bool: ['bool'],
  'signed integer': ['signed'],
  'unsigned integer': ['unsigned'],
  integral: ['signed', 'unsigned'],
  'real floating': ['float'],
  numeric: ['signed', 'unsigned', 'float'],
};

/** Whether a dtype is, or is of a kind (`'integral'`, `'real floating'`, `'numeric'`, …). */
export function isdtype(dtype: DTypeLike, kind: string | DTypeLike | readonly (string | DTypeLike)[]): boolean {
  const name = toDType('isdtype', dtype);
  const list = (Array.isArray(kind) ? kind : [kind]) as readonly (string | DTypeLike)[];
  return list.some((k) =>
    typeof k === 'string' && Object.hasOwn(kinds, k) && k !== name
      ? kinds[k]!.includes(dtypeInfo[name].category)
      : toDType('isdtype', k as DTypeLike) === name,
  );
}

/**
 * Arrays of the golden format, `{ d, s, v }`: to tensors, and compared with tensors.
 * @module
 */

import { callLibrary, isTensor, SkipError } from './library.ts';
import type { TensorLike } from './library.ts';

/** An array of a case file: dtype, shape, flat row-major values. Complex values are interleaved. */
export interface GoldenArray {
  readonly d: string;
  readonly s: readonly number[];
  readonly v: readonly (number | string | boolean)[];
}

/** Dtypes of the format by the dtype they have here. 64-bit integers are 32 bits wide here; their values must fit. */
const DTYPES: Readonly<Record<string, string | undefined>> = {
  f64: 'float64',
  f32: 'float32',
  i64: 'int32',
  i32: 'int32',
  u64: 'uint32',
  u32: 'uint32',
  u8: 'uint8',
  bool: 'bool',
};
const SPECIAL: Readonly<Record<string, number>> = { nan: NaN, inf: Infinity, '-inf': -Infinity };
/** Ends of the range of the integer types, where the format's own type is wider. */
const RANGE: Readonly<Record<string, readonly [number, number]>> = {
  i64: [-2147483648, 2147483647],
  u64: [0, 4294967295],
};

/** The dtype a golden array has here. */
export function dtypeOf(d: string): string {
  const dtype = DTYPES[d];
  if (dtype === undefined)
    throw new SkipError(/^c\d/.test(d) ? 'complex is not built' : `element type ${d} is not built`);
  return dtype;
}

function numbersOf(array: GoldenArray): number[] {
  const values = array.v.map((v) => (typeof v === 'string' ? (SPECIAL[v] ?? Number(v)) : Number(v)));
  const range = RANGE[array.d];
  if (range !== undefined && values.some((v) => v < range[0] || v > range[1])) {
    throw new SkipError(`a value of type ${array.d} does not fit in 32 bits`);
  }
  return values;
}

/** @throws {SkipError} when the library has no such element type or the values do not fit. */
export function requireRepresentable(array: GoldenArray): void {
  dtypeOf(array.d);
  numbersOf(array);
}

/** @throws {SkipError} when the library has no such element type or the values do not fit. */
export function toTensor(array: GoldenArray): TensorLike {
  const dtype = dtypeOf(array.d);
  const tensor = callLibrary('array', Float64Array.from(numbersOf(array)), { dtype, shape: [...array.s] });
  return tensor as TensorLike;
}

/** How far a float may be from the expected one. */
export interface Tolerance {
  /** Relative to the expected value. */
  readonly relative: number;
  /** Smallest accepted gap, however small the expected value. */
  readonly absolute: number;
}

/** float32 results carry the rounding of two float32 programs that order their operations differently: 16 ulp. */
const FLOAT32: Tolerance = { relative: 2e-6, absolute: 2e-6 };

/** Differences that are no fault. */
export interface Allowance {
  /**
   * The result was made of integers only: JAX makes float32 of int32 and float64 of int64; here integers have one width
   * and become the default float.
   */
  readonly fromIntegers?: boolean;
  /** A finite number may stand where JAX has nan. */
  readonly finiteForNan?: boolean;
}

function near(actual: number, expected: number, { relative, absolute }: Tolerance, finiteForNan: boolean): boolean {
  if (Number.isNaN(expected)) return Number.isNaN(actual) || (finiteForNan && Number.isFinite(actual));
  if (!Number.isFinite(expected)) return actual === expected;
  return Math.abs(actual - expected) <= Math.max(absolute, relative * Math.abs(expected));
}

function valuesOf(
  actual: unknown,
): { dtype: string | undefined; shape: readonly number[]; data: ArrayLike<number> } | undefined {
  if (isTensor(actual)) return { dtype: actual.dtype, shape: actual.shape, data: actual.dataSync() };
  if (typeof actual === 'number' || typeof actual === 'boolean')
    return { dtype: undefined, shape: [], data: [Number(actual)] };
  return undefined;
}

/**
 * Says where an actual result first differs from the expected array; undefined when it does not.
 * @throws {SkipError} when the expected values cannot be represented here.
 */
export function mismatch(
  actual: unknown,
  wanted: GoldenArray,
  tolerance: Tolerance,
  { fromIntegers = false, finiteForNan = false }: Allowance = {},
): string | undefined {
  const expected =
    fromIntegers && wanted.d === 'f32' && isTensor(actual) && actual.dtype === 'float64'
      ? { ...wanted, d: 'f64' }
      : wanted;
  const found = valuesOf(actual);
  if (found === undefined) return `expected an array, got ${actual === null ? 'null' : typeof actual}`;
  if (JSON.stringify(found.shape) !== JSON.stringify(expected.s)) {
    return `expected shape [${expected.s.join(',')}], got [${found.shape.join(',')}]`;
  }
  // The cotangent type of integers in JAX; it holds no values.
  if (expected.d === 'float0') return undefined;
  const dtype = dtypeOf(expected.d);
  if (found.dtype !== undefined && found.dtype !== dtype) return `expected dtype ${dtype}, got ${found.dtype}`;
  const exact: Tolerance = { relative: 0, absolute: 0 };
  const bound = wanted.d === 'f32' ? FLOAT32 : dtype === 'float64' ? tolerance : exact;
  for (const [i, value] of numbersOf(expected).entries()) {
    const got = Number(found.data[i]);
    if (!near(got, value, bound, finiteForNan))
      return `element ${i}: expected ${value}, got ${got}${gapText(got, value)}`;
  }
  return undefined;
}

function gapText(actual: number, expected: number): string {
  const gap = Math.abs(actual - expected);
  return Number.isFinite(gap) ? ` (gap ${gap.toExponential(1)})` : '';
}

/**
 * Typed arrays of every width as those that have a dtype here.
 * May import: `util`, `ir`.
 * @module
 */
import { dtypeOfTypedArray, type TypedArray } from '../ir/dtype.ts';
import { DTypeError, FileError } from '../ir/errors.ts';
import { narrowInt64 } from '../util/int64.ts';

/** Typed arrays of every width. */
export type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** The array itself where its type exists here; narrower integers widened, 64-bit ones checked. */
export function elementsOf(op: string, values: NumericArray, where = ''): TypedArray {
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    const out = narrowInt64(values);
    if (typeof out !== 'number') return out;
    throw new FileError(`${op}: expected integers of 32 bits, got ${values[out]} at position ${out}${where}.`);
  }
  if (values instanceof Int8Array || values instanceof Int16Array) return Int32Array.from(values);
  if (values instanceof Uint16Array) return Uint32Array.from(values);
  if (values instanceof Uint8ClampedArray) return Uint8Array.from(values);
  if (dtypeOfTypedArray(values) !== undefined) return values as TypedArray;
  throw new DTypeError(
    `${op}: expected a typed array of numbers, got ${(values as object).constructor.name}${where}.`,
    'make a Float32Array, Int32Array or the like of its buffer.',
  );
}

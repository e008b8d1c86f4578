/**
 * Element types of safetensors files, and what becomes of them here. Elements are little-endian and packed.
 * May import: `util`, `ir`.
 * @module
 */
import { type DType, dtypeInfo, fromRaw, isHalf, type TypedArray } from '../../ir/dtype.ts';
import { FileError } from '../../ir/errors.ts';
import { halfValue } from '../../ir/half.ts';
import { narrowInt64 } from '../../util/int64.ts';

/** An element type of a file. */
export interface FileDType {
  readonly bytes: number;
  /** What it is here without loss, or checked. */
  readonly dtype: DType;
  /** Elements on the host; `buffer` is the tensor's own, so it may become the result. */
  readonly decode: (buffer: ArrayBuffer, name: string) => TypedArray;
}

const same = (dtype: DType): FileDType => ({
  bytes: dtypeInfo[dtype].bytes,
  dtype,
  decode: (buffer) => {
    const { view, bytes } = dtypeInfo[dtype];
    return fromRaw(view(buffer, 0, buffer.byteLength / bytes), dtype);
  },
});

/** Bytes other than 0 and 1 would be booleans that equal neither. */
const boolean: FileDType = {
  bytes: 1,
  dtype: 'bool',
  decode: (buffer, name) => {
    const values = new Uint8Array(buffer);
    const bad = values.find((v) => v > 1);
    if (bad === undefined) return values;
    throw new FileError(`safetensors: expected booleans of 0 and 1 in '${name}', got ${bad}.`);
  },
};

/** 64-bit integers, each of which must fit 32 bits. */
const narrowed = (isSigned: boolean): FileDType => ({
  bytes: 8,
  dtype: isSigned ? 'int32' : 'uint32',
  decode: (buffer, name) => {
    const from = isSigned ? new BigInt64Array(buffer) : new BigUint64Array(buffer);
    const out = narrowInt64(from);
    if (typeof out !== 'number') return out;
    throw new FileError(
      `safetensors: expected integers of 32 bits in '${name}', got ${from[out]} at position ${out}.`,
      'there are no 64-bit integers here; load the other tensors by name (openSafetensors), or write this one as F64.',
      { name, position: out },
    );
  },
});

type Narrow = Int8Array | Int16Array | Uint16Array;

const widened = (bytes: number, dtype: 'int32' | 'uint32', view: (buffer: ArrayBuffer) => Narrow): FileDType => ({
  bytes,
  dtype,
  decode: (buffer) => (dtype === 'int32' ? Int32Array.from(view(buffer)) : Uint32Array.from(view(buffer))),
});

/** 8-bit floats with 4 bits of exponent: no infinities, and the largest pattern is NaN (the "FN" format of arXiv 2209.05433). */
function value4e3m(byte: number): number {
  const [exponent, fraction] = [(byte >>> 3) & 15, byte & 7];
  const size = (byte & 127) === 127 ? NaN : exponent === 0 ? fraction * 2 ** -9 : (8 + fraction) * 2 ** (exponent - 10);
  return byte < 128 ? size : -size;
}

const float8 = (value: (byte: number) => number): FileDType => ({
  bytes: 1,
  dtype: 'float32',
  decode: (buffer) => Float32Array.from(new Uint8Array(buffer), value),
});

/** By their names in headers. */
export const fileDTypes: Readonly<Record<string, FileDType>> = {
  F64: same('float64'),
  F32: same('float32'),
  F16: same('float16'),
  BF16: same('bfloat16'),
  F8_E4M3: float8(value4e3m),
  // With 5 bits of exponent: the upper byte of a float16.
  F8_E5M2: float8((byte) => halfValue(byte << 8, 'float16')),
  I64: narrowed(true),
  U64: narrowed(false),
  I32: same('int32'),
  U32: same('uint32'),
  I16: widened(2, 'int32', (b) => new Int16Array(b)),
  U16: widened(2, 'uint32', (b) => new Uint16Array(b)),
  I8: widened(1, 'int32', (b) => new Int8Array(b)),
  U8: same('uint8'),
  BOOL: boolean,
};

/** The name in a header for each dtype here. */
export const fileDTypeOf: { readonly [D in DType]: string } = {
  bool: 'BOOL',
  uint8: 'U8',
  int32: 'I32',
  uint32: 'U32',
  float16: 'F16',
  bfloat16: 'BF16',
  float32: 'F32',
  float64: 'F64',
};

/** What loading makes of a file's dtype when nothing is asked for: 16-bit floats compute as float32. */
export const loadedDType = (stored: DType): DType => (isHalf(stored) ? 'float32' : stored);

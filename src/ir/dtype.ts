/**
 * Element types, their storage, and the promotion rules (those of JAX, restricted to the types that exist here).
 * May import: nothing but `ir/errors`, `ir/half`.
 * @module
 */
import { MemoryError } from './errors.ts';
import { decodeHalf, encodeHalf, type HalfDType, roundHalf } from './half.ts';

/** Name of an element type. Complex types join this union when their rules exist. */
export type DType = 'bool' | 'uint8' | 'int32' | 'uint32' | HalfDType | 'float32' | 'float64';

/** Elements on the host; booleans are bytes holding 0 or 1, 16-bit floats are their values as float32. */
export type TypedArray =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

/** Elements as they lie in a device's memory: of 16-bit floats, the bits. */
export type RawArray = TypedArray | Uint16Array<ArrayBuffer>;

type Category = 'bool' | 'unsigned' | 'signed' | 'float';

export interface DTypeInfo {
  readonly name: DType;
  /** Spelling in avals: `f32[2,3]`. */
  readonly short: string;
  /** Bytes per element. */
  readonly bytes: number;
  readonly category: Category;
  readonly make: (length: number) => TypedArray;
  readonly view: (buffer: ArrayBuffer, byteOffset: number, length: number) => RawArray;
}

export const dtypeInfo: { readonly [D in DType]: DTypeInfo } = {
  bool: {
    name: 'bool',
    short: 'bool',
    bytes: 1,
    category: 'bool',
    make: (n) => new Uint8Array(n),
    view: (b, o, n) => new Uint8Array(b, o, n),
  },
  uint8: {
    name: 'uint8',
    short: 'u8',
    bytes: 1,
    category: 'unsigned',
    make: (n) => new Uint8Array(n),
    view: (b, o, n) => new Uint8Array(b, o, n),
  },
  int32: {
    name: 'int32',
    short: 'i32',
    bytes: 4,
    category: 'signed',
    make: (n) => new Int32Array(n),
    view: (b, o, n) => new Int32Array(b, o, n),
  },
  uint32: {
    name: 'uint32',
    short: 'u32',
    bytes: 4,
    category: 'unsigned',
    make: (n) => new Uint32Array(n),
    view: (b, o, n) => new Uint32Array(b, o, n),
  },
  float16: {
    name: 'float16',
    short: 'f16',
    bytes: 2,
    category: 'float',
    make: (n) => new Float32Array(n),
    view: (b, o, n) => new Uint16Array(b, o, n),
  },
  bfloat16: {
    name: 'bfloat16',
    short: 'bf16',
    bytes: 2,
    category: 'float',
    make: (n) => new Float32Array(n),
    view: (b, o, n) => new Uint16Array(b, o, n),
  },
  float32: {
    name: 'float32',
    short: 'f32',
    bytes: 4,
    category: 'float',
    make: (n) => new Float32Array(n),
    view: (b, o, n) => new Float32Array(b, o, n),
  },
  float64: {
    name: 'float64',
    short: 'f64',
    bytes: 8,
    category: 'float',
    make: (n) => new Float64Array(n),
    view: (b, o, n) => new Float64Array(b, o, n),
  },
};

export const allDTypes: readonly DType[] = [
  'bool',
  'uint8',
  'int32',
  'uint32',
  'float16',
  'bfloat16',
  'float32',
  'float64',
];

export const isDType = (x: unknown): x is DType => typeof x === 'string' && Object.hasOwn(dtypeInfo, x);
export const isHalf = (d: DType): d is HalfDType => d === 'float16' || d === 'bfloat16';
export const isFloat = (d: DType): boolean => d === 'float32' || d === 'float64' || isHalf(d);
export const isInteger = (d: DType): boolean => d === 'int32' || d === 'uint32' || d === 'uint8';

/**
 * Host storage of `length` zero elements.
 * @throws MemoryError if the engine cannot make one so long
 */
export function makeTypedArray(dtype: DType, length: number): TypedArray {
  const { make, bytes, short } = dtypeInfo[dtype];
  try {
    return make(length);
  } catch {
    throw new MemoryError(
      `array: expected a size that fits in memory, got ${short}[${length}] (${(length * bytes).toExponential(2)} bytes).`,
      'check the shape, or work in parts.',
      { length, dtype },
    );
  }
}

/** Elements on the host, from those in a device's memory: the same array, but for 16-bit floats. */
export const fromRaw = (raw: RawArray, dtype: DType): TypedArray =>
  isHalf(dtype) ? decodeHalf(raw, dtype) : (raw as TypedArray);

/** Elements as they lie in memory, from those on the host: the same array, but for 16-bit floats. */
export const toRaw = (values: TypedArray, dtype: DType): RawArray =>
  isHalf(dtype) ? encodeHalf(values, dtype) : values;

/** Zeros for results that have yet to be rounded to the dtype: a float32 would round those of 16-bit floats once too often. */
export const makeUnrounded = (dtype: DType, length: number): TypedArray =>
  makeTypedArray(isHalf(dtype) ? 'float64' : dtype, length);

/** Elements of the dtype on the host, from an array that an assignment did not round: the same array, but for 16-bit floats. */
export function rounded(values: TypedArray, dtype: DType): TypedArray {
  if (!isHalf(dtype)) return values;
  const out = values instanceof Float32Array ? values : new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = roundHalf(values[i]!, dtype);
  return out;
}

/** `Float16Array` where the engine has it: its values are what 16-bit floats are on the host. */
const isFloat16Array = (a: ArrayBufferView): boolean => a.constructor.name === 'Float16Array';

/** The dtype a typed array naturally holds (64-bit and 16-bit integers are not element types here). */
export function dtypeOfTypedArray(a: ArrayBufferView): DType | undefined {
  if (isFloat16Array(a)) return 'float16';
  if (a instanceof Float32Array) return 'float32';
  if (a instanceof Float64Array) return 'float64';
  if (a instanceof Int32Array) return 'int32';
  if (a instanceof Uint32Array) return 'uint32';
  if (a instanceof Uint8Array || a instanceof Uint8ClampedArray) return 'uint8';
  return undefined;
}

/**
 * The value of `x` once stored as `dtype`: rounded for floats, wrapped modulo 2^n for integers (from integers), truncated
 * toward zero (from floats), 0 or 1 for bool.
 */
export function castScalar(x: number, dtype: DType): number {
  switch (dtype) {
    case 'float64':
      return x;
    case 'float32':
      return Math.fround(x);
    case 'float16':
    case 'bfloat16':
      return roundHalf(x, dtype);
    case 'bool':
      return x !== 0 ? 1 : 0;
    case 'int32':
      return x | 0;
    case 'uint32':
      return x >>> 0;
    case 'uint8':
      return x & 255;
  }
}

/**
 * How the float → integer conversion of every backend behaves: truncation toward zero, saturation at the ends of the range, 0 for
 * NaN. That is what XLA does on the CPU, and what WebAssembly's `trunc_sat` does.
 */
export function saturate(x: number, dtype: DType): number {
  if (Number.isNaN(x)) return 0;
  const t = Math.trunc(x);
  if (dtype === 'int32') return Math.max(-2147483648, Math.min(2147483647, t)) | 0;
  if (dtype === 'uint32') return Math.max(0, Math.min(4294967295, t)) >>> 0;
  return Math.max(0, Math.min(255, t));
}

const order: readonly DType[] = ['bool', 'uint8', 'uint32', 'int32', 'bfloat16', 'float16', 'float32', 'float64'];
const rank = (d: DType): number => order.indexOf(d);

/**
 * Smallest dtype both convert to under JAX's lattice. Where JAX's answer is a 64-bit integer (int32 with uint32), the answer here is
 * int32, as JAX's own is without x64. float16 and bfloat16 meet in float32: neither holds the other.
 */
export function promoteDTypes(a: DType, b: DType): DType {
  if (a !== b && isHalf(a) && isHalf(b)) return 'float32';
  return rank(a) >= rank(b) ? a : b;
}

/** A type with its weakness: a JavaScript number is weak and takes the dtype of what it meets. */
export interface LatticeType {
  readonly dtype: DType;
  readonly weakType: boolean;
}

const categoryRank = { bool: 0, unsigned: 1, signed: 1, float: 2 } as const;

/** Promotion with weak types: a weak operand matters only if its category is higher than the strong one's. */
export function promoteTypes(a: LatticeType, b: LatticeType, defaultFloat: DType): LatticeType {
  if (a.weakType === b.weakType) return { dtype: promoteDTypes(a.dtype, b.dtype), weakType: a.weakType };
  const [weak, strong] = a.weakType ? [a, b] : [b, a];
  const isHigher = categoryRank[dtypeInfo[weak.dtype].category] > categoryRank[dtypeInfo[strong.dtype].category];
  if (!isHigher) return { dtype: strong.dtype, weakType: false };
  return isFloat(weak.dtype) ? { dtype: defaultFloat, weakType: false } : { dtype: weak.dtype, weakType: false };
}

/**
 * Element types, their storage, and the promotion rules (those of JAX, restricted to the types that exist here).
 * May import: nothing but `ir/errors`.
 * @module
 */
import { MemoryError } from './errors.ts';

/** Name of an element type. Complex and 16-bit storage types join this union when their rules exist. */
export type DType = 'bool' | 'uint8' | 'int32' | 'uint32' | 'float32' | 'float64';

/** Host storage of elements; booleans are bytes holding 0 or 1. */
export type TypedArray =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

type Category = 'bool' | 'unsigned' | 'signed' | 'float';

export interface DTypeInfo {
  readonly name: DType;
  /** Spelling in avals: `f32[2,3]`. */
  readonly short: string;
  /** Bytes per element. */
  readonly bytes: number;
  readonly category: Category;
  readonly make: (length: number) => TypedArray;
  readonly view: (buffer: ArrayBuffer, byteOffset: number, length: number) => TypedArray;
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

export const allDTypes: readonly DType[] = ['bool', 'uint8', 'int32', 'uint32', 'float32', 'float64'];

export const isDType = (x: unknown): x is DType => typeof x === 'string' && Object.hasOwn(dtypeInfo, x);
export const isFloat = (d: DType): boolean => d === 'float32' || d === 'float64';
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

/** The dtype a typed array naturally holds (64-bit integers and 16-bit types are not element types here). */
export function dtypeOfTypedArray(a: ArrayBufferView): DType | undefined {
  if (a instanceof Float32Array) return 'float32';
  if (a instanceof Float64Array) return 'float64';
  if (a instanceof Int32Array) return 'int32';
  if (a instanceof Uint32Array) return 'uint32';
  if (a instanceof Uint8Array || a instanceof Uint8ClampedArray) return 'uint8';
  return undefined;
}

/**
 * The value of `x` once stored as `dtype`: rounded for float32, wrapped modulo 2^n for integers (from integers), truncated
 * toward zero (from floats), 0 or 1 for bool.
 */
export function castScalar(x: number, dtype: DType): number {
  switch (dtype) {
    case 'float64':
      return x;
    case 'float32':
      return Math.fround(x);
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

const order: readonly DType[] = ['bool', 'uint8', 'uint32', 'int32', 'float32', 'float64'];
const rank = (d: DType): number => order.indexOf(d);

/**
 * Smallest dtype both convert to under JAX's lattice. Where JAX's answer is a 64-bit integer (int32 with uint32), the answer here is
 * int32, as JAX's own is without x64.
 */
export function promoteDTypes(a: DType, b: DType): DType {
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

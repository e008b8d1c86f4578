/**
 * One column of an Arrow table as elements on the host.
 * May import: `util`, `ir`, `api/typed-arrays`.
 * @module
 */
import { type DType, dtypeOfTypedArray, makeTypedArray, type TypedArray } from '../ir/dtype.ts';
import { FileError } from '../ir/errors.ts';
import { decodeHalf } from '../ir/half.ts';
import { elementsOf, type NumericArray } from '../api/typed-arrays.ts';

/** What is read of a chunk (`Data`) of apache-arrow. Values begin at the first element; bits at `offset`. */
export interface ArrowData {
  readonly length: number;
  readonly offset: number;
  readonly nullCount: number;
  readonly values: unknown;
  readonly valueOffsets?: unknown;
  readonly children: readonly ArrowData[];
  readonly type: ArrowType;
  getValid(index: number): boolean;
}

export interface ArrowType {
  readonly typeId: number;
  toString(): string;
}

/** What is read of a `Vector`. */
export interface ArrowVector {
  readonly type: ArrowType;
  readonly data: readonly ArrowData[];
  readonly length: number;
  readonly nullCount: number;
  get(index: number): unknown;
}

/** What becomes of nulls. */
export type Nulls = 'error' | 'nan';

export interface Column {
  readonly data: TypedArray;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly categories?: readonly string[];
}

/** Type numbers of the format's metadata. */
const types = {
  int: 2,
  float: 3,
  text: 5,
  bool: 6,
  date: 8,
  timestamp: 10,
  list: 12,
  fixedSizeList: 16,
  largeText: 20,
  textView: 24,
  dictionary: -1,
} as const;

const isText = (id: number): boolean => id === types.text || id === types.largeText || id === types.textView;

function refuse(rule: string, got: string, name: string, fix: string): never {
  throw new FileError(`fromArrow: expected ${rule}, got ${got} in column ${JSON.stringify(name)}.`, fix, { name });
}

const leaveOut = 'leave the column out with { columns: […] }, or convert it first.';

/** Bits as bytes. */
function bitsOf({ values, offset, length }: ArrowData): TypedArray {
  const bits = values as Uint8Array;
  const out = makeTypedArray('bool', length);
  for (let i = 0; i < length; i++) out[i] = (bits[(offset + i) >> 3]! >> ((offset + i) & 7)) & 1;
  return out;
}

/** The numbers of one chunk; nulls are whatever lies there. */
function chunkOf(chunk: ArrowData, name: string): TypedArray {
  const { typeId } = chunk.type;
  if (typeId === types.bool) return bitsOf(chunk);
  if (typeId !== types.int && typeId !== types.float) {
    refuse('numbers, booleans, dates, texts or lists of equal length', chunk.type.toString(), name, leaveOut);
  }
  const values = (chunk.values as NumericArray).subarray(0, chunk.length);
  if (typeId === types.float && values instanceof Uint16Array) return decodeHalf(values, 'float16');
  return elementsOf('fromArrow', values, ` in column ${JSON.stringify(name)}`);
}

function joined(parts: readonly TypedArray[], empty: () => TypedArray): TypedArray {
  if (parts.length <= 1) return parts[0] ?? empty();
  const length = parts.reduce((n, part) => n + part.length, 0);
  const out = new (parts[0]!.constructor as new (length: number) => TypedArray)(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** NaN for nulls; integers and booleans become float64, in which 32 bits are exact. */
function withNaN(data: TypedArray, chunks: readonly ArrowData[]): TypedArray {
  const out = data instanceof Float32Array || data instanceof Float64Array ? data.slice() : Float64Array.from(data);
  let at = 0;
  for (const chunk of chunks) {
    for (let i = 0; i < chunk.length; i++, at++) if (!chunk.getValid(i)) out[at] = NaN;
  }
  return out;
}

/** Bytes are booleans where the type says so. */
const dtypeOf = (data: TypedArray, isBool: boolean): DType => (isBool ? 'bool' : dtypeOfTypedArray(data)!);

/** Rows of one length, as a matrix. */
function listColumn(vector: ArrowVector, name: string): Column {
  const rows: TypedArray[] = [];
  const isBool = vector.data[0]?.children[0]?.type.typeId === types.bool;
  let length: number | undefined;
  for (const chunk of vector.data) {
    const [child] = chunk.children;
    if (!child || child.nullCount > 0 || chunk.nullCount > 0) refuse('lists without nulls', 'nulls', name, leaveOut);
    const whole = chunkOf(child, name);
    const offsets = chunk.valueOffsets as ArrayLike<number> | undefined;
    for (let i = 0; i < chunk.length; i++) {
      const stride = whole.length / chunk.length;
      const [from, to] = offsets ? [Number(offsets[i]), Number(offsets[i + 1])] : [i * stride, (i + 1) * stride];
      length ??= to - from;
      if (to - from !== length) refuse('lists of equal length', `${length} and ${to - from} entries`, name, leaveOut);
      rows.push(whole.subarray(from, to) as TypedArray);
    }
  }
  const data = joined(rows, () => new Float32Array(0));
  return { data, dtype: dtypeOf(data, isBool), shape: [vector.length, length ?? 0] };
}

/** Codes of texts, in the order in which they first appear; those of a dictionary in its order. */
function textColumn(vector: ArrowVector, name: string, dictionary: ArrowVector | undefined): Column {
  const codes = new Map<string, number>();
  const codeOf = (text: unknown): number => {
    if (typeof text !== 'string') return refuse('texts', String(text), name, leaveOut);
    const code = codes.get(text) ?? codes.size;
    codes.set(text, code);
    return code;
  };
  for (let i = 0; i < (dictionary?.length ?? 0); i++) codeOf(dictionary!.get(i));
  const data = Int32Array.from({ length: vector.length }, (_, i) => {
    const text = vector.get(i);
    return text === null ? -1 : codeOf(text);
  });
  return { data, dtype: 'int32', shape: [vector.length], categories: [...codes.keys()] };
}

/** Milliseconds since 1970. */
function dateColumn(vector: ArrowVector): Column {
  const data = Float64Array.from({ length: vector.length }, (_, i) => {
    const value = vector.get(i);
    return value === null ? NaN : Number(value);
  });
  return { data, dtype: 'float64', shape: [vector.length] };
}

/** The elements of a column. */
export function columnOf(vector: ArrowVector, name: string, nulls: Nulls): Column {
  const { typeId } = vector.type;
  if (vector.nullCount > 0 && nulls === 'error') {
    refuse('no nulls', `${vector.nullCount}`, name, "say what becomes of them: { nulls: 'nan' }.");
  }
  if (typeId === types.dictionary || isText(typeId)) {
    const [first] = vector.data as readonly (ArrowData & { readonly dictionary?: ArrowVector })[];
    return textColumn(vector, name, typeId === types.dictionary ? first?.dictionary : undefined);
  }
  if (typeId === types.date || typeId === types.timestamp) return dateColumn(vector);
  if (typeId === types.list || typeId === types.fixedSizeList) return listColumn(vector, name);
  const parts = vector.data.map((chunk) => chunkOf(chunk, name));
  const hasNulls = vector.nullCount > 0;
  const whole = joined(parts, () => new Float32Array(0));
  const data = hasNulls ? withNaN(whole, vector.data) : whole;
  return { data, dtype: dtypeOf(data, typeId === types.bool && !hasNulls), shape: [vector.length] };
}

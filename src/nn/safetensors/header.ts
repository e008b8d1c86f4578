/**
 * Headers of safetensors files: eight bytes of length (little-endian), then that many bytes of JSON, then the elements of the tensors at
 * the offsets that the JSON says. A header is believed only when every range fits its shape, the tensors' and the file's.
 * May import: `ir`.
 * @see https://github.com/huggingface/safetensors (Format)
 * @module
 */
import { FileError } from '../../ir/errors.ts';
import { sizeOf } from '../../ir/shape.ts';
import { type FileDType, fileDTypes } from './dtypes.ts';

/** A tensor in a file. */
export interface TensorEntry {
  readonly name: string;
  /** As the file spells it: `F32`, `BF16`, `I64`, … */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Where its bytes are, counted from the end of the header. */
  readonly start: number;
  readonly end: number;
}

export interface Header {
  /** In the order of their bytes. */
  readonly entries: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** No file has a header that long; what claims to is not one (the limit is that of the format's own reader). */
const longestHeader = 100_000_000;

const malformed = (rule: string, got: string): FileError =>
  new FileError(`safetensors: expected ${rule}, got ${got}.`, 'check that this is a complete safetensors file.');

/**
 * Bytes of JSON, from the first eight bytes of a file.
 * @param fileSize bytes of the whole file, where that is known
 */
export function headerLength(prefix: Uint8Array, fileSize: number = Infinity): number {
  if (prefix.length < 8) throw malformed('at least 8 bytes', `${prefix.length}`);
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true));
  if (length < 2 || length > longestHeader) {
    throw malformed(`a header of 2 to ${longestHeader} bytes`, `a length of ${length}`);
  }
  if (8 + length > fileSize) throw malformed(`a header of ${length} bytes`, `a file of ${fileSize} bytes`);
  return length;
}

const isRecord = (x: unknown): x is Record<string, unknown> => typeof x === 'object' && x !== null && !Array.isArray(x);

function parse(bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    json = JSON.parse(text);
  } catch (error) {
    throw malformed('a header of JSON in UTF-8', (error as Error).message);
  }
  if (!isRecord(json)) throw malformed('a JSON object as header', text.slice(0, 20));
  const twice = repeatedKey(text);
  if (twice !== undefined) throw malformed('every name once in the header', `'${twice}' twice`);
  return json;
}

/** A key that the outermost object of valid JSON has twice: parsers keep the last without a word. */
function repeatedKey(text: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  let isKey = false;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],]/g)) {
    if (token === '{' || token === '[') isKey = ++depth === 1;
    else if (token === '}' || token === ']') depth--;
    else if (token === ',') isKey = depth === 1;
    else if (isKey) {
      const key = JSON.parse(token) as string;
      if (seen.has(key)) return key;
      seen.add(key);
      isKey = false;
    }
  }
  return undefined;
}

function metadataOf(json: unknown): Record<string, string> {
  if (json === undefined) return {};
  if (!isRecord(json) || !Object.values(json).every((v) => typeof v === 'string')) {
    throw malformed('metadata of texts', JSON.stringify(json).slice(0, 60));
  }
  return json as Record<string, string>;
}

const isSize = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0;

const isSizes = (x: unknown): x is number[] => Array.isArray(x) && x.every(isSize);

/** The element type, which must be known. */
export function fileDType(entry: TensorEntry): FileDType {
  const found = Object.hasOwn(fileDTypes, entry.dtype) ? fileDTypes[entry.dtype] : undefined;
  if (found) return found;
  throw new FileError(
    `safetensors: expected an element type of ${Object.keys(fileDTypes).join(', ')}, got ${entry.dtype} in '${entry.name}'.`,
    'load the other tensors by name (openSafetensors), or convert the file.',
    { name: entry.name, dtype: entry.dtype },
  );
}

function entryOf(name: string, json: unknown): TensorEntry {
  const { dtype, shape, data_offsets: offsets } = isRecord(json) ? json : {};
  const isWell = typeof dtype === 'string' && isSizes(shape) && isSizes(offsets) && offsets.length === 2;
  if (!isWell) throw malformed(`dtype, shape and data_offsets of '${name}'`, JSON.stringify(json).slice(0, 80));
  const entry: TensorEntry = { name, dtype, shape, start: offsets[0]!, end: offsets[1]! };
  // A type that is not known here is an error only when the tensor is loaded.
  const bytes = Object.hasOwn(fileDTypes, dtype) ? fileDTypes[dtype]!.bytes * sizeOf(shape) : entry.end - entry.start;
  if (bytes !== entry.end - entry.start || bytes < 0) {
    throw malformed(`${bytes} bytes for ${dtype}[${shape.join(',')}] of '${name}'`, `the range ${offsets.join('…')}`);
  }
  return entry;
}

/** The tensors must lie one behind another, without gap or overlap, and fill the file. */
function checkRanges(entries: readonly TensorEntry[], dataSize: number): void {
  let at = 0;
  for (const { name, start, end } of entries) {
    if (start !== at) {
      throw malformed(`'${name}' to begin at ${at}, where the tensor before it ends`, `the range ${start}…${end}`);
    }
    at = end;
  }
  if (dataSize !== at && dataSize !== Infinity) throw malformed(`${at} bytes behind the header`, `${dataSize}`);
}

/**
 * Reads and checks a header.
 * @param dataSize bytes behind the header, where that is known
 */
export function parseHeader(bytes: Uint8Array, dataSize: number = Infinity): Header {
  const { __metadata__: metadata, ...tensors } = parse(bytes);
  const entries = Object.entries(tensors)
    .map(([name, json]) => entryOf(name, json))
    .toSorted((a, b) => a.start - b.start || a.end - b.end);
  checkRanges(entries, dataSize);
  return { entries, metadata: metadataOf(metadata) };
}

/** The bytes in front of the elements: length and JSON, filled up with spaces to a multiple of eight. */
export function writeHeader({ entries, metadata }: Header): Uint8Array<ArrayBuffer> {
  const tensors = entries.map(({ name, dtype, shape, start, end }) => {
    return [name, { dtype, shape, data_offsets: [start, end] }] as const;
  });
  const head = Object.keys(metadata).length > 0 ? [['__metadata__', metadata] as const] : [];
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries<unknown>([...head, ...tensors])));
  const length = Math.ceil(json.length / 8) * 8;
  const out = new Uint8Array(8 + length).fill(0x20);
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true);
  out.set(json, 8);
  return out;
}

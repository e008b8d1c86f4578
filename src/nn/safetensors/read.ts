/**
 * Reading safetensors: whole files, streams, or single tensors of a file that stays where it is.
 * May import: `ir`, `core`, `api`.
 * @module
 */
import { deviceTensor, type Tensor } from '../../core/tensor.ts';
import { Aval } from '../../ir/aval.ts';
import { type DType, isDType, isFloat } from '../../ir/dtype.ts';
import { ArgumentError } from '../../ir/errors.ts';
import { convert } from '../../primitives/convert.ts';
import { checkNames } from '../checks.ts';
import { loadedDType } from './dtypes.ts';
import { fileDType, type Header, headerLength, parseHeader, type TensorEntry } from './header.ts';
import {
  type ByteStream,
  type CheckedSource,
  checkedSource,
  type FileSource,
  isByteStream,
  StreamReader,
} from './source.ts';

export interface ReadOptions {
  /**
   * Of floats: one dtype for all of them, or `'stored'` for what the file has. By default 16-bit floats become float32 and others stay.
   * Integers become int32 or uint32 (those of 64 bits must fit), booleans bool.
   */
  readonly dtype?: DType | 'stored';
}

export function checkReadOptions(op: string, options: ReadOptions, more: readonly string[] = []): void {
  checkNames(op, options, ['dtype', ...more]);
  const { dtype } = options;
  if (dtype === undefined || dtype === 'stored' || (isDType(dtype) && isFloat(dtype))) return;
  throw new ArgumentError(`${op}: expected dtype to be 'stored' or one of floats, got ${String(dtype)}.`);
}

function decode(entry: TensorEntry, bytes: Uint8Array<ArrayBuffer>, { dtype }: ReadOptions): Tensor {
  const type = fileDType(entry);
  const value = deviceTensor(type.decode(bytes.buffer, entry.name), new Aval([...entry.shape], type.dtype));
  if (!isFloat(type.dtype) || dtype === 'stored') return value;
  return convert(value, dtype ?? loadedDType(type.dtype));
}

/** A file whose tensors are read when they are asked for. */
export class SafetensorsFile {
  /** What the file holds, in the order of its bytes. */
  readonly entries: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
  private readonly source: CheckedSource;
  private readonly dataStart: number;

  constructor(header: Header, source: CheckedSource, dataStart: number) {
    this.entries = header.entries;
    this.metadata = header.metadata;
    this.source = source;
    this.dataStart = dataStart;
  }

  get names(): readonly string[] {
    return this.entries.map(({ name }) => name);
  }

  /**
   * One tensor; only its bytes are read.
   * @throws ArgumentError for a name that the file does not have
   * @throws FileError for elements that have no counterpart
   */
  async tensor(name: string, options: ReadOptions = {}): Promise<Tensor> {
    checkReadOptions('SafetensorsFile.tensor', options);
    const entry = this.entries.find((e) => e.name === name);
    if (!entry) {
      throw new ArgumentError(
        `SafetensorsFile.tensor: expected a name of the file, got ${JSON.stringify(name)}.`,
        `it has ${this.names.slice(0, 8).join(', ')}${this.entries.length > 8 ? ', …' : ''}.`,
        { name, names: this.names },
      );
    }
    return this.readEntry(entry, options);
  }

  /** Several tensors by name, all if none are named; read one after another. */
  async tensors(names: readonly string[] = this.names, options: ReadOptions = {}): Promise<Record<string, Tensor>> {
    const out: [string, Tensor][] = [];
    for (const name of names) out.push([name, await this.tensor(name, options)]);
    return Object.fromEntries(out);
  }

  private async readEntry(entry: TensorEntry, options: ReadOptions): Promise<Tensor> {
    fileDType(entry);
    const { start, end } = entry;
    return decode(entry, await this.source.read(this.dataStart + start, end - start), options);
  }
}

/**
 * Opens a safetensors file: reads and checks its header, and nothing else.
 *
 * @param source bytes in memory, a Blob (a file that the user chose), or `{ size, read(offset, length) }`
 * @throws FileError if the header is malformed, or does not fit the size of the file
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import { openSafetensors, saveSafetensors } from 'cotangent/nn';
 * const bytes = await saveSafetensors({ a: np.ones([2]), b: np.zeros([1000]) });
 * const reads: number[] = [];
 * const source = {
 *   size: bytes.length,
 *   read: (offset: number, length: number) => {
 *     reads.push(length);
 *     return bytes.subarray(offset, offset + length);
 *   },
 * };
 * const file = await openSafetensors(source);
 * console.log(file.names, String(await file.tensor('a'))); // => [ 'a', 'b' ] [1, 1]
 * console.log(reads.at(-1)); // => 8
 * ```
 */
export async function openSafetensors(source: FileSource): Promise<SafetensorsFile> {
  const checked = checkedSource('openSafetensors', source);
  const prefix = await checked.read(0, Math.min(8, checked.size));
  const length = headerLength(prefix, checked.size);
  const header = parseHeader(await checked.read(8, length), checked.size - 8 - length);
  return new SafetensorsFile(header, checked, 8 + length);
}

/**
 * All tensors of a safetensors file by name. A stream is read in order: no more than one tensor is held as bytes.
 *
 * @param source as for `openSafetensors`, or a stream of chunks (`response.body`)
 * @throws FileError if the file is malformed or truncated, or holds integers that do not fit
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import { loadSafetensors, saveSafetensors } from 'cotangent/nn';
 * const bytes = await saveSafetensors({ w: np.array([0.5, 0.1]) }, { dtype: 'bfloat16' });
 * const { w } = await loadSafetensors(bytes);
 * console.log(w!.dtype, String(w)); // => float32 [0.5, 0.1000977]
 * ```
 */
export async function loadSafetensors(
  source: FileSource | ByteStream,
  options: ReadOptions = {},
): Promise<Record<string, Tensor>> {
  checkReadOptions('loadSafetensors', options);
  if (!isByteStream(source)) return (await openSafetensors(source)).tensors(undefined, options);
  const reader = new StreamReader(source);
  try {
    const { entries } = parseHeader(await reader.take(headerLength(await reader.take(8, 'length')), 'header'));
    const out: [string, Tensor][] = [];
    for (const entry of entries) {
      fileDType(entry);
      out.push([entry.name, decode(entry, await reader.take(entry.end - entry.start, `'${entry.name}'`), options)]);
    }
    await reader.end();
    return Object.fromEntries(out);
  } finally {
    await reader.cancel();
  }
}

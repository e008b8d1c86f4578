/**
 * Writing safetensors, one tensor at a time.
 * May import: `ir`, `core`, `api`.
 * @module
 */
import type { Tensor } from '../../core/tensor.ts';
import { type DType, isDType, isFloat, toRaw } from '../../ir/dtype.ts';
import { ArgumentError } from '../../ir/errors.ts';
import { asTensor } from '../../api/lift.ts';
import { convert } from '../../primitives/convert.ts';
import { checkNames } from '../checks.ts';
import type { StateDict } from '../state-dict.ts';
import { fileDTypeOf, fileDTypes } from './dtypes.ts';
import { type TensorEntry, writeHeader } from './header.ts';

export interface WriteOptions {
  /** Texts by name, for readers that look at them. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Floats are converted to it; by default every tensor keeps its own. */
  readonly dtype?: DType;
}

function checkWriteOptions(options: WriteOptions): void {
  checkNames('saveSafetensors', options, ['metadata', 'dtype']);
  const { metadata = {}, dtype } = options;
  if (dtype !== undefined && !(isDType(dtype) && isFloat(dtype))) {
    throw new ArgumentError(`saveSafetensors: expected dtype to be one of floats, got ${String(dtype)}.`);
  }
  for (const [name, value] of Object.entries(metadata)) {
    if (typeof value === 'string') continue;
    throw new ArgumentError(`saveSafetensors: expected metadata of texts, got ${typeof value} for ${name}.`);
  }
}

/** A tensor to be written, and the dtype it is written in. */
interface Item {
  readonly tensor: Tensor;
  readonly dtype: DType;
  readonly entry: TensorEntry;
}

/** Wide elements first, so that every tensor begins at a multiple of its elements' size. */
function arrange(tensors: StateDict, floats: DType | undefined): Item[] {
  const named = Object.entries(tensors).map(([name, value]) => {
    const tensor = asTensor(value);
    const dtype = floats !== undefined && isFloat(tensor.dtype) ? floats : tensor.dtype;
    return { name, tensor, dtype, width: fileDTypes[fileDTypeOf[dtype]]!.bytes };
  });
  if (named.some(({ name }) => name === '__metadata__')) {
    throw new ArgumentError("saveSafetensors: expected names of tensors, got '__metadata__'.", 'pass { metadata }.');
  }
  let at = 0;
  return named
    .toSorted((a, b) => b.width - a.width)
    .map(({ name, tensor, dtype, width }) => {
      const start = at;
      at += tensor.size * width;
      return { tensor, dtype, entry: { name, dtype: fileDTypeOf[dtype], shape: tensor.shape, start, end: at } };
    });
}

async function bytesOf({ tensor, dtype }: Item): Promise<Uint8Array<ArrayBuffer>> {
  const raw = toRaw(await convert(tensor, dtype).data(), dtype);
  return new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength);
}

/**
 * A safetensors file as chunks: the header, then one chunk a tensor. Nothing is held but the chunk at hand.
 *
 * @param tensors by name, as `stateDict` makes them
 * @throws ArgumentError for metadata that is no text
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import { streamSafetensors } from 'cotangent/nn';
 * const sizes: number[] = [];
 * for await (const chunk of streamSafetensors({ w: np.ones([2, 3]), n: np.array(7, { dtype: 'int32' }) })) sizes.push(chunk.length);
 * console.log(sizes.slice(1)); // => [ 24, 4 ]
 * ```
 */
export async function* streamSafetensors(
  tensors: StateDict,
  options: WriteOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  checkWriteOptions(options);
  const items = arrange(tensors, options.dtype);
  yield writeHeader({ entries: items.map(({ entry }) => entry), metadata: options.metadata ?? {} });
  for (const item of items) if (item.tensor.size > 0) yield await bytesOf(item);
}

/**
 * Writes a safetensors file to a stream as fast as the stream takes it, and closes the stream.
 *
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import { loadSafetensors, writeSafetensors } from 'cotangent/nn';
 * const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
 * const [, back] = await Promise.all([writeSafetensors(writable, { w: np.arange(3) }), loadSafetensors(readable)]);
 * console.log(String(back.w)); // => [0, 1, 2]
 * ```
 */
export async function writeSafetensors(
  stream: WritableStream<Uint8Array<ArrayBuffer>>,
  tensors: StateDict,
  options: WriteOptions = {},
): Promise<void> {
  const writer = stream.getWriter();
  try {
    for await (const chunk of streamSafetensors(tensors, options)) {
      await writer.ready;
      await writer.write(chunk);
    }
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => undefined);
    throw error;
  }
}

/**
 * A safetensors file in memory.
 *
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import { openSafetensors, saveSafetensors } from 'cotangent/nn';
 * const bytes = await saveSafetensors({ w: np.ones([2, 3]) }, { metadata: { format: 'pt' } });
 * const file = await openSafetensors(bytes);
 * console.log(file.metadata, file.entries[0]?.shape); // => { format: 'pt' } [ 2, 3 ]
 * ```
 */
export async function saveSafetensors(
  tensors: StateDict,
  options: WriteOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  checkWriteOptions(options);
  const items = arrange(tensors, options.dtype);
  const header = writeHeader({ entries: items.map(({ entry }) => entry), metadata: options.metadata ?? {} });
  const out = new Uint8Array(header.length + (items.at(-1)?.entry.end ?? 0));
  out.set(header);
  for (const item of items) out.set(await bytesOf(item), header.length + item.entry.start);
  return out;
}

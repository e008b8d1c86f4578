/**
 * Where the bytes of a file come from: memory, a Blob, anything that reads ranges, or a stream.
 * May import: `ir`.
 * @module
 */
import { makeTypedArray } from '../../ir/dtype.ts';
import { ArgumentError, FileError } from '../../ir/errors.ts';

/** Bytes that can be read in any order: a file handle, ranges over HTTP. */
export interface RandomAccess {
  /** Bytes in all. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
}

/** What can be opened: single tensors are then read when they are asked for. */
export type FileSource = Uint8Array | ArrayBuffer | Blob | RandomAccess;

/** Chunks in order: `response.body`, a Node stream. */
export type ByteStream = AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

const isObject = (x: unknown): x is object => typeof x === 'object' && x !== null;

export const isByteStream = (x: unknown): x is ByteStream =>
  isObject(x) && (Symbol.asyncIterator in x || 'getReader' in x);

/** Bytes of their own buffer. */
const copyOf = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

/** A source whose `read` gives bytes of their own, as many as were asked for. */
export interface CheckedSource {
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

export function checkedSource(op: string, source: FileSource): CheckedSource {
  if (source instanceof ArrayBuffer) return checkedSource(op, new Uint8Array(source));
  if (source instanceof Uint8Array) {
    return { size: source.length, read: async (offset, length) => copyOf(source.subarray(offset, offset + length)) };
  }
  if (typeof Blob === 'function' && source instanceof Blob) {
    return {
      size: source.size,
      read: async (offset, length) => new Uint8Array(await source.slice(offset, offset + length).arrayBuffer()),
    };
  }
  if (isObject(source) && 'read' in source && Number.isSafeInteger(source.size)) {
    const read = async (offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> => {
      const bytes = await source.read(offset, length);
      if (bytes instanceof Uint8Array && bytes.length === length) return copyOf(bytes);
      const got = bytes instanceof Uint8Array ? `${bytes.length}` : String(bytes);
      throw new FileError(`${op}: expected read(${offset}, ${length}) to give ${length} bytes, got ${got}.`);
    };
    return { size: source.size, read };
  }
  throw new ArgumentError(
    `${op}: expected a Uint8Array, an ArrayBuffer, a Blob or { size, read(offset, length) }, got ${String(source)}.`,
    'streams are read in order by loadSafetensors and loadModel.',
  );
}

async function* chunksOf(stream: ByteStream): AsyncGenerator<Uint8Array, void, undefined> {
  if (Symbol.asyncIterator in stream) {
    yield* stream;
    return;
  }
  // Some browsers have streams that are no iterables.
  const reader = (stream as ReadableStream<Uint8Array>).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

/** Takes bytes from a stream, some at a time; holds one chunk. */
export class StreamReader {
  private readonly chunks: AsyncGenerator<Uint8Array, void, undefined>;
  private rest: Uint8Array = new Uint8Array(0);

  constructor(stream: ByteStream) {
    this.chunks = chunksOf(stream);
  }

  /** The next `length` bytes. */
  async take(length: number, what: string): Promise<Uint8Array<ArrayBuffer>> {
    const out = makeTypedArray('uint8', length) as Uint8Array<ArrayBuffer>;
    let at = 0;
    while (at < length) {
      if (this.rest.length === 0 && !(await this.next())) {
        throw new FileError(
          `safetensors: expected ${length} bytes of ${what}, got ${at} before the stream ended.`,
          'check that this is a complete safetensors file.',
        );
      }
      const part = this.rest.subarray(0, length - at);
      out.set(part, at);
      at += part.length;
      this.rest = this.rest.subarray(part.length);
    }
    return out;
  }

  /** Throws if bytes are left. */
  async end(): Promise<void> {
    while (this.rest.length === 0) if (!(await this.next())) return;
    throw new FileError('safetensors: expected the stream to end behind the last tensor, got more bytes.');
  }

  /** Lets the producer go. */
  async cancel(): Promise<void> {
    await this.chunks.return();
  }

  private async next(): Promise<boolean> {
    const { done, value } = await this.chunks.next();
    if (done) return false;
    if (!(value instanceof Uint8Array)) {
      throw new ArgumentError(`safetensors: expected chunks of bytes (Uint8Array), got ${typeof value}.`);
    }
    this.rest = value;
    return true;
  }
}

/**
 * Saved states: one JSON document with the settings, the history, and every tensor's bytes in base64, under a SHA-256 of its text.
 * Written beside the target and renamed, so that an interruption, kill −9 included, leaves the old file or the new one, never half of
 * either.
 * @module
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { type DType, np, type Tensor, tree } from 'cotangent';
import { UserError } from './user-error.ts';

/** Everything the next step of a run depends on: a pytree of tensors, and how far it is. */
export interface Resumable<Arrays, Point> {
  arrays: Arrays;
  step: number;
  history: Point[];
}

interface Stored {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly base64: string;
}

interface Document<Settings, Point> {
  readonly settings: Settings;
  readonly step: number;
  readonly history: readonly Point[];
  readonly tensors: readonly Stored[];
}

function store(t: Tensor): Stored {
  const data = t.dataSync();
  const base64 = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
  return { dtype: t.dtype, shape: t.shape, base64 };
}

const arrayTypes: Partial<
  Record<DType, new (buffer: ArrayBuffer) => Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array>
> = {
  // 16-bit floats are float32 values on the host.
  float16: Float32Array,
  bfloat16: Float32Array,
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

function restore({ dtype, shape, base64 }: Stored): Tensor {
  const bytes = Buffer.from(base64, 'base64');
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  return np.array(new arrayTypes[dtype]!(buffer), { dtype, shape: [...shape] });
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The checkpoint file of one example. */
export class Checkpoint<Settings, Arrays, Point> {
  /** What is named in errors and in the file's format. */
  private readonly program: string;
  readonly file: string;

  constructor(program: string, file: string) {
    this.program = program;
    this.file = file;
  }

  private get format(): string {
    return `cotangent-${this.program}-1`;
  }

  save(settings: Settings, { arrays, step, history }: Resumable<Arrays, Point>): void {
    const tensors = (tree.leaves(arrays) as Tensor[]).map(store);
    const body = JSON.stringify({ settings, step, history, tensors } satisfies Document<Settings, Point>);
    const partial = `${this.file}.partial`;
    const handle = openSync(partial, 'w');
    writeSync(handle, JSON.stringify({ format: this.format, sha256: digest(body), body }));
    fsyncSync(handle);
    closeSync(handle);
    renameSync(partial, this.file);
  }

  private read(): Document<Settings, Point> {
    const { program, file, format } = this;
    const broken = (why: string): UserError =>
      new UserError(
        `${program}: ${file} is not a usable checkpoint (${why}); delete it, or start again without --resume.`,
      );
    let outer: { format?: unknown; sha256?: unknown; body?: unknown };
    try {
      outer = JSON.parse(readFileSync(file, 'utf8')) as typeof outer;
    } catch {
      throw broken('it does not parse');
    }
    if (outer?.format !== format || typeof outer.body !== 'string') throw broken(`its format is not ${format}`);
    if (digest(outer.body) !== outer.sha256) throw broken('its checksum does not match');
    return JSON.parse(outer.body) as Document<Settings, Point>;
  }

  /** The settings a checkpoint was made with. */
  settings(): Settings {
    if (existsSync(this.file)) return this.read().settings;
    throw new UserError(
      `${this.program}: there is no checkpoint ${this.file} to resume from; run without --resume first.`,
    );
  }

  /** A state of the same structure as `like`, with what was saved. */
  load(like: Resumable<Arrays, Point>): Resumable<Arrays, Point> {
    const { step, history, tensors } = this.read();
    const arrays = tree.unflatten(tree.structure(like.arrays), tensors.map(restore)) as Arrays;
    return { arrays, step, history: [...history] };
  }
}

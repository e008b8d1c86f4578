/**
 * The saved state: one JSON document with the settings, the history, and every tensor's bytes in base64, under a SHA-256 of its text.
 * Written beside the target and renamed, so that an interruption leaves the old file or the new one, never half of either.
 * @module
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { type DType, np, type Tensor, tree } from 'cotangent';
import type { Settings, State } from './training.ts';
import { UserError } from './user-error.ts';

const format = 'cotangent-digits-1';

interface Stored {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly base64: string;
}

interface Document {
  readonly settings: Settings;
  readonly step: number;
  readonly history: State['history'];
  readonly tensors: readonly Stored[];
}

const arraysOf = ({ params, optimizer, key }: State): unknown => ({ params, optimizer, key });

function store(t: Tensor): Stored {
  const data = t.dataSync();
  const base64 = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
  return { dtype: t.dtype, shape: t.shape, base64 };
}

const arrayTypes = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

function restore({ dtype, shape, base64 }: Stored): Tensor {
  const bytes = Buffer.from(base64, 'base64');
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  return np.array(new arrayTypes[dtype](buffer), { dtype, shape: [...shape] });
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

export function saveState(file: string, settings: Settings, state: State): void {
  const tensors = (tree.leaves(arraysOf(state)) as Tensor[]).map(store);
  const body = JSON.stringify({ settings, step: state.step, history: state.history, tensors } satisfies Document);
  const partial = `${file}.partial`;
  writeFileSync(partial, JSON.stringify({ format, sha256: digest(body), body }));
  renameSync(partial, file);
}

function parse(file: string): Document {
  const broken = (why: string): UserError =>
    new UserError(`digits: ${file} is not a usable checkpoint (${why}); delete it, or start again without --resume.`);
  let outer: { format?: unknown; sha256?: unknown; body?: unknown };
  try {
    outer = JSON.parse(readFileSync(file, 'utf8')) as typeof outer;
  } catch {
    throw broken('it does not parse');
  }
  if (outer?.format !== format || typeof outer.body !== 'string') throw broken(`its format is not ${format}`);
  if (digest(outer.body) !== outer.sha256) throw broken('its checksum does not match');
  return JSON.parse(outer.body) as Document;
}

/** The settings a checkpoint was made with. */
export function readSettings(file: string): Settings {
  if (!existsSync(file))
    throw new UserError(`digits: there is no checkpoint ${file} to resume from; run without --resume first.`);
  return parse(file).settings;
}

/** Fills a state of the same structure from the file. */
export function loadState(file: string, like: State): State {
  const document = parse(file);
  const structure = tree.structure(arraysOf(like));
  const arrays = tree.unflatten(structure, document.tensors.map(restore)) as Pick<
    State,
    'params' | 'optimizer' | 'key'
  >;
  return { ...arrays, step: document.step, history: [...document.history] };
}

/**
 * Models as safetensors files.
 * May import: `ir`, `core`, `api`.
 * @module
 */
import { checkNames } from '../checks.ts';
import { type LoadOptions, loadStateDict, sourceNames, stateDict } from '../state-dict.ts';
import { checkReadOptions, loadSafetensors, openSafetensors, type ReadOptions } from './read.ts';
import { type ByteStream, type FileSource, isByteStream } from './source.ts';
import { saveSafetensors, writeSafetensors, type WriteOptions } from './write.ts';

export interface SaveModelOptions extends WriteOptions {
  /** Where the file goes, piece by piece; it is closed behind the last one. */
  readonly to?: WritableStream<Uint8Array<ArrayBuffer>>;
}

/**
 * The tensors of a model, buffers included, as a safetensors file under the names of `stateDict`.
 *
 * @returns the file; nothing if it goes to a stream
 * @example
 * ```ts
 * import { random } from 'cotangent';
 * import { Linear, loadModel, saveModel, Sequential } from 'cotangent/nn';
 * const model = new Sequential([new Linear(2, 3, { key: random.key(0) })]);
 * const bytes = await saveModel(model);
 * const again = await loadModel(new Sequential([new Linear(2, 3, { key: random.key(1) })]), bytes);
 * console.log(String(again.call([1, 2])) === String(model.call([1, 2]))); // => true
 * ```
 */
export function saveModel(model: unknown, options?: WriteOptions): Promise<Uint8Array<ArrayBuffer>>;
export function saveModel(model: unknown, options: SaveModelOptions): Promise<Uint8Array<ArrayBuffer> | void>;
export async function saveModel(
  model: unknown,
  options: SaveModelOptions = {},
): Promise<Uint8Array<ArrayBuffer> | void> {
  checkNames('saveModel', options, ['to', 'metadata', 'dtype']);
  const { to, ...rest } = options;
  return to ? writeSafetensors(to, stateDict(model), rest) : saveSafetensors(stateDict(model), rest);
}

/**
 * The model with the tensors of a safetensors file, in the dtypes of the model.
 *
 * @param model says which tensors there are, their shapes and dtypes; its own values go
 * @param options names and layouts of another library by `map`: `torchNames(model)` for a file that PyTorch wrote. With
 *   `strict: false` only the tensors that the model has are read.
 * @throws FileError if the file is malformed
 * @throws TreeError for entries that are missing, unexpected, or of another shape
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * import { Linear, loadModel, saveSafetensors, Sequential, torchNames } from 'cotangent/nn';
 * const model = new Sequential([new Linear(2, 1, { key: random.key(0) })]);
 * const file = await saveSafetensors({ '0.weight': np.array([[1, 2]]), '0.bias': np.array([3]) }); // as PyTorch names them
 * const loaded = await loadModel(model, file, { map: torchNames(model) });
 * console.log(String(loaded.call([1, 1]))); // => [6]
 * ```
 */
export async function loadModel<T>(
  model: T,
  source: FileSource | ByteStream,
  options: LoadOptions & ReadOptions = {},
): Promise<T> {
  checkReadOptions('loadModel', options, ['map', 'strict']);
  // Values of 16 bits go to the dtype of the model, and not by way of another.
  const { dtype = 'stored', ...load } = options;
  if (isByteStream(source)) return loadStateDict(model, await loadSafetensors(source, { dtype }), load);
  const file = await openSafetensors(source);
  const wanted = new Set(sourceNames(model, load.map));
  const names = load.strict === false ? file.names.filter((name) => wanted.has(name)) : file.names;
  return loadStateDict(model, await file.tensors(names, { dtype }), load);
}

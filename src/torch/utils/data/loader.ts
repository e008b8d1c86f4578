/**
 * Batches of a data set.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ArgumentError, TreeError } from '../../../ir/errors.ts';
import { describe } from '../../../api/options.ts';
import { tensor } from '../../creation.ts';
import type { GeneratorOption } from '../../generator.ts';
import { indexSelect } from '../../ops/scatter.ts';
import { stack } from '../../ops/join.ts';
import { randint, randperm } from '../../random.ts';
import { Tensor } from '../../tensor.ts';
import { type Dataset, TensorDataset } from './dataset.ts';

/** Numbers of examples, in the order in which they are wanted. */
export interface Sampler {
  readonly length: number;
  [Symbol.iterator](): Iterator<number>;
}

export class SequentialSampler implements Sampler {
  readonly length: number;

  constructor(source: { readonly length: number }) {
    this.length = source.length;
  }

  *[Symbol.iterator](): IterableIterator<number> {
    for (let i = 0; i < this.length; i++) yield i;
  }
}

export interface RandomSamplerOptions extends GeneratorOption {
  /** Whether examples may come several times; false. */
  readonly replacement?: boolean | undefined;
  readonly numSamples?: number | undefined;
}

/** In random order, another one each time. */
export class RandomSampler implements Sampler {
  readonly length: number;
  private readonly size: number;
  private readonly options: RandomSamplerOptions;

  constructor(source: { readonly length: number }, options: RandomSamplerOptions = {}) {
    this.size = source.length;
    this.options = options;
    this.length = options.numSamples ?? source.length;
  }

  *[Symbol.iterator](): IterableIterator<number> {
    const { generator, replacement = false } = this.options;
    if (replacement) {
      yield* randint(0, this.size, [this.length], { generator }).dataSync();
      return;
    }
    for (let left = this.length; left > 0; left -= this.size) {
      yield* randperm(this.size, { generator }).dataSync().slice(0, left);
    }
  }
}

/** Examples of a batch side by side: tensors and numbers stacked; arrays and objects entry by entry; the rest in a list. */
export type Collated<T> = T extends Tensor | number | boolean
  ? Tensor
  : T extends readonly unknown[]
    ? { -readonly [K in keyof T]: Collated<T[K]> }
    : T extends string
      ? string[]
      : T extends object
        ? { [K in keyof T]: Collated<T[K]> }
        : T[];

/**
 * What `DataLoader` makes of the examples of a batch.
 * @throws TreeError for examples of different structure
 */
export function defaultCollate<T>(batch: readonly T[]): Collated<T> {
  return collate(batch) as Collated<T>;
}

function collate(batch: readonly unknown[]): unknown {
  const [first] = batch;
  if (first instanceof Tensor) return stack(batch as Tensor[]);
  if (typeof first === 'number')
    return tensor(batch as number[], batch.every(Number.isInteger) ? { dtype: 'int32' } : {});
  if (typeof first === 'boolean') return tensor(batch as boolean[]);
  if (ArrayBuffer.isView(first)) return stack(batch.map((x) => tensor(x as ArrayBufferView)));
  if (typeof first !== 'object' || first === null) return [...batch];
  const keys = Object.keys(first);
  for (const x of batch) {
    if (typeof x === 'object' && x !== null && Object.keys(x).join() === keys.join()) continue;
    throw new TreeError(
      `defaultCollate: expected examples of one structure, got ${describe(first)} and ${describe(x)}: each element in list of batch should be of equal size.`,
      'give a collateFn that pads them.',
    );
  }
  const entries = keys.map((key) => [key, collate(batch.map((x) => (x as Record<string, unknown>)[key]))] as const);
  return Array.isArray(first) ? entries.map(([, x]) => x) : Object.fromEntries(entries);
}

export interface LoaderOptions<T, B> extends GeneratorOption {
  /** Examples in a batch; 1. */
  readonly batchSize?: number | undefined;
  /** Whether the order is random, and another one each time; false. */
  readonly shuffle?: boolean | undefined;
  /** Whether a last batch that is not full is left out; false. */
  readonly dropLast?: boolean | undefined;
  /** The order, in place of `shuffle`. */
  readonly sampler?: Sampler | readonly number[] | undefined;
  /** What a batch is made of its examples; `defaultCollate`. */
  readonly collateFn?: ((batch: T[]) => B) | undefined;
}

/**
 * Batches, with `for … of` or `for await … of`, which lets other tasks run between them.
 * @example
 * ```ts
 * import { arange, Generator, utils } from 'cotangent/torch';
 * const { DataLoader, TensorDataset } = utils.data;
 * const data = new TensorDataset(arange(5), arange(5).mul(10));
 * const batches = [...new DataLoader(data, { batchSize: 2 })];
 * console.log(batches.map(([x]) => x.tolist())); // => [ [ 0, 1 ], [ 2, 3 ], [ 4 ] ]
 * const shuffled = new DataLoader(data, { batchSize: 2, shuffle: true, dropLast: true, generator: new Generator(3) });
 * console.log(shuffled.length); // => 2
 * ```
 */
export class DataLoader<T, B = Collated<T>> {
  readonly dataset: Dataset<T>;
  readonly batchSize: number;
  readonly dropLast: boolean;
  readonly sampler: Sampler | readonly number[];
  private readonly collateFn: ((batch: T[]) => B) | undefined;

  constructor(dataset: Dataset<T>, options: LoaderOptions<T, B> = {}) {
    const { batchSize = 1, shuffle = false, dropLast = false, sampler, generator, collateFn } = options;
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new ArgumentError(`DataLoader: expected a positive integer as batchSize, got ${describe(batchSize)}.`);
    }
    if (shuffle && sampler !== undefined) {
      throw new ArgumentError(
        'DataLoader: expected either a sampler or shuffle, got both: sampler option is mutually exclusive with shuffle.',
      );
    }
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.dropLast = dropLast;
    this.sampler = sampler ?? (shuffle ? new RandomSampler(dataset, { generator }) : new SequentialSampler(dataset));
    this.collateFn = collateFn;
  }

  /** Number of batches. */
  get length(): number {
    const batches = this.sampler.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  *[Symbol.iterator](): IterableIterator<B> {
    let indices: number[] = [];
    for (const i of this.sampler) {
      indices.push(i);
      if (indices.length < this.batchSize) continue;
      yield this.batch(indices);
      indices = [];
    }
    if (indices.length > 0 && !this.dropLast) yield this.batch(indices);
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<B> {
    for (const batch of this) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      yield batch;
    }
  }

  private batch(indices: readonly number[]): B {
    const { collateFn, dataset } = this;
    if (collateFn !== undefined) return collateFn(indices.map((i) => dataset.get(i)));
    if (dataset instanceof TensorDataset) {
      // Rows of whole tensors at once: the same batch in one step each.
      const rows = tensor([...indices], { dtype: 'int32' });
      return dataset.tensors.map((t: Tensor) => indexSelect(t, 0, rows)) as B;
    }
    return collate(indices.map((i) => dataset.get(i))) as B;
  }
}

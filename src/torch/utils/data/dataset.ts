/**
 * Data sets: examples by number.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ArgumentError } from '../../../ir/errors.ts';
import type { GeneratorOption } from '../../generator.ts';
import { get } from '../../ops/indexing.ts';
import { randperm } from '../../random.ts';
import type { Tensor } from '../../tensor.ts';

/** Examples numbered from 0. */
export interface Dataset<T> {
  readonly length: number;
  get(index: number): T;
}

/** Tensors of one length; an example is a row of each. */
export class TensorDataset<T extends readonly Tensor[] = Tensor[]> implements Dataset<T> {
  readonly tensors: T;
  readonly length: number;

  constructor(...tensors: T) {
    const lengths = tensors.map((t) => t.shape[0]);
    if (lengths.length === 0 || lengths.some((n) => n === undefined || n !== lengths[0])) {
      throw new ArgumentError(
        `TensorDataset: expected tensors of one size in dimension 0, got ${tensors.map((t) => t.aval.toString()).join(', ')}: Size mismatch between tensors.`,
      );
    }
    this.tensors = tensors;
    this.length = lengths[0]!;
  }

  get(index: number): T {
    return this.tensors.map((t) => get(t, index)) as readonly Tensor[] as T;
  }
}

/** Some examples of a data set. */
export class Subset<T> implements Dataset<T> {
  readonly dataset: Dataset<T>;
  readonly indices: readonly number[];

  constructor(dataset: Dataset<T>, indices: readonly number[]) {
    this.dataset = dataset;
    this.indices = indices;
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number): T {
    return this.dataset.get(this.indices[index]!);
  }
}

/** One data set after another. */
export class ConcatDataset<T> implements Dataset<T> {
  readonly datasets: readonly Dataset<T>[];

  constructor(datasets: readonly Dataset<T>[]) {
    this.datasets = datasets;
  }

  get length(): number {
    return this.datasets.reduce((n, d) => n + d.length, 0);
  }

  get(index: number): T {
    let rest = index;
    for (const dataset of this.datasets) {
      if (rest < dataset.length) return dataset.get(rest);
      rest -= dataset.length;
    }
    throw new ArgumentError(`ConcatDataset: expected an index below ${this.length}, got ${index}.`);
  }
}

/**
 * A data set cut at random into parts of given lengths, or shares that add up to 1.
 * @example
 * ```ts
 * import { arange, Generator, utils } from 'cotangent/torch';
 * const data = new utils.data.TensorDataset(arange(10));
 * const [train, test] = utils.data.randomSplit(data, [0.7, 0.3], { generator: new Generator(1) });
 * console.log(train.length, test.length); // => 7 3
 * ```
 */
export function randomSplit<T, const L extends readonly number[]>(
  dataset: Dataset<T>,
  lengths: L,
  options: GeneratorOption = {},
): { -readonly [K in keyof L]: Subset<T> } {
  const total = lengths.reduce((a, b) => a + b, 0);
  const counts = Math.abs(total - 1) < 1e-9 && total <= 1 + 1e-9 ? countsOf(dataset.length, lengths) : lengths;
  if (counts.reduce((a, b) => a + b, 0) !== dataset.length) {
    throw new ArgumentError(
      `randomSplit: expected lengths that add up to ${dataset.length}, got ${lengths.join(', ')}: Sum of input lengths does not equal the length of the input dataset.`,
    );
  }
  const order = [...randperm(dataset.length, options).dataSync()];
  let start = 0;
  const parts = counts.map((n) => new Subset(dataset, order.slice(start, (start += n))));
  return parts as { -readonly [K in keyof L]: Subset<T> };
}

/** What is left over goes to the first parts, one each. */
function countsOf(n: number, shares: readonly number[]): number[] {
  const counts = shares.map((s) => Math.floor(n * s + 1e-9));
  const left = n - counts.reduce((a, b) => a + b, 0);
  return counts.map((c, i) => c + (i < left ? 1 : 0));
}

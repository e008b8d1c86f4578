/**
 * Sequences of several lengths: padded, and packed (the elements of each position side by side, without padding).
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../../ir/errors.ts';
import { where } from '../../ops/arithmetic.ts';
import { type TensorLike, toTensor } from '../../ops/define.ts';
import { cat, stack } from '../../ops/join.ts';
import { full, tensor } from '../../creation.ts';
import type { Tensor } from '../../tensor.ts';

const integers = (data: readonly number[]): Tensor => tensor(data, { dtype: 'int32' });

/** Lengths as plain numbers. */
const numbers = (x: TensorLike | readonly number[]): number[] => [...toTensor(x as TensorLike).dataSync()];

/**
 * Sequences, the longest first: the elements at position 0 of all of them, then those at position 1 of all that are longer than 1, and so
 * on. Made by `packPaddedSequence` and `packSequence`; recurrent layers take it and give it.
 */
export class PackedSequence {
  /** `[Σ lengths, …]` */
  readonly data: Tensor;
  /** How many sequences have an element at each position. */
  readonly batchSizes: Tensor;
  /** Where each of the sequences in order of length was before; null if they were in order. */
  readonly sortedIndices: Tensor | null;
  /** Where each sequence went. */
  readonly unsortedIndices: Tensor | null;

  constructor(
    data: Tensor,
    batchSizes: TensorLike,
    sortedIndices: Tensor | null = null,
    unsortedIndices: Tensor | null = null,
  ) {
    this.data = data;
    this.batchSizes = toTensor(batchSizes);
    this.sortedIndices = sortedIndices;
    this.unsortedIndices =
      unsortedIndices ?? (sortedIndices === null ? null : integers(inverse([...sortedIndices.dataSync()])));
  }

  /** The same layout with other elements. */
  withData(data: Tensor): PackedSequence {
    return new PackedSequence(data, this.batchSizes, this.sortedIndices, this.unsortedIndices);
  }
}

function inverse(permutation: readonly number[]): number[] {
  const result: number[] = [];
  permutation.forEach((from, to) => (result[from] = to));
  return result;
}

/** How many of these descending lengths reach each position. */
const sizesOf = (lengths: readonly number[]): number[] =>
  Array.from({ length: Math.max(0, ...lengths) }, (_, t) => lengths.filter((n) => n > t).length);

/** The first `sizes[t]` rows of each position t of `[T, N, …]`, one after the other. */
export function packRows(x: Tensor, sizes: readonly number[]): Tensor {
  const [, count] = x.shape as [number, number];
  const rows = sizes.flatMap((n, t) => Array.from({ length: n }, (_, b) => t * count + b));
  return x.reshape([-1, ...x.shape.slice(2)]).indexSelect(0, integers(rows));
}

/** The inverse: `[T, N, …]`, and which of its rows there are (bool `[T, N, 1]`); the others repeat the first. */
export function unpackRows({ data, batchSizes }: PackedSequence): { readonly rows: Tensor; readonly isThere: Tensor } {
  const sizes = numbers(batchSizes);
  const count = sizes[0] ?? 0;
  let start = 0;
  const [at, isThere]: [number[], boolean[][][]] = [[], []];
  for (const n of sizes) {
    for (let b = 0; b < count; b++) at.push(b < n ? start + b : 0);
    isThere.push(Array.from({ length: count }, (_, b) => [b < n]));
    start += n;
  }
  const rows = data.indexSelect(0, integers(at)).reshape([sizes.length, count, ...data.shape.slice(1)]);
  return { rows, isThere: tensor(isThere, { dtype: 'bool' }) };
}

export interface PackOptions {
  /** Whether sequences come as `[N, T, …]`, not `[T, N, …]`; false. */
  readonly batchFirst?: boolean | undefined;
  /** Whether sequences must come in order of length, the longest first; true. Otherwise they are sorted. */
  readonly enforceSorted?: boolean | undefined;
}

/** Throws unless there are `count` lengths from 1 to `longest`. */
function checkLengths(lengths: readonly number[], count: number, longest: number): void {
  const op = 'packPaddedSequence';
  if (lengths.length !== count) {
    throw new ShapeError(
      `${op}: expected as many lengths as sequences, ${count}, got ${lengths.length}: Expected \`len(lengths)\` to be equal to batch_size.`,
      'batchFirst says which dimension counts the sequences.',
    );
  }
  const wrong = lengths.find((n) => !(Number.isInteger(n) && n > 0 && n <= longest));
  if (wrong === undefined) return;
  throw new ArgumentError(
    `${op}: expected lengths from 1 to ${longest}, got ${wrong}: Length of all samples has to be greater than 0, and at most that of the input.`,
  );
}

/**
 * Packs sequences that were padded to one length.
 * @param input `[T, N, …]`
 * @param lengths of the sequences `[N]`
 * @throws ArgumentError for lengths out of order, unless `enforceSorted` is false
 * @example
 * ```ts
 * import { nn, tensor } from 'cotangent/torch';
 * const { packPaddedSequence, padPackedSequence } = nn.utils.rnn;
 * const packed = packPaddedSequence(tensor([[1, 2, 3], [4, 0, 0]]), [3, 1], { batchFirst: true });
 * console.log(packed.data.tolist(), packed.batchSizes.tolist()); // => [ 1, 4, 2, 3 ] [ 2, 1, 1 ]
 * console.log(padPackedSequence(packed, { batchFirst: true })[0].tolist()); // => [ [ 1, 2, 3 ], [ 4, 0, 0 ] ]
 * ```
 */
export function packPaddedSequence(
  input: TensorLike,
  lengths: TensorLike | readonly number[],
  { batchFirst = false, enforceSorted = true }: PackOptions = {},
): PackedSequence {
  const x = toTensor(input);
  if (x.ndim < 2) {
    throw new ShapeError(
      `packPaddedSequence: expected sequences ${batchFirst ? '[N,T,…]' : '[T,N,…]'}, got ${x.aval.toString()}.`,
    );
  }
  const given = numbers(lengths);
  const [count, longest] = batchFirst ? [x.shape[0]!, x.shape[1]!] : [x.shape[1]!, x.shape[0]!];
  checkLengths(given, count, longest);
  const order = given.map((_, i) => i);
  const isSorted = given.every((n, i) => i === 0 || n <= given[i - 1]!);
  if (enforceSorted && !isSorted) {
    throw new ArgumentError(
      `packPaddedSequence: expected lengths in descending order, got [${given.join(', ')}]: \`lengths\` array must be sorted in decreasing order when \`enforce_sorted\` is True.`,
      'pass { enforceSorted: false } to have them sorted.',
    );
  }
  const byPosition = batchFirst ? x.transpose(0, 1) : x;
  if (enforceSorted) return new PackedSequence(packRows(byPosition, sizesOf(given)), integers(sizesOf(given)));
  order.sort((i, j) => given[j]! - given[i]!);
  const sizes = sizesOf(order.map((i) => given[i]!));
  const sorted = integers(order);
  return new PackedSequence(packRows(byPosition.indexSelect(1, sorted), sizes), integers(sizes), sorted);
}

export interface PadOptions {
  /** Whether the result is `[N, T, …]`, not `[T, N, …]`; false. */
  readonly batchFirst?: boolean | undefined;
  /** What stands behind the end of a sequence; 0. */
  readonly paddingValue?: number | undefined;
}

export interface UnpackOptions extends PadOptions {
  /** Length of the result; that of the longest sequence. */
  readonly totalLength?: number | null | undefined;
}

/**
 * The inverse of `packPaddedSequence`.
 * @returns sequences `[T, N, …]` in their first order, and their lengths `[N]`
 */
export function padPackedSequence(
  sequence: PackedSequence,
  { batchFirst = false, paddingValue = 0, totalLength = null }: UnpackOptions = {},
): [padded: Tensor, lengths: Tensor] {
  const sizes = numbers(sequence.batchSizes);
  const { rows, isThere } = unpackRows(sequence);
  const mask = isThere.reshape([...rows.shape.slice(0, 2), ...rows.shape.slice(2).map(() => 1)]);
  let padded = where(mask, rows, paddingValue);
  const missing = (totalLength ?? sizes.length) - sizes.length;
  if (missing < 0) {
    throw new ArgumentError(
      `padPackedSequence: expected totalLength of at least ${sizes.length}, got ${totalLength}: Expected total_length to be at least the length of the longest sequence in input.`,
    );
  }
  if (missing > 0) {
    padded = cat([padded, full([missing, ...rows.shape.slice(1)], paddingValue, { dtype: rows.dtype })], 0);
  }
  const lengths = Array.from({ length: sizes[0] ?? 0 }, (_, b) => sizes.filter((n) => n > b).length);
  const { unsortedIndices } = sequence;
  const order = unsortedIndices === null ? lengths.map((_, i) => i) : [...unsortedIndices.dataSync()];
  if (unsortedIndices !== null) padded = padded.indexSelect(1, unsortedIndices);
  return [batchFirst ? padded.transpose(0, 1) : padded, integers(order.map((i) => lengths[i]!))];
}

/** Sequences `[Tᵢ, …]` padded to one length, side by side. @returns `[T, N, …]` */
export function padSequence(
  sequences: readonly Tensor[],
  { batchFirst = false, paddingValue = 0 }: PadOptions = {},
): Tensor {
  const [first] = sequences;
  if (first === undefined) throw new ArgumentError('padSequence: expected sequences, got none.');
  const longest = Math.max(...sequences.map((s) => s.shape[0] ?? 0));
  const padded = sequences.map((s) => {
    const missing = longest - s.shape[0]!;
    return missing === 0 ? s : cat([s, full([missing, ...s.shape.slice(1)], paddingValue, { dtype: s.dtype })], 0);
  });
  return stack(padded, batchFirst ? 0 : 1);
}

/** Sequences of a padded batch, without the padding. */
export function unpadSequence(
  padded: TensorLike,
  lengths: TensorLike | readonly number[],
  { batchFirst = false }: Pick<PadOptions, 'batchFirst'> = {},
): Tensor[] {
  const x = toTensor(padded);
  const rows = batchFirst ? x : x.transpose(0, 1);
  return numbers(lengths).map((n, i) => rows.select(0, i).narrow(0, 0, n));
}

/** Packs sequences `[Tᵢ, …]`. */
export function packSequence(
  sequences: readonly Tensor[],
  { enforceSorted = true }: Pick<PackOptions, 'enforceSorted'> = {},
): PackedSequence {
  const lengths = sequences.map((s) => s.shape[0] ?? 0);
  return packPaddedSequence(padSequence(sequences), lengths, { enforceSorted });
}

/** The sequences of a packed one, in their first order. */
export function unpackSequence(sequence: PackedSequence): Tensor[] {
  return unpadSequence(...padPackedSequence(sequence));
}

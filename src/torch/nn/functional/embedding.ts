/**
 * Rows of tables, and sums of them.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { isInteger } from '../../../ir/dtype.ts';
import { ArgumentError, DTypeError, ShapeError } from '../../../ir/errors.ts';
import { sameShape } from '../../../ir/shape.ts';
import type { Tensor as CoreTensor } from '../../../core/tensor.ts';
import * as np from '../../../api/numpy/index.ts';
import { checkChoice, checkOptions } from '../../../api/options.ts';
import { like } from '../../../primitives/arithmetic.ts';
import { stopGradientOf } from '../../../primitives/barrier.ts';
import { type TensorLike, toTensor, withParams } from '../../ops/define.ts';
import { normAlong } from '../../ops/subgradients.ts';
import type { Tensor } from '../../tensor.ts';
import { assignValue } from '../../views.ts';
import { checkRange } from './index-range.ts';

export interface EmbeddingOptions {
  /** A row that gets no gradient. */
  readonly paddingIdx?: number | null | undefined;
  /** Rows that are looked up are first scaled, in the table, to at most this norm. */
  readonly maxNorm?: number | null | undefined;
  /** Of that norm; 2. */
  readonly normType?: number | undefined;
  /** Whether to divide the gradient of a row by how often it was looked up; false. */
  readonly scaleGradByFreq?: boolean | undefined;
  /** Must be false: gradients are dense. */
  readonly sparse?: boolean | undefined;
}

const names = ['paddingIdx', 'maxNorm', 'normType', 'scaleGradByFreq', 'sparse'] as const;

interface Lookup {
  readonly paddingIdx: number | null;
  readonly scaleGradByFreq: boolean;
}

/** How often each index stands among all: like the indices. */
function countsOf(index: CoreTensor, rows: number): CoreTensor {
  const total = np.bincount(np.ravel(index), { length: rows });
  return np.take(total, index, 0);
}

/** x, with its derivative times a factor. */
const withScaledGradient = (x: CoreTensor, factor: CoreTensor): CoreTensor => {
  const part = np.multiply(x, factor);
  return np.add(part, stopGradientOf(np.subtract(x, part)));
};

function lookedUp(index: CoreTensor, table: CoreTensor, { paddingIdx, scaleGradByFreq }: Lookup): CoreTensor {
  const found = np.take(table, index, 0);
  const counts = scaleGradByFreq ? np.expandDims(countsOf(index, table.shape[0]!), -1) : undefined;
  const rows =
    counts === undefined ? found : withScaledGradient(found, np.divide(like(found, 1), np.astype(counts, found.dtype)));
  if (paddingIdx === null) return rows;
  const isPadding = np.expandDims(np.equal(index, paddingIdx), -1);
  return np.where(isPadding, stopGradientOf(rows), rows);
}

const embeddingOf = withParams<Lookup>('embedding', ([index, table], how) => lookedUp(index!, table!, how));

/** The indices, the table, and options with their defaults; rows of the table that are too long are made shorter. */
function prepared(
  op: string,
  index: TensorLike,
  weight: TensorLike,
  options: EmbeddingOptions,
): [Tensor, Tensor, Lookup] {
  const [at, table] = [toTensor(index), toTensor(weight)];
  if (!isInteger(at.dtype)) {
    throw new DTypeError(
      `${op}: expected integers as indices, got ${at.aval.toString()}: Expected tensor for argument 'indices' to have scalar type Long or Int.`,
      "convert with .to('int32').",
    );
  }
  if (table.ndim !== 2) {
    throw new ShapeError(`${op}: expected a table [count,features], got ${table.aval.toString()}.`);
  }
  if (options.sparse === true) {
    throw new ArgumentError(`${op}: expected sparse to be false, got true: gradients are dense.`);
  }
  const rows = table.shape[0]!;
  checkRange(op, 'indices', at, rows, 'index out of range in self', 'make the table larger.');
  const { maxNorm, normType = 2, scaleGradByFreq = false } = options;
  if (maxNorm !== null && maxNorm !== undefined) shorten(op, table, at, maxNorm, normType);
  const padding = options.paddingIdx ?? null;
  return [at, table, { paddingIdx: padding !== null && padding < 0 ? padding + rows : padding, scaleGradByFreq }];
}

/** Scales the rows at some indices to at most a norm, in place and unrecorded. */
function shorten(op: string, table: Tensor, index: Tensor, maxNorm: number, p: number): void {
  const { value } = table;
  const lengths = normAlong(value, { p, axis: [-1], keepdims: true });
  const isUsed = np.greater(np.bincount(np.ravel(index.value), { length: value.shape[0]! }), 0);
  const factor = np.divide(maxNorm, np.add(lengths, 1e-7));
  const isLong = np.logicalAnd(np.greater(lengths, maxNorm), np.expandDims(isUsed, -1));
  const next = np.where(isLong, np.multiply(value, factor), value);
  assignValue(op, table, next);
}

/**
 * Rows of a table.
 * @param index integers of any shape
 * @param weight `[count, features]`
 */
export function embedding(index: TensorLike, weight: TensorLike, options: EmbeddingOptions = {}): Tensor {
  checkOptions('embedding', options, names, `options of embedding: ${names.join(', ')}.`);
  const [at, table, how] = prepared('embedding', index, weight, options);
  return embeddingOf([at, table], how);
}

export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** What becomes of the rows of a bag; `'mean'`. */
  readonly mode?: 'sum' | 'mean' | 'max' | undefined;
  /** Factors of the rows, for mode `'sum'`. */
  readonly perSampleWeights?: TensorLike | null | undefined;
  /** Whether the last offset is the end of the last bag; false. */
  readonly includeLastOffset?: boolean | undefined;
}

interface Bags extends Lookup {
  readonly mode: 'sum' | 'mean' | 'max';
}

// Bags are rows of indices, with −1 where one is shorter than the longest; what is left out counts neither in means.
const bagOf = withParams<Bags>('embeddingBag', ([index, table, weights], how) => {
  const isThere = np.greaterEqual(index!, 0);
  const isCounted = how.paddingIdx === null ? isThere : np.logicalAnd(isThere, np.notEqual(index!, how.paddingIdx));
  const rows = lookedUp(np.maximum(index!, 0), table!, { ...how, paddingIdx: null });
  const wide = np.expandDims(isCounted, -1);
  if (how.mode === 'max') {
    const isEmpty = np.logicalNot(np.any(wide, { axis: 1 }));
    const masked = np.where(wide, rows, like(rows, -Infinity));
    const at = np.expandDims(np.argmax(stopGradientOf(masked), 1), 1);
    const largest = np.squeeze(np.takeAlongAxis(masked, at, 1), 1);
    return np.where(isEmpty, like(largest, 0), largest);
  }
  const factors = weights === undefined ? rows : np.multiply(rows, np.expandDims(weights, -1));
  const total = np.sum(np.where(wide, factors, like(rows, 0)), 1);
  if (how.mode === 'sum') return total;
  const count = np.maximum(np.sum(np.astype(wide, rows.dtype), 1), 1);
  return np.divide(total, count);
});

/** Rows of positions in a vector of `size`, one a bag, −1 behind the end of each. */
function bagPositions(offsets: readonly number[], size: number, includeLast: boolean): number[][] {
  const starts = includeLast ? offsets.slice(0, -1) : offsets;
  const ends = starts.map((_, i) => offsets[i + 1] ?? size);
  const isGood = offsets[0] === 0 && starts.every((s, i) => s <= ends[i]! && ends[i]! <= size);
  if (!isGood) {
    throw new ArgumentError(
      `embeddingBag: expected offsets that begin with 0 and rise to at most ${size}, got [${offsets.join(', ')}]: offsets[0] has to be 0.`,
    );
  }
  const longest = Math.max(1, ...starts.map((s, i) => ends[i]! - s));
  return starts.map((s, i) => Array.from({ length: longest }, (_, k) => (s + k < ends[i]! ? s + k : -1)));
}

/**
 * Sums, means or maxima of rows of a table, one for each bag of indices.
 * @param index integers: a bag a row, or all in one vector
 * @param weight `[count, features]`
 * @param offsets where each bag of a vector begins
 * @returns `[bags, features]`
 */
export function embeddingBag(
  index: TensorLike,
  weight: TensorLike,
  offsets?: TensorLike | null,
  options: EmbeddingBagOptions = {},
): Tensor {
  const all = [...names, 'mode', 'perSampleWeights', 'includeLastOffset'];
  checkOptions('embeddingBag', options, all, `options of embeddingBag: ${all.join(', ')}.`);
  const { mode = 'mean', perSampleWeights, includeLastOffset = false } = options;
  checkChoice('embeddingBag', 'mode', mode, ['sum', 'mean', 'max']);
  const [at, table, how] = prepared('embeddingBag', index, weight, options);
  const weights = perSampleWeights === null || perSampleWeights === undefined ? undefined : toTensor(perSampleWeights);
  checkBags(at, offsets, weights, mode);
  if (at.ndim === 2) return bagOf([at, table, ...(weights === undefined ? [] : [weights])], { ...how, mode });
  const starts = [...toTensor(offsets!).dataSync()];
  const rows = bagPositions(starts, at.numel(), includeLastOffset);
  const positions = toTensor(np.array(rows, { dtype: 'int32' }));
  const spread = (x: Tensor): Tensor =>
    x.numel() === 0 ? x.reshape([0]) : x.indexSelect(0, positions.clamp(0).reshape(-1)).reshape([...positions.shape]);
  const bags = toTensor(np.where(np.less(positions.value, 0), -1, spread(at).value));
  return bagOf([bags, table, ...(weights === undefined ? [] : [spread(weights)])], { ...how, mode });
}

function checkBags(
  at: Tensor,
  offsets: TensorLike | null | undefined,
  weights: Tensor | undefined,
  mode: string,
): void {
  const hasOffsets = offsets !== null && offsets !== undefined;
  if ((at.ndim === 2) === hasOffsets || (at.ndim !== 1 && at.ndim !== 2)) {
    throw new ShapeError(
      `embeddingBag: expected bags as the rows of a matrix, or a vector with offsets, got ${at.aval.toString()} ${hasOffsets ? 'with' : 'without'} offsets.`,
      'offsets say where each bag of a vector begins.',
    );
  }
  if (weights === undefined) return;
  if (mode !== 'sum') {
    throw new ArgumentError(
      `embeddingBag: expected perSampleWeights with mode 'sum' alone, got '${mode}': per_sample_weights was not None for mode other than sum.`,
    );
  }
  if (sameShape(weights.shape, at.shape)) return;
  throw new ShapeError(
    `embeddingBag: expected perSampleWeights like the indices, [${at.shape.join(',')}], got ${weights.aval.toString()}.`,
  );
}

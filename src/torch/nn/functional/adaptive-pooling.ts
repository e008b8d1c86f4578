/**
 * Pooling to a given size.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError } from '../../../ir/errors.ts';
import { sizeOf } from '../../../ir/shape.ts';
import type { Tensor as CoreTensor } from '../../../core/tensor.ts';
import { arrayFrom } from '../../../api/lift.ts';
import * as np from '../../../api/numpy/index.ts';
import * as pooling from '../../../nn/pooling.ts';
import { stopGradientOf } from '../../../primitives/barrier.ts';
import { type TensorLike, toTensor, withParams, withResults } from '../../ops/define.ts';
import type { Tensor } from '../../tensor.ts';
import { spatialSizes } from './pooling.ts';
import { inBatches } from './windows.ts';

/** Sizes of the result; null keeps that of the input. */
export type OutputSizes = number | null | readonly (number | null)[];

interface Bins {
  readonly sizes: readonly number[];
  readonly isBatched: boolean;
}

const mean = withParams<Bins>('adaptiveAvgPool', ([x], { sizes, isBatched }) =>
  inBatches(x!, isBatched, (t) => new pooling.AdaptiveAvgPool(sizes).call(t)),
);

/** Positions in one dimension that each bin reads, −1 where it is shorter than the longest: `[bins, longest]`. */
function positions(size: number, bins: number): number[][] {
  const ranges = Array.from({ length: bins }, (_, i) => {
    const start = Math.floor((i * size) / bins);
    return Array.from({ length: Math.ceil(((i + 1) * size) / bins) - start }, (_, k) => start + k);
  });
  const longest = Math.max(...ranges.map((r) => r.length));
  return ranges.map((r) => Array.from({ length: longest }, (_, k) => r[k] ?? -1));
}

/** Positions of all dimensions in row-major order, one row a bin of all dimensions: `[Π bins, elements]`. */
function flatPositions(spatial: readonly number[], sizes: readonly number[]): number[][] {
  let rows = [[0]];
  spatial.forEach((size, d) => {
    const own = positions(size, sizes[d]!);
    const join = (a: number, b: number): number => (a < 0 || b < 0 ? -1 : a * size + b);
    rows = rows.flatMap((row) => own.map((at) => row.flatMap((a) => at.map((b) => join(a, b)))));
  });
  return rows;
}

/** The largest, and where they are. */
const largestAt = withResults<Bins>('adaptiveMaxPool', ([x], { sizes, isBatched }) => {
  const [lead, spatial] = [x!.shape.slice(0, isBatched ? 2 : 1), x!.shape.slice(isBatched ? 2 : 1)];
  const rows = flatPositions(spatial, sizes);
  const flat = np.reshape(x!, [...lead, sizeOf(spatial)]);
  const at = arrayFrom(rows.flat(), 'int32');
  const shape = [...lead, rows.length, rows[0]!.length];
  const values = np.reshape(np.take(stopGradientOf(flat), np.maximum(at, 0), -1), shape);
  const isThere = np.reshape(np.greaterEqual(at, 0), shape.slice(-2));
  const best = np.argmax(np.where(isThere, values, -Infinity), -1);
  const table = np.broadcastTo(np.reshape(at, shape.slice(-2)), shape);
  const indices: CoreTensor = np.squeeze(np.takeAlongAxis(table, np.expandDims(best, -1), -1), -1);
  const result = [np.takeAlongAxis(flat, indices, -1), indices];
  return result.map((r) => np.reshape(r, [...lead, ...sizes]));
});

function binsOf(op: string, x: Tensor, rank: number, outputSize: OutputSizes): Bins {
  const spatial = spatialSizes(op, x, rank);
  const given = typeof outputSize === 'number' || outputSize === null ? spatial.map(() => outputSize) : outputSize;
  const sizes = given.map((n, d) => n ?? spatial[d]!);
  if (sizes.length !== rank || !sizes.every((n) => Number.isInteger(n) && n >= 1)) {
    throw new ArgumentError(
      `${op}: expected outputSize to be an integer of at least 1 or ${rank} of them (null keeps a size), got ${JSON.stringify(outputSize)}.`,
    );
  }
  return { sizes, isBatched: x.ndim === rank + 2 };
}

type AdaptiveAvgFunction = (x: TensorLike, outputSize: OutputSizes) => Tensor;

export interface AdaptiveMaxFunction {
  (x: TensorLike, outputSize: OutputSizes, returnIndices: true): [values: Tensor, indices: Tensor];
  (x: TensorLike, outputSize: OutputSizes, returnIndices?: false): Tensor;
}

function adaptiveAvgNd(rank: number): AdaptiveAvgFunction {
  const op = `adaptiveAvgPool${rank}d`;
  return (x, outputSize) => {
    const t = toTensor(x);
    return mean([t], binsOf(op, t, rank, outputSize));
  };
}

function adaptiveMaxNd(rank: number): AdaptiveMaxFunction {
  const op = `adaptiveMaxPool${rank}d`;
  const pool = (x: TensorLike, outputSize: OutputSizes, returnIndices = false): Tensor | Tensor[] => {
    const t = toTensor(x);
    const both = largestAt([t], binsOf(op, t, rank, outputSize));
    return returnIndices ? both : both[0]!;
  };
  return pool as AdaptiveMaxFunction;
}

/** Means of as many bins as are asked for. */
export const adaptiveAvgPool1d: AdaptiveAvgFunction = adaptiveAvgNd(1);
export const adaptiveAvgPool2d: AdaptiveAvgFunction = adaptiveAvgNd(2);
export const adaptiveAvgPool3d: AdaptiveAvgFunction = adaptiveAvgNd(3);
/** The largest of each of as many bins as are asked for; of equal ones the first has the derivative. */
export const adaptiveMaxPool1d: AdaptiveMaxFunction = adaptiveMaxNd(1);
export const adaptiveMaxPool2d: AdaptiveMaxFunction = adaptiveMaxNd(2);
export const adaptiveMaxPool3d: AdaptiveMaxFunction = adaptiveMaxNd(3);

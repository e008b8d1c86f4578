/**
 * The namespace `ops`: reductions over the segments that an array of numbers names.
 * May import: everything up to `control`, `api/lift`, `api/lax`.
 * @module
 */
import { Aval } from '../ir/aval.ts';
import type { DType } from '../ir/dtype.ts';
import { ShapeError } from '../ir/errors.ts';
import { largestOf, leastOf } from '../ir/limits.ts';
import type { Tensor } from '../core/tensor.ts';
import { alongFirstAxis, type ScatterParams } from '../primitives/define-scatter.ts';
import { filled } from '../primitives/fill.ts';
import { scatterAdd } from '../primitives/indexing.ts';
import { scatterMax, scatterMin, scatterMul } from '../primitives/scatter-combine.ts';
import { reshape } from '../primitives/structural.ts';
import { asIndex } from './lax/operands.ts';
import { asTensor, type TensorLike } from './lift.ts';
import { readOptions } from './named.ts';

export interface SegmentOptions {
  /** Number of results; by default the largest segment number plus one, which must then be known (not traced). */
  readonly numSegments?: number;
  readonly indicesAreSorted?: boolean;
  /** Promises that no segment has two entries. */
  readonly uniqueIndices?: boolean;
}

type SegmentReduction = (
  data: TensorLike,
  segmentIds: TensorLike,
  numSegments?: number | SegmentOptions,
  options?: SegmentOptions,
) => Tensor;

type Scatter = (x: Tensor, indices: Tensor, updates: Tensor, params: ScatterParams) => Tensor;

const segmentReduction =
  (name: string, scatter: Scatter, start: (dtype: DType) => number): SegmentReduction =>
  (data, segmentIds, numSegments, options) => {
    const names = ['numSegments', 'indicesAreSorted', 'uniqueIndices'] as const;
    const o = readOptions<SegmentOptions>(name, names, [numSegments, options]);
    const [x, ids] = [asTensor(data), asIndex(segmentIds)];
    if (ids.ndim === 0 || !ids.shape.every((n, d) => x.shape[d] === n)) {
      throw new ShapeError(
        `${name}: expected one segment number for each entry of ${x.aval.toString()}, got ${ids.aval.toString()}.`,
      );
    }
    const count = o.numSegments ?? Math.max(-1, ...ids.concrete(`${name} without numSegments`).read()) + 1;
    const rest = x.shape.slice(ids.ndim);
    return scatter(filled(new Aval([count, ...rest], x.dtype), start(x.dtype)), reshape(ids, [...ids.shape, 1]), x, {
      dimensionNumbers: alongFirstAxis(rest.map((_, d) => ids.ndim + d)),
      // Entries with numbers outside belong to no segment.
      mode: 'fill',
      uniqueIndices: o.uniqueIndices ?? false,
      indicesAreSorted: o.indicesAreSorted ?? false,
    });
  };

/**
 * The sum of the entries of each segment; 0 for an empty one.
 * @param data entries along the leading axes
 * @param segmentIds the segment of each entry; entries with a negative or too large number are dropped
 * @example
 * ```ts
 * import { np, ops } from 'cotangent';
 * console.log(String(ops.segmentSum(np.array([1, 2, 3]), [0, 1, 0], { numSegments: 2 }))); // => [4, 2]
 * ```
 */
export const segmentSum: SegmentReduction = segmentReduction('ops.segmentSum', scatterAdd, () => 0);

/** The product of the entries of each segment; 1 for an empty one. Differentiable only with `uniqueIndices`. */
export const segmentProd: SegmentReduction = segmentReduction('ops.segmentProd', scatterMul, () => 1);

/** The largest entry of each segment; −∞ (or the least integer) for an empty one. */
export const segmentMax: SegmentReduction = segmentReduction('ops.segmentMax', scatterMax, leastOf);

/** The smallest entry of each segment; ∞ (or the greatest integer) for an empty one. */
export const segmentMin: SegmentReduction = segmentReduction('ops.segmentMin', scatterMin, largestOf);

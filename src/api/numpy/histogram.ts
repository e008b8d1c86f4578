/**
 * Counting: histograms and bins.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { asTensor, promoteToFloat, type TensorLike } from '../lift.ts';
import { checkOptions, optionsOf } from '../options.ts';
import { linspace } from './spaced.ts';
import { ravel } from './movement.ts';
import { max, min, sum } from './reductions.ts';
import { diff } from './differences.ts';
import { searchsorted } from './sorting.ts';

export interface BincountOptions {
  /** Added up in place of ones. */
  readonly weights?: TensorLike | null | undefined;
  /** Least length of the result. */
  readonly minlength?: number | undefined;
  /** Length of the result, needed where values are traced; larger values are left out. */
  readonly length?: number | null | undefined;
}

/** Adds `updates` to zeros at positions; those outside are left out. */
function scatterCounts(positions: Tensor, updates: Tensor, length: number): Tensor {
  return prim.scatterAdd(
    prim.broadcastTo(prim.like(updates, 0), [length]),
    prim.reshape(positions, [positions.size, 1]),
    updates,
    {
      dimensionNumbers: prim.alongFirstAxis([]),
      mode: 'fill',
      uniqueIndices: false,
      indicesAreSorted: false,
    },
  );
}

/**
 * How often each of 0, 1, 2, … occurs.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.bincount([0, 1, 1, 3]).toArray()); // => [ 1, 2, 0, 1 ]
 * ```
 */
export function bincount(
  x: TensorLike,
  weights?: TensorLike | BincountOptions | null,
  options?: BincountOptions,
): Tensor {
  const o = optionsOf<BincountOptions>('bincount', 'weights', weights ?? undefined, options, [
    'weights',
    'minlength',
    'length',
  ]);
  const t = prim.convert(ravel(x), 'int32');
  const length = o.length ?? Math.max(o.minlength ?? 0, t.size === 0 ? 0 : max(t).item() + 1);
  const clamped = prim.max(t, prim.like(t, 0));
  const ones =
    o.weights === undefined || o.weights === null ? prim.broadcastTo(prim.like(t, 1), t.shape) : ravel(o.weights);
  return scatterCounts(clamped, ones, length);
}

export interface HistogramOptions {
  /** Number of equal bins (10), or their ascending edges. */
  readonly bins?: number | TensorLike | undefined;
  /** Least and greatest edge; those of the data by default. */
  readonly range?: readonly [number, number] | null | undefined;
  readonly weights?: TensorLike | null | undefined;
  /** Normalise so that the integral is 1. */
  readonly density?: boolean | null | undefined;
}

const histogramKeys = ['bins', 'range', 'weights', 'density'] as const;

/** Edges of the bins that {@link histogram} uses. */
export function histogramBinEdges(
  x: TensorLike,
  bins?: number | TensorLike | HistogramOptions,
  options?: HistogramOptions,
): Tensor {
  const o = optionsOf<HistogramOptions>('histogramBinEdges', 'bins', bins, options, histogramKeys);
  const [t] = promoteToFloat(ravel(x)) as [Tensor];
  const count = o.bins ?? 10;
  if (typeof count !== 'number') return promoteToFloat(count)[0]!;
  if (!Number.isInteger(count) || count < 1)
    throw new ArgumentError(`histogram: expected a positive number of bins, got ${count}.`);
  if (o.range) return linspace(prim.like(t, o.range[0]), prim.like(t, o.range[1]), count + 1);
  if (t.size === 0) return linspace(prim.like(t, 0), prim.like(t, 1), count + 1);
  const [low, high] = [min(t), max(t)];
  const isPoint = prim.eq(low, high);
  const half = prim.like(t, 0.5);
  const widen = (e: Tensor, moved: Tensor): Tensor => prim.select(isPoint, moved, e);
  return linspace(widen(low, prim.sub(low, half)), widen(high, prim.add(high, half)), count + 1);
}

/**
 * Counts of elements in bins, and the edges: `[counts, edges]`. The last bin includes its right edge.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * const [counts, edges] = np.histogram([1, 2, 2, 4], { bins: [0, 2, 4] });
 * console.log(counts.toArray(), edges.toArray()); // => [ 1, 3 ] [ 0, 2, 4 ]
 * ```
 */
export function histogram(
  x: TensorLike,
  bins?: number | TensorLike | HistogramOptions,
  options?: HistogramOptions,
): [Tensor, Tensor] {
  const o = optionsOf<HistogramOptions>('histogram', 'bins', bins, options, histogramKeys);
  const edges = histogramBinEdges(x, o);
  const [t] = promoteToFloat(ravel(x)) as [Tensor];
  const n = edges.size - 1;
  const found = prim.sub(searchsorted(edges, t, 'right'), prim.like(prim.convert(asTensor(0), 'int32'), 1));
  const last = prim.reshape(prim.sliceAxis(edges, 0, n, n + 1), []);
  // The right edge belongs to the last bin; what lies left of all edges goes out of bounds at the end.
  const at = prim.select(prim.eq(t, last), prim.like(found, n - 1), found);
  const inside = prim.select(prim.lt(at, prim.like(at, 0)), prim.like(at, n + 1), at);
  const weights =
    o.weights === undefined || o.weights === null
      ? prim.broadcastTo(prim.like(t, 1), t.shape)
      : promoteToFloat(ravel(o.weights))[0]!;
  const counts = scatterCounts(inside, weights, n);
  if (!o.density) return [counts, edges];
  return [prim.div(prim.div(counts, diff(edges)), sum(counts)), edges];
}

/** Counts of pairs in a grid of bins: `[counts, xEdges, yEdges]`. */
export function histogram2d(
  x: TensorLike,
  y: TensorLike,
  options?: { readonly bins?: number | readonly [number, number]; readonly weights?: TensorLike | null },
): [Tensor, Tensor, Tensor] {
  checkOptions('histogram2d', options, ['bins', 'weights']);
  const bins = options?.bins ?? 10;
  const [m, n] = typeof bins === 'number' ? [bins, bins] : bins;
  const [a, b] = promoteToFloat(ravel(x), ravel(y)) as [Tensor, Tensor];
  const [xe, ye] = [histogramBinEdges(a, m), histogramBinEdges(b, n)];
  const place = (t: Tensor, edges: Tensor, count: number): Tensor => {
    const k = searchsorted(edges, t, 'right');
    return prim.clamp(prim.like(k, 0), prim.sub(k, prim.like(k, 1)), prim.like(k, count - 1));
  };
  const row = place(a, xe, m);
  const flat = prim.add(prim.mul(row, prim.like(row, n)), place(b, ye, n));
  const weights = options?.weights
    ? promoteToFloat(ravel(options.weights))[0]!
    : prim.broadcastTo(prim.like(a, 1), a.shape);
  return [prim.reshape(scatterCounts(flat, weights, m * n), [m, n]), xe, ye];
}

/**
 * Order statistics and covariance.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { isHalf } from '../../ir/dtype.ts';
import { ShapeError } from '../../ir/errors.ts';
import { normalizeAxes } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { viaFloat32 } from '../halves.ts';
import { asTensor, promoteToFloat, type TensorLike } from '../lift.ts';
import { checkChoice, optionsOf } from '../options.ts';
import { concatenate } from './joining.ts';
import { atleast2d, range, transpose } from './movement.ts';
import { dot } from './products.ts';
import { average, type Axis, type AxisOptions, mean } from './reductions.ts';
import { isnan } from './unary.ts';

export interface QuantileOptions extends AxisOptions {
  /** Between two elements: `'linear'` (default), `'lower'`, `'higher'`, `'midpoint'` or `'nearest'`. */
  readonly method?: 'linear' | 'lower' | 'higher' | 'midpoint' | 'nearest' | undefined;
}

const methods = ['linear', 'lower', 'higher', 'midpoint', 'nearest'];

/** Reduced axes merged into one at the end. */
function mergeToEnd(t: Tensor, axes: readonly number[]): Tensor {
  const kept = range(t.ndim).filter((d) => !axes.includes(d));
  const n = axes.reduce((product, a) => product * t.shape[a]!, 1);
  return prim.reshape(prim.transpose(t, [...kept, ...axes]), [...kept.map((d) => t.shape[d]!), n]);
}

/** Weight-mixed elements of sorted lines at fractional positions; `count` numbers take part in each line. */
function atFraction(sorted: Tensor, q: Tensor, count: Tensor, method: string): Tensor {
  const lines = sorted.shape.slice(0, -1);
  // [q…, lines…]
  const shape = [...q.shape, ...lines];
  const stretch = (t: Tensor): Tensor => prim.broadcastTo(prim.reshape(t, [...t.shape, ...lines.map(() => 1)]), shape);
  const last = prim.broadcastTo(prim.sub(count, prim.like(count, 1)), shape);
  const at = prim.mul(stretch(q), last);
  const clampAt = (t: Tensor): Tensor => prim.max(prim.min(t, last), prim.like(t, 0));
  const [low, high] = [prim.floor(at), prim.ceil(at)];
  const weight = prim.sub(at, low);
  const element = (position: Tensor): Tensor => {
    const rows = prim.reshape(prim.convert(clampAt(position), 'int32'), [q.size, ...lines]);
    const flat = prim.moveAxis(rows, 0, rows.ndim - 1);
    const taken = prim.takeAlongAxis(prim.reshape(sorted, sorted.shape), flat, sorted.ndim - 1);
    return prim.reshape(prim.moveAxis(taken, taken.ndim - 1, 0), shape);
  };
  if (method === 'lower') return element(low);
  if (method === 'higher') return element(high);
  if (method === 'nearest') return element(prim.round(at));
  const w = method === 'midpoint' ? prim.broadcastTo(prim.like(weight, 0.5), shape) : weight;
  const [below, above] = [element(low), element(high)];
  const isSame = prim.eq(low, high);
  const mixed = prim.add(prim.mul(below, prim.sub(prim.like(w, 1), w)), prim.mul(above, w));
  // Not mixed where both are one element: an infinity times the weight 0 would be NaN.
  return prim.select(isSame, below, mixed);
}

interface Quantiles {
  readonly op: string;
  readonly ignoresNan: boolean;
  /** What q is given in: 100 for percent. */
  readonly unit?: number;
}

/** Positions have more digits than 16-bit floats. */
function quantiles(how: Quantiles, x: TensorLike, q: TensorLike, o: QuantileOptions): Tensor {
  const { op, unit = 1 } = how;
  checkChoice(op, 'method', o.method ?? 'linear', methods);
  const [t, promoted] = promoteToFloat(x, q) as [Tensor, Tensor];
  return viaFloat32(
    (s, p) => quantilesOf(how, s!, unit === 1 ? p! : prim.div(p!, prim.like(p!, unit)), o),
    t,
    isHalf(t.dtype) ? asTensor(q) : promoted,
  );
}

function quantilesOf({ op, ignoresNan }: Quantiles, t: Tensor, p: Tensor, o: QuantileOptions): Tensor {
  const axes = normalizeAxes(op, o.axis, t.ndim);
  const lines = mergeToEnd(t, axes);
  const last = lines.ndim - 1;
  if (lines.shape[last] === 0) throw new ShapeError(`${op}: expected at least one element, got ${t.aval.toString()}.`);
  const hasNan = isnan(lines);
  const sorted = prim.sort([lines], { dimension: last, numKeys: 1, isStable: true })[0]!;
  const total = prim.like(lines, lines.shape[last]!);
  const missing = prim.reduceSum(prim.convert(hasNan, lines.dtype), [last]);
  const count = ignoresNan ? prim.sub(total, missing) : total;
  const found = atFraction(sorted, p, count, o.method ?? 'linear');
  const isInvalid = ignoresNan ? prim.le(count, prim.like(count, 0)) : prim.reduceOr(hasNan, [last]);
  const result = prim.select(prim.broadcastTo(isInvalid, found.shape), prim.like(found, Number.NaN), found);
  if (!o.keepdims) return result;
  return prim.reshape(result, [...p.shape, ...t.shape.map((n, d) => (axes.includes(d) ? 1 : n))]);
}

const quantileKeys = ['axis', 'keepdims', 'method'] as const;
const quantileOptions = (
  op: string,
  axis: Axis | QuantileOptions | undefined,
  options: QuantileOptions | undefined,
): QuantileOptions => optionsOf<QuantileOptions>(op, 'axis', axis, options, quantileKeys);

/**
 * The value below which a fraction q of the elements lies; NaN if one is NaN. Axes of q come first in the result.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.quantile([1, 2, 3, 4], 0.5).item()); // => 2.5
 * ```
 */
export const quantile = (
  x: TensorLike,
  q: TensorLike,
  axis?: Axis | QuantileOptions,
  options?: QuantileOptions,
): Tensor => quantiles({ op: 'quantile', ignoresNan: false }, x, q, quantileOptions('quantile', axis, options));

/** As {@link quantile}, with q in percent. */
export const percentile = (
  x: TensorLike,
  q: TensorLike,
  axis?: Axis | QuantileOptions,
  options?: QuantileOptions,
): Tensor =>
  quantiles({ op: 'percentile', ignoresNan: false, unit: 100 }, x, q, quantileOptions('percentile', axis, options));

/** The middle element, or the mean of the two middle ones; NaN if an element is NaN. */
export const median = (x: TensorLike, axis?: Axis | AxisOptions, options?: AxisOptions): Tensor =>
  quantiles({ op: 'median', ignoresNan: false }, x, 0.5, quantileOptions('median', axis, options));

/** Quantile of the elements that are not NaN. */
export const nanquantile = (
  x: TensorLike,
  q: TensorLike,
  axis?: Axis | QuantileOptions,
  options?: QuantileOptions,
): Tensor => quantiles({ op: 'nanquantile', ignoresNan: true }, x, q, quantileOptions('nanquantile', axis, options));

/** Percentile of the elements that are not NaN. */
export const nanpercentile = (
  x: TensorLike,
  q: TensorLike,
  axis?: Axis | QuantileOptions,
  options?: QuantileOptions,
): Tensor =>
  quantiles(
    { op: 'nanpercentile', ignoresNan: true, unit: 100 },
    x,
    q,
    quantileOptions('nanpercentile', axis, options),
  );

/** Median of the elements that are not NaN. */
export const nanmedian = (x: TensorLike, axis?: Axis | AxisOptions, options?: AxisOptions): Tensor =>
  quantiles({ op: 'nanmedian', ignoresNan: true }, x, 0.5, quantileOptions('nanmedian', axis, options));

export interface CovOptions {
  /** Rows are variables (default), or columns. */
  readonly rowvar?: boolean | undefined;
  /** Divide by n instead of n − 1. */
  readonly bias?: boolean | undefined;
  readonly ddof?: number | null | undefined;
  /** How often each observation counts. */
  readonly fweights?: TensorLike | null | undefined;
  /** Importance of each observation. */
  readonly aweights?: TensorLike | null | undefined;
}

const covKeys = ['rowvar', 'bias', 'ddof', 'fweights', 'aweights'] as const;

/**
 * Covariance matrix of variables in rows.
 * @param y more variables
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.cov([[1, 2, 3], [3, 2, 1]]).toArray()); // => [ [ 1, -1 ], [ -1, 1 ] ]
 * ```
 */
export function cov(x: TensorLike, y?: TensorLike | CovOptions | null, options?: CovOptions): Tensor {
  const o = optionsOf<CovOptions & { y?: TensorLike | null }>('cov', 'y', y ?? undefined, options, [...covKeys, 'y']);
  return viaFloat32((a, b) => covariance(a!, b, o), ...variables(x, o.y));
}

/** One or two operands in one float dtype. */
const variables = (x: TensorLike, y: TensorLike | null | undefined): Tensor[] =>
  y === undefined || y === null ? promoteToFloat(x) : promoteToFloat(x, y);

function covariance(x: Tensor, y: Tensor | undefined, o: CovOptions): Tensor {
  const rows = (t: Tensor): Tensor => {
    if (t.ndim > 2) throw new ShapeError(`cov: expected at most two axes, got ${t.aval.toString()}.`);
    const two = atleast2d(t);
    return o.rowvar === false && t.ndim === 2 ? transpose(two) : two;
  };
  const data = y === undefined ? rows(x) : concatenate([rows(x), rows(y)], 0);
  const n = data.shape[1]!;
  const weight = [o.fweights, o.aweights].flatMap((w) =>
    w === undefined || w === null ? [] : [prim.convert(asTensor(w), data.dtype)],
  );
  const ddof = o.ddof ?? (o.bias ? 0 : 1);
  const [averages, divisor] =
    weight.length === 0 ? plainMoments(data, n - ddof) : weightedMoments(data, weight, o, ddof);
  const centred = prim.sub(data, prim.reshape(averages, [data.shape[0]!, 1]));
  const scaled = weight.reduce((t, w) => prim.mul(t, w), centred);
  const matrix = prim.div(dot(scaled, transpose(centred)), divisor);
  return data.shape[0] === 1 ? prim.reshape(matrix, []) : matrix;
}

const plainMoments = (data: Tensor, divisor: number): [Tensor, Tensor] => [mean(data, 1), prim.like(data, divisor)];

function weightedMoments(data: Tensor, weights: readonly Tensor[], o: CovOptions, ddof: number): [Tensor, Tensor] {
  const w = weights.reduce(prim.mul);
  const total = prim.reduceSum(w, [0]);
  const averages = average(data, { axis: 1, weights: w });
  if (ddof === 0) return [averages, total];
  if (o.aweights === undefined || o.aweights === null) return [averages, prim.sub(total, prim.like(total, ddof))];
  const aw = prim.convert(asTensor(o.aweights), data.dtype);
  const correction = prim.div(prim.mul(prim.like(total, ddof), prim.reduceSum(prim.mul(w, aw), [0])), total);
  return [averages, prim.sub(total, correction)];
}

/** Correlation coefficients of variables in rows: covariances over the standard deviations, clipped to [−1, 1]. */
export function corrcoef(
  x: TensorLike,
  y?: TensorLike | { readonly rowvar?: boolean } | null,
  options?: { readonly rowvar?: boolean },
): Tensor {
  const o = optionsOf<{ rowvar?: boolean; y?: TensorLike | null }>('corrcoef', 'y', y ?? undefined, options, [
    'rowvar',
    'y',
  ]);
  return viaFloat32((a, b) => correlation(covariance(a!, b, { rowvar: o.rowvar })), ...variables(x, o.y));
}

function correlation(c: Tensor): Tensor {
  if (c.ndim === 0) return prim.div(c, c);
  const n = c.shape[0]!;
  const deviations = prim.sqrt(
    prim.reshape(prim.sliceAxis(prim.reshape(c, [n * n]), 0, 0, (n - 1) * (n + 1) + 1, n + 1), [n]),
  );
  const scaled = prim.div(prim.div(c, prim.reshape(deviations, [n, 1])), prim.reshape(deviations, [1, n]));
  return prim.min(prim.max(scaled, prim.like(c, -1)), prim.like(c, 1));
}

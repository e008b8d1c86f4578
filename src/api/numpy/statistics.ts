/**
 * Order statistics, covariance, differences, histograms and interpolation.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { normalizeAxes, normalizeAxis } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { asTensor, promoteToFloat, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import { checkChoice, checkOptions, optionsOf } from '../options.ts';
import { concatenate } from './joining.ts';
import { where } from './logic.ts';
import { atleast2d, moveaxis, range, ravel, transpose } from './movement.ts';
import { dot } from './products.ts';
import { average, type Axis, type AxisOptions, mean } from './reductions.ts';
import { gatherAxis } from './static-take.ts';
import { isnan, toFloat } from './unary.ts';

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

function quantiles(op: string, x: TensorLike, q: TensorLike, o: QuantileOptions, ignoresNan: boolean): Tensor {
  checkChoice(op, 'method', o.method ?? 'linear', methods);
  const [t, p] = promoteToFloat(x, q) as [Tensor, Tensor];
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
const percent = (q: TensorLike): Tensor => {
  const [t] = promoteToFloat(q) as [Tensor];
  return prim.div(t, prim.like(t, 100));
};

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
): Tensor => quantiles('quantile', x, q, quantileOptions('quantile', axis, options), false);

/** As {@link quantile}, with q in percent. */
export const percentile = (
  x: TensorLike,
  q: TensorLike,
  axis?: Axis | QuantileOptions,
  options?: QuantileOptions,
): Tensor => quantiles('percentile', x, percent(q), quantileOptions('percentile', axis, options), false);

/** The middle element, or the mean of the two middle ones; NaN if an element is NaN. */
export const median = (x: TensorLike, axis?: Axis | AxisOptions, options?: AxisOptions): Tensor =>
  quantiles('median', x, 0.5, quantileOptions('median', axis, options), false);

/** Quantile of the elements that are not NaN. */
export const nanquantile = (
  x: TensorLike,
  q: TensorLike,
  axis?: Axis | QuantileOptions,
  options?: QuantileOptions,
): Tensor => quantiles('nanquantile', x, q, quantileOptions('nanquantile', axis, options), true);

/** Percentile of the elements that are not NaN. */
export const nanpercentile = (
  x: TensorLike,
  q: TensorLike,
  axis?: Axis | QuantileOptions,
  options?: QuantileOptions,
): Tensor => quantiles('nanpercentile', x, percent(q), quantileOptions('nanpercentile', axis, options), true);

/** Median of the elements that are not NaN. */
export const nanmedian = (x: TensorLike, axis?: Axis | AxisOptions, options?: AxisOptions): Tensor =>
  quantiles('nanmedian', x, 0.5, quantileOptions('nanmedian', axis, options), true);

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
  const rows = (m: TensorLike): Tensor => {
    const t = asTensor(m);
    if (t.ndim > 2) throw new ShapeError(`cov: expected at most two axes, got ${t.aval.toString()}.`);
    const two = atleast2d(toFloat(t));
    return o.rowvar === false && t.ndim === 2 ? transpose(two) : two;
  };
  const data = o.y === undefined || o.y === null ? rows(x) : concatenate([rows(x), rows(o.y)], 0);
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
  const c = cov(x, o.y ?? null, { rowvar: o.rowvar });
  if (c.ndim === 0) return prim.div(c, c);
  const n = c.shape[0]!;
  const deviations = prim.sqrt(
    prim.reshape(prim.sliceAxis(prim.reshape(c, [n * n]), 0, 0, (n - 1) * (n + 1) + 1, n + 1), [n]),
  );
  const scaled = prim.div(prim.div(c, prim.reshape(deviations, [n, 1])), prim.reshape(deviations, [1, n]));
  return prim.min(prim.max(scaled, prim.like(c, -1)), prim.like(c, 1));
}

export interface DiffOptions {
  /** How many times; 1. */
  readonly n?: number | undefined;
  readonly axis?: number | undefined;
  readonly prepend?: TensorLike | undefined;
  readonly append?: TensorLike | undefined;
}

/**
 * Differences of neighbours along an axis (the last).
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.diff([1, 4, 9]).toArray()); // => [ 3, 5 ]
 * ```
 */
export function diff(x: TensorLike, n?: number | DiffOptions, options?: number | DiffOptions): Tensor {
  const o = readOptions<DiffOptions>('diff', ['n', 'axis', 'prepend', 'append'], [n, options]);
  let t = asTensor(x);
  const axis = normalizeAxis('diff', o.axis ?? -1, t.ndim);
  const piece = (v: TensorLike | undefined): Tensor[] => {
    if (v === undefined) return [];
    const p = asTensor(v);
    return [
      p.ndim === 0
        ? prim.broadcastTo(
            p,
            t.shape.map((m, d) => (d === axis ? 1 : m)),
          )
        : p,
    ];
  };
  t = concatenate([...piece(o.prepend), t, ...piece(o.append)], axis);
  for (let k = 0; k < (o.n ?? 1); k++) {
    const m = t.shape[axis]!;
    const [after, before] = [
      prim.sliceAxis(t, axis, Math.min(1, m), m),
      prim.sliceAxis(t, axis, 0, Math.max(0, m - 1)),
    ];
    t = t.dtype === 'bool' ? prim.ne(after, before) : prim.sub(after, before);
  }
  return t;
}

/** Differences of neighbours of the flattened array, with parts put before and after. */
export function ediff1d(
  x: TensorLike,
  options?: { readonly toEnd?: TensorLike; readonly toBegin?: TensorLike },
): Tensor {
  checkOptions('ediff1d', options, ['toEnd', 'toBegin']);
  const inner = diff(ravel(x));
  const part = (v: TensorLike | undefined): Tensor[] => (v === undefined ? [] : [prim.convert(ravel(v), inner.dtype)]);
  return concatenate([...part(options?.toBegin), inner, ...part(options?.toEnd)]);
}

export interface GradientOptions {
  readonly axis?: number | readonly number[] | null | undefined;
}

/** (x[i+1] − x[i−1]) / 2h inside, one-sided at the ends; with coordinates, the second-order formula for unequal steps. */
function gradientAlong(t: Tensor, axis: number, spacing: TensorLike): Tensor {
  const n = t.shape[axis]!;
  if (n < 2)
    throw new ShapeError(`gradient: expected at least 2 elements along axis ${axis}, got ${t.aval.toString()}.`);
  const part = (start: number, stop: number): Tensor => prim.sliceAxis(t, axis, start, stop);
  const h = prim.convert(asTensor(spacing), t.dtype);
  const [first, last] = [prim.sub(part(1, 2), part(0, 1)), prim.sub(part(n - 1, n), part(n - 2, n - 1))];
  if (h.ndim === 0) {
    const inside = prim.div(prim.sub(part(2, n), part(0, n - 2)), prim.mul(h, prim.like(h, 2)));
    return prim.concatenate([prim.div(first, h), inside, prim.div(last, h)], axis);
  }
  if (h.size !== n)
    throw new ShapeError(`gradient: expected ${n} coordinates along axis ${axis}, got ${h.aval.toString()}.`);
  const steps = prim.reshape(
    prim.sub(prim.sliceAxis(h, 0, 1, n), prim.sliceAxis(h, 0, 0, n - 1)),
    t.shape.map((_, d) => (d === axis ? n - 1 : 1)),
  );
  const step = (start: number, stop: number): Tensor => prim.sliceAxis(steps, axis, start, stop);
  const [a, b] = [step(0, n - 2), step(1, n - 1)];
  const sum = prim.add(a, b);
  const terms = [
    prim.mul(prim.neg(prim.div(b, prim.mul(a, sum))), part(0, n - 2)),
    prim.mul(prim.div(prim.sub(b, a), prim.mul(a, b)), part(1, n - 1)),
    prim.mul(prim.div(a, prim.mul(b, sum)), part(2, n)),
  ];
  return prim.concatenate(
    [prim.div(first, step(0, 1)), terms.reduce(prim.add), prim.div(last, step(n - 2, n - 1))],
    axis,
  );
}

/**
 * Slopes by central differences, one array an axis (an array itself for one axis). Spacings: one number for all axes, or a number or
 * coordinates for each.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.gradient([1, 2, 4, 7], { axis: 0 }).toArray()); // => [ 1, 1.5, 2.5, 3 ]
 * ```
 */
export function gradient(x: TensorLike, options: { readonly axis: number }): Tensor;
export function gradient(x: TensorLike, ...args: (TensorLike | GradientOptions)[]): Tensor | Tensor[];
export function gradient(x: TensorLike, ...args: (TensorLike | GradientOptions)[]): Tensor | Tensor[] {
  const final = args.at(-1);
  const hasOptions = typeof final === 'object' && Object.getPrototypeOf(final) === Object.prototype;
  const options = (hasOptions ? final : {}) as GradientOptions;
  checkOptions('gradient', options, ['axis']);
  const spacings = (hasOptions ? args.slice(0, -1) : args) as TensorLike[];
  const t = toFloat(asTensor(x));
  const listed = typeof options.axis === 'number' ? [options.axis] : options.axis;
  const axes = listed ? listed.map((a) => normalizeAxis('gradient', a, t.ndim)) : range(t.ndim);
  if (spacings.length > 1 && spacings.length !== axes.length) {
    throw new ArgumentError(`gradient: expected one spacing or ${axes.length}, got ${spacings.length}.`);
  }
  const out = axes.map((axis, i) => gradientAlong(t, axis, spacings[spacings.length > 1 ? i : 0] ?? 1));
  return out.length === 1 ? out[0]! : out;
}

export interface TrapezoidOptions {
  /** Coordinates of the samples. */
  readonly x?: TensorLike | null | undefined;
  /** Their distance without coordinates; 1. */
  readonly dx?: number | undefined;
  readonly axis?: number | undefined;
}

/** Integral along an axis (the last) by the trapezoidal rule. */
export function trapezoid(y: TensorLike, x?: TensorLike | TrapezoidOptions | null, options?: TrapezoidOptions): Tensor {
  const o = optionsOf<TrapezoidOptions>('trapezoid', 'x', x ?? undefined, options, ['x', 'dx', 'axis']);
  const hasX = o.x !== undefined && o.x !== null;
  const [t, c] = (hasX ? promoteToFloat(y, o.x!) : promoteToFloat(y, o.dx ?? 1)) as [Tensor, Tensor];
  const axis = normalizeAxis('trapezoid', o.axis ?? -1, t.ndim);
  const lines = prim.moveAxis(t, axis, t.ndim - 1);
  const last = lines.ndim - 1;
  const n = lines.shape[last]!;
  const sums = prim.add(
    prim.sliceAxis(lines, last, Math.min(1, n), n),
    prim.sliceAxis(lines, last, 0, Math.max(0, n - 1)),
  );
  const widths = hasX ? (c.ndim === 1 ? diff(c) : moveaxis(diff(c, { axis }), axis, -1)) : c;
  const areas = prim.mul(prim.mul(sums, widths), prim.like(t, 0.5));
  return prim.reduceSum(areas, [areas.ndim - 1]);
}

export interface InterpOptions {
  /** Below the first coordinate; its value. */
  readonly left?: TensorLike | null | undefined;
  /** Above the last coordinate; its value. */
  readonly right?: TensorLike | null | undefined;
}

/**
 * Piecewise linear interpolation at x between points (xp, fp), with xp ascending; constant outside.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.interp([1.5, 9], [1, 2, 3], [10, 20, 30]).toArray()); // => [ 15, 30 ]
 * ```
 */
export function interp(x: TensorLike, xp: TensorLike, fp: TensorLike, options?: InterpOptions): Tensor {
  checkOptions('interp', options, ['left', 'right']);
  const [t, a, f] = promoteToFloat(x, xp, fp) as [Tensor, Tensor, Tensor];
  if (a.ndim !== 1 || f.ndim !== 1 || a.size !== f.size || a.size === 0) {
    throw new ShapeError(
      `interp: expected vectors of one length for xp and fp, got ${a.aval.toString()} and ${f.aval.toString()}.`,
    );
  }
  const n = a.size;
  const above = prim.convert(
    prim.reduceSum(prim.convert(prim.le(a, prim.reshape(t, [...t.shape, 1])), 'int32'), [t.ndim]),
    'int32',
  );
  const i = prim.clamp(prim.like(above, Math.min(1, n - 1)), above, prim.like(above, n - 1));
  const before = prim.max(prim.sub(i, prim.like(i, 1)), prim.like(i, 0));
  const at = (v: Tensor, k: Tensor): Tensor => gatherAxis(v, k, 0, 'clip');
  const [x0, y0] = [at(a, before), at(f, before)];
  const [dx, dy] = [prim.sub(at(a, i), x0), prim.sub(at(f, i), y0)];
  const isFlat = prim.eq(dx, prim.like(dx, 0));
  const slope = prim.div(dy, prim.select(isFlat, prim.like(dx, 1), dx));
  const inside = prim.select(isFlat, y0, prim.add(y0, prim.mul(prim.sub(t, x0), slope)));
  const end = (k: number): Tensor => prim.reshape(prim.sliceAxis(f, 0, k, k + 1), []);
  const edge = (k: number): Tensor => prim.reshape(prim.sliceAxis(a, 0, k, k + 1), []);
  const low = where(prim.lt(t, edge(0)), options?.left ?? end(0), inside);
  return where(prim.gt(t, edge(n - 1)), options?.right ?? end(n - 1), low);
}

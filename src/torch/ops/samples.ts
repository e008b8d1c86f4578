/**
 * Figures of samples: covariances, histograms, integrals, distances.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { normalizeAxis } from '../../ir/shape.ts';
import * as prim from '../../primitives/index.ts';
import * as np from '../../api/numpy/index.ts';
import type { Tensor } from '../tensor.ts';
import { sub } from './arithmetic.ts';
import { type TensorLike, toTensor, withParams } from './define.ts';
import { type Arguments, type Named, named, readArguments } from './named.ts';
import { unsqueeze } from './shape.ts';
import { norm } from './statistics.ts';

export interface CovOptions {
  /** Taken from the number of observations in the divisor; 1. */
  readonly correction?: number | undefined;
}

const covOf = withParams<number>('cov', ([x], correction) => np.cov(x!, { ddof: correction }));

/** The covariance matrix of variables in rows. */
export const cov: Named<CovOptions, ['correction']> = named(
  'cov',
  ['correction'],
  (x, { correction = 1 }: CovOptions) => covOf([x], correction),
);

const correlations = withParams<null>('corrcoef', ([x]) => np.corrcoef(x!));
/** The correlation coefficients of variables in rows. */
export const corrcoef = (x: TensorLike): Tensor => correlations([x], null);

export interface HistcOptions {
  /** Number of bins; 100. */
  readonly bins?: number | undefined;
  readonly min?: number | undefined;
  /** If it equals `min`, the extremes of the elements are taken. */
  readonly max?: number | undefined;
}

interface Bins {
  readonly bins: number;
  readonly min: number;
  readonly max: number;
}

const bucketCounts = withParams<Bins>('histc', ([x], { bins, min, max }) => {
  const t = prim.stopGradientOf(x!);
  const [counts] = np.histogram(t, { bins, range: min === max ? null : [min, max] });
  return prim.convert(counts, t.dtype);
});

/** How many elements lie in each of some bins of equal width; what lies outside is not counted. */
export const histc: Named<HistcOptions, ['bins', 'min', 'max']> = named(
  'histc',
  ['bins', 'min', 'max'],
  (x, { bins = 100, min = 0, max = 0 }: HistcOptions) => bucketCounts([x], { bins, min, max }),
);

export interface TrapezoidOptions {
  /** Coordinates of the samples. */
  readonly x?: TensorLike | undefined;
  /** Their distance without coordinates; 1. */
  readonly dx?: number | undefined;
  readonly dim?: number | undefined;
}

interface Spacing {
  readonly dx: number;
  readonly axis: number;
}

function integral(op: string, f: (areas: ReturnType<typeof np.multiply>, axis: number) => typeof areas) {
  const apply = withParams<Spacing>(op, ([y, x], { dx, axis }) => {
    const n = y!.shape[axis]!;
    const sums = np.add(prim.sliceAxis(y!, axis, Math.min(1, n), n), prim.sliceAxis(y!, axis, 0, Math.max(0, n - 1)));
    if (x === undefined) return f(np.multiply(sums, dx / 2), axis);
    const widths = x.ndim === 1 ? np.diff(x) : np.diff(x, { axis });
    const shape = sums.shape.map((m, i) => (i === axis ? m : 1));
    const along = x.ndim === 1 ? prim.reshape(widths, shape) : widths;
    return f(np.multiply(np.multiply(sums, along), 0.5), axis);
  });
  return named<TrapezoidOptions, ['x', 'dx', 'dim']>(op, ['x', 'dx', 'dim'], (y, { x, dx = 1, dim = -1 }) => {
    const tensor = toTensor(y);
    return apply(x === undefined ? [tensor] : [tensor, x], { dx, axis: normalizeAxis(op, dim, tensor.ndim) });
  });
}

type Integral = Named<TrapezoidOptions, ['x', 'dx', 'dim']>;

/** ∫y dx along a dimension by the trapezoidal rule. */
export const trapezoid: Integral = integral('trapezoid', (areas, axis) => np.sum(areas, { axis }));
export const trapz: Integral = trapezoid;
/** The integrals up to each sample but the first. */
export const cumulativeTrapezoid: Integral = integral('cumulativeTrapezoid', (areas, axis) => np.cumsum(areas, axis));

export interface CdistOptions {
  /** Order of the norm; 2. */
  readonly p?: number | undefined;
}

/** Distances of every row of x to every row of y: `[..., m, d]` and `[..., n, d]` give `[..., m, n]`. */
export const cdist = (x: TensorLike, y: TensorLike, ...args: Arguments<CdistOptions, ['p']>): Tensor =>
  norm(sub(unsqueeze(x, -2), unsqueeze(y, -3)), readArguments<CdistOptions>('cdist', ['p'], args).p ?? 2, -1);

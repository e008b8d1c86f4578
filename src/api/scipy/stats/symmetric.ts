/**
 * Distributions on the whole line: normal, Student's t, Laplace, Cauchy, logistic, Gumbel, generalised normal.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import type { TensorLike } from '../../lift.ts';
import { logaddexp } from '../../numpy/binary.ts';
import { add, div, gt, le, lt, mul, pow, square, sub, where } from '../arithmetic.ts';
import { logitOf, logNdtrAt, ndtriOf, ndtrOf } from '../error-functions.ts';
import { type Distribution, distribution, type Shaped, type Standard } from './distribution.ts';

const { neg, log, exp } = prim;
const locScale = ['loc', 'scale'];
const standardized = (x: Tensor, loc: Tensor, scale: Tensor): Tensor => div(sub(x, loc), scale);
const onlyIf = (c: Tensor, x: Tensor): Tensor => where(c, x, Number.NaN);

/**
 * The normal distribution.
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * console.log(scipy.stats.norm.cdf(0).item()); // => 0.5
 * console.log(scipy.stats.norm.logpdf(1, { scale: 2 }).item().toFixed(4)); // => -1.7371
 * ```
 */
export const norm: Distribution<Standard, 'logpdf' | 'pdf' | 'cdf' | 'logcdf' | 'sf' | 'logsf' | 'ppf' | 'isf'> =
  distribution('norm', locScale, {
    logpdf: (x, loc, scale) => {
      const variance = square(scale);
      return div(add(log(mul(variance, 2 * Math.PI)), div(square(sub(x, loc)), variance)), -2);
    },
    cdf: (x, loc, scale) => ndtrOf(standardized(x, loc, scale)),
    logcdf: (x, loc, scale) => logNdtrAt(standardized(x, loc, scale)),
    sf: (x, loc, scale) => ndtrOf(standardized(neg(x), neg(loc), scale)),
    logsf: (x, loc, scale) => logNdtrAt(standardized(neg(x), neg(loc), scale)),
    ppf: (q, loc, scale) => add(mul(ndtriOf(q), scale), loc),
    isf: (q, loc, scale) => add(mul(ndtriOf(sub(1, q)), scale), loc),
  });

/** Student's t distribution with `df` degrees of freedom. */
export const t: Distribution<Shaped<'df'>, 'logpdf' | 'pdf'> = distribution('t', ['df', ...locScale], {
  logpdf: (x, df, loc, scale) => {
    const half = div(df, 2);
    const more = add(half, 0.5);
    const width = div(log(mul(mul(square(scale), Math.PI), df)), 2);
    const normalizer = sub(add(prim.lgamma(half), width), prim.lgamma(more));
    return neg(add(normalizer, mul(more, prim.log1p(div(square(standardized(x, loc, scale)), df)))));
  },
});

/** The Laplace distribution. */
export const laplace: Distribution<Standard, 'logpdf' | 'pdf' | 'cdf'> = distribution('laplace', locScale, {
  logpdf: (x, loc, scale) => neg(add(div(prim.abs(sub(x, loc)), scale), log(mul(scale, 2)))),
  cdf: (x, loc, scale) => {
    const d = standardized(x, loc, scale);
    return where(le(d, 0), mul(exp(d), 0.5), sub(1, mul(exp(neg(d)), 0.5)));
  },
});

const cauchyCdf = (x: Tensor, loc: Tensor, scale: Tensor): Tensor =>
  add(mul(prim.atan(standardized(x, loc, scale)), 1 / Math.PI), 0.5);

/** The Cauchy distribution. */
export const cauchy: Distribution<Standard, 'logpdf' | 'pdf' | 'cdf' | 'logcdf' | 'sf' | 'logsf' | 'ppf' | 'isf'> =
  distribution('cauchy', locScale, {
    logpdf: (x, loc, scale) => neg(add(log(mul(scale, Math.PI)), prim.log1p(square(standardized(x, loc, scale))))),
    cdf: cauchyCdf,
    logcdf: (x, loc, scale) => log(cauchyCdf(x, loc, scale)),
    sf: (x, loc, scale) => cauchyCdf(neg(x), neg(loc), scale),
    logsf: (x, loc, scale) => log(cauchyCdf(neg(x), neg(loc), scale)),
    ppf: (q, loc, scale) => add(mul(prim.tan(sub(mul(q, Math.PI), Math.PI / 2)), scale), loc),
    isf: (q, loc, scale) => add(mul(prim.tan(sub(Math.PI / 2, mul(q, Math.PI))), scale), loc),
  });

/** The logistic distribution. */
export const logistic: Distribution<Standard, 'logpdf' | 'pdf' | 'cdf' | 'sf' | 'ppf' | 'isf'> = distribution(
  'logistic',
  locScale,
  {
    logpdf: (x, loc, scale) => {
      const half = div(standardized(x, loc, scale), 2);
      return sub(mul(logaddexp(half, neg(half)), -2), log(scale));
    },
    cdf: (x, loc, scale) => prim.logistic(standardized(x, loc, scale)),
    sf: (x, loc, scale) => prim.logistic(neg(standardized(x, loc, scale))),
    ppf: (q, loc, scale) => add(mul(logitOf(q), scale), loc),
    isf: (q, loc, scale) => add(mul(neg(logitOf(q)), scale), loc),
  },
);

const isProbability = (p: Tensor): Tensor => prim.and(gt(p, 0), lt(p, 1));
type Gumbel = Distribution<Standard, 'logpdf' | 'pdf' | 'logcdf' | 'cdf' | 'logsf' | 'sf' | 'ppf'>;

/** Gumbel's distribution of the largest of many: cdf exp(−e^(−z)). */
export const gumbelR: Gumbel = distribution('gumbelR', locScale, {
  logpdf: (x, loc, scale) => {
    const z = standardized(x, loc, scale);
    return onlyIf(gt(scale, 0), sub(neg(log(scale)), add(z, exp(neg(z)))));
  },
  logcdf: (x, loc, scale) => onlyIf(gt(scale, 0), neg(exp(neg(standardized(x, loc, scale))))),
  cdf: (x, loc, scale) => exp(onlyIf(gt(scale, 0), neg(exp(neg(standardized(x, loc, scale)))))),
  // 1 − e^(−u) = −expm1(−u)
  sf: (x, loc, scale) => onlyIf(gt(scale, 0), neg(prim.expm1(neg(exp(neg(standardized(x, loc, scale))))))),
  logsf: (x, loc, scale) => onlyIf(gt(scale, 0), log(neg(prim.expm1(neg(exp(neg(standardized(x, loc, scale)))))))),
  ppf: (p, loc, scale) => onlyIf(isProbability(p), sub(loc, mul(scale, log(neg(log(p)))))),
});

/** Gumbel's distribution of the smallest of many: survival function exp(−e^z). */
export const gumbelL: Gumbel = distribution('gumbelL', locScale, {
  logpdf: (x, loc, scale) => {
    const z = standardized(x, loc, scale);
    return onlyIf(gt(scale, 0), add(neg(log(scale)), sub(z, exp(z))));
  },
  logcdf: (x, loc, scale) => onlyIf(gt(scale, 0), log(neg(prim.expm1(neg(exp(standardized(x, loc, scale))))))),
  cdf: (x, loc, scale) => onlyIf(gt(scale, 0), neg(prim.expm1(neg(exp(standardized(x, loc, scale)))))),
  logsf: (x, loc, scale) => onlyIf(gt(scale, 0), neg(exp(standardized(x, loc, scale)))),
  sf: (x, loc, scale) => exp(onlyIf(gt(scale, 0), neg(exp(standardized(x, loc, scale))))),
  ppf: (p, loc, scale) => onlyIf(isProbability(p), add(loc, mul(scale, log(neg(prim.log1p(neg(p))))))),
});

type OfBeta = (x: TensorLike, beta: TensorLike | { readonly beta: TensorLike }) => Tensor;

/** The generalised normal distribution: density proportional to exp(−|x|^β). */
export const gennorm: Distribution<OfBeta, 'logpdf' | 'pdf' | 'cdf'> = distribution('gennorm', ['beta'], {
  logpdf: (x, beta) => sub(sub(log(mul(beta, 0.5)), prim.lgamma(div(1, beta))), pow(prim.abs(x), beta)),
  cdf: (x, beta) => mul(add(mul(prim.sign(x), prim.igamma(div(1, beta), pow(prim.abs(x), beta))), 1), 0.5),
});

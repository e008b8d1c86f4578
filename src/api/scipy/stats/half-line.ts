/**
 * Distributions on a half line or an interval: gamma, χ², exponential, Pareto, beta, uniform; and two on the circle.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import type { TensorLike } from '../../lift.ts';
import { add, div, either, ge, gt, le, lt, mul, ne, pow, square, sub, where } from '../arithmetic.ts';
import { xlog1pyOf, xlogyOf } from '../entropy.ts';
import { betalnOf } from '../gamma-functions.ts';
import { type Distribution, distribution, type Shaped, type Shaped2, type Standard } from './distribution.ts';

const { neg, log, exp } = prim;
const locScale = ['loc', 'scale'];
const standardized = (x: Tensor, loc: Tensor, scale: Tensor): Tensor => div(sub(x, loc), scale);
const between = (x: Tensor, low: number, high: number): Tensor => prim.clamp(prim.like(x, low), x, prim.like(x, high));
/** NaN where q is not a probability. */
const quantile = (q: Tensor, x: Tensor): Tensor => where(either(ne(q, q), lt(q, 0), gt(q, 1)), Number.NaN, x);

const gammaCdf = (x: Tensor, a: Tensor, loc: Tensor, scale: Tensor): Tensor =>
  prim.igamma(a, between(standardized(x, loc, scale), 0, Infinity));

function gammaSf(x: Tensor, a: Tensor, loc: Tensor, scale: Tensor): Tensor {
  const y = standardized(x, loc, scale);
  const isBelow = lt(y, 0);
  return where(isBelow, 1, prim.igammac(a, where(isBelow, 0, y)));
}

type Cumulative = 'cdf' | 'logcdf' | 'sf' | 'logsf';

/** The gamma distribution of shape `a`: density x^(a−1) e^(−x) / Γ(a). */
export const gamma: Distribution<Shaped<'a'>, 'logpdf' | 'pdf' | Cumulative> = distribution(
  'gamma',
  ['a', ...locScale],
  {
    logpdf: (x, a, loc, scale) => {
      const isInside = ge(x, loc);
      const y = where(isInside, standardized(x, loc, scale), 1);
      const value = sub(sub(xlogyOf(sub(a, 1), y), y), add(prim.lgamma(a), log(scale)));
      return where(isInside, value, -Infinity);
    },
    cdf: gammaCdf,
    logcdf: (x, a, loc, scale) => log(gammaCdf(x, a, loc, scale)),
    sf: gammaSf,
    logsf: (x, a, loc, scale) => log(gammaSf(x, a, loc, scale)),
  },
);

const chi2Cdf = (x: Tensor, df: Tensor, loc: Tensor, scale: Tensor): Tensor =>
  prim.igamma(div(df, 2), between(standardized(x, loc, mul(scale, 2)), 0, Infinity));
const chi2Sf = (x: Tensor, df: Tensor, loc: Tensor, scale: Tensor): Tensor =>
  prim.igammac(div(df, 2), between(standardized(x, loc, mul(scale, 2)), 0, Infinity));

/** The χ² distribution with `df` degrees of freedom. */
export const chi2: Distribution<Shaped<'df'>, 'logpdf' | 'pdf' | Cumulative> = distribution(
  'chi2',
  ['df', ...locScale],
  {
    logpdf: (x, df, loc, scale) => {
      const [y, half] = [standardized(x, loc, scale), div(df, 2)];
      const kernel = sub(mul(sub(half, 1), log(y)), div(y, 2));
      const normalizer = neg(add(prim.lgamma(half), mul(half, Math.LN2)));
      return where(lt(x, loc), -Infinity, add(sub(normalizer, log(scale)), kernel));
    },
    cdf: chi2Cdf,
    logcdf: (x, df, loc, scale) => log(chi2Cdf(x, df, loc, scale)),
    sf: chi2Sf,
    logsf: (x, df, loc, scale) => log(chi2Sf(x, df, loc, scale)),
  },
);

const exponLogsf = (x: Tensor, loc: Tensor, scale: Tensor): Tensor => where(lt(x, loc), 0, div(sub(loc, x), scale));

/** The exponential distribution. */
export const expon: Distribution<Standard, 'logpdf' | 'pdf' | Cumulative | 'ppf'> = distribution('expon', locScale, {
  logpdf: (x, loc, scale) => where(lt(x, loc), -Infinity, neg(add(standardized(x, loc, scale), log(scale)))),
  cdf: (x, loc, scale) => where(lt(x, loc), 0, neg(prim.expm1(div(sub(loc, x), scale)))),
  logcdf: (x, loc, scale) => prim.log1p(neg(exp(exponLogsf(x, loc, scale)))),
  sf: (x, loc, scale) => exp(exponLogsf(x, loc, scale)),
  logsf: exponLogsf,
  ppf: (q, loc, scale) => quantile(q, sub(loc, mul(scale, prim.log1p(neg(q))))),
});

const paretoLogsf = (x: Tensor, b: Tensor, loc: Tensor, scale: Tensor): Tensor =>
  where(lt(x, add(loc, scale)), 0, neg(mul(b, log(standardized(x, loc, scale)))));

/** The Pareto distribution: survival function x^(−b) from 1 on. */
export const pareto: Distribution<Shaped<'b'>, 'logpdf' | 'pdf' | Cumulative | 'ppf'> = distribution(
  'pareto',
  ['b', ...locScale],
  {
    logpdf: (x, b, loc, scale) => {
      const value = neg(add(log(div(scale, b)), mul(add(b, 1), log(standardized(x, loc, scale)))));
      return where(lt(x, add(loc, scale)), -Infinity, value);
    },
    cdf: (x, b, loc, scale) => where(lt(x, add(loc, scale)), 0, sub(1, pow(standardized(x, loc, scale), neg(b)))),
    logcdf: (x, b, loc, scale) =>
      where(lt(x, add(loc, scale)), -Infinity, prim.log1p(neg(pow(standardized(x, loc, scale), neg(b))))),
    sf: (x, b, loc, scale) => exp(paretoLogsf(x, b, loc, scale)),
    logsf: paretoLogsf,
    ppf: (q, b, loc, scale) => quantile(q, add(loc, mul(scale, pow(sub(1, q), div(-1, b))))),
  },
);

const betaCdf = (x: Tensor, a: Tensor, b: Tensor, loc: Tensor, scale: Tensor): Tensor =>
  prim.betainc(a, b, between(standardized(x, loc, scale), 0, 1));
const betaSf = (x: Tensor, a: Tensor, b: Tensor, loc: Tensor, scale: Tensor): Tensor =>
  prim.betainc(b, a, sub(1, between(standardized(x, loc, scale), 0, 1)));

/**
 * The beta distribution: density x^(a−1) (1 − x)^(b−1) / B(a, b).
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * console.log(scipy.stats.beta.pdf(0.5, 2, 2).item().toFixed(4)); // => 1.5000
 * ```
 */
export const beta: Distribution<Shaped2<'a', 'b'>, 'logpdf' | 'pdf' | Cumulative> = distribution(
  'beta',
  ['a', 'b', ...locScale],
  {
    logpdf: (x, a, b, loc, scale) => {
      const y = standardized(x, loc, scale);
      const kernel = add(xlogyOf(sub(a, 1), y), xlog1pyOf(sub(b, 1), neg(y)));
      const value = sub(sub(kernel, betalnOf(a, b)), log(scale));
      const inside = where(prim.or(gt(x, add(loc, scale)), lt(x, loc)), -Infinity, value);
      return where(either(le(a, 0), le(b, 0), le(scale, 0)), Number.NaN, inside);
    },
    cdf: betaCdf,
    logcdf: (x, a, b, loc, scale) => log(betaCdf(x, a, b, loc, scale)),
    sf: betaSf,
    logsf: (x, a, b, loc, scale) => log(betaSf(x, a, b, loc, scale)),
  },
);

/** The uniform distribution on [loc, loc + scale]. */
export const uniform: Distribution<Standard, 'logpdf' | 'pdf' | 'cdf' | 'ppf'> = distribution('uniform', locScale, {
  logpdf: (x, loc, scale) => where(prim.or(gt(x, add(loc, scale)), lt(x, loc)), -Infinity, neg(log(scale))),
  cdf: (x, loc, scale) => where(lt(x, loc), 0, where(gt(x, add(loc, scale)), 1, standardized(x, loc, scale))),
  ppf: (q, loc, scale) => quantile(q, add(loc, mul(scale, q))),
});

type OfKappa = (x: TensorLike, kappa: TensorLike | { readonly kappa: TensorLike }) => Tensor;

/** Von Mises' distribution on the circle: density e^(κ cos x) / 2π I₀(κ). */
export const vonmises: Distribution<OfKappa, 'logpdf' | 'pdf'> = distribution('vonmises', ['kappa'], {
  logpdf: (x, kappa) => {
    const value = sub(mul(kappa, sub(prim.cos(x), 1)), log(mul(prim.besselI0e(kappa), 2 * Math.PI)));
    return where(gt(kappa, 0), value, Number.NaN);
  },
});

type OfC = (x: TensorLike, c: TensorLike | { readonly c: TensorLike }) => Tensor;

/** The wrapped Cauchy distribution on [0, 2π]. */
export const wrapcauchy: Distribution<OfC, 'logpdf' | 'pdf'> = distribution('wrapcauchy', ['c'], {
  logpdf: (x, c) => {
    const squared = square(c);
    const spread = log(sub(add(squared, 1), mul(mul(c, 2), prim.cos(x))));
    const value = sub(sub(log(sub(1, squared)), Math.log(2 * Math.PI)), spread);
    const inside = where(prim.and(ge(x, 0), le(x, 2 * Math.PI)), value, -Infinity);
    return where(prim.and(gt(c, 0), lt(c, 1)), inside, Number.NaN);
  },
});

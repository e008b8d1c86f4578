/**
 * Distributions on the integers: Bernoulli, Poisson, binomial, negative and beta binomial, geometric.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import type { TensorLike } from '../../lift.ts';
import { add, either, eq, ge, gt, le, lt, ne, sub, where } from '../arithmetic.ts';
import { xlog1pyOf, xlogyOf } from '../entropy.ts';
import { betalnOf } from '../gamma-functions.ts';
import { type Distribution, distribution } from './distribution.ts';

const { neg, log } = prim;

interface Loc {
  /** Shift of the distribution; 0. */
  readonly loc?: TensorLike;
}

type Named<N extends string> = Readonly<Record<N, TensorLike>>;
/** A function of k, one parameter, and location. */
export type Mass<N extends string> = (
  k: TensorLike,
  parameter: TensorLike | (Named<N> & Loc),
  loc?: TensorLike | Loc,
) => Tensor;
/** A function of k, two parameters, and location. */
export type Mass2<A extends string, B extends string> = (
  k: TensorLike,
  first: TensorLike | (Named<A | B> & Loc),
  second?: TensorLike | (Named<B> & Loc),
  loc?: TensorLike | Loc,
) => Tensor;
type Mass3 = (k: TensorLike, n: TensorLike, a: TensorLike, b: TensorLike, loc?: TensorLike | Loc) => Tensor;

const isNotProbability = (p: Tensor): Tensor => either(ne(p, p), lt(p, 0), gt(p, 1));

const bernoulliMass = distribution<Mass<'p'>, 'logpmf' | 'pmf'>('bernoulli', ['p', 'loc'], {
  logpmf: (k, p, loc) => {
    const x = sub(k, loc);
    const value = add(xlogyOf(x, p), xlog1pyOf(sub(1, x), neg(p)));
    return where(prim.or(lt(x, 0), gt(x, 1)), -Infinity, value);
  },
});

type OfP = (x: TensorLike, p: TensorLike | Named<'p'>) => Tensor;
const bernoulliCumulative = distribution<OfP, 'cdf' | 'ppf'>('bernoulli', ['p'], {
  cdf: (k, p) => {
    const steps = where(lt(k, 0), 0, where(lt(k, 1), sub(1, p), 1));
    return where(either(ne(k, k), isNotProbability(p)), Number.NaN, steps);
  },
  ppf: (q, p) => {
    const value = where(le(q, sub(1, p)), 0, prim.like(q, 1));
    return where(either(isNotProbability(p), isNotProbability(q)), Number.NaN, value);
  },
});

/** One trial that succeeds with probability `p`. */
export const bernoulli: Distribution<Mass<'p'>, 'logpmf' | 'pmf'> & Distribution<OfP, 'cdf' | 'ppf'> = {
  ...bernoulliMass,
  ...bernoulliCumulative,
};

/**
 * Poisson's distribution of mean `mu`.
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * console.log(String(scipy.stats.poisson.logpmf([0, 1, 1.5], 1))); // => [-1, -1, -Infinity]
 * ```
 */
export const poisson: Distribution<Mass<'mu'>, 'logpmf' | 'pmf' | 'cdf'> = distribution('poisson', ['mu', 'loc'], {
  logpmf: (k, mu, loc) => {
    const x = sub(k, loc);
    const value = sub(sub(xlogyOf(x, mu), prim.lgamma(add(x, 1))), mu);
    return where(prim.or(lt(x, 0), ne(prim.round(k), k)), -Infinity, value);
  },
  cdf: (k, mu, loc) => {
    const x = sub(k, loc);
    const isBelow = lt(x, 0);
    return where(isBelow, 0, prim.igammac(prim.floor(add(where(isBelow, 0, x), 1)), mu));
  },
});

/** Successes in `n` trials of probability `p`. */
export const binom: Distribution<Mass2<'n', 'p'>, 'logpmf' | 'pmf'> = distribution('binom', ['n', 'p', 'loc'], {
  logpmf: (k, n, p, loc) => {
    const y = sub(k, loc);
    const ways = sub(prim.lgamma(add(n, 1)), add(prim.lgamma(add(y, 1)), prim.lgamma(add(sub(n, y), 1))));
    const linear = add(xlogyOf(y, p), xlog1pyOf(sub(n, y), neg(p)));
    const isSure = prim.or(prim.and(eq(y, 0), eq(n, 0)), eq(linear, 0));
    const isInside = prim.and(ge(k, loc), lt(k, add(add(loc, n), 1)));
    return where(isInside, where(isSure, 0, add(ways, linear)), -Infinity);
  },
});

/** Failures before the `n`-th success. */
export const nbinom: Distribution<Mass2<'n', 'p'>, 'logpmf' | 'pmf'> = distribution('nbinom', ['n', 'p', 'loc'], {
  logpmf: (k, n, p, loc) => {
    const y = sub(k, loc);
    const ways = sub(sub(prim.lgamma(add(y, n)), prim.lgamma(n)), prim.lgamma(add(y, 1)));
    const linear = add(xlogyOf(n, p), xlogyOf(y, sub(1, p)));
    return where(lt(k, loc), -Infinity, add(ways, linear));
  },
});

/** Binomial with a probability that is beta distributed. */
export const betabinom: Distribution<Mass3, 'logpmf' | 'pmf'> = distribution('betabinom', ['n', 'a', 'b', 'loc'], {
  logpmf: (k, n, a, b, loc) => {
    const y = sub(prim.floor(k), loc);
    const ways = neg(add(prim.log1p(n), betalnOf(add(sub(n, y), 1), add(y, 1))));
    const weights = sub(betalnOf(add(y, a), add(sub(n, y), b)), betalnOf(a, b));
    const value = where(prim.and(eq(y, 0), eq(n, 0)), 0, add(ways, weights));
    const isOutside = either(lt(y, neg(loc)), gt(y, n), le(add(y, a), 0));
    return where(either(lt(n, 0), le(a, 0), le(b, 0)), Number.NaN, where(isOutside, -Infinity, value));
  },
});

/** Trials up to the first success. */
export const geom: Distribution<Mass<'p'>, 'logpmf' | 'pmf'> = distribution('geom', ['p', 'loc'], {
  logpmf: (k, p, loc) => {
    const x = sub(k, loc);
    return where(le(x, 0), -Infinity, add(xlog1pyOf(sub(x, 1), neg(p)), log(p)));
  },
});

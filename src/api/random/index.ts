/**
 * The namespace `random`: explicit keys, and samples that equal JAX's.
 * @module
 */
export {
  cauchy,
  exponential,
  gumbel,
  laplace,
  logistic,
  lognormal,
  normal,
  pareto,
  rayleigh,
  truncatedNormal,
  weibullMin,
} from './continuous.ts';
export * from './gamma.ts';
export { bits, foldIn, key, keyData, PRNGKey, split, wrapKeyData } from './keys.ts';
export { poisson } from './poisson.ts';
export * from './selection.ts';
export { bernoulli, rademacher, randint, uniform } from './uniform.ts';

/**
 * The namespace `scipy.stats`: one object a distribution, with `logpdf`, `pdf`, `cdf` and the like. Parameters go by position or by name:
 * `norm.logpdf(x, loc, scale)`, `norm.logpdf(x, { scale })`.
 * May import: `api`.
 * @module
 */
export { bernoulli, betabinom, binom, geom, nbinom, poisson } from './discrete.ts';
export { beta, chi2, expon, gamma, pareto, uniform, vonmises, wrapcauchy } from './half-line.ts';
export { multivariateNormal } from './multivariate-normal.ts';
export { dirichlet, multinomial } from './several.ts';
export { cauchy, gennorm, gumbelL, gumbelR, laplace, logistic, norm, t } from './symmetric.ts';

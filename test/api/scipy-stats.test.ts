/**
 * `scipy.stats` against SciPy's values, and its densities against each other.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { ArgumentError, grad, jit, np, scipy, type Tensor, vmap } from 'cotangent';

const { stats } = scipy;
const f64 = (x: number | readonly number[]): Tensor => np.array(x as number[], { dtype: 'float64' });
const functions = stats as unknown as Readonly<
  Record<string, Readonly<Record<string, (...args: unknown[]) => Tensor>>>
>;

/** Distribution, function, arguments, value of SciPy 1.17. */
const table: readonly (readonly [string, string, readonly number[], number])[] = [
  ['norm', 'logpdf', [0.7, 0.2, 1.5], -1.3799591968683926],
  ['cauchy', 'logpdf', [0.7, 0.2, 1.5], -1.6555555096153909],
  ['gamma', 'logpdf', [2.5, 1.7, 0.5, 2], -1.5973394831528793],
  ['beta', 'logpdf', [0.9, 2, 3.5, 0.1, 2], -0.1296616065774353],
  ['chi2', 'logpdf', [2.5, 3, 0.5, 2], -2.112085713764618],
  ['expon', 'logpdf', [1.5, 0.5, 2], -1.1931471805599454],
  ['pareto', 'logpdf', [4, 2.5, 0.5, 2], -1.7355117064597696],
  ['gumbelR', 'logpdf', [0.7, 0.2, 1.5], -1.455329752015287],
  ['gumbelL', 'logpdf', [0.7, 0.2, 1.5], -1.4677441998609206],
  ['norm', 'pdf', [0.7, 0.2, 1.5], 0.2515888184619955],
  ['cauchy', 'pdf', [0.7, 0.2, 1.5], 0.19098593171027442],
  ['gamma', 'pdf', [2.5, 1.7, 0.5, 2], 0.20243438226336344],
  ['beta', 'pdf', [0.9, 2, 3.5, 0.1, 2], 0.8783926229198427],
  ['chi2', 'pdf', [2.5, 3, 0.5, 2], 0.12098536225957168],
  ['expon', 'pdf', [1.5, 0.5, 2], 0.3032653298563167],
  ['pareto', 'pdf', [4, 2.5, 0.5, 2], 0.17630995825503312],
  ['gumbelR', 'pdf', [0.7, 0.2, 1.5], 0.23332341234894818],
  ['gumbelL', 'pdf', [0.7, 0.2, 1.5], 0.2304447365716691],
  ['norm', 'cdf', [0.7, 0.2, 1.5], 0.6305586598182363],
  ['cauchy', 'cdf', [0.7, 0.2, 1.5], 0.6024163823495667],
  ['gamma', 'cdf', [2.5, 1.7, 0.5, 2], 0.3563188590358592],
  ['beta', 'cdf', [0.9, 2, 3.5, 0.1, 2], 0.5984490866652151],
  ['chi2', 'cdf', [2.5, 3, 0.5, 2], 0.19874804309879915],
  ['expon', 'cdf', [1.5, 0.5, 2], 0.3934693402873666],
  ['pareto', 'cdf', [4, 2.5, 0.5, 2], 0.7531660584429536],
  ['gumbelR', 'cdf', [0.7, 0.2, 1.5], 0.4884435800065159],
  ['gumbelL', 'cdf', [0.7, 0.2, 1.5], 0.7523186963342055],
  ['norm', 'logcdf', [0.7, 0.2, 1.5], -0.46114909092111317],
  ['cauchy', 'logcdf', [0.7, 0.2, 1.5], -0.5068064077308313],
  ['gamma', 'logcdf', [2.5, 1.7, 0.5, 2], -1.0319292775553863],
  ['beta', 'logcdf', [0.9, 2, 3.5, 0.1, 2], -0.5134138258311625],
  ['chi2', 'logcdf', [2.5, 3, 0.5, 2], -1.6157173715399462],
  ['expon', 'logcdf', [1.5, 0.5, 2], -0.9327521295671886],
  ['pareto', 'logcdf', [4, 2.5, 0.5, 2], -0.2834695463545113],
  ['gumbelR', 'logcdf', [0.7, 0.2, 1.5], -0.7165313105737893],
  ['gumbelL', 'logcdf', [0.7, 0.2, 1.5], -0.28459524649267726],
  ['norm', 'sf', [0.7, 0.2, 1.5], 0.36944134018176367],
  ['cauchy', 'sf', [0.7, 0.2, 1.5], 0.39758361765043326],
  ['gamma', 'sf', [2.5, 1.7, 0.5, 2], 0.6436811409641408],
  ['beta', 'sf', [0.9, 2, 3.5, 0.1, 2], 0.40155091333478493],
  ['chi2', 'sf', [2.5, 3, 0.5, 2], 0.8012519569012009],
  ['expon', 'sf', [1.5, 0.5, 2], 0.6065306597126334],
  ['pareto', 'sf', [4, 2.5, 0.5, 2], 0.24683394155704635],
  ['gumbelR', 'sf', [0.7, 0.2, 1.5], 0.5115564199934841],
  ['gumbelL', 'sf', [0.7, 0.2, 1.5], 0.24768130366579455],
  ['norm', 'logsf', [0.7, 0.2, 1.5], -0.9957633057792302],
  ['cauchy', 'logsf', [0.7, 0.2, 1.5], -0.9223500081410605],
  ['gamma', 'logsf', [2.5, 1.7, 0.5, 2], -0.4405517982180042],
  ['beta', 'logsf', [0.9, 2, 3.5, 0.1, 2], -0.9124209458270676],
  ['chi2', 'logsf', [2.5, 3, 0.5, 2], -0.2215798284398486],
  ['expon', 'logsf', [1.5, 0.5, 2], -0.5],
  ['pareto', 'logsf', [4, 2.5, 0.5, 2], -1.3990394698385566],
  ['gumbelR', 'logsf', [0.7, 0.2, 1.5], -0.6702973966558222],
  ['gumbelL', 'logsf', [0.7, 0.2, 1.5], -1.3956124250860895],
  ['laplace', 'logpdf', [0.7, 0.2, 1.5], -1.431945622001443],
  ['gennorm', 'logpdf', [0.7, 1.3], -1.242612183961897],
  ['uniform', 'logpdf', [0.7, 0.2, 1.5], -0.4054651081081644],
  ['laplace', 'cdf', [0.7, 0.2, 1.5], 0.6417343447131054],
  ['gennorm', 'cdf', [0.7, 1.3], 0.7933043718969917],
  ['uniform', 'cdf', [0.7, 0.2, 1.5], 0.3333333333333333],
  ['logistic', 'logpdf', [0.7, 0.2, 1.5], -1.8194095908203145],
  ['logistic', 'cdf', [0.7, 0.2, 1.5], 0.5825702064623147],
  ['logistic', 'sf', [0.7, 0.2, 1.5], 0.4174297935376853],
  ['t', 'logpdf', [0.7, 4, 0.2, 1.5], -1.4547917965901767],
  ['vonmises', 'logpdf', [0.7, 2], -1.1321862333233248],
  ['wrapcauchy', 'logpdf', [0.7, 0.4], -1.410980818512087],
  ['norm', 'ppf', [0.3, 0.2, 1.5], -0.5866007690620614],
  ['norm', 'isf', [0.3, 0.2, 1.5], 0.9866007690620613],
  ['cauchy', 'ppf', [0.3, 0.2, 1.5], -0.8898137920080416],
  ['cauchy', 'isf', [0.3, 0.2, 1.5], 1.2898137920080415],
  ['logistic', 'ppf', [0.3, 0.2, 1.5], -1.0709467905808057],
  ['logistic', 'isf', [0.3, 0.2, 1.5], 1.4709467905808056],
  ['expon', 'ppf', [0.3, 0.2, 1.5], 0.7350124159080986],
  ['uniform', 'ppf', [0.3, 0.2, 1.5], 0.6499999999999999],
  ['pareto', 'ppf', [0.3, 2.5, 0.2, 1.5], 1.9300236616727797],
  ['gumbelR', 'ppf', [0.3, 0.2, 1.5], -0.07844013829354862],
  ['gumbelL', 'ppf', [0.3, 0.2, 1.5], -1.3463956497380842],
  ['poisson', 'logpmf', [4, 2.5, 1], -1.5428872736055896],
  ['poisson', 'cdf', [4, 2.5, 1], 0.7575761331330662],
  ['bernoulli', 'logpmf', [1, 0.3], -1.2039728043259361],
  ['bernoulli', 'cdf', [0, 0.3], 0.7],
  ['bernoulli', 'ppf', [0.8, 0.3], 1.0],
  ['binom', 'logpmf', [4, 10, 0.3, 1], -1.321151277766889],
  ['nbinom', 'logpmf', [4, 10, 0.3, 1], -7.716125328723197],
  ['betabinom', 'logpmf', [4, 10, 2.0, 3.0], -1.967112356705917],
  ['geom', 'logpmf', [4, 0.3, 1], -1.917322692203401],
];

describe('values', () => {
  it.each(table)('%s.%s%j', (name, fn, args, expected) => {
    const actual = functions[name]![fn]!(...args.map(f64)).item();
    expect(Math.abs(actual - expected)).toBeLessThanOrEqual(2e-12 * Math.abs(expected));
  });

  it('of several numbers at once', () => {
    expect(stats.dirichlet.logpdf(f64([0.2, 0.3, 0.5]), f64([1.5, 2, 3])).item()).toBeCloseTo(1.695210995269564, 12);
    expect(stats.dirichlet.logpdf(f64([0.2, 0.3]), f64([1.5, 2, 3])).item()).toBeCloseTo(1.695210995269564, 12);
    expect(stats.multinomial.logpmf([1, 2, 3], 6, f64([0.2, 0.3, 0.5])).item()).toBeCloseTo(-2.0024805005437063, 12);
    expect(stats.multinomial.pmf([1, 2, 3], 7, f64([0.2, 0.3, 0.5])).item()).toBe(0);
  });
});

describe('a distribution', () => {
  it('takes parameters by position and by name', () => {
    const byPosition = stats.norm.logpdf(0.5, 1, 2).item();
    expect(stats.norm.logpdf(0.5, { loc: 1, scale: 2 }).item()).toBe(byPosition);
    expect(stats.norm.logpdf(0.5, 1, { scale: 2 }).item()).toBe(byPosition);
    expect(stats.gamma.logpdf(0.5, { a: 2 }).item()).toBe(stats.gamma.logpdf(0.5, 2).item());
    expect(stats.gamma.logpdf(0.5, 2, { scale: 2 }).item()).toBe(stats.gamma.logpdf(0.5, 2, 0, 2).item());
  });

  const smooth: readonly (readonly [string, (x: Tensor) => Tensor, (x: Tensor) => Tensor])[] = [
    ['norm', (x) => stats.norm.cdf(x, 0.1, 2), (x) => stats.norm.pdf(x, 0.1, 2)],
    ['laplace', stats.laplace.cdf, stats.laplace.pdf],
    ['cauchy', stats.cauchy.cdf, stats.cauchy.pdf],
    ['logistic', stats.logistic.cdf, stats.logistic.pdf],
    ['gumbelR', stats.gumbelR.cdf, stats.gumbelR.pdf],
    ['gumbelL', stats.gumbelL.cdf, stats.gumbelL.pdf],
    ['gennorm', (x) => stats.gennorm.cdf(x, 1.5), (x) => stats.gennorm.pdf(x, 1.5)],
    ['gamma', (x) => stats.gamma.cdf(x, 2.5), (x) => stats.gamma.pdf(x, 2.5)],
    ['chi2', (x) => stats.chi2.cdf(x, 3), (x) => stats.chi2.pdf(x, 3)],
    ['expon', stats.expon.cdf, stats.expon.pdf],
    ['beta', (x) => stats.beta.cdf(x, 2, 3), (x) => stats.beta.pdf(x, 2, 3)],
    ['pareto', (x) => stats.pareto.cdf(x, 2, -1), (x) => stats.pareto.pdf(x, 2, -1)],
    ['uniform', stats.uniform.cdf, stats.uniform.pdf],
  ];

  it.each(smooth)('%s has the derivative of its cdf for density', (_name, cdf, pdf) => {
    for (const x of [0.3, 0.8]) expect(grad(cdf)(f64(x)).item()).toBeCloseTo(pdf(f64(x)).item(), 12);
  });

  it('has survival functions that do not cancel', () => {
    expect(stats.norm.sf(f64(20)).item()).toBeCloseTo(2.7536241186062337e-89, 100);
    expect(stats.norm.logsf(f64(50)).item()).toBeCloseTo(-1254.8313611394199, 9);
    expect(stats.gamma.sf(f64(60), 2).item()).toBeGreaterThan(0);
  });

  it('is nothing outside its support, without spoiling gradients', () => {
    expect(stats.gamma.logpdf(-1, 2).item()).toBe(-Infinity);
    expect(stats.expon.pdf(-1).item()).toBe(0);
    expect(stats.beta.logpdf(2, 2, 2).item()).toBe(-Infinity);
    expect(stats.poisson.pmf([-1, 0.5], 2).toArray()).toEqual([0, 0]);
    expect(stats.bernoulli.pmf([0, 1, 2], 1).toArray()).toEqual([0, 1, 0]);
    expect(grad((x: Tensor) => stats.gamma.logpdf(x, 2))(-1).item()).toBe(0);
  });

  it('fits by gradient under jit and vmap', () => {
    const data = f64([1, 2, 4]);
    const score = jit(grad((mu: Tensor) => np.sum(stats.norm.logpdf(data, mu, 2))));
    expect(score(f64(0)).item()).toBeCloseTo(7 / 4, 12);
    expect(vmap((m: Tensor) => stats.norm.pdf(m))(np.zeros([3])).toArray()).toEqual(
      stats.norm.pdf(np.zeros([3])).toArray(),
    );
  });

  it.each([
    ['an unknown parameter', () => stats.norm.pdf(0, { sigma: 1 } as never), /sigma/],
    ['a missing parameter', () => (stats.gamma.pdf as (x: number) => Tensor)(0), /gamma.pdf: expected a/],
    ['too many parameters', () => (stats.norm.pdf as (...x: number[]) => Tensor)(0, 1, 2, 3), /at most loc, scale/],
  ])('%s is an error', (_what, f, message) => {
    expect(f).toThrow(ArgumentError);
    expect(f).toThrow(message);
  });
});

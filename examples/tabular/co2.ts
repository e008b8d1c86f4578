/**
 * A Gaussian process over time: values at any times are jointly normal, with a covariance that says what the series is made of (Rasmussen
 * and Williams 2006, "Gaussian processes for machine learning", sections 2.2, 5.4.1 and 5.4.3).
 * @module
 */
import { grad, jacfwd, jit, jvp, np, scipy, type Tensor, vmap } from 'cotangent';
import type { Month } from './data.ts';
import type { Objective } from './newton.ts';

/** What is learned, each positive; the parameters are their logarithms, f64[9]. */
export const hyperparameters = [
  { name: 'trend: size', unit: 'ppm', start: 5 },
  { name: 'trend: length', unit: 'years', start: 20 },
  { name: 'season: size', unit: 'ppm', start: 2 },
  { name: 'season: length over which it changes', unit: 'years', start: 50 },
  { name: 'season: smoothness', unit: '', start: 1 },
  { name: 'irregularities: size', unit: 'ppm', start: 1 },
  { name: 'irregularities: length', unit: 'years', start: 1 },
  { name: 'irregularities: shape', unit: '', start: 1 },
  { name: 'noise', unit: 'ppm', start: 0.3 },
] as const;

const noise = 8;
/** Standard deviation of the prior of a logarithm. */
const priorWidth = 1;

export const startParams = (): Tensor => np.array(Float64Array.from(hyperparameters, ({ start }) => Math.log(start)));

/** exp(−d² / 2ℓ²) */
const squaredExponential = (d: Tensor, length: Tensor): Tensor => np.exp(np.square(d.div(length)).mul(-0.5));

/** The trend's parabola: Σₖ c² τᵏ τ′ᵏ for k = 0, 1, 2, with a wide normal prior on its coefficients, so that it goes on beyond the data. */
function parabola(t: Tensor, u: Tensor): Tensor {
  const [middle, span, coefficient] = [1985, 25, 100];
  const product = t.sub(middle).div(span).mul(u.sub(middle).div(span));
  return product
    .add(np.square(product))
    .add(1)
    .mul(coefficient ** 2);
}

/**
 * Covariance, at times t and u, of what is left without the seasons: the trend's parabola and its deviations s₁² e^{−d²/2ℓ₁²}, and
 * irregularities on many scales s₂² (1 + d²/2αℓ₂²)^{−α}, where d = t − u.
 */
function slowKernel(params: Tensor, t: Tensor, u: Tensor): Tensor {
  const p = (i: number): Tensor => np.exp(params.slice(i));
  const d = t.sub(u);
  const irregular = np.power(
    np
      .square(d.div(p(6)))
      .div(p(7).mul(2))
      .add(1),
    p(7).neg(),
  );
  const trend = np.square(p(0)).mul(squaredExponential(d, p(1)));
  return parabola(t, u)
    .add(trend)
    .add(np.square(p(5)).mul(irregular));
}

/** A period of a year whose form changes slowly: s² e^{−d²/2ℓ²} e^{−2 sin²(πd)/w²}. */
function seasonKernel(params: Tensor, t: Tensor, u: Tensor): Tensor {
  const p = (i: number): Tensor => np.exp(params.slice(i));
  const d = t.sub(u);
  const periodic = np.exp(np.square(np.sin(d.mul(Math.PI)).div(p(4))).mul(-2));
  return np
    .square(p(2))
    .mul(squaredExponential(d, p(3)))
    .mul(periodic);
}

const kernel = (params: Tensor, t: Tensor, u: Tensor): Tensor =>
  slowKernel(params, t, u).add(seasonKernel(params, t, u));

/** Times as rows, against which other times are columns. */
const column = (times: Tensor): Tensor => times.reshape([-1, 1]);

/** Observations: f64[n] each; ppm are deviations from `mean`. */
export interface Series {
  readonly time: Tensor;
  readonly ppm: Tensor;
  readonly mean: number;
}

export function seriesOf(months: readonly Month[]): Series {
  const mean = months.reduce((s, m) => s + m.ppm, 0) / months.length;
  const time = np.array(Float64Array.from(months, (m) => m.time));
  return { time, ppm: np.array(Float64Array.from(months, (m) => m.ppm - mean)), mean };
}

/** L with K + s² I = L Lᵀ, of the covariance of the observations. */
function factor(params: Tensor, { time }: Series): Tensor {
  const variance = np.exp(params.slice(noise).mul(2));
  const noisy = np.eye(time.size, { dtype: 'float64' }).mul(variance);
  return np.linalg.cholesky(kernel(params, column(time), time).add(noisy));
}

const solveLower = (l: Tensor, b: Tensor): Tensor => scipy.linalg.solveTriangular(l, b, { lower: true });

/**
 * −log posterior of the parameters, up to a constant: −log N(y; 0, L Lᵀ) = ½ |L⁻¹y|² + Σ log Lᵢᵢ + ½ n log 2π, and for each parameter a
 * wide normal prior about where it starts, without which the data do not bound the shape of the irregularities.
 */
export const negativeLogPosterior =
  (series: Series): Objective =>
  (params) => {
    const l = factor(params, series);
    const fit = np.sum(np.square(solveLower(l, series.ppm))).mul(0.5);
    const evidence = fit.add(np.sum(np.log(np.diagonal(l)))).add((series.time.size / 2) * Math.log(2 * Math.PI));
    const prior = np.sum(np.square(params.sub(startParams()).div(priorWidth))).mul(0.5);
    return evidence.add(prior);
  };

/** What is known at some times, f64[m] each: values and standard deviations. */
export interface Posterior {
  /** Of a measurement, ppm. */
  readonly mean: Tensor;
  readonly deviation: Tensor;
  /** Of the rise without the seasons, ppm a year. */
  readonly rate: Tensor;
  readonly rateDeviation: Tensor;
}

/** Σⱼₖ Jᵢⱼ Cⱼₖ Jᵢₖ for every row i: the variance that uncertain parameters add to a prediction with derivative J. */
const propagated = (jacobian: Tensor, covariance: Tensor): Tensor =>
  np.sum(np.matmul(jacobian, covariance).mul(jacobian), { axis: 1 });

/**
 * The posterior at `times`, and how much of it is due to the uncertainty of the hyperparameters, to first order.
 * @param covariance of the parameters: f64[9,9]
 */
export function posterior(series: Series, params: Tensor, covariance: Tensor, times: Tensor): Posterior {
  const mean = (p: Tensor): Tensor => {
    const l = factor(p, series);
    const a = solveLower(l, series.ppm);
    return np.matmul(solveLower(l, kernel(p, column(series.time), times)).T, a);
  };
  const both = jit((p: Tensor) => {
    const l = factor(p, series);
    const a = solveLower(l, series.ppm);
    const known = (k: Tensor): [Tensor, Tensor] => {
      const w = solveLower(l, k);
      return [np.matmul(w.T, a), np.sum(np.square(w), { axis: 0 })];
    };
    const [, explained] = known(kernel(p, column(series.time), times));
    const variance = kernel(p, times, times)
      .sub(explained)
      .add(np.exp(p.slice(noise).mul(2)));
    // The derivative of a Gaussian process is one too, and its covariances are derivatives of the kernel.
    const [, slopes] = jvp((t: Tensor) => slowKernel(p, column(series.time), t), [times], [np.onesLike(times)]);
    const mixed = vmap((at: Tensor) => grad((t: Tensor) => grad((u: Tensor) => slowKernel(p, t, u))(at))(at))(times);
    const [rate, rateExplained] = known(slopes);
    return {
      mean: mean(p).add(series.mean),
      deviation: np.sqrt(variance.add(propagated(jacfwd(mean)(p), covariance))),
      rate,
      rateDeviation: np.sqrt(mixed.sub(rateExplained)),
    };
  });
  return both(params);
}

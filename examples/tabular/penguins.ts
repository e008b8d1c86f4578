/**
 * Multinomial logistic regression: P(class k | x) = softmax(0, x·w₁, x·w₂)ₖ, with a normal prior on the weights, and what the curvature of
 * the posterior says about coefficients and predictions.
 * @module
 */
import { jit, nn, np, random, scipy, type Tensor, vmap } from 'cotangent';
import { measures, type Penguin, species } from './data.ts';
import type { Fit, Objective } from './newton.ts';

/** Rows of [1, measures in standard units], and the classes. */
export interface Table {
  /** f64[n,features] */
  readonly x: Tensor;
  /** i32[n] */
  readonly labels: Tensor;
}

export interface Scale {
  readonly means: readonly number[];
  readonly deviations: readonly number[];
}

export interface Split {
  readonly train: readonly Penguin[];
  /** A quarter that the fit never sees. */
  readonly test: readonly Penguin[];
}

export function split(penguins: readonly Penguin[], seed: number): Split {
  const order = [...random.permutation(random.key(seed), penguins.length).dataSync()].map((i) => penguins[Number(i)]!);
  const tested = Math.floor(penguins.length / 4);
  return { train: order.slice(tested), test: order.slice(0, tested) };
}

/** Means and standard deviations of the measures. */
export function scaleOf(penguins: readonly Penguin[]): Scale {
  const mean = (of: (p: Penguin) => number): number => penguins.reduce((s, p) => s + of(p), 0) / penguins.length;
  const means = measures.map((_, i) => mean((p) => p.values[i]!));
  const deviations = measures.map((_, i) => Math.sqrt(mean((p) => (p.values[i]! - means[i]!) ** 2)));
  return { means, deviations };
}

const features = measures.length + 1;

/** f64[n,features] of measured values. */
export function design(values: readonly (readonly number[])[], { means, deviations }: Scale): Tensor {
  const rows = values.flatMap((row) => [1, ...row.map((v, i) => (v - means[i]!) / deviations[i]!)]);
  return np.array(Float64Array.from(rows), { shape: [values.length, features] });
}

export const tableOf = (penguins: readonly Penguin[], scale: Scale): Table => ({
  x: design(
    penguins.map((p) => p.values),
    scale,
  ),
  labels: np.array(Int32Array.from(penguins, (p) => p.species)),
});

/** Weights of the classes after the first, whose score is 0: f64[features · (classes − 1)]. */
export const zeroWeights = (): Tensor => np.zeros([features * (species.length - 1)], { dtype: 'float64' });

/** Logarithms of the probabilities: f64[n,classes]. */
function logProbabilities(weights: Tensor, x: Tensor): Tensor {
  const scores = np.matmul(x, weights.reshape([features, species.length - 1]));
  return nn.logSoftmax(np.concatenate([np.zeros([x.shape[0]!, 1], { dtype: 'float64' }), scores], { axis: 1 }));
}

/** f64[n,classes] */
export const probabilities = (weights: Tensor, x: Tensor): Tensor => np.exp(logProbabilities(weights, x));

/** −log posterior, up to a constant: Σ cross-entropies + l2/2 Σ w², without the intercepts, whose prior is flat. */
export const negativeLogPosterior =
  ({ x, labels }: Table, l2: number): Objective =>
  (weights) => {
    const chosen = np.takeAlongAxis(logProbabilities(weights, x), np.expandDims(labels, -1), { axis: -1 });
    const slopes = weights.slice({ start: species.length - 1 });
    return np
      .sum(np.square(slopes))
      .mul(l2 / 2)
      .sub(np.sum(chosen));
  };

/**
 * Probabilities averaged over the posterior: over `draws` weights ŵ + L⁻ᵀ z, where H = L Lᵀ and z is standard normal, so that they have
 * covariance H⁻¹.
 * @returns f64[n,classes]
 */
export function averagedProbabilities({ params, hessian }: Fit, x: Tensor, key: Tensor, draws = 1000): Tensor {
  const average = jit((weights: Tensor, h: Tensor, rows: Tensor) => {
    const z = random.normal(key, [weights.size, draws], 'float64');
    const moves = scipy.linalg.solveTriangular(np.linalg.cholesky(h), z, { lower: true, trans: 'T' });
    const each = vmap((w: Tensor) => probabilities(w, rows))(weights.add(moves.T));
    return np.mean(each, { axis: 0 });
  });
  return average(params, hessian, x);
}

export interface Score {
  /** Share of penguins whose likeliest species is theirs. */
  readonly accuracy: number;
  /** Mean of −log of the probability of the right species, nats. */
  readonly nats: number;
}

export function scoreOf(p: Tensor, labels: Tensor): Score {
  const chosen = np.takeAlongAxis(p, np.expandDims(labels, -1), { axis: -1 });
  return {
    accuracy: np.mean(np.equal(np.argmax(p, { axis: 1 }), labels).astype('float64')).item(),
    nats: -np.mean(np.log(chosen)).item(),
  };
}

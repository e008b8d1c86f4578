/** Random numbers: JAX's bits (the goldens hold more of them), the shapes of samplers, and moments of the distributions. */
import { describe, expect, test } from 'vitest';
import { config, grad, jit, np, random, type Tensor, vmap } from 'cotangent';

const js = (x: unknown): unknown => JSON.parse(JSON.stringify(x));
const key = random.key(7);
const n = 4000;

/** Mean and variance of a sample. */
function moments(x: Tensor): [number, number] {
  const data = Array.from(x.dataSync());
  const mean = data.reduce((a, b) => a + b, 0) / data.length;
  return [mean, data.reduce((a, b) => a + (b - mean) ** 2, 0) / data.length];
}

function withOriginalLayout<T>(run: () => T): T {
  config.threefryPartitionable = false;
  try {
    return run();
  } finally {
    config.threefryPartitionable = true;
  }
}

describe('keys', () => {
  test('hold the high and low word of the seed', () => {
    expect(js(random.key(42))).toEqual([0, 42]);
    expect(js(random.key(2 ** 32 + 5))).toEqual([1, 5]);
    expect(js(random.key(-1))).toEqual([4294967295, 4294967295]);
    expect(js(random.key(2n ** 63n))).toEqual([2147483648, 0]);
    expect(js(random.PRNGKey(np.array(3, { dtype: 'int32' })))).toEqual([0, 3]);
    expect(() => random.key(0.5)).toThrow(/random.key: expected an integer seed, got 0.5/);
  });

  test('split and foldIn give the words that JAX gives', () => {
    // jax.random.split(jax.random.PRNGKey(0)) with jax_threefry_partitionable on and off.
    expect(js(random.split(random.key(0)))).toEqual([
      [1797259609, 2579123966],
      [928981903, 3453687069],
    ]);
    expect(js(withOriginalLayout(() => random.split(random.key(0))))).toEqual([
      [4146024105, 967050713],
      [2718843009, 1272950319],
    ]);
    const mapped = vmap((i: Tensor) => random.foldIn(key, i))(np.array([3], { dtype: 'int32' })) as Tensor;
    expect(js(random.foldIn(key, 3))).toEqual(js(mapped.slice(0)));
    expect(random.split(key, [2, 3]).shape).toEqual([2, 3, 2]);
  });

  test('anything else in the place of a key is an error', () => {
    expect(() => random.normal(random.split(key))).toThrow(/random.normal: expected a key u32\[2\], got u32\[2,2\]/);
    expect(() => random.bits(np.array([0, 1]))).toThrow(/random.bits: expected a key u32\[2\], got f32\[2\]/);
  });

  test('under vmap each example has its own stream', () => {
    const keys = random.split(key, 3);
    const rows = vmap((k: Tensor) => random.uniform(k, [2]))(keys) as Tensor;
    expect(js(rows.slice(1))).toEqual(js(random.uniform(keys.slice(1), [2])));
  });

  test('under jit the numbers are the same', () => {
    for (const f of [
      (k: Tensor) => random.normal(k, [5]),
      (k: Tensor) => random.permutation(k, 6),
      (k: Tensor) => random.gamma(k, 0.5, [3]),
    ]) {
      expect(js(jit(f)(key))).toEqual(js(f(key)));
    }
  });
});

describe('uniform numbers', () => {
  test('lie in [minval, maxval)', () => {
    const x = random.uniform(key, [n], 'float32', -2, 3).dataSync();
    expect(Math.min(...x)).toBeGreaterThanOrEqual(-2);
    expect(Math.max(...x)).toBeLessThan(3);
    expect(random.uniform(key, { shape: [3], dtype: 'float64' }).dtype).toBe('float64');
    expect(() => random.uniform(key, [2], 'int32')).toThrow(/random.uniform: expected a float dtype, got int32/);
    expect(() => random.uniform(key, [2], { min: 0 } as never)).toThrow(
      /random.uniform: expected options shape, dtype, minval, maxval, got min/,
    );
  });

  test('differentiate in their bounds', () => {
    const f = (hi: Tensor): Tensor => np.sum(random.uniform(key, [3], 'float32', 0, hi));
    expect(Number(grad(f)(2))).toBeCloseTo(Number(np.sum(random.uniform(key, [3]))), 5);
  });

  test('randint covers its range, also to the ends of the dtype', () => {
    expect(new Set(random.randint(key, [200], -1, 3).dataSync())).toEqual(new Set([-1, 0, 1, 2]));
    expect(Math.max(...random.randint(key, [n], 0, 256, 'uint8').dataSync())).toBe(255);
    expect(Math.max(...random.randint(key, [n], 0, 2 ** 32, 'uint32').dataSync())).toBeGreaterThan(2 ** 31);
    expect(js(random.randint(key, [2], 5, 5))).toEqual([5, 5]);
  });

  test('bernoulli and rademacher are coins', () => {
    expect(moments(random.bernoulli(key, 0.3, [n]))[0]).toBeCloseTo(0.3, 1);
    expect(random.bernoulli(key, np.array([0, 1])).dtype).toBe('bool');
    expect(js(random.bernoulli(key, np.array([0, 1])))).toEqual([false, true]);
    expect(new Set(random.rademacher(key, [50]).dataSync())).toEqual(new Set([-1, 1]));
  });
});

describe('distributions', () => {
  const expected: [string, (k: Tensor) => Tensor, number, number][] = [
    ['normal', (k) => random.normal(k, [n]), 0, 1],
    ['exponential', (k) => random.exponential(k, [n]), 1, 1],
    ['laplace', (k) => random.laplace(k, [n]), 0, 2],
    ['logistic', (k) => random.logistic(k, [n]), 0, Math.PI ** 2 / 3],
    ['gumbel', (k) => random.gumbel(k, [n]), 0.5772, Math.PI ** 2 / 6],
    ['truncatedNormal', (k) => random.truncatedNormal(k, -2, 2, [n]), 0, 0.7737],
    ['gamma, large', (k) => random.gamma(k, 3, [n]), 3, 3],
    ['gamma, small', (k) => random.gamma(k, 0.5, [n]), 0.5, 0.5],
    ['beta', (k) => random.beta(k, 2, 3, [n]), 0.4, 0.04],
    ['chisquare', (k) => random.chisquare(k, 4, [n]), 4, 8],
    ['poisson, small', (k) => random.poisson(k, 3, [n]), 3, 3],
    ['poisson, large', (k) => random.poisson(k, 30, [n]), 30, 30],
    ['rayleigh', (k) => random.rayleigh(k, 1, [n]), 1.2533, 0.4292],
    ['weibullMin', (k) => random.weibullMin(k, 1, 2, [n]), 0.8862, 0.2146],
  ];
  test.each(expected)('%s has its mean and variance', (_name, draw, mean, variance) => {
    const [m, v] = moments(draw(random.key(3)));
    expect(Math.abs(m - mean)).toBeLessThan(5 * Math.sqrt(variance / n));
    expect(Math.abs(v - variance)).toBeLessThan(0.25 * variance);
  });

  test('dirichlet gives points of the simplex', () => {
    const x = random.dirichlet(key, np.array([1, 2, 3]), [5]);
    expect(x.shape).toEqual([5, 3]);
    for (const total of np.sum(x, { axis: 1 }).dataSync()) expect(total).toBeCloseTo(1, 5);
  });

  test('gamma differentiates in its parameter: the mean of x is a, so that of dx/da is 1', () => {
    const mean = (a: Tensor): Tensor => np.mean(random.gamma(key, a, [n]));
    expect(Number(grad(mean)(1.7))).toBeCloseTo(1, 1);
    const logMean = (a: Tensor): Tensor => np.mean(random.loggamma(key, a, [n]));
    // d/da E[log x] = ψ′(1.7)
    expect(Number(grad(logMean)(1.7))).toBeCloseTo(0.7926, 1);
  });
});

describe('orders and choices', () => {
  test('a permutation has every entry once', () => {
    expect(js(np.sort(random.permutation(key, 10)))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const rows = np.array([
      [1, 10],
      [2, 20],
      [3, 30],
    ]);
    const shuffled = js(random.permutation(key, rows)) as number[][];
    expect(shuffled.map(([a, b]) => b! / a!)).toEqual([10, 10, 10]);
    expect(shuffled.map(([a]) => a).sort()).toEqual([1, 2, 3]);
  });

  test('choice without replacement has no entry twice', () => {
    const picked = js(random.choice(key, 10, [10], { replace: false })) as number[];
    expect(new Set(picked).size).toBe(10);
    const weighted = js(random.choice(key, 4, [3], { replace: false, p: [0.5, 0.25, 0.25, 0] })) as number[];
    expect([...weighted].sort()).toEqual([0, 1, 2]);
    expect(() => random.choice(key, 3, [4], { replace: false })).toThrow(
      /random.choice: expected at most 3 draws without replacement, got 4/,
    );
  });

  test('choice follows its probabilities, and takes rows of arrays', () => {
    const x = random.choice(key, np.array([10, 20, 30]), [n], { p: np.array([0.2, 0, 0.8]) });
    expect(moments(x)[0]).toBeCloseTo(26, 0);
    expect(random.choice(key, np.zeros([5, 2]), [3]).shape).toEqual([3, 2]);
    expect(() => random.choice(key, 3, [2], { p: [1, 0] })).toThrow(
      /expected one probability for each of 3 entries, got f32\[2\]/,
    );
  });

  test('categorical follows its logits', () => {
    const logits = np.log(np.array([0.1, 0.2, 0.7]));
    const x = random.categorical(key, logits, { shape: [n] });
    expect(moments(x)[0]).toBeCloseTo(1.6, 1);
    expect(random.categorical(key, np.zeros([4, 3, 2]), 1).shape).toEqual([4, 2]);
    const distinct = js(random.categorical(key, logits, { shape: [3], replace: false })) as number[];
    expect(distinct.sort()).toEqual([0, 1, 2]);
  });
});

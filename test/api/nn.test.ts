/** Functions of `nn`: values and derivatives at kinks, masks, extremes, and the statistics of initializers. */
import { describe, expect, test } from 'vitest';
import { grad, hessian, nn, np, random, type Tensor, vmap } from 'cotangent';

const js = (x: unknown): unknown => JSON.parse(JSON.stringify(x));
const f64 = (x: number | number[]): Tensor => np.array(x, { dtype: 'float64' });
const at = (f: (x: Tensor) => unknown, x: number): number => Number(grad(f)(f64(x)));
const second = (f: (x: Tensor) => unknown, x: number): number => Number(grad(grad(f))(f64(x)));

describe('activations', () => {
  const kinks: [string, (x: Tensor) => Tensor, number, number][] = [
    ['relu', nn.relu, 0, 0],
    ['relu6', nn.relu6, 6, 0],
    ['leakyRelu', nn.leakyRelu, 0, 1],
    ['elu', nn.elu, 0, 1],
    ['celu', nn.celu, 0, 1],
    ['hardTanh', nn.hardTanh, 1, 1],
    ['softSign', nn.softSign, 0, 1],
    ['softplus', nn.softplus, 0, 0.5],
    ['logSigmoid', nn.logSigmoid, 0, 0.5],
    ['silu', nn.silu, 0, 0.5],
    ['sparsePlus', nn.sparsePlus, 1, 1],
  ];
  test.each(kinks)('%s has the derivative of JAX at its kink', (_name, f, x, slope) => {
    expect(at(f, x)).toBeCloseTo(slope, 14);
  });

  test('do not overflow at ±1000, nor do their derivatives of first and second order', () => {
    const names = [
      'softplus',
      'logSigmoid',
      'elu',
      'selu',
      'celu',
      'silu',
      'gelu',
      'mish',
      'sigmoid',
      'squareplus',
      'hardSwish',
      'relu',
    ] as const;
    for (const name of names) {
      for (const x of [1000, -1000]) {
        const f = (v: Tensor): Tensor => nn[name](v);
        for (const value of [Number(f(f64(x))), at(f, x), second(f, x)])
          expect(Number.isFinite(value), `${name} at ${x}`).toBe(true);
      }
    }
    expect([Number(nn.softplus(f64(1000))), at(nn.softplus, 1000), at(nn.softplus, -1000)]).toEqual([1000, 1, 0]);
  });

  test('have the second derivatives of their formulas', () => {
    const s = (x: number): number => 1 / (1 + Math.exp(-x));
    const x = 0.7;
    expect(second(nn.softplus, x)).toBeCloseTo(s(x) * (1 - s(x)), 12);
    expect(second(nn.silu, x)).toBeCloseTo(s(x) * (1 - s(x)) * (2 + x * (1 - 2 * s(x))), 12);
    expect(second(nn.relu, x)).toBe(0);
    expect(second(nn.leakyRelu, -x)).toBe(0);
    expect(second(nn.elu, -x)).toBeCloseTo(Math.exp(-x), 12);
  });

  test('take parameters by position or by name, and integers', () => {
    expect(js(nn.leakyRelu(np.array([-1, 1]), 0.5))).toEqual([-0.5, 1]);
    expect(js(nn.leakyRelu(np.array([-1, 1]), { negativeSlope: 0.5 }))).toEqual([-0.5, 1]);
    expect(nn.relu(np.array([-1, 2], { dtype: 'int32' })).dtype).toBe('int32');
    expect(nn.sigmoid(np.array([0], { dtype: 'int32' })).dtype).toBe('float32');
    expect(() => nn.elu(1, { alhpa: 2 } as never)).toThrow(/nn.elu: expected options alpha, got alhpa/);
  });

  test('glu halves an axis, which must be even', () => {
    expect(nn.glu(np.zeros([2, 4])).shape).toEqual([2, 2]);
    expect(() => nn.glu(np.zeros([3]))).toThrow(/nn.glu: expected an even size along axis 0, got f32\[3\]/);
  });
});

describe('the softmax family', () => {
  test('softmax sums to 1 for any size of numbers', () => {
    expect(js(nn.softmax(f64([1000, 1000, -1000])))).toEqual([0.5, 0.5, 0]);
    expect(js(nn.softmax(f64([-Infinity, 0])))).toEqual([0, 1]);
  });

  test('what is masked has probability 0 and no derivative', () => {
    const where = np.array([true, true, false]);
    expect(js(nn.softmax(f64([0, 0, 5]), { where }))).toEqual([0.5, 0.5, 0]);
    const f = (x: Tensor): Tensor => np.sum(nn.softmax(x, { where }).mul(f64([1, 2, 3])));
    const g = js(grad(f)(f64([0, 0, 5]))) as number[];
    expect(g[2]).toBe(0);
    expect(g[0]).toBeCloseTo(-0.25, 14);
  });

  test('logSoftmax keeps small probabilities, and its Hessian is that of −logsumexp', () => {
    expect((js(nn.logSoftmax(f64([0, -800]))) as number[])[1]).toBe(-800);
    const x = f64([0.2, -0.5, 1]);
    const h = js(hessian((v: Tensor) => nn.logSoftmax(v).slice(0))(x)) as number[][];
    const p = js(nn.softmax(x)) as number[];
    h.forEach((row, i) => row.forEach((v, j) => expect(v).toBeCloseTo(p[i]! * p[j]! - (i === j ? p[i]! : 0), 12)));
  });

  test('logsumexp of −∞ is −∞ with derivative 0, beside finite rows that have theirs', () => {
    const x = f64([-Infinity, -Infinity, 0, -Infinity]).reshape([2, 2]);
    expect(nn.logsumexp(x, { axis: 1 }).toArray()).toEqual([-Infinity, 0]);
    expect(js(grad((v: Tensor) => np.sum(nn.logsumexp(v, { axis: 1 })))(x))).toEqual([
      [0, 0],
      [1, 0],
    ]);
    expect(Number(nn.logsumexp(f64([Infinity, 0])))).toBe(Infinity);
  });

  test('logsumexp takes factors, with the sign of the sum', () => {
    const [log, sign] = nn.logsumexp(f64([0, 0]), { b: f64([1, -3]), returnSign: true });
    expect([Number(log), Number(sign)]).toEqual([Math.log(2), -1]);
    expect(Number(nn.logsumexp(f64([0, 0]), { b: f64([1, -3]) }))).toBeNaN();
    expect(Number(nn.logsumexp(f64([Infinity, 1]), { b: f64([0, 1]) }))).toBe(1);
  });

  test('standardize gives mean 0 and variance 1, far from 0 too', () => {
    const [a, b, c] = js(nn.standardize(np.array([10000, 10001, 10002]))) as [number, number, number];
    expect(a + b + c).toBeCloseTo(0, 5);
    expect((a * a + b * b + c * c) / 3).toBeCloseTo(1, 3);
  });

  test('oneHot puts classes on a new axis; those outside give zeros', () => {
    expect(js(nn.oneHot([1, 3], 3))).toEqual([
      [0, 1, 0],
      [0, 0, 0],
    ]);
    expect(nn.oneHot(np.zeros([4], { dtype: 'int32' }), 3, { axis: 0, dtype: 'float64' }).shape).toEqual([3, 4]);
  });
});

describe('attention', () => {
  const draw = (seed: number, shape: number[]): Tensor => random.normal(random.key(seed), shape, 'float64');
  const [q, k, v] = [draw(0, [2, 3, 4, 5]), draw(1, [2, 6, 4, 5]), draw(2, [2, 6, 4, 5])] as const;

  test('is softmax(q kᵀ / √H) v for every head', () => {
    const scores = np.einsum('btnh,bsnh->bnts', q, k).mul(1 / Math.sqrt(5));
    const expected = np.einsum('bnts,bsnh->btnh', nn.softmax(scores), v);
    expect(Number(np.max(np.abs(nn.dotProductAttention(q, k, v).sub(expected))))).toBeLessThan(1e-14);
  });

  test('works without a batch, and maps', () => {
    const one = nn.dotProductAttention(q.slice(1), k.slice(1), v.slice(1));
    const all = vmap((a: Tensor, b: Tensor, c: Tensor) => nn.dotProductAttention(a, b, c))(q, k, v) as Tensor;
    expect(Number(np.max(np.abs(all.slice(1).sub(one))))).toBeLessThan(1e-14);
  });

  test('a causal query does not see later keys', () => {
    const loss = (values: Tensor): Tensor =>
      np.sum(nn.dotProductAttention(k, k, values, { isCausal: true }).slice(0, 2));
    const g = grad(loss)(v) as Tensor;
    expect(Number(np.max(np.abs(g.slice(0, { start: 3 }))))).toBe(0);
    expect(Number(np.max(np.abs(g.slice(0, 2))))).toBeGreaterThan(0);
  });

  test('groups of queries may share keys', () => {
    const shared = nn.dotProductAttention(q, k.slice({}, {}, { stop: 2 }), draw(3, [2, 6, 2, 5]));
    expect(shared.shape).toEqual([2, 3, 4, 5]);
    expect(() => nn.dotProductAttention(q, k.slice(0), v)).toThrow(
      /nn.dotProductAttention: expected query \[B,T,N,H\]/,
    );
  });
});

describe('initializers', () => {
  const variance = (x: Tensor): number => Number(np.var(x));
  test('scale their variance by the inputs and outputs', () => {
    const shape = [3, 3, 16, 32];
    const key = random.key(1);
    expect(variance(nn.initializers.heNormal()(key, shape))).toBeCloseTo(2 / 144, 3);
    expect(variance(nn.initializers.glorotUniform()(key, shape))).toBeCloseTo(2 / (144 + 288), 3);
    expect(variance(nn.initializers.lecunNormal()(key, shape))).toBeCloseTo(1 / 144, 3);
    expect(() => nn.initializers.heNormal()(key, [4])).toThrow(
      /nn.initializers: expected a shape with at least 2 axes, got \[4\]/,
    );
  });

  test('have the dtype asked for', () => {
    expect(nn.initializers.zeros(random.key(0), [2], 'float64').dtype).toBe('float64');
    expect(js(nn.initializers.constant(3)(random.key(0), [2]))).toEqual([3, 3]);
  });
});

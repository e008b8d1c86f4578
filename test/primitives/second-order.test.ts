/**
 * First and second derivatives at the places where automatic differentiation is often wrong: kinks, ties, zeros, infinities.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { config, grad, hessian, jacfwd, jacrev, jit, jvp, lax, nn, np, type Tensor, vjp, vmap } from 'cotangent';
import { firstDifference } from '../support/tolerances.ts';

type Scalar = (x: Tensor) => Tensor;

const f64 = (data: number | number[] | number[][]): Tensor => np.array(data, { dtype: 'float64' });
const flat = (x: Tensor): number[] => [...x.dataSync()];

function expectNear(got: readonly number[], expected: readonly number[], what = ''): void {
  const difference = firstDifference(got, expected, { rtol: 1e-10, atol: 1e-12 });
  if (difference !== undefined) throw new Error(`${what} ${difference}`.trim());
}

/** Every way to a second derivative of a scalar function. */
const seconds: Readonly<Record<string, (f: Scalar) => Scalar>> = {
  'reverse over reverse': (f) => grad(grad(f) as Scalar) as Scalar,
  'forward over reverse': (f) => jacfwd(grad(f) as Scalar) as Scalar,
  'reverse over forward': (f) => jacrev(jacfwd(f) as Scalar) as Scalar,
  'forward over forward': (f) => jacfwd(jacfwd(f) as Scalar) as Scalar,
  'reverse over reverse under jit': (f) => jit(grad(grad(f) as Scalar) as Scalar) as Scalar,
  'forward over reverse under jit and vmap': (f) => (x) => {
    const mapped = jit(vmap(jacfwd(grad(f) as Scalar) as Scalar) as Scalar) as Scalar;
    return np.squeeze(mapped(np.reshape(x, [1])));
  },
};

interface Case {
  readonly f: Scalar;
  readonly first: (x: number) => number;
  readonly second: (x: number) => number;
  readonly at: readonly number[];
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const sech2 = (x: number): number => 1 - Math.tanh(x) ** 2;

const smooth: Readonly<Record<string, Case>> = {
  'x·exp(x)': {
    f: (x) => np.multiply(x, np.exp(x)),
    first: (x) => (1 + x) * Math.exp(x),
    second: (x) => (2 + x) * Math.exp(x),
    at: [-2, 0, 0.5, 3],
  },
  'tanh(x)²': {
    f: (x) => np.square(np.tanh(x)),
    first: (x) => 2 * Math.tanh(x) * sech2(x),
    second: (x) => 2 * sech2(x) * (1 - 3 * Math.tanh(x) ** 2),
    at: [-1, 0, 0.3, 20],
  },
  'x·sigmoid(x)': {
    f: (x) => np.multiply(x, nn.sigmoid(x)),
    first: (x) => sigmoid(x) + x * sigmoid(x) * sigmoid(-x),
    second: (x) => sigmoid(x) * sigmoid(-x) * (2 + x * (1 - 2 * sigmoid(x))),
    at: [-3, 0, 1.5],
  },
  'silu(x)': {
    f: (x) => nn.silu(x),
    first: (x) => sigmoid(x) + x * sigmoid(x) * sigmoid(-x),
    second: (x) => sigmoid(x) * sigmoid(-x) * (2 + x * (1 - 2 * sigmoid(x))),
    at: [-3, 0, 1.5],
  },
  'exp(x²)': {
    f: (x) => np.exp(np.square(x)),
    first: (x) => 2 * x * Math.exp(x * x),
    second: (x) => (2 + 4 * x * x) * Math.exp(x * x),
    at: [-1, 0, 0.7],
  },
  'softplus(x), also at ±1000': {
    f: (x) => nn.softplus(x),
    first: (x) => sigmoid(x),
    second: (x) => sigmoid(x) * sigmoid(-x),
    at: [-1000, -2, 0, 1, 1000],
  },
  'log sigmoid(x), also at ±1000': {
    f: (x) => nn.logSigmoid(x),
    first: (x) => sigmoid(-x),
    second: (x) => -sigmoid(x) * sigmoid(-x),
    at: [-1000, -2, 0, 1, 1000],
  },
  'x² by power with an integer': {
    f: (x) => np.power(x, 2),
    first: (x) => 2 * x,
    second: () => 2,
    at: [-1, 0, 2],
  },
  'x² by power with a float tensor': {
    f: (x) => np.power(x, f64(2)),
    first: (x) => 2 * x,
    second: () => 2,
    at: [0, 2],
  },
  'x³ by power with a float tensor': {
    f: (x) => np.power(x, f64(3)),
    first: (x) => 3 * x * x,
    second: (x) => 6 * x,
    at: [0, 2],
  },
  'x^2.5 at 0': {
    f: (x) => np.power(x, 2.5),
    first: (x) => 2.5 * x ** 1.5,
    second: (x) => 3.75 * x ** 0.5,
    at: [0, 4],
  },
  'x⁰ with a float tensor': {
    f: (x) => np.power(x, f64(0)),
    first: () => 0,
    second: () => 0,
    at: [0, 2],
  },
  'x^x': {
    f: (x) => np.power(x, x),
    first: (x) => x ** x * (Math.log(x) + 1),
    second: (x) => x ** x * ((Math.log(x) + 1) ** 2 + 1 / x),
    at: [0.5, 1, 2],
  },
};

const kinked: Readonly<Record<string, Case>> = {
  'relu(x): 0 at 0': {
    f: (x) => nn.relu(x),
    first: (x) => (x > 0 ? 1 : 0),
    second: () => 0,
    at: [-1, 0, 1],
  },
  'leakyRelu(x): 1 at 0': {
    f: (x) => nn.leakyRelu(x, 0.1),
    first: (x) => (x >= 0 ? 1 : 0.1),
    second: () => 0,
    at: [-1, 0, 1],
  },
  'maximum(x, 0): ½ at the tie': {
    f: (x) => np.maximum(x, 0),
    first: (x) => (x > 0 ? 1 : x === 0 ? 0.5 : 0),
    second: () => 0,
    at: [-1, 0, 1],
  },
  'maximum(x, x): the halves add up': { f: (x) => np.maximum(x, x), first: () => 1, second: () => 0, at: [-1, 0, 1] },
  'maximum(x, x²)·x': {
    f: (x) => np.multiply(np.maximum(x, np.square(x)), x),
    first: (x) => (x > 1 ? 3 * x * x : 2 * x),
    second: (x) => (x > 1 ? 6 * x : 2),
    at: [0.5, 2],
  },
  'clip(x, −1, 1): ½ at the bounds': {
    f: (x) => np.clip(x, -1, 1),
    first: (x) => (Math.abs(x) < 1 ? 1 : Math.abs(x) === 1 ? 0.5 : 0),
    second: () => 0,
    at: [-2, -1, 0.3, 1, 5],
  },
  'abs(x): 1 at 0, as JAX': {
    f: (x) => np.abs(x),
    first: (x) => (x >= 0 ? 1 : -1),
    second: () => 0,
    at: [-1, 0, 1],
  },
  'x·relu(x)': {
    f: (x) => np.multiply(x, nn.relu(x)),
    first: (x) => (x > 0 ? 2 * x : 0),
    second: (x) => (x > 0 ? 2 : 0),
    at: [-1, 0, 1],
  },
  'sqrt(x) behind a guard on its operand': {
    f: (x) => np.where(np.greater(x, 0), np.sqrt(np.where(np.greater(x, 0), x, 1)), 0),
    first: (x) => (x > 0 ? 0.5 / Math.sqrt(x) : 0),
    second: (x) => (x > 0 ? -0.25 * x ** -1.5 : 0),
    at: [-1, 0, 4],
  },
};

describe.each([
  ['smooth functions', smooth],
  ['functions with kinks', kinked],
] as const)('%s have the right first and second derivatives', (_title, cases) => {
  for (const [name, { f, first, second, at }] of Object.entries(cases)) {
    it(name, () => {
      for (const x of at) {
        expectNear(flat(grad(f)(f64(x)) as Tensor), [first(x)], `reverse at ${x}:`);
        const [, tangent] = jvp(f, [f64(x)], [f64(1)]) as [Tensor, Tensor];
        expectNear(flat(tangent), [first(x)], `forward at ${x}:`);
        for (const [mode, of] of Object.entries(seconds)) {
          expectNear(flat(of(f)(f64(x))), [second(x)], `${mode} at ${x}:`);
        }
      }
    });
  }
});

describe('softplus', () => {
  it('of 1000 is 1000 and of −1000 is 0, with derivatives 1 and 0', () => {
    expect(flat(nn.softplus(f64([1000, -1000])))).toEqual([1000, 0]);
    expect(flat(vmap(grad((x: Tensor) => nn.softplus(x)))(f64([1000, -1000])) as Tensor)).toEqual([1, 0]);
  });
});

describe('logSoftmax', () => {
  it('has the Jacobian δᵢⱼ − pⱼ and the Hessian −(diag p − p pᵀ)', () => {
    const x = [0.3, -1.2, 2];
    const weights = x.map(Math.exp);
    const total = weights.reduce((a, b) => a + b, 0);
    const p = weights.map((w) => w / total);
    const jacobian = p.flatMap((_, i) => p.map((pj, j) => (i === j ? 1 : 0) - pj));
    const hess = p.flatMap((pi, i) => p.map((pj, j) => pi * pj - (i === j ? pi : 0)));
    const f = (v: Tensor): Tensor => nn.logSoftmax(v);
    expectNear(flat(jacrev(f)(f64(x)) as Tensor), jacobian);
    expectNear(flat(jacfwd(f)(f64(x)) as Tensor), jacobian);
    expectNear(flat(hessian((v: Tensor) => np.sum(np.multiply(f(v), f64([1, 0, 0]))))(f64(x)) as Tensor), hess);
  });
});

describe('logsumexp', () => {
  it('of −∞ and finite numbers has weight 0 for the −∞', () => {
    const f = (v: Tensor): Tensor => nn.logsumexp(v);
    expectNear(flat(f(f64([-Infinity, 0, 0]))), [Math.log(2)]);
    expectNear(flat(grad(f)(f64([-Infinity, 0, 0])) as Tensor), [0, 0.5, 0.5]);
  });

  it('of nothing but −∞ is −∞ and not NaN', () => {
    expect(flat(nn.logsumexp(f64([-Infinity, -Infinity])))).toEqual([-Infinity]);
  });

  it('of large numbers does not overflow, nor does its Hessian', () => {
    const f = (v: Tensor): Tensor => nn.logsumexp(v);
    expectNear(flat(grad(f)(f64([1000, 1000])) as Tensor), [0.5, 0.5]);
    expectNear(flat(hessian(f)(f64([1000, 1000])) as Tensor), [0.25, -0.25, -0.25, 0.25]);
  });
});

describe('prod', () => {
  const f = (v: Tensor): Tensor => np.prod(v);

  it('with one zero has a gradient at the zero only, and a full Hessian', () => {
    expectNear(flat(grad(f)(f64([2, 0, 3])) as Tensor), [0, 6, 0]);
    expectNear(flat(hessian(f)(f64([2, 0, 3])) as Tensor), [0, 3, 0, 3, 0, 2, 0, 2, 0]);
  });

  it('with two zeros has no gradient, and a Hessian between the zeros', () => {
    expectNear(flat(grad(f)(f64([0, 0, 3])) as Tensor), [0, 0, 0]);
    expectNear(flat(hessian(f)(f64([0, 0, 3])) as Tensor), [0, 3, 0, 3, 0, 0, 0, 0, 0]);
  });

  it('over one axis treats each line by itself', () => {
    const g = (v: Tensor): Tensor => np.sum(np.prod(v, { axis: 1 }));
    expectNear(flat(grad(g)(f64([[2, 0], [3, 4]])) as Tensor), [0, 2, 4, 3]); // prettier-ignore
  });

  it('run cumulatively has the derivative of each partial product', () => {
    const g = (v: Tensor): Tensor => np.cumprod(v);
    expectNear(flat(jacrev(g)(f64([2, 0, 3])) as Tensor), [1, 0, 0, 0, 2, 0, 0, 6, 0]);
    expectNear(flat(hessian((v: Tensor) => np.sum(g(v)))(f64([2, 0, 3])) as Tensor), [0, 4, 0, 4, 0, 2, 0, 2, 0]);
  });
});

describe('extremes', () => {
  it('share the cotangent evenly at ties', () => {
    expectNear(flat(grad((v: Tensor) => np.max(v))(f64([2, 2, 1])) as Tensor), [0.5, 0.5, 0]);
    expectNear(flat(grad((v: Tensor) => np.min(v))(f64([1, 1, 1])) as Tensor), [1 / 3, 1 / 3, 1 / 3]);
    expectNear(
      flat(hessian((v: Tensor) => np.square(np.max(v)))(f64([2, 2, 1])) as Tensor),
      [0.5, 0.5, 0, 0.5, 0.5, 0, 0, 0, 0],
    );
  });

  it('give NaN for NaN, and then NaN gradients rather than zeros', () => {
    expect(flat(np.max(f64([1, NaN, 3])))).toEqual([NaN]);
    expect(flat(grad((v: Tensor) => np.max(v))(f64([1, NaN, 3])) as Tensor)).toEqual([NaN, NaN, NaN]);
  });

  it('run cumulatively give the cotangent to the current extreme', () => {
    const f = (v: Tensor): Tensor => np.sum(np.multiply(lax.cummax(v, { axis: 0 }), f64([1, 10, 100, 1000])));
    expectNear(flat(grad(f)(f64([1, 3, 2, 5])) as Tensor), [1, 110, 0, 1000]);
  });
});

describe('mod', () => {
  it('of integers has the sign of the divisor', () => {
    const x = np.array([7, -7, 7, -7], { dtype: 'int32' });
    const y = np.array([3, 3, -3, -3], { dtype: 'int32' });
    expect(flat(np.mod(x, y))).toEqual([1, 2, -2, -1]);
  });

  it('of integral floats has the derivatives 1 and −⌊x/y⌋', () => {
    const f = (x: Tensor, y: Tensor): Tensor => np.mod(x, y);
    const [dx, dy] = grad(f, { argnums: [0, 1] })(f64(7), f64(3)) as [Tensor, Tensor];
    expectNear([...flat(dx), ...flat(dy)], [1, -2]);
    const [ex, ey] = grad(f, { argnums: [0, 1] })(f64(-7), f64(3)) as [Tensor, Tensor];
    expectNear([...flat(ex), ...flat(ey)], [1, 3]);
  });
});

describe('Jacobians', () => {
  it('of maps between different shapes have the shape of the output followed by that of the input', () => {
    const f = (x: Tensor): Tensor => np.sin(np.sum(x, { axis: 1 }));
    const x = f64([[0.1, 0.2, 0.3], [1, 2, 3]]); // prettier-ignore
    const [forward, reverse] = [jacfwd(f)(x) as Tensor, jacrev(f)(x) as Tensor];
    const [a, b] = [Math.cos(0.6), Math.cos(6)];
    for (const jacobian of [forward, reverse]) {
      expect(jacobian.shape).toEqual([2, 2, 3]);
      expectNear(flat(jacobian), [a, a, a, 0, 0, 0, 0, 0, 0, b, b, b]);
    }
  });

  it('of a matrix-valued function of a scalar, and of a scalar function of a matrix', () => {
    const outer = (x: Tensor): Tensor => np.multiply(f64([[1, 2], [3, 4]]), np.square(x)); // prettier-ignore
    expect((jacfwd(outer)(f64(3)) as Tensor).shape).toEqual([2, 2]);
    expectNear(flat(jacrev(outer)(f64(3)) as Tensor), [6, 12, 18, 24]);
    const trace = (m: Tensor): Tensor => np.sum(np.matmul(m, m));
    const m = f64([[1, 2], [3, 4]]); // prettier-ignore
    expectNear(flat(jacfwd(trace)(m) as Tensor), flat(jacrev(trace)(m) as Tensor));
    expect((hessian(trace)(m) as Tensor).shape).toEqual([2, 2, 2, 2]);
  });
});

describe('mixed dtypes', () => {
  it('give each argument a gradient of its own dtype', () => {
    const x = np.array([1, 2], { dtype: 'float32' });
    const y = np.array([3, 4], { dtype: 'float64' });
    const f = (a: Tensor, b: Tensor): Tensor => np.sum(np.multiply(np.square(a), b));
    const [dx, dy] = grad(f, { argnums: [0, 1] })(x, y) as [Tensor, Tensor];
    expect([dx.dtype, dy.dtype]).toEqual(['float32', 'float64']);
    expectNear(flat(dx), [6, 16]);
    expectNear(flat(dy), [1, 4]);
    const [out, pull] = vjp(f, x, y);
    expect((out as Tensor).dtype).toBe('float64');
    expect((pull as (ct: Tensor) => Tensor[])(f64(1)).map((g) => g.dtype)).toEqual(['float32', 'float64']);
  });

  it('keep a scalar’s shape and dtype when it was broadcast and promoted', () => {
    const bias = np.array(2, { dtype: 'float32' });
    const f = (b: Tensor): Tensor => np.sum(np.multiply(f64([1, 2, 3]), b));
    const g = grad(f)(bias) as Tensor;
    expect([g.dtype, g.shape]).toEqual(['float32', []]);
    expect(flat(g)).toEqual([6]);
  });

  it('hold for the default dtype too', () => {
    expect((grad((x: Tensor) => np.sin(x))(0.5) as Tensor).dtype).toBe(config.defaultDtype);
  });
});

/**
 * `scipy.special` against 40-digit values, its conventions at the edges, and its derivatives of first and second order.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { ArgumentError, DTypeError, grad, jit, np, scipy, type Tensor, vmap } from 'cotangent';

const { special } = scipy;
type Special = (...args: (Tensor | number)[]) => Tensor;
const f64 = (x: number): Tensor => np.array(x, { dtype: 'float64' });

/** Name, arguments, value to 40 digits (mpmath), rounded. */
const table: readonly (readonly [keyof typeof special, readonly number[], number])[] = [
  ['erf', [0.3], 0.32862675945912745],
  ['erfc', [6], 2.1519736712498913e-17],
  ['erfinv', [0.9], 1.1630871536766743],
  ['erfcx', [2], 0.25539567631050575],
  ['erfcx', [40], 0.014100335983377814],
  ['erfcx', [-1], 5.008980080762283],
  ['gammaln', [0.1], 2.252712651734206],
  ['gamma', [-2.5], -0.9453087204829419],
  ['gamma', [10], 362880.0],
  ['digamma', [0.3], -3.502524222200133],
  ['polygamma', [2, 1.5], -0.82879664423432],
  ['beta', [2, 3.5], 0.06349206349206349],
  ['betaln', [0.5, 1000], -2.8813876965715766],
  ['betaln', [20, 30], -33.968820791977386],
  ['betainc', [2, 3, 0.4], 0.5248],
  ['gammainc', [2, 3], 0.8008517265285442],
  ['gammaincc', [2, 30], 2.900863120340454e-12],
  ['factorial', [7], 5040.0],
  ['comb', [10, 3], 120.0],
  ['poch', [2.5, 1.5], 4.51351666838205],
  ['multigammaln', [4.5, 3], 7.163564471191672],
  ['zeta', [2.5, 0.75], 2.491542385511935],
  ['xlogy', [3, 2], 2.0794415416798357],
  ['xlog1py', [3, 1e-10], 2.99999999985e-10],
  ['entr', [0.3], 0.3611918412977808],
  ['relEntr', [0.3, 0.7], -0.25418935811616106],
  ['klDiv', [0.3, 0.7], 0.1458106418838389],
  ['boxcox', [3, 0.5], 1.4641016151377546],
  ['boxcox1p', [3, 0], 1.3862943611198906],
  ['logit', [0.2], -1.3862943611198906],
  ['expit', [2], 0.8807970779778824],
  ['ndtr', [-8], 6.220960574271784e-16],
  ['ndtr', [0.5], 0.6914624612740131],
  ['logNdtr', [-5], -15.064998393988725],
  ['logNdtr', [-30], -454.3212439563432],
  ['logNdtr', [-34.5], -599.5857362594724],
  ['logNdtr', [-36], -652.5032275937984],
  ['logNdtr', [-100], -5005.524208694205],
  ['logNdtr', [3], -0.0013508099647481938],
  ['logNdtr', [9], -1.1285884059538405e-19],
  ['ndtri', [1e-300], -37.0470962993612],
  ['ndtri', [1e-20], -9.262340089798407],
  ['ndtri', [0.01], -2.326347874040841],
  ['ndtri', [0.3], -0.5244005127080408],
  ['ndtri', [0.6], 0.2533471031357997],
  ['ndtri', [0.95], 1.6448536269514722],
  ['ndtri', [0.9999999999], 6.361340889697422],
  ['i0', [2.5], 3.289839144050123],
  ['i0e', [20], 0.08978031188482602],
  ['i1', [-2.5], -2.5167162452886984],
  ['i1e', [20], 0.08750622218328867],
];

/** Orders and dimensions stay numbers. */
const asArguments = (name: string, args: readonly number[]): (Tensor | number)[] =>
  args.map((x, i) => ((name === 'polygamma' && i === 0) || (name === 'multigammaln' && i === 1) ? x : f64(x)));

describe('values', () => {
  it.each(table)('%s%j', (name, args, expected) => {
    const actual = (special[name] as Special)(...asArguments(name, args)).item();
    expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-13 * Math.abs(expected));
  });

  it.each(table)('%s%j in float32', (name, args, expected) => {
    const narrow = asArguments(name, args).map((x) => (typeof x === 'number' ? x : x.astype('float32')));
    const y = (special[name] as Special)(...narrow);
    expect(y.dtype).toBe('float32');
    // Arguments are rounded too: near a pole, or in a tail, that is most of the error.
    const isFine = Math.abs(expected) < 1e-37 || Math.abs(y.item() - expected) <= 3e-4 * Math.abs(expected);
    expect(isFine || name === 'ndtri').toBe(true);
  });
});

describe('derivatives', () => {
  const smooth: readonly (readonly [string, (x: Tensor) => Tensor, number])[] = [
    ['xlogy in x', (x) => special.xlogy(x, 2), 0.7],
    ['xlogy in y', (x) => special.xlogy(3, x), 0.7],
    ['xlogy in both', (x) => special.xlogy(x, x), 0.7],
    ['xlog1py', (x) => special.xlog1py(x, x), 0.7],
    ['entr', special.entr, 0.7],
    ['relEntr', (x) => special.relEntr(x, np.multiply(x, x)), 0.7],
    ['klDiv', (x) => special.klDiv(0.3, x), 0.7],
    ['logit', special.logit, 0.7],
    ['expit', special.expit, 0.7],
    ['gamma', special.gamma, 2.3],
    ['gamma of negative numbers', special.gamma, -1.4],
    ['beta', (x) => special.beta(x, np.multiply(x, 2)), 2.3],
    ['betaln of large numbers', (x) => special.betaln(x, np.multiply(x, 20)), 2.3],
    ['poch', (x) => special.poch(x, x), 1.3],
    ['factorial', special.factorial, 1.3],
    ['multigammaln', (x) => special.multigammaln(x, 3), 2.3],
    ['zeta in s', (x) => special.zeta(x, 0.75), 2.3],
    ['zeta in q', (x) => special.zeta(2.5, x), 2.3],
    ['boxcox', (x) => special.boxcox(x, 0.5), 2.3],
    ['ndtr', special.ndtr, 0.7],
    ['ndtri', special.ndtri, 0.7],
    ['logNdtr', special.logNdtr, 0.7],
    ['erfcx', special.erfcx, 0.7],
    ['erfinv', special.erfinv, 0.7],
    ['i0', special.i0, 0.7],
    ['i1', special.i1, -0.7],
  ];

  it.each(smooth)('of %s, first and second, are finite differences', (_name, f, at) => {
    const [h, x] = [1e-4, f64(at)];
    const first = grad(f);
    const slope = (g: (x: Tensor) => Tensor): number => {
      const d = (k: number): number => (g(f64(at + k * h)).item() - g(f64(at - k * h)).item()) / (2 * k * h);
      return (4 * d(1) - d(2)) / 3;
    };
    const [expected, second] = [slope(f), slope((y) => first(y) as Tensor)];
    expect(Math.abs(first(x).item() - expected)).toBeLessThan(1e-8 * (1 + Math.abs(expected)));
    const twice = grad((y: Tensor) => first(y) as Tensor)(x).item();
    expect(Math.abs(twice - second)).toBeLessThan(1e-8 * (1 + Math.abs(second)));
  });

  it('xlogy has the derivatives of x log y at x = 0', () => {
    const [dx, dy] = grad((x: Tensor, y: Tensor) => special.xlogy(x, y), { argnums: [0, 1] })(f64(0), f64(2));
    expect(dx.item()).toBe(Math.log(2));
    expect(dy.item()).toBe(0);
    const mixed = grad((x: Tensor) => grad((y: Tensor) => special.xlogy(x, y))(f64(2)) as Tensor)(f64(0));
    expect(mixed.item()).toBe(0.5);
  });

  it('a zero weight of log 0 is nothing, and its entropy falls without bound', () => {
    expect(special.xlogy(0, 0).item()).toBe(0);
    expect(grad(special.entr)(0).item()).toBe(Infinity);
  });

  it('logNdtr has the right derivatives where Φ has vanished', () => {
    const first = grad((x: Tensor) => special.logNdtr(x));
    expect(first(f64(-40)).item()).toBeCloseTo(40.024968847207264, 10);
    expect(grad((x: Tensor) => first(x) as Tensor)(f64(-40)).item()).toBeCloseTo(-0.99937733162140861, 9);
  });

  it('i0 is flat at 0', () => expect(grad(special.i0)(0).item()).toBe(0));
});

describe('edges', () => {
  const values = (t: Tensor): number[] => [...t.dataSync()];

  it('are those of JAX', () => {
    expect(values(special.gamma([0, -0, -1, Infinity, -Infinity]))).toEqual([Infinity, -Infinity, NaN, Infinity, NaN]);
    expect(values(special.gammasgn([1, -0.5, -1.5, -1, 0, -0]))).toEqual([1, -1, 1, NaN, 1, -1]);
    expect(values(special.entr([0, -1, 1]))).toEqual([-0, -Infinity, -0]);
    expect(values(special.relEntr([0, 1, 1, -1], [1, 0, 1, 1]))).toEqual([0, Infinity, 0, Infinity]);
    expect(values(special.logit([0, 1, 2]))).toEqual([-Infinity, Infinity, NaN]);
    expect(values(special.ndtri([0, 1, 2, -1]))).toEqual([-Infinity, Infinity, NaN, NaN]);
    expect(values(special.logNdtr([-Infinity, Infinity, NaN]))).toEqual([-Infinity, -0, NaN]);
    expect(values(special.factorial([-1, 0]))).toEqual([0, 1]);
    expect(values(special.comb([5, 3], [2, 5]))[1]).toBe(0);
  });

  it('softmax goes over all axes unless told otherwise', () => {
    expect(
      special
        .softmax([
          [0, 0],
          [0, 0],
        ])
        .toArray(),
    ).toEqual([
      [0.25, 0.25],
      [0.25, 0.25],
    ]);
    expect(
      special
        .softmax(
          [
            [0, 0],
            [0, 0],
          ],
          { axis: 1 },
        )
        .toArray(),
    ).toEqual([
      [0.5, 0.5],
      [0.5, 0.5],
    ]);
    expect(special.logsumexp([0, 0], { b: [1, 1] }).item()).toBeCloseTo(Math.LN2, 6);
  });

  it('broadcast, batch and compile', () => {
    const f = (x: Tensor): Tensor => special.xlogy(x, special.ndtr(special.logNdtr(x)));
    const x = np.array([0, 0.5, 2]);
    expect(special.beta([[1], [2]], [1, 2, 3]).shape).toEqual([2, 3]);
    const expected = f(x).toArray() as number[];
    for (const g of [jit(f), vmap(f)])
      (g(x).toArray() as number[]).forEach((v, i) => expect(v).toBeCloseTo(expected[i]!, 6));
  });

  it.each([
    ['ndtr of integers', () => special.ndtr(np.array([1], { dtype: 'int32' })), DTypeError],
    ['polygamma of a fraction', () => special.polygamma(0.5, 1), DTypeError],
    ['an unknown option', () => special.softmax([1], { axes: 0 } as never), ArgumentError],
    ['too many terms', () => special.logNdtr(1, 99), ArgumentError],
  ])('%s is an error', (_what, f, type) => expect(f).toThrow(type));
});

/**
 * `np`: creation, dtypes, promotion, elementwise functions, choice.
 * @module
 */
import {
  ArgumentError,
  config,
  DTypeError,
  grad,
  hessian,
  jit,
  np,
  ShapeError,
  type Tensor,
  type TensorLike,
  vmap,
} from 'cotangent';
import { afterEach, describe, expect, test } from 'vitest';

/** Derivative of a function of one number. */
const slope = (f: (x: Tensor) => Tensor, at: number): number => grad(f)(at).item();
const close = (t: Tensor, expected: readonly number[], digits = 5): void =>
  t
    .ravel()
    .dataSync()
    .forEach((v, i) => expect(v).toBeCloseTo(expected[i]!, digits));

describe('creation', () => {
  test('numbers become floats, booleans bool, typed arrays keep their dtype', () => {
    expect(np.array([1, 2]).dtype).toBe('float32');
    expect(np.array([true]).dtype).toBe('bool');
    expect(np.array(new Int32Array([1])).dtype).toBe('int32');
    expect(np.array([1.7], { dtype: 'int32' }).toArray()).toEqual([1]);
    expect(np.array([1, 2, 3, 4], { shape: [2, -1] }).shape).toEqual([2, 2]);
  });

  test('lists may hold tensors, which keep their derivatives', () => {
    const f = (x: Tensor): Tensor =>
      np.sum(
        np.array([
          [x, x.mul(2)],
          [1, x.mul(x)],
        ]),
      );
    expect(slope(f, 3)).toBe(9);
    expect(np.array([np.ones(2), [3, 4]]).toArray()).toEqual([
      [1, 1],
      [3, 4],
    ]);
  });

  test('a ragged list is an error that names the place', () => {
    expect(() => np.array([[1, 2], [3]])).toThrow(ShapeError);
    expect(() => np.array([[1, 2], [3]])).toThrow('[1]');
  });

  test('arange counts in int32 for integers and in floats otherwise, traced or not', () => {
    expect(np.arange(5).dtype).toBe('int32');
    expect(np.arange(0, 1, 0.5).toArray()).toEqual([0, 0.5]);
    expect(np.arange(5, 0, -2).toArray()).toEqual([5, 3, 1]);
    expect(np.arange(3, { dtype: 'float32' }).dtype).toBe('float32');
    expect(jit(() => np.arange(2, 8, 3))().toArray()).toEqual([2, 5]);
  });

  test('linspace, logspace and geomspace include their ends', () => {
    expect(np.linspace(0, 1, 5).toArray()).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(np.linspace(0, 1, 4, { endpoint: false }).toArray()).toEqual([0, 0.25, 0.5, 0.75]);
    expect(np.linspace(0, 1, 5, { retstep: true })[1].item()).toBe(0.25);
    expect(np.linspace([0, 10], [1, 20], 2, { axis: -1 }).toArray()).toEqual([
      [0, 1],
      [10, 20],
    ]);
    expect(np.linspace(0, 1, 0).shape).toEqual([0]);
    close(np.logspace(0, 2, 3), [1, 10, 100], 4);
    close(np.geomspace(1, 1000, 4), [1, 10, 100, 1000], 2);
  });

  test('eye, tri, diag, vander, meshgrid, indices', () => {
    expect(np.eye(2, 3, { k: 1 }).toArray()).toEqual([
      [0, 1, 0],
      [0, 0, 1],
    ]);
    expect(jit(() => np.eye(2, 3, { k: 1 }))().toArray()).toEqual([
      [0, 1, 0],
      [0, 0, 1],
    ]);
    expect(np.tri(2, 3, 1).toArray()).toEqual([
      [1, 1, 0],
      [1, 1, 1],
    ]);
    expect(np.diag([1, 2], 1).toArray()).toEqual([
      [0, 1, 0],
      [0, 0, 2],
      [0, 0, 0],
    ]);
    expect(
      np
        .diag(
          [
            [1, 2, 3],
            [4, 5, 6],
          ],
          -1,
        )
        .toArray(),
    ).toEqual([4]);
    expect(np.vander([2, 3], 3).toArray()).toEqual([
      [4, 2, 1],
      [9, 3, 1],
    ]);
    expect(np.meshgrid([1, 2], [3, 4, 5], { indexing: 'ij' })[0]!.shape).toEqual([2, 3]);
    expect(np.indices([2, 2]).toArray()).toEqual([
      [
        [0, 0],
        [1, 1],
      ],
      [
        [0, 1],
        [0, 1],
      ],
    ]);
    expect(np.fillDiagonal(np.zeros([3, 2]), 5).toArray()).toEqual([
      [5, 0],
      [0, 5],
      [0, 0],
    ]);
  });

  test('dtype names are dtypes and functions', () => {
    expect(np.zeros(2, np.int32).dtype).toBe('int32');
    expect(np.int32(7.9).item()).toBe(7);
    expect(np.float64([1, 2]).dtype).toBe('float64');
    expect(() => np.zeros(2, 'float99' as 'float32')).toThrow(DTypeError);
    expect(np.finfo(np.float32).eps).toBe(2 ** -23);
    expect(np.resultType('int32', 1.5)).toBe('float32');
  });
});

describe('windows and integrals of polynomials', () => {
  // Expected values from JAX 0.10.2.
  test.each([
    ['bartlett', [0, 0.5, 1, 0.5, 0]],
    ['blackman', [0, 0.34, 1, 0.34, 0]],
    ['hamming', [0.08, 0.54, 1, 0.54, 0.08]],
    ['hanning', [0, 0.5, 1, 0.5, 0]],
  ] as const)('%s', (name, expected) => {
    const values = np[name](5).toArray() as number[];
    values.forEach((v, i) => expect(v).toBeCloseTo(expected[i]!, 6));
    expect(np[name](1).toArray()).toEqual([1]);
    expect(np[name](0).shape).toEqual([0]);
    expect(() => np[name](2.5)).toThrow(/expected a length that is a whole number, got 2\.5/);
  });

  test('polyint, polysub', () => {
    expect(np.polyint([1, 2], 1, 3).toArray()).toEqual([0.5, 2, 3]);
    expect(np.polyint([6, 2], { m: 2, k: [3, 4] }).toArray()).toEqual([1, 1, 3, 4]);
    expect(np.polysub([1, 2], [1, 2, 3]).toArray()).toEqual([-1, -1, -1]);
  });
});

describe('promotion', () => {
  afterEach(() => {
    config.defaultDtype = 'float32';
  });
  const integers = np.array([1, 2], 'int32');

  test.each<[string, TensorLike, string]>([
    ['an integer number', 1, 'int32'],
    ['a fractional number', 1.5, 'float32'],
    ['a boolean', true, 'int32'],
    ['uint8', np.array([1], 'uint8'), 'int32'],
    ['float64', np.array([1], 'float64'), 'float64'],
  ])('int32 + %s', (_name, other, dtype) => {
    expect(np.add(integers, other).dtype).toBe(dtype);
  });

  test('functions into the reals convert integers to the default float', () => {
    expect(np.divide(integers, 2).dtype).toBe('float32');
    expect(np.sqrt(integers).dtype).toBe('float32');
    config.defaultDtype = 'float64';
    expect(np.mean(integers).dtype).toBe('float64');
  });

  test('integers wrap, divide toward minus infinity, and leave out no bit', () => {
    expect(np.add(np.array([200], 'uint8'), np.array([100], 'uint8')).toArray()).toEqual([44]);
    expect(np.floorDivide(np.array([7, -7], 'int32'), np.array([-2, 2], 'int32')).toArray()).toEqual([-4, -4]);
    expect(np.mod(np.array([7, -7], 'int32'), 3).toArray()).toEqual([1, 2]);
    expect(np.power(np.array([3], 'int32'), np.array([4], 'int32')).toArray()).toEqual([81]);
    expect(np.gcd(np.array([12, 18], 'int32'), 8).toArray()).toEqual([4, 2]);
    expect(np.lcm(np.array([4, 6], 'int32'), 6).toArray()).toEqual([12, 6]);
    expect(np.leftShift(np.array([1], 'int32'), 4).toArray()).toEqual([16]);
    expect(() => np.power(integers, -1)).toThrow(ArgumentError);
    expect(() => np.subtract([true], [false])).toThrow(DTypeError);
  });
});

describe('elementwise functions', () => {
  test('float manipulation', () => {
    const [m, e] = np.frexp([8, 0.75, 0, -3]);
    expect([m.toArray(), e.toArray()]).toEqual([
      [0.5, 0.75, 0, -0.75],
      [4, 0, 0, 2],
    ]);
    expect(np.frexp(np.array([5e-324], 'float64')).map((t) => t.toArray())).toEqual([[0.5], [-1073]]);
    expect(np.ldexp([0.5], np.array([4], 'int32')).toArray()).toEqual([8]);
    expect(np.modf([1.5, -2.25]).map((t) => t.toArray())).toEqual([
      [0.5, -0.25],
      [1, -2],
    ]);
    expect(np.signbit([-0, 0, -1]).toArray()).toEqual([true, false, true]);
    expect(np.copysign([1, 2], [-0, 3]).toArray()).toEqual([-1, 2]);
    expect(np.nanToNum([NaN, Infinity, 1], { posinf: 9 }).toArray()).toEqual([0, 9, 1]);
    const wide = np.array([-Infinity, Infinity], { dtype: 'float64' });
    expect(np.nanToNum(wide).toArray()).toEqual([-Number.MAX_VALUE, Number.MAX_VALUE]);
    expect(np.heaviside([-1, 0, 2], 0.5).toArray()).toEqual([0, 0.5, 1]);
  });

  test('the remainder has the sign of the divisor, fmod that of the dividend', () => {
    expect(np.mod([-7, 7], [3, -3]).toArray()).toEqual([2, -2]);
    expect(np.fmod([-7, 7], [3, -3]).toArray()).toEqual([-1, 1]);
    expect(np.divmod(7.5, 2).map((t) => t.item())).toEqual([3, 1.5]);
  });

  test('fmax ignores one NaN, maximum does not', () => {
    expect(np.fmax([1, NaN], [NaN, NaN]).toArray()).toEqual([1, NaN]);
    expect(np.maximum([1, NaN], [NaN, 2]).toArray()).toEqual([NaN, NaN]);
  });

  test('where takes the derivative of the chosen branch only', () => {
    const safe = (x: Tensor): Tensor => np.where(np.greater(x, 0), np.sqrt(np.where(np.greater(x, 0), x, 1)), 0);
    expect(slope(safe, 0)).toBe(0);
    expect(slope(safe, 4)).toBe(0.25);
  });

  test('select, piecewise and clip', () => {
    expect(
      np
        .select(
          [
            [true, false],
            [true, true],
          ],
          [
            [1, 2],
            [3, 4],
          ],
          9,
        )
        .toArray(),
    ).toEqual([1, 4]);
    expect(
      np
        .piecewise(
          [-2, 3],
          [
            [true, false],
            [false, true],
          ],
          [(v) => v.mul(v), 7],
        )
        .toArray(),
    ).toEqual([4, 7]);
    expect(np.clip([-2, 0.5, 3], { max: 1 }).toArray()).toEqual([-2, 0.5, 1]);
    expect(slope((x) => np.clip(x, 0, 1), 1)).toBe(0.5);
  });
});

describe('derivatives at special points', () => {
  test('x² at 0, and every power of 0 with an integer exponent', () => {
    expect(slope((x) => np.power(x, 2), 0)).toBe(0);
    expect(hessian((x: Tensor) => np.power(x, 2))(0).item()).toBe(2);
    expect(slope((x) => np.power(x, 0), 0)).toBe(0);
  });

  test('ties of maximum share in halves', () => {
    expect(slope((x) => np.maximum(x, 1), 1)).toBe(0.5);
    expect(slope((x) => np.abs(x), 0)).toBe(1);
  });

  test('sinc has derivatives of every order at 0', () => {
    config.defaultDtype = 'float64';
    expect(slope(np.sinc, 0)).toBe(0);
    // Next to 0 the quotient rule would be noise: sinc'(x) = −π²x/3 + O(x³).
    expect(slope(np.sinc, 1e-4)).toBeCloseTo((-(Math.PI ** 2) * 1e-4) / 3, 9);
    expect(hessian(np.sinc)(0).item()).toBeCloseTo(-(Math.PI ** 2) / 3, 12);
    expect(grad(grad(grad(grad(np.sinc))))(0).item()).toBeCloseTo(Math.PI ** 4 / 5, 9);
    config.defaultDtype = 'float32';
  });

  test('logaddexp neither overflows nor loses its derivative at infinities', () => {
    expect(np.logaddexp(1000, 1000).item()).toBeCloseTo(1000.6931, 3);
    expect(np.logaddexp(-Infinity, -Infinity).item()).toBe(-Infinity);
    expect(slope((x) => np.logaddexp(x, 0), 1000)).toBe(1);
    expect(slope((x) => np.logaddexp(x, -Infinity), 3)).toBe(1);
    expect(slope((x) => np.logaddexp(x, Infinity), -2)).toBe(0);
    expect(slope((x) => np.logaddexp(x, 1), Infinity)).toBe(1);
  });

  test('hypot has right derivatives of second order where its operands are equally long, or one is 0', () => {
    const curve = (x: number, y: number): number => grad(grad((t: Tensor) => np.hypot(t, y)))(np.array(x)).item();
    // ∂²r/∂x² = y²/r³.
    for (const [x, y] of [
      [1, 1],
      [-1, 1],
      [0, 1],
      [0, -2],
      [3, 4],
    ] as const)
      expect(curve(x, y)).toBeCloseTo(y ** 2 / Math.hypot(x, y) ** 3, 5);
    expect(slope((x) => np.hypot(x, 0), 0)).toBe(0.5);
  });

  test('vmap and jit agree with the loop', () => {
    const f = (x: Tensor): Tensor => np.sinc(x).add(np.logaddexp(x, 1)).mul(np.hypot(x, 2));
    const xs = np.array([0, 0.5, -2]);
    const one = [0, 1, 2].map((i) => f(xs.slice(i)).item());
    close(vmap(f)(xs), one);
    close(jit(f)(xs), one);
  });
});

/**
 * `np`: reductions, running reductions, statistics, histograms.
 * @module
 */
import { ArgumentError, grad, jit, jvp, np, ShapeError, type Tensor } from 'cotangent';
import { describe, expect, test } from 'vitest';

const x = np.array([
  [1, 2, 3],
  [4, 5, 6],
]);
const list = (t: Tensor): unknown => t.toArray();

describe('reductions', () => {
  test('the axis may stand by position or among the options', () => {
    expect(list(np.sum(x))).toBe(21);
    expect(list(np.sum(x, 1))).toEqual([6, 15]);
    expect(list(np.sum(x, { axis: -1, keepdims: true }))).toEqual([[6], [15]]);
    expect(list(np.sum(x, 0, { keepdims: true }))).toEqual([[5, 7, 9]]);
    expect(list(np.sum(x, [0, 1]))).toBe(21);
  });

  test('an unknown option is an error that names it and lists the others', () => {
    expect(() => np.sum(x, { axiz: 1 } as object)).toThrow(/sum: expected options axis, keepdims.*got axiz/);
    expect(() => np.sum(x, { axiz: 1 } as object)).toThrow(ArgumentError);
    expect(() => np.sum(x, 5)).toThrow(/sum: expected an axis between -2 and 1, got 5/);
  });

  test('where and initial', () => {
    const where = [
      [true, false, true],
      [false, false, false],
    ];
    expect(list(np.sum(x, 1, { where, initial: 10 }))).toEqual([14, 10]);
    expect(list(np.max(x, 1, { where, initial: -1 }))).toEqual([3, -1]);
    expect(list(np.mean(x, { where }))).toBe(2);
    expect(() => np.max(x, 1, { where })).toThrow(/max: expected initial along with where/);
  });

  test('of nothing: sum 0, prod 1, all true, any false; max is an error', () => {
    const nothing = np.zeros([2, 0]);
    expect(list(np.sum(nothing, 1))).toEqual([0, 0]);
    expect(list(np.prod(nothing, 1))).toEqual([1, 1]);
    expect(list(np.all(nothing))).toBe(true);
    expect(list(np.any(nothing))).toBe(false);
    expect(() => np.max(nothing, 1)).toThrow(ShapeError);
    expect(list(np.max(nothing, 1, { initial: 3 }))).toEqual([3, 3]);
  });

  test('dtypes of sums: booleans count, uint8 widens, integers stay', () => {
    expect(np.sum([true, true]).dtype).toBe('int32');
    expect(np.sum(np.array([200, 100], 'uint8')).item()).toBe(300);
    expect(np.mean(np.arange(4)).item()).toBe(1.5);
    expect(np.sum(x, { dtype: np.float64 }).dtype).toBe('float64');
  });

  test('variance without a degree of freedom left is NaN, and constant', () => {
    expect(np.var([1, 2], { ddof: 2 }).item()).toBeNaN();
    expect(np.var([1, 2], { ddof: 3 }).item()).toBeNaN();
    const slope = grad((v: Tensor) => np.var(v, { ddof: 2 }))(np.array([1, 2])) as Tensor;
    expect(np.abs(slope).toArray()).toEqual([0, 0]);
  });

  test('variance and standard deviation take ddof', () => {
    expect(np.var([1, 2, 3, 4]).item()).toBe(1.25);
    expect(
      np
        .std(
          [
            [1, 2],
            [3, 6],
          ],
          { axis: 0, ddof: 1 },
        )
        .toArray(),
    ).toEqual([Math.fround(Math.SQRT2), Math.fround(2 * Math.SQRT2)]);
    expect(np.average([1, 2, 6], { weights: [1, 1, 2] }).item()).toBe(3.75);
    expect(np.average([1, 2, 6], 0, [1, 1, 2]).item()).toBe(3.75);
    expect(np.average([1, 2, 6], null, [1, 1, 2], { returned: false }).item()).toBe(3.75);
  });

  // Expected values from JAX 0.10.2.
  test.each([
    ['nanmean', [NaN, 2, 2], [0, 0, 0, 0.5, 0, 0.5, 1, 0, 0]],
    ['nanvar', [NaN, 1, 0], [0, 0, 0, -1, 0, 1, 0, 0, 0]],
    ['nanstd', [NaN, 1, 0], [0, 0, 0, -0.5, 0, 0.5, NaN, 0, 0]],
  ] as const)('%s of nothing is NaN with the derivative 0', (name, values, slopes) => {
    const rows = np.array([
      [NaN, NaN, NaN],
      [1, NaN, 3],
      [2, NaN, NaN],
    ]);
    const f = (v: Tensor): Tensor => np[name](v, 1);
    expect(list(f(rows))).toEqual(values);
    expect(list(np.ravel(grad((v: Tensor) => np.sum(f(v)))(rows)))).toEqual(slopes);
    expect(list(f(np.zeros([2, 0])))).toEqual([NaN, NaN]);
    expect(list(jvp(f, [np.zeros([2, 0])], [np.zeros([2, 0])])[1])).toEqual([0, 0]);
  });

  test('positions of extremes: the first of equals, NaN above all', () => {
    expect(
      list(
        np.argmax(
          [
            [1, 9, 9],
            [NaN, 2, 1],
          ],
          1,
        ),
      ),
    ).toEqual([1, 0]);
    expect(list(np.argmin(x, { axis: 0, keepdims: true }))).toEqual([[0, 0, 0]]);
    expect(np.argmax(x).item()).toBe(5);
    expect(
      list(
        np.nanargmax(
          [
            [NaN, 2],
            [NaN, NaN],
          ],
          1,
        ),
      ),
    ).toEqual([1, -1]);
  });

  test('the nan family leaves NaNs out', () => {
    const y = [
      [1, NaN, 3],
      [NaN, NaN, NaN],
    ];
    expect(list(np.nansum(y, 1))).toEqual([4, 0]);
    expect(list(np.nanmean(y, 1))).toEqual([2, NaN]);
    expect(list(np.nanmax(y, 1))).toEqual([3, NaN]);
    expect(list(np.nanvar(y, 1))).toEqual([1, NaN]);
    expect(list(np.nanmedian(y, 1))).toEqual([2, NaN]);
    expect(list(np.nancumsum([1, NaN, 2]))).toEqual([1, 1, 3]);
  });

  test('derivatives: prod with zeros, ties of max, variance', () => {
    expect(list(grad((v: Tensor) => np.prod(v))(np.array([2, 0, 3])))).toEqual([0, 6, 0]);
    expect(list(grad((v: Tensor) => np.max(v))(np.array([1, 2, 2])))).toEqual([0, 0.5, 0.5]);
    expect(list(grad((v: Tensor) => np.var(v))(np.array([1, 3])))).toEqual([-1, 1]);
  });
});

describe('running reductions and differences', () => {
  test('cumsum and cumprod, flat or along an axis', () => {
    expect(list(np.cumsum(x))).toEqual([1, 3, 6, 10, 15, 21]);
    expect(list(np.cumprod(x, 1))).toEqual([
      [1, 2, 6],
      [4, 20, 120],
    ]);
  });

  test('diff, ediff1d, gradient, trapezoid', () => {
    expect(list(np.diff([1, 4, 9, 16], { n: 2, prepend: 0 }))).toEqual([2, 2, 2]);
    expect(list(np.ediff1d([1, 4], { toBegin: 9 }))).toEqual([9, 3]);
    expect(list(np.gradient([1, 2, 4, 7], { axis: 0 }))).toEqual([1, 1.5, 2.5, 3]);
    expect((np.gradient(x) as Tensor[]).map(list)).toEqual([
      [
        [3, 3, 3],
        [3, 3, 3],
      ],
      [
        [1, 1, 1],
        [1, 1, 1],
      ],
    ]);
    expect(np.trapezoid([1, 2, 3], [4, 6, 8]).item()).toBe(8);
    expect(np.trapezoid([1, 2, 3], { dx: 2 }).item()).toBe(8);
  });
});

describe('statistics', () => {
  test('median, quantile and percentile', () => {
    expect(np.median([3, 1, 2]).item()).toBe(2);
    expect(list(np.quantile([1, 2, 3, 4], [0, 0.5, 1]))).toEqual([1, 2.5, 4]);
    expect(np.quantile(x, [0.5, 1], { axis: 1 }).shape).toEqual([2, 2]);
    expect(np.percentile([1, 2, 3, 4], 30, { method: 'lower' }).item()).toBe(1);
    expect(np.quantile([1, NaN], 0.5).item()).toBeNaN();
    expect(np.median([1, Infinity, Infinity]).item()).toBe(Infinity);
    expect(() => np.quantile(x, 0.5, { method: 'best' as 'lower' })).toThrow(/quantile: expected method to be one of/);
  });

  test('covariance and correlation', () => {
    expect(
      list(
        np.cov([
          [1, 2, 3],
          [3, 2, 1],
        ]),
      ),
    ).toEqual([
      [1, -1],
      [-1, 1],
    ]);
    expect(np.cov([1, 2, 3, 4], { ddof: 0 }).item()).toBe(1.25);
    const r = np.corrcoef([1, 2, 3], [1, 2, 4]).slice(0, 1).item();
    expect(r).toBeCloseTo(0.98198, 5);
  });

  test('counting: bincount, histogram, digitize, searchsorted', () => {
    expect(list(np.bincount(np.array([0, 1, 1, 3], 'int32')))).toEqual([1, 2, 0, 1]);
    expect(list(np.bincount([0, 1, 1], { weights: [0.5, 1, 2], minlength: 3 }))).toEqual([0.5, 3, 0]);
    expect(np.histogram([1, 2, 2, 4], { bins: 3 }).map(list)).toEqual([
      [1, 2, 1],
      [1, 2, 3, 4],
    ]);
    expect(list(np.digitize([0.2, 2.5, 10], [0, 1, 2.5, 4]))).toEqual([1, 3, 4]);
    expect(list(np.digitize([2.5], [10, 4, 2.5, 1], { right: true }))).toEqual([3]);
    expect(list(np.searchsorted([1, 2, 2, 5], [0, 2, 5, 9], { side: 'right' }))).toEqual([0, 3, 4, 4]);
  });

  test('interp is linear between points and constant outside', () => {
    expect(list(np.interp([0, 1.5, 2, 9], [1, 2, 3], [10, 20, 30]))).toEqual([10, 15, 20, 30]);
    expect(list(np.interp([0, 9], [1, 2], [10, 20], { left: -1, right: 7 }))).toEqual([-1, 7]);
  });

  test('all of it compiles', () => {
    const f = (v: Tensor): Tensor =>
      np
        .std(v)
        .add(np.median(v))
        .add(np.quantile(v, 0.3))
        .add(np.sum(np.cov(v)));
    const v = np.array([3, 1, 2, 7]);
    expect(jit(f)(v).item()).toBeCloseTo(f(v).item(), 5);
    expect(jit(grad(f))(v).dataSync()[0]).toBeCloseTo(grad(f)(v).dataSync()[0]!, 5);
  });
});

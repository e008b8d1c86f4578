/**
 * Operations of TensorFlow's face: its arguments by position and by name, its defaults.
 * @module
 */
import { describe, expect, it, test } from 'vitest';
import { grad, np, type Tensor } from 'cotangent';
import * as tf from 'cotangent/tf';

const x = np.array([
  [3, 1, 2],
  [0, 5, 4],
]);
const values = (y: Tensor): unknown => y.toArray();

describe('arguments go by position and by name', () => {
  it.each<[string, Tensor, Tensor]>([
    ['constant, dtype', tf.constant(2, 'int32'), tf.constant(2, { dtype: 'int32' })],
    ['constant, shape', tf.constant(2, null, [2, 2]), tf.constant(2, { shape: [2, 2] })],
    ['cast', tf.cast(x, 'int32'), tf.cast(x, { dtype: 'int32' })],
    ['reduceSum', tf.reduceSum(x, 1, true), tf.reduceSum(x, { axis: 1, keepdims: true })],
    ['reduceMean', tf.reduceMean(x, null, true), tf.reduceMean(x, { keepdims: true })],
    ['reduceLogsumexp', tf.reduceLogsumexp(x, 0), tf.reduceLogsumexp(x, { axis: 0 })],
    ['argMax', tf.argMax(x, 1), tf.argMax(x, { axis: 1 })],
    ['cumsum', tf.cumsum(x, 1, true, true), tf.cumsum(x, { axis: 1, exclusive: true, reverse: true })],
    ['concat', tf.concat([x, x], 1), tf.concat([x, x], { axis: 1 })],
    ['matmul', tf.matmul(x, x, false, true), tf.matmul(x, x, { transposeB: true })],
    [
      'pad',
      tf.pad(
        x,
        [
          [1, 0],
          [0, 1],
        ],
        'CONSTANT',
        7,
      ),
      tf.pad(
        x,
        [
          [1, 0],
          [0, 1],
        ],
        { constantValues: 7 },
      ),
    ],
    ['clipByNorm', tf.clipByNorm(x, 1, [1]), tf.clipByNorm(x, 1, { axes: [1] })],
    ['leakyRelu', tf.leakyRelu([-1], 0.5), tf.leakyRelu([-1], { alpha: 0.5 })],
    ['gelu', tf.gelu([1], true), tf.gelu([1], { approximate: true })],
  ])('%s', (_name, first, second) => {
    expect([first.dtype, first.shape]).toEqual([second.dtype, second.shape]);
    expect(values(first)).toEqual(values(second));
  });

  it('and others are refused', () => {
    expect(() => tf.constant(1, { type: 'int32' } as never)).toThrow(
      'constant: expected options dtype, shape, got type',
    );
    expect(() => tf.reduceSum(x, { keepDims: true } as never)).toThrow('reduceSum: expected options axis, keepdims');
    expect(() =>
      tf.pad(
        x,
        [
          [0, 0],
          [0, 0],
        ],
        'EDGE',
      ),
    ).toThrow('pad: expected mode CONSTANT, REFLECT or SYMMETRIC');
    expect(() => tf.gather(x, [0], { batchDims: 2 })).toThrow('gather: expected batchDims from 0');
  });
});

test.each<[string, Tensor, unknown]>([
  ['argMax goes along the first axis', tf.argMax(x), [0, 1, 1]],
  ['argMin goes along the first axis', tf.argMin(x), [1, 0, 0]],
  [
    'cumsum goes along the first axis',
    tf.cumsum(x),
    [
      [3, 1, 2],
      [3, 6, 6],
    ],
  ],
  ['exclusive sums start from 0', tf.cumsum([1, 2, 3], { exclusive: true }), [0, 1, 3]],
  ['exclusive products from the end', tf.cumprod([2, 3, 4], { exclusive: true, reverse: true }), [12, 4, 1]],
  ['exclusive sums of nothing', tf.cumsum(np.zeros([0]), { exclusive: true }), []],
  ['sums of integers are integers', tf.cumsum(tf.constant([1, 2], 'int32'), -1, true), [0, 1]],
  ['leakyRelu has a slope of 0.2', tf.leakyRelu(np.array([-1, 1], { dtype: 'float64' })), [-0.2, 1]],
  [
    'oneHot with other values',
    tf.oneHot([0, 2], 2, { onValue: 5, offValue: -1 }),
    [
      [5, -1],
      [-1, -1],
    ],
  ],
  [
    'oneHot along another axis',
    tf.oneHot([0, 1], 2, { axis: 0, dtype: 'int32' }),
    [
      [1, 0],
      [0, 1],
    ],
  ],
  ['gather of each row', tf.gather(x, [[2], [0]], { batchDims: 1 }), [[2], [0]]],
  [
    'gather along the last axis',
    tf.gather(x, [2, 2], { axis: -1 }),
    [
      [2, 2],
      [4, 4],
    ],
  ],
  ['the transpose of a product', tf.matmul(x, [[1], [2]], { transposeA: true }), [[3], [11], [10]]],
  ['pad by reflection', tf.pad([1, 2, 3], [[2, 0]], 'REFLECT'), [3, 2, 1, 2, 3]],
  ['squaredDifference', tf.squaredDifference([1, 4], 2), [1, 4]],
])('%s', (_name, got, want) => expect(values(got)).toEqual(want));

test('gelu is that of the error function: Φ(1)', () => {
  expect(tf.gelu(np.array(1, { dtype: 'float64' })).item()).toBeCloseTo(0.841344746068543, 14);
});

test('clipByNorm of each row, with its derivative', () => {
  const rows = np.array(
    [
      [3, 4],
      [0, 0.5],
    ],
    { dtype: 'float64' },
  );
  expect(
    np
      .allclose(tf.clipByNorm(rows, 1, 1), [
        [0.6, 0.8],
        [0, 0.5],
      ])
      .item(),
  ).toBeTruthy();
  const gradient = grad((v: Tensor) => np.sum(tf.clipByNorm(v, 1, 1)))(rows);
  // d (a + b) / √(a² + b²) = (b² − a b, a² − a b) / (a² + b²)^1.5
  expect(
    np
      .allclose(gradient, [
        [4 / 125, -3 / 125],
        [1, 1],
      ])
      .item(),
  ).toBeTruthy();
});

test('exclusive sums have the derivative of sums', () => {
  const gradient = grad((v: Tensor) => np.sum(tf.cumsum(v, { exclusive: true }).mul([1, 10, 100])))(
    np.array([1, 2, 3]),
  );
  expect(values(gradient)).toEqual([110, 100, 0]);
});

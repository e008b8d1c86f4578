/**
 * `np`: shapes, joining, padding, sorting, sets, products.
 * @module
 */
import { ArgumentError, grad, jit, lax, makeProgram, np, ShapeError, type Tensor, vmap } from 'cotangent';
import { describe, expect, test } from 'vitest';

const x = np.reshape(np.arange(6), [2, 3]);
const list = (t: Tensor): unknown => t.toArray();

describe('axes', () => {
  test('reshape, transpose, moveaxis, expandDims, squeeze', () => {
    expect(list(np.reshape(x, [3, -1]))).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
    expect(np.transpose(np.zeros([2, 3, 4]), [2, 0, 1]).shape).toEqual([4, 2, 3]);
    expect(np.moveaxis(np.zeros([2, 3, 4]), [0, 1], [-1, -2]).shape).toEqual([4, 3, 2]);
    expect(np.rollaxis(np.zeros([2, 3, 4]), 2).shape).toEqual([4, 2, 3]);
    expect(np.expandDims(x, [0, -1]).shape).toEqual([1, 2, 3, 1]);
    expect(np.squeeze(np.zeros([1, 3, 1]), 0).shape).toEqual([3, 1]);
    expect(() => np.squeeze(x, 0)).toThrow(/squeeze: expected axes of size 1/);
    expect(() => np.reshape(x, [4, -1])).toThrow(ShapeError);
    expect(np.broadcastShapes([2, 1], [3])).toEqual([2, 3]);
    expect(() => np.broadcastTo(x, [3, 3])).toThrow(/broadcastTo/);
  });

  test('joining and splitting', () => {
    expect(list(np.concatenate([x, x], 1))).toEqual([
      [0, 1, 2, 0, 1, 2],
      [3, 4, 5, 3, 4, 5],
    ]);
    expect(np.concatenate([x, x], { axis: null }).shape).toEqual([12]);
    expect(np.concatenate([x, [[0.5, 1, 2]]]).dtype).toBe('float32');
    expect(
      list(
        np.stack(
          [
            [1, 2],
            [3, 4],
          ],
          -1,
        ),
      ),
    ).toEqual([
      [1, 3],
      [2, 4],
    ]);
    expect(() => np.stack([[1], [1, 2]])).toThrow(/stack: expected arrays of one shape/);
    expect(
      [np.vstack([[1], [2]]), np.hstack([[1], [2]]), np.dstack([[1], [2]]), np.columnStack([[1], [2]])].map(
        (t) => t.shape,
      ),
    ).toEqual([[2, 1], [2], [1, 1, 2], [1, 2]]);
    expect(
      np.block([
        [np.ones([2, 2]), np.zeros([2, 1])],
        [np.zeros([1, 2]), np.ones([1, 1])],
      ]).shape,
    ).toEqual([3, 3]);
    expect(np.split([1, 2, 3, 4], [1, 3]).map(list)).toEqual([[1], [2, 3], [4]]);
    expect(np.arraySplit(np.arange(5), 3).map((t) => t.size)).toEqual([2, 2, 1]);
    expect(() => np.split(np.arange(5), 3)).toThrow(ArgumentError);
    expect(np.unstack(x, 1).map(list)).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
  });

  test('parts have one gradient, joined in one pass', () => {
    const weighted = (parts: readonly Tensor[]): Tensor =>
      parts.map((t, i) => np.sum(t).mul(i)).reduce((a, b) => a.add(b));
    for (const parts of [
      (y: Tensor) => np.unstack(y),
      (y: Tensor) => np.split(y, 4),
      (y: Tensor) => lax.split(y, [1, 1, 1, 1]),
    ]) {
      const gradient = grad((y: Tensor) => weighted(parts(y)));
      expect(list(gradient(np.ones([4])))).toEqual([0, 1, 2, 3]);
      expect(makeProgram(gradient)(np.ones([4])).toString()).not.toContain('pad');
    }
    expect(list(grad((y: Tensor) => np.sum(np.split(y, 3)[1]!))(np.ones([6])))).toEqual([0, 0, 1, 1, 0, 0]);
    const back = (y: Tensor): Tensor => np.sum(np.concatenate(np.split(y, [3, 1])));
    expect(list(grad(back)(np.ones([4])))).toEqual([1, 2, 2, 1]);
    expect(list(vmap((y: Tensor) => np.concatenate(np.split(y, [2]).toReversed()))(x))).toEqual([
      [2, 0, 1],
      [5, 3, 4],
    ]);
    expect(() => lax.split(x, [1, 1], 1)).toThrow(/lax.split: expected sizes that add up to 3, got \[1,1\]/);
    expect(lax.split(np.zeros([0, 2]), [])).toEqual([]);
    expect(np.unstack(np.zeros([0, 2]))).toEqual([]);
  });

  test('repeating, reversing, rolling, inserting', () => {
    expect(np.tile(x, [2, 1, 2]).shape).toEqual([2, 2, 6]);
    expect(list(np.repeat([1, 2, 3], [1, 0, 2]))).toEqual([1, 3, 3]);
    expect(list(np.repeat(x, 2, 1))).toEqual([
      [0, 0, 1, 1, 2, 2],
      [3, 3, 4, 4, 5, 5],
    ]);
    expect(list(np.flip(x))).toEqual([
      [5, 4, 3],
      [2, 1, 0],
    ]);
    expect(
      list(
        np.rot90([
          [1, 2],
          [3, 4],
        ]),
      ),
    ).toEqual([
      [2, 4],
      [1, 3],
    ]);
    expect(list(np.roll(x, [1, 1], [0, 1]))).toEqual([
      [5, 3, 4],
      [2, 0, 1],
    ]);
    expect(list(jit((s: Tensor) => np.roll(np.arange(4), s))(np.int32(1)))).toEqual([3, 0, 1, 2]);
    expect(list(np.roll(x, { shift: 1, axis: 1 }))).toEqual([
      [2, 0, 1],
      [5, 3, 4],
    ]);
    for (const shift of [1.5, [1, 1.5], np.array(1.5)]) {
      expect(() => np.roll(x, shift)).toThrow(/roll: expected shift to be integers, got .*1\.5/);
    }
    expect(list(np.insert([1, 2, 3], [1, 1], [5, 6]))).toEqual([1, 5, 6, 2, 3]);
    expect(list(np.delete(x, 1, 1))).toEqual([
      [0, 2],
      [3, 5],
    ]);
    expect(list(np.append([1], [2, 3]))).toEqual([1, 2, 3]);
    expect(list(np.resize([1, 2, 3], [2, 2]))).toEqual([
      [1, 2],
      [3, 1],
    ]);
  });

  test.each([
    ['constant', [0, 0, 1, 2, 3, 0, 0]],
    ['edge', [1, 1, 1, 2, 3, 3, 3]],
    ['reflect', [3, 2, 1, 2, 3, 2, 1]],
    ['symmetric', [2, 1, 1, 2, 3, 3, 2]],
    ['wrap', [2, 3, 1, 2, 3, 1, 2]],
    ['linearRamp', [0, 0.5, 1, 2, 3, 1.5, 0]],
    ['maximum', [3, 3, 1, 2, 3, 3, 3]],
    ['mean', [2, 2, 1, 2, 3, 2, 2]],
  ] as const)('pad %s', (mode, expected) => {
    expect(list(np.pad([1, 2, 3], 2, mode))).toEqual(expected);
  });

  test('padding wider than the array goes on reflecting, and has a derivative', () => {
    expect(list(np.pad([1, 2, 3], [5, 4], 'reflect'))).toEqual([2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3]);
    const weights = np.arange(7).astype('float32');
    expect(list(grad((v: Tensor) => np.sum(np.pad(v, 2, 'reflect').mul(weights)))(np.array([1, 2, 3])))).toEqual([
      8, 9, 4,
    ]);
    expect(
      list(
        np.pad(
          x,
          [
            [1, 0],
            [0, 1],
          ],
          { constantValues: 9 },
        ),
      ),
    ).toEqual([
      [9, 9, 9, 9],
      [0, 1, 2, 9],
      [3, 4, 5, 9],
    ]);
  });

  test('triangles and diagonals', () => {
    expect(list(np.tril(x, 0))).toEqual([
      [0, 0, 0],
      [3, 4, 0],
    ]);
    expect(list(np.triu(x, 1))).toEqual([
      [0, 1, 2],
      [0, 0, 5],
    ]);
    expect(list(np.diagonal(x, 1))).toEqual([1, 5]);
    expect(np.trace(x).item()).toBe(4);
  });
});

describe('sorting and sets', () => {
  test('sort puts NaN last; argsort keeps the order of equals', () => {
    expect(list(np.sort([3, NaN, -1]))).toEqual([-1, 3, NaN]);
    expect(list(np.argsort([1, 3, 1, 2], { descending: true }))).toEqual([1, 3, 0, 2]);
    expect(
      list(
        np.lexsort([
          [1, 2, 1],
          [0, 0, -1],
        ]),
      ),
    ).toEqual([2, 0, 1]);
    expect(list(grad((v: Tensor) => np.sum(np.sort(v).mul([1, 2, 3])))(np.array([3, 1, 2])))).toEqual([3, 1, 2]);
  });

  // Expected values from JAX 0.10.2.
  test('unique slices along an axis', () => {
    const rows = np.int32([
      [3, 1],
      [1, 2],
      [3, 1],
      [0, 7],
    ]);
    const sorted = [
      [0, 7],
      [1, 2],
      [3, 1],
    ];
    const all = { axis: 0, returnIndex: true, returnInverse: true, returnCounts: true } as const;
    expect(np.unique(rows, all).map(list)).toEqual([sorted, [3, 1, 0], [2, 1, 2, 0], [1, 1, 2]]);
    const filled = jit((v: Tensor) => np.unique(v, { axis: 0, size: 4, fillValue: -1 }))(rows);
    expect(list(filled)).toEqual([...sorted, [-1, -1]]);
    expect(list(np.unique(np.transpose(rows), { axis: 1 }))).toEqual(list(np.transpose(np.array(sorted))));
  });

  test('sets of a fixed size', () => {
    const [a, b] = [np.int32([3, 1, 3, 2, 5]), np.int32([3, 2, 9])];
    const sized = (f: typeof np.setdiff1d, options: object = {}): unknown =>
      list(jit((v: Tensor, w: Tensor) => f(v, w, { size: 4, ...options }))(a, b));
    expect(sized(np.setdiff1d)).toEqual([1, 5, 0, 0]);
    expect(sized(np.setdiff1d, { fillValue: -1 })).toEqual([1, 5, -1, -1]);
    expect(sized(np.intersect1d)).toEqual([2, 3, 2, 2]);
    expect(sized(np.intersect1d, { size: 1 })).toEqual([2]);
    expect(sized(np.union1d, { size: 6 })).toEqual([1, 2, 3, 5, 9, 1]);
    expect(sized(np.setxor1d)).toEqual([1, 5, 9, 1]);
    expect(() => jit((v: Tensor) => np.setdiff1d(v, b))(a)).toThrow(/setdiff1d: .*pass \{ size \}/s);
  });

  test('unique, with a size where values are traced', () => {
    const parts = np.unique([3, 1, 3, 2, 1], { returnIndex: true, returnInverse: true, returnCounts: true });
    expect(parts.map(list)).toEqual([
      [1, 2, 3],
      [1, 3, 0],
      [2, 0, 2, 1, 0],
      [2, 1, 2],
    ]);
    expect(list(jit((v: Tensor) => np.unique(v, { size: 4, fillValue: -1 }))(np.array([3, 1, 3])))).toEqual([
      1, 3, -1, -1,
    ]);
    expect(() => jit((v: Tensor) => np.unique(v))(np.array([1, 2]))).toThrow(/pass \{ size \}/);
  });

  test('set operations', () => {
    expect(list(np.isin([1, 2, 3], [2, 5]))).toEqual([false, true, false]);
    expect(
      [
        np.union1d([1, 2], [2, 3]),
        np.intersect1d([1, 2, 3], [2, 3, 4]),
        np.setdiff1d([1, 2, 3], [2]),
        np.setxor1d([1, 2], [2, 3]),
      ].map(list),
    ).toEqual([
      [1, 2, 3],
      [2, 3],
      [1, 3],
      [1, 3],
    ]);
  });
});

describe('products', () => {
  test.each([
    [[3], [3], []],
    [[2, 3], [3], [2]],
    [[3], [3, 2], [2]],
    [
      [5, 2, 3],
      [3, 4],
      [5, 2, 4],
    ],
    [
      [2, 3],
      [5, 3, 4],
      [5, 2, 4],
    ],
    [[3], [5, 3, 4], [5, 4]],
    [
      [5, 1, 2, 3],
      [4, 3, 2],
      [5, 4, 2, 2],
    ],
  ])('matmul of %j and %j has shape %j', (a, b, out) => {
    expect(np.matmul(np.ones(a), np.ones(b)).shape).toEqual(out);
    expect(np.matmul(np.ones(a), np.ones(b)).ravel().dataSync()[0]).toBe(3);
  });

  test('unequal inner dimensions are named', () => {
    expect(() => np.matmul(np.ones([2, 3]), np.ones([4, 5]))).toThrow(
      'matmul: expected equal inner dimensions, got f32[2,3] @ f32[4,5] (3 ≠ 4).',
    );
    expect(() => np.matmul(2, 3)).toThrow(/matmul: expected at least one axis/);
  });

  test('dot, inner, outer, vdot, tensordot, kron, cross', () => {
    expect(np.dot([1, 2], [3, 4]).item()).toBe(11);
    expect(np.dot(np.ones([2, 3]), np.ones([5, 3, 4])).shape).toEqual([2, 5, 4]);
    expect(list(np.outer([1, 2], [3, 4]))).toEqual([
      [3, 4],
      [6, 8],
    ]);
    expect(np.vdot(x, x).item()).toBe(55);
    expect(
      np.tensordot(np.ones([2, 3, 4]), np.ones([3, 2, 5]), [
        [0, 1],
        [1, 0],
      ]).shape,
    ).toEqual([4, 5]);
    expect(list(np.kron([1, 10], [5, 6]))).toEqual([5, 6, 50, 60]);
    expect(list(np.cross([1, 2, 3], [4, 5, 6]))).toEqual([-3, 6, -3]);
    expect(np.cross([1, 2], [3, 4]).item()).toBe(-2);
    expect(list(np.matmul([[true, false]], [[true], [true]]))).toEqual([[true]]);
  });

  test.each([
    [
      'ij,jk',
      [
        [2, 3],
        [3, 4],
      ],
      [2, 4],
    ],
    ['ji', [[2, 3]], [3, 2]],
    ['ii', [[3, 3]], []],
    ['iij->j', [[3, 3, 2]], [2]],
    [
      '...ij,...jk->...ik',
      [
        [5, 2, 3],
        [3, 4],
      ],
      [5, 2, 4],
    ],
    [
      'bij,bjk,bkl->bil',
      [
        [2, 3, 4],
        [2, 4, 5],
        [2, 5, 6],
      ],
      [2, 3, 6],
    ],
    [',i->i', [[], [3]], [3]],
  ] as const)('einsum %s', (subscripts, shapes, out) => {
    expect(np.einsum(subscripts, ...shapes.map((s) => np.ones(s))).shape).toEqual(out);
  });

  test('einsum: values, derivatives, errors', () => {
    expect(() => np.einsum('ij,jk->ik', x)).toThrow(/einsum: expected 2 operands for 'ij,jk->ik', got 1/);
    expect(() => np.einsum('ij')).toThrow(/einsum: expected 1 operand for 'ij', got 0/);
    expect(np.einsum('ij,ij->', x, x).item()).toBe(55);
    expect(
      list(
        np.einsum('ii->i', [
          [1, 2],
          [3, 4],
        ]),
      ),
    ).toEqual([1, 4]);
    expect(
      list(
        grad((v: Tensor) => np.einsum('ii', v.mul(v)))(
          np.array([
            [1, 2],
            [3, 4],
          ]),
        ),
      ),
    ).toEqual([
      [2, 0],
      [0, 8],
    ]);
    expect(() => np.einsum('ij,jk', np.ones([2, 3]), np.ones([4, 5]))).toThrow(/einsum: expected one size for label j/);
    expect(() => np.einsum('ij', 1)).toThrow(/einsum: expected 2 axes for 'ij'/);
    expect(() => np.einsum('i->j', [1])).toThrow(/output label/);
    const mapped = vmap((v: Tensor) => np.einsum('ij,j->i', v, [1, 2, 3]))(np.ones([4, 2, 3]));
    expect(mapped.shape).toEqual([4, 2]);
  });

  test('polynomials and convolution', () => {
    expect(np.polyval([1, 0, -2], 3).item()).toBe(7);
    expect(list(np.polyder([1, 2, 3]))).toEqual([2, 2]);
    expect(list(np.convolve([1, 2, 3], [0, 1, 0.5]))).toEqual([0, 1, 2.5, 4, 1.5]);
    expect(list(np.convolve([1, 2, 3], [0, 1, 0.5], 'same'))).toEqual([1, 2.5, 4]);
    expect(list(np.correlate([1, 2, 3], [0, 1, 0.5]))).toEqual([3.5]);
    expect(list(np.correlate([1, 2], [0, 1, 0.5], 'full'))).toEqual([0.5, 2, 2, 0]);
  });
});

describe('functions of functions', () => {
  test('applyAlongAxis and vectorize map with the rules of vmap', () => {
    expect(
      list(
        np.applyAlongAxis((v) => np.cumsum(v), 0, [
          [1, 5],
          [3, 2],
        ]),
      ),
    ).toEqual([
      [1, 5],
      [4, 7],
    ]);
    const clipped = np.vectorize((a, b) => np.minimum(a, b));
    expect(list(clipped([1, 5], 3))).toEqual([1, 3]);
    expect(list(grad((v: Tensor) => np.sum(clipped(v, 3)))(np.array([1, 5])))).toEqual([1, 0]);
  });
});

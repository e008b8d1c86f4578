/** Functions of `lax` on small arrays; their rules are tested with the registry, their values with the goldens. */
import { describe, expect, test } from 'vitest';
import { grad, jit, lax, np, type Tensor, vmap } from 'cotangent';

const js = (x: Tensor): unknown => JSON.parse(JSON.stringify(x));
const matrix = np.array([
  [1, 2, 3],
  [4, 5, 6],
]);
const ints = (values: number[]): Tensor => np.array(values, { dtype: 'int32' });

describe('elementwise functions', () => {
  test('a bare number takes the dtype of what it meets', () => {
    expect(lax.add(ints([1, 2]), 1).dtype).toBe('int32');
    expect(lax.mul(0.5, np.array([1, 2], { dtype: 'float64' })).dtype).toBe('float64');
  });

  test('two dtypes are an error, not a promotion', () => {
    expect(() => lax.add(ints([1]), np.array([1]))).toThrow(
      /add: expected operands of one dtype, got i32\[1\] and f32\[1\]/,
    );
  });

  test('round sends halves away from zero, or to even', () => {
    const halves = np.array([-2.5, -0.5, 0.5, 1.5, 2.5]);
    expect(js(lax.round(halves))).toEqual([-3, -1, 1, 2, 3]);
    expect(js(lax.round(halves, lax.RoundingMethod.TO_NEAREST_EVEN))).toEqual([-2, 0, 0, 2, 2]);
  });

  test('selectN chooses among cases', () => {
    expect(js(lax.selectN(ints([0, 2, 1]), [1, 1, 1], [2, 2, 2], [3, 3, 3]))).toEqual([1, 3, 2]);
    expect(js(lax.selectN(np.array([true, false]), [1, 1], [2, 2]))).toEqual([2, 1]);
  });

  test('clamp has derivative 0 outside its bounds', () => {
    const f = (x: Tensor): Tensor => lax.reduceSum(lax.clamp(-1, x, 1), [0]);
    expect(js(grad(f)(np.array([-2, 0, 3])) as Tensor)).toEqual([0, 1, 0]);
  });
});

describe('shapes', () => {
  test('slices along one axis count negative positions from the end', () => {
    expect(js(lax.sliceInDim(matrix, -2, null, 1, 1))).toEqual([
      [2, 3],
      [5, 6],
    ]);
    expect(js(lax.sliceInDim(matrix, 0, 3, { axis: 1, stride: 2 }))).toEqual([
      [1, 3],
      [4, 6],
    ]);
    expect(js(lax.indexInDim(matrix, -1, 0, false))).toEqual([4, 5, 6]);
  });

  test('pad writes around, between, and cuts off', () => {
    expect(js(lax.pad(np.array([1, 2, 3]), 0, [[1, -1, 1]]))).toEqual([0, 1, 0, 2, 0]);
  });

  test('expandDims and squeeze are inverses', () => {
    const wide = lax.expandDims(matrix, [0, -1]);
    expect(wide.shape).toEqual([1, 2, 3, 1]);
    expect(lax.squeeze(wide, [0, 3]).shape).toEqual([2, 3]);
    expect(() => lax.squeeze(matrix, [0])).toThrow(/lax.squeeze: expected axes of size 1, got axis 0 of f32\[2,3\]/);
  });

  test('collapse joins axes, rev turns them round, reshape may permute first', () => {
    expect(lax.collapse(np.zeros([2, 3, 4]), 0, 2).shape).toEqual([6, 4]);
    expect(js(lax.rev(matrix, [1]))).toEqual([
      [3, 2, 1],
      [6, 5, 4],
    ]);
    expect(js(lax.reshape(matrix, [6], [1, 0]))).toEqual([1, 4, 2, 5, 3, 6]);
  });

  test('split gives consecutive pieces, whose sizes must add up', () => {
    expect(lax.split(matrix, [1, 2], 1).map((x) => x.shape)).toEqual([
      [2, 1],
      [2, 2],
    ]);
    expect(() => lax.split(matrix, [1, 1], { axis: 1 })).toThrow(
      /lax.split: expected sizes that add up to 3, got \[1,1\]/,
    );
  });

  test('terms beside an infinite one have weight 0 in cumlogsumexp', () => {
    const f = (x: Tensor): Tensor => lax.cumlogsumexp(np.array([-1, Infinity, 1]).add(x)).sum();
    const moved = (i: number): number => grad((t: Tensor) => f(np.where(np.arange(3).equal(i), t, 0)))(0).item();
    expect([0, 1, 2].map(moved)).toEqual([1, 2, 0]);
  });

  test('an unknown option is an error that lists the known ones', () => {
    expect(() => lax.cumsum(matrix, { axs: 1 } as never)).toThrow(
      /lax.cumsum: expected options axis, reverse, got axs/,
    );
  });
});

describe('positions that are values', () => {
  test('dynamic slices clamp their position so that the window fits', () => {
    const x = np.array([0, 1, 2, 3, 4]);
    const at = jit((i: Tensor) => lax.dynamicSlice(x, [i], [3]));
    expect(js(at(ints([1]).slice(0)))).toEqual([1, 2, 3]);
    expect(js(at(ints([9]).slice(0)))).toEqual([2, 3, 4]);
    expect(js(lax.dynamicSliceInDim(matrix, 1, 2, 1))).toEqual([
      [2, 3],
      [5, 6],
    ]);
  });

  test('dynamic updates replace a window or a row', () => {
    expect(js(lax.dynamicUpdateSlice(np.zeros([4]), [7, 8], [1]))).toEqual([0, 7, 8, 0]);
    expect(js(lax.dynamicUpdateIndexInDim(matrix, [0, 0, 0], 1, 0))).toEqual([
      [1, 2, 3],
      [0, 0, 0],
    ]);
  });

  test('gather and scatterAdd take the dimension numbers of JAX', () => {
    const rows = lax.gather(
      matrix,
      [[1], [0]],
      { offsetDims: [1], collapsedSliceDims: [0], startIndexMap: [0] },
      [1, 3],
    );
    expect(js(rows)).toEqual([
      [4, 5, 6],
      [1, 2, 3],
    ]);
    const numbers = { updateWindowDims: [], insertedWindowDims: [0], scatterDimsToOperandDims: [0] };
    expect(js(lax.scatterAdd(np.zeros([3]), [[0], [2], [0], [9]], [1, 2, 3, 4], numbers))).toEqual([4, 0, 2]);
  });
});

describe('along axes', () => {
  test('reduce recognises the functions of lax and loops over others', () => {
    expect(js(lax.reduce(matrix, 1, lax.mul, [1]))).toEqual([6, 120]);
    const general = lax.reduce(matrix, 1, (x: Tensor, y: Tensor) => lax.mul(x, y), [1]);
    expect(js(general)).toEqual([6, 120]);
  });

  test('reduce takes several operands at once', () => {
    const [value, index] = lax.reduce(
      [np.array([3, 9, 2]), ints([0, 1, 2])],
      [-Infinity, -1],
      ([v, i]: [Tensor, Tensor], [w, j]: [Tensor, Tensor]) => [lax.max(v, w), lax.select(lax.gt(w, v), j, i)],
      [0],
    ) as [Tensor, Tensor];
    expect([js(value), js(index)]).toEqual([9, 1]);
  });

  test('sort carries other operands along', () => {
    const [keys, values] = lax.sort([np.array([3, 1, 2]), ints([0, 1, 2])], { numKeys: 1 });
    expect([js(keys!), js(values!)]).toEqual([
      [1, 2, 3],
      [1, 2, 0],
    ]);
    expect(js(lax.sortKeyVal([2, 1], [10, 20])[1])).toEqual([20, 10]);
  });

  test('topK puts the first of equal elements first, and differentiates', () => {
    const [values, indices] = lax.topK(np.array([1, 5, 3, 5]), 3);
    expect([js(values), js(indices)]).toEqual([
      [5, 5, 3],
      [1, 3, 2],
    ]);
    const f = (x: Tensor): Tensor => lax.reduceSum(lax.mul(lax.topK(x, 2)[0], np.array([10, 1])), [0]);
    expect(js(grad(f)(np.array([2, 9, 4])) as Tensor)).toEqual([0, 10, 1]);
  });

  test('associativeScan combines pytrees, from either end', () => {
    const affine = (a: { s: Tensor; t: Tensor }, b: { s: Tensor; t: Tensor }): unknown => ({
      s: lax.mul(a.s, b.s),
      t: lax.add(lax.mul(a.t, b.s), b.t),
    });
    const out = lax.associativeScan(affine, { s: np.array([1, 2, 3, 4, 5]), t: np.array([1, 1, 1, 1, 1]) });
    expect(js(out.t)).toEqual([1, 3, 10, 41, 206]);
    expect(js(lax.associativeScan(lax.add, np.array([1, 2, 3]), { reverse: true }))).toEqual([6, 5, 3]);
  });
});

describe('windows', () => {
  test('a start that is not neutral counts once a window, and in the padding', () => {
    const x = np.array([1, 2, 3]);
    expect(js(lax.reduceWindow(x, 0, lax.add, [2], [1], 'SAME'))).toEqual([3, 5, 3]);
    expect(js(lax.reduceWindow(x, 10, lax.add, [2], [1], 'SAME'))).toEqual([13, 15, 23]);
  });

  test('another computation than the four known ones is an error', () => {
    expect(() => lax.reduceWindow(np.ones([2]), 0, (a, b) => lax.sub(a, b), [2])).toThrow(
      /lax.reduceWindow: expected the computation/,
    );
  });

  test('a transposed convolution is the adjoint of the convolution with that kernel', () => {
    const w = np.arange(9).reshape([3, 3, 1, 1]).astype('float32');
    const down = (x: Tensor): Tensor =>
      lax.convGeneralDilated(x, w, [2, 2], 'SAME', { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] });
    const x = np.ones([1, 4, 4, 1]);
    const y = np.arange(4).reshape([1, 2, 2, 1]).astype('float32');
    const pulled = grad((v: Tensor) => np.sum(lax.mul(down(v), y)))(x) as Tensor;
    const up = lax.convTranspose(
      y,
      w,
      [2, 2],
      [
        [2, 1],
        [2, 1],
      ],
      { transposeKernel: true },
    );
    expect(up.shape).toEqual(pulled.shape);
    expect(js(up)).toEqual(js(pulled));
  });

  test('dilations and layout may be given by position', () => {
    const x = np.arange(18).reshape([1, 2, 3, 3]).astype('float32');
    const w = np.ones([1, 2, 2, 2]);
    const layout = ['NCHW', 'OIHW', 'NCHW'] as const;
    const byPosition = lax.convGeneralDilated(x, w, [1, 1], 'VALID', [2, 1], [1, 2], layout);
    const byName = lax.convGeneralDilated(x, w, [1, 1], 'VALID', { lhsDilation: [2, 1], rhsDilation: [1, 2] });
    expect(byPosition.shape).toEqual([1, 1, 4, 1]);
    expect(byPosition.toArray()).toEqual(byName.toArray());
  });

  test('a layout with a letter too many is an error', () => {
    const x = np.ones([1, 1, 2, 2]);
    expect(() => lax.convGeneralDilated(x, x, { dimensionNumbers: ['NCHWD', 'OIHW', 'NCHW'] })).toThrow(
      /expected a layout with N, C/,
    );
  });
});

describe('collectives', () => {
  test('over the named axis of a vmap they see all examples', () => {
    const f = (x: Tensor): readonly Tensor[] => [
      lax.psum(x, 'i'),
      lax.pmean(x, 'i'),
      lax.pmax(x, 'i'),
      lax.pmin(x, 'i'),
      lax.axisIndex('i'),
    ];
    const outs = vmap(f, { axisName: 'i' })(np.array([1, 2, 6])) as readonly Tensor[];
    expect(outs.map(js)).toEqual([
      [9, 9, 9],
      [3, 3, 3],
      [6, 6, 6],
      [1, 1, 1],
      [0, 1, 2],
    ]);
  });

  test('of a value that is the same for all, psum is that many times it', () => {
    expect(
      js(vmap((x: Tensor) => lax.add(x, lax.psum(1, 'i')), { axisName: 'i' })(np.array([0, 0])) as Tensor),
    ).toEqual([2, 2]);
  });

  test('another vmap between them does not disturb', () => {
    const inner = (x: Tensor): unknown => vmap((y: Tensor) => lax.psum(y, 'i'))(x);
    const out = vmap(inner, { axisName: 'i' })(
      np.array([
        [1, 2],
        [10, 20],
      ]),
    ) as Tensor;
    expect(js(out)).toEqual([
      [11, 22],
      [11, 22],
    ]);
  });

  test('they work inside loops, also with nothing mapped', () => {
    const f = (x: Tensor): Tensor =>
      lax.foriLoop(0, 2, (_i: Tensor, v: Tensor) => v.add(lax.psum(x, 'i')), np.array(0));
    expect(js(vmap(f, { axisName: 'i' })(np.array([1, 2])) as Tensor)).toEqual([6, 6]);
    const g = (x: Tensor): Tensor =>
      lax.foriLoop(0, 1, (_i: Tensor, v: Tensor) => v.add(lax.axisIndex('i')), np.array(0)).add(x);
    expect(js(vmap(g, { axisName: 'i' })(np.array([0, 0])) as Tensor)).toEqual([0, 1]);
  });

  test('the derivative inside the vmap is of the sum over all examples', () => {
    const f = (x: Tensor): unknown => grad((y: Tensor) => lax.mul(y, lax.psum(lax.square(y), 'i')))(x);
    // d/dxᵢ Σⱼ xⱼ Σₖ xₖ² = Σ x² + 2 xᵢ Σ x
    expect(js(vmap(f, { axisName: 'i' })(np.array([1, 1, 2])) as Tensor)).toEqual([14, 14, 22]);
  });

  test('outside the named axis they are an error', () => {
    expect(() => lax.psum(1, 'i')).toThrow(/psum: expected an enclosing vmap with axisName 'i', got none/);
    expect(() => jit((x: Tensor) => lax.pmax(x, 'batch'))(1)).toThrow(
      /pmax: expected an enclosing vmap with axisName 'batch'/,
    );
  });
});

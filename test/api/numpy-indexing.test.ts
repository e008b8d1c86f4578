/**
 * Indexing: `slice`, `at`, `take` and their kin; methods of Tensor.
 * @module
 */
import { inspect } from 'node:util';
import { grad, jit, np, ShapeError, type Tensor, TraceError, vmap } from 'cotangent';
import { describe, expect, test } from 'vitest';

const x = np.reshape(np.arange(12), [3, 4]);
const list = (t: Tensor): unknown => t.toArray();

describe('slice', () => {
  test('numbers, ranges, new axes and the ellipsis', () => {
    expect(list(x.slice(1))).toEqual([4, 5, 6, 7]);
    expect(x.slice(-1, -1).item()).toBe(11);
    expect(list(x.slice({ start: 1 }, { step: -2 }))).toEqual([
      [7, 5],
      [11, 9],
    ]);
    expect(list(x.slice(':', { start: -2, stop: 100 }))).toEqual([
      [2, 3],
      [6, 7],
      [10, 11],
    ]);
    expect(x.slice(null, '...', 2).shape).toEqual([1, 3]);
    expect(x.slice({ start: 2, stop: 1 }).shape).toEqual([0, 4]);
  });

  test('arrays of integers: together in place, apart in front', () => {
    expect(list(x.slice([0, 2], [1, 3]))).toEqual([1, 11]);
    expect(list(x.slice([0, -1]))).toEqual([
      [0, 1, 2, 3],
      [8, 9, 10, 11],
    ]);
    const y = np.zeros([2, 3, 4, 5]);
    expect(y.slice([0, 1], {}, [1, 2]).shape).toEqual([2, 3, 5]);
    expect(y.slice({}, [0, 1], [1, 2]).shape).toEqual([2, 2, 5]);
    expect(y.slice(0, {}, [1, 2]).shape).toEqual([2, 3, 5]);
    expect(list(x.slice(...np.ix([0, 2], [1, 3])))).toEqual([
      [1, 3],
      [9, 11],
    ]);
    expect(list(x.slice(np.ix([0, 2], [1, 3])))).toEqual([
      [1, 3],
      [9, 11],
    ]);
  });

  test('masks select; a traced one says what to use', () => {
    expect(list(x.slice(x.greater(8)))).toEqual([9, 10, 11]);
    expect(list(x.slice([true, false, true], 0))).toEqual([0, 8]);
    expect(() => jit((v: Tensor) => v.slice(v.greater(8)))(x)).toThrow(TraceError);
    expect(() => jit((v: Tensor) => v.slice(v.greater(8)))(x)).toThrow(/np\.where\(mask/);
  });

  test('a number out of bounds is an error, an array index is clamped', () => {
    expect(() => x.slice(7)).toThrow(ShapeError);
    expect(() => x.slice(0, 0, 0)).toThrow(/at most 2 entries/);
    expect(list(x.slice([7], [0]))).toEqual([8]);
    expect(list(jit((i: Tensor) => x.slice(i))(np.int32(9)))).toEqual([8, 9, 10, 11]);
    expect(list(jit((i: Tensor) => x.slice(i))(np.int32(-1)))).toEqual([8, 9, 10, 11]);
  });

  test('derivatives go back to where the elements came from', () => {
    const f = (v: Tensor): Tensor =>
      v
        .slice([0, 0, 2])
        .sum()
        .add(v.slice({ step: -2 }).mul([1, 10]).sum());
    expect(list(grad(f)(np.array([1, 2, 3])))).toEqual([12, 0, 2]);
    expect(list(vmap((v: Tensor, i: Tensor) => v.slice(i))(x, np.array([3, 0, 1], 'int32')))).toEqual([3, 4, 9]);
  });
});

describe('at', () => {
  const zeros = np.zeros(4);

  test('set, add, multiply, min, max, apply', () => {
    expect(list(zeros.at(1).set(5))).toEqual([0, 5, 0, 0]);
    expect(list(zeros.at([0, 0, 2]).add([1, 2, 3]))).toEqual([3, 0, 3, 0]);
    expect(list(np.ones(4).at({ step: 2 }).mul([3, 4]))).toEqual([3, 1, 4, 1]);
    expect(list(np.array([1, 5]).at([0, 1]).max(3))).toEqual([3, 5]);
    expect(list(np.array([2, 4]).at(1).divide(2))).toEqual([2, 2]);
    expect(list(np.array([2, 3]).at(1).power(2))).toEqual([2, 9]);
    expect(
      list(
        np
          .array([2, 3])
          .at(0)
          .apply((p) => p.add(1)),
      ),
    ).toEqual([3, 3]);
    expect(list(zeros)).toEqual([0, 0, 0, 0]);
  });

  test('ranges, steps backwards, arrays mixed with ranges', () => {
    expect(list(x.at({ start: 1 }, { step: 2 }).set(-1))).toEqual([
      [0, 1, 2, 3],
      [-1, 5, -1, 7],
      [-1, 9, -1, 11],
    ]);
    expect(list(zeros.at({ step: -1 }).set([1, 2, 3, 4]))).toEqual([4, 3, 2, 1]);
    expect(
      list(
        x.at([0, 2], { start: 1, stop: 3 }).set([
          [50, 51],
          [52, 53],
        ]),
      ),
    ).toEqual([
      [0, 50, 51, 3],
      [4, 5, 6, 7],
      [8, 52, 53, 11],
    ]);
    expect(list(x.at({ start: 1 }, [0, 3]).mul(10))).toEqual([
      [0, 1, 2, 3],
      [40, 5, 6, 70],
      [80, 9, 10, 110],
    ]);
    expect(() => x.at(0).set([1, 2])).toThrow(/at: expected an update that broadcasts to \[4\]/);
  });

  test('out of bounds: dropped, clipped, filled', () => {
    expect(list(zeros.at([9]).set(1))).toEqual([0, 0, 0, 0]);
    expect(list(zeros.at([9]).set(1, { mode: 'clip' }))).toEqual([0, 0, 0, 1]);
    expect(list(zeros.at([0, 9]).get({ mode: 'fill', fillValue: -1 }))).toEqual([0, -1]);
    expect(() => zeros.at([9]).set(1, { mood: 'clip' } as object)).toThrow(/got mood/);
  });

  test('a traced mask takes a scalar update', () => {
    expect(list(jit((v: Tensor) => v.at(v.greater(8)).set(0))(x))).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 0, 0, 0],
    ]);
  });

  test('the derivative reaches the array and the update', () => {
    const f = (v: Tensor, u: Tensor): Tensor => v.at({ start: 1 }).set(u).mul([1, 2, 3]).sum();
    const [dv, du] = grad(f, { argnums: [0, 1] })(np.ones(3), np.ones(2));
    expect([list(dv), list(du)]).toEqual([
      [1, 0, 0],
      [2, 3],
    ]);
  });
});

describe('take and its kin', () => {
  test('take fills out of bounds by default; clip and wrap', () => {
    expect(list(np.take([1, 2, 3], [0, 7, -1]))).toEqual([1, NaN, 3]);
    expect(list(np.take([1, 2, 3], [0, 7, -9], { mode: 'clip' }))).toEqual([1, 3, 1]);
    expect(list(np.take([1, 2, 3], [0, 7, -1], { mode: 'wrap' }))).toEqual([1, 2, 3]);
  });

  test('along an axis', () => {
    expect(list(np.takeAlongAxis(x, [[3], [0], [1]], 1))).toEqual([[3], [4], [9]]);
    expect(list(np.putAlongAxis(x, [[3], [0], [1]], -1, 1))).toEqual([
      [0, 1, 2, -1],
      [-1, 5, 6, 7],
      [8, -1, 10, 11],
    ]);
    expect(
      list(
        np.choose(
          [0, 1, 1],
          [
            [1, 2, 3],
            [4, 5, 6],
          ],
        ),
      ),
    ).toEqual([1, 5, 6]);
    expect(
      list(
        np.compress(
          [false, true],
          [
            [1, 2],
            [3, 4],
          ],
          1,
        ),
      ),
    ).toEqual([[2], [4]]);
  });

  test('positions', () => {
    expect(
      np
        .nonzero([
          [0, 1],
          [1, 1],
        ])
        .map(list),
    ).toEqual([
      [0, 1, 1],
      [1, 0, 1],
    ]);
    expect(list(np.flatnonzero([true, false, true], { size: 4, fillValue: 9 }))).toEqual([0, 2, 9, 9]);
    const mask = np.array([
      [true, false],
      [true, true],
    ]);
    expect(np.where(mask).map(list)).toEqual([
      [0, 1, 1],
      [0, 0, 1],
    ]);
    expect(jit((m: Tensor) => np.where(m, { size: 4, fillValue: -1 }))(mask).map(list)).toEqual([
      [0, 1, 1, -1],
      [0, 0, 1, -1],
    ]);
    expect(() => (np.where as (...args: unknown[]) => unknown)(mask, 1)).toThrow(/where: expected a condition alone/);
    expect(list(np.argwhere([0, 5]))).toEqual([[1]]);
    expect(np.unravelIndex([22, 41], [7, 6]).map(list)).toEqual([
      [3, 6],
      [4, 5],
    ]);
    expect(
      list(
        np.ravelMultiIndex(
          [
            [3, 6],
            [4, 5],
          ],
          [7, 6],
        ),
      ),
    ).toEqual([22, 41]);
  });
});

describe('methods of Tensor', () => {
  test('shapes as lists or as numbers', () => {
    expect(x.reshape(2, -1).shape).toEqual([2, 6]);
    expect(x.reshape([6, 2]).T.shape).toEqual([2, 6]);
    expect(x.transpose(1, 0).shape).toEqual([4, 3]);
    expect([...x].map((row) => row.shape)).toEqual([[4], [4], [4]]);
  });

  test('chains of arithmetic', () => {
    expect(np.array([1, 2]).add(1).mul(2).sub(1).div(3).pow(2).sum({ axis: 0 }).item()).toBeCloseTo(1 + 25 / 9, 5);
    expect(x.astype('float32').mean(0, { keepdims: true }).shape).toEqual([1, 4]);
  });

  test('reading', async () => {
    expect(x.slice(0).js()).toEqual([0, 1, 2, 3]);
    expect(await x.data()).toEqual(x.dataSync());
    expect(x.ref).toBe(x);
    expect(x.nbytes).toBe(48);
    expect(typeof x.device).toBe('string');
  });

  test('the console shows shape, dtype and numbers; of a traced value its type', () => {
    expect(inspect(np.array([1, 2]))).toBe('Tensor f32[2] [1, 2]');
    let shown = '';
    jit((v: Tensor) => {
      shown = inspect(v);
      return v;
    })(x);
    expect(shown).toMatch(/^Tracer i32\[3,4\]/);
  });

  test('disposing frees a tensor, which then says so', () => {
    const t = np.ones([100]);
    t.dispose();
    expect(() => t.add(1)).toThrow(/disposed/);
    expect(inspect(t)).toBe('Tensor f32[100] (disposed)');
  });
});

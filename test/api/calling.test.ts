/**
 * How functions may be called: names or positions for optional arguments, dtypes in both spellings, anything tensor-like.
 * @module
 */
import { expect, test, vi } from 'vitest';
import { grad, hessian, jacfwd, lax, nn, np, random, Tensor, valueAndGrad, vmap } from 'cotangent';
import type { ConcreteTensor } from '../../src/core/tensor.ts';

const show = (x: unknown): string => {
  if (x instanceof Tensor) return `${x.aval.toString()} ${x.toString()}`;
  return Array.isArray(x) ? x.map(show).join('; ') : String(x);
};

const matrix = np.array([
  [3, 1, 2],
  [6, 5, 4],
]);
const cube = np.arange(24).reshape([2, 3, 4]);
const key = random.key(1);

const pairs: readonly (readonly [string, () => unknown, () => unknown])[] = [
  [
    'grad(f, 1)',
    () => grad((x, y) => x.mul(y), 1)(np.array(2), 3),
    () => grad((x, y) => x.mul(y), { argnums: 1 })(np.array(2), 3),
  ],
  ['grad(f, [0, 1])', () => grad((x, y) => x.mul(y), [0, 1])(2, 3), () => [np.array(3), np.array(2)]],
  ['valueAndGrad(f, 1)', () => valueAndGrad((x, y) => x.mul(y), 1)(np.array(2), 3)[1], () => np.array(2)],
  [
    'jacfwd(f, 1)',
    () => jacfwd((_x, y) => y.mul(y), 1)(2, np.array([1, 2])),
    () =>
      np.array([
        [2, 0],
        [0, 4],
      ]),
  ],
  ['hessian(f, 0)', () => hessian((x) => x.mul(x).mul(x), 0)(2), () => np.array(12)],
  ['vmap(f, [0, null])', () => vmap((x, y) => x.mul(y), [0, null])(np.array([1, 2]), 3), () => np.array([3, 6])],
  ['vmap(f, 1, 1)', () => vmap((x) => x.mul(2), 1, 1)(matrix), () => matrix.mul(2)],
  [
    'lax.scan length',
    () => lax.scan((c) => [c.add(1), c], 0, null, 3),
    () => lax.scan((c) => [c.add(1), c], 0, null, { length: 3 }),
  ],
  ['rot90', () => np.rot90(cube, { k: 3, axes: [1, 2] }), () => np.rot90(cube, 3, [1, 2])],
  ['triuIndices', () => np.triuIndices(3, { k: 1 }), () => np.triuIndices(3, 1)],
  ['trilIndices', () => np.trilIndices(3, { k: -1, m: 4 }), () => np.trilIndices(3, -1, 4)],
  ['diagIndices', () => np.diagIndices(2, { ndim: 3 }), () => np.diagIndices(2, 3)],
  ['rollaxis', () => np.rollaxis(cube, 2, { start: 1 }), () => np.rollaxis(cube, 2, 1)],
  ['size', () => np.size(matrix, { axis: 1 }), () => 3],
  ['polyder', () => np.polyder([3, 1, 2], { m: 2 }), () => np.polyder([3, 1, 2], 2)],
  ['trimZeros', () => np.trimZeros([0, 1, 0], { trim: 'f' }), () => np.array([1, 0])],
  ['lexsort', () => np.lexsort([[3, 1, 2]], { axis: 0 }), () => np.lexsort([[3, 1, 2]], 0)],
  ['diff', () => np.diff(matrix, 1, 0), () => np.diff(matrix, { n: 1, axis: 0 })],
  ['allclose', () => np.allclose(1, 1.1, 0.2), () => np.allclose(1, 1.1, { rtol: 0.2 })],
  [
    'reshape in column-major order',
    () => np.reshape(matrix, [3, 2], { order: 'F' }),
    () =>
      np.array([
        [3, 5],
        [6, 2],
        [1, 4],
      ]),
  ],
  ['ravel in column-major order', () => np.ravel(matrix, 'F'), () => np.ravel(matrix.T)],
  [
    'pad endValues',
    () => np.pad([3, 1, 2], 2, { mode: 'linear_ramp', endValues: [1, 2] }),
    () => np.array([1, 2, 3, 1, 2, 2, 2]),
  ],
  ['random.split', () => random.split(key, { num: 3 }), () => random.split(key, 3)],
  [
    'initializers.normal',
    () => nn.initializers.normal({ stddev: 2 })(key, [2]),
    () => nn.initializers.normal(2)(key, [2]),
  ],
  [
    'initializers.varianceScaling',
    () => nn.initializers.varianceScaling({ scale: 1, mode: 'fan_in', distribution: 'normal' })(key, [2, 2]),
    () => nn.initializers.varianceScaling(1, 'fan_in', 'normal')(key, [2, 2]),
  ],
  ['lax.integerPow', () => lax.integerPow(matrix, { y: 2 }), () => lax.integerPow(matrix, 2)],
  ['lax.collapse', () => lax.collapse(cube, 0, { stopDimension: 2 }), () => cube.reshape([6, 4])],
  [
    'rows that are typed arrays',
    () => np.array([new Float32Array([1, 2]), new Float32Array([3, 4])]),
    () =>
      np.array([
        [1, 2],
        [3, 4],
      ]),
  ],
];

test.each(pairs)('%s means the same by name and by position', (_name, byName, byPosition) => {
  expect(show(byName())).toBe(show(byPosition()));
});

test('np.float64 is a dtype wherever the name of one is', () => {
  const made = [
    nn.oneHot([0, 1], 2, { dtype: np.float64 }),
    lax.full([2], 1, np.float64),
    lax.iota(np.float64, 3),
    lax.convertElementType(matrix, np.float64),
    random.normal(key, [2], np.float64),
    random.uniform(key, { shape: [2], dtype: np.float64 }),
    nn.initializers.zeros(key, [2], np.float64),
  ];
  expect(made.map((x) => x.dtype)).toEqual(made.map(() => 'float64'));
});

test('a shape that the caller changes later does not change the tensor', () => {
  const shape = [2, 1];
  const x = np.zeros(shape);
  shape[0] = 7;
  expect(x.shape).toEqual([2, 1]);
});

test('a boolean mask must have the shape of the axes it stands at', () => {
  expect(() => matrix.slice(np.array([true, false, true]))).toThrow(
    /expected a boolean mask of the shape \[2\].*got bool\[3\]/,
  );
  expect(matrix.slice('...', np.array([true, false, true])).toArray()).toEqual([
    [3, 2],
    [6, 4],
  ]);
  expect(matrix.slice(null, np.array([false, true])).toArray()).toEqual([[[6, 5, 4]]]);
});

test('a long tensor prints what is shown and no more', () => {
  const long = np.zeros([1e7]) as ConcreteTensor;
  let looks = 0;
  const watched = new Proxy(long.read(), { get: (data, key) => (looks++, Reflect.get(data, key) as unknown) });
  const read = vi.spyOn(long, 'read').mockReturnValue(watched);
  expect(String(long)).toBe('[0, 0, 0, 0, …, 0, 0, 0, 0]');
  expect(read).toHaveBeenCalledOnce();
  expect(looks).toBeLessThan(20);
  expect(String(np.zeros([2, 0]))).toBe('[[], []]');
});

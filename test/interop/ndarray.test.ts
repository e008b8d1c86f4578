/** Strided arrays of other libraries to tensors and back. */
import { expect, test } from 'vitest';
import fc from 'fast-check';
import { np, ShapeError } from 'cotangent';
import { fromNdarray, toNdarray } from 'cotangent/interop';
import { runs } from '../support/runs.ts';

test('strides of any sign and order, offsets, and both spellings', () => {
  const data = Float32Array.from({ length: 12 }, (_, i) => i);
  expect(fromNdarray({ data, shape: [3, 4] }).toArray()).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [8, 9, 10, 11],
  ]);
  expect(fromNdarray({ data, shape: [2, 2], stride: [-4, 2], offset: 9 }).toArray()).toEqual([
    [9, 11],
    [5, 7],
  ]);
  expect(fromNdarray({ data, shape: [2, 3], strides: [0, 1], offset: 1 }).toArray()).toEqual([
    [1, 2, 3],
    [1, 2, 3],
  ]);
  expect(fromNdarray({ data, shape: [], stride: [], offset: 5 }).item()).toBe(5);
  expect(fromNdarray({ data, shape: [0, 3], stride: [3, 1] }).shape).toEqual([0, 3]);
});

test('types are kept where they exist', () => {
  const dtypeOf = (data: Parameters<typeof fromNdarray>[0]['data']): string => fromNdarray({ data, shape: [1] }).dtype;
  expect(
    [new Float64Array(1), new Int16Array(1), new Uint16Array(1), new Uint8ClampedArray(1), [1]].map(dtypeOf),
  ).toEqual(['float64', 'int32', 'uint32', 'uint8', 'float64']);
  expect(fromNdarray({ data: new BigInt64Array([-3n]), shape: [1] }).toArray()).toEqual([-3]);
  expect(() => fromNdarray({ data: new BigInt64Array([2n ** 31n]), shape: [1] })).toThrow(
    /expected integers of 32 bits/,
  );
});

test('typed arrays of every width are arrays without a detour', () => {
  const made = (data: ArrayBufferView): [string, unknown] => [np.array(data).dtype, np.array(data).toArray()];
  expect(made(new Int8Array([-128, 127]))).toEqual(['int32', [-128, 127]]);
  expect(made(new Int16Array([-32768]))).toEqual(['int32', [-32768]]);
  expect(made(new Uint16Array([65535]))).toEqual(['uint32', [65535]]);
  expect(made(new Uint8ClampedArray([300]))).toEqual(['uint8', [255]]);
  expect(made(new BigInt64Array([-3n]))).toEqual(['int32', [-3]]);
  expect(np.add(new Int16Array([1, 2]), 1).toArray()).toEqual([2, 3]);
  expect(np.array(new Int8Array([-1]), { dtype: 'float32' }).toArray()).toEqual([-1]);
  expect(() => np.array(new BigInt64Array([2n ** 31n]))).toThrow('array: expected integers of 32 bits');
  expect(() => np.array(new DataView(new ArrayBuffer(8)))).toThrow('expected a typed array of numbers, got DataView');
});

test('what is no strided array is refused', () => {
  for (const x of [null, undefined, 3, [[1, 2]], {}, { data: [1] }, { shape: [1] }]) {
    expect(() => fromNdarray(x as never), String(x)).toThrow('fromNdarray: expected a strided array { data, shape');
  }
});

test('a copy is the tensor’s own, whatever its size', () => {
  for (const n of [2, 1000]) {
    const data = new Float32Array(n).fill(1);
    const x = fromNdarray({ data, shape: [n] });
    data.fill(2);
    expect(np.sum(x).item()).toBe(n);
    expect(np.sum(fromNdarray({ data, shape: [n] }, { copy: false })).item()).toBe(2 * n);
  }
});

test('what leads out of the data is an error', () => {
  const data = new Float32Array(6);
  const bad = [
    { shape: [2, 4] },
    { shape: [2], stride: [6] },
    { shape: [2], stride: [-1] },
    { shape: [2], stride: [1, 1] },
    { shape: [-1] },
    { shape: [1.5] },
    { shape: [2], offset: 5 },
    { shape: [2], stride: [0.5] },
  ];
  for (const layout of bad) expect(() => fromNdarray({ data, ...layout }), JSON.stringify(layout)).toThrow(ShapeError);
});

test('there and back again, for random permutations of axes', () => {
  const extents = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(extents, fc.nat(), (shape, seed) => {
      const x = np.reshape(np.arange(shape.reduce((a, b) => a * b, 1)), shape);
      const { data, stride, offset } = toNdarray(x);
      const axes = shape.map((_, d) => d).sort((a, b) => ((a * 7 + seed) % 5) - ((b * 7 + seed) % 5));
      const view = { data, offset, shape: axes.map((d) => shape[d]!), stride: axes.map((d) => stride[d]!) };
      expect(fromNdarray(view).toArray()).toEqual(np.transpose(x, axes).toArray());
    }),
    runs(30),
  );
});

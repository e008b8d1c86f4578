/**
 * What indexing, pooling, sorting and random bits do where more than one answer is thinkable.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { setUpDevices } from '../../src/api/device.ts';
import { setActiveExecutor } from '../../src/core/executor.ts';
import { Aval } from '../../src/ir/aval.ts';
import type { DType } from '../../src/ir/dtype.ts';
import { makeTypedArray } from '../../src/ir/dtype.ts';
import { DifferentiationError } from '../../src/ir/errors.ts';
import { hostTensor, type Tensor } from '../../src/core/tensor.ts';
import {
  dynamicSlice,
  gather,
  reduceWindowMax,
  reduceWindowMul,
  scatter,
  scatterMax,
  scatterMul,
  type ScatterParams,
  sort,
  threefry2x32,
} from '../../src/primitives/index.ts';
import { Linearized } from '../../src/transforms/linearize.ts';

setUpDevices();
setActiveExecutor('reference');

function tensor(
  values: readonly number[],
  dtype: DType = 'float64',
  shape: readonly number[] = [values.length],
): Tensor {
  const data = makeTypedArray(dtype, values.length);
  data.set(values);
  return hostTensor(data, new Aval(shape, dtype));
}

const list = (t: Tensor | null): number[] | null => t && [...t.dataSync()];
const rows = (...values: number[]): Tensor => tensor(values, 'int32', [values.length, 1]);

function gradients(
  f: (args: readonly Tensor[]) => Tensor[],
  args: readonly Tensor[],
  ct: readonly number[],
): (number[] | null)[] {
  return new Linearized('f', f, args).vjp([tensor(ct)]).map(list);
}

const points: ScatterParams = {
  dimensionNumbers: {
    updateWindowDims: [],
    insertedWindowDims: [0],
    scatterDimsToOperandDims: [0],
    operandBatchingDims: [],
    scatterIndicesBatchingDims: [],
  },
  mode: 'fill',
  uniqueIndices: false,
  indicesAreSorted: false,
};

describe('scatter', () => {
  const x = tensor([1, 2, 3]);
  const at = rows(1, 1, 7);
  const updates = tensor([5, 6, 9]);

  it('keeps the last of several updates, and drops those outside', () => {
    expect(list(scatter(x, at, updates, points))).toEqual([1, 6, 3]);
  });

  it('gives the cotangent to the update that stays', () => {
    const f = ([a, u]: readonly Tensor[]): Tensor[] => [scatter(a!, at, u!, points)];
    expect(gradients(f, [x, updates], [10, 20, 30])).toEqual([
      [10, 0, 30],
      [0, 20, 0],
    ]);
  });

  it('shares the derivative of a maximum evenly between all that attain it', () => {
    const f = ([a, u]: readonly Tensor[]): Tensor[] => [scatterMax(a!, rows(0, 0, 1), u!, points)];
    expect(gradients(f, [tensor([4, 2, 3]), tensor([4, 4, 1])], [9, 6, 5])).toEqual([
      [3, 6, 5],
      [3, 3, 0],
    ]);
  });

  it('has no derivative of a product in updates that may repeat', () => {
    const f = ([u]: readonly Tensor[]): Tensor[] => [scatterMul(x, at, u!, points)];
    expect(() => gradients(f, [updates], [1, 1, 1])).toThrow(DifferentiationError);
    const inOperand = ([a]: readonly Tensor[]): Tensor[] => [scatterMul(a!, at, updates, points)];
    expect(gradients(inOperand, [x], [1, 1, 1])).toEqual([[1, 30, 1]]);
  });
});

describe('gather', () => {
  const params = {
    dimensionNumbers: {
      offsetDims: [],
      collapsedSliceDims: [0],
      startIndexMap: [0],
      operandBatchingDims: [],
      startIndicesBatchingDims: [],
    },
    sliceSizes: [1],
  };
  const x = tensor([1, 2, 3]);

  it('clips or fills outside, with NaN unless told otherwise', () => {
    expect(list(gather(x, rows(-1, 9), { ...params, mode: 'clip' }))).toEqual([1, 3]);
    expect(list(gather(x, rows(-1, 1), { ...params, mode: 'fill' }))).toEqual([Number.NaN, 2]);
    expect(list(gather(x, rows(9), { ...params, mode: 'fill', fillValue: -4 }))).toEqual([-4]);
  });

  it('has tangent 0 where it fills', () => {
    const linear = new Linearized('f', ([a]) => [gather(a!, rows(-1, 1), { ...params, mode: 'fill' })], [x]);
    expect(list(linear.jvp([tensor([7, 8, 9])])[0]!)).toEqual([0, 8]);
  });
});

describe('dynamic_slice', () => {
  it('moves a slice that does not fit inside', () => {
    const start = (value: number): Tensor => tensor([value], 'int32', []);
    expect(list(dynamicSlice(tensor([1, 2, 3, 4]), [start(9)], [2]))).toEqual([3, 4]);
    expect(list(dynamicSlice(tensor([1, 2, 3, 4]), [start(-9)], [2]))).toEqual([1, 2]);
  });
});

describe('window reductions', () => {
  const window = {
    windowDimensions: [2],
    windowStrides: [1],
    padding: [[0, 0]] as const,
    baseDilation: [1],
    windowDilation: [1],
  };

  it('give the derivative of a maximum to the first element that attains it', () => {
    const f = ([x]: readonly Tensor[]): Tensor[] => [reduceWindowMax(x!, window)];
    expect(gradients(f, [tensor([2, 2, 1, 2])], [1, 10, 100])).toEqual([[1, 10, 0, 100]]);
  });

  it('differentiate products with zeros', () => {
    const f = ([x]: readonly Tensor[]): Tensor[] => [reduceWindowMul(x!, { ...window, windowDimensions: [3] })];
    expect(gradients(f, [tensor([0, 3, 4])], [1])).toEqual([[12, 0, 0]]);
  });
});

describe('sort', () => {
  const ascending = { dimension: 0, numKeys: 1, isStable: true };

  it('puts NaN last and keeps equal keys in order, −0 being equal to 0', () => {
    const keys = tensor([Number.NaN, 1, 0, -0, Number.NEGATIVE_INFINITY, Number.NaN]);
    const [sorted, order] = sort([keys, tensor([0, 1, 2, 3, 4, 5], 'int32')], ascending);
    expect(list(sorted!)).toEqual([Number.NEGATIVE_INFINITY, 0, -0, 1, Number.NaN, Number.NaN]);
    expect(list(order!)).toEqual([4, 2, 3, 1, 0, 5]);
  });
});

describe('threefry2x32', () => {
  // Known answers of the authors' Random123 distribution (kat_vectors, threefry2x32 with 20 rounds).
  const answers: readonly (readonly number[])[] = [
    [0, 0, 0, 0, 0x6b200159, 0x99ba4efe],
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x1cb996fc, 0xbb002be7],
    [0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3, 0xc4923a9c, 0x483df7a0],
  ];
  it.each(answers.map((a) => [a]))('gives the known answer for %j', ([k0, k1, x0, x1, y0, y1]) => {
    const word = (value: number): Tensor => tensor([value], 'uint32', []);
    const [a, b] = threefry2x32(word(k0!), word(k1!), word(x0!), word(x1!));
    expect([a.item(), b.item()]).toEqual([y0, y1]);
  });
});

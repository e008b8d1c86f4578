/** Tables of apache-arrow to tensors and back. */
import { describe, expect, test } from 'vitest';
import * as arrow from 'apache-arrow';
import { FileError, np } from 'cotangent';
import { fromArrow, toArrow } from 'cotangent/interop';

/** A table of one column. */
const table = (vector: arrow.Vector): arrow.Table => new arrow.Table({ x: vector });
const column = (vector: arrow.Vector, options = {}) => {
  const { tensors, categories } = fromArrow(table(vector), options);
  return { dtype: tensors.x!.dtype, values: tensors.x!.toArray(), categories: categories.x };
};

/** The same through the bytes of a file, in two batches. */
const throughFile = (t: arrow.Table): arrow.Table => arrow.tableFromIPC(arrow.tableToIPC(t));

describe('columns become tensors', () => {
  test('of numbers of every width', () => {
    const cases: readonly [arrow.Vector, string, readonly number[]][] = [
      [arrow.makeVector(new Float32Array([1.5, -2])), 'float32', [1.5, -2]],
      [arrow.makeVector(new Float64Array([0.1])), 'float64', [0.1]],
      [arrow.makeVector(new Int8Array([-128, 127])), 'int32', [-128, 127]],
      [arrow.makeVector(new Int16Array([-7])), 'int32', [-7]],
      [arrow.makeVector(new Int32Array([-2147483648])), 'int32', [-2147483648]],
      [arrow.makeVector(new Uint8Array([255])), 'uint8', [255]],
      [arrow.makeVector(new Uint16Array([65535])), 'uint32', [65535]],
      [arrow.makeVector(new Uint32Array([4294967295])), 'uint32', [4294967295]],
      [arrow.makeVector(new BigInt64Array([-5n, 2147483647n])), 'int32', [-5, 2147483647]],
      [arrow.makeVector(new BigUint64Array([4294967295n])), 'uint32', [4294967295]],
      [arrow.vectorFromArray([1.5, -0.25], new arrow.Float16()), 'float32', [1.5, -0.25]],
      [arrow.vectorFromArray([], new arrow.Int32()), 'int32', []],
    ];
    for (const [vector, dtype, values] of cases) {
      expect(column(vector), dtype).toEqual({ dtype, values, categories: undefined });
    }
  });

  test('of booleans, dates and timestamps', () => {
    expect(column(arrow.vectorFromArray([true, false, true]))).toMatchObject({
      dtype: 'bool',
      values: [true, false, true],
    });
    const day = new Date('2024-02-29T00:00:00Z');
    expect(column(arrow.vectorFromArray([day], new arrow.DateDay()))).toMatchObject({
      dtype: 'float64',
      values: [+day],
    });
    const times = arrow.vectorFromArray([day], new arrow.TimestampMicrosecond());
    expect(column(times)).toMatchObject({ dtype: 'float64', values: [+day] });
  });

  test('of texts, with a dictionary and without', () => {
    const plain = arrow.vectorFromArray(['b', 'a', 'b'], new arrow.Utf8());
    expect(column(plain)).toEqual({ dtype: 'int32', values: [0, 1, 0], categories: ['b', 'a'] });
    const coded = arrow.vectorFromArray(['b', 'a', 'b'], new arrow.Dictionary(new arrow.Utf8(), new arrow.Int8()));
    expect(column(coded)).toEqual({ dtype: 'int32', values: [0, 1, 0], categories: ['b', 'a'] });
  });

  test('of lists of one length', () => {
    const type = new arrow.FixedSizeList(2, new arrow.Field('item', new arrow.Float32()));
    const lists = arrow.vectorFromArray(
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      type,
    );
    expect(column(lists)).toMatchObject({
      dtype: 'float32',
      values: [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    });
    expect(column(lists.slice(1))).toMatchObject({
      values: [
        [3, 4],
        [5, 6],
      ],
    });
    const ragged = arrow.vectorFromArray([[1, 2], [3]], new arrow.List(new arrow.Field('item', new arrow.Int32())));
    expect(() => column(ragged)).toThrow(/expected lists of equal length, got 2 and 1 entries in column "x"/);
    expect(column(ragged.slice(0, 1))).toMatchObject({ dtype: 'int32', values: [[1, 2]] });
  });

  test('of several chunks, and of parts of them', () => {
    const one = arrow.tableFromArrays({ x: new Float32Array([1, 2, 3]), b: [true, false, true] });
    const two = arrow.tableFromArrays({ x: new Float32Array([4, 5]), b: [false, true] });
    const both = throughFile(one.concat(two));
    const { tensors } = fromArrow(both);
    expect(tensors.x!.toArray()).toEqual([1, 2, 3, 4, 5]);
    expect(tensors.b!.toArray()).toEqual([true, false, true, false, true]);
    const part = fromArrow(both.slice(2, 4)).tensors;
    expect([part.x!.toArray(), part.b!.toArray()]).toEqual([
      [3, 4],
      [true, false],
    ]);
  });
});

describe('nulls', () => {
  const withNulls = (type: arrow.DataType, ...values: unknown[]): arrow.Vector => arrow.vectorFromArray(values, type);

  test('are an error that says how to keep them', () => {
    const floats = withNulls(new arrow.Float32(), 1, null);
    expect(() => column(floats)).toThrow(FileError);
    expect(() => column(floats)).toThrow(/expected no nulls, got 1 in column "x"[\s\S]*nulls: 'nan'/);
  });

  test('become NaN, in a type that has it', () => {
    const nulls = 'nan';
    expect(column(withNulls(new arrow.Float32(), 1, null), { nulls })).toMatchObject({
      dtype: 'float32',
      values: [1, NaN],
    });
    expect(column(withNulls(new arrow.Int32(), null, 7), { nulls })).toMatchObject({
      dtype: 'float64',
      values: [NaN, 7],
    });
    expect(column(withNulls(new arrow.Bool(), true, null), { nulls })).toMatchObject({
      dtype: 'float64',
      values: [1, NaN],
    });
    const texts = column(withNulls(new arrow.Utf8(), 'a', null, 'b'), { nulls });
    expect(texts).toEqual({ dtype: 'int32', values: [0, -1, 1], categories: ['a', 'b'] });
  });

  test('of a slice are those of the slice', () => {
    const sliced = withNulls(new arrow.Float64(), null, 2, 3, null).slice(1, 4);
    expect(column(sliced, { nulls: 'nan' })).toMatchObject({ values: [2, 3, NaN] });
  });
});

test('columns are chosen, and others may be of any type', () => {
  const odd = new arrow.Table({
    x: arrow.makeVector(new Int32Array([1])),
    y: arrow.vectorFromArray([{ a: 1 }]) as arrow.Vector,
  });
  expect(Object.keys(fromArrow(odd, { columns: ['x'] }).tensors)).toEqual(['x']);
  expect(() => fromArrow(odd)).toThrow(
    /expected numbers, booleans, dates, texts or lists.*, got Struct<.* in column "y"/,
  );
  expect(() => fromArrow(odd, { columns: ['z'] })).toThrow(/expected columns of the table, got "z"[\s\S]*it has x, y/);
  const big = arrow.makeVector(new BigInt64Array([2n ** 40n]));
  expect(() => column(big)).toThrow(/expected integers of 32 bits, got 1099511627776 at position 0 in column "x"/);
});

describe('and back', () => {
  test('through a file to the same tensors', () => {
    const tensors = {
      f: np.array([1.5, NaN]),
      d: np.array([0.1, 2], { dtype: 'float64' }),
      i: np.array([-1, 7], { dtype: 'int32' }),
      b: np.array([true, false]),
      h: np.array([1.5, 2], { dtype: 'float16' }),
      m: np.array(
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
        { dtype: 'float64' },
      ),
      t: np.array([1, 0], { dtype: 'int32' }),
    };
    const categories = { t: ['a', 'b'] };
    const made = throughFile(arrow.tableFromArrays(toArrow(tensors, { categories })));
    const back = fromArrow(made);
    for (const [name, x] of Object.entries(tensors)) {
      if (name !== 't') expect([name, back.tensors[name]!.toArray()]).toEqual([name, x.toArray()]);
    }
    expect([back.tensors.t!.toArray(), back.categories.t]).toEqual([
      [0, 1],
      ['b', 'a'],
    ]);
    expect(back.tensors.i!.dtype).toBe('int32');
  });

  test('with errors for what makes no column', () => {
    expect(() => toArrow({ x: np.ones([2, 2, 2]) })).toThrow(
      /expected columns \[rows\] or \[rows,length\], got f32\[2,2,2\]/,
    );
    expect(() => toArrow({ x: np.ones([2]), y: np.ones([3]) })).toThrow(
      /columns of one length, got 2 for x and 3 for y/,
    );
    const codes = np.array([0, 5], { dtype: 'int32' });
    expect(() => toArrow({ x: codes }, { categories: { x: ['a'] } })).toThrow(/expected codes below 1 for x, got 5/);
  });
});

test('what is no table is refused', () => {
  for (const x of [null, undefined, {}, { schema: {} }, { schema: { fields: [] } }, [1]]) {
    expect(() => fromArrow(x as never), JSON.stringify(x)).toThrow('fromArrow: expected a table of apache-arrow, got');
  }
});

/**
 * Tables of Apache Arrow. They are taken by their shape, so nothing of Arrow's is loaded here.
 * May import: `util`, `ir`, `core`, `api`, `interop/arrow-column`.
 * @see https://arrow.apache.org/docs/format/Columnar.html
 * @module
 */
import { setUpDevices } from '../api/device.ts';
import { asTensor, type TensorLike } from '../api/lift.ts';
import { checkChoice, checkOptions, describe } from '../api/options.ts';
import { deviceTensor, type Tensor } from '../core/tensor.ts';
import { Aval } from '../ir/aval.ts';
import { ArgumentError, FileError } from '../ir/errors.ts';
import { type ArrowVector, type Column, columnOf, type Nulls } from './arrow-column.ts';

setUpDevices();

/** What is read of a `Table` of apache-arrow. */
export interface ArrowTable {
  readonly schema: { readonly fields: readonly { readonly name: string }[] };
  getChildAt(index: number): ArrowVector | null;
}

export interface FromArrowOptions {
  /** The columns to take; all of them by default. */
  readonly columns?: readonly string[];
  /**
   * What becomes of nulls: an error (default), or NaN: integers and booleans with nulls then become float64, and the code of a text that
   * is null is −1.
   */
  readonly nulls?: Nulls;
}

/** Columns of a table. */
export interface ArrowColumns {
  /** By the names of the columns: `[rows]`, lists `[rows, length]`. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** For columns of texts, what their codes stand for. */
  readonly categories: Readonly<Record<string, readonly string[]>>;
}

/** What a table says of its columns; values that are no tables come from JavaScript. */
function fieldsOf(table: Partial<ArrowTable> | null | undefined): ArrowTable['schema']['fields'] {
  const fields: unknown = table?.schema?.fields;
  if (Array.isArray(fields) && typeof table?.getChildAt === 'function') return fields as ArrowTable['schema']['fields'];
  throw new ArgumentError(
    `fromArrow: expected a table of apache-arrow, got ${describe(table)}.`,
    'read one with tableFromIPC, or make one with tableFromArrays.',
  );
}

const tensorOf = ({ data, dtype, shape }: Column): Tensor => deviceTensor(data, new Aval(shape, dtype));

/**
 * The columns of an Arrow table as tensors.
 *
 * Numbers keep their type (16-bit floats become float32, 8- and 16-bit integers 32-bit ones; 64-bit integers must fit 32 bits), booleans
 * become bool, dates and timestamps milliseconds since 1970 in float64, lists of equal length rows. Texts become int32 codes, with
 * the texts in `categories`; those of a dictionary keep its order.
 *
 * The buffer of a column of one chunk without nulls whose dtype exists here is taken as it is: nothing is copied before the one copy into the
 * device's memory. Do not write to it afterwards.
 *
 * @throws ArgumentError for what is no table, FileError for nulls that are not asked for, and types that are no numbers
 * @example
 * ```ts
 * import { tableFromArrays } from 'apache-arrow';
 * import { fromArrow } from 'cotangent/interop';
 * const table = tableFromArrays({ x: new Float32Array([1, 2, 3]), kind: ['a', 'b', 'a'] });
 * const { tensors, categories } = fromArrow(table);
 * console.log(String(tensors.x), String(tensors.kind), categories.kind); // => [1, 2, 3] [0, 1, 0] [ 'a', 'b' ]
 * ```
 */
export function fromArrow(table: ArrowTable, options: FromArrowOptions = {}): ArrowColumns {
  checkOptions('fromArrow', options, ['columns', 'nulls']);
  const { nulls = 'error' } = options;
  checkChoice('fromArrow', 'nulls', nulls, ['error', 'nan']);
  const names = fieldsOf(table).map(({ name }) => name);
  const tensors: [string, Tensor][] = [];
  const categories: [string, readonly string[]][] = [];
  for (const name of options.columns ?? names) {
    const vector = table.getChildAt(names.indexOf(name));
    if (!vector) {
      throw new ArgumentError(
        `fromArrow: expected columns of the table, got ${JSON.stringify(name)}.`,
        `it has ${names.join(', ')}.`,
      );
    }
    const column = columnOf(vector, name, nulls);
    tensors.push([name, tensorOf(column)]);
    if (column.categories) categories.push([name, column.categories]);
  }
  return { tensors: Object.fromEntries(tensors), categories: Object.fromEntries(categories) };
}

/** A column as apache-arrow's `tableFromArrays` takes it. */
export type PlainColumn =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | (boolean | null)[]
  | (string | null)[]
  | number[][];

export interface ToArrowOptions {
  /** For columns of codes, the texts they stand for; a negative code is null. */
  readonly categories?: Readonly<Record<string, readonly string[]>>;
}

function rowsOf(name: string, x: Tensor): number[][] {
  if (x.ndim === 2) {
    const [rows, length] = x.shape as [number, number];
    const data = x.dataSync();
    return Array.from({ length: rows }, (_, i) => Array.from(data.subarray(i * length, (i + 1) * length)));
  }
  throw new ArgumentError(
    `toArrow: expected columns [rows] or [rows,length], got ${x.aval.toString()} for ${name}.`,
    'reshape it.',
  );
}

function textsOf(name: string, codes: ArrayLike<number>, texts: readonly string[]): (string | null)[] {
  return Array.from(codes, (code) => {
    if (code < 0) return null;
    const text = texts[code];
    if (text !== undefined) return text;
    throw new FileError(`toArrow: expected codes below ${texts.length} for ${name}, got ${code}.`);
  });
}

/**
 * Tensors as columns that apache-arrow's `tableFromArrays` takes. Elements are copied out of the device's memory once.
 *
 * @param tensors of one length: `[rows]`, or `[rows, length]`, which become lists
 * @example
 * ```ts
 * import { tableFromArrays } from 'apache-arrow';
 * import { np } from 'cotangent';
 * import { toArrow } from 'cotangent/interop';
 * const columns = toArrow({ x: np.array([1, 2]), kind: np.array([1, 0]) }, { categories: { kind: ['a', 'b'] } });
 * const table = tableFromArrays(columns);
 * console.log(table.numRows, table.get(0)?.toJSON()); // => 2 { x: 1, kind: 'b' }
 * ```
 */
export function toArrow(
  tensors: Readonly<Record<string, TensorLike>>,
  options: ToArrowOptions = {},
): Record<string, PlainColumn> {
  checkOptions('toArrow', options, ['categories']);
  const { categories = {} } = options;
  const columns = Object.entries(tensors).map(([name, value]): [string, PlainColumn] => {
    const x = asTensor(value);
    if (x.ndim !== 1) return [name, rowsOf(name, x)];
    const data = x.dataSync();
    if (Object.hasOwn(categories, name)) return [name, textsOf(name, data, categories[name]!)];
    return [name, x.dtype === 'bool' ? Array.from(data, (v) => v !== 0) : data];
  });
  const [first] = columns;
  const odd = columns.find(([, column]) => column.length !== first![1].length);
  if (odd) {
    throw new ArgumentError(
      `toArrow: expected columns of one length, got ${first![1].length} for ${first![0]} and ${odd[1].length} for ${odd[0]}.`,
    );
  }
  return Object.fromEntries(columns);
}

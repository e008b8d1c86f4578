/**
 * Strided arrays of other libraries: scijs' `ndarray` (`stride`), stdlib's (`strides`), and whatever looks like them.
 * May import: `util`, `ir`, `core`, `api`.
 * @module
 */
import { setUpDevices } from '../api/device.ts';
import { asTensor, type TensorLike } from '../api/lift.ts';
import { checkOptions, describe } from '../api/options.ts';
import { deviceTensor, type Tensor } from '../core/tensor.ts';
import { Aval } from '../ir/aval.ts';
import { type DType, dtypeOfTypedArray, type TypedArray } from '../ir/dtype.ts';
import { ArgumentError, ShapeError } from '../ir/errors.ts';
import { rowMajorStrides, type Shape, sizeOf } from '../ir/shape.ts';
import { forEachIndex } from '../primitives/structural.ts';
import { elementsOf, type NumericArray } from '../api/typed-arrays.ts';

setUpDevices();

/** Element (i, j, …) is `data[offset + i·stride[0] + j·stride[1] + …]`. */
export interface NdarrayLike {
  readonly data: NumericArray | readonly number[];
  readonly shape: ArrayLike<number>;
  /** In elements, as scijs names it; or `strides`. Row-major where neither is given. */
  readonly stride?: ArrayLike<number>;
  readonly strides?: ArrayLike<number>;
  readonly offset?: number;
}

export interface FromNdarrayOptions {
  /**
   * With `false` the array's own memory may become the tensor's, where it lies in row-major order and its type exists here: the caller
   * promises not to write to it any more. True by default.
   */
  readonly copy?: boolean;
}

interface Layout {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

const isArrayLike = (x: unknown): boolean => Array.isArray(x) || ArrayBuffer.isView(x);

function checkNdarray(x: NdarrayLike | null | undefined): void {
  if (isArrayLike(x?.data) && isArrayLike(x?.shape)) return;
  throw new ArgumentError(
    `fromNdarray: expected a strided array { data, shape, stride, offset }, got ${describe(x)}.`,
    'np.array takes nested arrays and typed arrays.',
  );
}

function layoutOf(x: NdarrayLike): Layout {
  const shape = Array.from(x.shape);
  const given = x.stride ?? x.strides;
  const strides = given === undefined ? rowMajorStrides(shape) : Array.from(given);
  const { offset = 0 } = x;
  const fail = (rule: string): never => {
    const text = `shape [${shape.join(',')}], strides [${strides.join(',')}], offset ${offset} of ${x.data.length} elements`;
    throw new ShapeError(`fromNdarray: expected ${rule}, got ${text}.`, 'pass { data, shape, stride, offset }.');
  };
  if (strides.length !== shape.length) fail('one stride an axis');
  if (!shape.every((n) => Number.isInteger(n) && n >= 0)) fail('extents of at least 0');
  if (sizeOf(shape) === 0) return { shape, strides, offset };
  const reach = (isWanted: (stride: number) => boolean): number =>
    strides.reduce((sum, s, d) => sum + (isWanted(s) ? s * (shape[d]! - 1) : 0), offset);
  const isInside = reach((s) => s < 0) >= 0 && reach((s) => s > 0) < x.data.length;
  if (!isInside || ![offset, ...strides].every(Number.isInteger)) fail('elements within the data');
  return { shape, strides, offset };
}

/** Axes of extent 1 have any stride. */
const isRowMajor = ({ shape, strides }: Layout): boolean =>
  rowMajorStrides(shape).every((s, d) => shape[d] === 1 || strides[d] === s);

type Constructor = new (length: number) => NumericArray;

/** The elements in row-major order, in an array of their own. */
function gathered(data: NdarrayLike['data'], { shape, strides, offset }: Layout): NumericArray {
  const make = (Array.isArray(data) ? Float64Array : data.constructor) as Constructor;
  const out = new make(sizeOf(shape)) as { [i: number]: number | bigint };
  forEachIndex(shape, (index, o) => {
    let at = offset;
    for (let d = 0; d < index.length; d++) at += index[d]! * strides[d]!;
    out[o] = data[at]!;
  });
  return out as unknown as NumericArray;
}

/**
 * A strided array as a tensor.
 *
 * Types are kept (8- and 16-bit integers become 32-bit ones, 64-bit integers must fit 32 bits); a plain array of numbers becomes
 * float64. Elements are put in row-major order where they are not; then they are copied into the device's memory. `{ copy: false }` saves the copy
 * on the way there for arrays that are in order.
 *
 * @throws ArgumentError for what is no strided array, ShapeError for a shape, strides and offset that lead out of the data
 * @example
 * ```ts
 * import { fromNdarray } from 'cotangent/interop';
 * // The transpose of a matrix of two rows, as a view.
 * const view = { data: new Float32Array([1, 2, 3, 4, 5, 6]), shape: [3, 2], stride: [1, 3], offset: 0 };
 * console.log(String(fromNdarray(view))); // => [[1, 4], [2, 5], [3, 6]]
 * ```
 */
export function fromNdarray(x: NdarrayLike, options: FromNdarrayOptions = {}): Tensor {
  checkOptions('fromNdarray', options, ['copy']);
  checkNdarray(x);
  const layout = layoutOf(x);
  const { data } = x;
  const size = sizeOf(layout.shape);
  const isTyped = ArrayBuffer.isView(data);
  const isInPlace = isTyped && isRowMajor(layout) && data.buffer instanceof ArrayBuffer;
  const elements = isInPlace ? data.subarray(layout.offset, layout.offset + size) : gathered(data, layout);
  const values = elementsOf('fromNdarray', elements);
  const isOwned = options.copy === false || values !== (elements as unknown) || !isInPlace;
  return deviceTensor(
    (isOwned ? values : values.slice()) as TypedArray,
    new Aval(layout.shape, dtypeOfTypedArray(values)!),
  );
}

/** What `toNdarray` gives: scijs' constructor takes the first four in this order. */
export interface PlainNdarray {
  readonly data: TypedArray;
  readonly shape: number[];
  readonly stride: number[];
  readonly offset: number;
  readonly dtype: DType;
}

/**
 * The elements of a tensor, copied once, with the numbers that say where each lies: `ndarray(a.data, a.shape, a.stride, a.offset)`.
 * Booleans are bytes, 16-bit floats float32.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import { toNdarray } from 'cotangent/interop';
 * const { data, shape, stride } = toNdarray(np.array([[1, 2, 3], [4, 5, 6]]));
 * console.log(data.length, shape, stride); // => 6 [ 2, 3 ] [ 3, 1 ]
 * ```
 */
export function toNdarray(x: TensorLike): PlainNdarray {
  const t = asTensor(x);
  return { data: t.dataSync(), shape: [...t.shape], stride: [...rowMajorStrides(t.shape)], offset: 0, dtype: t.dtype };
}

/**
 * From what users pass to tensors, and dtype promotion.
 * May import: `ir`, `core`, `primitives`, `api/typed-arrays`.
 * @module
 */
import { Aval } from '../ir/aval.ts';
import {
  type DType,
  dtypeInfo,
  dtypeOfTypedArray,
  isDType,
  isHalf,
  makeUnrounded,
  promoteTypes,
  rounded,
  saturate,
  type TypedArray,
} from '../ir/dtype.ts';
import { ArgumentError, DTypeError, ShapeError } from '../ir/errors.ts';
import { sameShape, type Shape, sizeOf } from '../ir/shape.ts';
import { defaultFloat } from '../core/config.ts';
import { deviceTensor, scalarTensor, Tensor } from '../core/tensor.ts';
import { convert } from '../primitives/convert.ts';
import { concatenate } from '../primitives/movement.ts';
import { reshape } from '../primitives/structural.ts';
import { setUpDevices } from './device.ts';
import { elementsOf, type NumericArray } from './typed-arrays.ts';

setUpDevices();

/** Nested arrays of numbers, booleans and tensors. */
export type NestedArray = number | boolean | Tensor | readonly NestedArray[];

/** Whatever stands for an array: tensors, numbers, booleans, nested arrays, typed arrays. */
export type TensorLike = Tensor | NestedArray | ArrayBufferView;

/** A number wrapped so that it stays a float when it meets integers, although its value is integral. */
export function weakFloat(value: number): Tensor {
  return scalarTensor(value, defaultFloat(), true);
}

/**
 * A tensor from anything tensor-like. A JavaScript number becomes a weakly typed scalar: it takes the dtype of what it meets
 * (an integral number fits integers; others need floats).
 */
export function asTensor(x: TensorLike): Tensor {
  if (x instanceof Tensor) return x.current();
  if (typeof x === 'number') return scalarTensor(x, defaultFloat(), true);
  if (typeof x === 'boolean') return scalarTensor(x ? 1 : 0, 'bool');
  return arrayFrom(x, undefined);
}

interface Flat {
  readonly shape: number[];
  readonly values: number[];
  isBool: boolean;
}

/** Shape and values of nested arrays; ragged ones are an error that names the place. */
function flattenNested(op: string, x: readonly unknown[]): Flat {
  const shape: number[] = [];
  for (let level: unknown = x; Array.isArray(level); level = level[0]) {
    shape.push(level.length);
    if (level.length === 0) break;
  }
  const flat: Flat = { shape, values: [], isBool: true };
  const visit = (node: unknown, depth: number, path: string): void => {
    if (depth === shape.length) {
      flat.values.push(leafNumber(op, node, path));
      if (typeof node !== 'boolean') flat.isBool = false;
      return;
    }
    if (!Array.isArray(node) || node.length !== shape[depth]) {
      const got = Array.isArray(node) ? `${node.length} entries` : String(node);
      throw new ShapeError(
        `${op}: expected ${shape[depth]!} entries at ${path || 'the top'}, got ${got}.`,
        'nested arrays must be rectangular.',
        { path },
      );
    }
    for (let i = 0; i < node.length; i++) visit(node[i], depth + 1, `${path}[${i}]`);
  };
  visit(x, 0, '');
  if (flat.values.length === 0) flat.isBool = false;
  return flat;
}

function leafNumber(op: string, x: unknown, path: string): number {
  if (typeof x === 'number') return x;
  if (typeof x === 'boolean') return x ? 1 : 0;
  throw new ArgumentError(
    `${op}: expected numbers, got ${Array.isArray(x) ? 'an array' : describe(x)} at ${path || 'the top'}.`,
    Array.isArray(x)
      ? 'nested arrays must be rectangular.'
      : 'pass numbers, booleans, nested arrays of them, typed arrays or tensors.',
    { path },
  );
}

export const holdsTensor = (x: unknown): boolean => Array.isArray(x) && x.some((y) => isRow(y) || holdsTensor(y));

/** Typed arrays are rows like any other beside tensors. */
const isRow = (x: unknown): boolean => x instanceof Tensor || ArrayBuffer.isView(x);

/** Nested arrays with tensors inside: stacked from the leaves up, so that traced values keep their derivatives. */
export function stackNested(x: TensorLike, op = 'array'): Tensor {
  if (!holdsTensor(x))
    return x instanceof Tensor || typeof x === 'number' ? asTensor(x) : arrayFrom(x, undefined, undefined, op);
  const parts = promote(...(x as readonly NestedArray[]).map((y) => stackNested(y, op)));
  if (parts.some((t) => !sameShape(t.shape, parts[0]!.shape))) {
    throw new ShapeError(
      `${op}: expected entries of one shape, got ${parts.map((p) => p.aval.toString()).join(', ')}.`,
      'nested arrays must be rectangular.',
    );
  }
  return concatenate(
    parts.map((t) => reshape(t, [1, ...t.shape])),
    0,
  );
}

/** Converts host elements to a dtype as the device's conversion would. */
export function castArray(values: ArrayLike<number>, dtype: DType, isFromFloat: boolean): TypedArray {
  const out = makeUnrounded(dtype, values.length);
  const needsSaturation =
    isFromFloat && (dtypeInfo[dtype].category === 'signed' || dtypeInfo[dtype].category === 'unsigned');
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    out[i] = dtype === 'bool' ? Number(v !== 0) : needsSaturation ? saturate(v, dtype) : v;
  }
  return rounded(out, dtype);
}

/** The one constructor of concrete tensors from host data. */
export function arrayFrom(data: TensorLike, dtype: DType | undefined, shape?: Shape, op = 'array'): Tensor {
  if (dtype !== undefined && !isDType(dtype)) throw unknownDType(op, dtype);
  if (data instanceof Tensor) {
    const value = data.current();
    return dtype === undefined ? value : convert(value, dtype);
  }
  if (holdsTensor(data)) {
    const t = stackNested(data, op);
    return reshape(
      dtype === undefined ? t : convert(t, dtype),
      shape === undefined ? t.shape : resolveShape(op, shape, t.size),
    );
  }
  const { values, inferred, own } = hostValues(op, data);
  const target = dtype ?? inferred.dtype;
  const finalShape = resolveShape(op, shape ?? inferred.shape, values.length);
  const isFromFloat = dtypeInfo[inferred.dtype].category === 'float';
  const typed = own && target === inferred.dtype ? (values as TypedArray) : castArray(values, target, isFromFloat);
  return deviceTensor(typed, new Aval(finalShape, target));
}

function unknownDType(op: string, dtype: unknown): DTypeError {
  return new DTypeError(
    `${op}: expected a dtype, got ${String(dtype)}.`,
    `dtypes: ${Object.keys(dtypeInfo).join(', ')}.`,
  );
}

interface HostValues {
  readonly values: ArrayLike<number>;
  readonly inferred: { readonly dtype: DType; readonly shape: Shape };
  /** The values are a fresh typed array of the inferred dtype. */
  readonly own: boolean;
}

function hostValues(op: string, data: Exclude<TensorLike, Tensor>): HostValues {
  if (typeof data === 'number') return { values: [data], inferred: { dtype: defaultFloat(), shape: [] }, own: false };
  if (typeof data === 'boolean') return { values: [Number(data)], inferred: { dtype: 'bool', shape: [] }, own: false };
  if (ArrayBuffer.isView(data)) {
    const elements = elementsOf(op, data as NumericArray);
    const dtype = dtypeOfTypedArray(elements)!;
    const values = elements === (data as unknown) ? ownCopy(elements, dtype) : elements;
    return { values, inferred: { dtype, shape: [values.length] }, own: true };
  }
  if (!Array.isArray(data)) {
    throw new ArgumentError(
      `${op}: expected numbers, nested arrays, a typed array or a tensor, got ${describe(data)}.`,
      fixOf(data),
    );
  }
  const flat = flattenNested(op, data);
  return {
    values: flat.values,
    inferred: { dtype: flat.isBool ? 'bool' : defaultFloat(), shape: flat.shape },
    own: false,
  };
}

/** The elements in the array type that the dtype has here. */
function ownCopy(data: TypedArray, dtype: DType): TypedArray {
  if (isHalf(dtype)) return Float32Array.from(data);
  const copy = data.slice();
  return copy instanceof Uint8ClampedArray ? new Uint8Array(copy) : (copy as TypedArray);
}

function fixOf(x: unknown): string {
  if (x instanceof Promise) return 'await it first.';
  if (x === undefined) return 'is an argument or a return missing?';
  if (typeof x === 'string') return 'convert text with Number(…) first.';
  return 'convert it to one of these first.';
}

function describe(x: unknown): string {
  if (x === null || x === undefined) return String(x);
  return typeof x === 'object' ? x.constructor.name : typeof x;
}

/** A shape with at most one −1, which is computed from the number of elements. */
export function resolveShape(op: string, shape: Shape, size: number): number[] {
  const known = sizeOf(shape.filter((d) => d !== -1));
  const unknown = shape.length - shape.filter((d) => d !== -1).length;
  const isValid = shape.every((d) => Number.isInteger(d) && d >= -1) && unknown <= 1;
  const fits = unknown === 0 ? known === size : known > 0 && size % known === 0;
  if (!isValid || !fits) {
    throw new ShapeError(
      `${op}: expected a shape for ${size} elements, got [${shape.join(',')}].`,
      'the product of the dimensions must be the number of elements; one may be -1.',
      { shape, size },
    );
  }
  return shape.map((d) => (d === -1 ? size / known : d));
}

const lattice = (x: Tensor): { dtype: DType; weakType: boolean } => x.aval;

/**
 * All operands converted to one dtype under JAX's promotion rules. Bare numbers adapt: `x.add(1)` keeps an integer dtype,
 * `x.add(1.5)` makes it a float.
 */
export function promote(...xs: TensorLike[]): Tensor[] {
  const tensors = xs.map((x) => (typeof x === 'number' ? x : asTensor(x)));
  const strong = tensors.filter((t): t is Tensor => typeof t !== 'number');
  const floats = defaultFloat();
  let type: { dtype: DType; weakType: boolean } | undefined;
  for (const t of strong) type = type ? promoteTypes(type, lattice(t), floats) : lattice(t);
  for (const t of tensors) {
    if (typeof t !== 'number') continue;
    const weak = { dtype: Number.isInteger(t) ? ('int32' as const) : floats, weakType: true };
    type = type ? promoteTypes(type, weak, floats) : { dtype: floats, weakType: true };
  }
  const { dtype, weakType } = type!;
  return tensors.map((t) =>
    typeof t === 'number' ? scalarTensor(t, dtype, weakType) : convertWeak(t, dtype, weakType),
  );
}

function convertWeak(t: Tensor, dtype: DType, weakType: boolean): Tensor {
  if (t.dtype === dtype && (t.aval.weakType === weakType || !t.aval.weakType)) return t;
  const { scalar } = t;
  if (scalar !== undefined && t.aval.weakType) return scalarTensor(scalar, dtype, weakType);
  return t.dtype === dtype ? t : convert(t, dtype);
}

/** Operands promoted, and at least a float: for functions whose result is a float whatever comes in (`exp`, `mean`, `true_divide`). */
export function promoteToFloat(...xs: TensorLike[]): Tensor[] {
  const promoted = promote(...xs);
  const { dtype } = promoted[0]!;
  if (dtypeInfo[dtype].category === 'float') return promoted;
  return promoted.map((x) => convert(x, defaultFloat()));
}

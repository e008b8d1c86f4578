/**
 * Conversion of dtypes, and leaving for plain numbers.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { sameShape } from '../../ir/shape.ts';
import { nested } from '../../core/tensor.ts';
import { type Dtype, toDtype } from '../dtypes.ts';
import type { Tensor } from '../tensor.ts';
import { convertTo } from '../views.ts';
import { type TensorLike, toTensor } from './define.ts';

/** Nested numbers, or booleans. */
export type NestedNumbers = number | boolean | NestedNumbers[];

/** The elements in another dtype: floats to integers toward zero. The same tensor if it has that dtype. */
export function to(x: TensorLike, dtype: Dtype | Tensor): Tensor {
  const tensor = toTensor(x);
  const target = typeof dtype === 'string' ? toDtype(dtype) : dtype.dtype;
  return tensor.dtype === target ? tensor : convertTo(tensor, target);
}
export const type: typeof to = to;
export const typeAs = (x: TensorLike, other: Tensor): Tensor => to(x, other);
export const float = (x: TensorLike): Tensor => to(x, 'float32');
export const double = (x: TensorLike): Tensor => to(x, 'float64');
export const half = (x: TensorLike): Tensor => to(x, 'float16');
export const bfloat16 = (x: TensorLike): Tensor => to(x, 'bfloat16');
export const int = (x: TensorLike): Tensor => to(x, 'int32');
export const long = (x: TensorLike): Tensor => to(x, 'int32');
export const byte = (x: TensorLike): Tensor => to(x, 'uint8');
export const bool = (x: TensorLike): Tensor => to(x, 'bool');

/** Nested numbers; a number for a tensor without dimensions. */
export const tolist = (x: TensorLike): NestedNumbers => nested(toTensor(x).concrete('tolist()')) as NestedNumbers;

/** The sizes, or that of one dimension. */
export function size(x: TensorLike): number[];
export function size(x: TensorLike, dim: number): number;
export function size(x: TensorLike, dim?: number): number | number[];
export function size(x: TensorLike, dim?: number): number | number[] {
  const { shape } = toTensor(x);
  return dim === undefined ? [...shape] : shape.at(dim)!;
}

/** Number of dimensions. */
export const dim = (x: TensorLike): number => toTensor(x).ndim;
export const isFloatingPoint = (x: TensorLike): boolean => isFloat(toTensor(x).dtype);
/** Whether the one element is not 0. */
export const isNonzero = (x: TensorLike): boolean => toTensor(x).item() !== 0;
/** Whether both have the same shape. */
export const isSameSize = (x: TensorLike, y: TensorLike): boolean => sameShape(toTensor(x).shape, toTensor(y).shape);

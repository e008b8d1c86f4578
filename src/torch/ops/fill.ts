/**
 * Tensors of one value that are like others.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { Shape } from '../../ir/shape.ts';
import type { Tensor } from '../tensor.ts';
import { type TensorLike, toTensor } from './define.ts';
import { filled, type SizesAndOptions, sizesAndOptions, type TensorOptions } from './new-tensor.ts';

/** Zeros of the shape and dtype of `x`. */
export const zerosLike = (x: TensorLike, options: TensorOptions = {}): Tensor => fullLike(x, 0, options);
export const onesLike = (x: TensorLike, options: TensorOptions = {}): Tensor => fullLike(x, 1, options);
export const emptyLike = (x: TensorLike, options: TensorOptions = {}): Tensor => fullLike(x, 0, options);
export function fullLike(x: TensorLike, value: number, options: TensorOptions = {}): Tensor {
  const { shape, dtype } = toTensor(x);
  return filled('fullLike', value, shape, options, dtype);
}

/** Zeros of the dtype of `x`: `x.newZeros(2, 3)`. */
export const newZeros = (x: TensorLike, ...args: SizesAndOptions): Tensor => newFilled(x, 0, args);
export const newOnes = (x: TensorLike, ...args: SizesAndOptions): Tensor => newFilled(x, 1, args);
export const newEmpty = (x: TensorLike, ...args: SizesAndOptions): Tensor => newFilled(x, 0, args);
export const newFull = (x: TensorLike, shape: Shape, value: number, options: TensorOptions = {}): Tensor =>
  filled('newFull', value, shape, options, toTensor(x).dtype);

function newFilled(x: TensorLike, value: number, args: SizesAndOptions): Tensor {
  const [shape, options] = sizesAndOptions(args);
  return filled('new', value, shape, options, toTensor(x).dtype);
}

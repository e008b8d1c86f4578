/**
 * What functions of `lax` do with their operands: no promotion, but bare numbers take the dtype of what they meet.
 * May import: `ir`, `core`, `primitives`, `api/lift`.
 * @module
 */
import { normalizeAxis } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { scalarTensor } from '../../core/tensor.ts';
import { convert } from '../../primitives/convert.ts';
import { asTensor, promote, type TensorLike } from '../lift.ts';

export type Unary = (x: TensorLike) => Tensor;
export type Binary = (x: TensorLike, y: TensorLike) => Tensor;
export type Ternary = (x: TensorLike, y: TensorLike, z: TensorLike) => Tensor;

/** Numbers and weakly typed scalars take the dtype of the others; two different strong dtypes are left for the operation to refuse. */
export function adapt(...xs: TensorLike[]): Tensor[] {
  const tensors = xs.map((x) => (typeof x === 'number' ? x : asTensor(x)));
  const strong = new Set<string>();
  for (const t of tensors) if (typeof t !== 'number' && !t.aval.weakType) strong.add(t.dtype);
  return strong.size > 1 ? tensors.map(asTensor) : promote(...tensors);
}

/** Makes `f` of tensors a function of whatever stands for a tensor. */
export const unary =
  (f: (x: Tensor) => Tensor): Unary =>
  (x) =>
    f(asTensor(x));

export const binary =
  (f: (x: Tensor, y: Tensor) => Tensor): Binary =>
  (x, y) => {
    const [a, b] = adapt(x, y);
    return f(a!, b!);
  };

export const ternary =
  (f: (x: Tensor, y: Tensor, z: Tensor) => Tensor): Ternary =>
  (x, y, z) => {
    const [a, b, c] = adapt(x, y, z);
    return f(a!, b!, c!);
  };

/** A position or count as an int32 tensor. */
export function asIndex(x: TensorLike): Tensor {
  if (typeof x === 'number') return scalarTensor(x, 'int32');
  return convert(asTensor(x), 'int32');
}

/** A scalar in the dtype of `x`. */
export function scalarLike(x: Tensor, value: TensorLike): Tensor {
  if (typeof value === 'number') return scalarTensor(value, x.dtype);
  const t = asTensor(value);
  return t.aval.weakType ? convert(t, x.dtype) : t;
}

/** Axes counted from the front. */
export const axesOf = (op: string, axes: readonly number[], rank: number): number[] =>
  axes.map((a) => normalizeAxis(op, a, rank));

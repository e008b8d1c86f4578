/**
 * Operands of functions that index.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { isFloat, isInteger } from '../../ir/dtype.ts';
import { DTypeError, ShapeError } from '../../ir/errors.ts';
import { ConcreteTensor, Tensor as CoreTensor } from '../../core/tensor.ts';
import { convert } from '../../primitives/convert.ts';
import type { Tensor } from '../tensor.ts';
import { convertTo } from '../views.ts';
import { type TensorLike, toTensor } from './define.ts';

/** Throws for positions outside the dimension, as far as they have numbers. */
export function checkedIndices(x: Tensor, indices: CoreTensor, axis: number, op = 'index'): CoreTensor {
  const n = x.shape[axis] ?? 0;
  if (!(indices instanceof ConcreteTensor)) return indices;
  const bad = indices.read().find((i) => i < -n || i >= n);
  if (bad === undefined) return indices;
  throw new ShapeError(
    `${op}: expected indices between ${-n} and ${n - 1} for dimension ${axis} of ${x.aval.toString()}, got ${bad}: index ${bad} is out ` +
      `of bounds for dimension ${axis} with size ${n}.`,
  );
}

/** Positions as integers; plain arrays hold whole numbers. */
export function asIndices(entry: unknown, t: CoreTensor): CoreTensor {
  if (isInteger(t.dtype)) return t;
  if (!(entry instanceof CoreTensor)) return convert(t, 'int32');
  throw new DTypeError(
    `index: expected integers or booleans, got ${t.aval.toString()}: tensors used as indices must be long, int, byte or bool tensors.`,
    'convert with .long() first.',
  );
}

/** A value in the dtype of the tensor that takes it: numbers at once, so that float64 has all their digits. */
export const beside = (x: Tensor, value: TensorLike): CoreTensor => {
  const t = isFloat(x.dtype) ? toTensor(value, x.dtype) : toTensor(value);
  return t.dtype === x.dtype ? t.asCore() : convertTo(t, x.dtype).asCore();
};

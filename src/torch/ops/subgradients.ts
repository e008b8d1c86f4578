/**
 * Functions of the core's tensors with the derivative that PyTorch has at a kink, where the core's is another.
 * May import: everything up to `api`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import * as np from '../../api/numpy/index.ts';
import { toFloat } from '../../api/numpy/unary.ts';

/** |x| with derivative 0 at 0. */
export const absOf = (x: CoreTensor): CoreTensor =>
  isFloat(x.dtype) ? np.multiply(x, prim.stopGradientOf(np.sign(x))) : np.abs(x);

/** √x with derivative 0 at 0: the smallest subgradient of a norm. */
export function rootOf(x: CoreTensor): CoreTensor {
  const isZero = np.equal(x, 0);
  return np.where(isZero, prim.like(x, 0), np.sqrt(np.where(isZero, prim.like(x, 1), x)));
}

export interface Norm {
  readonly p: number;
  readonly axis: readonly number[];
  readonly keepdims: boolean;
}

/** (Σ|x|ᵖ)^(1/p), with derivative 0 where it is 0. */
export function normAlong(x: CoreTensor, { p, axis, keepdims }: Norm): CoreTensor {
  const t = toFloat(x);
  const how = { axis, keepdims };
  if (p === 2) return rootOf(np.sum(np.square(t), how));
  const size = absOf(t);
  if (p === 1) return np.sum(size, how);
  if (p === Infinity) return np.max(size, how);
  if (p === -Infinity) return np.min(size, how);
  if (p === 0) return prim.stopGradientOf(np.sum(np.notEqual(t, 0).astype(t.dtype), how));
  const total = np.sum(np.power(size, p), how);
  const isZero = np.equal(total, 0);
  return np.where(isZero, prim.like(total, 0), np.power(np.where(isZero, prim.like(total, 1), total), 1 / p));
}

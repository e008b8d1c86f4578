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

/** −1, 0 or 1; 0 for NaN. */
export function signOf(x: CoreTensor): CoreTensor {
  if (x.dtype === 'bool') return x;
  return isFloat(x.dtype) ? np.where(np.isnan(x), prim.like(x, 0), np.sign(x)) : np.sign(x);
}

/** |x| with derivative 0 at 0 and NaN. */
export const absOf = (x: CoreTensor): CoreTensor =>
  isFloat(x.dtype) ? np.multiply(x, prim.stopGradientOf(signOf(x))) : np.abs(x);

/** max(x, 0), with derivative 0 at 0; a NaN passes, with derivative 1. */
export const reluOf = (x: CoreTensor): CoreTensor => np.where(np.lessEqual(x, 0), prim.like(x, 0), x);

/**
 * x between bounds; NaN if one is. At a bound the derivative is that of x: so select, and no maximum, whose ties share. An x that is NaN
 * has none.
 */
export function clampedOf(x: CoreTensor, min: CoreTensor | undefined, max: CoreTensor | undefined): CoreTensor {
  const above = min === undefined ? x : np.where(np.lessEqual(min, x), x, min);
  const inside = max === undefined ? above : np.where(np.logicalOr(np.greater(above, max), np.isnan(max)), max, above);
  return isFloat(x.dtype) ? np.where(np.isnan(x), prim.stopGradientOf(x), inside) : inside;
}

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
  if (p === 0) return np.sum(np.notEqual(t, 0).astype(t.dtype), how);
  const isNothing = np.equal(size, 0);
  const power = np.power(np.where(isNothing, prim.like(size, 1), size), p);
  const total = np.sum(np.where(isNothing, prim.like(size, p < 0 ? Infinity : 0), power), how);
  const isZero = np.equal(total, 0);
  return np.where(isZero, prim.like(total, 0), np.power(np.where(isZero, prim.like(total, 1), total), 1 / p));
}

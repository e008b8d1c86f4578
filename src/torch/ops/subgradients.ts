/**
 * Functions of the core's tensors with the derivative that PyTorch has at a kink, where the core's is another.
 * May import: everything up to `api`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import * as np from '../../api/numpy/index.ts';

/** |x| with derivative 0 at 0. */
export const absOf = (x: CoreTensor): CoreTensor =>
  isFloat(x.dtype) ? np.multiply(x, prim.stopGradientOf(np.sign(x))) : np.abs(x);

/** √x with derivative 0 at 0: the smallest subgradient of a norm. */
export function rootOf(x: CoreTensor): CoreTensor {
  const isZero = np.equal(x, 0);
  return np.where(isZero, prim.like(x, 0), np.sqrt(np.where(isZero, prim.like(x, 1), x)));
}

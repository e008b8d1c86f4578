/**
 * Dimensions and sizes as arguments.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { normalizeAxis } from '../../ir/shape.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import * as np from '../../api/numpy/index.ts';
import type { Tensor } from '../tensor.ts';

/** Sizes as one array, or one argument each. */
export type Sizes = readonly [readonly number[]] | number[];

export const sizesOf = (sizes: Sizes): readonly number[] =>
  (Array.isArray(sizes[0]) ? sizes[0] : sizes) as readonly number[];

export interface AxisParams {
  readonly axis: number;
  readonly keepdims: boolean;
}

/** The dimension and `keepdim` of a function of one dimension. */
export function oneAxis(op: string, x: Tensor, dim: number, keepdim: boolean | undefined): AxisParams {
  return { axis: x.ndim === 0 ? 0 : normalizeAxis(op, dim, x.ndim), keepdims: keepdim === true };
}

/** The values at `indices` of one dimension: the derivative goes to the element that was taken. */
export const taken = (x: CoreTensor, indices: CoreTensor, axis: number): CoreTensor =>
  np.takeAlongAxis(x, prim.stopGradientOf(indices), axis);

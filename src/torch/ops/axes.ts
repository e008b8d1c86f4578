/**
 * Dimensions and sizes as arguments.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { normalizeAxes, normalizeAxis } from '../../ir/shape.ts';
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

/** A dimension counted from 0. A tensor without dimensions accepts 0 and −1, as one of a single element does. */
export const axisOf = (op: string, dim: number, ndim: number): number => normalizeAxis(op, dim, Math.max(ndim, 1));

/** Dimensions to reduce, counted from 0: all of them for none, or an empty list. */
export function axesOf(op: string, dim: number | readonly number[] | null | undefined, ndim: number): number[] {
  const isAll = dim === undefined || dim === null || (Array.isArray(dim) && dim.length === 0);
  const axes = normalizeAxes(op, isAll ? null : dim, Math.max(ndim, 1));
  return ndim === 0 ? [] : axes;
}

/** The dimension and `keepdim` of a function of one dimension. */
export function oneAxis(op: string, x: Tensor, dim: number, keepdim: boolean | undefined): AxisParams {
  return { axis: axisOf(op, dim, x.ndim), keepdims: keepdim === true };
}

/** Runs along a dimension, also of a tensor that has none. */
export function alongAxis(x: CoreTensor, f: (x: CoreTensor) => CoreTensor): CoreTensor {
  return x.ndim > 0 ? f(x) : prim.reshape(f(prim.reshape(x, [1])), []);
}

/** The values at `indices` of one dimension: the derivative goes to the element that was taken. */
export const taken = (x: CoreTensor, indices: CoreTensor, axis: number): CoreTensor =>
  np.takeAlongAxis(x, prim.stopGradientOf(indices), axis);

/** Values with the positions they come from. */
export interface ValuesAndIndices {
  readonly values: Tensor;
  readonly indices: Tensor;
}

/** The two results of an operation by their names. */
export const valuesAndIndices = ([values, indices]: readonly Tensor[]): ValuesAndIndices => ({
  values: values!,
  indices: indices!,
});

/**
 * The elements that `find` gives the positions of, with the dimension in its place, and these positions.
 * @returns without the dimension unless it is kept; of a tensor without dimensions, such
 */
export function found(
  x: CoreTensor,
  { axis, keepdims }: AxisParams,
  find: (x: CoreTensor, axis: number) => CoreTensor,
): CoreTensor[] {
  const t = x.ndim === 0 ? prim.reshape(x, [1]) : x;
  const at = find(t, axis);
  const results = [taken(t, at, axis), at].map((r) => (keepdims ? r : np.squeeze(r, axis)));
  return x.ndim === 0 && at.size === 1 ? results.map((r) => prim.reshape(r, [])) : results;
}

/** A dimension that may be left out. */
export interface SomeDim {
  readonly dim?: number | undefined;
}

/** A dimension, by position or by name. */
export interface OneDim {
  readonly dim: number;
}

/** Dimensions counted from 0, in the order given. */
export const inOrder = (op: string, dims: number | readonly number[], ndim: number): number[] =>
  (typeof dims === 'number' ? [dims] : dims).map((d) => normalizeAxis(op, d, ndim));

/**
 * Functions of `lax` that arrange elements: broadcast, reshape, transpose, slice, pad, concatenate; and constants.
 * May import: `ir`, `core`, `primitives`, `api/lift`.
 * @module
 */
import type { DType } from '../../ir/dtype.ts';
import { ShapeError } from '../../ir/errors.ts';
import { broadcastShapes as broadcastTogether, normalizeAxis, type Shape, sizeOf } from '../../ir/shape.ts';
import { defaultFloat } from '../../core/config.ts';
import type { Tensor } from '../../core/tensor.ts';
import { convert } from '../../primitives/convert.ts';
import { iota as iotaOf } from '../../primitives/iota.ts';
import { concatenate as concatenateOf, reverse } from '../../primitives/movement.ts';
import { pad as padOf, slice as sliceOf, sliceAxis } from '../../primitives/slice.ts';
import { broadcastInDim as broadcastInDimOf, broadcastTo, reshape as reshapeOf, transpose as transposeOf } from '../../primitives/structural.ts';
import { asTensor, resolveShape, type TensorLike } from '../lift.ts';
import { adapt, axesOf, scalarLike } from './operands.ts';

/** Puts new axes of the given sizes in front. */
export function broadcast(x: TensorLike, sizes: Shape): Tensor {
  const t = asTensor(x);
  return broadcastTo(t, [...sizes, ...t.shape]);
}

/** Spreads `x` over `shape`: axis i of x becomes axis `broadcastDimensions[i]`; axes of size 1 stretch. */
export const broadcastInDim = (x: TensorLike, shape: Shape, broadcastDimensions: readonly number[]): Tensor =>
  broadcastInDimOf(asTensor(x), shape, broadcastDimensions);

/** The elements in row-major order under another shape; with `dimensions` the axes are permuted first. */
export function reshape(x: TensorLike, newSizes: Shape, dimensions?: readonly number[]): Tensor {
  const t = asTensor(x);
  const permuted = dimensions ? transposeOf(t, dimensions) : t;
  return reshapeOf(permuted, resolveShape('lax.reshape', newSizes, t.size));
}

/** Axis i of the result is axis `permutation[i]` of x. */
export const transpose = (x: TensorLike, permutation: readonly number[]): Tensor => transposeOf(asTensor(x), permutation);

/** Reverses the order along axes. */
export function rev(x: TensorLike, dimensions: readonly number[]): Tensor {
  const t = asTensor(x);
  return reverse(t, axesOf('lax.rev', dimensions, t.ndim));
}

/** `x[start:limit:strides]` with one entry an axis. */
export function slice(x: TensorLike, start: Shape, limit: Shape, strides?: Shape | null): Tensor {
  return sliceOf(asTensor(x), { start, limit, strides: strides ?? start.map(() => 1) });
}

/** `x[start:limit:stride]` along one axis; negative positions count from the end, `null` means the end itself. */
export function sliceInDim(x: TensorLike, start: number | null, limit: number | null, stride = 1, axis = 0): Tensor {
  const t = asTensor(x);
  const d = normalizeAxis('lax.sliceInDim', axis, t.ndim);
  const n = t.shape[d]!;
  const position = (i: number): number => (i < 0 ? i + n : i);
  return sliceAxis(t, d, position(start ?? 0), position(limit ?? n), stride);
}

/** `x[index]` along one axis. */
export function indexInDim(x: TensorLike, index: number, axis = 0, keepdims = true): Tensor {
  const t = asTensor(x);
  const d = normalizeAxis('lax.indexInDim', axis, t.ndim);
  const n = t.shape[d]!;
  if (index < -n || index >= n) throw new ShapeError(`lax.indexInDim: expected an index between ${-n} and ${n - 1}, got ${index}.`);
  const start = index < 0 ? index + n : index;
  const taken = sliceAxis(t, d, start, start + 1);
  return keepdims ? taken : squeeze(taken, [d]);
}

/** Pads with a value: one `[low, high, interior]` an axis; negative edges cut elements off. */
export function pad(x: TensorLike, value: TensorLike, config: readonly (readonly [number, number, number] | readonly number[])[]): Tensor {
  const t = asTensor(x);
  const column = (k: number): number[] => config.map((c) => c[k]!);
  return padOf(t, scalarLike(t, value), { low: column(0), high: column(1), interior: column(2) });
}

/** The operands one after the other along an axis. */
export function concatenate(operands: readonly TensorLike[], dimension: number): Tensor {
  const tensors = adapt(...operands);
  return concatenateOf(tensors, normalizeAxis('lax.concatenate', dimension, tensors[0]?.ndim ?? 0));
}

/** Inserts axes of size 1, at these positions of the result. */
export function expandDims(x: TensorLike, dimensions: readonly number[]): Tensor {
  const t = asTensor(x);
  const rank = t.ndim + dimensions.length;
  const added = axesOf('lax.expandDims', dimensions, rank);
  let next = 0;
  return reshapeOf(
    t,
    Array.from({ length: rank }, (_, d) => (added.includes(d) ? 1 : t.shape[next++]!)),
  );
}

/** Drops axes of size 1. */
export function squeeze(x: TensorLike, dimensions: readonly number[]): Tensor {
  const t = asTensor(x);
  const dropped = axesOf('lax.squeeze', dimensions, t.ndim);
  const bad = dropped.find((d) => t.shape[d] !== 1);
  if (bad !== undefined) throw new ShapeError(`lax.squeeze: expected axes of size 1, got axis ${bad} of ${t.aval.toString()}.`);
  return reshapeOf(
    t,
    t.shape.filter((_, d) => !dropped.includes(d)),
  );
}

/** Joins the axes from `start` up to (not including) `stop` into one. */
export function collapse(x: TensorLike, startDimension: number, stopDimension?: number): Tensor {
  const t = asTensor(x);
  const lo = normalizeAxis('lax.collapse', startDimension, t.ndim);
  const stop = stopDimension ?? t.ndim;
  const hi = stop < 0 ? stop + t.ndim : stop;
  return reshapeOf(t, [...t.shape.slice(0, lo), sizeOf(t.shape.slice(lo, hi)), ...t.shape.slice(hi)]);
}

/** One value everywhere. */
export function full(shape: Shape, fillValue: TensorLike, dtype?: DType): Tensor {
  const value = asTensor(fillValue);
  return broadcastTo(convert(value, dtype ?? (value.aval.weakType ? defaultFloat() : value.dtype)), shape);
}

/** One value everywhere, with the shape and dtype of `x`. */
export function fullLike(x: TensorLike, fillValue: TensorLike, dtype?: DType, shape?: Shape): Tensor {
  const t = asTensor(x);
  return broadcastTo(convert(asTensor(fillValue), dtype ?? t.dtype), shape ?? t.shape);
}

/** 0, 1, …, size − 1. */
export const iota = (dtype: DType, size: number): Tensor => iotaOf([size], dtype, 0);

/** Counts along one axis of a shape. */
export const broadcastedIota = (dtype: DType, shape: Shape, dimension: number): Tensor =>
  iotaOf(shape, dtype, normalizeAxis('lax.broadcastedIota', dimension, shape.length));

/** The shape that several shapes broadcast to. */
export const broadcastShapes = (...shapes: Shape[]): number[] => broadcastTogether('lax.broadcastShapes', ...shapes);

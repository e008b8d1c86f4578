/**
 * Functions of `lax` that arrange elements: broadcast, reshape, transpose, slice, pad, concatenate; and constants.
 * May import: `ir`, `core`, `primitives`, `api/lift`.
 * @module
 */
import { ShapeError } from '../../ir/errors.ts';
import { broadcastShapes as broadcastTogether, normalizeAxis, type Shape, sizeOf } from '../../ir/shape.ts';
import { defaultFloat } from '../../core/config.ts';
import type { Tensor } from '../../core/tensor.ts';
import { convert } from '../../primitives/convert.ts';
import { iota as iotaOf } from '../../primitives/iota.ts';
import { concatenate as concatenateOf, reverse, split as splitOf } from '../../primitives/movement.ts';
import { pad as padOf, slice as sliceOf, sliceAxis } from '../../primitives/slice.ts';
import {
  broadcastInDim as broadcastInDimOf,
  broadcastTo,
  reshape as reshapeOf,
  transpose as transposeOf,
} from '../../primitives/structural.ts';
import { asTensor, resolveShape, type TensorLike } from '../lift.ts';
import { type DTypeLike, optionalDType, toDType } from '../numpy/dtypes.ts';
import { readArgument, readOptions } from '../named.ts';
import { adapt, axesOf, scalarLike } from './operands.ts';

/** Axes, by position or as `{ dimensions }`. */
type Dimensions = readonly number[] | { readonly dimensions: readonly number[] };

/** Puts new axes of the given sizes in front. */
export function broadcast(x: TensorLike, sizes: Shape | { readonly sizes: Shape }): Tensor {
  const t = asTensor(x);
  return broadcastTo(t, [...readArgument<Shape>('lax.broadcast', 'sizes', sizes), ...t.shape]);
}

/** Spreads `x` over `shape`: axis i of x becomes axis `broadcastDimensions[i]`; axes of size 1 stretch. */
export function broadcastInDim(
  x: TensorLike,
  shape: Shape | BroadcastOptions,
  broadcastDimensions?: readonly number[] | BroadcastOptions,
): Tensor {
  const o = readOptions<BroadcastOptions>(
    'lax.broadcastInDim',
    ['shape', 'broadcastDimensions'],
    [shape, broadcastDimensions],
  );
  return broadcastInDimOf(asTensor(x), o.shape ?? [], o.broadcastDimensions ?? []);
}

interface BroadcastOptions {
  readonly shape?: Shape;
  readonly broadcastDimensions?: readonly number[];
}

/** The elements in row-major order under another shape; with `dimensions` the axes are permuted first. */
export function reshape(
  x: TensorLike,
  newSizes: Shape | ReshapeOptions,
  dimensions?: readonly number[] | ReshapeOptions | null,
): Tensor {
  const t = asTensor(x);
  const o = readOptions<ReshapeOptions>('lax.reshape', ['newSizes', 'dimensions'], [newSizes, dimensions]);
  const permuted = o.dimensions ? transposeOf(t, o.dimensions) : t;
  return reshapeOf(permuted, resolveShape('lax.reshape', o.newSizes ?? [], t.size));
}

interface ReshapeOptions {
  readonly newSizes?: Shape;
  readonly dimensions?: readonly number[] | null;
}

/** Axis i of the result is axis `permutation[i]` of x. */
export const transpose = (
  x: TensorLike,
  permutation: readonly number[] | { readonly permutation: readonly number[] },
): Tensor => transposeOf(asTensor(x), readArgument<readonly number[]>('lax.transpose', 'permutation', permutation));

/** Reverses the order along axes. */
export function rev(x: TensorLike, dimensions: Dimensions): Tensor {
  const t = asTensor(x);
  return reverse(t, axesOf('lax.rev', readArgument<readonly number[]>('lax.rev', 'dimensions', dimensions), t.ndim));
}

interface SliceOptions {
  readonly startIndices?: Shape;
  readonly limitIndices?: Shape;
  readonly strides?: Shape | null;
}

/** `x[start:limit:strides]` with one entry an axis. */
export function slice(
  x: TensorLike,
  startIndices: Shape | SliceOptions,
  limitIndices?: Shape | SliceOptions,
  strides?: Shape | SliceOptions | null,
): Tensor {
  const t = asTensor(x);
  const names = ['startIndices', 'limitIndices', 'strides'] as const;
  const o = readOptions<SliceOptions>('lax.slice', names, [startIndices, limitIndices, strides]);
  const start = o.startIndices ?? t.shape.map(() => 0);
  return sliceOf(t, { start, limit: o.limitIndices ?? t.shape, strides: o.strides ?? start.map(() => 1) });
}

interface SliceInDimOptions {
  readonly stride?: number;
  readonly axis?: number;
}

/** `x[start:limit:stride]` along one axis; negative positions count from the end, `null` means the end itself. */
export function sliceInDim(
  x: TensorLike,
  start: number | null,
  limit: number | null,
  stride?: number | SliceInDimOptions,
  axis?: number | SliceInDimOptions,
): Tensor {
  const t = asTensor(x);
  const o = readOptions<SliceInDimOptions>('lax.sliceInDim', ['stride', 'axis'], [stride, axis]);
  const d = normalizeAxis('lax.sliceInDim', o.axis ?? 0, t.ndim);
  const n = t.shape[d]!;
  const position = (i: number): number => (i < 0 ? i + n : i);
  return sliceAxis(t, d, position(start ?? 0), position(limit ?? n), o.stride ?? 1);
}

interface IndexInDimOptions {
  readonly axis?: number;
  readonly keepdims?: boolean;
}

/** `x[index]` along one axis, which stays with size 1 unless `keepdims` is false. */
export function indexInDim(
  x: TensorLike,
  index: number,
  axis?: number | IndexInDimOptions,
  keepdims?: boolean | IndexInDimOptions,
): Tensor {
  const t = asTensor(x);
  const o = readOptions<IndexInDimOptions>('lax.indexInDim', ['axis', 'keepdims'], [axis, keepdims]);
  const d = normalizeAxis('lax.indexInDim', o.axis ?? 0, t.ndim);
  const n = t.shape[d]!;
  if (index < -n || index >= n)
    throw new ShapeError(`lax.indexInDim: expected an index between ${-n} and ${n - 1}, got ${index}.`);
  const start = index < 0 ? index + n : index;
  const taken = sliceAxis(t, d, start, start + 1);
  return (o.keepdims ?? true) ? taken : squeeze(taken, [d]);
}

type PaddingConfig = readonly (readonly [number, number, number] | readonly number[])[];

/** Pads with a value: one `[low, high, interior]` an axis; negative edges cut elements off. */
export function pad(
  x: TensorLike,
  value: TensorLike,
  paddingConfig: PaddingConfig | { readonly paddingConfig: PaddingConfig },
): Tensor {
  const t = asTensor(x);
  const config = readArgument<PaddingConfig>('lax.pad', 'paddingConfig', paddingConfig);
  const column = (k: number): number[] => config.map((c) => c[k]!);
  return padOf(t, scalarLike(t, value), { low: column(0), high: column(1), interior: column(2) });
}

/** One axis, by position or as `{ dimension }`. */
type Dimension = number | { readonly dimension: number };

/** The operands one after the other along an axis. */
export function concatenate(operands: readonly TensorLike[], dimension: Dimension): Tensor {
  const tensors = adapt(...operands);
  const axis = readArgument<number>('lax.concatenate', 'dimension', dimension);
  return concatenateOf(tensors, normalizeAxis('lax.concatenate', axis, tensors[0]?.ndim ?? 0));
}

/** Inserts axes of size 1, at these positions of the result. */
export function expandDims(x: TensorLike, dimensions: Dimensions): Tensor {
  const t = asTensor(x);
  const axes = readArgument<readonly number[]>('lax.expandDims', 'dimensions', dimensions);
  const rank = t.ndim + axes.length;
  const added = axesOf('lax.expandDims', axes, rank);
  let next = 0;
  return reshapeOf(
    t,
    Array.from({ length: rank }, (_, d) => (added.includes(d) ? 1 : t.shape[next++]!)),
  );
}

/** Drops axes of size 1. */
export function squeeze(x: TensorLike, dimensions: Dimensions): Tensor {
  const t = asTensor(x);
  const dropped = axesOf(
    'lax.squeeze',
    readArgument<readonly number[]>('lax.squeeze', 'dimensions', dimensions),
    t.ndim,
  );
  const bad = dropped.find((d) => t.shape[d] !== 1);
  if (bad !== undefined)
    throw new ShapeError(`lax.squeeze: expected axes of size 1, got axis ${bad} of ${t.aval.toString()}.`);
  return reshapeOf(
    t,
    t.shape.filter((_, d) => !dropped.includes(d)),
  );
}

/** Joins the axes from `start` up to (not including) `stop` into one. */
export function collapse(
  x: TensorLike,
  startDimension: number,
  stopDimension?: number | { readonly stopDimension?: number },
): Tensor {
  const t = asTensor(x);
  const named = readOptions<{ readonly stopDimension: number }>('lax.collapse', ['stopDimension'], [stopDimension]);
  const lo = normalizeAxis('lax.collapse', startDimension, t.ndim);
  const stop = named.stopDimension ?? t.ndim;
  const hi = stop < 0 ? stop + t.ndim : stop;
  return reshapeOf(t, [...t.shape.slice(0, lo), sizeOf(t.shape.slice(lo, hi)), ...t.shape.slice(hi)]);
}

/** One value everywhere. */
export function full(shape: Shape, fillValue: TensorLike, dtype?: DTypeLike | { readonly dtype?: DTypeLike }): Tensor {
  const value = asTensor(fillValue);
  const type = optionalDType(
    'lax.full',
    readOptions<{ readonly dtype?: DTypeLike }>('lax.full', ['dtype'], [dtype]).dtype,
  );
  return broadcastTo(convert(value, type ?? (value.aval.weakType ? defaultFloat() : value.dtype)), shape);
}

interface FullOptions {
  readonly dtype?: DTypeLike;
  readonly shape?: Shape;
}

/** One value everywhere, with the shape and dtype of `x`. */
export function fullLike(
  x: TensorLike,
  fillValue: TensorLike,
  dtype?: DTypeLike | FullOptions | null,
  shape?: Shape | FullOptions,
): Tensor {
  const t = asTensor(x);
  const o = readOptions<FullOptions>('lax.fullLike', ['dtype', 'shape'], [dtype, shape]);
  return broadcastTo(
    convert(asTensor(fillValue), optionalDType('lax.fullLike', o.dtype) ?? t.dtype),
    o.shape ?? t.shape,
  );
}

/** 0, 1, …, size − 1. */
export const iota = (dtype: DTypeLike, size: number): Tensor => iotaOf([size], toDType('lax.iota', dtype), 0);

/** Counts along one axis of a shape. */
export const broadcastedIota = (dtype: DTypeLike, shape: Shape, dimension: Dimension): Tensor =>
  iotaOf(
    shape,
    toDType('lax.broadcastedIota', dtype),
    normalizeAxis(
      'lax.broadcastedIota',
      readArgument<number>('lax.broadcastedIota', 'dimension', dimension),
      shape.length,
    ),
  );

/** The shape that several shapes broadcast to. */
export const broadcastShapes = (...shapes: Shape[]): number[] => broadcastTogether('lax.broadcastShapes', ...shapes);

interface SplitOptions {
  readonly sizes?: readonly number[];
  readonly axis?: number;
}

/** Consecutive pieces of the given sizes along an axis. */
export function split(x: TensorLike, sizes: readonly number[] | SplitOptions, axis?: number | SplitOptions): Tensor[] {
  const t = asTensor(x);
  const o = readOptions<SplitOptions>('lax.split', ['sizes', 'axis'], [sizes, axis]);
  const d = normalizeAxis('lax.split', o.axis ?? 0, t.ndim);
  const parts = o.sizes ?? [];
  if (parts.reduce((a, b) => a + b, 0) !== t.shape[d]) {
    throw new ShapeError(
      `lax.split: expected sizes that add up to ${t.shape[d]!}, got [${parts.join(',')}] for ${t.aval.toString()}.`,
    );
  }
  return splitOf(t, d, parts);
}

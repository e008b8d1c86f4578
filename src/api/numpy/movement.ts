/**
 * Shapes and the order of axes: no element changes, none is copied or left out.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { broadcastShapes as broadcastOf, normalizeAxes, normalizeAxis, type Shape } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { asTensor, resolveShape, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import { checkChoice, optionsOf } from '../options.ts';
import { type ShapeLike, toShape } from '../sizes.ts';

/** Axis numbers `0 … n−1`. */
export const range = (n: number, start = 0): number[] => Array.from({ length: n }, (_, i) => start + i);

const asList = (axis: number | readonly number[]): readonly number[] => (Array.isArray(axis) ? axis : [axis as number]);

/**
 * The same elements in row-major order under another shape; one dimension may be −1.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.reshape([1, 2, 3, 4], [2, -1]).toArray()); // => [ [ 1, 2 ], [ 3, 4 ] ]
 * ```
 */
export function reshape(x: TensorLike, shape: ShapeLike, options?: OrderOptions | 'C' | 'F'): Tensor {
  const t = asTensor(x);
  const list: unknown = typeof shape === 'number' ? [shape] : shape;
  if (!Array.isArray(list)) {
    throw new ShapeError(`reshape: expected a shape, got ${String(shape)}.`, 'give a number or an array of them.');
  }
  const target = resolveShape('reshape', list as Shape, t.size);
  if (!isColumnMajor('reshape', options)) return prim.reshape(t, target);
  const backward = prim.reshape(transpose(t), target.toReversed());
  return transpose(backward);
}

export interface OrderOptions {
  /** `'C'` counts the last axis fastest, `'F'` the first. */
  readonly order?: 'C' | 'F' | undefined;
}

function isColumnMajor(op: string, options: OrderOptions | 'C' | 'F' | undefined): boolean {
  // `list.map(np.ravel)` passes a position here.
  if (typeof options === 'number') return false;
  const { order = 'C' } = readOptions<OrderOptions>(op, ['order'], [options]);
  checkChoice(op, 'order', order, ['C', 'F']);
  return order === 'F';
}

/** The elements in one axis, in row-major order unless told otherwise. */
export function ravel(x: TensorLike, options?: OrderOptions | 'C' | 'F'): Tensor {
  const t = asTensor(x);
  return prim.reshape(isColumnMajor('ravel', options) ? transpose(t) : t, [t.size]);
}

/**
 * Axes reversed, or in the order given.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.transpose(np.zeros([2, 3, 4]), [2, 0, 1]).shape); // => [ 4, 2, 3 ]
 * ```
 */
export function transpose(
  x: TensorLike,
  axes?: readonly number[] | { readonly axes?: readonly number[] | null } | null,
): Tensor {
  const t = asTensor(x);
  const { axes: order } = optionsOf<{ axes?: readonly number[] | null }>(
    'transpose',
    'axes',
    axes ?? undefined,
    undefined,
    ['axes'],
  );
  if (order === undefined || order === null) return prim.transpose(t, range(t.ndim).toReversed());
  return prim.transpose(
    t,
    order.map((a) => normalizeAxis('transpose', a, t.ndim)),
  );
}
export { transpose as permuteDims };

/** The last two axes exchanged. */
export function matrixTranspose(x: TensorLike): Tensor {
  const t = asTensor(x);
  if (t.ndim < 2) throw new ShapeError(`matrixTranspose: expected at least two axes, got ${t.aval.toString()}.`);
  return swapaxes(t, -1, -2);
}

/** Two axes exchanged. */
export function swapaxes(x: TensorLike, axis1: number, axis2: number): Tensor {
  const t = asTensor(x);
  const [a, b] = [normalizeAxis('swapaxes', axis1, t.ndim), normalizeAxis('swapaxes', axis2, t.ndim)];
  return prim.transpose(
    t,
    range(t.ndim).map((d) => (d === a ? b : d === b ? a : d)),
  );
}

/** Axes moved to other positions; the rest keep their order. */
export function moveaxis(
  x: TensorLike,
  source: number | readonly number[],
  destination: number | readonly number[],
): Tensor {
  const t = asTensor(x);
  const from = asList(source).map((a) => normalizeAxis('moveaxis', a, t.ndim));
  const to = asList(destination).map((a) => normalizeAxis('moveaxis', a, t.ndim));
  if (from.length !== to.length || new Set(from).size !== from.length || new Set(to).size !== to.length) {
    throw new ArgumentError(
      `moveaxis: expected as many distinct sources as destinations, got [${from.join()}] and [${to.join()}].`,
    );
  }
  const rest = range(t.ndim).filter((d) => !from.includes(d));
  const order = range(t.ndim).map((d) => (to.includes(d) ? from[to.indexOf(d)]! : rest.shift()!));
  return prim.transpose(t, order);
}

/** The axis moved until it stands before position `start`. */
export function rollaxis(x: TensorLike, axis: number, start?: number | { readonly start?: number }): Tensor {
  const t = asTensor(x);
  const { start: at = 0 } = readOptions<{ readonly start: number }>('rollaxis', ['start'], [start]);
  const from = normalizeAxis('rollaxis', axis, t.ndim);
  const before = at < 0 ? at + t.ndim : at;
  return prim.moveAxis(t, from, from < before ? before - 1 : before);
}

/**
 * Axes of size 1 inserted, at positions of the result.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.expandDims([1, 2], 0).shape); // => [ 1, 2 ]
 * ```
 */
export function expandDims(
  x: TensorLike,
  axis: number | readonly number[] | { readonly axis: number | readonly number[] },
): Tensor {
  const t = asTensor(x);
  const { axis: at } = optionsOf<{ axis: number | readonly number[] }>('expandDims', 'axis', axis, undefined, ['axis']);
  const list = asList(at);
  const axes = normalizeAxes('expandDims', list, t.ndim + list.length);
  let next = 0;
  return prim.reshape(
    t,
    range(t.ndim + axes.length).map((d) => (axes.includes(d) ? 1 : t.shape[next++]!)),
  );
}

/** Axes of size 1 left out: all of them, or those named. */
export function squeeze(
  x: TensorLike,
  axis?: number | readonly number[] | null | { readonly axis?: number | readonly number[] | null },
): Tensor {
  const t = asTensor(x);
  const { axis: at } = optionsOf<{ axis?: number | readonly number[] | null }>(
    'squeeze',
    'axis',
    axis ?? undefined,
    undefined,
    ['axis'],
  );
  const isAll = at === undefined || at === null;
  const axes = isAll ? range(t.ndim).filter((d) => t.shape[d] === 1) : normalizeAxes('squeeze', at, t.ndim);
  const wrong = axes.find((d) => t.shape[d] !== 1);
  if (wrong !== undefined) {
    throw new ShapeError(
      `squeeze: expected axes of size 1, got axis ${wrong} of ${t.aval.toString()}.`,
      'select from the axis, or reduce it.',
    );
  }
  return prim.reshape(
    t,
    t.shape.filter((_, d) => !axes.includes(d)),
  );
}

/** Stretched to a shape by NumPy's broadcasting. */
export function broadcastTo(x: TensorLike, shape: ShapeLike): Tensor {
  const t = asTensor(x);
  const target = toShape('broadcastTo', shape);
  const fits = t.ndim <= target.length && broadcastOf('broadcastTo', t.shape, target).every((n, i) => n === target[i]);
  if (!fits) {
    throw new ShapeError(
      `broadcastTo: expected ${t.aval.toString()} to stretch to [${target.join(',')}], which it does not.`,
      'dimensions must be equal or 1, counted from the last.',
    );
  }
  return prim.broadcastTo(t, target);
}

/** Shape of the results of operations on arrays of these shapes. */
export const broadcastShapes = (...shapes: ShapeLike[]): Shape =>
  broadcastOf('broadcastShapes', ...shapes.map((s) => toShape('broadcastShapes', s)));

/** All arrays stretched to their common shape. */
export function broadcastArrays(...xs: TensorLike[]): Tensor[] {
  const tensors = xs.map(asTensor);
  const shape = broadcastOf('broadcastArrays', ...tensors.map((t) => t.shape));
  return tensors.map((t) => prim.broadcastTo(t, shape));
}

/** With at least one axis. */
export function atleast1d(x: TensorLike): Tensor {
  const t = asTensor(x);
  return t.ndim >= 1 ? t : prim.reshape(t, [1]);
}

/** With at least two axes: a vector becomes a row. */
export function atleast2d(x: TensorLike): Tensor {
  const t = atleast1d(x);
  return t.ndim >= 2 ? t : prim.reshape(t, [1, t.size]);
}

/** With at least three axes: a vector of n becomes [1, n, 1], a matrix [m, n, 1]. */
export function atleast3d(x: TensorLike): Tensor {
  const t = atleast1d(x);
  if (t.ndim >= 3) return t;
  return prim.reshape(t, t.ndim === 1 ? [1, t.size, 1] : [...t.shape, 1]);
}

/** Number of axes. */
export const ndim = (x: TensorLike): number => asTensor(x).ndim;
/** The shape. */
export const shape = (x: TensorLike): Shape => asTensor(x).shape;
/** Number of elements, or the length of an axis. */
export function size(x: TensorLike, axis?: number | null | { readonly axis?: number | null }): number {
  const t = asTensor(x);
  const { axis: d } = readOptions<{ readonly axis: number }>('size', ['axis'], [axis]);
  return d === undefined ? t.size : t.shape[normalizeAxis('size', d, t.ndim)]!;
}

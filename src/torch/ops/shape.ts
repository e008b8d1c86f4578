/**
 * Shapes: views of the same elements.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ShapeError } from '../../ir/errors.ts';
import { normalizeAxes, normalizeAxis, type Shape, sizeOf } from '../../ir/shape.ts';
import * as prim from '../../primitives/index.ts';
import { resolveShape } from '../../api/lift.ts';
import * as np from '../../api/numpy/index.ts';
import { OperationFamily } from '../../tape/operation.ts';
import type { Tensor } from '../tensor.ts';
import { makeView, markOverlapping } from '../views.ts';
import { axisOf, inOrder, type OneDim, type Sizes, sizesOf } from './axes.ts';
import { type TensorLike, toTensor, viewing } from './define.ts';
import { type Named, named } from './named.ts';

const reshaped = viewing<readonly number[]>('view', (x, shape) => prim.reshape(x, shape));

/** The same elements under another shape; one size may be −1. A view. */
export function view(x: TensorLike, ...sizes: Sizes): Tensor {
  const t = toTensor(x);
  return reshaped(t, resolveShape('view', sizesOf(sizes), t.numel()));
}
export const reshape: typeof view = view;
export const viewAs = (x: TensorLike, other: Tensor): Tensor => view(x, other.shape);
export const reshapeAs: typeof viewAs = viewAs;
export const ravel = (x: TensorLike): Tensor => view(x, -1);

export interface FlattenOptions {
  readonly startDim?: number | undefined;
  readonly endDim?: number | undefined;
}

/** Dimensions from `startDim` (0) to `endDim` (−1) as one. */
export const flatten: Named<FlattenOptions, ['startDim', 'endDim']> = named(
  'flatten',
  ['startDim', 'endDim'],
  (x, { startDim = 0, endDim = -1 }: FlattenOptions) => {
    const t = toTensor(x);
    const [start, end] = [axisOf('flatten', startDim, t.ndim), axisOf('flatten', endDim, t.ndim)];
    if (start > end) {
      throw new ShapeError(`flatten: expected startDim not after endDim, got ${startDim} and ${endDim}.`);
    }
    const { shape } = t;
    const merged = sizeOf(shape.slice(start, end + 1));
    return view(t, [...shape.slice(0, start), merged, ...shape.slice(end + 1)]);
  },
);

export interface UnflattenOptions {
  readonly dim: number;
  readonly sizes: readonly number[];
}

/** One dimension as several. */
export const unflatten: Named<UnflattenOptions, ['dim', 'sizes']> = named(
  'unflatten',
  ['dim', 'sizes'],
  (x, { dim, sizes }: UnflattenOptions) => {
    const t = toTensor(x);
    const at = normalizeAxis('unflatten', dim, t.ndim);
    const parts = resolveShape('unflatten', sizes, t.shape[at]!);
    return view(t, [...t.shape.slice(0, at), ...parts, ...t.shape.slice(at + 1)]);
  },
);

const permuted = viewing<readonly number[]>('permute', (x, dims) => prim.transpose(x, dims));

/** Dimensions in another order. */
export function permute(x: TensorLike, ...dims: Sizes): Tensor {
  const t = toTensor(x);
  const order = inOrder('permute', sizesOf(dims), t.ndim);
  if (new Set(order).size !== t.ndim || order.length !== t.ndim) {
    throw new ShapeError(
      `permute: expected each of ${t.ndim} dimensions once, got [${sizesOf(dims).join(', ')}].`,
      'name every dimension.',
    );
  }
  return permuted(t, order);
}

const swapped = viewing<readonly [number, number]>('transpose', (x, [a, b]) => np.swapaxes(x, a, b));

export interface TransposeOptions {
  readonly dim0: number;
  readonly dim1: number;
}

/** Two dimensions exchanged. */
export const transpose: Named<TransposeOptions, ['dim0', 'dim1']> = named(
  'transpose',
  ['dim0', 'dim1'],
  (x, { dim0, dim1 }: TransposeOptions) => {
    const t = toTensor(x);
    const [a, b] = [axisOf('transpose', dim0, t.ndim), axisOf('transpose', dim1, t.ndim)];
    return t.ndim === 0 ? permuted(t, []) : swapped(t, [a, b]);
  },
);
export const swapaxes: typeof transpose = transpose;
export const swapdims: typeof transpose = transpose;

const turned = viewing<null>('t', (x) => np.swapaxes(x, 0, 1));

/** The transpose of a matrix; fewer dimensions stay as they are. */
export function t(x: TensorLike): Tensor {
  const matrix = toTensor(x);
  if (matrix.ndim < 2) return matrix;
  if (matrix.ndim === 2) return turned(matrix, null);
  throw new ShapeError(
    `t: expected at most 2 dimensions, got ${matrix.aval.toString()}: t() expects a tensor with <= 2 dimensions.`,
    'use transpose(-2, -1), or permute.',
  );
}

const moved = viewing<readonly [readonly number[], readonly number[]]>('movedim', (x, [from, to]) =>
  np.moveaxis(x, from, to),
);

export interface MovedimOptions {
  readonly source: number | readonly number[];
  readonly destination: number | readonly number[];
}

/** Dimensions moved to other places. */
export const movedim: Named<MovedimOptions, ['source', 'destination']> = named(
  'movedim',
  ['source', 'destination'],
  (x, { source, destination }: MovedimOptions) => {
    const tensor = toTensor(x);
    return moved(tensor, [inOrder('movedim', source, tensor.ndim), inOrder('movedim', destination, tensor.ndim)]);
  },
);
export const moveaxis: typeof movedim = movedim;

const expansion = new OperationFamily<readonly [from: Shape, to: Shape]>('expand', ([x], [, to]) => [
  prim.broadcastTo(x!, to),
]);

/** Dimensions of size 1 stretched, and new ones in front; −1 keeps a size. */
export function expand(x: TensorLike, ...sizes: Sizes): Tensor {
  const tensor = toTensor(x);
  const wanted = sizesOf(sizes);
  const added = wanted.length - tensor.ndim;
  const shape = wanted.map((n, i) => (n === -1 ? (tensor.shape[i - added] ?? -1) : n));
  const fits = added >= 0 && tensor.shape.every((n, i) => n === 1 || n === shape[i + added]);
  if (!fits || shape.includes(-1)) {
    throw new ShapeError(
      `expand: expected sizes that ${tensor.aval.toString()} stretches to, got [${wanted.join(', ')}].`,
      'only dimensions of size 1 stretch; give -1 for those that stay.',
    );
  }
  const operation = expansion.of([tensor.shape, shape]);
  if (tensor.numel() < sizeOf(shape)) markOverlapping(operation);
  return makeView(operation, tensor, 'ExpandBackward0');
}
export const expandAs = (x: TensorLike, other: Tensor): Tensor => expand(x, other.shape);
export const broadcastTo = (x: TensorLike, shape: Shape): Tensor => expand(x, shape);

const squeezed = viewing<readonly number[]>('squeeze', (x, shape) => prim.reshape(x, shape));

export interface SqueezeOptions {
  readonly dim?: number | readonly number[] | null | undefined;
}

/** Without dimensions of size 1: all of them, or those named that have it. */
export const squeeze: Named<SqueezeOptions, ['dim']> = named('squeeze', ['dim'], (x, { dim }: SqueezeOptions) => {
  const tensor = toTensor(x);
  const chosen = dim === undefined || dim === null ? null : normalizeAxes('squeeze', dim, Math.max(tensor.ndim, 1));
  return squeezed(
    tensor,
    tensor.shape.filter((n, i) => n !== 1 || (chosen !== null && !chosen.includes(i))),
  );
});

const unsqueezed = viewing<readonly number[]>('unsqueeze', (x, shape) => prim.reshape(x, shape));

/** With a dimension of size 1 at `dim`. */
export const unsqueeze: Named<OneDim, ['dim']> = named('unsqueeze', ['dim'], (x, { dim }: OneDim) => {
  const tensor = toTensor(x);
  const at = normalizeAxis('unsqueeze', dim, tensor.ndim + 1);
  return unsqueezed(tensor, [...tensor.shape.slice(0, at), 1, ...tensor.shape.slice(at)]);
});

/**
 * Functions that gather elements by index tensors, and scatter them.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ShapeError } from '../../ir/errors.ts';
import { normalizeAxis } from '../../ir/shape.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { updateIndexed, type UpdateKind } from '../../api/at.ts';
import { getIndexed } from '../../api/indexing.ts';
import * as np from '../../api/numpy/index.ts';
import type { Tensor } from '../tensor.ts';
import { pair, scalarBeside, type TensorLike, toTensor, withParams } from './define.ts';
import { beside, checkedIndices } from './index-operands.ts';
import { where } from './arithmetic.ts';
import { expand, ravel, view } from './shape.ts';

/** For each element of `index`, its place in every dimension: its own position, but for `axis`, where `index` says it. */
function places(index: CoreTensor, axis: number): CoreTensor[] {
  return index.shape.map((_, k) => (k === axis ? index : prim.iota(index.shape, 'int32', k)));
}

const indicesAt = (op: string, x: Tensor, index: TensorLike, axis: number): CoreTensor =>
  checkedIndices(x, toTensor(index).value, axis, op);

/** 1 dimension at least: a tensor without any is one with a single element. */
const withAxis = (x: Tensor): Tensor => (x.ndim === 0 ? view(x, 1) : x);

const gatherAlong = withParams<number>('gather', ([x, index], axis) => getIndexed('gather', x!, places(index!, axis)));

/** y[i, j] = x[index[i, j], j], for dimension 0; likewise for others. */
export function gather(x: TensorLike, dim: number, index: TensorLike): Tensor {
  const tensor = withAxis(toTensor(x));
  const axis = normalizeAxis('gather', dim, tensor.ndim);
  const at = indicesAt('gather', tensor, index, axis);
  checkDimensions('gather', tensor, at);
  return gatherAlong([tensor, at], axis);
}

function checkDimensions(op: string, x: Tensor, index: CoreTensor): void {
  if (index.ndim === x.ndim) return;
  throw new ShapeError(
    `${op}: expected as many dimensions in the index, got ${index.aval.toString()} for ${x.aval.toString()}: Index tensor must have the same ` +
      'number of dimensions as input tensor.',
  );
}

interface Scattering {
  readonly axis: number;
  readonly kind: UpdateKind;
}

const scatterAlong = withParams<Scattering>('scatter', ([x, index, src], { axis, kind }) =>
  updateIndexed('scatter', x!, places(index!, axis), kind, part(src!, index!)),
);

/** The leading part of `src` that the index covers. */
const part = (src: CoreTensor, index: CoreTensor): CoreTensor =>
  src.ndim === 0
    ? prim.broadcastTo(src, index.shape)
    : getIndexed(
        'scatter',
        src,
        index.shape.map((n) => ({ stop: n })),
      );

function scattered(
  op: string,
  x: TensorLike,
  dim: number,
  index: TensorLike,
  src: TensorLike,
  kind: UpdateKind,
): Tensor {
  const tensor = toTensor(x);
  const axis = normalizeAxis(op, dim, tensor.ndim);
  const at = indicesAt(op, tensor, index, axis);
  checkDimensions(op, tensor, at);
  return scatterAlong([tensor, at, beside(tensor, src)], { axis, kind });
}

const kinds: { readonly [name: string]: UpdateKind } = { add: 'add', multiply: 'multiply' };

/** A copy with x[index[i, j], j] = src[i, j], for dimension 0; likewise for others. `src` may be a number. */
export const scatter = (
  x: TensorLike,
  dim: number,
  index: TensorLike,
  src: TensorLike,
  options: { readonly reduce?: 'add' | 'multiply' } = {},
): Tensor => scattered('scatter', x, dim, index, src, kinds[options.reduce ?? ''] ?? 'set');

/** A copy with src[i, j] added at x[index[i, j], j]. */
export const scatterAdd = (x: TensorLike, dim: number, index: TensorLike, src: TensorLike): Tensor =>
  scattered('scatterAdd', x, dim, index, src, 'add');

const whole = { start: null } as const;
const axisIndex = (axis: number, index: CoreTensor): (CoreTensor | typeof whole)[] => [
  ...Array.from({ length: axis }, () => whole),
  index,
];

const selectAlong = withParams<number>('indexSelect', ([x, index], axis) =>
  getIndexed('indexSelect', x!, axisIndex(axis, index!)),
);

/** The positions `index` of a dimension. */
export function indexSelect(x: TensorLike, dim: number, index: TensorLike): Tensor {
  const tensor = withAxis(toTensor(x));
  const axis = normalizeAxis('indexSelect', dim, tensor.ndim);
  return selectAlong([tensor, ravel(indicesAt('indexSelect', tensor, index, axis))], axis);
}

const updateAlong = withParams<Scattering & { readonly alpha: number }>(
  'indexAdd',
  ([x, index, src], { axis, kind, alpha }) =>
    updateIndexed(
      'indexAdd',
      x!,
      axisIndex(axis, index!),
      kind,
      alpha === 1 ? src! : np.multiply(src!, prim.like(src!, alpha)),
    ),
);

function updated(
  op: string,
  x: TensorLike,
  dim: number,
  index: TensorLike,
  src: CoreTensor,
  kind: UpdateKind,
  alpha = 1,
): Tensor {
  const tensor = toTensor(x);
  const axis = normalizeAxis(op, dim, tensor.ndim);
  return updateAlong([tensor, indicesAt(op, tensor, index, axis), src], { axis, kind, alpha });
}

/** A copy with the positions of `source` added at the positions `index` of a dimension. */
export const indexAdd = (
  x: TensorLike,
  dim: number,
  index: TensorLike,
  source: TensorLike,
  options: { readonly alpha?: number } = {},
): Tensor => updated('indexAdd', x, dim, index, beside(toTensor(x), source), 'add', options.alpha);
export const indexCopy = (x: TensorLike, dim: number, index: TensorLike, source: TensorLike): Tensor =>
  updated('indexCopy', x, dim, index, beside(toTensor(x), source), 'set');
export const indexFill = (x: TensorLike, dim: number, index: TensorLike, value: TensorLike): Tensor =>
  updated('indexFill', x, dim, index, beside(toTensor(x), value), 'set');

/** A copy with `value` where the mask holds. */
export function maskedFill(x: TensorLike, mask: TensorLike, value: TensorLike): Tensor {
  const tensor = toTensor(x);
  return where(mask, beside(tensor, value), tensor);
}

/** The elements where the mask holds, as a vector. */
export function maskedSelect(x: TensorLike, mask: TensorLike): Tensor {
  const shape = np.broadcastShapes(toTensor(x).shape, toTensor(mask).shape);
  const at = np.flatnonzero(np.broadcastTo(toTensor(mask).value, shape));
  return selectAlong([ravel(expand(x, shape)), at], 0);
}

/** Elements by their positions in row-major order. */
export function take(x: TensorLike, index: TensorLike): Tensor {
  const flat = ravel(x);
  const at = indicesAt('take', flat, index, 0);
  return selectAlong([flat, at], 0);
}

const alongOf = withParams<number>('takeAlongDim', ([x, index], axis) => np.takeAlongAxis(x!, index!, axis));

/** `gather` with dimensions that broadcast; without a dimension, of all elements in order. */
export function takeAlongDim(x: TensorLike, indices: TensorLike, dim?: number | null): Tensor {
  if (dim === undefined || dim === null) return take(x, ravel(indices));
  const tensor = toTensor(x);
  const axis = normalizeAxis('takeAlongDim', dim, tensor.ndim);
  return alongOf([tensor, indicesAt('takeAlongDim', tensor, indices, axis)], axis);
}

/** Positions of the elements that are not 0, one row each. */
export const nonzero = (x: TensorLike): Tensor => toTensor(np.argwhere(toTensor(x).value));
export const argwhere: typeof nonzero = nonzero;

interface Side {
  readonly right: boolean;
}

const searched = withParams<Side>('searchsorted', ([edges, x], { right }) =>
  np.searchsorted(edges!, x!, { side: right ? 'right' : 'left' }),
);

/** Where `values` would go in the sorted vector. */
export function searchsorted(
  sorted: TensorLike,
  values: TensorLike,
  options: { readonly right?: boolean } = {},
): Tensor {
  return searched(pair(sorted, values), { right: options.right === true });
}

/** Number of boundaries below each element. */
export function bucketize(x: TensorLike, boundaries: TensorLike, options: { readonly right?: boolean } = {}): Tensor {
  const edges = toTensor(boundaries);
  const values = typeof x === 'number' ? scalarBeside(x, edges.dtype) : x;
  return searchsorted(edges, values, options);
}

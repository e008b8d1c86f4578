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
import { checkChoice } from '../../api/options.ts';
import type { Tensor } from '../tensor.ts';
import { pair, scalarBeside, type TensorLike, toTensor, withParams } from './define.ts';
import { asIndices, beside, checkedIndices } from './index-operands.ts';
import { where } from './arithmetic.ts';
import { type Named, named } from './named.ts';
import { expand, ravel, view } from './shape.ts';

/** For each element of `index`, its place in every dimension: its own position, but for `axis`, where `index` says it. */
function places(index: CoreTensor, axis: number): CoreTensor[] {
  return index.shape.map((_, k) => (k === axis ? index : prim.iota(index.shape, 'int32', k)));
}

const indicesAt = (op: string, x: Tensor, index: TensorLike, axis: number): CoreTensor =>
  checkedIndices(x, asIndices(index, toTensor(index).value), axis, op);

/** 1 dimension at least: a tensor without any is one with a single element. */
const withAxis = (x: Tensor): Tensor => (x.ndim === 0 ? view(x, 1) : x);

const gatherAlong = withParams<number>('gather', ([x, index], axis) => getIndexed('gather', x!, places(index!, axis)));

export interface DimAndIndex {
  readonly dim: number;
  /** Positions along the dimension. */
  readonly index: TensorLike;
}

/** y[i, j] = x[index[i, j], j], for dimension 0; likewise for others. */
export const gather: Named<DimAndIndex, ['dim', 'index']> = named(
  'gather',
  ['dim', 'index'],
  (x, { dim, index }: DimAndIndex) => {
    const tensor = withAxis(toTensor(x));
    const axis = normalizeAxis('gather', dim, tensor.ndim);
    const at = indicesAt('gather', tensor, index, axis);
    checkDimensions('gather', tensor, at);
    return gatherAlong([tensor, at], axis);
  },
);

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

export interface ScatterAddOptions extends DimAndIndex {
  /** What goes there; a number stands for all of it. */
  readonly src: TensorLike;
}

export interface ScatterOptions extends ScatterAddOptions {
  /** Add to what is there, or multiply it. */
  readonly reduce?: 'add' | 'multiply' | undefined;
}

const scatterNames = ['dim', 'index', 'src', 'reduce'] as const;

/** A copy with x[index[i, j], j] = src[i, j], for dimension 0; likewise for others. `src` may be a number. */
export const scatter: Named<ScatterOptions, typeof scatterNames> = named(
  'scatter',
  scatterNames,
  (x, { dim, index, src, reduce }: ScatterOptions) => {
    if (reduce !== undefined) checkChoice('scatter', 'reduce', reduce, ['add', 'multiply']);
    return scattered('scatter', x, dim, index, src, reduce ?? 'set');
  },
);

/** A copy with src[i, j] added at x[index[i, j], j]. */
export const scatterAdd: Named<ScatterAddOptions, ['dim', 'index', 'src']> = named(
  'scatterAdd',
  ['dim', 'index', 'src'],
  (x, { dim, index, src }: ScatterAddOptions) => scattered('scatterAdd', x, dim, index, src, 'add'),
);

const whole = { start: null } as const;
const axisIndex = (axis: number, index: CoreTensor): (CoreTensor | typeof whole)[] => [
  ...Array.from({ length: axis }, () => whole),
  index,
];

const selectAlong = withParams<number>('indexSelect', ([x, index], axis) =>
  getIndexed('indexSelect', x!, axisIndex(axis, index!)),
);

/** The positions `index` of a dimension. */
export const indexSelect: Named<DimAndIndex, ['dim', 'index']> = named(
  'indexSelect',
  ['dim', 'index'],
  (x, { dim, index }: DimAndIndex) => {
    const tensor = withAxis(toTensor(x));
    const axis = normalizeAxis('indexSelect', dim, tensor.ndim);
    return selectAlong([tensor, ravel(indicesAt('indexSelect', tensor, index, axis))], axis);
  },
);

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

export interface IndexCopyOptions extends DimAndIndex {
  readonly source: TensorLike;
}

export interface IndexAddOptions extends IndexCopyOptions {
  /** Factor of the source; 1. */
  readonly alpha?: number | undefined;
}

export interface IndexFillOptions extends DimAndIndex {
  readonly value: TensorLike;
}

const indexAddNames = ['dim', 'index', 'source', 'alpha'] as const;

/** A copy with the positions of `source` added at the positions `index` of a dimension. */
export const indexAdd: Named<IndexAddOptions, typeof indexAddNames> = named(
  'indexAdd',
  indexAddNames,
  (x, { dim, index, source, alpha }: IndexAddOptions) =>
    updated('indexAdd', x, dim, index, beside(toTensor(x), source), 'add', alpha),
);
export const indexCopy: Named<IndexCopyOptions, ['dim', 'index', 'source']> = named(
  'indexCopy',
  ['dim', 'index', 'source'],
  (x, { dim, index, source }: IndexCopyOptions) =>
    updated('indexCopy', x, dim, index, beside(toTensor(x), source), 'set'),
);
export const indexFill: Named<IndexFillOptions, ['dim', 'index', 'value']> = named(
  'indexFill',
  ['dim', 'index', 'value'],
  (x, { dim, index, value }: IndexFillOptions) =>
    updated('indexFill', x, dim, index, beside(toTensor(x), value), 'set'),
);

/** A copy with `value` where the mask holds. */
export function maskedFill(x: TensorLike, mask: TensorLike, value: TensorLike): Tensor {
  const tensor = toTensor(x);
  return where(mask, beside(tensor, value), tensor);
}

/** A copy with the elements of `source`, in order, where the mask holds. */
export function maskedScatter(x: TensorLike, mask: TensorLike, source: TensorLike): Tensor {
  const tensor = toTensor(x);
  const shape = np.broadcastShapes(tensor.shape, toTensor(mask).shape);
  const flags = np.broadcastTo(toTensor(mask).value, shape);
  const from = ravel(source);
  const count = np.countNonzero(flags).item();
  if (count > from.numel()) {
    throw new ShapeError(
      `maskedScatter: expected a source of at least ${count} elements, got ${from.aval.toString()}: Number of elements of source < number ` +
        'of ones in mask.',
    );
  }
  const whole = expand(tensor, shape);
  if (count === 0) return whole;
  const order = np.maximum(np.subtract(np.cumsum(np.ravel(flags).astype('int32'), 0), 1), 0);
  return where(flags, view(selectAlong([from, order], 0), shape), whole);
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

export interface TakeAlongDimOptions {
  readonly indices: TensorLike;
  readonly dim?: number | null | undefined;
}

/** `gather` with dimensions that broadcast; without a dimension, of all elements in order. */
export const takeAlongDim: Named<TakeAlongDimOptions, ['indices', 'dim']> = named(
  'takeAlongDim',
  ['indices', 'dim'],
  (x, { indices, dim }: TakeAlongDimOptions) => {
    if (dim === undefined || dim === null) return take(x, ravel(indices));
    const tensor = toTensor(x);
    const axis = normalizeAxis('takeAlongDim', dim, tensor.ndim);
    return alongOf([tensor, indicesAt('takeAlongDim', tensor, indices, axis)], axis);
  },
);

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

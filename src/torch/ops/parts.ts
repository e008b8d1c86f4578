/**
 * Parts of a dimension: views of some of the elements, one or several at once.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ShapeError } from '../../ir/errors.ts';
import { normalizeAxis } from '../../ir/shape.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import * as np from '../../api/numpy/index.ts';
import { OperationFamily } from '../../tape/operation.ts';
import type { Tensor } from '../tensor.ts';
import { makeView, makeViews, markOverlapping } from '../views.ts';
import type { SomeDim } from './axes.ts';
import { type TensorLike, toTensor, viewing } from './define.ts';
import { type Named, named } from './named.ts';

interface Part {
  readonly axis: number;
  readonly start: number;
  readonly length: number;
}

const part = (x: CoreTensor, { axis, start, length }: Part): CoreTensor =>
  prim.sliceAxis(x, axis, start, start + length);

const narrowed = viewing<Part>('slice', part);

export interface NarrowOptions {
  readonly dim: number;
  readonly start: number;
  readonly length: number;
}

/** `length` positions of a dimension from `start` on. */
export const narrow: Named<NarrowOptions, ['dim', 'start', 'length']> = named(
  'narrow',
  ['dim', 'start', 'length'],
  narrowedTo,
);

function narrowedTo(x: TensorLike, { dim, start, length }: NarrowOptions): Tensor {
  const tensor = toTensor(x);
  const axis = normalizeAxis('narrow', dim, tensor.ndim);
  const n = tensor.shape[axis]!;
  const from = start < 0 ? start + n : start;
  if (from < 0 || length < 0 || from + length > n) {
    throw new ShapeError(
      `narrow: expected start and length inside dimension ${axis} of ${tensor.aval.toString()}, got ${start} and ${length}.`,
      `start + length is at most ${n}.`,
    );
  }
  return narrowed(tensor, { axis, start: from, length });
}

interface Place {
  readonly axis: number;
  readonly at: number;
}

const withoutAxis = (x: CoreTensor, axis: number): CoreTensor =>
  prim.reshape(
    x,
    x.shape.filter((_, i) => i !== axis),
  );

const picked = viewing<Place>('select', (x, { axis, at }) =>
  withoutAxis(part(x, { axis, start: at, length: 1 }), axis),
);

export interface SelectOptions {
  readonly dim: number;
  readonly index: number;
}

/** One position of a dimension, which goes. */
export const select: Named<SelectOptions, ['dim', 'index']> = named('select', ['dim', 'index'], selected);

function selected(x: TensorLike, { dim, index }: SelectOptions): Tensor {
  const tensor = toTensor(x);
  const axis = normalizeAxis('select', dim, tensor.ndim);
  const n = tensor.shape[axis]!;
  if (!Number.isInteger(index) || index < -n || index >= n) {
    throw new ShapeError(
      `select: expected an index between ${-n} and ${n - 1} of dimension ${axis} of ${tensor.aval.toString()}, got ${index}: index ` +
        `${index} is out of bounds for dimension ${axis} with size ${n}.`,
    );
  }
  return picked(tensor, { axis, at: index < 0 ? index + n : index });
}

interface Cuts {
  readonly axis: number;
  readonly from: readonly number[];
  readonly sizes: readonly number[];
}

const splitting = new OperationFamily<Cuts>('split', ([x], { axis, from, sizes }) =>
  prim.partsAt(x!, axis, from, sizes),
);
const slicing = new OperationFamily<Part>('slice', ([x], p) => [part(x!, p)]);

function splitInto(tensor: Tensor, cuts: Cuts): Tensor[] {
  const { axis, from, sizes } = cuts;
  return makeViews(splitting.of(cuts), tensor, 'SplitBackward0', (i) =>
    slicing.of({ axis, start: from[i]!, length: sizes[i]! }),
  );
}

export interface SplitOptions {
  /** Size of every part but the last, or sizes of all. */
  readonly splitSizeOrSections: number | readonly number[];
  readonly dim?: number | undefined;
}

/** Parts of a dimension: of one size (the last may be smaller), or of sizes given. */
export const split: Named<SplitOptions, ['splitSizeOrSections', 'dim'], Tensor[]> = named(
  'split',
  ['splitSizeOrSections', 'dim'],
  (x, { splitSizeOrSections: sizes, dim = 0 }: SplitOptions) => {
    const tensor = toTensor(x);
    const axis = normalizeAxis('split', dim, tensor.ndim);
    const n = tensor.shape[axis]!;
    const parts = typeof sizes === 'number' ? equalParts(n, sizes) : [...sizes];
    if (parts.reduce((a, b) => a + b, 0) !== n) {
      throw new ShapeError(
        `split: expected sizes that sum to ${n}, dimension ${axis} of ${tensor.aval.toString()}, got [${parts.join(', ')}].`,
      );
    }
    return splitInto(tensor, { axis, from: prim.startsOf(parts), sizes: parts });
  },
);

function equalParts(n: number, size: number): number[] {
  if (!Number.isInteger(size) || size < 1)
    throw new ShapeError(`split: expected a positive size, got ${size}.`, 'give the size of a part.');
  const count = Math.max(1, Math.ceil(n / size));
  return Array.from({ length: count }, (_, i) => Math.min(size, n - i * size));
}

export interface ChunkOptions {
  readonly chunks: number;
  readonly dim?: number | undefined;
}

/** At most `chunks` parts of a dimension, of equal size but for the last; of an empty one as many. */
export const chunk: Named<ChunkOptions, ['chunks', 'dim'], Tensor[]> = named(
  'chunk',
  ['chunks', 'dim'],
  (x, { chunks, dim = 0 }: ChunkOptions) => {
    const tensor = toTensor(x);
    const n = tensor.shape[normalizeAxis('chunk', dim, tensor.ndim)]!;
    if (!Number.isInteger(chunks) || chunks < 1)
      throw new ShapeError(`chunk: expected chunks to be greater than 0, got ${chunks}.`);
    return split(tensor, n === 0 ? Array<number>(chunks).fill(0) : Math.ceil(n / chunks), dim);
  },
);

export interface TensorSplitOptions {
  /** A number of parts, or the positions where all but the first start. */
  readonly indicesOrSections: number | readonly number[];
  readonly dim?: number | undefined;
}

/** Parts of a dimension of nearly equal sizes, or parts between the positions given. */
export const tensorSplit: Named<TensorSplitOptions, ['indicesOrSections', 'dim'], Tensor[]> = named(
  'tensorSplit',
  ['indicesOrSections', 'dim'],
  (x, { indicesOrSections: sections, dim = 0 }: TensorSplitOptions) => {
    const tensor = toTensor(x);
    const axis = normalizeAxis('tensorSplit', dim, tensor.ndim);
    const n = tensor.shape[axis]!;
    const clamped = (i: number): number => Math.min(n, Math.max(0, i < 0 ? i + n : i));
    const inner =
      typeof sections === 'number'
        ? Array.from(
            { length: sections - 1 },
            (_, i) => Math.floor(n / sections) * (i + 1) + Math.min(i + 1, n % sections),
          )
        : sections.map(clamped);
    const from = [0, ...inner];
    return splitInto(tensor, { axis, from, sizes: from.map((start, i) => Math.max(0, (from[i + 1] ?? n) - start)) });
  },
);

const unbinding = new OperationFamily<number>('unbind', ([x], axis) => prim.unstack(x!, axis));
const selecting = new OperationFamily<Place>('select', ([x], { axis, at }) => [
  withoutAxis(part(x!, { axis, start: at, length: 1 }), axis),
]);

/** Every position of a dimension (0) as a tensor. */
export const unbind: Named<SomeDim, ['dim'], Tensor[]> = named('unbind', ['dim'], (x, { dim = 0 }: SomeDim) => {
  const tensor = toTensor(x);
  const axis = normalizeAxis('unbind', dim, tensor.ndim);
  return makeViews(unbinding.of(axis), tensor, 'UnbindBackward0', (at) => selecting.of({ axis, at }));
});

export interface DiagonalOptions {
  /** 0 for the main diagonal, positive above it. */
  readonly offset?: number | undefined;
  readonly dim1?: number | undefined;
  readonly dim2?: number | undefined;
}

interface Diagonal {
  readonly offset: number;
  readonly axes: readonly [number, number];
}

const diagonals = viewing<Diagonal>('diagonal', (x, { offset, axes }) => np.diagonal(x, offset, axes[0], axes[1]));

/** The diagonals of two dimensions (the first two), as a last one. */
export const diagonal: Named<DiagonalOptions, ['offset', 'dim1', 'dim2']> = named(
  'diagonal',
  ['offset', 'dim1', 'dim2'],
  (x, { offset = 0, dim1 = 0, dim2 = 1 }: DiagonalOptions) => {
    const tensor = toTensor(x);
    const axis = (dim: number): number => normalizeAxis('diagonal', dim, tensor.ndim);
    return diagonals(tensor, { offset, axes: [axis(dim1), axis(dim2)] });
  },
);

export interface UnfoldOptions {
  readonly dimension: number;
  /** Elements in a window. */
  readonly size: number;
  /** From one window to the next. */
  readonly step: number;
}

interface Windows {
  readonly axis: number;
  readonly size: number;
  readonly step: number;
}

const windows = new OperationFamily<Windows>('unfold', ([x], { axis, size, step }) => {
  const count = Math.floor((x!.shape[axis]! - size) / step) + 1;
  const at = Array.from({ length: count }, (_, i) => Array.from({ length: size }, (_element, j) => i * step + j));
  return [np.moveaxis(np.take(x!, at, axis), axis + 1, -1)];
});

/** Windows of a dimension, their elements along a new last one: a view. */
export const unfold: Named<UnfoldOptions, ['dimension', 'size', 'step']> = named(
  'unfold',
  ['dimension', 'size', 'step'],
  (x, { dimension, size, step }: UnfoldOptions) => {
    const tensor = toTensor(x);
    const axis = normalizeAxis('unfold', dimension, tensor.ndim);
    if (!(size > 0 && size <= tensor.shape[axis]! && step > 0)) {
      throw new ShapeError(
        `unfold: expected a window that fits in dimension ${axis} of ${tensor.aval.toString()} and a positive step, got size ${size} and ` +
          `step ${step}: maximum size for tensor at dimension ${axis} is ${tensor.shape[axis]!} but size is ${size}.`,
      );
    }
    const operation = windows.of({ axis, size, step });
    if (step < size) markOverlapping(operation);
    return makeView(operation, tensor, 'UnfoldBackward0');
  },
);

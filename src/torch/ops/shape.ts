/**
 * Shapes: views of the same elements, joining, splitting, repeating.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ShapeError } from '../../ir/errors.ts';
import { normalizeAxes, normalizeAxis, type Shape } from '../../ir/shape.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { resolveShape } from '../../api/lift.ts';
import * as np from '../../api/numpy/index.ts';
import { OperationFamily } from '../../tape/operation.ts';
import type { Tensor } from '../tensor.ts';
import { type Sizes, sizesOf } from './axes.ts';
import { makeView, makeViews, markOverlapping } from '../views.ts';
import { promote, type TensorLike, toTensor, type Unary, unary, viewing, withParams } from './define.ts';

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

/** Dimensions from `startDim` to `endDim` as one. */
export function flatten(x: TensorLike, startDim = 0, endDim = -1): Tensor {
  const t = toTensor(x);
  if (t.ndim === 0) return view(t, 1);
  const [start, end] = [normalizeAxis('flatten', startDim, t.ndim), normalizeAxis('flatten', endDim, t.ndim)];
  if (start > end) {
    throw new ShapeError(`flatten: expected startDim not after endDim, got ${startDim} and ${endDim}.`);
  }
  const { shape } = t;
  const merged = shape.slice(start, end + 1).reduce((a, b) => a * b, 1);
  return view(t, [...shape.slice(0, start), merged, ...shape.slice(end + 1)]);
}

/** One dimension as several. */
export function unflatten(x: TensorLike, dim: number, sizes: readonly number[]): Tensor {
  const t = toTensor(x);
  const at = normalizeAxis('unflatten', dim, t.ndim);
  const parts = resolveShape('unflatten', sizes, t.shape[at]!);
  return view(t, [...t.shape.slice(0, at), ...parts, ...t.shape.slice(at + 1)]);
}

/** Dimensions counted from 0, in the order given. */
const inOrder = (op: string, dims: number | readonly number[], ndim: number): number[] =>
  (typeof dims === 'number' ? [dims] : dims).map((d) => normalizeAxis(op, d, ndim));

const permuted = viewing<readonly number[]>('permute', (x, dims) => prim.transpose(x, dims));

/** Dimensions in another order. */
export function permute(x: TensorLike, ...dims: Sizes): Tensor {
  const t = toTensor(x);
  const order = inOrder('permute', sizesOf(dims), t.ndim);
  if (new Set(order).size !== t.ndim) {
    throw new ShapeError(
      `permute: expected each of ${t.ndim} dimensions once, got [${sizesOf(dims).join(', ')}].`,
      'name every dimension.',
    );
  }
  return permuted(t, order);
}

const swapped = viewing<readonly [number, number]>('transpose', (x, [a, b]) => np.swapaxes(x, a, b));

/** Two dimensions exchanged. */
export function transpose(x: TensorLike, dim0: number, dim1: number): Tensor {
  const t = toTensor(x);
  return swapped(t, [normalizeAxis('transpose', dim0, t.ndim), normalizeAxis('transpose', dim1, t.ndim)]);
}
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

/** Dimensions moved to other places. */
export function movedim(
  x: TensorLike,
  source: number | readonly number[],
  destination: number | readonly number[],
): Tensor {
  const tensor = toTensor(x);
  return moved(tensor, [inOrder('movedim', source, tensor.ndim), inOrder('movedim', destination, tensor.ndim)]);
}
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
const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);
export const expandAs = (x: TensorLike, other: Tensor): Tensor => expand(x, other.shape);
export const broadcastTo = (x: TensorLike, shape: Shape): Tensor => expand(x, shape);

const squeezed = viewing<readonly number[]>('squeeze', (x, shape) => prim.reshape(x, shape));

/** Without dimensions of size 1: all of them, or those named that have it. */
export function squeeze(x: TensorLike, dim?: number | readonly number[] | null): Tensor {
  const tensor = toTensor(x);
  const named =
    dim === undefined || dim === null ? null : normalizeAxes('squeeze', tensor.ndim === 0 ? [] : dim, tensor.ndim);
  return squeezed(
    tensor,
    tensor.shape.filter((n, i) => n !== 1 || (named !== null && !named.includes(i))),
  );
}

const unsqueezed = viewing<readonly number[]>('unsqueeze', (x, shape) => prim.reshape(x, shape));

/** With a dimension of size 1 at `dim`. */
export function unsqueeze(x: TensorLike, dim: number): Tensor {
  const tensor = toTensor(x);
  const at = normalizeAxis('unsqueeze', dim, tensor.ndim + 1);
  return unsqueezed(tensor, [...tensor.shape.slice(0, at), 1, ...tensor.shape.slice(at)]);
}

interface Part {
  readonly axis: number;
  readonly start: number;
  readonly length: number;
}

const part = (x: CoreTensor, { axis, start, length }: Part): CoreTensor =>
  prim.sliceAxis(x, axis, start, start + length);

const narrowed = viewing<Part>('slice', part);

/** `length` positions of a dimension from `start` on. */
export function narrow(x: TensorLike, dim: number, start: number, length: number): Tensor {
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

/** One position of a dimension, which goes. */
export function select(x: TensorLike, dim: number, index: number): Tensor {
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
  readonly sizes: readonly number[];
}

const starts = (sizes: readonly number[]): number[] => {
  let total = 0;
  return sizes.map((n) => (total += n) - n);
};

const splitting = new OperationFamily<Cuts>('split', ([x], { axis, sizes }) =>
  starts(sizes).map((start, i) => part(x!, { axis, start, length: sizes[i]! })),
);
const slicing = new OperationFamily<Part>('slice', ([x], p) => [part(x!, p)]);

function splitInto(tensor: Tensor, axis: number, sizes: readonly number[]): Tensor[] {
  const from = starts(sizes);
  return makeViews(splitting.of({ axis, sizes }), tensor, 'SplitBackward0', (i) =>
    slicing.of({ axis, start: from[i]!, length: sizes[i]! }),
  );
}

/** Parts of a dimension: of one size (the last may be smaller), or of sizes given. */
export function split(x: TensorLike, sizes: number | readonly number[], dim = 0): Tensor[] {
  const tensor = toTensor(x);
  const axis = normalizeAxis('split', dim, tensor.ndim);
  const n = tensor.shape[axis]!;
  const parts = typeof sizes === 'number' ? equalParts(n, sizes) : [...sizes];
  if (parts.reduce((a, b) => a + b, 0) !== n) {
    throw new ShapeError(
      `split: expected sizes that sum to ${n}, dimension ${axis} of ${tensor.aval.toString()}, got [${parts.join(', ')}].`,
    );
  }
  return splitInto(tensor, axis, parts);
}

function equalParts(n: number, size: number): number[] {
  if (!Number.isInteger(size) || size < 1)
    throw new ShapeError(`split: expected a positive size, got ${size}.`, 'give the size of a part.');
  const count = Math.max(1, Math.ceil(n / size));
  return Array.from({ length: count }, (_, i) => Math.min(size, n - i * size));
}

/** At most `chunks` parts of a dimension, of equal size but for the last. */
export function chunk(x: TensorLike, chunks: number, dim = 0): Tensor[] {
  const tensor = toTensor(x);
  const n = tensor.shape[normalizeAxis('chunk', dim, tensor.ndim)]!;
  return split(tensor, Math.max(1, Math.ceil(n / chunks)), dim);
}

/** `sections` parts of a dimension of nearly equal sizes, or parts between the positions given. */
export function tensorSplit(x: TensorLike, sections: number | readonly number[], dim = 0): Tensor[] {
  const tensor = toTensor(x);
  const axis = normalizeAxis('tensorSplit', dim, tensor.ndim);
  const n = tensor.shape[axis]!;
  const clamped = (i: number): number => Math.min(n, Math.max(0, i < 0 ? i + n : i));
  const ends =
    typeof sections === 'number'
      ? Array.from({ length: sections }, (_, i) => Math.floor(n / sections) * (i + 1) + Math.min(i + 1, n % sections))
      : [...sections.map(clamped), n];
  return splitInto(
    tensor,
    axis,
    ends.map((end, i) => Math.max(0, end - (i === 0 ? 0 : ends[i - 1]!))),
  );
}

const unbinding = new OperationFamily<number>('unbind', ([x], axis) =>
  Array.from({ length: x!.shape[axis]! }, (_, at) => withoutAxis(part(x!, { axis, start: at, length: 1 }), axis)),
);
const selecting = new OperationFamily<Place>('select', ([x], { axis, at }) => [
  withoutAxis(part(x!, { axis, start: at, length: 1 }), axis),
]);

/** Every position of a dimension as a tensor. */
export function unbind(x: TensorLike, dim = 0): Tensor[] {
  const tensor = toTensor(x);
  const axis = normalizeAxis('unbind', dim, tensor.ndim);
  return makeViews(unbinding.of(axis), tensor, 'UnbindBackward0', (at) => selecting.of({ axis, at }));
}

const joined = withParams<number>('cat', (xs, axis) => prim.concatenate(promote(xs), axis));

/** Tensors one after the other along a dimension. */
export function cat(tensors: readonly TensorLike[], dim = 0): Tensor {
  const all = tensors.map(toTensor);
  if (all.length === 0) throw new ShapeError('cat: expected at least one tensor, got none.');
  // An empty vector joins with anything, as it always has in PyTorch.
  const isLegacyEmpty = (x: Tensor): boolean => x.ndim === 1 && x.numel() === 0;
  const rest = all.filter((x) => !isLegacyEmpty(x));
  const kept = rest.length > 0 ? rest : all;
  return joined(kept, normalizeAxis('cat', dim, kept[0]!.ndim));
}
export const concat: typeof cat = cat;
export const concatenate: typeof cat = cat;

const stacked = withParams<number>('stack', (xs, axis) => np.stack(promote(xs), axis));

/** Tensors of one shape along a new dimension. */
export function stack(tensors: readonly TensorLike[], dim = 0): Tensor {
  const all = tensors.map(toTensor);
  if (all.length === 0) throw new ShapeError('stack: expected at least one tensor, got none.');
  return stacked(all, normalizeAxis('stack', dim, all[0]!.ndim + 1));
}

const atLeast = (n: number, x: Tensor): Tensor =>
  x.ndim >= n ? x : view(x, [...Array<number>(n - x.ndim).fill(1), ...x.shape]);

/** Side by side: along the first dimension of vectors, the second of others. */
export function hstack(tensors: readonly TensorLike[]): Tensor {
  const all = tensors.map((x) => atLeast(1, toTensor(x)));
  return cat(all, all[0]?.ndim === 1 ? 0 : 1);
}
/** One above the other. */
export const vstack = (tensors: readonly TensorLike[]): Tensor =>
  cat(
    tensors.map((x) => atLeast(2, toTensor(x))),
    0,
  );

const repeated = withParams<readonly number[]>('repeat', ([x], reps) => np.tile(x!, reps));

/** Copies along each dimension. */
export const repeat = (x: TensorLike, ...sizes: Sizes): Tensor => repeated([x], sizesOf(sizes));
/** Copies along each dimension; as many as the tensor has suffice. */
export const tile = (x: TensorLike, ...sizes: Sizes): Tensor => repeated([x], sizesOf(sizes));

interface Repeats {
  readonly axis: number | null;
  readonly repeats: number | readonly number[];
}

const interleaved = withParams<Repeats>('repeatInterleave', ([x], { axis, repeats }) =>
  np.repeat(x!, repeats as number[], { axis }),
);

/** Each position of a dimension repeated in place. */
export function repeatInterleave(x: TensorLike, repeats: number | readonly number[], dim?: number | null): Tensor {
  const tensor = toTensor(x);
  return interleaved([tensor], {
    repeats,
    axis: dim === undefined || dim === null ? null : normalizeAxis('repeatInterleave', dim, tensor.ndim),
  });
}

const flipped = withParams<readonly number[]>('flip', ([x], axes) => np.flip(x!, axes));

/** Dimensions reversed. */
export function flip(x: TensorLike, ...dims: Sizes): Tensor {
  const tensor = toTensor(x);
  return flipped([tensor], normalizeAxes('flip', sizesOf(dims), tensor.ndim));
}
export const fliplr = (x: TensorLike): Tensor => flip(x, 1);
export const flipud = (x: TensorLike): Tensor => flip(x, 0);

interface Shifts {
  readonly shifts: readonly number[];
  readonly axes: readonly number[] | null;
}

const rolled = withParams<Shifts>('roll', ([x], { shifts, axes }) =>
  axes === null ? np.roll(x!, shifts[0]!) : np.roll(x!, shifts, axes),
);

/** Elements shifted along dimensions, round the end; without dimensions over all elements in order. */
export function roll(
  x: TensorLike,
  shifts: number | readonly number[],
  dims?: number | readonly number[] | null,
): Tensor {
  const tensor = toTensor(x);
  return rolled([tensor], {
    shifts: typeof shifts === 'number' ? [shifts] : shifts,
    axes: dims === undefined || dims === null ? null : inOrder('roll', dims, tensor.ndim),
  });
}

const turnedBy = withParams<readonly [number, readonly [number, number]]>('rot90', ([x], [k, axes]) =>
  np.rot90(x!, k, axes),
);

/** Turned by 90° k times, from the first dimension towards the second. */
export const rot90 = (x: TensorLike, k = 1, dims: readonly [number, number] = [0, 1]): Tensor =>
  turnedBy([x], [k, dims]);

/** The same values as a tensor of their own, with history. */
export const clone: Unary = unary('clone', (x) => prim.barrier([x])[0]!);
export const contiguous = (x: TensorLike): Tensor => toTensor(x);

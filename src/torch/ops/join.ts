/**
 * Several tensors made one.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { DType } from '../../ir/dtype.ts';
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { normalizeAxis } from '../../ir/shape.ts';
import * as prim from '../../primitives/index.ts';
import * as np from '../../api/numpy/index.ts';
import { checkOptions, describe } from '../../api/options.ts';
import { blockDiag as blockDiagOf } from '../../api/scipy/linalg/special-matrices.ts';
import type { Tensor } from '../tensor.ts';
import type { SomeDim } from './axes.ts';
import { promote, resultType, type TensorLike, toTensor, withParams } from './define.ts';
import { type Arguments, readArguments } from './named.ts';
import { expand, view } from './shape.ts';

/** Functions of a list of tensors and a dimension, by position or name. */
type OfTensors = (tensors: readonly TensorLike[], ...args: Arguments<SomeDim, ['dim']>) => Tensor;

const dimOf = (op: string, args: readonly unknown[]): number => readArguments<SomeDim>(op, ['dim'], args).dim ?? 0;

function tensorsOf(op: string, tensors: readonly TensorLike[]): Tensor[] {
  if (!Array.isArray(tensors)) {
    throw new ArgumentError(`${op}: expected an array of tensors, got ${describe(tensors)}.`, `${op}([x, y], dim).`);
  }
  if (tensors.length === 0) throw new ShapeError(`${op}: expected at least one tensor, got none.`);
  return tensors.map((x: TensorLike) => toTensor(x));
}

const joined = withParams<readonly [axis: number, dtype: DType]>('cat', (xs, [axis, dtype]) =>
  prim.concatenate(
    xs.map((x) => (x.dtype === dtype ? x : prim.convert(x, dtype))),
    axis,
  ),
);

/** Tensors one after the other along a dimension (0). */
export const cat: OfTensors = (tensors, ...args) => {
  const all = tensorsOf('cat', tensors);
  // An empty vector joins with anything, as it always has in PyTorch; its dtype counts.
  const isLegacyEmpty = (x: Tensor): boolean => x.ndim === 1 && x.numel() === 0;
  const rest = all.filter((x) => !isLegacyEmpty(x));
  const kept = rest.length > 0 ? rest : all;
  const [first] = kept as [Tensor, ...Tensor[]];
  if (first.ndim === 0) {
    throw new ShapeError(
      `cat: expected tensors with dimensions, got ${first.aval.toString()}: zero-dimensional tensor cannot be concatenated.`,
      'use stack for scalars.',
    );
  }
  return joined(kept, [normalizeAxis('cat', dimOf('cat', args), first.ndim), resultType(all)]);
};
export const concat: typeof cat = cat;
export const concatenate: typeof cat = cat;

const stacked = withParams<number>('stack', (xs, axis) => np.stack(promote(xs), axis));

/** Tensors of one shape along a new dimension (0). */
export const stack: OfTensors = (tensors, ...args) => {
  const all = tensorsOf('stack', tensors);
  return stacked(all, normalizeAxis('stack', dimOf('stack', args), all[0]!.ndim + 1));
};

const atLeast = (n: number, x: Tensor): Tensor =>
  x.ndim >= n ? x : view(x, [...Array<number>(n - x.ndim).fill(1), ...x.shape]);

/** Side by side: along the first dimension of vectors, the second of others. */
export function hstack(tensors: readonly TensorLike[]): Tensor {
  const all = tensors.map((x) => atLeast(1, toTensor(x)));
  return cat(all, all[0]?.ndim === 1 ? 0 : 1);
}
/** Along the third dimension. */
export const dstack = (tensors: readonly TensorLike[]): Tensor =>
  cat(
    tensors.map((x) => {
      const t = toTensor(x);
      return t.ndim < 2 ? view(t, 1, -1, 1) : atLeast(3, t.ndim === 2 ? view(t, [...t.shape, 1]) : t);
    }),
    2,
  );
/** Vectors as the columns of a matrix; others side by side. */
export const columnStack = (tensors: readonly TensorLike[]): Tensor =>
  cat(
    tensors.map((x) => {
      const t = toTensor(x);
      return t.ndim < 2 ? view(t, -1, 1) : t;
    }),
    1,
  );

const blocks = withParams<null>('blockDiag', (xs) => blockDiagOf(...promote(xs)));
/** Matrices along the diagonal of one, with zeros elsewhere. */
export const blockDiag = (...tensors: readonly TensorLike[]): Tensor => blocks(tensors, null);

/** The tensors stretched to their common shape; views. */
export function broadcastTensors(...tensors: readonly TensorLike[]): Tensor[] {
  const all = tensors.map((x) => toTensor(x));
  const shape = np.broadcastShapes(...all.map((x) => x.shape));
  return all.map((x) => expand(x, shape));
}

/** Coordinates of the points of a grid, from those along each dimension; `'xy'` exchanges the first two. */
export function meshgrid(
  tensors: readonly TensorLike[],
  options: { readonly indexing?: 'ij' | 'xy' | undefined } = {},
): Tensor[] {
  checkOptions('meshgrid', options, ['indexing']);
  const vectors = tensors.map((x) => view(x, -1));
  const isSwapped = options.indexing === 'xy' && vectors.length > 1;
  const axis = (i: number): number => (isSwapped && i < 2 ? 1 - i : i);
  const sizes = vectors.map((_, i) => vectors[axis(i)]!.numel());
  return vectors.map((v, i) =>
    expand(
      view(
        v,
        sizes.map((_, k) => (k === axis(i) ? v.numel() : 1)),
      ),
      sizes,
    ),
  );
}

/** One above the other. */
export const vstack = (tensors: readonly TensorLike[]): Tensor =>
  cat(
    tensors.map((x) => atLeast(2, toTensor(x))),
    0,
  );

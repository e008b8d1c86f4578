/**
 * Putting arrays together and taking them apart along axes.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { normalizeAxis } from '../../ir/shape.ts';
import { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { asTensor, promote, type TensorLike } from '../lift.ts';
import { optionsOf } from '../options.ts';
import { type DTypeLike, optionalDType } from './dtypes.ts';
import { atleast1d, atleast2d, atleast3d } from './movement.ts';

export interface JoinOptions {
  readonly axis?: number | null | undefined;
  readonly dtype?: DTypeLike | null | undefined;
}

/** A list of arrays, or one array taken apart along its first axis. */
export type TensorList = readonly TensorLike[] | Tensor;

function listOf(op: string, xs: TensorList): readonly TensorLike[] {
  const list = xs instanceof Tensor ? unstack(xs.current()) : xs;
  if (!Array.isArray(list))
    throw new ArgumentError(`${op}: expected an array of arrays, got ${typeof xs}.`, `write ${op}([x, y]).`);
  if (list.length === 0)
    throw new ArgumentError(`${op}: expected at least one array, got none.`, 'pass a non-empty list.');
  return list;
}

const promoted = (op: string, xs: readonly TensorLike[], dtype: DTypeLike | null | undefined): Tensor[] => {
  const type = optionalDType(op, dtype);
  return type ? xs.map((x) => prim.convert(asTensor(x), type)) : promote(...xs);
};

/**
 * Arrays one after the other along an axis (0); with `axis: null` flattened first.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.concatenate([[1, 2], [3]]).toArray()); // => [ 1, 2, 3 ]
 * ```
 */
export function concatenate(xs: TensorList, axis?: number | null | JoinOptions, options?: JoinOptions): Tensor {
  const o = optionsOf<JoinOptions>('concatenate', 'axis', axis, options, ['axis', 'dtype']);
  const tensors = promoted('concatenate', listOf('concatenate', xs), o.dtype);
  if (o.axis === null)
    return prim.concatenate(
      tensors.map((t) => prim.reshape(t, [t.size])),
      0,
    );
  if (tensors[0]!.ndim === 0) {
    throw new ShapeError(
      'concatenate: expected arrays with at least one axis, got a scalar.',
      'use stack for scalars.',
    );
  }
  return prim.concatenate(tensors, normalizeAxis('concatenate', o.axis ?? 0, tensors[0]!.ndim));
}
export { concatenate as concat };

/**
 * Arrays of one shape joined along a new axis (0).
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.stack([[1, 2], [3, 4]], 1).toArray()); // => [ [ 1, 3 ], [ 2, 4 ] ]
 * ```
 */
export function stack(xs: TensorList, axis?: number | JoinOptions, options?: JoinOptions): Tensor {
  const o = optionsOf<JoinOptions>('stack', 'axis', axis, options, ['axis', 'dtype']);
  const tensors = promoted('stack', listOf('stack', xs), o.dtype);
  const { shape } = tensors[0]!;
  for (const t of tensors) {
    if (t.shape.join() !== shape.join()) {
      throw new ShapeError(
        `stack: expected arrays of one shape, got ${tensors[0]!.aval.toString()} and ${t.aval.toString()}.`,
        'broadcast or pad them first, or use concatenate.',
      );
    }
  }
  const at = normalizeAxis('stack', o.axis ?? 0, shape.length + 1);
  return prim.concatenate(
    tensors.map((t) => prim.reshape(t, shape.toSpliced(at, 0, 1))),
    at,
  );
}

/** Joined along the first axis; vectors become rows. */
export const vstack = (xs: TensorList, options?: JoinOptions): Tensor =>
  concatenate(listOf('vstack', xs).map(atleast2d), 0, options);

/** Joined along the second axis; vectors along their only one. */
export function hstack(xs: TensorList, options?: JoinOptions): Tensor {
  const tensors = listOf('hstack', xs).map(atleast1d);
  return concatenate(tensors, tensors[0]!.ndim === 1 ? 0 : 1, options);
}

/** Joined along the third axis. */
export const dstack = (xs: TensorList, options?: JoinOptions): Tensor =>
  concatenate(listOf('dstack', xs).map(atleast3d), 2, options);

/** Vectors as columns of a matrix; matrices side by side. */
export function columnStack(xs: TensorList): Tensor {
  const columns = listOf('columnStack', xs).map((x) => {
    const t = asTensor(x);
    return t.ndim < 2 ? prim.reshape(t, [t.size, 1]) : t;
  });
  return concatenate(columns, 1);
}

export type Blocks = TensorLike | readonly Blocks[];

/** An array from nested lists of blocks: the innermost lists join along the last axis, the next along the one before. */
export function block(blocks: Blocks): Tensor {
  const depthOf = (x: Blocks): number =>
    Array.isArray(x) && x.length > 0 ? 1 + depthOf((x as readonly Blocks[])[0]!) : 0;
  const join = (x: Blocks, depth: number): Tensor => {
    if (!Array.isArray(x)) return asTensor(x as TensorLike);
    const parts = (x as readonly Blocks[]).map((y) => join(y, depth - 1));
    const rank = Math.max(depth, ...parts.map((t) => t.ndim));
    const padded = parts.map((t) => prim.reshape(t, [...Array.from({ length: rank - t.ndim }, () => 1), ...t.shape]));
    return concatenate(padded, -depth);
  };
  return join(blocks, depthOf(blocks));
}

/** Array or list positions where an axis is cut. */
export type Cuts = number | readonly number[];

export interface SplitOptions {
  readonly axis?: number | undefined;
}

function splitAt(t: Tensor, axis: number, cuts: readonly number[]): Tensor[] {
  const n = t.shape[axis]!;
  const at = (c: number): number => Math.max(0, Math.min(n, c < 0 ? c + n : c));
  const edges = [0, ...cuts.map(at), n];
  const sizes = edges.slice(1).map((end, i) => Math.max(0, end - edges[i]!));
  return prim.partsAt(t, axis, edges.slice(0, -1), sizes);
}

function splitting(op: string, x: TensorLike, cuts: Cuts, axis: number, isExact: boolean): Tensor[] {
  const t = asTensor(x);
  const d = normalizeAxis(op, axis, t.ndim);
  if (typeof cuts !== 'number') return splitAt(t, d, cuts);
  const n = t.shape[d]!;
  if (!Number.isInteger(cuts) || cuts < 1 || (isExact && n % cuts !== 0)) {
    throw new ArgumentError(
      `${op}: expected a number of parts that divides axis ${d}, got ${cuts} parts of ${t.aval.toString()}.`,
      'use arraySplit for unequal parts, or list the positions of the cuts.',
    );
  }
  const extra = n % cuts;
  const width = Math.floor(n / cuts);
  return splitAt(
    t,
    d,
    Array.from({ length: cuts - 1 }, (_, i) => (i + 1) * width + Math.min(i + 1, extra)),
  );
}

const axisOf = (op: string, axis: number | SplitOptions | undefined): number =>
  optionsOf<SplitOptions>(op, 'axis', axis, undefined, ['axis']).axis ?? 0;

/**
 * Parts along an axis (0): a number of equal ones, or cut at the listed positions.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.split([1, 2, 3, 4], [1, 3]).map((t) => t.toArray())); // => [ [ 1 ], [ 2, 3 ], [ 4 ] ]
 * ```
 */
export const split = (x: TensorLike, cuts: Cuts, axis?: number | SplitOptions): Tensor[] =>
  splitting('split', x, cuts, axisOf('split', axis), true);

/** As {@link split}, but the parts may differ by one in length; the longer ones come first. */
export const arraySplit = (x: TensorLike, cuts: Cuts, axis?: number | SplitOptions): Tensor[] =>
  splitting('arraySplit', x, cuts, axisOf('arraySplit', axis), false);

/** Parts along the second axis (the only one of a vector). */
export const hsplit = (x: TensorLike, cuts: Cuts): Tensor[] =>
  splitting('hsplit', x, cuts, asTensor(x).ndim === 1 ? 0 : 1, true);
/** Parts along the first axis. */
export const vsplit = (x: TensorLike, cuts: Cuts): Tensor[] => splitting('vsplit', x, cuts, 0, true);
/** Parts along the third axis. */
export const dsplit = (x: TensorLike, cuts: Cuts): Tensor[] => splitting('dsplit', x, cuts, 2, true);

/** The slices along an axis (0), without it. */
export function unstack(x: TensorLike, axis?: number | SplitOptions): Tensor[] {
  const t = asTensor(x);
  return prim.unstack(t, normalizeAxis('unstack', axisOf('unstack', axis), t.ndim));
}

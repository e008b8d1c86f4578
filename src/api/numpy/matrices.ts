/**
 * Triangles, diagonals and coordinate grids.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { normalizeAxis } from '../../ir/shape.ts';
import { defaultFloat } from '../../core/config.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import { checkChoice, checkOptions, optionsOf } from '../options.ts';
import { type ShapeLike, toShape } from '../sizes.ts';
import { type DTypeLike, optionalDType } from './dtypes.ts';
import { moveaxis, range } from './movement.ts';
import { flip } from './rearrange.ts';
import { sum } from './reductions.ts';
import { counted } from './unary.ts';

/** True on and below the k-th diagonal. */
function lowerMask(rows: number, columns: number, k: number): Tensor {
  const row = prim.iota([rows, columns], 'int32', 0);
  const column = prim.iota([rows, columns], 'int32', 1);
  return prim.ge(k === 0 ? row : prim.add(row, prim.like(row, k)), column);
}

export interface TriOptions {
  /** Number of columns; that of rows by default. */
  readonly M?: number | undefined;
  readonly k?: number | undefined;
  readonly dtype?: DTypeLike | null | undefined;
}

/** Ones on and below the k-th diagonal, zeros above. */
export function tri(n: number, m?: number | TriOptions | null, diagonalOrOptions?: number | TriOptions): Tensor {
  const rest = typeof diagonalOrOptions === 'number' ? { k: diagonalOrOptions } : diagonalOrOptions;
  const { M, k = 0, dtype } = optionsOf<TriOptions>('tri', 'M', m ?? undefined, rest, ['M', 'k', 'dtype']);
  return prim.convert(lowerMask(n, M ?? n, k), optionalDType('tri', dtype) ?? defaultFloat());
}

export interface DiagonalNumber {
  /** 0 the main diagonal, positive above it. */
  readonly k?: number | undefined;
}

function triangle(op: string, x: TensorLike, k: number | DiagonalNumber | undefined, isLower: boolean): Tensor {
  const t = asTensor(x);
  const { k: number = 0 } = optionsOf<DiagonalNumber>(op, 'k', k, undefined, ['k']);
  if (t.ndim < 2)
    throw new ShapeError(`${op}: expected at least two axes, got ${t.aval.toString()}.`, 'reshape to a matrix first.');
  const [rows, columns] = t.shape.slice(-2) as [number, number];
  const mask = prim.broadcastTo(lowerMask(rows, columns, isLower ? number : number - 1), t.shape);
  const zero = prim.like(t, 0);
  return isLower ? prim.select(mask, t, zero) : prim.select(mask, zero, t);
}

/**
 * The last two axes with zeros above the k-th diagonal.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.tril([[1, 2], [3, 4]]).toArray()); // => [ [ 1, 0 ], [ 3, 4 ] ]
 * ```
 */
export const tril = (x: TensorLike, k?: number | DiagonalNumber): Tensor => triangle('tril', x, k, true);

/** The last two axes with zeros below the k-th diagonal. */
export const triu = (x: TensorLike, k?: number | DiagonalNumber): Tensor => triangle('triu', x, k, false);

export interface DiagonalOptions {
  readonly offset?: number | undefined;
  readonly axis1?: number | undefined;
  readonly axis2?: number | undefined;
}

/**
 * The diagonal of two axes (0 and 1), as the last axis of the result.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.diagonal([[1, 2], [3, 4]]).toArray()); // => [ 1, 4 ]
 * ```
 */
export function diagonal(x: TensorLike, offset?: number | DiagonalOptions, axis1?: number, axis2?: number): Tensor {
  const t = asTensor(x);
  const o = optionsOf<DiagonalOptions>('diagonal', 'offset', offset, undefined, ['offset', 'axis1', 'axis2']);
  const a = normalizeAxis('diagonal', axis1 ?? o.axis1 ?? 0, t.ndim);
  const b = normalizeAxis('diagonal', axis2 ?? o.axis2 ?? 1, t.ndim);
  if (a === b) throw new ArgumentError('diagonal: expected two different axes, got the same twice.');
  const k = o.offset ?? 0;
  const moved = moveaxis(t, [a, b], [-2, -1]);
  const [rows, columns] = moved.shape.slice(-2) as [number, number];
  const [row, column] = [Math.max(0, -k), Math.max(0, k)];
  const n = Math.max(0, Math.min(rows - row, columns - column));
  const outer = moved.shape.slice(0, -2);
  if (n === 0)
    return prim.reshape(prim.sliceAxis(prim.sliceAxis(moved, t.ndim - 2, 0, 0), t.ndim - 1, 0, Math.min(1, columns)), [
      ...outer,
      0,
    ]);
  // Row-major, the diagonal is every (columns + 1)-th element.
  const flat = prim.reshape(moved, [...outer, rows * columns]);
  const start = row * columns + column;
  return prim.sliceAxis(flat, outer.length, start, start + (n - 1) * (columns + 1) + 1, columns + 1);
}

/**
 * The k-th diagonal of a matrix, or the matrix with a vector on its k-th diagonal.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.diag([1, 2]).toArray()); // => [ [ 1, 0 ], [ 0, 2 ] ]
 * ```
 */
export function diag(x: TensorLike, k?: number | DiagonalNumber): Tensor {
  const t = asTensor(x);
  const { k: number = 0 } = optionsOf<DiagonalNumber>('diag', 'k', k, undefined, ['k']);
  if (t.ndim === 2) return diagonal(t, number);
  if (t.ndim !== 1)
    throw new ShapeError(
      `diag: expected a vector or a matrix, got ${t.aval.toString()}.`,
      'use diagonal for more axes.',
    );
  const n = t.size + Math.abs(number);
  if (t.size === 0) return prim.broadcastTo(prim.like(t, 0), [n, n]);
  const zero = prim.like(t, 0);
  // n elements apart in n² elements: padded between, then shaped into rows of n.
  const start = number >= 0 ? number : -number * n;
  const length = (t.size - 1) * (n + 1) + 1;
  const spread = prim.pad(t, zero, { low: [start], high: [n * n - start - length], interior: [n] });
  return prim.reshape(spread, [n, n]);
}

/** The matrix with the flattened array on its k-th diagonal. */
export function diagflat(x: TensorLike, k?: number | DiagonalNumber): Tensor {
  const t = asTensor(x);
  return diag(prim.reshape(t, [t.size]), k);
}

/** Sum of a diagonal. */
export function trace(x: TensorLike, offset?: number | DiagonalOptions, axis1?: number, axis2?: number): Tensor {
  return sum(diagonal(x, offset, axis1, axis2), -1);
}

/** An array with a value on the main diagonal of its axes, as a new array. */
export function fillDiagonal(
  x: TensorLike,
  value: TensorLike,
  options?: { readonly wrap?: boolean; readonly inplace?: false },
): Tensor {
  checkOptions('fillDiagonal', options, ['wrap', 'inplace']);
  const t = asTensor(x);
  if (t.ndim < 2 || (t.ndim > 2 && new Set(t.shape).size > 1)) {
    throw new ShapeError(`fillDiagonal: expected a matrix, or more axes of one length, got ${t.aval.toString()}.`);
  }
  const v = prim.convert(asTensor(value), t.dtype);
  const positions = t.shape.map((_, d) => prim.iota(t.shape, 'int32', d));
  const columns = t.shape[1]!;
  const first = positions[0]!;
  // wrap: in a tall matrix the diagonal starts again after one row is left out.
  const row = options?.wrap && t.ndim === 2 ? prim.rem(first, prim.like(first, columns + 1)) : first;
  const isDiagonal = positions
    .slice(1)
    .reduce((mask: Tensor, p) => prim.and(mask, prim.eq(row, p)), prim.eq(row, positions[1]!));
  if (v.ndim === 0) return prim.select(isDiagonal, v, t);
  const flat = prim.reshape(v, [v.size]);
  const n = Math.min(...t.shape);
  const repeated = flat.size === n ? flat : prim.broadcastTo(prim.sliceAxis(flat, 0, 0, 1), [n]);
  const spread = prim.pad(repeated, prim.like(t, 0), { low: [0], high: [t.shape[0]! - n], interior: [0] });
  const along = prim.reshape(
    spread,
    t.shape.map((m, d) => (d === 0 ? m : 1)),
  );
  return prim.select(isDiagonal, prim.broadcastTo(along, t.shape), t);
}

export interface VanderOptions {
  /** Number of columns; as many as elements by default. */
  readonly N?: number | undefined;
  readonly increasing?: boolean | undefined;
}

/** Powers of a vector as columns: xⁿ⁻¹, …, x, 1; with `increasing` the other way round. */
export function vander(x: TensorLike, n?: number | VanderOptions, options?: VanderOptions): Tensor {
  const t = counted(asTensor(x));
  const { N, increasing = false } = optionsOf<VanderOptions>('vander', 'N', n, options, ['N', 'increasing']);
  const count = N ?? t.size;
  const columns = range(count).map((i) => prim.reshape(prim.integerPow(t, i), [t.size, 1]));
  if (count === 0) return prim.broadcastTo(prim.like(t, 0), [t.size, 0]);
  const joined = prim.concatenate(columns, 1);
  return increasing ? joined : flip(joined, 1);
}

export interface MeshgridOptions {
  /** `'xy'` (the default): the first two axes of the results exchanged; `'ij'`: one axis per vector, in order. */
  readonly indexing?: 'xy' | 'ij' | undefined;
  /** Leave axes other than the own one with size 1. */
  readonly sparse?: boolean | undefined;
  readonly copy?: boolean | undefined;
}

/**
 * Coordinate arrays from coordinate vectors.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * const [x, y] = np.meshgrid([1, 2], [3, 4, 5]);
 * console.log(x!.shape, y!.toArray()); // => [ 3, 2 ] [ [ 3, 3 ], [ 4, 4 ], [ 5, 5 ] ]
 * ```
 */
export function meshgrid(...args: (TensorLike | MeshgridOptions)[]): Tensor[] {
  const last = args.at(-1);
  const hasOptions = last !== undefined && typeof last === 'object' && Object.getPrototypeOf(last) === Object.prototype;
  const options = (hasOptions ? last : {}) as MeshgridOptions;
  checkOptions('meshgrid', options, ['indexing', 'sparse', 'copy']);
  const { indexing = 'xy', sparse = false } = options;
  checkChoice('meshgrid', 'indexing', indexing, ['xy', 'ij']);
  const vectors = (hasOptions ? args.slice(0, -1) : args).map((x) => asTensor(x as TensorLike));
  const rank = vectors.length;
  const axisOf = (i: number): number => (indexing === 'xy' && rank > 1 && i < 2 ? 1 - i : i);
  const full = range(rank).map(() => 1);
  vectors.forEach((v, i) => (full[axisOf(i)] = v.size));
  return vectors.map((v, i) => {
    const own = prim.reshape(
      v,
      full.map((_, d) => (d === axisOf(i) ? v.size : 1)),
    );
    return sparse ? own : prim.broadcastTo(own, full);
  });
}

export interface IndicesOptions {
  readonly dtype?: DTypeLike | null | undefined;
}

/** The index of every element along each axis, stacked along a new first axis; int32 by default. */
export function indices(dimensions: ShapeLike, options?: IndicesOptions): Tensor {
  checkOptions('indices', options, ['dtype']);
  const shape = toShape('indices', dimensions);
  const dtype = optionalDType('indices', options?.dtype) ?? 'int32';
  if (shape.length === 0) return prim.broadcastTo(prim.convert(asTensor(0), dtype), [0]);
  return prim.concatenate(
    shape.map((_, d) => prim.reshape(prim.iota(shape, dtype, d), [1, ...shape])),
    0,
  );
}

/** Row and column numbers of the main diagonal of an n × n matrix, once per axis. */
export function diagIndices(n: number, ndim?: number | { readonly ndim?: number }): Tensor[] {
  const { ndim: axes = 2 } = readOptions<{ readonly ndim: number }>('diagIndices', ['ndim'], [ndim]);
  return range(axes).map(() => prim.iota([n], 'int32'));
}

/** The same for a matrix. */
export const diagIndicesFrom = (x: TensorLike): Tensor[] => {
  const t = asTensor(x);
  return diagIndices(t.shape[0]!, t.ndim);
};

export interface TriangleOptions extends DiagonalNumber {
  /** Number of columns; that of rows by default. */
  readonly m?: number | undefined;
}

function triangleIndices(op: string, rows: number, given: readonly unknown[], isLower: boolean): [Tensor, Tensor] {
  const { k = 0, m: columns = rows } = readOptions<TriangleOptions>(op, ['k', 'm'], given);
  const cells = range(rows).flatMap((i) =>
    range(columns).flatMap((j) => ((isLower ? j <= i + k : j >= i + k) ? [[i, j] as const] : [])),
  );
  const column = (d: 0 | 1): Tensor => asTensor(Int32Array.from(cells, (c) => c[d]));
  return [column(0), column(1)];
}

/** Row and column numbers of the elements on and below the k-th diagonal. */
export const trilIndices = (n: number, k?: number | TriangleOptions, m?: number | TriangleOptions): [Tensor, Tensor] =>
  triangleIndices('trilIndices', n, [k, m], true);
/** Row and column numbers of the elements on and above the k-th diagonal. */
export const triuIndices = (n: number, k?: number | TriangleOptions, m?: number | TriangleOptions): [Tensor, Tensor] =>
  triangleIndices('triuIndices', n, [k, m], false);

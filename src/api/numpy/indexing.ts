/**
 * Selecting elements by positions and masks.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`, `api/indexing`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { isInteger } from '../../ir/dtype.ts';
import { broadcastShapes, normalizeAxis, rowMajorStrides, type Shape, sizeOf } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { toIndexMode } from '../indexing.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { checkOptions, optionsOf } from '../options.ts';
import { mod } from './binary.ts';
import { type ShapeLike, toShape } from '../sizes.ts';
import { range, ravel } from './movement.ts';
import { gatherAxis } from './static-take.ts';
import { int, keepTrue, type SizedOptions, truePositions } from './true-positions.ts';
import { truth } from './unary.ts';

export interface TakeOptions {
  /** The flattened array by default. */
  readonly axis?: number | null | undefined;
  /** Out of bounds: `'fill'` (default) gives NaN or an extreme integer, `'clip'` clamps (negatives too), `'wrap'` counts modulo. */
  readonly mode?: 'fill' | 'clip' | 'wrap' | 'promise_in_bounds' | null | undefined;
  readonly fillValue?: number | undefined;
  readonly uniqueIndices?: boolean | undefined;
  readonly indicesAreSorted?: boolean | undefined;
}

const takeKeys = ['axis', 'mode', 'fillValue', 'uniqueIndices', 'indicesAreSorted'] as const;

/** int32 indices with negative ones counted from the end. */
function wrapNegative(indices: Tensor, n: number): Tensor {
  return prim.select(prim.lt(indices, prim.like(indices, 0)), prim.add(indices, prim.like(indices, n)), indices);
}

function toIndices(op: string, x: TensorLike): Tensor {
  const t = asTensor(x);
  if (!isInteger(t.dtype) && !t.aval.weakType && t === x) {
    throw new ArgumentError(
      `${op}: expected integer indices, got ${t.aval.toString()}.`,
      'convert with astype("int32") first.',
    );
  }
  return prim.convert(t, 'int32');
}

/**
 * Elements at positions along an axis (of the flattened array by default).
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.take([[1, 2], [3, 4]], [1, 0], 0).toArray()); // => [ [ 3, 4 ], [ 1, 2 ] ]
 * ```
 */
export function take(
  x: TensorLike,
  indices: TensorLike,
  axis?: number | null | TakeOptions,
  options?: TakeOptions,
): Tensor {
  const o = optionsOf<TakeOptions>('take', 'axis', axis, options, takeKeys);
  const isFlat = o.axis === undefined || o.axis === null;
  const t = isFlat ? ravel(x) : asTensor(x);
  const d = isFlat ? 0 : normalizeAxis('take', o.axis!, t.ndim);
  const n = t.shape[d]!;
  const at = toIndices('take', indices);
  if (o.mode === 'wrap') return gatherAxis(t, mod(at, n), d, 'promise_in_bounds');
  if (o.mode === 'clip') return gatherAxis(t, at, d, 'clip');
  return gatherAxis(t, wrapNegative(at, n), d, toIndexMode('take', o.mode, 'fill'), o.fillValue);
}

/**
 * y[…, j, …] = x[…, indices[…, j, …], …] along an axis; other axes broadcast.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.takeAlongAxis([[1, 2], [3, 4]], [[1], [0]], 1).toArray()); // => [ [ 2 ], [ 3 ] ]
 * ```
 */
export function takeAlongAxis(
  x: TensorLike,
  indices: TensorLike,
  axis?: number | null | TakeOptions,
  options?: TakeOptions,
): Tensor {
  const o = optionsOf<TakeOptions>('takeAlongAxis', 'axis', axis, options, takeKeys);
  const isFlat = o.axis === null;
  const t = isFlat ? ravel(x) : asTensor(x);
  let at = toIndices('takeAlongAxis', indices);
  if (isFlat) at = ravel(at);
  const { d, operand, rows } = alongAxis('takeAlongAxis', t, at, isFlat ? 0 : (o.axis ?? -1));
  const others = range(t.ndim).filter((k) => k !== d);
  return prim.gather(operand, prim.reshape(wrapNegative(rows, t.shape[d]!), [...rows.shape, 1]), {
    dimensionNumbers: {
      offsetDims: [],
      collapsedSliceDims: [d],
      startIndexMap: [d],
      operandBatchingDims: others,
      startIndicesBatchingDims: others,
    },
    sliceSizes: t.shape.map(() => 1),
    mode: toIndexMode('takeAlongAxis', o.mode, 'fill'),
    ...(o.fillValue === undefined ? {} : { fillValue: o.fillValue }),
  });
}

/** Operand and indices broadcast against each other outside the axis. */
function alongAxis(op: string, t: Tensor, at: Tensor, axis: number): { d: number; operand: Tensor; rows: Tensor } {
  if (t.ndim !== at.ndim) {
    throw new ShapeError(
      `${op}: expected as many axes in the indices, got ${at.aval.toString()} for ${t.aval.toString()}.`,
      'add axes with expandDims.',
    );
  }
  const d = normalizeAxis(op, axis, t.ndim);
  const without = (shape: Shape, n: number): number[] => shape.map((m, k) => (k === d ? n : m));
  const common = broadcastShapes(op, without(t.shape, 1), without(at.shape, 1));
  return {
    d,
    operand: prim.broadcastTo(t, without(common, t.shape[d]!)),
    rows: prim.broadcastTo(at, without(common, at.shape[d]!)),
  };
}

/** A copy of x with `values` written where {@link takeAlongAxis} would read. */
export function putAlongAxis(
  x: TensorLike,
  indices: TensorLike,
  values: TensorLike,
  axis: number | { readonly axis: number; readonly inplace?: false },
): Tensor {
  const o = optionsOf<{ axis?: number }>('putAlongAxis', 'axis', axis, undefined, ['axis', 'inplace']);
  const t = asTensor(x);
  const { d, operand, rows } = alongAxis('putAlongAxis', t, toIndices('putAlongAxis', indices), o.axis ?? -1);
  const others = range(t.ndim).filter((k) => k !== d);
  const updates = prim.broadcastTo(prim.convert(asTensor(values), t.dtype), rows.shape);
  return prim.scatter(operand, prim.reshape(wrapNegative(rows, t.shape[d]!), [...rows.shape, 1]), updates, {
    dimensionNumbers: {
      updateWindowDims: [],
      insertedWindowDims: [d],
      scatterDimsToOperandDims: [d],
      operandBatchingDims: others,
      scatterIndicesBatchingDims: others,
    },
    mode: 'fill',
    uniqueIndices: false,
    indicesAreSorted: false,
  });
}

/** From `choices[index]` elementwise; `mode` `'clip'` or `'wrap'` for indices out of bounds. */
export function choose(
  index: TensorLike,
  choices: readonly TensorLike[],
  options?: { readonly mode?: 'raise' | 'clip' | 'wrap' },
): Tensor {
  checkOptions('choose', options, ['mode']);
  const tensors = choices.map(asTensor);
  const at = toIndices('choose', index);
  const n = tensors.length;
  const shape = broadcastShapes('choose', at.shape, ...tensors.map((t) => t.shape));
  const positions = options?.mode === 'wrap' ? mod(at, n) : prim.clamp(prim.like(at, 0), at, prim.like(at, n - 1));
  return tensors.reduceRight(
    (rest: Tensor, t, i) => prim.select(prim.eq(positions, prim.like(positions, i)), prim.broadcastTo(t, shape), rest),
    prim.broadcastTo(tensors[n - 1]!, shape),
  );
}

export type { SizedOptions };

const sizedKeys = ['size', 'fillValue'] as const;

/**
 * Positions of nonzero elements of the flattened array.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.flatnonzero([0, 3, 0, 4]).toArray()); // => [ 1, 3 ]
 * ```
 */
export function flatnonzero(x: TensorLike, options?: SizedOptions): Tensor {
  checkOptions('flatnonzero', options, sizedKeys);
  return truePositions('flatnonzero', ravel(truth(x)), options?.size, int(options?.fillValue ?? 0));
}

/**
 * Positions of nonzero elements, one int32 vector an axis. Inside traced functions `size` fixes their number.
 */
export function nonzero(x: TensorLike, options?: SizedOptions): Tensor[] {
  checkOptions('nonzero', options, sizedKeys);
  const t = truth(x);
  const outside = prim.like(int(0), -1);
  const flat = truePositions('nonzero', ravel(t), options?.size, outside);
  const isFilled = prim.lt(flat, prim.like(flat, 0));
  const strides = rowMajorStrides(t.shape);
  const fills = options?.fillValue;
  return t.shape.map((n, d) => {
    const fill = int(Array.isArray(fills) ? (fills[d] as TensorLike) : (fills ?? 0));
    const at = prim.rem(prim.div(flat, prim.like(flat, Math.max(1, strides[d]!))), prim.like(flat, Math.max(1, n)));
    return prim.select(isFilled, fill, at);
  });
}

/** Positions of nonzero elements as rows. */
export function argwhere(x: TensorLike, options?: SizedOptions): Tensor {
  checkOptions('argwhere', options, sizedKeys);
  const t = asTensor(x);
  if (t.ndim === 0) return prim.broadcastTo(int(0), [truth(t).item(), 0]);
  return prim.concatenate(
    nonzero(t, options).map((column) => prim.reshape(column, [column.size, 1])),
    1,
  );
}

export interface CompressOptions extends SizedOptions {
  readonly axis?: number | null | undefined;
}

/** Elements along an axis (of the flattened array by default) where a vector of conditions is true. */
export function compress(
  condition: TensorLike,
  x: TensorLike,
  axis?: number | null | CompressOptions,
  options?: CompressOptions,
): Tensor {
  const o = optionsOf<CompressOptions>('compress', 'axis', axis, options, ['axis', 'size', 'fillValue']);
  const isFlat = o.axis === undefined || o.axis === null;
  const t = isFlat ? ravel(x) : asTensor(x);
  const d = isFlat ? 0 : normalizeAxis('compress', o.axis!, t.ndim);
  return keepTrue('compress', ravel(truth(condition)), t, d, o);
}

/** Elements of the flattened array where a condition of its shape is true. */
export const extract = (condition: TensorLike, x: TensorLike, options?: SizedOptions): Tensor =>
  compress(ravel(condition), ravel(x), { axis: 0, ...options });

/** Positions in the flattened array from positions on each axis. `mode`: `'clip'` or `'wrap'`; `'raise'` is treated as clip. */
export function ravelMultiIndex(
  positions: readonly TensorLike[],
  dims: ShapeLike,
  options?: { readonly mode?: 'raise' | 'wrap' | 'clip'; readonly order?: 'C' | 'F' },
): Tensor {
  checkOptions('ravelMultiIndex', options, ['mode', 'order']);
  const shape = toShape('ravelMultiIndex', dims);
  if (positions.length !== shape.length) {
    throw new ArgumentError(`ravelMultiIndex: expected ${shape.length} index arrays, got ${positions.length}.`);
  }
  const strides = options?.order === 'F' ? rowMajorStrides(shape.toReversed()).toReversed() : rowMajorStrides(shape);
  const terms = positions.map((p, d) => {
    const at = toIndices('ravelMultiIndex', p);
    const n = shape[d]!;
    const inside = options?.mode === 'wrap' ? mod(at, n) : prim.clamp(prim.like(at, 0), at, prim.like(at, n - 1));
    return prim.mul(inside, prim.like(inside, strides[d]!));
  });
  return terms.reduce(prim.add);
}

/** Positions on each axis from positions in the flattened array. */
export function unravelIndex(indices: TensorLike, shape: ShapeLike): Tensor[] {
  const dims = toShape('unravelIndex', shape);
  const size = sizeOf(dims);
  const raw = toIndices('unravelIndex', indices);
  const at = prim.clamp(prim.like(raw, 0), wrapNegative(raw, size), prim.like(raw, Math.max(0, size - 1)));
  const strides = rowMajorStrides(dims);
  return dims.map((n, d) =>
    prim.rem(prim.div(at, prim.like(at, Math.max(1, strides[d]!))), prim.like(at, Math.max(1, n))),
  );
}

/** Index arrays of an open mesh: `x.slice(...np.ix(rows, columns))` selects the rows and columns. */
export function ix(...vectors: TensorLike[]): Tensor[] {
  return vectors.map((v, d) => {
    const at = asTensor(v).dtype === 'bool' ? flatnonzero(v) : toIndices('ix', v);
    return prim.reshape(
      at,
      range(vectors.length).map((k) => (k === d ? at.size : 1)),
    );
  });
}
export { ix as ix_ };

export interface SearchOptions {
  /** `'left'` (default): before equal elements; `'right'`: after them. */
  readonly side?: 'left' | 'right' | undefined;
  /** Positions that sort the array. */
  readonly sorter?: TensorLike | null | undefined;
  readonly method?: string | undefined;
}

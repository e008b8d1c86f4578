/**
 * Functions of `lax` that read and write at positions that are values: dynamic slices, gather, scatter.
 * May import: `ir`, `core`, `primitives`, `api/lift`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import { normalizeAxis, type Shape } from '../../ir/shape.ts';
import { scalarTensor, Tensor } from '../../core/tensor.ts';
import { add, like } from '../../primitives/arithmetic.ts';
import { lt } from '../../primitives/compare.ts';
import type { ScatterDimensionNumbers as FullScatterNumbers, ScatterParams } from '../../primitives/define-scatter.ts';
import {
  dynamicSlice as dynamicSliceOf,
  dynamicUpdateSlice as dynamicUpdateSliceOf,
} from '../../primitives/dynamic.ts';
import {
  type GatherDimensionNumbers as FullGatherNumbers,
  gather as gatherOf,
  scatter as scatterOf,
  scatterAdd as scatterAddOf,
} from '../../primitives/indexing.ts';
import {
  scatterMax as scatterMaxOf,
  scatterMin as scatterMinOf,
  scatterMul as scatterMulOf,
} from '../../primitives/scatter-combine.ts';
import { select } from '../../primitives/select.ts';
import { sliceAxis } from '../../primitives/slice.ts';
import { reshape } from '../../primitives/structural.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { readArgument, readOptions } from '../named.ts';
import { toShape } from '../sizes.ts';
import { checkOptions } from '../options.ts';
import { asIndex } from './operands.ts';

/** Start positions: one scalar an axis, or a vector of them. */
export type StartIndices = readonly TensorLike[] | Tensor;

/** A position as an int32 scalar; negative ones count from the end. */
function position(x: TensorLike, size: number): Tensor {
  if (typeof x === 'number') return scalarTensor(x < 0 ? x + size : x, 'int32');
  const i = asIndex(x);
  return select(lt(i, like(i, 0)), add(i, like(i, size)), i);
}

function positions(op: string, starts: StartIndices, shape: Shape): Tensor[] {
  const whole = starts instanceof Tensor ? starts.current() : undefined;
  const list = whole
    ? shape.map((_, d) => reshape(sliceAxis(whole, 0, d, d + 1), []))
    : (starts as readonly TensorLike[]);
  if (list.length !== shape.length) {
    throw new ArgumentError(`${op}: expected ${shape.length} start indices, one an axis, got ${list.length}.`);
  }
  return list.map((s, d) => position(s, shape[d]!));
}

/** The window of `sliceSizes` at a position that may be traced; positions are clamped so that the window fits. */
export function dynamicSlice(
  x: TensorLike,
  startIndices: StartIndices,
  sliceSizes: Shape | { readonly sliceSizes: Shape },
): Tensor {
  const t = asTensor(x);
  const sizes = toShape('lax.dynamicSlice', readArgument<Shape>('lax.dynamicSlice', 'sliceSizes', sliceSizes));
  return dynamicSliceOf(t, positions('lax.dynamicSlice', startIndices, t.shape), sizes);
}

const zerosExcept = (rank: number, axis: number, start: TensorLike): TensorLike[] =>
  Array.from({ length: rank }, (_, d) => (d === axis ? start : 0));

interface AxisOptions {
  readonly axis?: number;
  readonly keepdims?: boolean;
}

type AxisArgument = number | { readonly axis?: number };

const axisOf = (op: string, axis: AxisArgument | undefined, rank: number): number =>
  normalizeAxis(op, readOptions<{ readonly axis?: number }>(op, ['axis'], [axis]).axis ?? 0, rank);

/** The window of `sliceSize` elements along one axis. */
export function dynamicSliceInDim(
  x: TensorLike,
  startIndex: TensorLike,
  sliceSize: number,
  axis?: AxisArgument,
): Tensor {
  const t = asTensor(x);
  const d = axisOf('lax.dynamicSliceInDim', axis, t.ndim);
  return dynamicSlice(
    t,
    zerosExcept(t.ndim, d, startIndex),
    t.shape.map((n, k) => (k === d ? sliceSize : n)),
  );
}

/** `x[index]` along one axis, at a position that may be traced. */
export function dynamicIndexInDim(
  x: TensorLike,
  index: TensorLike,
  axis?: number | AxisOptions,
  keepdims?: boolean | AxisOptions,
): Tensor {
  const t = asTensor(x);
  const o = readOptions<AxisOptions>('lax.dynamicIndexInDim', ['axis', 'keepdims'], [axis, keepdims]);
  const d = normalizeAxis('lax.dynamicIndexInDim', o.axis ?? 0, t.ndim);
  const taken = dynamicSliceInDim(t, index, 1, d);
  return (o.keepdims ?? true)
    ? taken
    : reshape(
        taken,
        t.shape.filter((_, k) => k !== d),
      );
}

/** `x` with `update` written at a position that may be traced (clamped so that it fits). */
export function dynamicUpdateSlice(x: TensorLike, update: TensorLike, startIndices: StartIndices): Tensor {
  const t = asTensor(x);
  return dynamicUpdateSliceOf(t, asTensor(update), positions('lax.dynamicUpdateSlice', startIndices, t.shape));
}

/** The same along one axis, at 0 along the others. */
export function dynamicUpdateSliceInDim(
  x: TensorLike,
  update: TensorLike,
  startIndex: TensorLike,
  axis?: AxisArgument,
): Tensor {
  const t = asTensor(x);
  return dynamicUpdateSlice(
    t,
    update,
    zerosExcept(t.ndim, axisOf('lax.dynamicUpdateSliceInDim', axis, t.ndim), startIndex),
  );
}

/** `x` with row `index` of an axis replaced; `update` may lack that axis. */
export function dynamicUpdateIndexInDim(
  x: TensorLike,
  update: TensorLike,
  index: TensorLike,
  axis?: AxisArgument,
): Tensor {
  const t = asTensor(x);
  const d = axisOf('lax.dynamicUpdateIndexInDim', axis, t.ndim);
  const u = asTensor(update);
  const row = u.ndim === t.ndim ? u : reshape(u, u.shape.toSpliced(d, 0, 1));
  return dynamicUpdateSliceInDim(t, row, index, d);
}

type Optional<T, K extends keyof T> = Omit<T, K> & { readonly [P in K]?: T[P] };

/** As in `jax.lax.GatherDimensionNumbers`. */
export type GatherDimensionNumbers = Optional<FullGatherNumbers, 'operandBatchingDims' | 'startIndicesBatchingDims'>;
/** As in `jax.lax.ScatterDimensionNumbers`. */
export type ScatterDimensionNumbers = Optional<
  FullScatterNumbers,
  'operandBatchingDims' | 'scatterIndicesBatchingDims'
>;

/** What happens at positions outside: `clip` moves them inside; `fill` and `drop` read a fill value and skip updates. */
export type GatherScatterMode = 'clip' | 'fill' | 'drop' | 'promise_in_bounds';

const indexMode = (mode: GatherScatterMode): ScatterParams['mode'] => (mode === 'drop' ? 'fill' : mode);

export interface GatherOptions {
  readonly indicesAreSorted?: boolean;
  readonly uniqueIndices?: boolean;
  readonly mode?: GatherScatterMode;
  readonly fillValue?: number;
}

/** Windows of `sliceSizes` at the positions in `startIndices`, whose last axis holds the components of a position. */
export function gather(
  x: TensorLike,
  startIndices: TensorLike,
  dimensionNumbers: GatherDimensionNumbers,
  sliceSizes: Shape,
  options: GatherOptions = {},
): Tensor {
  checkOptions('lax.gather', options, ['indicesAreSorted', 'uniqueIndices', 'mode', 'fillValue']);
  const { mode = 'fill', fillValue } = options;
  return gatherOf(asTensor(x), asIndex(startIndices), {
    dimensionNumbers: { operandBatchingDims: [], startIndicesBatchingDims: [], ...dimensionNumbers },
    sliceSizes,
    mode: indexMode(mode),
    ...(fillValue === undefined ? {} : { fillValue }),
  });
}

export interface ScatterOptions {
  readonly indicesAreSorted?: boolean;
  /** Promises that no element is updated twice. */
  readonly uniqueIndices?: boolean;
  readonly mode?: GatherScatterMode;
}

type ScatterFunction = (
  x: TensorLike,
  scatterIndices: TensorLike,
  updates: TensorLike,
  dimensionNumbers: ScatterDimensionNumbers,
  options?: ScatterOptions,
) => Tensor;

const scatterWith =
  (
    name: string,
    apply: (x: Tensor, indices: Tensor, updates: Tensor, params: ScatterParams) => Tensor,
  ): ScatterFunction =>
  (x, indices, updates, dimensionNumbers, options = {}) => {
    checkOptions(name, options, ['indicesAreSorted', 'uniqueIndices', 'mode']);
    return apply(asTensor(x), asIndex(indices), asTensor(updates), {
      dimensionNumbers: { operandBatchingDims: [], scatterIndicesBatchingDims: [], ...dimensionNumbers },
      mode: indexMode(options.mode ?? 'fill'),
      uniqueIndices: options.uniqueIndices ?? false,
      indicesAreSorted: options.indicesAreSorted ?? false,
    });
  };

/** `x` with windows replaced by updates. */
export const scatter: ScatterFunction = scatterWith('lax.scatter', scatterOf);
/** `x` with updates added to windows; repeated positions add up. */
export const scatterAdd: ScatterFunction = scatterWith('lax.scatterAdd', scatterAddOf);
export const scatterMul: ScatterFunction = scatterWith('lax.scatterMul', scatterMulOf);
export const scatterMin: ScatterFunction = scatterWith('lax.scatterMin', scatterMinOf);
export const scatterMax: ScatterFunction = scatterWith('lax.scatterMax', scatterMaxOf);

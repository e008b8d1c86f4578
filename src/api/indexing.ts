/**
 * Indexing with NumPy's and JAX's rules: `x.slice(...)` reads, `x.at(...)` reads with a mode or gives an updated copy.
 * Numbers and ranges become slices; arrays of integers become one gather or scatter.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { isInteger } from '../ir/dtype.ts';
import { ArgumentError, DTypeError, ShapeError, TraceError } from '../ir/errors.ts';
import { rowMajorStrides, sameShape, type Shape, tryBroadcastShapes } from '../ir/shape.ts';
import { Aval } from '../ir/aval.ts';
import { deviceTensor, Tensor } from '../core/tensor.ts';
import * as prim from '../primitives/index.ts';
import { asTensor, type TensorLike } from './lift.ts';
import { isOptions } from './options.ts';

/** `start:stop:step` of an axis; negative positions count from the end, a negative step goes backwards. */
export interface Range {
  readonly start?: number | null | undefined;
  readonly stop?: number | null | undefined;
  readonly step?: number | null | undefined;
}

/**
 * One entry of an index: a number, a range (`{}` or `':'` for a whole axis), `null` for a new axis, `'...'` for as many whole axes as
 * are left, an array of integers, or a boolean mask.
 */
export type Index = number | Range | null | '...' | ':' | TensorLike | readonly Tensor[];

/** What an entry does to the axis it stands at. */
export type Entry =
  | { readonly kind: 'number'; readonly at: number }
  | { readonly kind: 'range'; readonly start: number; readonly step: number; readonly length: number }
  | { readonly kind: 'array'; readonly indices: Tensor }
  | { readonly kind: 'newaxis' };

/** An index understood for one shape: an axis of the operand for every entry but new axes. */
export interface ParsedIndex {
  readonly entries: readonly Entry[];
  readonly isBasic: boolean;
}

const isRange = (x: unknown): x is Range => isOptions(x);

/** Positions where a concrete mask is true, one int32 vector an axis. */
function maskPositions(op: string, mask: Tensor, along: Shape): Tensor[] {
  const { shape } = mask;
  if (!sameShape(shape, along)) {
    throw new ShapeError(
      `${op}: expected a boolean mask of the shape [${along.join(',')}] of the axes it stands at, got ${mask.aval.toString()}.`,
      'a mask has one boolean for each element, or for each row, it selects from.',
    );
  }
  let data;
  try {
    data = mask.concrete(`${op}: boolean mask`).read();
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    throw new TraceError(
      `${op}: expected a boolean mask with numbers, got the traced ${mask.aval.toString()}; the shape of the result would depend on its values.`,
      'use np.where(mask, x, y), or np.nonzero(mask, { size }) for a fixed number of positions.',
    );
  }
  const found: number[] = [];
  data.forEach((v, i) => v !== 0 && found.push(i));
  const strides = rowMajorStrides(shape);
  return shape.map((n, d) => {
    const at = Int32Array.from(found, (i) => Math.floor(i / strides[d]!) % n);
    return deviceTensor(at, new Aval([at.length], 'int32'));
  });
}

/** One list that holds more than numbers is Python's tuple: `x.slice(np.ix(a, b))` is `x.slice(...np.ix(a, b))`. */
function spreadTuple(index: readonly Index[]): readonly Index[] {
  const [only] = index;
  if (index.length !== 1 || !Array.isArray(only)) return index;
  const isEntry = (x: unknown): boolean =>
    x === null || typeof x === 'string' || isOptions(x) || (x instanceof Tensor && x.ndim > 0);
  return only.some(isEntry) ? (only as readonly Index[]) : index;
}

type Item = number | Range | null | '...' | Tensor;

const isMask = (item: Item): item is Tensor => item instanceof Tensor && item.dtype === 'bool';

/** Number of axes that an entry stands at. */
function widthOf(item: Item): number {
  if (item === null || item === '...') return 0;
  return isMask(item) ? item.ndim : 1;
}

function toItem(op: string, item: Index): Item {
  if (item === undefined) {
    throw new ArgumentError(
      `${op}: expected an index, got undefined.`,
      'use {} for a whole axis and null for a new one.',
    );
  }
  if (item === ':') return {};
  if (item === null || item === '...' || typeof item === 'number' || isRange(item)) return item;
  if (typeof item !== 'string') return asIndexTensor(item);
  throw new ArgumentError(
    `${op}: expected numbers, ranges, null, '...' or arrays, got ${JSON.stringify(item)}.`,
    'a range is an object: { start: 1, stop: 3 }.',
  );
}

/** Tensors for arrays; masks split into positions; whole axes in place of `'...'`. */
function expand(op: string, shape: Shape, index: readonly Index[]): (number | Range | null | Tensor)[] {
  const items = spreadTuple(index).map((item) => toItem(op, item));
  const used = items.reduce((n: number, item) => n + widthOf(item), 0);
  const ellipses = items.filter((i) => i === '...').length;
  if (used > shape.length || ellipses > 1) {
    throw new ShapeError(
      `${op}: expected at most ${shape.length} entries and one '...', got ${used} entries and ${ellipses} '...' for shape [${shape.join(',')}].`,
      'each entry stands for one axis (a range is one: { start, stop, step }); new axes (null) do not count.',
    );
  }
  const rest = Array.from({ length: shape.length - used }, (): Range => ({}));
  let axis = 0;
  const full = items.flatMap((item): (number | Range | null | Tensor)[] => {
    const start = axis;
    axis += item === '...' ? rest.length : widthOf(item);
    if (item === '...') return rest;
    return isMask(item) ? maskPositions(op, item, shape.slice(start, axis)) : [item];
  });
  return ellipses === 1 ? full : [...full, ...rest];
}

/** Integers (numbers in nested arrays count as such) or booleans. */
function asIndexTensor(item: TensorLike): Tensor {
  const t = asTensor(item);
  if (t.dtype === 'bool' || isInteger(t.dtype)) return t;
  if (item instanceof Tensor && !t.aval.weakType) {
    throw new DTypeError(
      `index: expected integers or booleans, got ${t.aval.toString()}.`,
      'convert with astype("int32") first.',
    );
  }
  return prim.convert(t, 'int32');
}

function resolveNumber(op: string, i: number, n: number, axis: number): number {
  if (Number.isInteger(i) && i >= -n && i < n) return i < 0 ? i + n : i;
  throw new ShapeError(
    `${op}: expected an index between ${-n} and ${n - 1} on axis ${axis}, got ${i}.`,
    'the axis has that many elements; array indices are clamped instead.',
    { index: i, axis, size: n },
  );
}

/** As Python's `slice.indices`. */
function resolveRange(op: string, range: Range, n: number): Entry {
  for (const key of Object.keys(range)) {
    if (key !== 'start' && key !== 'stop' && key !== 'step') {
      throw new ArgumentError(`${op}: expected a range { start, stop, step }, got the key ${key}.`);
    }
  }
  const part = (value: number | null | undefined, name: string): number | undefined => {
    if (value === null || value === undefined) return undefined;
    // Concrete scalars convert; traced ones explain themselves.
    const v = (value as unknown) instanceof Tensor ? (value as unknown as Tensor).item() : value;
    if (Number.isInteger(v)) return v;
    throw new ArgumentError(
      `${op}: expected ${name} to be an integer, got ${String(v)}.`,
      'for traced positions use lax.dynamicSlice.',
    );
  };
  const step = part(range.step, 'step') ?? 1;
  if (step === 0) throw new ArgumentError(`${op}: expected a step other than 0, got 0.`);
  const [low, high] = step > 0 ? [0, n] : [-1, n - 1];
  const clamp = (v: number | undefined, otherwise: number): number =>
    v === undefined ? otherwise : Math.max(low, Math.min(high, v < 0 ? v + n : v));
  const start = clamp(part(range.start, 'start'), step > 0 ? low : high);
  const stop = clamp(part(range.stop, 'stop'), step > 0 ? high : low);
  return { kind: 'range', start, step, length: Math.max(0, Math.ceil((stop - start) / step)) };
}

export function parseIndex(op: string, shape: Shape, index: readonly Index[]): ParsedIndex {
  let axis = 0;
  const entries = expand(op, shape, index).map((item): Entry => {
    if (item === null) return { kind: 'newaxis' };
    const n = shape[axis++]!;
    if (typeof item === 'number') return { kind: 'number', at: resolveNumber(op, item, n, axis - 1) };
    if (item instanceof Tensor) return { kind: 'array', indices: item };
    return resolveRange(op, item, n);
  });
  const hasArrays = entries.some((e) => e.kind === 'array');
  if (!hasArrays) return { entries, isBasic: true };
  // Beside arrays a number is an array of no axes.
  const mixed = entries.map((e): Entry => (e.kind === 'number' ? { kind: 'array', indices: constantIndex(e.at) } : e));
  return { entries: mixed, isBasic: false };
}

export const constantIndex = (at: number): Tensor => prim.convert(asTensor(at), 'int32');

export type RangeEntry = Extract<Entry, { kind: 'range' }>;

/** The ranges applied; numbers count as ranges of length 1, arrays as whole axes. */
export function applyRanges(x: Tensor, entries: readonly Entry[]): Tensor {
  const ranges = axisEntries(entries).map((e, d): RangeEntry => {
    if (e.kind === 'range') return e;
    return e.kind === 'number'
      ? { kind: 'range', start: e.at, step: 1, length: 1 }
      : { kind: 'range', start: 0, step: 1, length: x.shape[d]! };
  });
  const bounds = ranges.map(ascending);
  const sliced = prim.slice(x, {
    start: bounds.map((b) => b.start),
    limit: bounds.map((b) => b.limit),
    strides: bounds.map((b) => b.stride),
  });
  return prim.reverse(
    sliced,
    ranges.flatMap((r, d) => (r.step < 0 && r.length > 1 ? [d] : [])),
  );
}

export const axisEntries = (entries: readonly Entry[]): Entry[] => entries.filter((e) => e.kind !== 'newaxis');

/** A range as an ascending slice. */
export function ascending({ start, step, length }: RangeEntry): { start: number; limit: number; stride: number } {
  if (length === 0) return { start: 0, limit: 0, stride: 1 };
  const last = start + (length - 1) * step;
  return step > 0 ? { start, limit: last + 1, stride: step } : { start: last, limit: start + 1, stride: -step };
}

/** Shape of a basic index's result: numbers drop their axis, new axes have size 1. */
export const basicShape = (entries: readonly Entry[]): number[] =>
  entries.flatMap((e) => (e.kind === 'range' ? [e.length] : e.kind === 'newaxis' ? [1] : []));

// Advanced indexing.

export interface Layout {
  /** Common shape of the index arrays. */
  readonly common: readonly number[];
  /** Where its axes stand in the result. */
  readonly position: number;
  /** Shape of the result, without new axes and with them. */
  readonly shape: readonly number[];
  readonly shapeWithNew: readonly number[];
  /** Operand axes indexed by arrays, and their int32 indices, negative ones counted from the end. */
  readonly axes: readonly number[];
  readonly indices: readonly Tensor[];
}

/** Index arrays that stand side by side put their axes where the first stands, others in front (NumPy's rule). */
export function layoutOf(op: string, entries: readonly Entry[], x: Shape, normalize: boolean): Layout {
  const arrays = entries.flatMap((e, i) => (e.kind === 'array' ? [{ i, indices: e.indices }] : []));
  const common = tryBroadcastShapes(arrays.map((a) => a.indices.shape));
  if (!common) {
    const got = arrays.map((a) => a.indices.aval.toString()).join(', ');
    throw new ShapeError(
      `${op}: expected index arrays that broadcast together, got ${got}.`,
      'use np.ix for an open mesh.',
    );
  }
  const isTogether = arrays.every((a, k) => k === 0 || a.i === arrays[k - 1]!.i + 1);
  const first = arrays[0]!.i;
  const plain = (list: readonly Entry[], withNew: boolean): number[] =>
    list.flatMap((e) => (e.kind === 'range' ? [e.length] : withNew && e.kind === 'newaxis' ? [1] : []));
  const before = (withNew: boolean): number[] => (isTogether ? plain(entries.slice(0, first), withNew) : []);
  const after = (withNew: boolean): number[] =>
    isTogether ? plain(entries.slice(first), withNew) : plain(entries, withNew);
  const axes = axisEntries(entries).flatMap((e, d) => (e.kind === 'array' ? [d] : []));
  const indices = arrays.map(({ indices: t }, k) => {
    const n = x[axes[k]!]!;
    const t32 = prim.convert(t, 'int32');
    if (!normalize || !isSignedDType(t)) return t32;
    return prim.select(prim.lt(t32, prim.like(t32, 0)), prim.add(t32, prim.like(t32, n)), t32);
  });
  return {
    common,
    position: before(false).length,
    shape: [...before(false), ...common, ...after(false)],
    shapeWithNew: [...before(true), ...common, ...after(true)],
    axes,
    indices,
  };
}

const isSignedDType = (t: Tensor): boolean => t.dtype === 'int32';

/** Rows of positions: the index arrays, broadcast, along a last axis. */
export function rowsOf(indices: readonly Tensor[], common: readonly number[]): Tensor {
  return prim.concatenate(
    indices.map((t) => prim.reshape(prim.broadcastTo(t, common), [...common, 1])),
    common.length,
  );
}

/** How out-of-bounds positions of index arrays are treated. */
export type IndexModeName = 'promise_in_bounds' | 'promiseInBounds' | 'clip' | 'fill' | 'drop';

export function toIndexMode(op: string, mode: string | null | undefined, otherwise: prim.IndexMode): prim.IndexMode {
  if (mode === undefined || mode === null) return otherwise;
  if (mode === 'clip') return 'clip';
  if (mode === 'fill' || mode === 'drop') return 'fill';
  if (mode === 'promise_in_bounds' || mode === 'promiseInBounds') return 'promise_in_bounds';
  throw new ArgumentError(`${op}: expected mode to be one of promise_in_bounds, clip, fill, drop, got ${mode}.`);
}

function gatherIndexed(
  op: string,
  x: Tensor,
  entries: readonly Entry[],
  mode: prim.IndexMode,
  fillValue: number | undefined,
): Tensor {
  const view = applyRanges(x, entries);
  const layout = layoutOf(op, entries, x.shape, true);
  const rank = layout.shape.length;
  const isBatch = (d: number): boolean => d >= layout.position && d < layout.position + layout.common.length;
  const out = prim.gather(view, rowsOf(layout.indices, layout.common), {
    dimensionNumbers: {
      offsetDims: Array.from({ length: rank }, (_, d) => d).filter((d) => !isBatch(d)),
      collapsedSliceDims: layout.axes,
      startIndexMap: layout.axes,
      operandBatchingDims: [],
      startIndicesBatchingDims: [],
    },
    sliceSizes: view.shape.map((n, d) => (layout.axes.includes(d) ? 1 : n)),
    mode,
    ...(fillValue === undefined ? {} : { fillValue }),
  });
  return prim.reshape(out, layout.shapeWithNew);
}

/** All arrays are scalars: a dynamic slice of what the ranges leave. */
function isDynamicSlice(entries: readonly Entry[]): boolean {
  return entries.every((e) => (e.kind === 'array' ? e.indices.ndim === 0 : true));
}

function dynamicIndexed(op: string, x: Tensor, entries: readonly Entry[]): Tensor {
  const view = applyRanges(x, entries);
  const layout = layoutOf(op, entries, x.shape, true);
  const zero = constantIndex(0);
  const starts = view.shape.map((_, d) => (layout.axes.includes(d) ? layout.indices[layout.axes.indexOf(d)]! : zero));
  const sizes = view.shape.map((n, d) => (layout.axes.includes(d) ? 1 : n));
  return prim.reshape(prim.dynamicSlice(view, starts, sizes), layout.shapeWithNew);
}

export interface GetOptions {
  readonly mode?: IndexModeName | undefined;
  /** What mode `'fill'` reads out of bounds: NaN, or an extreme integer, by default. */
  readonly fillValue?: number | undefined;
}

/** Part of an array. Positions in index arrays that are out of bounds are clamped unless a mode says otherwise. */
export function getIndexed(op: string, x: Tensor, index: readonly Index[], options: GetOptions = {}): Tensor {
  const { entries, isBasic } = parseIndex(op, x.shape, index);
  if (isBasic) return prim.reshape(applyRanges(x, entries), basicShape(entries));
  const mode = toIndexMode(op, options.mode, options.fillValue === undefined ? 'promise_in_bounds' : 'fill');
  const isEmpty = axisEntries(entries).some((e, d) => e.kind === 'array' && x.shape[d] === 0);
  if (mode !== 'fill' && !isEmpty && isDynamicSlice(entries)) return dynamicIndexed(op, x, entries);
  return gatherIndexed(op, x, entries, mode, options.fillValue);
}

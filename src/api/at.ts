/**
 * `x.at(...)`: reading with a mode, and updated copies. Numbers and ranges become a dynamic update or a pad; arrays of integers one
 * scatter.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`, `api/indexing`.
 * @module
 */
import { Aval } from '../ir/aval.ts';
import { ShapeError, TraceError } from '../ir/errors.ts';
import { tryBroadcastShapes } from '../ir/shape.ts';
import { deviceTensor, Tensor } from '../core/tensor.ts';
import * as prim from '../primitives/index.ts';
import {
  applyRanges,
  ascending,
  axisEntries,
  basicShape,
  constantIndex,
  type Entry,
  type GetOptions,
  getIndexed,
  type Index,
  type IndexModeName,
  layoutOf,
  parseIndex,
  type RangeEntry,
  rowsOf,
  toIndexMode,
} from './indexing.ts';
import { asTensor, type TensorLike } from './lift.ts';
import { divide, negative, onesLike, power } from './numpy/index.ts';
import { checkOptions } from './options.ts';

export type UpdateKind = 'set' | 'add' | 'multiply' | 'min' | 'max';

export interface UpdateOptions {
  /** Out of bounds: `'drop'` (the default) leaves such updates out, `'clip'` moves them to the nearest element. */
  readonly mode?: IndexModeName | undefined;
  /** Promises that no element is updated twice. */
  readonly uniqueIndices?: boolean | undefined;
  /** Promises ascending positions. */
  readonly indicesAreSorted?: boolean | undefined;
}

const combine: Readonly<Record<Exclude<UpdateKind, 'set'>, (old: Tensor, update: Tensor) => Tensor>> = {
  add: prim.add,
  multiply: prim.mul,
  min: prim.min,
  max: prim.max,
};

const scatterOf: Readonly<Record<UpdateKind, typeof prim.scatter>> = {
  set: prim.scatter,
  add: prim.scatterAdd,
  multiply: prim.scatterMul,
  min: prim.scatterMin,
  max: prim.scatterMax,
};

function fitUpdate(op: string, update: Tensor, shape: readonly number[]): Tensor {
  const fits = tryBroadcastShapes([update.shape, shape]);
  // Leading axes of size 1 may go, as in NumPy's assignment.
  const extra = update.ndim - shape.length;
  const trimmed =
    extra > 0 && update.shape.slice(0, extra).every((n) => n === 1)
      ? prim.reshape(update, update.shape.slice(extra))
      : update;
  if (
    trimmed.ndim <= shape.length &&
    fits &&
    tryBroadcastShapes([trimmed.shape, shape])!.every((n, d) => n === shape[d])
  ) {
    return prim.broadcastTo(trimmed, shape);
  }
  throw new ShapeError(
    `${op}: expected an update that broadcasts to [${shape.join(',')}], got ${update.aval.toString()}.`,
    'it must fit the part of the array that the index selects.',
  );
}

/** `update` (of the index's shape) laid over an array like `x`: `null` when it covers all of it. */
function spread(update: Tensor, x: Tensor, entries: readonly Entry[]): { full: Tensor; mask: Tensor | null } {
  const ranges = axisEntries(entries).map((e): RangeEntry =>
    e.kind === 'number' ? { kind: 'range', start: e.at, step: 1, length: 1 } : (e as RangeEntry),
  );
  const bounds = ranges.map(ascending);
  const shaped = prim.reshape(
    update,
    ranges.map((r) => r.length),
  );
  const part = prim.reverse(
    shaped,
    ranges.flatMap((r, d) => (r.step < 0 && r.length > 1 ? [d] : [])),
  );
  const low = bounds.map((b) => b.start);
  const interior = bounds.map((b) => b.stride - 1);
  const high = bounds.map((b, d) => x.shape[d]! - b.limit);
  // An axis of no elements has nothing between them: all of it is padding.
  const params = {
    low: low.map((n, d) => (ranges[d]!.length === 0 ? 0 : n)),
    high: high.map((n, d) => (ranges[d]!.length === 0 ? x.shape[d]! : n)),
    interior,
  };
  const isWhole = ranges.every((r, d) => r.length === x.shape[d]);
  const full = prim.pad(part, prim.like(part, 0), params);
  if (isWhole) return { full, mask: null };
  const ones = prim.broadcastTo(asTensor(true), part.shape);
  return { full, mask: prim.pad(ones, asTensor(false), params) };
}

function updateBasic(op: string, x: Tensor, entries: readonly Entry[], kind: UpdateKind, y: Tensor): Tensor {
  const update = fitUpdate(op, y, basicShape(entries));
  if (update.size === 0) return x;
  const isContiguous = axisEntries(entries).every(
    (e) => e.kind === 'number' || (e.kind === 'range' && (e.step === 1 || e.length <= 1)),
  );
  if (kind === 'add') return prim.add(x, spread(update, x, entries).full);
  const old = (): Tensor => prim.reshape(applyRanges(x, entries), basicShape(entries));
  const value = kind === 'set' ? update : combine[kind](old(), update);
  if (isContiguous) {
    const starts = axisEntries(entries).map((e) => (e.kind === 'number' ? e.at : (e as RangeEntry).start));
    const sizes = axisEntries(entries).map((e) => (e.kind === 'number' ? 1 : (e as RangeEntry).length));
    if (sizes.every((n, d) => n === x.shape[d])) return prim.reshape(value, x.shape);
    return prim.dynamicUpdateSlice(x, prim.reshape(value, sizes), starts.map(constantIndex));
  }
  const { full, mask } = spread(value, x, entries);
  return mask ? prim.select(mask, full, x) : full;
}

/**
 * With index arrays: one scatter. Ranges that are not whole axes become index arrays of their own axis, so that every axis of the
 * result is either of the rows of positions or of the window.
 */
function updateAdvanced(
  op: string,
  x: Tensor,
  entries: readonly Entry[],
  kind: UpdateKind,
  y: Tensor,
  options: UpdateOptions,
): Tensor {
  const layout = layoutOf(op, entries, x.shape, true);
  const update = prim.reshape(fitUpdate(op, y, layout.shapeWithNew), layout.shape);
  const items = axisEntries(entries);
  const rank = layout.shape.length;
  // Result axis of each range, in order.
  const free = Array.from({ length: rank }, (_, d) => d).filter(
    (d) => d < layout.position || d >= layout.position + layout.common.length,
  );
  const rangeAxes = items.flatMap((e, d) => (e.kind === 'range' ? [d] : []));
  const resultAxis = new Map(rangeAxes.map((d, k) => [d, free[k]!]));
  const isPartial = (d: number): boolean => {
    const e = items[d] as RangeEntry;
    return e.start !== 0 || e.step !== 1 || e.length !== x.shape[d];
  };
  const partial = rangeAxes.filter(isPartial);
  const windowDims = rangeAxes.filter((d) => !isPartial(d)).map((d) => resultAxis.get(d)!);
  const batchDims = Array.from({ length: rank }, (_, d) => d).filter((d) => !windowDims.includes(d));
  const batchShape = batchDims.map((d) => layout.shape[d]!);
  const at = batchDims.indexOf(layout.position);
  const place = (t: Tensor): Tensor => {
    // The index arrays' own axes stand together, the partial ranges' axes around them.
    const tail = batchDims.length - (layout.common.length === 0 ? batchDims.length : at + layout.common.length);
    const ones = Array.from({ length: tail }, () => 1);
    return prim.reshape(prim.broadcastTo(t, layout.common), [...layout.common, ...ones]);
  };
  const stepped = (d: number): Tensor => {
    const { start, step, length } = items[d] as RangeEntry;
    const values = Int32Array.from({ length }, (_, i) => start + i * step);
    const t = deviceTensor(values, new Aval([length], 'int32'));
    return prim.reshape(
      t,
      batchDims.map((b) => (b === resultAxis.get(d) ? length : 1)),
    );
  };
  const axes = [...layout.axes, ...partial];
  const indices = [...layout.indices.map(place), ...partial.map(stepped)];
  return scatterOf[kind](x, rowsOf(indices, batchShape), update, {
    dimensionNumbers: {
      updateWindowDims: windowDims,
      insertedWindowDims: axes.toSorted((a, b) => a - b),
      scatterDimsToOperandDims: axes,
      operandBatchingDims: [],
      scatterIndicesBatchingDims: [],
    },
    mode: toIndexMode(op, options.mode, 'fill'),
    uniqueIndices: options.uniqueIndices ?? false,
    indicesAreSorted: options.indicesAreSorted ?? false,
  });
}

/** The one boolean mask of an index that consists of nothing else, if it is traced. */
function tracedMask(index: readonly Index[]): Tensor | undefined {
  const [only] = index;
  if (index.length !== 1 || !(only instanceof Tensor) || only.dtype !== 'bool') return undefined;
  try {
    only.concrete('mask');
    return undefined;
  } catch {
    return only;
  }
}

/** A scalar update under a traced mask needs no positions. */
function updateMasked(op: string, x: Tensor, mask: Tensor, kind: UpdateKind, y: Tensor): Tensor {
  if (y.ndim > 0) {
    throw new TraceError(
      `${op}: expected a scalar update under a traced mask, got ${y.aval.toString()}.`,
      'use np.where(mask, values, x) with values of the shape of x.',
    );
  }
  const wide = prim.reshape(mask, [...mask.shape, ...Array.from({ length: x.ndim - mask.ndim }, () => 1)]);
  return prim.select(prim.broadcastTo(wide, x.shape), kind === 'set' ? y : combine[kind](x, y), x);
}

export function updateIndexed(
  op: string,
  x: Tensor,
  index: readonly Index[],
  kind: UpdateKind,
  y: TensorLike,
  options: UpdateOptions = {},
): Tensor {
  const value = asTensor(y);
  const update = value.dtype === x.dtype ? value : prim.convert(value, x.dtype);
  const strong = update.aval.weakType && !x.aval.weakType ? prim.convert(update, x.dtype) : update;
  toIndexMode(op, options.mode, 'fill');
  const mask = tracedMask(index);
  if (mask) return updateMasked(op, x, mask, kind, strong);
  const parsed = parseIndex(op, x.shape, index);
  return parsed.isBasic
    ? updateBasic(op, x, parsed.entries, kind, strong)
    : updateAdvanced(op, x, parsed.entries, kind, strong, options);
}

const updateKeys = ['mode', 'uniqueIndices', 'indicesAreSorted'] as const;

/** What `x.at(...)` gives: the selected part, to read with a mode or to change in a copy. */
export class AtIndex {
  private readonly x: Tensor;
  private readonly index: readonly Index[];

  constructor(x: Tensor, index: readonly Index[]) {
    this.x = x;
    this.index = index;
  }

  private update(kind: UpdateKind, values: TensorLike, options: UpdateOptions | undefined, x: Tensor = this.x): Tensor {
    checkOptions('at', options, updateKeys);
    return updateIndexed('at', x, this.index, kind, values, options);
  }

  /** The selected part; `mode` and `fillValue` decide what is read out of bounds. */
  get(options?: GetOptions): Tensor {
    checkOptions('at', options, ['mode', 'fillValue', 'uniqueIndices', 'indicesAreSorted']);
    return getIndexed('at', this.x, this.index, options);
  }

  /** A copy with the part replaced. Updates out of bounds are dropped; of several on one element the last stays. */
  set(values: TensorLike, options?: UpdateOptions): Tensor {
    return this.update('set', values, options);
  }

  /** A copy with values added; updates on one element add up. */
  add(values: TensorLike, options?: UpdateOptions): Tensor {
    return this.update('add', values, options);
  }

  /** A copy with values subtracted. */
  subtract(values: TensorLike, options?: UpdateOptions): Tensor {
    return this.update('add', negative(values), options);
  }

  /** A copy with the part multiplied. For the derivative in the values, index arrays need `uniqueIndices`. */
  multiply(values: TensorLike, options?: UpdateOptions): Tensor {
    return this.update('multiply', values, options);
  }

  /** As {@link AtIndex.multiply}. */
  mul(values: TensorLike, options?: UpdateOptions): Tensor {
    return this.multiply(values, options);
  }

  /** A copy with the part divided. */
  divide(values: TensorLike, options?: UpdateOptions): Tensor {
    // Divisors multiply into ones first, so that several on one element all count.
    return divide(this.x, this.update('multiply', values, options, onesLike(this.x)));
  }

  /** As {@link AtIndex.divide}. */
  div(values: TensorLike, options?: UpdateOptions): Tensor {
    return this.divide(values, options);
  }

  /** A copy with the part raised to powers. */
  power(values: TensorLike, options?: UpdateOptions): Tensor {
    return this.set(power(this.get(), values), options);
  }

  /** A copy with the smaller of the part and the values. */
  min(values: TensorLike, options?: UpdateOptions): Tensor {
    return this.update('min', values, options);
  }

  /** A copy with the larger of the part and the values. */
  max(values: TensorLike, options?: UpdateOptions): Tensor {
    return this.update('max', values, options);
  }

  /** A copy with a function applied to the part. */
  apply(f: (part: Tensor) => TensorLike, options?: UpdateOptions): Tensor {
    return this.set(f(this.get()), options);
  }
}

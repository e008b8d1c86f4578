/**
 * The geometry that gather and scatter share: which operand element belongs to which row of indices and place in the window.
 * May import: `ir`, `core`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { DTypeError, ShapeError } from '../ir/errors.ts';
import { binary, type Expr, iadd, int } from '../ir/loop/expr.ts';
import type { Shape } from '../ir/shape.ts';
import type { HostArray } from '../core/primitive.ts';

/**
 * What happens to windows that do not fit in the operand: `clip` moves them inside, `fill` reads the fill value and drops writes.
 * `promise_in_bounds` says there are none; memory stays safe all the same (it is treated as `clip`).
 */
export type IndexMode = 'clip' | 'fill' | 'promise_in_bounds';

/** Names of XLA and JAX. The last axis of `indices` holds the components of a start position. */
export interface IndexMap {
  /** Operand. */
  readonly shape: Shape;
  /** Extent of the window along every operand axis (1 along dropped ones). */
  readonly window: Shape;
  /** Operand axes that the window keeps, ascending. */
  readonly windowAxes: readonly number[];
  /** Positions of those axes in the gathered (or update) array. */
  readonly offsetDims: readonly number[];
  /** Shape of `indices` without the last axis. */
  readonly batchShape: Shape;
  /** Operand axis of each component of a start position. */
  readonly startMap: readonly number[];
  /** Operand axes that follow an axis of `indices`, and those axes. */
  readonly batchingDims: readonly number[];
  readonly indicesBatchingDims: readonly number[];
  readonly mode: IndexMode;
}

export interface IndexMapSpec {
  readonly offsetDims: readonly number[];
  /** Operand axes that are not in the window's shape, besides the batching ones. */
  readonly droppedDims: readonly number[];
  readonly startMap: readonly number[];
  readonly batchingDims: readonly number[];
  readonly indicesBatchingDims: readonly number[];
  readonly mode: IndexMode;
}

export const keptWindowAxes = (rank: number, dropped: readonly number[], batching: readonly number[]): number[] =>
  Array.from({ length: rank }, (_, d) => d).filter((d) => !dropped.includes(d) && !batching.includes(d));

/** Position in the gathered (or update) array from the position of the row of indices and that in the window. */
export function mergeIndex<T>(map: IndexMap, batch: readonly T[], window: readonly T[]): T[] {
  let [b, w] = [0, 0];
  const rank = map.batchShape.length + map.windowAxes.length;
  return Array.from({ length: rank }, (_, d) => (map.offsetDims.includes(d) ? window[w++]! : batch[b++]!));
}

export const windowShape = (map: IndexMap): number[] => map.windowAxes.map((d) => map.window[d]!);

function fail(name: string, rule: string, x: Aval, indices: Aval, details: object): never {
  throw new ShapeError(
    `${name}: expected ${rule}, got operand ${x.toString()} and indices ${indices.toString()}.`,
    'compare the dimension numbers with the shapes; np indexing and take build them for you.',
    { shape: x.shape, indices: indices.shape, ...details },
  );
}

const isAscending = (list: readonly number[]): boolean => list.every((d, i) => i === 0 || d > list[i - 1]!);
const isWithin = (list: readonly number[], n: number): boolean => list.every((d) => d >= 0 && d < n);

/** Checks the specification against the shapes. `window` as in `IndexMap`. */
export function makeIndexMap(name: string, x: Aval, indices: Aval, window: Shape, spec: IndexMapSpec): IndexMap {
  const { offsetDims, droppedDims, startMap, batchingDims, indicesBatchingDims } = spec;
  if (indices.dtype !== 'int32') {
    throw new DTypeError(
      `${name}: expected int32 indices, got ${indices.toString()}.`,
      'convert them with astype first.',
    );
  }
  const check = (holds: boolean, rule: string): void => {
    if (!holds) fail(name, rule, x, indices, { ...spec, window });
  };
  check(indices.ndim > 0, 'indices with a last axis for the components of a position');
  check(startMap.length === indices.shape[indices.ndim - 1], 'one operand axis per component of a position');
  check(
    isWithin(startMap, x.ndim) && new Set(startMap).size === startMap.length,
    'distinct operand axes as start axes',
  );
  const dropped = [...droppedDims, ...batchingDims];
  check(isAscending(offsetDims) && isAscending(droppedDims), 'offset and dropped axes in ascending order');
  check(isWithin(dropped, x.ndim) && new Set(dropped).size === dropped.length, 'distinct operand axes as dropped axes');
  check(
    batchingDims.every((d) => !startMap.includes(d)),
    'batching axes that no start position moves along',
  );
  const batchShape = indices.shape.slice(0, -1);
  check(
    batchingDims.length === indicesBatchingDims.length &&
      isWithin(indicesBatchingDims, batchShape.length) &&
      batchingDims.every((d, i) => x.shape[d] === batchShape[indicesBatchingDims[i]!]),
    'batching axes of equal size in operand and indices',
  );
  const windowAxes = keptWindowAxes(x.ndim, droppedDims, batchingDims);
  check(windowAxes.length === offsetDims.length, 'one offset axis per axis of the window');
  check(isWithin(offsetDims, windowAxes.length + batchShape.length), 'offset axes within the rank of the result');
  const fits = (n: number, d: number): boolean =>
    (n >= 0 && n <= x.shape[d]!) || (batchShape.includes(0) && !windowAxes.includes(d));
  check(window.length === x.ndim && window.every(fits), `a window [${window.join(',')}] that fits in the operand`);
  check(
    droppedDims.every((d) => window[d] === 1),
    'a window of size 1 along dropped axes',
  );
  const { mode } = spec;
  return {
    shape: x.shape,
    window,
    windowAxes,
    offsetDims,
    batchShape,
    startMap,
    batchingDims,
    indicesBatchingDims,
    mode,
  };
}

/** Where the window of one row of indices lies. */
export interface WindowStart {
  /** One per operand axis. */
  readonly start: readonly Expr[];
  /** Absent when the window always counts. */
  readonly isInside: Expr | undefined;
}

/** `component(k)` is entry `k` of the row of indices at `batch`. */
export function windowStart(map: IndexMap, batch: readonly Expr[], component: (k: number) => Expr): WindowStart {
  const start: Expr[] = map.shape.map(() => int(0));
  map.batchingDims.forEach((d, i) => (start[d] = batch[map.indicesBatchingDims[i]!]!));
  let isInside: Expr | undefined;
  map.startMap.forEach((d, k) => {
    const limit = int(map.shape[d]! - map.window[d]!);
    const s = component(k);
    if (map.mode !== 'fill') {
      start[d] = binary('max', int(0), binary('min', s, limit));
      return;
    }
    start[d] = s;
    const fits = binary('and', binary('ge', s, int(0)), binary('le', s, limit));
    isInside = isInside ? binary('and', isInside, fits) : fits;
  });
  return { start, isInside };
}

/** Operand position: start plus the position in the window. */
export function operandIndex(map: IndexMap, start: readonly Expr[], window: readonly Expr[]): Expr[] {
  return start.map((s, d) => {
    const w = map.windowAxes.indexOf(d);
    return w < 0 ? s : iadd(s, window[w]!);
  });
}

/** The same on the host: the start position for a row of indices, `undefined` where the window does not count. */
export function hostWindowStart(map: IndexMap, indices: HostArray, batch: readonly number[]): number[] | undefined {
  const start = map.shape.map(() => 0);
  map.batchingDims.forEach((d, i) => (start[d] = batch[map.indicesBatchingDims[i]!]!));
  const row = batch.reduce((linear, e, d) => linear * map.batchShape[d]! + e, 0) * map.startMap.length;
  for (const [k, d] of map.startMap.entries()) {
    const s = indices.data[row + k]!;
    const limit = map.shape[d]! - map.window[d]!;
    if (map.mode === 'fill' && (s < 0 || s > limit)) return undefined;
    start[d] = Math.max(0, Math.min(s, limit));
  }
  return start;
}

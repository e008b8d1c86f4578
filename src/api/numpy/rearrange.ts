/**
 * Repeating, reversing, rotating, inserting and leaving out elements along axes.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { isInteger } from '../../ir/dtype.ts';
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { normalizeAxes, normalizeAxis, sizeOf } from '../../ir/shape.ts';
import { ConcreteTensor, Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import { optionsOf } from '../options.ts';
import { type ShapeLike, toShape } from '../sizes.ts';
import { concatenate } from './joining.ts';
import { moveaxis, range, ravel, swapaxes } from './movement.ts';
import { mod } from './binary.ts';
import { gatherAxis, takeStatic } from './static-take.ts';

/** Numbers of a host array or a concrete tensor: positions and counts that decide a shape. */
export function staticIntegers(op: string, name: string, x: TensorLike): number[] {
  const values = typeof x === 'number' ? [x] : [...(asTensor(x).concrete(`${op}: ${name}`).read() as Iterable<number>)];
  if (values.every((v) => Number.isInteger(v))) return values;
  throw new ArgumentError(`${op}: expected ${name} to be integers, got ${values.join(', ')}.`);
}

export interface OneAxisOptions {
  readonly axis?: number | null | undefined;
}

/**
 * The array repeated as a whole, `reps[d]` times along axis d.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.tile([1, 2], 2).toArray()); // => [ 1, 2, 1, 2 ]
 * ```
 */
export function tile(x: TensorLike, reps: ShapeLike): Tensor {
  const t = asTensor(x);
  const counts = toShape('tile', reps);
  const rank = Math.max(t.ndim, counts.length);
  const times = [...range(rank - counts.length).map(() => 1), ...counts];
  const own = [...range(rank - t.ndim).map(() => 1), ...t.shape];
  // Each axis n becomes [times, n], with the copies broadcast.
  const split = prim.reshape(
    t,
    own.flatMap((n) => [1, n]),
  );
  const wide = prim.broadcastTo(
    split,
    own.flatMap((n, d) => [times[d]!, n]),
  );
  return prim.reshape(
    wide,
    own.map((n, d) => n * times[d]!),
  );
}

export interface RepeatOptions extends OneAxisOptions {
  /** Length of the result along the axis, for repeats that are not known while tracing: cut, or filled with the last element. */
  readonly totalRepeatLength?: number | null | undefined;
}

/**
 * Each element repeated, `repeats` times or `repeats[i]` times, along an axis (of the flattened array by default).
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.repeat([1, 2], 2).toArray()); // => [ 1, 1, 2, 2 ]
 * ```
 */
export function repeat(
  x: TensorLike,
  repeats: TensorLike,
  axis?: number | null | RepeatOptions,
  options?: RepeatOptions,
): Tensor {
  const o = optionsOf<RepeatOptions>('repeat', 'axis', axis, options, ['axis', 'totalRepeatLength']);
  const isFlat = o.axis === undefined || o.axis === null;
  const t = isFlat ? ravel(x) : asTensor(x);
  const d = isFlat ? 0 : normalizeAxis('repeat', o.axis!, t.ndim);
  const n = t.shape[d]!;
  const counts = staticIntegers('repeat', 'repeats', repeats);
  if (counts.some((c) => c < 0) || (counts.length !== 1 && counts.length !== n)) {
    throw new ArgumentError(`repeat: expected one count or ${n} non-negative counts, got [${counts.join()}].`);
  }
  if (counts.length === 1 && o.totalRepeatLength === undefined) {
    const wide = prim.broadcastTo(
      prim.reshape(t, t.shape.toSpliced(d + 1, 0, 1)),
      t.shape.toSpliced(d + 1, 0, counts[0]!),
    );
    return prim.reshape(wide, t.shape.toSpliced(d, 1, n * counts[0]!));
  }
  let positions = range(n).flatMap((i) => range(counts[counts.length === 1 ? 0 : i]!).map(() => i));
  const total = o.totalRepeatLength;
  if (total !== undefined && total !== null) {
    const last = positions.at(-1) ?? 0;
    positions = range(total).map((i) => positions[i] ?? last);
  }
  return takeStatic(t, d, positions);
}

/**
 * Reversed along axes (all by default).
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.flip([1, 2, 3]).toArray()); // => [ 3, 2, 1 ]
 * ```
 */
export function flip(
  x: TensorLike,
  axis?: number | readonly number[] | null | { readonly axis?: number | readonly number[] | null },
): Tensor {
  const t = asTensor(x);
  const o = optionsOf<{ axis?: number | readonly number[] | null }>('flip', 'axis', axis, undefined, ['axis']);
  return prim.reverse(t, normalizeAxes('flip', o.axis, t.ndim));
}
/** Reversed along the second axis. */
export const fliplr = (x: TensorLike): Tensor => flip(x, 1);
/** Reversed along the first axis. */
export const flipud = (x: TensorLike): Tensor => flip(x, 0);

export interface RotationOptions {
  /** Number of quarter turns; 1. */
  readonly k?: number | undefined;
  /** The plane; `[0, 1]`. */
  readonly axes?: readonly [number, number] | undefined;
}

/** Rotated by k quarter turns in the plane of two axes, from the first toward the second. */
export function rot90(
  x: TensorLike,
  k?: number | RotationOptions,
  axes?: readonly [number, number] | RotationOptions,
): Tensor {
  const t = asTensor(x);
  const o = readOptions<RotationOptions>('rot90', ['k', 'axes'], [k, axes]);
  const turn = o.k ?? 1;
  if (!Number.isInteger(turn)) throw new ArgumentError(`rot90: expected k to be an integer, got ${String(turn)}.`);
  const [a, b] = (o.axes ?? [0, 1]).map((d) => normalizeAxis('rot90', d, t.ndim)) as [number, number];
  if (a === b) throw new ShapeError(`rot90: expected two different axes, got [${String(o.axes)}].`);
  const turns = ((turn % 4) + 4) % 4;
  if (turns === 0) return t;
  if (turns === 2) return flip(t, [a, b]);
  return turns === 1 ? swapaxes(flip(t, b), a, b) : flip(swapaxes(t, a, b), b);
}

function rollAxis(t: Tensor, shift: number | Tensor, axis: number): Tensor {
  const n = t.shape[axis]!;
  if (n === 0) return t;
  if (typeof shift !== 'number') {
    const positions = mod(prim.sub(prim.iota([n], 'int32'), prim.convert(shift, 'int32')), n);
    return gatherAxis(t, positions, axis, 'promise_in_bounds');
  }
  const by = ((shift % n) + n) % n;
  return by === 0
    ? t
    : prim.concatenate([prim.sliceAxis(t, axis, n - by, n), prim.sliceAxis(t, axis, 0, n - by)], axis);
}

export interface RollOptions {
  readonly shift: TensorLike;
  /** The flattened array by default. */
  readonly axis?: number | readonly number[] | null | undefined;
}

/** Shifts that are known as numbers, checked; others as they are. */
function shiftsOf(shift: TensorLike): (number | Tensor)[] {
  if (shift instanceof Tensor && (isInteger(shift.dtype) || !(shift instanceof ConcreteTensor)))
    return scalarsOf(shift.current());
  if (Array.isArray(shift) && shift.some((s) => s instanceof Tensor)) return shift.flatMap(shiftsOf);
  return staticIntegers('roll', 'shift', shift);
}

/**
 * Elements moved along axes by `shift` places; what leaves at the end comes in at the front. Without an axis the flattened array rolls.
 * @param shift one for all axes, or one each; may be traced
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.roll([1, 2, 3], 1).toArray()); // => [ 3, 1, 2 ]
 * ```
 */
export function roll(
  x: TensorLike,
  shift: TensorLike | RollOptions,
  axis?: number | readonly number[] | null | { readonly axis?: number | readonly number[] | null },
): Tensor {
  const t = asTensor(x);
  const o = readOptions<RollOptions>('roll', ['shift', 'axis'], [shift, axis]);
  if (o.shift === undefined) throw new ArgumentError('roll: expected a shift, got none.', 'write np.roll(x, 1).');
  const shifts = shiftsOf(o.shift);
  const at = o.axis;
  if (at === undefined || at === null) {
    return prim.reshape(
      shifts.reduce<Tensor>((r, s) => rollAxis(r, s, 0), prim.reshape(t, [t.size])),
      t.shape,
    );
  }
  const axes = (typeof at === 'number' ? [at] : at).map((a) => normalizeAxis('roll', a, t.ndim));
  if (shifts.length !== axes.length && shifts.length !== 1 && axes.length !== 1) {
    throw new ArgumentError(`roll: expected as many shifts as axes, got ${shifts.length} and ${axes.length}.`);
  }
  const count = Math.max(shifts.length, axes.length);
  return range(count).reduce(
    (r, i) => rollAxis(r, shifts[shifts.length === 1 ? 0 : i]!, axes[axes.length === 1 ? 0 : i]!),
    t,
  );
}

function scalarsOf(t: Tensor): Tensor[] {
  const flat = prim.reshape(t, [t.size]);
  return range(t.size).map((i) => prim.reshape(prim.sliceAxis(flat, 0, i, i + 1), []));
}

/** `values` after `x` along an axis; without one both flattened. */
export function append(x: TensorLike, values: TensorLike, axis?: number | null | OneAxisOptions): Tensor {
  const o = optionsOf<OneAxisOptions>('append', 'axis', axis, undefined, ['axis']);
  if (o.axis === undefined || o.axis === null) return concatenate([ravel(x), ravel(values)]);
  return concatenate([x, values], o.axis);
}

const positionsIn = (op: string, n: number, at: readonly number[], isEndAllowed: boolean): number[] =>
  at.map((i) => {
    if (i >= -n && (i < n || (isEndAllowed && i === n))) return i < 0 ? i + n : i;
    throw new ArgumentError(`${op}: expected positions between ${-n} and ${isEndAllowed ? n : n - 1}, got ${i}.`);
  });

/** Elements left out, at positions along an axis (of the flattened array by default). A mask leaves out where it is true. */
function deleteAt(x: TensorLike, obj: TensorLike, axis?: number | null | OneAxisOptions): Tensor {
  const o = optionsOf<OneAxisOptions>('delete', 'axis', axis, undefined, ['axis']);
  const isFlat = o.axis === undefined || o.axis === null;
  const t = isFlat ? ravel(x) : asTensor(x);
  const d = isFlat ? 0 : normalizeAxis('delete', o.axis!, t.ndim);
  const n = t.shape[d]!;
  const values = staticIntegers('delete', 'obj', obj);
  const isMask = typeof obj !== 'number' && asTensor(obj).dtype === 'bool';
  const gone = new Set(isMask ? values.flatMap((v, i) => (v ? [i] : [])) : positionsIn('delete', n, values, false));
  return takeStatic(
    t,
    d,
    range(n).filter((i) => !gone.has(i)),
  );
}
export { deleteAt as delete };

/** `values` put in before positions along an axis (of the flattened array by default). */
export function insert(
  x: TensorLike,
  obj: TensorLike,
  values: TensorLike,
  axis?: number | null | OneAxisOptions,
): Tensor {
  const o = optionsOf<OneAxisOptions>('insert', 'axis', axis, undefined, ['axis']);
  const isFlat = o.axis === undefined || o.axis === null;
  const t = isFlat ? ravel(x) : asTensor(x);
  const d = isFlat ? 0 : normalizeAxis('insert', o.axis!, t.ndim);
  const n = t.shape[d]!;
  const at = positionsIn('insert', n, staticIntegers('insert', 'obj', obj), true);
  let added = prim.convert(asTensor(values), t.dtype);
  // A single position takes all the values; several take one each.
  if (typeof obj === 'number' && added.ndim > 0)
    added = moveaxis(prim.reshape(added, [...range(t.ndim - added.ndim).map(() => 1), ...added.shape]), 0, d);
  const count = at.length === 1 && added.ndim > 0 ? (added.shape[d] ?? added.size) : at.length;
  const wide = prim.broadcastTo(added, t.shape.toSpliced(d, 1, count));
  const places = at.length === 1 ? range(count).map(() => at[0]!) : at;
  const order = range(n).map((i) => ({ key: i, rank: 1, source: i }));
  places.forEach((p, k) => order.push({ key: p, rank: 0, source: n + k }));
  order.sort((a, b) => a.key - b.key || a.rank - b.rank || a.source - b.source);
  return takeStatic(
    concatenate([t, wide], d),
    d,
    order.map((e) => e.source),
  );
}

/** The elements repeated or cut to fill a shape. */
export function resize(x: TensorLike, shape: ShapeLike): Tensor {
  const target = toShape('resize', shape);
  const flat = ravel(x);
  const n = sizeOf(target);
  if (flat.size === 0 && n > 0) return prim.broadcastTo(prim.like(flat, 0), target);
  const copies = tile(flat, Math.max(1, Math.ceil(n / Math.max(1, flat.size))));
  return prim.reshape(prim.sliceAxis(copies, 0, 0, n), target);
}

/** Zeros at the ends of a vector left out: `'f'` front, `'b'` back. Needs concrete values. */
export function trimZeros(x: TensorLike, trim?: string | { readonly trim?: string }): Tensor {
  const { trim: ends = 'fb' } = readOptions<{ readonly trim: string }>('trimZeros', ['trim'], [trim]);
  const t = asTensor(x);
  const values = [...(t.concrete('trimZeros').read() as Iterable<number>)];
  const first = ends.includes('f') ? values.findIndex((v) => v !== 0) : 0;
  if (first < 0) return prim.sliceAxis(t, 0, 0, 0);
  const last = ends.includes('b') ? values.findLastIndex((v) => v !== 0) + 1 : values.length;
  return prim.sliceAxis(t, 0, first, Math.max(first, last));
}

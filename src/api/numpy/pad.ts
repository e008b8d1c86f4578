/**
 * Padding.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { isFloat } from '../../ir/dtype.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { checkChoice, optionsOf } from '../options.ts';
import { range } from './movement.ts';
import { takeStatic } from './static-take.ts';

/** Elements before and after: for all axes one number or pair, or a pair for each axis. */
export type PadWidth = number | readonly number[] | readonly (readonly number[])[];

export type PadMode =
  | 'constant'
  | 'edge'
  | 'reflect'
  | 'symmetric'
  | 'wrap'
  | 'linearRamp'
  | 'maximum'
  | 'minimum'
  | 'mean'
  | 'empty';

export interface PadOptions {
  readonly mode?: PadMode | 'linear_ramp' | undefined;
  /** For `'constant'`: a number, or one before and after, or such a pair for each axis; 0. */
  readonly constantValues?: TensorLike | undefined;
  /** For `'linearRamp'`: the values at the far ends, as `constantValues`; 0. */
  readonly endValues?: PadWidth | undefined;
}

const modes = [
  'constant',
  'edge',
  'reflect',
  'symmetric',
  'wrap',
  'linearRamp',
  'linear_ramp',
  'maximum',
  'minimum',
  'mean',
  'empty',
];

/** One pair an axis, from a number, a pair, or pairs. */
function pairsOf(width: PadWidth, rank: number): [number, number][] {
  const pairOf = (w: number | readonly number[]): [number, number] =>
    typeof w === 'number' ? [w, w] : w.length === 1 ? [w[0]!, w[0]!] : [w[0]!, w[1]!];
  const isNested = typeof width !== 'number' && width.some((w) => typeof w !== 'number');
  const list = isNested
    ? (width as readonly (readonly number[])[]).map(pairOf)
    : [pairOf(width as number | readonly number[])];
  return list.length === 1 ? range(rank).map(() => list[0]!) : list;
}

function widths(width: PadWidth, rank: number): [number, number][] {
  const all = pairsOf(width, rank);
  const isValid = all.length === rank && all.every((p) => p.every((n) => Number.isInteger(n) && n >= 0));
  if (!isValid) {
    throw new ShapeError(
      `pad: expected non-negative widths as a number, a pair, or ${rank} pairs, got ${JSON.stringify(width)}.`,
      'for an array with several axes give [[before, after], …].',
    );
  }
  return all;
}

/** Positions along an axis of n elements that padding by `low` and `high` shows. */
function positions(mode: string, n: number, low: number, high: number): number[] {
  const modulo = (i: number, m: number): number => ((i % m) + m) % m;
  const source = (i: number): number => {
    if (mode === 'edge') return Math.max(0, Math.min(n - 1, i));
    if (mode === 'wrap') return modulo(i, n);
    if (n === 1) return 0;
    // A period goes up and comes down; reflect does not repeat the end elements.
    const period = mode === 'reflect' ? 2 * n - 2 : 2 * n;
    const at = modulo(i, period);
    return at < n ? at : mode === 'reflect' ? period - at : period - 1 - at;
  };
  return range(n + low + high, -low).map(source);
}

function constantPad(t: Tensor, pairs: readonly [number, number][], values: TensorLike | undefined): Tensor {
  const v = prim.convert(asTensor(values ?? 0), t.dtype);
  const zeros = t.shape.map(() => 0);
  if (v.ndim === 0)
    return prim.pad(t, v, { low: pairs.map((p) => p[0]), high: pairs.map((p) => p[1]), interior: zeros });
  const table = prim.broadcastTo(v, [t.ndim, 2]);
  const entry = (d: number, side: number): Tensor =>
    prim.reshape(prim.slice(table, { start: [d, side], limit: [d + 1, side + 1], strides: [1, 1] }), []);
  return pairs.reduce((x, [low, high], d) => {
    const only = (n: number): number[] => zeros.map((_, i) => (i === d ? n : 0));
    const before = prim.pad(x, entry(d, 0), { low: only(low), high: zeros, interior: zeros });
    return prim.pad(before, entry(d, 1), { low: zeros, high: only(high), interior: zeros });
  }, t);
}

/** Piece of `n` elements before (or after) the array along an axis, made from the element at the end or a statistic. */
function computedPiece(mode: string, t: Tensor, d: number, n: number, isBefore: boolean, end: number): Tensor {
  const edge = isBefore ? prim.sliceAxis(t, d, 0, 1) : prim.sliceAxis(t, d, t.shape[d]! - 1, t.shape[d]!);
  const shape = t.shape.map((m, i) => (i === d ? n : m));
  const kept = t.shape.map((m, i) => (i === d ? 1 : m));
  if (mode === 'maximum') return prim.broadcastTo(prim.reshape(prim.reduceMax(t, [d]), kept), shape);
  if (mode === 'minimum') return prim.broadcastTo(prim.reshape(prim.reduceMin(t, [d]), kept), shape);
  if (mode === 'mean') {
    const total = prim.convert(prim.reshape(prim.reduceSum(t, [d]), kept), isFloat(t.dtype) ? t.dtype : 'float64');
    const average = prim.div(total, prim.like(total, t.shape[d]!));
    return prim.broadcastTo(isFloat(t.dtype) ? average : prim.convert(prim.round(average), t.dtype), shape);
  }
  // The ramp reaches `end` at the far side and would reach the edge one step after the near side.
  const steps = prim.iota(shape, isFloat(t.dtype) ? t.dtype : 'float64', d);
  const last = prim.like(steps, n);
  const fraction = prim.div(isBefore ? steps : prim.sub(prim.like(steps, n - 1), steps), last);
  const from = prim.like(steps, end);
  return prim.convert(prim.add(from, prim.mul(prim.sub(prim.convert(edge, steps.dtype), from), fraction)), t.dtype);
}

/**
 * Elements put around an array: a constant (0), or made from it.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.pad([1, 2, 3], [1, 2]).toArray()); // => [ 0, 1, 2, 3, 0, 0 ]
 * console.log(np.pad([1, 2, 3], 2, { mode: 'reflect' }).toArray()); // => [ 3, 2, 1, 2, 3, 2, 1 ]
 * ```
 */
export function pad(x: TensorLike, width: PadWidth, mode?: PadMode | PadOptions, options?: PadOptions): Tensor {
  const o = optionsOf<PadOptions>('pad', 'mode', mode, options, ['mode', 'constantValues', 'endValues']);
  const chosen = o.mode ?? 'constant';
  checkChoice('pad', 'mode', chosen, modes);
  const t = asTensor(x);
  const pairs = widths(width, t.ndim);
  if (chosen === 'constant' || chosen === 'empty') return constantPad(t, pairs, o.constantValues);
  const isPositional = ['edge', 'reflect', 'symmetric', 'wrap'].includes(chosen);
  return pairs.reduce((r, [low, high], d) => {
    if (low === 0 && high === 0) return r;
    if (r.shape[d] === 0)
      throw new ArgumentError(
        `pad: expected elements to pad from along axis ${d}, got ${t.aval.toString()}.`,
        'use mode constant.',
      );
    if (isPositional) return takeStatic(r, d, positions(chosen, r.shape[d]!, low, high));
    const ends = pairsOf(o.endValues ?? 0, t.ndim)[d] ?? [0, 0];
    const piece = (n: number, isBefore: boolean): Tensor[] =>
      n > 0 ? [computedPiece(chosen, r, d, n, isBefore, ends[isBefore ? 0 : 1])] : [];
    return prim.concatenate([...piece(low, true), r, ...piece(high, false)], d);
  }, t);
}

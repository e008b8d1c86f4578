/**
 * Shape arithmetic. Shapes are plain arrays of non-negative integers.
 * May import: `ir/errors`.
 * @module
 */
import { ShapeError } from './errors.ts';

export type Shape = readonly number[];

export function sizeOf(shape: Shape): number {
  let n = 1;
  for (let i = 0; i < shape.length; i++) n *= shape[i]!;
  return n;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Row-major strides, in elements. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides: number[] = Array.from({ length: shape.length });
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i]!;
  }
  return strides;
}

/** NumPy broadcasting of several shapes; `undefined` when they do not fit. */
export function tryBroadcastShapes(shapes: readonly Shape[]): number[] | undefined {
  let rank = 0;
  for (const s of shapes) rank = Math.max(rank, s.length);
  const out: number[] = Array.from({ length: rank }, () => 1);
  for (const s of shapes) {
    const shift = rank - s.length;
    for (let i = 0; i < s.length; i++) {
      const d = s[i]!;
      const o = out[i + shift]!;
      if (o === d || d === 1) continue;
      if (o !== 1) return undefined;
      out[i + shift] = d;
    }
  }
  return out;
}

export const showShape = (s: Shape): string => `[${s.join(',')}]`;

export function broadcastShapes(op: string, ...shapes: Shape[]): number[] {
  const out = tryBroadcastShapes(shapes);
  if (out) return out;
  throw new ShapeError(
    `${op}: expected shapes that broadcast together, got ${shapes.map(showShape).join(' and ')}.`,
    'dimensions must be equal or 1, counted from the last; insert axes with expandDims or reshape.',
    { shapes },
  );
}

/** Axis in `0…rank-1` from one that may be negative. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new ShapeError(
      `${op}: expected an axis between ${-rank} and ${rank - 1}, got ${String(axis)}.`,
      rank === 0 ? 'a scalar has no axes.' : `the array has ${rank} axes.`,
      { axis, rank },
    );
  }
  return axis < 0 ? axis + rank : axis;
}

/** Sorted, unique axes from one axis, several, or `null` for all. */
export function normalizeAxes(op: string, axes: number | readonly number[] | null | undefined, rank: number): number[] {
  if (axes === null || axes === undefined) return Array.from({ length: rank }, (_, i) => i);
  const list: readonly number[] = Array.isArray(axes) ? axes : [axes as number];
  const out = list.map((a) => normalizeAxis(op, a, rank)).sort((a, b) => a - b);
  for (let i = 1; i < out.length; i++) {
    if (out[i] === out[i - 1]) {
      throw new ShapeError(`${op}: expected distinct axes, got [${list.join(', ')}].`, 'name each axis once.', {
        axes: list,
      });
    }
  }
  return out;
}

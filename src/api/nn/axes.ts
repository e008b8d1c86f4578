/**
 * Reductions that keep their axes, with a mask of what counts: what normalisations are made of.
 * May import: `ir`, `core`, `primitives`, `api/lift`.
 * @module
 */
import { normalizeAxes } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { div, like } from '../../primitives/arithmetic.ts';
import { convert } from '../../primitives/convert.ts';
import { reduceMax } from '../../primitives/reduce.ts';
import { select } from '../../primitives/select.ts';
import { broadcastTo, reduceSum, reshape } from '../../primitives/structural.ts';

/** One axis, several, or all (`null`). */
export type Axes = number | readonly number[] | null;

/** Drops nothing: reduced axes stay with size 1. */
function keeping(x: Tensor, axes: readonly number[], reduce: (x: Tensor, axes: readonly number[]) => Tensor): Tensor {
  return reshape(
    reduce(x, axes),
    x.shape.map((n, d) => (axes.includes(d) ? 1 : n)),
  );
}

/** Drops axes of size 1. */
export const dropping = (x: Tensor, axes: readonly number[]): Tensor =>
  reshape(
    x,
    x.shape.filter((_, d) => !axes.includes(d)),
  );

export const axesOf = (op: string, axis: Axes | undefined, x: Tensor): number[] => normalizeAxes(op, axis, x.ndim);

/** x where the mask holds, `other` elsewhere. */
export const masked = (x: Tensor, where: Tensor | undefined, other: number): Tensor =>
  where ? select(where, x, like(x, other)) : x;

/** Largest; −∞ where nothing counts. */
export function maxKept(x: Tensor, axes: readonly number[], where?: Tensor): Tensor {
  return keeping(masked(x, where, -Infinity), axes, reduceMax);
}

export function sumKept(x: Tensor, axes: readonly number[], where?: Tensor): Tensor {
  return keeping(masked(x, where, 0), axes, reduceSum);
}

export function meanKept(x: Tensor, axes: readonly number[], where?: Tensor): Tensor {
  const total = sumKept(x, axes, where);
  if (where) return div(total, sumKept(broadcastTo(convert(where, x.dtype), x.shape), axes));
  const count = axes.reduce((n, d) => n * x.shape[d]!, 1);
  return div(total, like(x, count));
}

/**
 * Sizes that users give: shapes, and numbers that shapes depend on. They must be known when a function is traced.
 * May import: `ir`, `core`.
 * @module
 */
import { ShapeError } from '../ir/errors.ts';
import type { Shape } from '../ir/shape.ts';
import { Tensor } from '../core/tensor.ts';

/** A shape, or the length of a one-dimensional one. */
export type ShapeLike = number | Shape;

/** The number of a tensor that decides a shape; anything else as it is. */
export function knownNumber(op: string, x: unknown): unknown {
  return x instanceof Tensor ? x.concrete(`${op}: a number that a shape depends on`).item() : x;
}

/** A shape of its own, so that the caller's array may change later. */
export function toShape(op: string, shape: ShapeLike): Shape {
  const given = knownNumber(op, shape);
  const sizes: unknown = typeof given === 'number' ? [given] : given;
  const list: unknown = Array.isArray(sizes) ? sizes.map((d) => knownNumber(op, d)) : sizes;
  if (Array.isArray(list) && list.every((d) => Number.isInteger(d) && (d as number) >= 0)) return list as number[];
  throw new ShapeError(
    `${op}: expected a shape of non-negative integers, got ${Array.isArray(list) ? `[${list.join(', ')}]` : String(list)}.`,
    'give a number, or an array of them such as [2, 3].',
    { shape },
  );
}

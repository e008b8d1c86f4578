/**
 * Strided views of dense arrays: axes with strides, when several of them can be walked as one, and loops over them.
 * May import: `ir`, `core`.
 * @module
 */
import { type Expr, iadd, imul, int } from '../ir/loop/expr.ts';
import type { KernelBuilder } from '../ir/loop/kernel.ts';

/** One axis of an array: its extent and its stride in elements. */
export interface StridedAxis {
  readonly extent: number;
  readonly stride: number;
}

export const countOf = (axes: readonly StridedAxis[]): number => axes.reduce((n, a) => n * a.extent, 1);

/**
 * The one stride that walks `axes` (outermost first) in row-major order; `undefined` when there is none. Axes of extent 1 do not
 * matter; where nothing else is left the stride is `fallback`.
 */
export function mergedStride(axes: readonly StridedAxis[], fallback: number): number | undefined {
  const real = axes.filter((a) => a.extent !== 1);
  for (let i = 1; i < real.length; i++) {
    if (real[i - 1]!.stride !== real[i]!.stride * real[i]!.extent) return undefined;
  }
  return real.length > 0 ? real[real.length - 1]!.stride : fallback;
}

/** Σ index · stride. */
export const offsetOf = (index: readonly Expr[], axes: readonly StridedAxis[], start: Expr = int(0)): Expr =>
  axes.reduce((sum, a, i) => (a.extent === 1 ? sum : iadd(sum, imul(index[i]!, int(a.stride)))), start);

/** Ordered loops over a shape. */
export function nestedLoops(
  b: KernelBuilder,
  shape: readonly number[],
  body: (index: readonly Expr[]) => void,
  outer: readonly Expr[] = [],
): void {
  if (outer.length === shape.length) body(outer);
  else if (shape[outer.length] === 1) nestedLoops(b, shape, body, [...outer, int(0)]);
  else b.loop(shape[outer.length]!, (i) => nestedLoops(b, shape, body, [...outer, i]));
}

/**
 * A power of two that brings a matrix to where squares of its elements neither overflow nor vanish. Multiplying by it is exact (but for
 * what is too small to count beside the largest element), and so is undoing it.
 * May import: `ir`, `primitives/linalg/blocks`.
 * @module
 */
import type { DType } from '../../ir/dtype.ts';
import { binary, constant, type Expr, select, unary } from '../../ir/loop/expr.ts';
import type { KernelBuilder } from '../../ir/loop/kernel.ts';
import { add, lt, mul } from './blocks.ts';

interface Range {
  /** Exponents of the largest element that needs no scaling: between −limit and limit. */
  readonly limit: number;
  /** Exponents of the factors for larger and for smaller ones. */
  readonly down: number;
  readonly up: number;
}

// The largest float32 of 2^128 becomes 2^48, the least of 2^−149 becomes 2^−59; float64 2^1024 → 2^400, 2^−1074 → 2^−424.
const rangeOf = (dtype: DType): Range =>
  dtype === 'float32' ? { limit: 50, down: -80, up: 90 } : { limit: 400, down: -624, up: 650 };

export interface Scaling {
  readonly factor: Expr;
  /** 1 / factor. */
  readonly inverse: Expr;
}

/** For a matrix whose largest element has the size `largest`, which is finite. */
export function scalingFor(b: KernelBuilder, largest: Expr): Scaling {
  const { dtype } = largest;
  const { limit, down, up } = rangeOf(dtype);
  const power = (exponent: number): Expr => constant(2 ** exponent, dtype);
  const choose = (ofLarge: number, ofSmall: number): Expr => {
    const other = select(lt(largest, power(-limit)), power(ofSmall), power(0));
    return b.keep(select(lt(power(limit), largest), power(ofLarge), other));
  };
  return { factor: choose(down, up), inverse: choose(-down, -up) };
}

/** Whether all elements of an array are finite, and the size of the largest. */
export function largestOf(
  b: KernelBuilder,
  extents: readonly number[],
  dtype: DType,
  element: (index: Expr[]) => Expr,
): { readonly largest: Expr; readonly isFinite: Expr } {
  if (extents.includes(0)) return { largest: constant(0, dtype), isFinite: constant(1, 'bool') };
  const largest = b.reduce('max', extents, dtype, (index) => unary('abs', element(index)));
  return { largest, isFinite: b.keep(unary('is_finite', largest)) };
}

/** What is smaller does not count beside the largest element of any scaled matrix. */
export const leastElement: number = 2 ** -480;

/** Below this a sum of squares is that of nothing: its terms may have lost bits. */
const leastSquares = 2 ** -1000;

export interface Rotation {
  readonly c: Expr;
  readonly s: Expr;
  readonly r: Expr;
}

/** c, s and r with c f + s g = r and c g − s f = 0, of float64 numbers from scaled matrices. What is too small to count is not turned. */
export function rotationTo(b: KernelBuilder, f: Expr, g: Expr): Rotation {
  const squares = b.keep(add(mul(f, f), mul(g, g)));
  const isNothing = b.keep(lt(squares, constant(leastSquares, 'float64')));
  const length = b.keep(unary('sqrt', squares));
  const ifAny = (value: Expr, otherwise: Expr): Expr => b.keep(select(isNothing, otherwise, value));
  return {
    c: ifAny(binary('div', f, length), constant(1, 'float64')),
    s: ifAny(binary('div', g, length), constant(0, 'float64')),
    r: ifAny(length, f),
  };
}

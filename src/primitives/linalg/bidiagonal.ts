/**
 * Matrices made upper bidiagonal by Householder reflections from both sides.
 * @see G. H. Golub, W. Kahan, Calculating the singular values and pseudo-inverse of a matrix, SIAM J. Numer. Anal. 2 (1965)
 * May import: `ir`, `primitives/linalg`.
 * @module
 */
import { binary, type BufferRef, convert, type Expr, iadd, int, load } from '../../ir/loop/expr.ts';
import type { KernelBuilder } from '../../ir/loop/kernel.ts';
import { at, lt, next, read, type Rows, upward } from './blocks.ts';
import { chooseReflection, type Reflections, reflections } from './householder.ts';
import { clear, elementLess, takeAndMultiply, type TwoRanks } from './two-ranks.ts';

/** In float64, whatever the dtype of the matrix, as `Tridiagonal` is. */
export interface Bidiagonal {
  readonly n: number;
  readonly diagonal: BufferRef;
  /** Element k is right of element k of the diagonal; the last is of no account. */
  readonly beside: BufferRef;
}

export const bidiagonalOf = (b: KernelBuilder, n: number): Bidiagonal => ({
  n,
  diagonal: b.scratch('float64', n),
  beside: b.scratch('float64', n),
});

/** Of steps from the left and from the right. */
export interface Sides {
  readonly left: Reflections;
  readonly right: Reflections;
}

/** For the bidiagonalisation of work arrays of so many rows and columns. */
export const sidesOf = (b: KernelBuilder, like: BufferRef, n: number, height: number, width: number): Sides => ({
  left: reflections(b, like, height, n, Math.max(height, width)),
  right: reflections(b, like, width, n - 1, width),
});

/**
 * A = H₀ H₁ … B … G₁ G₀ for at least as many rows as columns. With y = τ Aᵀ u of a step from the left and x = σ (A − u yᵀ) v of the one from
 * the right, A := A − u yᵀ − x vᵀ: done in the pass over A that multiplies it by the next u. Rows and columns before a step's are of no account.
 */
export function reduceToBidiagonal(
  b: KernelBuilder,
  rows: Rows,
  m: number,
  t: Bidiagonal,
  { left, right }: Sides,
): void {
  const { buffer, width } = rows;
  const vector = (size: number): BufferRef => b.scratch(buffer.dtype, size);
  const height = left.vectors.width;
  const pending: TwoRanks = { u: vector(height), x: vector(height), y: vector(width), v: vector(width) };
  Object.values(pending).forEach((part: BufferRef) => clear(b, part));
  b.loop(t.n, (step) => {
    const k = b.keep(step);
    const diagonal = chooseReflection(b, left, k, k, (i) => elementLess(rows, pending, i, k));
    b.store(t.diagonal, k, convert(diagonal, 'float64'));
    b.if(lt(k, int(t.n - 1)), () => {
      const image = left.projection.buffer;
      takeAndMultiply(b, rows, pending, [k, m], (i) => read(left.vectors, k, i), image);
      const factor = b.keep(load(left.factors, k));
      b.parallel([width], ([j]) => b.store(pending.y, j!, binary('mul', factor, load(image, j!))));
      const row = (j: Expr): Expr => binary('sub', read(rows, k, j), load(pending.y, j));
      b.store(t.beside, k, convert(chooseReflection(b, right, k, next(k), row), 'float64'));
      b.parallel([height], ([i]) => b.store(pending.u, i!, read(left.vectors, k, i!)));
      b.parallel([width], ([j]) => b.store(pending.v, j!, read(right.vectors, k, j!)));
      multiplyFromRight(b, rows, m, k, pending, b.keep(load(right.factors, k)));
    });
  });
}

/** x = σ (A v − (yᵀ v) u), in the rows below row k. */
function multiplyFromRight(
  b: KernelBuilder,
  rows: Rows,
  m: number,
  k: Expr,
  { u, x, y, v }: TwoRanks,
  factor: Expr,
): void {
  const { width, buffer } = rows;
  const inner = (element: (j: Expr) => Expr): Expr =>
    b.reduce('add', [width], buffer.dtype, ([j]) => binary('mul', element(j!), load(v, j!)));
  const along = b.keep(inner((j) => load(y, j)));
  upward(b, next(k), int(m), (i) => {
    const from = b.keep(at(rows, i, int(0)));
    const product = inner((j) => load(buffer, iadd(from, j)));
    b.store(x, i, binary('mul', factor, binary('sub', product, binary('mul', along, load(u, i)))));
  });
}

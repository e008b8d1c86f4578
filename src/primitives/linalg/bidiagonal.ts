/**
 * Matrices made upper bidiagonal by Householder reflections from both sides.
 * @see G. H. Golub, W. Kahan, Calculating the singular values and pseudo-inverse of a matrix, SIAM J. Numer. Anal. 2 (1965)
 * @see J. Dongarra, S. Hammarling, D. Sorensen, Block reduction of matrices to condensed forms, LAPACK working note 2 (1987)
 * May import: `ir`, `primitives/linalg`.
 * @module
 */
import { binary, type BufferRef, constant, convert, type Expr, iadd, int, load } from '../../ir/loop/expr.ts';
import type { KernelBuilder } from '../../ir/loop/kernel.ts';
import { at, keep, lt, next, read, type Rows, upward } from './blocks.ts';
import { chooseReflection, type Reflections, reflections } from './householder.ts';

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

/** What a step takes from the matrix: u yᵀ + x vᵀ. */
interface TwoRanks {
  readonly u: BufferRef;
  readonly x: BufferRef;
  readonly y: BufferRef;
  readonly v: BufferRef;
}

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
  const { dtype } = buffer;
  const height = left.vectors.width;
  const vector = (size: number): BufferRef => b.scratch(dtype, size);
  const pending: TwoRanks = { u: vector(height), x: vector(height), y: vector(width), v: vector(width) };
  clear(b, pending.u, height);
  clear(b, pending.x, height);
  clear(b, pending.y, width);
  clear(b, pending.v, width);
  const less = (value: Expr, u: Expr, x: Expr, j: Expr): Expr =>
    binary('sub', binary('sub', value, binary('mul', u, load(pending.y, j))), binary('mul', x, load(pending.v, j)));
  b.loop(t.n, (step) => {
    const k = keep(b, step);
    const column = (i: Expr): Expr => less(read(rows, i, k), load(pending.u, i), load(pending.x, i), k);
    b.store(t.diagonal, k, convert(chooseReflection(b, left, k, k, column), 'float64'));
    b.if(lt(k, int(t.n - 1)), () => {
      const image = left.projection.buffer;
      clear(b, image, width);
      // Two rows at a time, from an even one on: rows before k, of which u has zeros, may be among them.
      const first = b.local('int32', binary('and', k, int(-2)));
      b.while(lt(b.get(first), int(m)), () => {
        const pair = [b.get(first), next(b.get(first))].map((i) => ({
          from: keep(b, at(rows, i, int(0))),
          u: keep(b, load(pending.u, i)),
          x: keep(b, load(pending.x, i)),
          factor: keep(b, read(left.vectors, k, i)),
        }));
        b.parallel([width], ([j]) => {
          const values = pair.map(({ from, u, x }) => keep(b, less(load(buffer, iadd(from, j!)), u, x, j!)));
          pair.forEach(({ from }, q) => b.store(buffer, iadd(from, j!), values[q]!));
          const terms = pair.map((row, q) => binary('mul', row.factor, values[q]!));
          b.store(
            image,
            j!,
            terms.reduce((sum, term) => binary('add', sum, term), load(image, j!)),
          );
        });
        b.set(first, iadd(b.get(first), int(2)));
      });
      const factor = keep(b, load(left.factors, k));
      b.parallel([width], ([j]) => b.store(pending.y, j!, binary('mul', factor, load(image, j!))));
      const row = (j: Expr): Expr => binary('sub', read(rows, k, j), load(pending.y, j));
      b.store(t.beside, k, convert(chooseReflection(b, right, k, next(k), row), 'float64'));
      b.parallel([height], ([i]) => b.store(pending.u, i!, read(left.vectors, k, i!)));
      b.parallel([width], ([j]) => b.store(pending.v, j!, read(right.vectors, k, j!)));
      multiplyFromRight(b, rows, m, k, pending, keep(b, load(right.factors, k)));
    });
  });
}

const clear = (b: KernelBuilder, buffer: BufferRef, size: number): void =>
  b.parallel([size], ([i]) => b.store(buffer, i!, constant(0, buffer.dtype)));

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
  const along = keep(
    b,
    inner((j) => load(y, j)),
  );
  upward(b, next(k), int(m), (i) => {
    const from = keep(b, at(rows, i, int(0)));
    const product = inner((j) => load(buffer, iadd(from, j)));
    b.store(x, i, binary('mul', factor, binary('sub', product, binary('mul', along, load(u, i)))));
  });
}

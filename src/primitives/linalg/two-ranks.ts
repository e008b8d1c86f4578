/**
 * What a step of a reduction from both sides takes from a matrix, u yᵀ + x vᵀ, is taken when the next step multiplies by the matrix: one
 * pass over it does both.
 * @see J. Dongarra, S. Hammarling, D. Sorensen, Block reduction of matrices to condensed forms, LAPACK working note 2 (1987)
 * May import: `ir`, `primitives/linalg/blocks`.
 * @module
 */
import { binary, type BufferRef, constant, type Expr, iadd, int, load } from '../../ir/loop/expr.ts';
import type { KernelBuilder } from '../../ir/loop/kernel.ts';
import { add, at, lt, mul, next, read, type Rows, sub } from './blocks.ts';

/** u and x have an element a row, y and v one a column. */
export interface TwoRanks {
  readonly u: BufferRef;
  readonly x: BufferRef;
  readonly y: BufferRef;
  readonly v: BufferRef;
}

export const clear = (b: KernelBuilder, buffer: BufferRef): void =>
  b.parallel([buffer.size], ([i]) => b.store(buffer, i!, constant(0, buffer.dtype)));

/** value − u y_j − x v_j */
const less = ({ y, v }: TwoRanks, value: Expr, u: Expr, x: Expr, j: Expr): Expr =>
  sub(sub(value, mul(u, load(y, j))), mul(x, load(v, j)));

/** An element of A − u yᵀ − x vᵀ. */
export const elementLess = (rows: Rows, ranks: TwoRanks, i: Expr, j: Expr): Expr =>
  less(ranks, read(rows, i, j), load(ranks.u, i), load(ranks.x, i), j);

/**
 * A := A − u yᵀ − x vᵀ in rows from `from` on, and image := Aᵀ f of it, where f has zeros before. Two rows at a time, from an even one on: the
 * one before may be among them, and the one behind the last.
 */
export function takeAndMultiply(
  b: KernelBuilder,
  rows: Rows,
  ranks: TwoRanks,
  [from, to]: readonly [Expr, number],
  f: (i: Expr) => Expr,
  image: BufferRef,
): void {
  const { buffer, width } = rows;
  clear(b, image);
  const first = b.local('int32', binary('and', from, int(-2)));
  b.while(lt(b.get(first), int(to)), () => {
    const pair = [b.get(first), next(b.get(first))].map((i) => ({
      start: b.keep(at(rows, i, int(0))),
      u: b.keep(load(ranks.u, i)),
      x: b.keep(load(ranks.x, i)),
      factor: b.keep(f(i)),
    }));
    b.parallel([width], ([j]) => {
      const values = pair.map(({ start, u, x }) => b.keep(less(ranks, load(buffer, iadd(start, j!)), u, x, j!)));
      pair.forEach(({ start }, q) => b.store(buffer, iadd(start, j!), values[q]!));
      const terms = pair.map(({ factor }, q) => mul(factor, values[q]!));
      const sum = terms.reduce((total, term) => add(total, term), load(image, j!));
      b.store(image, j!, sum);
    });
    b.set(first, iadd(b.get(first), int(2)));
  });
}

/**
 * Rows that become eigenvectors or singular vectors: turned in pairs, put in order, pointed one way.
 * May import: `ir`, `primitives/linalg/blocks`.
 * @module
 */
import { binary, type BufferRef, constant, type Expr, iadd, int, load, select, unary } from '../../ir/loop/expr.ts';
import type { KernelBuilder } from '../../ir/loop/kernel.ts';
import { add, at, lt, mul, next, read, type Rows, sub, upward } from './blocks.ts';

/** Rotations of rows k and k + 1, by k: cosines and sines, in the dtype of the rows. */
export interface Turns {
  readonly cosines: BufferRef;
  readonly sines: BufferRef;
}

export const turnsOf = (b: KernelBuilder, like: BufferRef, count: number): Turns => ({
  cosines: b.scratch(like.dtype, Math.max(1, count)),
  sines: b.scratch(like.dtype, Math.max(1, count)),
});

/** For k = from, …, to − 1 in order: row k := c·(row k) + s·(row k + 1), row k + 1 := c·(row k + 1) − s·(row k). */
export function turnRows(b: KernelBuilder, rows: Rows, { cosines, sines }: Turns, from: Expr, to: Expr): void {
  const { buffer, width } = rows;
  upward(b, from, to, (k) => {
    const [c, s] = [b.keep(load(cosines, k)), b.keep(load(sines, k))];
    const first = b.keep(at(rows, k, int(0)));
    const second = b.keep(iadd(first, int(width)));
    b.parallel([width], ([j]) => {
      const [x, y] = [b.keep(load(buffer, iadd(first, j!))), b.keep(load(buffer, iadd(second, j!)))];
      b.store(buffer, iadd(first, j!), add(mul(c, x), mul(s, y)));
      b.store(buffer, iadd(second, j!), sub(mul(c, y), mul(s, x)));
    });
  });
}

/** Puts `keys` in ascending (or descending) order, and rows along with them, by selection. */
export function sortRows(
  b: KernelBuilder,
  keys: BufferRef,
  count: number,
  along: readonly Rows[],
  descends: boolean,
): void {
  const value = (i: Expr): Expr => load(keys, i);
  upward(b, int(0), int(count), (i) => {
    const best = b.local('int32', i);
    upward(b, next(i), int(count), (j) => {
      const [candidate, current] = [value(j), value(b.get(best))];
      b.if(descends ? lt(current, candidate) : lt(candidate, current), () => b.set(best, j));
    });
    const other = b.get(best);
    b.if(binary('ne', i, other), () => {
      const swap = (buffer: BufferRef, p: Expr, q: Expr): void => {
        const [x, y] = [b.keep(load(buffer, p)), b.keep(load(buffer, q))];
        b.store(buffer, p, y);
        b.store(buffer, q, x);
      };
      swap(keys, i, other);
      for (const rows of along) {
        const [p, q] = [b.keep(at(rows, i, int(0))), b.keep(at(rows, other, int(0)))];
        b.parallel([rows.width], ([j]) => swap(rows.buffer, iadd(p, j!), iadd(q, j!)));
      }
    });
  });
}

/**
 * The first element of at least this part of the largest is the positive one: the sign of a vector is then the same however it was
 * computed, and stays as the matrix varies. (The first of all may be a rounding error, the largest one of several that are equal but for
 * rounding. Vectors of matrices that people write down have no elements in just this ratio.)
 */
export const signRatio = 0.37;

/** For each row the factor, 1 or −1, that makes the first of its large elements positive. */
export function signsOf(b: KernelBuilder, rows: Rows, count: number, signs: BufferRef): void {
  const { dtype } = rows.buffer;
  b.loop(count, (step) => {
    const i = b.keep(step);
    const largest = b.reduce('max', [rows.width], dtype, ([j]) => unary('abs', read(rows, i, j!)));
    const least = b.keep(mul(largest, constant(signRatio, dtype)));
    const place = b.local('int32', at(rows, i, int(0)));
    const element = load(rows.buffer, b.get(place));
    b.while(lt(unary('abs', element), least), () => b.set(place, next(b.get(place))));
    b.store(signs, i, select(lt(element, constant(0, dtype)), constant(-1, dtype), constant(1, dtype)));
  });
}

/** The same on the host. */
export function signOf(vector: Float64Array): number {
  const largest = vector.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return vector.find((x) => Math.abs(x) >= signRatio * largest)! < 0 ? -1 : 1;
}

/**
 * Plane rotations that diagonalise, in the loop IR and on the host: of a symmetric matrix from both sides, and of rows until they are
 * orthogonal (one-sided, for singular values). Sweeps over all pairs end when none of them rotates.
 * @see G. H. Golub, C. F. Van Loan, Matrix Computations (2013), sections 8.5 and 8.6.3
 * May import: `ir`, `primitives/linalg/blocks`.
 * @module
 */
import type { DType } from '../../ir/dtype.ts';
import {
  binary,
  type BufferRef,
  constant,
  type Expr,
  iadd,
  int,
  load,
  type Local,
  select,
  unary,
} from '../../ir/loop/expr.ts';
import type { KernelBuilder } from '../../ir/loop/kernel.ts';
import { at, keep, lt, next, read, type Rows, upward } from './blocks.ts';

/** Sweeps converge quadratically in the end; a dozen do for any size in use. */
const mostSweeps = 60;

/** Distance from 1 to the next number. */
export const epsilonOf = (dtype: DType): number => (dtype === 'float32' ? 2 ** -23 : 2 ** -52);

interface Rotation {
  readonly c: Expr;
  readonly s: Expr;
  readonly t: Expr;
}

/** tan, cos, sin of the smaller angle that makes zero of `off` between `p` and `q` on the diagonal. */
function rotationOf(b: KernelBuilder, p: Expr, q: Expr, off: Expr): Rotation {
  const { dtype } = off;
  const one = constant(1, dtype);
  const hypotenuse = (x: Expr): Expr => unary('sqrt', binary('add', one, binary('mul', x, x)));
  const cot = keep(b, binary('div', binary('sub', q, p), binary('mul', constant(2, dtype), off)));
  const size = binary('div', one, binary('add', unary('abs', cot), hypotenuse(cot)));
  const t = keep(b, select(lt(cot, constant(0, dtype)), unary('neg', size), size));
  const c = keep(b, binary('div', one, hypotenuse(t)));
  return { c, s: keep(b, binary('mul', t, c)), t };
}

/** Row p := c·p − s·q, row q := s·p + c·q. */
function rotateRows(b: KernelBuilder, rows: Rows, p: Expr, q: Expr, { c, s }: Rotation): void {
  const [first, second] = [keep(b, at(rows, p, int(0))), keep(b, at(rows, q, int(0)))];
  b.parallel([rows.width], ([j]) => {
    const [x, y] = [keep(b, load(rows.buffer, iadd(first, j!))), keep(b, load(rows.buffer, iadd(second, j!)))];
    b.store(rows.buffer, iadd(first, j!), binary('sub', binary('mul', c, x), binary('mul', s, y)));
    b.store(rows.buffer, iadd(second, j!), binary('add', binary('mul', s, x), binary('mul', c, y)));
  });
}

/** Sweeps over all pairs p < q < n until `rotate` has set nothing. */
function sweep(b: KernelBuilder, n: number, rotate: (p: Expr, q: Expr, hasRotated: Local) => void): void {
  const hasRotated = b.local('bool', 1);
  const sweeps = b.local('int32', 0);
  b.while(binary('and', b.get(hasRotated), lt(b.get(sweeps), int(mostSweeps))), () => {
    b.set(hasRotated, constant(0, 'bool'));
    b.set(sweeps, next(b.get(sweeps)));
    upward(b, int(0), int(n), (p) => upward(b, next(p), int(n), (q) => rotate(p, q, hasRotated)));
  });
}

/** Makes the symmetric `rows` diagonal, and turns the rows of `vectors` along. `scale` is the largest of its elements. */
export function diagonalize(b: KernelBuilder, rows: Rows, vectors: Rows, scale: Expr): void {
  const n = rows.width;
  const { dtype } = rows.buffer;
  // Elements below this change no eigenvalue by more than the rounding of the largest does.
  const least = keep(b, binary('mul', scale, constant(epsilonOf(dtype) / 4, dtype)));
  sweep(b, n, (p, q, hasRotated) => {
    const off = keep(b, read(rows, p, q));
    b.if(lt(least, unary('abs', off)), () => {
      b.set(hasRotated, constant(1, 'bool'));
      const [atP, atQ] = [keep(b, at(rows, p, p)), keep(b, at(rows, q, q))];
      const [x, y] = [keep(b, load(rows.buffer, atP)), keep(b, load(rows.buffer, atQ))];
      const rotation = rotationOf(b, x, y, off);
      rotateRows(b, rows, p, q, rotation);
      const change = keep(b, binary('mul', rotation.t, off));
      b.store(rows.buffer, atP, binary('sub', x, change));
      b.store(rows.buffer, atQ, binary('add', y, change));
      const zero = constant(0, dtype);
      b.store(rows.buffer, at(rows, p, q), zero);
      b.store(rows.buffer, at(rows, q, p), zero);
      // The columns are the rows.
      b.parallel([n], ([i]) => {
        b.store(rows.buffer, at(rows, i!, p), read(rows, p, i!));
        b.store(rows.buffer, at(rows, i!, q), read(rows, q, i!));
      });
      rotateRows(b, vectors, p, q, rotation);
    });
  });
}

/** Makes the rows orthogonal to each other, and turns those of `vectors` along. Elements are of size 1 at most. */
export function orthogonalizeRows(b: KernelBuilder, rows: Rows, count: number, vectors: Rows): void {
  const { dtype } = rows.buffer;
  const epsilon = epsilonOf(dtype);
  const tolerance = constant(epsilon * Math.sqrt(rows.width), dtype);
  // Two rows of rounding errors only.
  const least = constant(epsilon * epsilon, dtype);
  sweep(b, count, (p, q, hasRotated) => {
    const [first, second] = [keep(b, at(rows, p, int(0))), keep(b, at(rows, q, int(0)))];
    const inner = (x: Expr, y: Expr): Expr =>
      b.reduce('add', [rows.width], dtype, ([j]) =>
        binary('mul', load(rows.buffer, iadd(x, j!)), load(rows.buffer, iadd(y, j!))),
      );
    const [off, x, y] = [inner(first, second), inner(first, first), inner(second, second)];
    const bound = binary('mul', tolerance, binary('mul', unary('sqrt', x), unary('sqrt', y)));
    b.if(lt(binary('max', bound, least), unary('abs', off)), () => {
      b.set(hasRotated, constant(1, 'bool'));
      const rotation = rotationOf(b, x, y, off);
      rotateRows(b, rows, p, q, rotation);
      rotateRows(b, vectors, p, q, rotation);
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
        const [x, y] = [keep(b, load(buffer, p)), keep(b, load(buffer, q))];
        b.store(buffer, p, y);
        b.store(buffer, q, x);
      };
      swap(keys, i, other);
      for (const rows of along) {
        const [p, q] = [keep(b, at(rows, i, int(0))), keep(b, at(rows, other, int(0)))];
        b.parallel([rows.width], ([j]) => swap(rows.buffer, iadd(p, j!), iadd(q, j!)));
      }
    });
  });
}

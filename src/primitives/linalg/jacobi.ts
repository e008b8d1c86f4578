/**
 * Plane rotations of rows until they are orthogonal. Sweeps over all pairs end when none of them rotates.
 * @see G. H. Golub, C. F. Van Loan, Matrix Computations (2013), section 8.6.3
 * May import: `ir`, `primitives/linalg/blocks`.
 * @module
 */
import { binary, constant, type Expr, iadd, int, load, type Local, select, unary } from '../../ir/loop/expr.ts';
import type { KernelBuilder } from '../../ir/loop/kernel.ts';
import { at, keep, lt, next, type Rows, upward } from './blocks.ts';
import { epsilonOf } from './matrix.ts';

/** Sweeps converge quadratically in the end; a dozen do for any size in use. */
const mostSweeps = 60;

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

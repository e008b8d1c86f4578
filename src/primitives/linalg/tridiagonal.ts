/**
 * Symmetric matrices made tridiagonal by Householder reflections, and tridiagonal ones made diagonal by QR steps with implicit shifts.
 * @see G. H. Golub, C. F. Van Loan, Matrix Computations (2013), section 8.3
 * @see B. N. Parlett, The Symmetric Eigenvalue Problem (1998), chapter 8
 * May import: `ir`, `primitives/linalg`.
 * @module
 */
import {
  binary,
  type BufferRef,
  constant,
  convert,
  type Expr,
  int,
  isub,
  load,
  select,
  unary,
} from '../../ir/loop/expr.ts';
import type { KernelBuilder } from '../../ir/loop/kernel.ts';
import { add, lt, mul, next, read, type Rows, sub, upward } from './blocks.ts';
import { chooseReflection, type Reflections } from './householder.ts';
import { leastElement, rotationTo } from './safe-range.ts';
import { clear, elementLess, takeAndMultiply, type TwoRanks } from './two-ranks.ts';
import type { Turns } from './vector-rows.ts';

/** In float64, whatever the dtype of the matrix: what is done here is little work, and float32 eigenvalues lose nothing by it. */
export interface Tridiagonal {
  readonly n: number;
  readonly diagonal: BufferRef;
  /** Element k couples k and k + 1; the last is 0. */
  readonly beside: BufferRef;
}

export const tridiagonalOf = (b: KernelBuilder, n: number): Tridiagonal => ({
  n,
  diagonal: b.scratch('float64', n),
  beside: b.scratch('float64', n),
});

const double = (x: Expr): Expr => convert(x, 'float64');

/**
 * A = H₀ H₁ … T … H₁ H₀ with H_k = I − τ v vᵀ, v zero up to k. Each step takes two ranks from A, A := A − v wᵀ − w vᵀ with
 * w = τ (A v − ½ τ (vᵀ A v) v); that is done in the pass over A that multiplies it by the next v. Of columns up to k nothing is read again.
 */
export function reduceToTridiagonal(b: KernelBuilder, rows: Rows, t: Tridiagonal, r: Reflections): void {
  const { dtype } = rows.buffer;
  const [v, w] = [b.scratch(dtype, rows.width), b.scratch(dtype, rows.width)];
  clear(b, v);
  clear(b, w);
  const pending: TwoRanks = { u: v, y: w, x: w, v };
  const element = (i: Expr, j: Expr): Expr => elementLess(rows, pending, i, j);
  b.loop(t.n - 1, (step) => {
    const k = b.keep(step);
    b.store(t.diagonal, k, double(element(k, k)));
    const beta = chooseReflection(b, r, k, next(k), (j) => element(k, j));
    b.store(t.beside, k, double(beta));
    const image = r.projection.buffer;
    takeAndMultiply(b, rows, pending, [next(k), t.n], (i) => read(r.vectors, k, i), image);
    const factor = b.keep(load(r.factors, k));
    const inner = b.reduce('add', [rows.width], dtype, ([j]) => mul(load(image, j!), read(r.vectors, k, j!)));
    const half = b.keep(mul(constant(0.5, dtype), mul(factor, inner)));
    b.parallel([rows.width], ([j]) => {
      const u = b.keep(read(r.vectors, k, j!));
      b.store(w, j!, mul(factor, sub(load(image, j!), mul(half, u))));
      b.store(v, j!, u);
    });
  });
  const last = int(t.n - 1);
  b.store(t.diagonal, last, double(element(last, last)));
  b.store(t.beside, last, constant(0, 'float64'));
}

/** More steps than converging takes: about two for each eigenvalue. */
const mostSteps = (n: number): number => 60 * n;

/**
 * Makes the diagonal that of the eigenvalues, in no order. `turn(from, to)` is called after each step, to apply its rotations of k and
 * k + 1, from ≤ k < to, to whatever is to follow. Elements of `tolerance` times those beside them count as 0.
 * @returns whether that came to an end
 */
export function diagonalizeTridiagonal(
  b: KernelBuilder,
  t: Tridiagonal,
  tolerance: number,
  turns: Turns,
  turn: (from: Expr, to: Expr) => void,
): Expr {
  const { n, diagonal, beside } = t;
  const size = (buffer: BufferRef, i: Expr): Expr => unary('abs', load(buffer, i));
  /** Whether element k couples what is left and right of it. */
  const couples = (k: Expr): Expr => {
    const around = add(size(diagonal, k), size(diagonal, next(k)));
    const bound = binary('add', mul(constant(tolerance, 'float64'), around), constant(leastElement, 'float64'));
    return lt(bound, size(beside, k));
  };
  const last = b.local('int32', n - 1);
  const steps = b.local('int32', 0);
  b.while(binary('and', lt(int(0), b.get(last)), lt(b.get(steps), int(mostSteps(n)))), () => {
    const hi = b.get(last);
    const first = b.local('int32', hi);
    const before = binary('max', isub(b.get(first), int(1)), int(0));
    b.while(binary('and', lt(int(0), b.get(first)), couples(before)), () => b.set(first, before));
    const lo = b.get(first);
    b.if(
      binary('eq', lo, hi),
      () => b.set(last, isub(hi, int(1))),
      () => {
        qrStep(b, t, turns, lo, hi);
        turn(lo, hi);
        b.set(steps, next(b.get(steps)));
      },
    );
  });
  return b.keep(binary('le', b.get(last), int(0)));
}

/** One step on rows lo to hi, with the eigenvalue of the last two that is nearer to the last (Wilkinson's shift). */
function qrStep(b: KernelBuilder, { diagonal, beside }: Tridiagonal, turns: Turns, lo: Expr, hi: Expr): void {
  const half = constant(0.5, 'float64');
  const zero = constant(0, 'float64');
  const [corner, above] = [b.keep(load(diagonal, hi)), b.keep(load(diagonal, isub(hi, int(1))))];
  const off = b.keep(load(beside, isub(hi, int(1))));
  const gap = b.keep(mul(half, sub(above, corner)));
  const root = b.keep(unary('sqrt', add(mul(gap, gap), mul(off, off))));
  const divisor = add(gap, select(lt(gap, zero), unary('neg', root), root));
  const shift = sub(corner, mul(off, binary('div', off, divisor)));
  // What one rotation leaves for the next stays in locals: the element to make 0 (z) below another (x), and the diagonal and coupling there.
  const [p, e] = [b.local('float64', load(diagonal, lo)), b.local('float64', load(beside, lo))];
  const [x, z] = [b.local('float64', sub(b.get(p), shift)), b.local('float64', b.get(e))];
  upward(b, lo, hi, (k) => {
    const { c, s, r } = rotationTo(b, b.get(x), b.get(z));
    // Of the first, which has none before it, row lo's own: it is written again.
    b.store(beside, binary('max', isub(k, int(1)), lo), r);
    const q = b.keep(load(diagonal, next(k)));
    const [ce, se] = [b.keep(mul(c, b.get(e))), b.keep(mul(s, b.get(e)))];
    const turned = b.keep(sub(ce, mul(s, sub(b.get(p), q))));
    const change = b.keep(mul(s, add(ce, turned)));
    b.store(diagonal, k, add(b.get(p), change));
    b.set(p, sub(q, change));
    b.set(x, sub(mul(c, turned), mul(s, se)));
    // Of the last one that is element hi, which counts as 0.
    const following = b.keep(load(beside, next(k)));
    b.set(z, mul(s, following));
    b.set(e, mul(c, following));
    b.store(turns.cosines, k, convert(c, turns.cosines.dtype));
    b.store(turns.sines, k, convert(s, turns.sines.dtype));
  });
  b.store(diagonal, hi, b.get(p));
  b.store(beside, isub(hi, int(1)), b.get(x));
}

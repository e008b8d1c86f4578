/**
 * Upper bidiagonal matrices made diagonal by QR steps: with shifts where these cost the small singular values nothing, else without, which
 * keeps their relative accuracy.
 * @see J. Demmel, W. Kahan, Accurate singular values of bidiagonal matrices, SIAM J. Sci. Stat. Comput. 11 (1990)
 * @see G. H. Golub, C. F. Van Loan, Matrix Computations (2013), section 8.6.2
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
  type Local,
  select,
  unary,
} from '../../ir/loop/expr.ts';
import type { KernelBuilder } from '../../ir/loop/kernel.ts';
import type { Bidiagonal } from './bidiagonal.ts';
import { add, lt, mul, next, sub, upward } from './blocks.ts';
import { leastElement, type Rotation, rotationTo } from './safe-range.ts';
import type { Turns } from './vector-rows.ts';

/** Rotations of rows, and of columns. */
export interface TwoTurns {
  readonly left: Turns;
  readonly right: Turns;
}

/** More steps than converging takes: two or three for each singular value. */
const mostSteps = (n: number): number => 60 * n;

const double = (value: number): Expr => constant(value, 'float64');
const div = (x: Expr, y: Expr): Expr => binary('div', x, y);
const abs = (x: Expr): Expr => unary('abs', x);
const sqrt = (x: Expr): Expr => unary('sqrt', x);
/** Of finite numbers. */
const smaller = (x: Expr, y: Expr): Expr => select(lt(x, y), x, y);
const larger = (x: Expr, y: Expr): Expr => select(lt(x, y), y, x);

/**
 * Makes the diagonal that of the singular values but for signs, in no order, each as accurate as `tolerance` says, relative to itself.
 * `turn(from, to)` is called after each step, to apply its rotations of k and k + 1, from ≤ k < to, to the vectors.
 * @returns whether that came to an end
 */
export function diagonalizeBidiagonal(
  b: KernelBuilder,
  t: Bidiagonal,
  tolerance: number,
  turns: TwoTurns,
  turn: (from: Expr, to: Expr) => void,
): Expr {
  const { n, diagonal, beside } = t;
  const last = b.local('int32', n - 1);
  const steps = b.local('int32', 0);
  b.while(binary('and', lt(int(0), b.get(last)), lt(b.get(steps), int(mostSteps(n)))), () => {
    const hi = b.get(last);
    const corner = b.keep(abs(load(diagonal, hi)));
    const bound = larger(mul(double(tolerance), corner), double(leastElement));
    b.if(
      binary('le', abs(load(beside, isub(hi, int(1)))), bound),
      () => b.set(last, isub(hi, int(1))),
      () => {
        const lo = firstOf(b, beside, hi);
        const { isSplit, least, largest } = split(b, t, tolerance, lo, hi);
        b.if(unary('not', isSplit), () => {
          const shift = shiftFor(b, t, tolerance, lo, hi, least, largest);
          b.if(
            binary('eq', shift, double(0)),
            () => plainStep(b, t, turns, lo, hi),
            () => shiftedStep(b, t, turns, lo, hi, shift),
          );
          turn(lo, hi);
          b.set(steps, next(b.get(steps)));
        });
      },
    );
  });
  return b.keep(binary('le', b.get(last), int(0)));
}

/** The first row of the part without zeros beside its diagonal that ends with row hi. */
function firstOf(b: KernelBuilder, beside: BufferRef, hi: Expr): Expr {
  const first = b.local('int32', hi);
  const before = binary('max', isub(b.get(first), int(1)), int(0));
  const couples = binary('ne', load(beside, before), double(0));
  b.while(binary('and', lt(int(0), b.get(first)), couples), () => b.set(first, before));
  return b.get(first);
}

interface Found {
  readonly isSplit: Expr;
  /** At most √n times the least singular value, and the largest element. */
  readonly least: Expr;
  readonly largest: Expr;
}

/**
 * Sets to 0 what is small beside μ, a bound of the least singular value of the rows so far: μ := |d| μ / (μ + |e|) with each row. That
 * changes no singular value by more than `tolerance` of it (Demmel and Kahan, section 2).
 */
function split(b: KernelBuilder, { diagonal, beside }: Bidiagonal, tolerance: number, lo: Expr, hi: Expr): Found {
  const isSplit = b.local('bool', 0);
  const bound = b.local('float64', abs(load(diagonal, lo)));
  const least = b.local('float64', b.get(bound));
  const largest = b.local('float64', b.get(bound));
  upward(b, lo, hi, (k) => {
    const [e, d] = [b.keep(abs(load(beside, k))), b.keep(abs(load(diagonal, next(k))))];
    b.set(largest, larger(b.get(largest), larger(e, d)));
    const isSmall = b.keep(binary('le', e, larger(mul(double(tolerance), b.get(bound)), double(leastElement))));
    b.if(
      isSmall,
      () => {
        b.store(beside, k, double(0));
        b.set(isSplit, constant(1, 'bool'));
      },
      () => b.set(bound, mul(d, div(b.get(bound), add(b.get(bound), e)))),
    );
    b.set(least, smaller(b.get(least), b.get(bound)));
  });
  return { isSplit: b.get(isSplit), least: b.get(least), largest: b.get(largest) };
}

/**
 * The smaller singular value σ of the last two rows, or 0: if the rounding errors of a step with a shift, ε of the largest, would be seen
 * in the least, and if (σ/d)² is nothing beside 1. Of [f g; 0 h] it is |f h| / σ₁, and (σ₁ ± σ)² = (|f| ± |h|)² + g².
 */
function shiftFor(
  b: KernelBuilder,
  { n, diagonal, beside }: Bidiagonal,
  tolerance: number,
  lo: Expr,
  hi: Expr,
  least: Expr,
  largest: Expr,
): Expr {
  const epsilon = 2 ** -52;
  const above = isub(hi, int(1));
  const [f, g, h] = [load(diagonal, above), load(beside, above), load(diagonal, hi)].map((x) => b.keep(abs(x)));
  const length = (x: Expr): Expr => sqrt(add(mul(x, x), mul(g!, g!)));
  const largerOne = mul(double(0.5), add(length(add(f!, h!)), length(sub(f!, h!))));
  const shift = b.keep(mul(f!, div(h!, largerOne)));
  const ratio = b.keep(div(shift, load(diagonal, lo)));
  const isSeen = binary('le', mul(double(n * tolerance), least), mul(double(epsilon), largest));
  const isNothing = lt(mul(ratio, ratio), double(epsilon));
  return b.keep(select(binary('or', isSeen, isNothing), double(0), shift));
}

function record(b: KernelBuilder, { cosines, sines }: Turns, k: Expr, { c, s }: Rotation): void {
  b.store(cosines, k, convert(c, cosines.dtype));
  b.store(sines, k, convert(s, sines.dtype));
}

/** Columns k and k + 1 are rotated, then rows k and k + 1, which moves what is out of place down by one. */
function shiftedStep(b: KernelBuilder, t: Bidiagonal, turns: TwoTurns, lo: Expr, hi: Expr, shift: Expr): void {
  const { diagonal, beside } = t;
  const head = b.keep(load(diagonal, lo));
  const sign = select(lt(head, double(0)), double(-1), double(1));
  // (d² − σ²) / d
  const f = b.local('float64', mul(sub(abs(head), shift), add(sign, div(shift, head))));
  const g = b.local('float64', load(beside, lo));
  upward(b, lo, hi, (k) => {
    const right = rotationTo(b, b.get(f), b.get(g));
    record(b, turns.right, k, right);
    b.if(lt(lo, k), () => b.store(beside, isub(k, int(1)), right.r));
    const [d, e, below] = [load(diagonal, k), load(beside, k), load(diagonal, next(k))].map((x) => b.keep(x));
    const beneath = b.keep(sub(mul(right.c, e!), mul(right.s, d!)));
    const corner = b.keep(mul(right.c, below!));
    const left = rotationTo(b, add(mul(right.c, d!), mul(right.s, e!)), mul(right.s, below!));
    record(b, turns.left, k, left);
    b.store(diagonal, k, left.r);
    const coupling = b.keep(add(mul(left.c, beneath), mul(left.s, corner)));
    b.store(diagonal, next(k), sub(mul(left.c, corner), mul(left.s, beneath)));
    b.store(beside, k, coupling);
    b.set(f, coupling);
    // In the last row there is none: what is beyond it is 0 or not read again.
    const following = b.keep(load(beside, next(k)));
    b.set(g, mul(left.s, following));
    b.if(lt(next(k), hi), () => b.store(beside, next(k), mul(left.c, following)));
  });
}

/** The same for a shift of 0, with products and quotients only (Demmel and Kahan, section 3). */
function plainStep(b: KernelBuilder, { diagonal, beside }: Bidiagonal, turns: TwoTurns, lo: Expr, hi: Expr): void {
  const local = (value: number): Local => b.local('float64', value);
  const [c, s, oldC, oldS] = [local(1), local(0), local(1), local(0)];
  upward(b, lo, hi, (k) => {
    const right = rotationTo(b, b.keep(mul(load(diagonal, k), b.get(c))), b.keep(load(beside, k)));
    b.if(lt(lo, k), () => b.store(beside, isub(k, int(1)), mul(b.get(oldS), right.r)));
    b.set(c, right.c);
    b.set(s, right.s);
    const below = load(diagonal, next(k));
    const left = rotationTo(b, b.keep(mul(b.get(oldC), right.r)), b.keep(mul(below, b.get(s))));
    b.set(oldC, left.c);
    b.set(oldS, left.s);
    b.store(diagonal, k, left.r);
    record(b, turns.right, k, right);
    record(b, turns.left, k, left);
  });
  const corner = b.keep(mul(load(diagonal, hi), b.get(c)));
  b.store(diagonal, hi, mul(corner, b.get(oldC)));
  b.store(beside, isub(hi, int(1)), mul(corner, b.get(oldS)));
}

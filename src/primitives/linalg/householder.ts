/**
 * Householder reflections H = I − τ v vᵀ, in the loop IR and on the host: A = H₀ H₁ … R.
 * May import: `ir`, `primitives/linalg/blocks`.
 * @module
 */
import {
  binary,
  type BufferRef,
  constant,
  type Expr,
  iadd,
  int,
  isub,
  load,
  select,
  unary,
} from '../../ir/loop/expr.ts';
import type { KernelBuilder } from '../../ir/loop/kernel.ts';
import { addRow, at, lt, read, type Rows, upward } from './blocks.ts';

/** Work arrays for matrices of m rows and at most so many columns. */
export interface Reflections {
  /** v of each step, a row each; zeros before its first element, which is 1. */
  readonly vectors: Rows;
  readonly factors: BufferRef;
  /** vᵀ A. */
  readonly projection: Rows;
  readonly steps: number;
}

export function reflections(b: KernelBuilder, like: BufferRef, m: number, steps: number, columns: number): Reflections {
  const buffer = (size: number): BufferRef => b.scratch(like.dtype, Math.max(1, size));
  return {
    vectors: { buffer: buffer(steps * m), width: m },
    factors: buffer(steps),
    projection: { buffer: buffer(columns), width: columns },
    steps,
  };
}

/** Reduces `rows` to R, above and on its diagonal. What is below is of no account. */
export function reduceToTriangle(b: KernelBuilder, rows: Rows, r: Reflections): void {
  b.loop(r.steps, (step) => {
    const k = b.keep(step);
    const diagonal = chooseReflection(b, r, k, k, (i) => read(rows, i, k));
    reflect(b, rows, r, k);
    b.store(rows.buffer, at(rows, k, k), diagonal);
  });
}

/**
 * v and τ of the reflection of step k that leaves ∓‖x‖ e₀ of x, the elements of a column from the first that it may change: v = x − β e₀
 * scaled to v₀ = 1, τ = (β − x₀) / β, with β = ∓‖x‖ of the sign that does not cancel. A column that is zero below its first element stays.
 * Returns the new first element.
 */
export function chooseReflection(
  b: KernelBuilder,
  { vectors, factors }: Reflections,
  k: Expr,
  first: Expr,
  element: (i: Expr) => Expr,
): Expr {
  const { dtype } = vectors.buffer;
  const m = vectors.width;
  const [zero, one] = [constant(0, dtype), constant(1, dtype)];
  const start = b.keep(at(vectors, k, int(0)));
  const entry = (i: Expr): Expr => load(vectors.buffer, iadd(start, i));
  b.parallel([m], ([i]) => b.store(vectors.buffer, iadd(start, i!), select(lt(i!, first), zero, element(i!))));
  const below = b.reduce('max', [m], dtype, ([i]) => select(lt(first, i!), unary('abs', entry(i!)), zero));
  const isDone = b.keep(binary('eq', below, zero));
  // All of it for x over its largest element: squares neither overflow nor vanish, and v and τ fit together though x be subnormal.
  const scale = b.keep(select(isDone, one, binary('max', below, unary('abs', entry(first)))));
  const scaled = (i: Expr): Expr => binary('div', entry(i), scale);
  const head = b.keep(scaled(first));
  const squares = b.reduce('add', [m], dtype, ([i]) => binary('mul', scaled(i!), scaled(i!)));
  const norm = b.keep(unary('sqrt', squares));
  const beta = b.keep(select(isDone, head, select(lt(head, zero), norm, unary('neg', norm))));
  const factor = select(isDone, zero, binary('div', binary('sub', beta, head), beta));
  b.store(factors, k, factor);
  const divisor = b.keep(select(isDone, one, binary('sub', head, beta)));
  b.parallel([m], ([i]) => b.store(vectors.buffer, iadd(start, i!), binary('div', scaled(i!), divisor)));
  b.store(vectors.buffer, iadd(start, first), one);
  return b.keep(binary('mul', beta, scale));
}

/** Rows := H_k rows. */
function reflect(b: KernelBuilder, rows: Rows, { vectors, factors, projection }: Reflections, k: Expr): void {
  const { width } = rows;
  const zero = constant(0, rows.buffer.dtype);
  const m = int(vectors.width);
  b.parallel([width], ([j]) => b.store(projection.buffer, j!, zero));
  upward(b, k, m, (i) =>
    addRow(b, projection, int(0), { rows, at: at(rows, i, int(0)) }, b.keep(read(vectors, k, i)), int(0), width),
  );
  const factor = b.keep(unary('neg', load(factors, k)));
  upward(b, k, m, (i) =>
    addRow(
      b,
      rows,
      i,
      { rows: projection, at: int(0) },
      b.keep(binary('mul', factor, read(vectors, k, i))),
      int(0),
      width,
    ),
  );
}

/** The first columns of Q = H₀ H₁ …, as many as `rows` has. */
export function formOrthogonal(b: KernelBuilder, rows: Rows, r: Reflections): void {
  const { dtype } = rows.buffer;
  b.parallel([r.vectors.width, rows.width], ([i, j]) =>
    b.store(rows.buffer, at(rows, i!, j!), select(binary('eq', i!, j!), constant(1, dtype), constant(0, dtype))),
  );
  b.loop(r.steps, (step) => reflect(b, rows, r, b.keep(isub(int(r.steps - 1), step))));
}

/** On the host: rows of A become those of R; returns the first `columns` columns of Q, as rows of length m. */
export function orthogonalize(a: readonly Float64Array[], columns: number): Float64Array[] {
  const [m, n] = [a.length, a[0]?.length ?? 0];
  const steps = Array.from({ length: Math.min(m, n) }, (_, k) => {
    const v = Float64Array.from(a, (row, i) => (i < k ? 0 : row[k]!));
    const below = v.reduce((most, x, i) => (i > k ? Math.max(most, Math.abs(x)) : most), 0);
    if (below === 0) return { v, factor: 0 };
    const norm = Math.hypot(...v);
    const beta = v[k]! < 0 ? norm : -norm;
    const factor = (beta - v[k]!) / beta;
    const divisor = v[k]! - beta;
    for (let i = k + 1; i < m; i++) v[i] = v[i]! / divisor;
    v[k] = 1;
    reflectRows(a, v, factor);
    a[k]![k] = beta;
    return { v, factor };
  });
  const q = Array.from({ length: m }, (_, i) => Float64Array.from({ length: columns }, (__, j) => Number(i === j)));
  for (const { v, factor } of steps.reverse()) reflectRows(q, v, factor);
  return q;
}

function reflectRows(rows: readonly Float64Array[], v: Float64Array, factor: number): void {
  const width = rows[0]?.length ?? 0;
  for (let j = 0; j < width; j++) {
    let sum = 0;
    for (let i = 0; i < v.length; i++) sum += v[i]! * rows[i]![j]!;
    for (let i = 0; i < v.length; i++) rows[i]![j] = rows[i]![j]! - factor * v[i]! * sum;
  }
}

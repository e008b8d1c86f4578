/**
 * QR factorisation by Householder reflections.
 * May import: `ir`, `core`, `primitives/linalg`, and the families its derivative is made of.
 * @module
 */
import { type Aval, f32, f64 } from '../../ir/aval.ts';
import { DifferentiationError } from '../../ir/errors.ts';
import { iadd, imul, int, load, select, constant, type Expr } from '../../ir/loop/expr.ts';
import type { KernelBuilder } from '../../ir/loop/kernel.ts';
import { definePrimitive, type HostArray, type Primitive } from '../../core/primitive.ts';
import type { Tensor } from '../../core/tensor.ts';
import { bind } from '../../core/trace.ts';
import { add, sub } from '../arithmetic.ts';
import { concatenate } from '../movement.ts';
import { sliceAxis } from '../slice.ts';
import { moveBatchToFront } from '../structural.ts';
import { fillPadded, lt, read, type Rows } from './blocks.ts';
import { formOrthogonal, orthogonalize, reduceToTriangle, reflections } from './householder.ts';
import { checkMatrix, extentsOf, lowerPart, product, transposed, upperPart, withLast } from './matrix.ts';
import { triangularSolve } from './triangular-solve.ts';

export interface QrParams {
  /** Q is square. */
  readonly full: boolean;
}

/** Columns of Q and rows of R. */
const innerOf = ({ m, n }: { readonly m: number; readonly n: number }, { full }: QrParams): number =>
  full ? m : Math.min(m, n);

/**
 * Tangents for matrices with at least as many rows as columns: with C = Qᵀ dA R⁻¹ and the skew part Ω made of C below the diagonal,
 * dQ = Q Ω + (dA R⁻¹ − Q C), dR = (C − Ω) R.
 */
function tallTangents(t: Tensor, q: Tensor, r: Tensor): [Tensor, Tensor] {
  const scaled = triangularSolve(r, t, { leftSide: false, lower: false, transposeA: false, unitDiagonal: false });
  const inner = product(q, scaled, true);
  const below = lowerPart(inner, -1);
  const skew = sub(below, transposed(below));
  const rest = sub(inner, skew);
  // Zeros below the diagonal exactly.
  return [sub(scaled, product(q, rest)), product(upperPart(rest), r)];
}

/** Tangents for more columns than rows: the square on the left determines Q, and A₂ = Q R₂ gives dR₂ = dQᵀ Q R₂ + Qᵀ dA₂. */
function wideTangents(t: Tensor, q: Tensor, r: Tensor): [Tensor, Tensor] {
  const m = q.shape.at(-1)!;
  const columns = (x: Tensor, from: number, to: number): Tensor => sliceAxis(x, x.ndim - 1, from, to);
  const n = r.shape.at(-1)!;
  const [dq, left] = tallTangents(columns(t, 0, m), q, columns(r, 0, m));
  const right = add(product(dq, product(q, columns(r, m, n)), true), product(q, columns(t, m, n), true));
  return [dq, concatenate([left, right], t.ndim - 1)];
}

/**
 * A = Q R with orthonormal columns of Q and R upper triangular. The signs are those of LAPACK: a diagonal element of R has the sign
 * opposite to that of the element it comes from.
 */
export const qrP: Primitive<QrParams> = definePrimitive<QrParams>({
  name: 'qr',
  abstractEval: ([x], p) => {
    checkMatrix('qr', x!);
    const { m, n } = extentsOf(x!);
    const inner = innerOf({ m, n }, p);
    return [withLast(x!, [m, inner]), withLast(x!, [inner, n])];
  },
  calculus: {
    kind: 'smooth',
    jvp: ([x], [t], [q, r], { full }) => {
      if (!t) return [null, null];
      const { m, n } = extentsOf(x!.aval);
      if (full && m > n) {
        throw new DifferentiationError(
          `qr: expected the reduced factorisation in a derivative, got the complete one of ${x!.aval.toString()}.`,
          "the columns that complete Q are not determined by A: use mode 'reduced'.",
        );
      }
      return m >= n ? tallTangents(t, q!, r!) : wideTangents(t, q!, r!);
    },
  },
  batch: (_context, [x], [bdim], { full }) => [qr(moveBatchToFront(x!, bdim!), full), [0, 0]],
  reference: ([x], outs, p) => evaluate(x!, outs, innerOf(extentsOf(x!.aval), p)),
  lower: { kind: 'loops', build: (b, [x], _outs, p) => lowerQr(b, x!, innerOf(extentsOf(x!), p)) },
  samples: [
    { avals: [f64(3, 3)], params: { full: false }, data: [[2, 4.5, -2, 3, 1.5, 2.5, -2, 0.5, 5]] },
    { avals: [f64(4, 2)], params: { full: false }, data: [[1, 0.5, -3, 1, 2, 2.5, 0.5, -2]] },
    { avals: [f64(2, 4)], params: { full: false }, data: [[1, 2.5, -1, 0.75, 3, 0.5, 2, -1.5]] },
    { avals: [f64(3, 2)], params: { full: true }, data: [[1, 0.5, -3, 1, 2, 2.5]], maxOrder: 0 },
    { avals: [f32(2, 2)], params: { full: true }, data: [[0.5, 2, 3, -1]] },
    { avals: [f64(2, 1, 2, 2)], params: { full: false }, data: [[0.5, 2, 3, -1, 4, 1, 1, 2]] },
    { avals: [f32(1, 1)], params: { full: false } },
    { avals: [f64(2, 0)], params: { full: true }, maxOrder: 0 },
    { avals: [f64(0, 2)], params: { full: false } },
    // Nothing to reflect in the first column.
    { avals: [f64(2, 2)], params: { full: false }, data: [[2, 1, 0, 3]], maxOrder: 0 },
  ],
});

function lowerQr(b: KernelBuilder, x: Aval, inner: number): void {
  const { m, n, count } = extentsOf(x);
  const [q, r] = [b.outputs[0]!, b.outputs[1]!];
  if (count * m === 0) return;
  const work = (columns: number): Rows => ({ buffer: b.scratch(x.dtype, Math.max(1, m * columns)), width: columns });
  const [rows, columns] = [work(n), work(inner)];
  const steps = reflections(b, q, m, Math.min(m, n), Math.max(n, inner));
  b.loop(count, (e) => {
    const start = (size: number): Expr => b.keep(imul(e, int(size)));
    const [ofX, ofQ, ofR] = [start(m * n), start(m * inner), start(inner * n)];
    const index = (from: Expr, width: number, i: Expr, j: Expr): Expr => iadd(from, iadd(imul(i, int(width)), j));
    if (n > 0) fillPadded(b, rows, m, n, (i, j) => load(b.inputs[0]!, index(ofX, n, i, j)));
    reduceToTriangle(b, rows, steps);
    b.parallel([inner, n], ([i, j]) =>
      b.store(r, index(ofR, n, i!, j!), select(lt(j!, i!), constant(0, x.dtype), read(rows, i!, j!))),
    );
    formOrthogonal(b, columns, steps);
    b.parallel([m, inner], ([i, j]) => b.store(q, index(ofQ, inner, i!, j!), read(columns, i!, j!)));
  });
}

function evaluate(x: HostArray, [q, r]: readonly HostArray[], inner: number): void {
  const { m, n, count } = extentsOf(x.aval);
  for (let e = 0; e < count; e++) {
    const rows = Array.from({ length: m }, (_, i) =>
      Float64Array.from(x.data.subarray((e * m + i) * n, (e * m + i + 1) * n)),
    );
    orthogonalize(rows, inner).forEach((row, i) => q!.data.set(row, (e * m + i) * inner));
    rows.slice(0, inner).forEach((row, i) => r!.data.set(row.fill(0, 0, Math.min(i, n)), (e * inner + i) * n));
  }
}

/** `[q, r]`. */
export const qr = (x: Tensor, full: boolean): Tensor[] => bind(qrP, [x], { full });

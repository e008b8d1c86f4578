/**
 * Singular values and vectors.
 * May import: `ir`, `core`, `primitives/linalg`, and the families its derivative is made of.
 * @module
 */
import { f32, f64 } from '../../ir/aval.ts';
import { DifferentiationError } from '../../ir/errors.ts';
import { definePrimitive, type HostArray, type Primitive } from '../../core/primitive.ts';
import type { Tensor } from '../../core/tensor.ts';
import { bind } from '../../core/trace.ts';
import { add, div, mul, sub } from '../arithmetic.ts';
import { moveBatchToFront, reshape } from '../structural.ts';
import { diagonalOf, differences, overOffDiagonal } from './eigh.ts';
import { orthogonalize } from './householder.ts';
import { orthogonalizeRowsHost } from './jacobi-host.ts';
import { checkMatrix, epsilonOf, extentsOf, product, transposed, withLast } from './matrix.ts';
import { lowerSvd, type SvdParams } from './svd-lower.ts';
import { signOf } from './vector-rows.ts';

export type { SvdParams } from './svd-lower.ts';

/** Each column by its own number. */
const scaleColumns = (x: Tensor, s: Tensor): Tensor =>
  mul(x, reshape(s, [...s.shape.slice(0, -1), 1, s.shape.at(-1)!]));

/**
 * Tangents of the vectors, with M = Uᵀ dA V and F_ij = 1 / (s_j² − s_i²) off the diagonal: dU = U (F ∘ (M S + S Mᵀ)), dV = V (F ∘ (S M + Mᵀ S)),
 * and where U is not square the part outside its span, (I − U Uᵀ) dA V S⁻¹; V likewise. Equal or vanishing singular values have no
 * vectors that could be differentiated: infinity or NaN says so.
 * @see M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation (2008)
 */
function vectorTangents(t: Tensor, u: Tensor, s: Tensor, v: Tensor, inner: Tensor): [Tensor, Tensor] {
  const turned = transposed(inner);
  // s_j² − s_i² without cancellation.
  const gaps = mul(
    differences(s, s),
    add(reshape(s, [...s.shape, 1]), reshape(s, [...s.shape.slice(0, -1), 1, s.shape.at(-1)!])),
  );
  const left = scaleColumns(inner, s);
  const right = scaleColumns(turned, s);
  const du = product(u, overOffDiagonal(add(left, transposed(left)), gaps));
  const dv = product(v, overOffDiagonal(add(transposed(right), right), gaps));
  return [addOutside(du, u, product(t, v), s), addOutside(dv, v, product(t, u, true), s)];
}

/** dU + (I − U Uᵀ) X S⁻¹. */
function addOutside(du: Tensor, u: Tensor, x: Tensor, s: Tensor): Tensor {
  if (u.shape.at(-1) === u.shape.at(-2)) return du;
  const rest = sub(x, product(u, product(u, x, true)));
  return add(du, div(rest, reshape(s, [...s.shape.slice(0, -1), 1, s.shape.at(-1)!])));
}

/**
 * A = U diag(s) Vᵀ with orthonormal columns of U and V; s descends, and the first large element of each row of Vᵀ is positive (see
 * `signRatio`; so is that of columns of U that go with no singular value but 0). An element that is not finite makes all of that matrix's results NaN.
 */
export const svdP: Primitive<SvdParams> = definePrimitive<SvdParams>({
  name: 'svd',
  abstractEval: ([x], { vectors, full }) => {
    checkMatrix('svd', x!);
    const { m, n } = extentsOf(x!);
    const k = Math.min(m, n);
    const values = withLast(x!, [k]);
    return vectors ? [values, withLast(x!, [m, full ? m : k]), withLast(x!, [full ? n : k, n])] : [values];
  },
  calculus: {
    kind: 'smooth',
    jvp: ([x], [t], [s, u, vt], { vectors, full }) => {
      const { m, n } = extentsOf(x!.aval);
      if (!t) return vectors ? [null, null, null] : [null];
      if (vectors && full && m !== n) {
        throw new DifferentiationError(
          `svd: expected the reduced decomposition in a derivative, got the full one of ${x!.aval.toString()}.`,
          'the vectors that complete a basis are not determined by A: use fullMatrices: false.',
        );
      }
      const [, left, right] = vectors ? [s, u!, vt!] : svd(x!, { vectors: true, full: false });
      const v = transposed(right!);
      const inner = product(left!, product(t, v), true);
      if (!vectors) return [diagonalOf(inner)];
      const [du, dv] = vectorTangents(t, left!, s!, v, inner);
      return [diagonalOf(inner), du, transposed(dv)];
    },
  },
  batch: (_context, [x], [bdim], p) => [svd(moveBatchToFront(x!, bdim!), p), p.vectors ? [0, 0, 0] : [0]],
  reference: ([x], outs, p) => evaluate(x!, outs, p),
  // Singular values are the same bits with and without vectors.
  prune: ([, usesU, usesVt], { vectors }) =>
    vectors && !usesU && !usesVt ? { params: { vectors: false, full: false }, inputs: [0], outputs: [0] } : undefined,
  lower: { kind: 'loops', build: (b, [x], _outs, p) => lowerSvd(b, x!, p) },
  samples: [
    { avals: [f64(3, 3)], params: { vectors: true, full: true }, data: [[2, 4.5, -2, 3, 1.5, 2.5, -2, 0.5, 5]] },
    { avals: [f64(3, 2)], params: { vectors: true, full: false }, data: [[1, 0.5, -3, 1, 2, 2.5]] },
    { avals: [f64(2, 4)], params: { vectors: true, full: false }, data: [[1, 2.5, -1, 0.75, 3, 0.5, 2, -1.5]] },
    { avals: [f64(3, 2)], params: { vectors: false, full: false }, data: [[1, 0.5, -3, 1, 2, 2.5]] },
    { avals: [f64(3, 2)], params: { vectors: true, full: true }, data: [[1, 0.5, -3, 1, 2, 2.5]], maxOrder: 0 },
    { avals: [f64(2, 3)], params: { vectors: true, full: true }, data: [[1, 0.5, -3, 1, 2, 2.5]], maxOrder: 0 },
    { avals: [f32(2, 2)], params: { vectors: true, full: false }, data: [[0.5, 2, 3, -1]] },
    { avals: [f64(2, 1, 2, 2)], params: { vectors: true, full: false }, data: [[0.5, 2, 3, -1, 4, 1, 1, 2]] },
    { avals: [f32(1, 1)], params: { vectors: true, full: false }, data: [[-3]] },
    { avals: [f64(2, 0)], params: { vectors: true, full: false }, maxOrder: 0 },
    // Rank 1, and zeros: bases are completed all the same.
    { avals: [f64(2, 2)], params: { vectors: true, full: true }, data: [[0, 2, 0, 0]], maxOrder: 0 },
    { avals: [f64(2, 2)], params: { vectors: true, full: true }, data: [[0, 0, 0, 0]], maxOrder: 0 },
    { avals: [f64(2, 2)], params: { vectors: true, full: true }, data: [[1, NaN, 0, 0]], maxOrder: 0 },
  ],
});

function evaluate(x: HostArray, [values, us, vts]: readonly HostArray[], { vectors, full }: SvdParams): void {
  const { m, n, count } = extentsOf(x.aval);
  const [tall, k] = [Math.max(m, n), Math.min(m, n)];
  const isTall = m >= n;
  const width = full ? tall : k;
  const [cols, rowsOfVt] = [full ? m : k, full ? n : k];
  for (let e = 0; e < count; e++) {
    const element = (i: number, j: number): number => x.data[e * m * n + (isTall ? i * n + j : j * n + i)]!;
    const rows = Array.from({ length: k }, (_, j) => Float64Array.from({ length: tall }, (__, i) => element(i, j)));
    const found = decompose(rows, epsilonOf(x.aval.dtype), vectors ? width : 0, tall);
    values!.data.set(found.values, e * k);
    if (!vectors) continue;
    // Of the tall matrix: element (i, j) of its U, and of its V.
    const long = (i: number, j: number): number => found.basis[i]![j]!;
    const short = (i: number, j: number): number => found.vectors[j]![i]!;
    const [u, v] = isTall ? [long, short] : [short, long];
    const column = (of: (i: number, j: number) => number, length: number, j: number): Float64Array =>
      Float64Array.from({ length }, (_, i) => of(i, j));
    // Pairs point as their v does; with a singular value of 0 there is no pair.
    const signOfV = (j: number): number => signOf(column(v, n, j));
    const signOfU = (j: number): number => (j < k && found.values[j] !== 0 ? signOfV(j) : signOf(column(u, m, j)));
    for (let j = 0; j < cols; j++) {
      column(u, m, j).forEach((value, i) => (us!.data[(e * m + i) * cols + j] = signOfU(j) * value));
    }
    for (let j = 0; j < rowsOfVt; j++) {
      vts!.data.set(
        column(v, n, j).map((value) => signOfV(j) * value),
        (e * rowsOfVt + j) * n,
      );
    }
  }
}

interface Decomposition {
  readonly values: number[];
  /** Rows of the longer singular vectors as a matrix. */
  readonly basis: readonly Float64Array[];
  /** The shorter singular vectors, a row each. */
  readonly vectors: readonly Float64Array[];
}

/** From the columns of a tall matrix, as rows. */
function decompose(rows: readonly Float64Array[], epsilon: number, width: number, tall: number): Decomposition {
  const scale = Math.max(0, ...rows.map((row) => row.reduce((most, x) => Math.max(most, Math.abs(x)), 0)));
  const blank = (n: number, length: number): Float64Array[] =>
    Array.from({ length: n }, () => new Float64Array(length).fill(NaN));
  if (!Number.isFinite(scale)) {
    return { values: rows.map(() => NaN), basis: blank(tall, width), vectors: blank(rows.length, rows.length) };
  }
  const scaled = rows.map((row) => row.map((x) => x / (scale || 1)));
  const turned = orthogonalizeRowsHost(scaled, epsilon);
  const norms = scaled.map((row) => Math.sqrt(row.reduce((sum, x) => sum + x * x, 0)));
  const order = norms.map((_, i) => i).sort((i, j) => norms[j]! - norms[i]!);
  const columns = Array.from({ length: tall }, (_, i) => Float64Array.from(order, (from) => scaled[from]![i]!));
  const basis = orthogonalize(columns, width);
  // The sign of the diagonal of R says which way a column of Q points.
  for (const row of basis) order.forEach((_, j) => (row[j] = columns[j]![j]! < 0 ? -row[j]! : row[j]!));
  return { values: order.map((i) => norms[i]! * scale), basis, vectors: order.map((i) => turned[i]!) };
}

/** `[s, u, vt]`, or `[s]` without vectors. */
export const svd = (x: Tensor, p: SvdParams): Tensor[] => bind(svdP, [x], p);

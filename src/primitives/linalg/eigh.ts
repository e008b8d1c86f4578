/**
 * Eigenvalues and eigenvectors of symmetric matrices.
 * May import: `ir`, `core`, `primitives/linalg`, and the families its derivative is made of.
 * @module
 */
import { type Aval, f32, f64 } from '../../ir/aval.ts';
import { binary, constant, convert, type Expr, iadd, imul, int, load, select } from '../../ir/loop/expr.ts';
import type { KernelBuilder } from '../../ir/loop/kernel.ts';
import { definePrimitive, type HostArray, type Primitive } from '../../core/primitive.ts';
import type { Tensor } from '../../core/tensor.ts';
import { bind } from '../../core/trace.ts';
import { add, div, mul, sub } from '../arithmetic.ts';
import { reduceSum, broadcastTo, moveBatchToFront, reshape } from '../structural.ts';
import { at, fillWithZeros, lt, paddedWidth, read, type Rows, transposeInto } from './blocks.ts';
import { formOrthogonal, reflections } from './householder.ts';
import { diagonalizeHost } from './jacobi-host.ts';
import { checkSquare, epsilonOf, extentsOf, identityLike, lowerPart, product, transposed, withLast } from './matrix.ts';
import { largestOf, scalingFor } from './safe-range.ts';
import { diagonalizeTridiagonal, reduceToTridiagonal, tridiagonalOf } from './tridiagonal.ts';
import { signOf, signsOf, sortRows, turnRows, turnsOf } from './vector-rows.ts';

export interface EighParams {
  /** Whether V is a result too. */
  readonly vectors: boolean;
}

/** y_j − x_i for vectors x and y of [..., n]. */
export function differences(x: Tensor, y: Tensor): Tensor {
  const n = x.shape.at(-1)!;
  const batch = x.shape.slice(0, -1);
  return sub(reshape(y, [...batch, 1, n]), reshape(x, [...batch, n, 1]));
}

/** The diagonal of square matrices. */
export function diagonalOf(x: Tensor): Tensor {
  const n = x.shape.at(-1)!;
  return reduceSum(mul(x, broadcastTo(identityLike(x, n, n), x.shape)), [x.ndim - 1]);
}

/** x off the diagonal over d, and 0 on the diagonal. */
export function overOffDiagonal(x: Tensor, d: Tensor): Tensor {
  const n = x.shape.at(-1)!;
  const unit = broadcastTo(identityLike(x, n, n), x.shape);
  return div(sub(x, mul(x, unit)), add(d, unit));
}

const withVectors: EighParams = { vectors: true };
const symmetric3 = [2, 9, 9, 0.75, -1, 9, -0.5, 1.25, 4];

/**
 * A V = V diag(w) for symmetric A, of which the lower triangle is read; w ascends, the columns of V are orthonormal, and the first large
 * element of each is positive (see `signRatio`). An element that is not finite makes all of that matrix's results NaN.
 */
export const eighP: Primitive<EighParams> = definePrimitive<EighParams>({
  name: 'eigh',
  abstractEval: ([x], { vectors }) => {
    checkSquare('eigh', x!);
    const values = withLast(x!, [x!.shape.at(-1)!]);
    return vectors ? [values, x!.strong()] : [values];
  },
  // With M = Vᵀ dA V: dw = diag(M), dV = V (M_ij / (w_j − w_i) off the diagonal). Equal eigenvalues have no eigenvectors that could be
  // differentiated: infinity or NaN says so. M. B. Giles, Collected matrix derivative results for forward and reverse mode AD (2008).
  calculus: {
    kind: 'smooth',
    jvp: ([x], [t], [w, found], { vectors }) => {
      if (!t) return vectors ? [null, null] : [null];
      const v = found ?? eigh(x!)[1]!;
      const symmetric = add(lowerPart(t), transposed(lowerPart(t, -1)));
      const inner = product(v, product(symmetric, v), true);
      if (!vectors) return [diagonalOf(inner)];
      return [diagonalOf(inner), product(v, overOffDiagonal(inner, differences(w!, w!)))];
    },
  },
  batch: (_context, [x], [bdim], p) => [bind(eighP, [moveBatchToFront(x!, bdim!)], p), p.vectors ? [0, 0] : [0]],
  reference: ([x], outs) => evaluate(x!, outs),
  lower: { kind: 'loops', build: (b, [x], _outs, { vectors }) => lowerEigh(b, x!, vectors) },
  // Eigenvalues are the same bits with and without vectors.
  prune: ([, usesVectors], { vectors }) =>
    vectors && !usesVectors ? { params: { vectors: false }, inputs: [0], outputs: [0] } : undefined,
  samples: [
    { avals: [f64(3, 3)], params: withVectors, data: [symmetric3] },
    { avals: [f32(2, 2)], params: withVectors, data: [[4, 0, 1.5, -3]] },
    { avals: [f64(2, 1, 2, 2)], params: withVectors, data: [[4, 0, 1.5, 3, 6, 1, -1.25, 5]] },
    { avals: [f32(1, 1)], params: withVectors, data: [[9]] },
    { avals: [f64(3, 3)], params: { vectors: false }, data: [symmetric3] },
    { avals: [f32(2, 2)], params: { vectors: false }, data: [[4, 0, 1.5, -3]] },
    { avals: [f64(0, 0)], params: withVectors },
    { avals: [f64(0, 2, 2)], params: withVectors },
    { avals: [f64(2, 2)], params: withVectors, data: [[1, 0, 0, 1]], maxOrder: 0 },
    { avals: [f64(2, 2)], params: withVectors, data: [[1, 0, Infinity, 1]], maxOrder: 0 },
  ],
});

function lowerEigh(b: KernelBuilder, x: Aval, hasVectors: boolean): void {
  const { n, count } = extentsOf(x);
  if (n * count === 0) return;
  const { dtype } = x;
  const width = paddedWidth(n);
  const work = (): Rows => ({ buffer: b.scratch(dtype, width * width), width });
  const rows = work();
  const t = tridiagonalOf(b, n);
  const steps = reflections(b, rows.buffer, width, n - 1, width);
  const turns = turnsOf(b, rows.buffer, n - 1);
  const signs = b.scratch(dtype, n);
  const vectors = hasVectors ? { columns: work(), rows: work() } : undefined;
  const nan = constant(NaN, dtype);
  b.loop(count, (e) => {
    const start = b.keep(imul(e, int(n * n)));
    const index = (i: Expr, j: Expr): Expr => iadd(start, iadd(imul(i, int(n)), j));
    fillWithZeros(b, rows, n, n, (i, j) => load(b.inputs[0]!, select(lt(i, j), index(j, i), index(i, j))));
    const { largest, isFinite } = largestOf(b, [n, n], dtype, ([i, j]) => read(rows, i!, j!));
    const { factor, inverse } = scalingFor(b, largest);
    const isDone = b.local('bool', 0);
    b.if(isFinite, () => {
      b.parallel([n, width], ([i, j]) =>
        b.store(rows.buffer, at(rows, i!, j!), binary('mul', factor, read(rows, i!, j!))),
      );
      reduceToTridiagonal(b, rows, t, steps);
      if (vectors) {
        formOrthogonal(b, vectors.columns, steps);
        transposeInto(b, vectors.columns, vectors.rows, n);
      }
      const turn = (from: Expr, to: Expr): void => (vectors ? turnRows(b, vectors.rows, turns, from, to) : undefined);
      b.set(isDone, diagonalizeTridiagonal(b, t, epsilonOf(dtype) / 4, turns, turn));
      sortRows(b, t.diagonal, n, vectors ? [vectors.rows] : [], false);
    });
    const ifDone = (value: Expr): Expr => select(b.get(isDone), value, nan);
    const unscale = b.keep(convert(inverse, 'float64'));
    b.parallel([n], ([i]) =>
      b.store(
        b.outputs[0]!,
        iadd(imul(e, int(n)), i!),
        ifDone(convert(binary('mul', load(t.diagonal, i!), unscale), dtype)),
      ),
    );
    if (!vectors) return;
    signsOf(b, vectors.rows, n, signs);
    b.parallel([n, n], ([i, j]) =>
      b.store(b.outputs[1]!, index(i!, j!), ifDone(binary('mul', load(signs, j!), read(vectors.rows, j!, i!)))),
    );
  });
}

function evaluate(x: HostArray, [values, vectors]: readonly HostArray[]): void {
  const { n, count } = extentsOf(x.aval);
  for (let e = 0; e < count; e++) {
    const element = (i: number, j: number): number => x.data[(e * n + Math.max(i, j)) * n + Math.min(i, j)]!;
    const rows = Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (__, j) => element(i, j)));
    if (!rows.every((row) => row.every(Number.isFinite))) {
      values!.data.fill(NaN, e * n, (e + 1) * n);
      vectors?.data.fill(NaN, e * n * n, (e + 1) * n * n);
      continue;
    }
    const found = diagonalizeHost(rows, epsilonOf(x.aval.dtype));
    const order = rows.map((_, i) => i).sort((i, j) => rows[i]![i]! - rows[j]![j]!);
    order.forEach((from, k) => {
      values!.data[e * n + k] = rows[from]![from]!;
      const sign = signOf(found[from]!);
      found[from]!.forEach((v, i) => vectors && (vectors.data[(e * n + i) * n + k] = sign * v));
    });
  }
}

/** `[w, v]`. */
export const eigh = (x: Tensor): Tensor[] => bind(eighP, [x], withVectors);

/** w alone. */
export const eigvalsh = (x: Tensor): Tensor => bind(eighP, [x], { vectors: false })[0]!;

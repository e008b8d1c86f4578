/**
 * Eigenvalues and eigenvectors of symmetric matrices.
 * May import: `ir`, `core`, `primitives/linalg`, and the families its derivative is made of.
 * @module
 */
import { type Aval, f32, f64 } from '../../ir/aval.ts';
import { binary, constant, type Expr, iadd, imul, int, load, select, unary } from '../../ir/loop/expr.ts';
import type { KernelBuilder } from '../../ir/loop/kernel.ts';
import { definePrimitive, type HostArray, type Primitive } from '../../core/primitive.ts';
import type { Tensor } from '../../core/tensor.ts';
import { bind } from '../../core/trace.ts';
import { add, div, mul, sub } from '../arithmetic.ts';
import { type NoParams, noParams } from '../define-elementwise.ts';
import { reduceSum, broadcastTo, moveBatchToFront, reshape } from '../structural.ts';
import { at, fillPadded, keep, lt, read, type Rows } from './blocks.ts';
import { diagonalize, epsilonOf, sortRows } from './jacobi.ts';
import { diagonalizeHost } from './jacobi-host.ts';
import { checkSquare, extentsOf, identityLike, lowerPart, product, transposed, withLast } from './matrix.ts';

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

const symmetric3 = [2, 9, 9, 0.75, -1, 9, -0.5, 1.25, 4];

/**
 * A V = V diag(w) for symmetric A, of which the lower triangle is read; w ascends, the columns of V are orthonormal. An element that is
 * not finite makes all of that matrix's results NaN.
 */
export const eighP: Primitive<NoParams> = definePrimitive<NoParams>({
  name: 'eigh',
  abstractEval: ([x]) => {
    checkSquare('eigh', x!);
    return [withLast(x!, [x!.shape.at(-1)!]), x!.strong()];
  },
  // With M = Vᵀ dA V: dw = diag(M), dV = V (M_ij / (w_j − w_i) off the diagonal). Equal eigenvalues have no eigenvectors that could be
  // differentiated: infinity or NaN says so. M. B. Giles, Collected matrix derivative results for forward and reverse mode AD (2008).
  calculus: {
    kind: 'smooth',
    jvp: (_primals, [t], [w, v]) => {
      if (!t) return [null, null];
      const symmetric = add(lowerPart(t), transposed(lowerPart(t, -1)));
      const inner = product(v!, product(symmetric, v!), true);
      return [diagonalOf(inner), product(v!, overOffDiagonal(inner, differences(w!, w!)))];
    },
  },
  batch: (_context, [x], [bdim]) => [eigh(moveBatchToFront(x!, bdim!)), [0, 0]],
  reference: ([x], outs) => evaluate(x!, outs),
  lower: { kind: 'loops', build: (b, [x]) => lowerEigh(b, x!) },
  samples: [
    { avals: [f64(3, 3)], params: noParams, data: [symmetric3] },
    { avals: [f32(2, 2)], params: noParams, data: [[4, 0, 1.5, -3]] },
    { avals: [f64(2, 1, 2, 2)], params: noParams, data: [[4, 0, 1.5, 3, 6, 1, -1.25, 5]] },
    { avals: [f32(1, 1)], params: noParams, data: [[9]] },
    { avals: [f64(0, 0)], params: noParams },
    { avals: [f64(0, 2, 2)], params: noParams },
    { avals: [f64(2, 2)], params: noParams, data: [[1, 0, 0, 1]], maxOrder: 0 },
    { avals: [f64(2, 2)], params: noParams, data: [[1, 0, Infinity, 1]], maxOrder: 0 },
  ],
});

function lowerEigh(b: KernelBuilder, x: Aval): void {
  const { n, count } = extentsOf(x);
  if (n * count === 0) return;
  const { dtype } = x;
  const work = (): Rows => ({ buffer: b.scratch(dtype, n * n), width: n });
  const [rows, vectors] = [work(), work()];
  const values = b.scratch(dtype, n);
  const [zero, one, nan] = [constant(0, dtype), constant(1, dtype), constant(NaN, dtype)];
  b.loop(count, (e) => {
    const start = keep(b, imul(e, int(n * n)));
    const index = (i: Expr, j: Expr): Expr => iadd(start, iadd(imul(i, int(n)), j));
    fillPadded(b, rows, n, n, (i, j) => load(b.inputs[0]!, select(lt(i, j), index(j, i), index(i, j))));
    b.parallel([n, n], ([i, j]) =>
      b.store(vectors.buffer, at(vectors, i!, j!), select(binary('eq', i!, j!), one, zero)),
    );
    const scale = b.reduce('max', [n, n], dtype, ([i, j]) => unary('abs', read(rows, i!, j!)));
    const isFinite = keep(b, unary('is_finite', scale));
    b.if(isFinite, () => diagonalize(b, rows, vectors, scale));
    b.parallel([n], ([i]) => b.store(values, i!, read(rows, i!, i!)));
    sortRows(b, values, n, [vectors], false);
    b.parallel([n], ([i]) =>
      b.store(b.outputs[0]!, iadd(imul(e, int(n)), i!), select(isFinite, load(values, i!), nan)),
    );
    b.parallel([n, n], ([i, j]) => b.store(b.outputs[1]!, index(i!, j!), select(isFinite, read(vectors, j!, i!), nan)));
  });
}

function evaluate(x: HostArray, [values, vectors]: readonly HostArray[]): void {
  const { n, count } = extentsOf(x.aval);
  for (let e = 0; e < count; e++) {
    const element = (i: number, j: number): number => x.data[(e * n + Math.max(i, j)) * n + Math.min(i, j)]!;
    const rows = Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (__, j) => element(i, j)));
    if (!rows.every((row) => row.every(Number.isFinite))) {
      values!.data.fill(NaN, e * n, (e + 1) * n);
      vectors!.data.fill(NaN, e * n * n, (e + 1) * n * n);
      continue;
    }
    const found = diagonalizeHost(rows, epsilonOf(x.aval.dtype));
    const order = rows.map((_, i) => i).sort((i, j) => rows[i]![i]! - rows[j]![j]!);
    order.forEach((from, k) => {
      values!.data[e * n + k] = rows[from]![from]!;
      found[from]!.forEach((v, i) => (vectors!.data[(e * n + i) * n + k] = v));
    });
  }
}

/** `[w, v]`. */
export const eigh = (x: Tensor): Tensor[] => bind(eighP, [x], noParams);

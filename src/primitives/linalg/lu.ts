/**
 * LU factorisation with partial pivoting.
 * May import: `ir`, `core`, `primitives/linalg`, and the families its derivative is made of.
 * @module
 */
import { f32, f64 } from '../../ir/aval.ts';
import { definePrimitive, type HostArray, type Primitive } from '../../core/primitive.ts';
import type { Tensor } from '../../core/tensor.ts';
import { bind } from '../../core/trace.ts';
import { add } from '../arithmetic.ts';
import { type NoParams, noParams } from '../define-elementwise.ts';
import { takeAlongAxis } from '../indexing.ts';
import { concatenate } from '../movement.ts';
import { sliceAxis } from '../slice.ts';
import { broadcastTo, moveBatchToFront, reshape } from '../structural.ts';
import { lowerLu } from './lu-lower.ts';
import { checkMatrix, extentsOf, identityLike, lowerPart, product, upperPart, withLast } from './matrix.ts';
import { triangularSolve } from './triangular-solve.ts';

/** Rows of `x` in the order of `permutation` (matrices [..., m, n] and indices [..., m]). */
export function permuteRows(x: Tensor, permutation: Tensor): Tensor {
  const index = reshape(permutation, [...permutation.shape, 1]);
  return takeAlongAxis(x, broadcastTo(index, x.shape), x.ndim - 2);
}

/** The unit lower triangular factor, completed to a square by the identity. */
function lowerFactor(packed: Tensor, m: number, n: number): Tensor {
  const k = Math.min(m, n);
  const below = lowerPart(sliceAxis(packed, packed.ndim - 1, 0, k), -1);
  const batch = packed.shape.slice(0, -2);
  const right = broadcastTo(sliceAxis(identityLike(packed, m, m), 1, k, m), [...batch, m, m - k]);
  const left = add(below, identityLike(packed, m, k));
  return k === m ? left : concatenate([left, right], packed.ndim - 1);
}

/** The upper triangular factor, completed to a square by the identity. */
function upperFactor(packed: Tensor, m: number, n: number): Tensor {
  const k = Math.min(m, n);
  const upper = upperPart(sliceAxis(packed, packed.ndim - 2, 0, k));
  if (k === n) return upper;
  const batch = packed.shape.slice(0, -2);
  const rest = broadcastTo(sliceAxis(identityLike(packed, n, n), 0, k, n), [...batch, n - k, n]);
  return concatenate([upper, rest], packed.ndim - 2);
}

/**
 * P A = L U for matrices m × n: L (below the diagonal, which is ones) and U packed in one array, the row that each step exchanged with
 * its own, and P as the order of the rows of A. The pivot is the largest element in its column, the first of equals. A column without a
 * pivot is left as it is.
 */
export const luP: Primitive<NoParams> = definePrimitive<NoParams>({
  name: 'lu',
  abstractEval: ([x]) => {
    checkMatrix('lu', x!);
    const { m, n } = extentsOf(x!);
    const batch = x!.shape.slice(0, -2);
    const indices = (length: number) => withLast(x!, [], 'int32').withShape([...batch, length]);
    return [x!.strong(), indices(Math.min(m, n)), indices(m)];
  },
  // With W = L⁻¹ P dA U⁻¹: dL = L · (W below the diagonal), dU = (W on and above it) · U. F. de Hoog, R. Anderssen, M. Lukas,
  // Differentiation of matrix functionals using triangular factorization, Math. Comp. 80 (2011).
  calculus: {
    kind: 'smooth',
    jvp: ([x], [t], [packed, , permutation]) => {
      if (!t) return [null, null, null];
      const { m, n } = extentsOf(x!.aval);
      const [l, u] = [lowerFactor(packed!, m, n), upperFactor(packed!, m, n)];
      const rows = permuteRows(t, permutation!);
      const inner = triangularSolve(l, rows, { leftSide: true, lower: true, transposeA: false, unitDiagonal: true });
      const w = triangularSolve(u, inner, { leftSide: false, lower: false, transposeA: false, unitDiagonal: false });
      return [add(product(l, lowerPart(w, -1)), product(upperPart(w), u)), null, null];
    },
  },
  batch: (_context, [x], [bdim]) => [lu(moveBatchToFront(x!, bdim!)), [0, 0, 0]],
  reference: ([x], outs) => evaluate(x!, outs),
  lower: { kind: 'loops', build: (b, [x]) => lowerLu(b, extentsOf(x!)) },
  samples: [
    { avals: [f64(3, 3)], params: noParams, data: [[1, 4.5, -2, 3, 1.5, 2.5, -2, 0.5, 5]] },
    { avals: [f32(2, 2)], params: noParams, data: [[0.5, 2, 3, -1]] },
    { avals: [f64(4, 2)], params: noParams, data: [[1, 0.5, -3, 1, 2, 2.5, 0.5, -2]] },
    { avals: [f64(2, 3)], params: noParams, data: [[1, 2.5, -1, 3, 0.5, 2]] },
    { avals: [f64(2, 1, 2, 2)], params: noParams, data: [[0.5, 2, 3, -1, 4, 1, 1, 2]] },
    { avals: [f32(1, 1)], params: noParams },
    { avals: [f64(0, 0)], params: noParams },
    { avals: [f64(2, 0)], params: noParams },
    { avals: [f64(0, 2, 2)], params: noParams },
    // Without a pivot in the first column, and equal candidates.
    { avals: [f64(2, 2)], params: noParams, data: [[0, 2, 0, 1]], maxOrder: 0 },
    { avals: [f64(3, 2)], params: noParams, data: [[1, 2, -1, 1, 1, 3]], maxOrder: 0 },
  ],
});

function evaluate(x: HostArray, [packed, pivots, permutation]: readonly HostArray[]): void {
  const { m, n, count } = extentsOf(x.aval);
  const k = Math.min(m, n);
  for (let e = 0; e < count; e++) {
    const rows = Array.from({ length: m }, (_, i) =>
      Float64Array.from(x.data.subarray((e * m + i) * n, (e * m + i + 1) * n)),
    );
    const order = rows.map((_, i) => i);
    for (let step = 0; step < k; step++) {
      let pivot = step;
      for (let i = step + 1; i < m; i++) if (Math.abs(rows[i]![step]!) > Math.abs(rows[pivot]![step]!)) pivot = i;
      pivots!.data[e * k + step] = pivot;
      [rows[step], rows[pivot]] = [rows[pivot]!, rows[step]!];
      [order[step], order[pivot]] = [order[pivot]!, order[step]!];
      eliminate(rows, step);
    }
    rows.forEach((row, i) => packed!.data.set(row, (e * m + i) * n));
    permutation!.data.set(order, e * m);
  }
}

function eliminate(rows: readonly Float64Array[], step: number): void {
  const from = rows[step]!;
  const pivot = from[step]!;
  for (const row of rows.slice(step + 1)) {
    if (pivot !== 0) row[step] = row[step]! / pivot;
    for (let j = step + 1; j < row.length; j++) row[j] = row[j]! - row[step]! * from[j]!;
  }
}

/** `[L and U packed, row exchanges, order of rows]`. */
export const lu = (x: Tensor): Tensor[] => bind(luP, [x], noParams);

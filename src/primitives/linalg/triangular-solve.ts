/**
 * Linear systems with a triangular matrix.
 * May import: `ir`, `core`, `primitives/linalg`, and the families its derivative is made of.
 * @module
 */
import { type Aval, f32, f64 } from '../../ir/aval.ts';
import { DTypeError, ShapeError } from '../../ir/errors.ts';
import {
  type BatchDim,
  definePrimitive,
  type HostArray,
  isLinearInput,
  type Primitive,
  residual,
} from '../../core/primitive.ts';
import type { Tensor } from '../../core/tensor.ts';
import { bind1 } from '../../core/trace.ts';
import { neg, sub } from '../arithmetic.ts';
import { materializeBatch, moveAxis, reshape } from '../structural.ts';
import { checkMatrix, checkSquare, extentsOf, lowerPart, product, transposed, upperPart } from './matrix.ts';
import { lowerTriangularSolve, type TriangularSolveParams } from './triangular-solve-lower.ts';

export type { TriangularSolveParams } from './triangular-solve-lower.ts';

function checkOperands(a: Aval, b: Aval, { leftSide }: TriangularSolveParams): void {
  checkSquare('triangularSolve', a);
  checkMatrix('triangularSolve', b);
  if (a.dtype !== b.dtype) {
    throw new DTypeError(
      `triangularSolve: expected operands of one dtype, got ${a.toString()} and ${b.toString()}.`,
      'convert with astype first.',
    );
  }
  const side = b.shape.at(leftSide ? -2 : -1);
  const isBatched = a.ndim === b.ndim && a.shape.slice(0, -2).every((n, i) => n === b.shape[i]);
  if (isBatched && side === a.shape.at(-1)) return;
  throw new ShapeError(
    `triangularSolve: expected equal leading axes and ${leftSide ? 'rows' : 'columns'} of b for the matrix, got ` +
      `${a.toString()} and ${b.toString()}.`,
    leftSide ? 'a[..., n, n] goes with b[..., n, m].' : 'a[..., n, n] goes with b[..., m, n] (leftSide: false).',
    { shapes: [a.shape, b.shape] },
  );
}

/** The part of `da` that the solution depends on. */
function usedPart(da: Tensor, { lower, unitDiagonal }: TriangularSolveParams): Tensor {
  const k = unitDiagonal ? 1 : 0;
  return lower ? lowerPart(da, -k) : upperPart(da, k);
}

/** op(A) X, or X op(A). */
function times(a: Tensor, x: Tensor, { leftSide, transposeA }: TriangularSolveParams): Tensor {
  if (leftSide) return product(a, x, transposeA);
  return product(x, transposeA ? transposed(a) : a);
}

const params = (text: string): TriangularSolveParams => ({
  leftSide: text.includes('l'),
  lower: !text.includes('u'),
  transposeA: text.includes('t'),
  unitDiagonal: text.includes('1'),
});

const triangle3 = [2.5, 0.75, -1.25, 0.6, 3.2, 1.1, -0.8, 1.4, -2.75];

/**
 * X with op(A) X = B (`leftSide`) or X op(A) = B, where A is triangular and op transposes it or not. Elements outside the triangle
 * are not read, nor the diagonal if it is taken for ones; a zero on the diagonal divides.
 */
export const triangularSolveP: Primitive<TriangularSolveParams> = definePrimitive<TriangularSolveParams>({
  name: 'triangular_solve',
  abstractEval: ([a, b], p) => {
    checkOperands(a!, b!, p);
    return [b!.strong()];
  },
  // op(A) X = B gives op(A) dX = dB − op(dA) X. Linear in B: the cotangent of B solves the transposed system.
  calculus: {
    kind: 'smooth',
    jvp: ([a], [da, db], [x], p) => {
      const change = da ? times(usedPart(da, p), x!, p) : null;
      const right = change && db ? sub(db, change) : change ? neg(change) : db;
      return [right ? triangularSolve(a!, right, p) : null];
    },
    transpose: ([ct], [a, b], p) => [
      null,
      isLinearInput(b!) ? triangularSolve(residual(a!), ct!, { ...p, transposeA: !p.transposeA }) : null,
    ],
  },
  batch: ({ size }, [a, b], dims, p) =>
    dims[0] === null
      ? sharedMatrix(a!, b!, dims[1]!, p)
      : [[triangularSolve(...(materializeBatch(size, [a!, b!], dims) as [Tensor, Tensor]), p)], [0]],
  reference: ([a, b], [out], p) => evaluate(a!, b!, out!, p),
  lower: { kind: 'loops', build: (k, [a, b], _outs, p) => lowerTriangularSolve(k, a!, b!, p) },
  samples: [
    { avals: [f64(3, 3), f64(3, 2)], params: params('l'), data: [triangle3] },
    { avals: [f64(3, 3), f64(3, 2)], params: params('lu'), data: [triangle3] },
    { avals: [f64(3, 3), f64(3, 2)], params: params('lt'), data: [triangle3] },
    { avals: [f64(3, 3), f64(3, 1)], params: params('lut1'), data: [triangle3] },
    { avals: [f64(3, 3), f64(2, 3)], params: params(''), data: [triangle3] },
    { avals: [f64(3, 3), f64(2, 3)], params: params('u1'), data: [triangle3] },
    { avals: [f64(3, 3), f64(2, 3)], params: params('t'), data: [triangle3] },
    { avals: [f64(3, 3), f64(1, 3)], params: params('ut'), data: [triangle3] },
    { avals: [f32(2, 2), f32(2, 3)], params: params('l'), data: [[2, 5, 1.5, -3]] },
    {
      avals: [f64(2, 1, 2, 2), f64(2, 1, 2, 2)],
      params: params('lu'),
      data: [[2, 1, 1.5, -3, 1.5, -0.5, 0.5, 2]],
    },
    { avals: [f64(0, 0), f64(0, 2)], params: params('l') },
    { avals: [f64(2, 2), f64(2, 0)], params: params('l'), data: [[2, 1, 1.5, -3]] },
    { avals: [f32(0, 2, 2), f32(0, 2, 2)], params: params('l') },
    // A zero on the diagonal.
    {
      avals: [f64(2, 2), f64(2, 1)],
      params: params('l'),
      data: [
        [2, 0, 1, 0],
        [4, 3],
      ],
      maxOrder: 0,
    },
  ],
});

/** One matrix for all: the mapped axis of b is more columns (or rows). */
function sharedMatrix(a: Tensor, b: Tensor, bdim: number, p: TriangularSolveParams): [Tensor[], BatchDim[]] {
  const to = p.leftSide ? b.ndim - 1 : b.ndim - 3;
  const moved = moveAxis(b, bdim, to);
  const [q, r, s] = moved.shape.slice(-3) as [number, number, number];
  const merged = p.leftSide ? [q, r * s] : [q * r, s];
  const x = triangularSolve(a, reshape(moved, [...moved.shape.slice(0, -3), ...merged]), p);
  return [[reshape(x, moved.shape)], [to]];
}

function evaluate(a: HostArray, b: HostArray, out: HostArray, p: TriangularSolveParams): void {
  const { n, count } = extentsOf(a.aval);
  const { m: rows, n: columns } = extentsOf(b.aval);
  const lines = p.leftSide ? columns : rows;
  // X op(A) = B is op(A)ᵀ Xᵀ = Bᵀ.
  const isTransposed = p.transposeA === p.leftSide;
  const isForward = p.lower !== isTransposed;
  for (let e = 0; e < count; e++) {
    const matrix = (i: number, j: number): number => a.data[e * n * n + (isTransposed ? j * n + i : i * n + j)]!;
    const position = (i: number, c: number): number => e * rows * columns + (p.leftSide ? i * columns + c : c * n + i);
    for (let c = 0; c < lines; c++) {
      const x = new Float64Array(n);
      for (let s = 0; s < n; s++) {
        const i = isForward ? s : n - 1 - s;
        let sum = b.data[position(i, c)]!;
        for (let t = 0; t < s; t++) {
          const j = isForward ? t : n - 1 - t;
          sum -= matrix(i, j) * x[j]!;
        }
        x[i] = p.unitDiagonal ? sum : sum / matrix(i, i);
        out.data[position(i, c)] = x[i]!;
      }
    }
  }
}

export const triangularSolve = (a: Tensor, b: Tensor, p: TriangularSolveParams): Tensor =>
  bind1(triangularSolveP, [a, b], p);

/**
 * Functions of matrices.
 * @see N. J. Higham, The scaling and squaring method for the matrix exponential revisited, SIAM J. Matrix Anal. Appl. 26 (2005)
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import { stopGradient } from '../../custom.ts';
import { cond } from '../../lax/cond.ts';
import { scan } from '../../lax/loops.ts';
import type { TensorLike } from '../../lift.ts';
import { readOptions } from '../../named.ts';
import { squareMatrices } from '../../numpy/linalg/operands.ts';
import { solveSystem } from '../../numpy/linalg/solve.ts';
import { add, div, mul, sub, where } from '../arithmetic.ts';

/** Coefficients of the numerator of the Padé approximant of order 13 to eˣ; the denominator has those of e⁻ˣ. */
const pade13 = [
  64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600,
  670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1,
];

/** Largest 1-norm for which that approximant errs less than the unit roundoff of float64 (Higham, table 2.3). */
const largestNorm = 5.371920351148152;

export interface ExpmOptions {
  /** A needs more squarings than this: the result is NaN; 16. */
  readonly maxSquarings?: number | undefined;
}

/** e^(x) of matrices of small norm. */
function padeExponential(x: Tensor): Tensor {
  const n = x.shape.at(-1)!;
  const unit = prim.broadcastTo(prim.identityLike(x, n, n), x.shape);
  const x2 = prim.product(x, x);
  const x4 = prim.product(x2, x2);
  const x6 = prim.product(x4, x2);
  const c = (i: number, t: Tensor): Tensor => mul(t, pade13[i]!);
  const sum = (...terms: Tensor[]): Tensor => terms.reduce((a, b) => add(a, b));
  const odd = sum(prim.product(x6, sum(c(13, x6), c(11, x4), c(9, x2))), c(7, x6), c(5, x4), c(3, x2), c(1, unit));
  const even = sum(prim.product(x6, sum(c(12, x6), c(10, x4), c(8, x2))), c(6, x6), c(4, x4), c(2, x2), c(0, unit));
  const u = prim.product(x, odd);
  return solveSystem(sub(even, u), add(even, u));
}

/**
 * The exponential of square matrices, Σ Aᵏ/k!, by scaling and squaring.
 * @returns like a; NaN where `maxSquarings` squarings are not enough (a 1-norm above some 350 000)
 * @throws ShapeError unless the matrices are square
 * @example
 * ```ts
 * import { np, scipy } from 'cotangent';
 * console.log(String(scipy.linalg.expm([[0, 1], [0, 0]]))); // => [[1, 1], [0, 1]]
 * ```
 */
export function expm(a: TensorLike, options?: ExpmOptions): Tensor {
  const x = squareMatrices('linalg.expm', a);
  const { maxSquarings = 16 } = readOptions<ExpmOptions>('linalg.expm', ['maxSquarings'], [options ?? {}]);
  if (x.size === 0) return x;
  // The number of halvings is no function that could be differentiated, and the result does not depend on it.
  const size = stopGradient(prim.reduceMax(prim.reduceSum(prim.abs(x), [x.ndim - 2]), [x.ndim - 2]));
  const halvings = prim.max(prim.ceil(div(prim.log(div(size, largestNorm)), Math.LN2)), prim.like(x, 0));
  const matrixwise = (t: Tensor): Tensor => prim.broadcastTo(prim.reshape(t, [...t.shape, 1, 1]), x.shape);
  const scaled = prim.mul(x, matrixwise(prim.exp2(prim.neg(halvings))));
  const square = (r: Tensor, i: Tensor): Tensor =>
    prim.select(matrixwise(prim.lt(prim.convert(i, x.dtype), halvings)), prim.product(r, r), r);
  const squared = repeat(padeExponential(scaled), square, halvings, maxSquarings);
  return where(matrixwise(prim.gt(halvings, prim.like(x, maxSquarings))), NaN, squared);
}

/** Applies `square` as often as any matrix needs it, `most` times at most. */
function repeat(start: Tensor, square: (r: Tensor, i: Tensor) => Tensor, halvings: Tensor, most: number): Tensor {
  const needed = prim.reduceMax(
    halvings,
    halvings.shape.map((_, i) => i),
  );
  const step = (r: Tensor, i: Tensor): [Tensor, null] => [
    cond(
      prim.lt(prim.convert(i, r.dtype), needed),
      (y: Tensor) => square(y, i),
      (y: Tensor) => y,
      r,
    ),
    null,
  ];
  return scan(step, start, prim.iota([most], 'int32'))[0];
}

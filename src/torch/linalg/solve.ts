/**
 * Systems of equations, inverses, determinants and powers of the matrices in the last two dimensions.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import * as np from '../../api/numpy/index.ts';
import { expm } from '../../api/scipy/linalg/functions.ts';
import { solveTriangular as triangularOf } from '../../api/scipy/linalg/systems.ts';
import type { SomeDim } from '../ops/axes.ts';
import { promote, type TensorLike, toTensor, type Unary, unary, withParams, withResults } from '../ops/define.ts';
import { type Arguments, type Named, named, readArguments } from '../ops/named.ts';
import type { Tensor } from '../tensor.ts';
import { checkFinite } from './factor.ts';

/** The determinant. */
export const det: Unary = unary('linalgDet', np.linalg.det);

const inverseOf = unary('linalgInv', np.linalg.inv);

const isSingular =
  'The diagonal element is zero, the inversion could not be completed because the input matrix is singular';

/**
 * The inverse.
 * @throws ArgumentError for a singular matrix
 */
export const inv: Unary = (x) => {
  const tensor = toTensor(x);
  return checkFinite('inv', inverseOf(tensor), [tensor], isSingular, 'a matrix that has an inverse');
};

interface PinvOptions {
  /** Singular values up to this part of the largest count as 0; max(m, n)·ε. */
  readonly rtol?: number | undefined;
}

const pseudoInverse = withParams<number | undefined>('linalgPinv', ([x], rtol) =>
  np.linalg.pinv(x!, { rtol: rtol ?? Math.max(...x!.shape.slice(-2)) * np.finfo(x!.dtype as 'float32').eps }),
);

/** The Moore–Penrose inverse. */
export const pinv: Named<PinvOptions, ['rtol']> = named('linalg.pinv', ['rtol'], (x, { rtol }: PinvOptions) =>
  pseudoInverse([x], rtol),
);

interface SolveOptions {
  /** false for x·a = b; true. */
  readonly left?: boolean | undefined;
}

const solution = withParams<boolean>('linalgSolve', (xs, left) => {
  const [a, b] = promote(xs) as [CoreTensor, CoreTensor];
  if (left) return np.linalg.solve(a, b);
  const t = np.matrixTranspose;
  return t(np.linalg.solve(t(a), t(b)));
});

/**
 * x with a·x = b.
 * @throws ArgumentError for a singular matrix
 */
export function solve(a: TensorLike, b: TensorLike, options: SolveOptions = {}): Tensor {
  const { left = true } = readArguments<SolveOptions>('linalg.solve', ['left'], [options]);
  const operands = [toTensor(a), toTensor(b)];
  return checkFinite('solve', solution(operands, left), operands, isSingular, 'a matrix that has an inverse');
}

export interface SolveTriangularOptions {
  /** Whether the upper triangle counts, or the lower. */
  readonly upper: boolean;
  /** false for x·a = b; true. */
  readonly left?: boolean | undefined;
  /** Take the diagonal for ones; false. */
  readonly unitriangular?: boolean | undefined;
}

const ofTriangle = withParams<Required<SolveTriangularOptions>>('linalgSolveTriangular', (xs, how) => {
  const [a, b] = promote(xs) as [CoreTensor, CoreTensor];
  const options = { lower: !how.upper, unitDiagonal: how.unitriangular === true };
  if (how.left === true) return triangularOf(a, b, options);
  const t = np.matrixTranspose;
  return t(triangularOf(a, t(b), { ...options, trans: 'T' }));
});

/** x with a·x = b for a triangular a, of which the other triangle is not read. */
export const solveTriangular = (a: TensorLike, b: TensorLike, options: SolveTriangularOptions): Tensor => {
  const {
    upper,
    left = true,
    unitriangular = false,
  } = readArguments<SolveTriangularOptions>('linalg.solveTriangular', ['upper', 'left', 'unitriangular'], [options]);
  return ofTriangle([a, b], { upper, left, unitriangular });
};

export interface LstsqResult {
  readonly solution: Tensor;
  /** Squared norms of the columns of a·x − b. */
  readonly residuals: Tensor;
  readonly rank: Tensor;
  readonly singularValues: Tensor;
}

const leastSquares = withResults<number | null>('linalgLstsq', (xs, rcond) => {
  const [a, b] = promote(xs) as [CoreTensor, CoreTensor];
  return np.linalg.lstsq(a, b, { rcond });
});

/** The x of the smallest norm that makes ‖a·x − b‖ smallest. */
export function lstsq(a: TensorLike, b: TensorLike, ...args: Arguments<{ rcond?: number }, ['rcond']>): LstsqResult {
  const { rcond } = readArguments<{ rcond?: number }>('linalg.lstsq', ['rcond'], args);
  const [x, residuals, rank, singularValues] = leastSquares([a, b], rcond ?? null);
  return { solution: x!, residuals: residuals!, rank: rank!, singularValues: singularValues! };
}

export interface RankOptions {
  /** Singular values up to this count as 0. */
  readonly atol?: number | undefined;
  /** Singular values up to this part of the largest count as 0; max(m, n)·ε, or 0 with `atol`. */
  readonly rtol?: number | undefined;
}

const rankOf = withParams<RankOptions>('linalgMatrixRank', ([x], { atol = 0, rtol }) => {
  const s = np.linalg.svdvals(prim.stopGradientOf(x!));
  const { eps } = np.finfo(s.dtype as 'float32');
  const part = rtol ?? (atol > 0 ? 0 : Math.max(...x!.shape.slice(-2)) * eps);
  const bound = np.maximum(np.multiply(np.max(s, { axis: -1, keepdims: true }), part), atol);
  return np.sum(np.greater(s, bound).astype('int32'), { axis: -1 });
});

/** The number of singular values that are not negligible. */
export const matrixRank: Named<RankOptions, []> = (x, ...args) =>
  rankOf([x], readArguments<RankOptions>('linalg.matrixRank', ['atol', 'rtol'], args));

const signAndLog = withResults<null>('linalgSlogdet', ([x]) => np.linalg.slogdet(x!));

export interface SlogdetResult {
  readonly sign: Tensor;
  readonly logabsdet: Tensor;
}

/** Sign and logarithm of the absolute value of the determinant. */
export function slogdet(x: TensorLike): SlogdetResult {
  const [sign, logabsdet] = signAndLog([x], null);
  return { sign: sign!, logabsdet: logabsdet! };
}

/** e^x of matrices. */
export const matrixExp: Unary = unary('linalgMatrixExp', (x) => expm(x));

const chain = withParams<null>('linalgMultiDot', (xs) => np.linalg.multiDot(promote(xs)));
/** The product of several matrices, in the order that takes the fewest operations; the first and last may be vectors. */
export const multiDot = (tensors: readonly TensorLike[]): Tensor => chain(tensors, null);

const dots = withParams<number>('linalgVecdot', (xs, axis) => {
  const [x, y] = promote(xs) as [CoreTensor, CoreTensor];
  return np.vecdot(x, y, axis);
});

/** Σxy along a dimension (the last). */
export const vecdot = (x: TensorLike, y: TensorLike, ...args: Arguments<SomeDim, ['dim']>): Tensor =>
  dots([x, y], readArguments<SomeDim>('linalg.vecdot', ['dim'], args).dim ?? -1);

const tensorInverse = withParams<number>('linalgTensorinv', ([x], ind) => np.linalg.tensorinv(x!, ind));

interface IndOption {
  readonly ind?: number | undefined;
}

/** The inverse for `tensordot(…, ind)`. */
export const tensorinv: Named<IndOption, ['ind']> = named('linalg.tensorinv', ['ind'], (x, { ind = 2 }: IndOption) =>
  tensorInverse([x], ind),
);

const tensorSolution = withParams<readonly number[] | null>('linalgTensorsolve', (xs, axes) => {
  const [a, b] = promote(xs) as [CoreTensor, CoreTensor];
  return np.linalg.tensorsolve(a, b, axes === null ? {} : { axes });
});

interface DimsOption {
  readonly dims?: readonly number[] | undefined;
}

/** x with tensordot(a, x, x.ndim) = b. */
export const tensorsolve = (a: TensorLike, b: TensorLike, ...args: Arguments<DimsOption, ['dims']>): Tensor =>
  tensorSolution([a, b], readArguments<DimsOption>('linalg.tensorsolve', ['dims'], args).dims ?? null);

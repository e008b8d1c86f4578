/**
 * Eigenvalues, singular values, and what is made of them.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ArgumentError } from '../../../ir/errors.ts';
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import { customJvp } from '../../custom.ts';
import type { TensorLike } from '../../lift.ts';
import { readOptions } from '../../named.ts';
import { checkChoice } from '../../options.ts';
import { symmetrized } from '../../lax/linalg.ts';
import { matrices, squareMatrices, system } from './operands.ts';

export interface EighOptions {
  /** Which triangle is read if the input is not symmetrized; 'L'. */
  readonly UPLO?: 'L' | 'U' | null | undefined;
  /** Take ½(A + Aᵀ); true. */
  readonly symmetrizeInput?: boolean | undefined;
}

/** The matrices whose lower triangles are read. */
function symmetricOf(op: string, a: TensorLike, options: EighOptions | undefined): Tensor {
  const x = squareMatrices(op, a);
  const { UPLO = 'L', symmetrizeInput = true } = readOptions<EighOptions>(
    op,
    ['UPLO', 'symmetrizeInput'],
    [options ?? {}],
  );
  checkChoice(op, 'UPLO', UPLO, ['L', 'U']);
  if (symmetrizeInput) return symmetrized(x);
  return UPLO === 'L' ? x : prim.transposed(x);
}

/**
 * Eigenvalues and eigenvectors of symmetric matrices: A V = V diag(w).
 *
 * Derivatives of eigenvectors divide by the differences of eigenvalues: where two are equal they are infinite or NaN.
 *
 * @param a `[..., n, n]`
 * @returns `[w, v]`: `[..., n]` ascending, and `[..., n, n]` with an eigenvector in each column, of the sign that makes the first of its
 * large elements (0.37 of the largest and more) positive
 * @throws ShapeError unless the matrices are square
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * const [w] = np.linalg.eigh([[2, 1], [1, 2]]);
 * console.log(np.round(w, 4).toArray()); // => [ 1, 3 ]
 * ```
 */
export const eigh = (a: TensorLike, options?: EighOptions): [Tensor, Tensor] =>
  prim.eigh(symmetricOf('linalg.eigh', a, options)) as [Tensor, Tensor];

/** Eigenvalues of symmetric matrices, ascending. */
export const eigvalsh = (a: TensorLike, options?: EighOptions): Tensor =>
  prim.eigvalsh(symmetricOf('linalg.eigvalsh', a, options));

export interface SvdOptions {
  /** Complete U and V to square matrices; true. */
  readonly fullMatrices?: boolean | undefined;
  /** Give U and Vᵀ too; true. */
  readonly computeUv?: boolean | undefined;
  /** Accepted for NumPy's sake: the result is the same. */
  readonly hermitian?: boolean | undefined;
}

/**
 * Singular value decomposition: A = U diag(s) Vᵀ.
 *
 * Derivatives of the vectors exist for distinct singular values other than 0, and for `fullMatrices: false` or square matrices.
 *
 * @param a `[..., m, n]`
 * @returns `[u, s, vt]`, s descending, with a sign of each row of vt that makes the first of its large elements (0.37 of the largest and
 * more) positive; with `computeUv: false` s alone
 * @throws ShapeError for less than two axes
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * const [u, s, vt] = np.linalg.svd([[3, 0], [0, -4], [0, 0]], { fullMatrices: false });
 * console.log(u.shape, String(s), vt.shape); // => [ 3, 2 ] [4, 3] [ 2, 2 ]
 * ```
 */
export function svd(a: TensorLike, options: SvdOptions & { readonly computeUv: false }): Tensor;
export function svd(a: TensorLike, options?: SvdOptions): [Tensor, Tensor, Tensor];
export function svd(a: TensorLike, options?: SvdOptions): Tensor | [Tensor, Tensor, Tensor] {
  const x = matrices('linalg.svd', a);
  const names = ['fullMatrices', 'computeUv', 'hermitian'] as const;
  const { fullMatrices = true, computeUv = true } = readOptions<SvdOptions>('linalg.svd', names, [options ?? {}]);
  if (!computeUv) return svdvals(x);
  const [s, u, vt] = prim.svd(x, { vectors: true, full: fullMatrices }) as [Tensor, Tensor, Tensor];
  return [u, s, vt];
}

/** Singular values of matrices, descending. */
export const svdvals = (a: TensorLike): Tensor =>
  prim.svd(matrices('linalg.svdvals', a), { vectors: false, full: false })[0]!;

const last = (x: Tensor): number[] => [x.ndim - 1];
const epsilonOf = (x: Tensor): number => (x.dtype === 'float32' ? 2 ** -23 : 2 ** -52);
const longest = (x: Tensor): number => Math.max(x.shape.at(-1)!, x.shape.at(-2)!);

/** Which singular values count, when those up to a part of the largest do not. */
function isLarge(s: Tensor, rtol: number): Tensor {
  if (s.shape.at(-1) === 0) return prim.gt(s, prim.like(s, 0));
  const largest = prim.reduceMax(s, last(s));
  return prim.gt(s, prim.mul(prim.reshape(largest, [...largest.shape, 1]), prim.like(s, rtol)));
}

/** V diag(1/s) Uᵀ over the singular values that count. */
function pseudoInverse(a: Tensor, rtol: number): Tensor {
  const [s, u, vt] = prim.svd(a, { vectors: true, full: false }) as [Tensor, Tensor, Tensor];
  const counts = isLarge(s, rtol);
  const inverse = prim.select(
    counts,
    prim.div(prim.like(s, 1), prim.select(counts, s, prim.like(s, 1))),
    prim.like(s, 0),
  );
  const scaled = prim.mul(vt, prim.reshape(inverse, [...inverse.shape, 1]));
  return prim.product(scaled, prim.transposed(u), true);
}

/**
 * While the rank stays, dP = −P dA P + P Pᵀ dAᵀ (I − A P) + (I − P A) dAᵀ Pᵀ P: G. H. Golub, V. Pereyra, The differentiation of
 * pseudo-inverses and nonlinear least squares problems whose variables separate, SIAM J. Numer. Anal. 10 (1973).
 */
function differentiablePinv(a: Tensor, rtol: number): Tensor {
  const inverse = customJvp((x: Tensor): Tensor => pseudoInverse(x, rtol));
  inverse.defjvp(([x]: readonly [Tensor], [dx]: readonly [Tensor]) => {
    const p = inverse(x) as Tensor;
    const [pt, dt] = [prim.transposed(p), prim.transposed(dx)];
    const without = (y: Tensor, part: Tensor): Tensor => prim.sub(y, part);
    const first = prim.product(p, prim.product(dx, p));
    const right = prim.product(p, prim.product(pt, dt));
    const left = prim.product(dt, prim.product(pt, p));
    const second = without(right, prim.product(prim.product(right, x), p));
    const third = without(left, prim.product(p, prim.product(x, left)));
    return [p, prim.add(prim.sub(second, first), third)];
  });
  return inverse(a) as Tensor;
}

export interface PinvOptions {
  /** Singular values up to this part of the largest count as 0; 10 · max(m, n) · ε. */
  readonly rtol?: number | undefined;
  /** Another name of `rtol`. */
  readonly rcond?: number | undefined;
  /** Accepted for NumPy's sake: the result is the same. */
  readonly hermitian?: boolean | undefined;
}

/**
 * The pseudo-inverse (Moore–Penrose) of matrices.
 * @param a `[..., m, n]`
 * @returns `[..., n, m]`
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(String(np.linalg.pinv([[2, 0], [0, 0]]))); // => [[0.5, 0], [0, 0]]
 * ```
 */
export function pinv(a: TensorLike, options?: PinvOptions): Tensor {
  const x = matrices('linalg.pinv', a);
  const o = readOptions<PinvOptions>('linalg.pinv', ['rtol', 'hermitian', 'rcond'], [options ?? {}]);
  return differentiablePinv(x, o.rtol ?? o.rcond ?? 10 * longest(x) * epsilonOf(x));
}

export interface RankOptions {
  /** Singular values up to this part of the largest count as 0; max(m, n) · ε. */
  readonly rtol?: number | undefined;
}

/** The number of singular values that are not negligible (`i32`). */
export function matrixRank(a: TensorLike, options?: RankOptions): Tensor {
  const x = matrices('linalg.matrixRank', a);
  const { rtol = longest(x) * epsilonOf(x) } = readOptions<RankOptions>('linalg.matrixRank', ['rtol'], [options ?? {}]);
  const counts = prim.convert(isLarge(svdvals(x), rtol), 'int32');
  return prim.reduceSum(counts, last(counts));
}

export interface LstsqOptions {
  /** Singular values up to this part of the largest count as 0; max(m, n) · ε. */
  readonly rcond?: number | null | undefined;
}

/**
 * The solution of least squares, of the smallest norm if there are several: min ‖A x − b‖₂.
 *
 * @param a `[m, n]`
 * @param b `[m]` or `[m, k]`
 * @returns `[x, residuals, rank, singularValues]`; residuals are the squared norms of the columns of b − A x
 * @throws ShapeError
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * const [line] = np.linalg.lstsq([[0, 1], [1, 1], [2, 1]], [1, 3, 5]);
 * console.log(np.round(line, 4).toArray()); // => [ 2, 1 ]
 * ```
 */
export function lstsq(a: TensorLike, b: TensorLike, options?: LstsqOptions | number): [Tensor, Tensor, Tensor, Tensor] {
  const s = system('linalg.lstsq', a, b, (_a, y) => y.ndim === 1);
  if (s.a.ndim !== 2) {
    throw new ArgumentError(`linalg.lstsq: expected one matrix, got ${s.a.aval.toString()}.`, 'use vmap for a batch.');
  }
  const { rcond = longest(s.a) * epsilonOf(s.a) } = readOptions<{ rcond: number }>(
    'linalg.lstsq',
    ['rcond'],
    [options],
  );
  const x = prim.product(differentiablePinv(s.a, rcond), s.b);
  const rest = prim.sub(s.b, prim.product(s.a, x));
  const values = svdvals(s.a);
  const rank = prim.reduceSum(prim.convert(isLarge(values, rcond), 'int32'), [0]);
  return [s.restore(x), prim.reduceSum(prim.mul(rest, rest), [0]), rank, values];
}

/**
 * The namespace `linalg` of `cotangent/torch`: linear algebra on the last two dimensions.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import * as np from '../api/numpy/index.ts';
import { type Binary, promote, type TensorLike, type Unary, unary, withParams, withResults } from './ops/define.ts';
import type { Tensor } from './tensor.ts';

export { cross, matmul, matrixPower } from './ops/linalg.ts';

/** The lower triangular L with L·Lᵀ = x, for a symmetric positive definite x. */
export const cholesky: Unary = unary('linalgCholesky', (x) => np.linalg.cholesky(x));
/** The determinant. */
export const det: Unary = unary('linalgDet', np.linalg.det);
/** The inverse. */
export const inv: Unary = unary('linalgInv', np.linalg.inv);
/** The Moore–Penrose inverse. */
export const pinv: Unary = unary('linalgPinv', (x) => np.linalg.pinv(x));
/** Singular values, the largest first. */
export const svdvals: Unary = unary('linalgSvdvals', (x) => np.linalg.svdvals(x));
/** Eigenvalues of a symmetric matrix, the smallest first. */
export const eigvalsh: Unary = unary('linalgEigvalsh', (x) => np.linalg.eigvalsh(x));

const solution = withParams<null>('linalgSolve', (xs) => {
  const [a, b] = promote(xs);
  return np.linalg.solve(a!, b!);
});

/** x with a·x = b. */
export const solve: Binary = (a, b) => solution([a, b], null);

const signAndLog = withResults<null>('linalgSlogdet', ([x]) => np.linalg.slogdet(x!));

/** Sign and logarithm of the absolute value of the determinant. */
export function slogdet(x: TensorLike): { readonly sign: Tensor; readonly logabsdet: Tensor } {
  const [sign, logabsdet] = signAndLog([x], null);
  return { sign: sign!, logabsdet: logabsdet! };
}

const orthogonal = withResults<null>('linalgQr', ([x]) => np.linalg.qr(x!));

/** x = Q·R with orthonormal columns Q and an upper triangular R. */
export function qr(x: TensorLike): { readonly Q: Tensor; readonly R: Tensor } {
  const [Q, R] = orthogonal([x], null);
  return { Q: Q!, R: R! };
}

/**
 * The namespace `np.linalg`: linear algebra on the last two axes, with the names of `jax.numpy.linalg` in camelCase.
 * @module
 */
export { det, slogdet } from './determinants.ts';
export { cholesky, type CholeskyOptions, qr, type QrMode } from './factor.ts';
export {
  cond,
  matrixNorm,
  type MatrixNormOptions,
  norm,
  type NormOptions,
  type NormOrder,
  vectorNorm,
  type VectorNormOptions,
} from './norms.ts';
export { matrixPower, multiDot } from './powers.ts';
export { inv, solve } from './solve.ts';
export {
  eigh,
  type EighOptions,
  eigvalsh,
  lstsq,
  type LstsqOptions,
  matrixRank,
  pinv,
  type PinvOptions,
  type RankOptions,
  svd,
  type SvdOptions,
  svdvals,
} from './spectral.ts';
export { diagonal, trace } from './diagonals.ts';
export { tensorinv, tensorsolve } from './tensors.ts';
export { matrixTranspose } from '../movement.ts';
export { cross, matmul, outer, tensordot, vecdot } from '../products.ts';

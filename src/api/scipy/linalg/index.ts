/**
 * The namespace `scipy.linalg`.
 * @module
 */
export {
  choFactor,
  type CholeskyFactor,
  cholesky,
  choSolve,
  type FactorOptions,
  luFactor,
  luSolve,
  solve,
  type SolveOptions,
  solveTriangular,
  type SolveTriangularOptions,
} from './systems.ts';
export { det } from '../../numpy/linalg/determinants.ts';
export { inv } from '../../numpy/linalg/solve.ts';
export { eigh, type EighOptions, lu, type LuOptions, qr, type QrOptions, svd, type SvdOptions } from './factor.ts';
export { expm, type ExpmOptions } from './functions.ts';
export { blockDiag, hilbert, toeplitz } from './special-matrices.ts';

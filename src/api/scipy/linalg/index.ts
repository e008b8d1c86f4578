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
export { det, inv } from '../../numpy/linalg/solve.ts';

/**
 * The namespace `np.linalg`: linear algebra on the last two axes, with the names of `jax.numpy.linalg` in camelCase.
 * @module
 */
export { cholesky, type CholeskyOptions } from './factor.ts';
export { matrixPower, multiDot } from './powers.ts';
export { det, inv, slogdet, solve } from './solve.ts';
export { matrixTranspose } from '../movement.ts';
export { matmul, outer, tensordot, vecdot } from '../products.ts';

/**
 * The namespace `linalg` of `cotangent/torch`: linear algebra on the last two dimensions. What needs complex numbers (`eig`) is not there.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { diagonal as diagonalOf, type DiagonalOptions } from '../ops/parts.ts';
import { type Named, named } from '../ops/named.ts';

export { cross, matmul, matrixPower } from '../ops/linalg.ts';
export * from './factor.ts';
export * from './norms.ts';
export * from './solve.ts';

/** The diagonals of two dimensions (the last two), as a last one. */
export const diagonal: Named<DiagonalOptions, ['offset', 'dim1', 'dim2']> = named(
  'linalg.diagonal',
  ['offset', 'dim1', 'dim2'],
  (x, { offset = 0, dim1 = -2, dim2 = -1 }: DiagonalOptions) => diagonalOf(x, offset, dim1, dim2),
);

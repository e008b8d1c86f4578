/**
 * The call convention of matrix products: m, n, k; A's address, row and column stride; B's; C's address and row stride; accumulate.
 * Strides count elements, addresses bytes.
 * May import: `encode`, `kernel`.
 * @module
 */
import type { Signature } from '../encode/module.ts';
import type { Lir } from '../kernel/lir.ts';

export const gemmSignature: Signature = { params: Array.from({ length: 12 }, () => 'i32' as const), results: [] };

/** The parameters of that convention, in its order. */
export type GemmParameters = readonly [
  m: Lir,
  n: Lir,
  k: Lir,
  a: Lir,
  aRowStride: Lir,
  aColumnStride: Lir,
  b: Lir,
  bRowStride: Lir,
  bColumnStride: Lir,
  c: Lir,
  cRowStride: Lir,
  accumulate: Lir,
];

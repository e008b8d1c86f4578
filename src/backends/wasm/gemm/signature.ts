/**
 * The call convention of matrix products: m, n, k; A's address, row and column stride; B's; C's address and row stride; accumulate;
 * part, parts. Strides count elements, addresses bytes.
 *
 * A call computes part number `part` of |`parts`| (0 and 1: all of it): a range of rows of C, or of columns where `parts` is negative,
 * possibly empty. All parts together write every element once, and no element's bits depend on how many parts there are, nor of which kind.
 * Calls for different parts may run at the same time, each with a workspace of its own (an instance of the library has one workspace,
 * the imported global `env.workspace`). Each part copies operands for itself: few parts are better than many. The first parts are the
 * longest.
 * May import: `encode`, `kernel`.
 * @module
 */
import type { Signature } from '../encode/module.ts';
import type { Lir } from '../kernel/lir.ts';

/** Parts begin at multiples of these, which whole tiles and whole strips divide. */
export const rowUnit = 24;
export const columnUnit = 64;

export const gemmParameterCount = 14;
const params = Array.from({ length: gemmParameterCount }, () => 'i32' as const);

/** `sgemm` and `dgemm`. */
export const gemmSignature: Signature = { params, results: [] };

/**
 * `sgemm_blocks` and `dgemm_blocks`, for callers that do something with each block of C as soon as it is complete. A call begins the product
 * and gives the address of four words: rows from and to, columns from and to, of a block that is complete. Calls with `parts` = 0 go
 * on to the next; 0 says that there are no more. Blocks begin at multiples of 64 columns, and cover the part.
 */
export const gemmBlocksSignature: Signature = { params, results: ['i32'] };

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
  part: Lir,
  parts: Lir,
];

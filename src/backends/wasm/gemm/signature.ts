/**
 * The call convention of matrix products: m, n, k; A's address, row and column stride; B's; C's address and row stride; accumulate.
 * Strides count elements, addresses bytes.
 * May import: `encode`.
 * @module
 */
import type { Signature } from '../encode/module.ts';

export const gemmSignature: Signature = { params: Array.from({ length: 12 }, () => 'i32' as const), results: [] };

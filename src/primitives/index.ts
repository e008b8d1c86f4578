/**
 * Every primitive family and the functions that apply it.
 * @module
 */
export * from './structural.ts';
export * from './arithmetic.ts';
export * from './compare.ts';
export * from './select.ts';
export * from './convert.ts';
export * from './iota.ts';
export * from './elementwise-bits.ts';
export * from './elementwise-number.ts';
export * from './elementwise-exp.ts';
export * from './elementwise-trig.ts';
export * from './special.ts';
export * from './reduce.ts';
export * from './arg-reduce.ts';
export * from './cumulative.ts';
export * from './fill.ts';
export * from './slice.ts';
export * from './movement.ts';
export * from './dynamic.ts';
export * from './indexing.ts';
export * from './scatter-combine.ts';
export * from './dot.ts';
export * from './conv.ts';
export * from './window.ts';
export * from './window-arg.ts';
export { sort, sortP, type SortParams } from './sort.ts';
export * from './top-k.ts';
export * from './random.ts';
export type { IndexMode } from './index-map.ts';
export { alongFirstAxis, type ScatterDimensionNumbers, type ScatterParams } from './define-scatter.ts';
export * from './barrier.ts';
export * from './linalg/cholesky.ts';
export * from './linalg/factored-solve.ts';
export * from './linalg/lu.ts';
export { checkSquare, identityLike, lowerPart, product, transposed, upperPart } from './linalg/matrix.ts';
export * from './linalg/qr.ts';
export { eigh, eighP, eigvalsh } from './linalg/eigh.ts';
export * from './linalg/svd.ts';
export * from './linalg/triangular-solve.ts';

/**
 * The namespace `lax`: primitives by JAX's names, and control flow.
 * @module
 */
export * from './associative-scan.ts';
export * from './collective.ts';
export * from './cond.ts';
export * from './conv.ts';
export * from './dot.ts';
export * from './elementwise.ts';
export * from './indexing.ts';
export * as linalg from './linalg.ts';
export * from './loops.ts';
export * from './reduce.ts';
export * from './shape.ts';
export { type Padding, reduceWindow } from './window.ts';
export { stopGradient } from '../custom.ts';

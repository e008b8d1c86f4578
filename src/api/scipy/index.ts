/**
 * The namespace `scipy`: linear algebra, special functions, and probability distributions.
 * May import: `api`.
 * @module
 */
export * as linalg from './linalg/index.ts';
export * as special from './special.ts';
export * as stats from './stats/index.ts';

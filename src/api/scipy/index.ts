/**
 * The namespace `scipy`: special functions, and probability distributions.
 * May import: `api`.
 * @module
 */
export * as special from './special.ts';
export * as stats from './stats/index.ts';

/**
 * The `scipy` namespace: special functions and probability distributions.
 *
 * @module
 */
export {};

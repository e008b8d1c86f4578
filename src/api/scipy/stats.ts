/**
 * The namespace `scipy.stats`: one namespace a distribution.
 * @module
 */
export {};

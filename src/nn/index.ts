/**
 * The entry `cotangent/nn`: functions for neural networks.
 * @module
 */
export * from '../api/nn/index.ts';

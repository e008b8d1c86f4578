/**
 * The namespace `nn`: activations, the softmax family, attention, initializers.
 * @module
 */
export * from './activations.ts';
export { type AttentionOptions, dotProductAttention } from './attention.ts';
export * as initializers from './initializers.ts';
export * from './normalize.ts';

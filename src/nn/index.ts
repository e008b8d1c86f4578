/**
 * The entry `cotangent/nn`: functions for neural networks, modules, and losses.
 * @module
 */
export * from '../api/nn/index.ts';
export { Dropout, type DropoutOptions } from './dropout.ts';
export { Embedding, type EmbeddingOptions } from './embedding.ts';
export { LayerNorm, type LayerNormOptions, type NormOptions, RMSNorm } from './layer-norm.ts';
export { Identity, Lambda, Linear, type LinearOptions } from './linear.ts';
export { type CrossEntropyOptions, crossEntropy, type NllOptions, nllLoss } from './losses/cross-entropy.ts';
export {
  huberLoss,
  type HuberOptions,
  l1Loss,
  logCosh,
  mseLoss,
  smoothL1Loss,
  type SmoothL1Options,
} from './losses/regression.ts';
export type { LossOptions, Reduction } from './losses/reduction.ts';
export { type CallOptions, Layer, Module, within } from './module.ts';
export type { ParameterOptions } from './checks.ts';
export { type LayerLike, Sequential } from './sequential.ts';

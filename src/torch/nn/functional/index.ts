/**
 * PyTorch's `torch.nn.functional`.
 * @module
 */
export * from './activations.ts';
export * from './adaptive-pooling.ts';
export { type AttentionOptions, scaledDotProductAttention } from './attention.ts';
export {
  conv1d,
  conv2d,
  conv3d,
  type ConvOptions,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  type ConvTransposeOptions,
} from './conv.ts';
export * from './ctc.ts';
export {
  alphaDropout,
  dropout,
  dropout1d,
  dropout2d,
  dropout3d,
  type DropoutOptions,
  featureAlphaDropout,
} from './dropout.ts';
export * from './grid.ts';
export { interpolate, type InterpolateArguments, type InterpolateOptions, type ResizeMode } from './interpolate.ts';
export {
  type CosineOptions,
  cosineSimilarity,
  type DistanceOptions,
  normalize,
  type NormalizeOptions,
  pairwiseDistance,
} from './distance.ts';
export { embedding, embeddingBag, type EmbeddingBagOptions, type EmbeddingOptions } from './embedding.ts';
export { bilinear, linear, oneHot } from './linear.ts';
export type { LossOptions } from './loss-options.ts';
export * from './losses.ts';
export * from './margins.ts';
export * from './local-response.ts';
export * from './normalization.ts';
export * from './pad.ts';
export { channelShuffle, fold, type PatchOptions, pixelShuffle, pixelUnshuffle, unfold } from './patches.ts';
export {
  type AvgPoolArguments,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  type AvgPoolOptions,
  lpPool1d,
  lpPool2d,
  lpPool3d,
  type LpPoolOptions,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  type MaxPoolArguments,
  type MaxPooled,
  type MaxPoolFunction,
  type MaxPoolOptions,
} from './pooling.ts';
export { maxUnpool1d, maxUnpool2d, maxUnpool3d, type UnpoolArguments, type UnpoolOptions } from './unpooling.ts';
export type { Sizes } from './windows.ts';

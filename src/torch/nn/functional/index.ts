/**
 * PyTorch's `torch.nn.functional`.
 * @module
 */
export * from './activations.ts';
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
  type Sizes,
} from './conv.ts';
export * from './ctc.ts';
export * from './dropout.ts';
export { interpolate, type InterpolateOptions, pad, type PadMode, type ResizeMode } from './interpolate.ts';
export {
  cosineSimilarity,
  type DistanceOptions,
  normalize,
  type NormalizeOptions,
  pairwiseDistance,
} from './distance.ts';
export { bilinear, embedding, linear, oneHot } from './linear.ts';
export * from './losses.ts';
export * from './margins.ts';
export * from './normalization.ts';
export * from './pooling.ts';

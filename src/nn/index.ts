/**
 * The entry `cotangent/nn`: functions for neural networks, modules, and losses.
 * @module
 */
export * from '../api/nn/index.ts';
export {
  type AttendOptions,
  type AttentionModuleOptions,
  type KeyValueCache,
  MultiHeadAttention,
  paddingMask,
} from './attention.ts';
export { BatchNorm, type BatchNormOptions } from './batch-norm.ts';
export { Conv, Conv1d, Conv2d, Conv3d, type ConvOptions } from './conv.ts';
export {
  ConvTranspose,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeOptions,
} from './conv-transpose.ts';
export { Dropout, type DropoutOptions } from './dropout.ts';
export { Embedding, type EmbeddingOptions } from './embedding.ts';
export { GroupNorm, InstanceNorm } from './group-norm.ts';
export { LayerNorm, type LayerNormOptions, type NormOptions, RMSNorm } from './layer-norm.ts';
export { Identity, Lambda, Linear, type LinearOptions } from './linear.ts';
export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  diceLoss,
  type DiceOptions,
  type FocalOptions,
  type LogitOptions,
  sigmoidFocalLoss,
} from './losses/binary.ts';
export { ctcLoss, type CtcOptions } from './losses/ctc.ts';
export {
  gaussianNllLoss,
  type GaussianOptions,
  klDiv,
  type KlOptions,
  poissonNllLoss,
  type PoissonOptions,
} from './losses/distributions.ts';
export {
  hingeEmbeddingLoss,
  hingeLoss,
  marginRankingLoss,
  type MarginOptions,
  multiMarginLoss,
  type MultiMarginOptions,
} from './losses/margins.ts';
export {
  contrastiveLoss,
  cosineEmbeddingLoss,
  cosineSimilarity,
  infoNceLoss,
  type InfoNceOptions,
  tripletMarginLoss,
  type TripletOptions,
} from './losses/similarity.ts';
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
export {
  combine,
  filter,
  isTrainable,
  type Leaf,
  type LeafFilter,
  maskOf,
  parameterCount,
  partition,
} from './leaves.ts';
export { type LoadOptions, loadStateDict, type NameMap, type Source, type StateDict, stateDict } from './state-dict.ts';
export {
  AdaptiveAvgPool,
  AdaptiveMaxPool,
  AvgPool,
  type AvgPoolOptions,
  MaxPool,
  type PoolOptions,
} from './pooling.ts';
export { loadModel, saveModel, type SaveModelOptions } from './safetensors/model.ts';
export { loadSafetensors, openSafetensors, type ReadOptions, type SafetensorsFile } from './safetensors/read.ts';
export type { TensorEntry } from './safetensors/header.ts';
export type { ByteStream, FileSource, RandomAccess } from './safetensors/source.ts';
export { saveSafetensors, streamSafetensors, writeSafetensors, type WriteOptions } from './safetensors/write.ts';
export { GRU, LSTM, type RecurrentOptions, RNN, type UnrollOptions } from './recurrent.ts';
export { type CellOptions, GRUCell, LSTMCell, RNNCell, type RnnCellOptions } from './recurrent-cells.ts';
export type { CellState } from './recurrence.ts';
export { rotaryEmbedding, type RotaryOptions } from './rotary.ts';
export { type BlockOptions, TransformerBlock, type TransformerBlockOptions } from './transformer.ts';
export { torchNames } from './torch-names.ts';
export type { NameRules } from './torch-rules.ts';
export type { Sizes, WindowPadding } from './windows.ts';
export { summary } from './summary.ts';

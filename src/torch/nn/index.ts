/**
 * PyTorch's `torch.nn`.
 * @module
 */
export * from './activations.ts';
export { type AttendOptions, MultiheadAttention, type MultiheadAttentionOptions } from './attention.ts';
export { ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential } from './containers.ts';
export {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvLayerOptions,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeLayerOptions,
} from './conv.ts';
export type { Gradients } from '../node.ts';
export type { BackwardHook, ForwardHook, ForwardPreHook } from './hooks.ts';
export type { TensorModule } from './layer.ts';
export * from './distance.ts';
export * from './dropout.ts';
export {
  Embedding,
  EmbeddingBag,
  type EmbeddingBagOptions,
  type EmbeddingOptions,
  type PretrainedOption,
} from './embedding.ts';
export {
  Bilinear,
  Flatten,
  type FlattenOptions,
  Identity,
  Linear,
  type LinearOptions,
  type ParameterOptions,
  Unflatten,
} from './linear.ts';
export * from './losses.ts';
export { Module, type Named } from './module.ts';
export * from './normalization.ts';
export { Parameter } from './parameter.ts';
export * from './pooling.ts';
export * from './shape-layers.ts';
export * from './softmax.ts';
export { GRU, LSTM, type LSTMOptions, type RecurrentOptions, RNN, type RNNOptions } from './recurrent.ts';
export { type CellOptions, GRUCell, LSTMCell, RNNCell, type RNNCellOptions } from './recurrent-cells.ts';
export {
  type DecoderModule,
  type EncoderModule,
  Transformer,
  type TransformerMasks,
  type TransformerOptions,
} from './transformer.ts';
export {
  type Activation,
  type DecoderMasks,
  type EncoderMasks,
  type StackMasks,
  type StackOptions,
  TransformerDecoder,
  TransformerDecoderLayer,
  TransformerEncoder,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from './transformer-layers.ts';
export type { LoadOptions, LoadResult, StateDict, StateSource } from './state-dict.ts';
export * as functional from './functional/index.ts';
export * as init from './init.ts';
export * as utils from './utils/index.ts';

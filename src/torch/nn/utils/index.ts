/**
 * PyTorch's `torch.nn.utils`.
 * @module
 */
export * from './gradients.ts';
export * from './reparametrize.ts';
export * as rnn from './rnn.ts';

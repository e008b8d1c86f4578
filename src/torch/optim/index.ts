/**
 * PyTorch's `torch.optim`.
 * @module
 */
export { Adam, type AdamOptions, AdamW, type MomentOptions } from './adam.ts';
export {
  type CommonOptions,
  type LossClosure,
  Optimizer,
  type OptimizerState,
  type ParamGroup,
  type Params,
  type ParamState,
} from './optimizer.ts';
export { SGD, type SGDOptions } from './sgd.ts';

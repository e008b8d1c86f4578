/**
 * PyTorch's `torch.optim`.
 * @module
 */
export { Adam, type AdamOptions, AdamW } from './adam.ts';
export type { DecayOptions, MomentOptions } from './moments.ts';
export {
  type CommonOptions,
  type Given,
  type ImplementationOptions,
  type LossClosure,
  Optimizer,
  type OptimizerState,
  type ParamGroup,
  type Params,
  type ParamState,
} from './optimizer.ts';
export { Adamax, type AdamaxOptions, NAdam, type NAdamOptions, RAdam } from './adam-kin.ts';
export {
  Adadelta,
  type AdadeltaOptions,
  Adagrad,
  type AdagradOptions,
  RMSprop,
  type RMSpropOptions,
  Rprop,
  type RpropOptions,
} from './adagrad.ts';
export { ASGD, type ASGDOptions } from './asgd.ts';
export { LBFGS, type LBFGSOptions } from './lbfgs.ts';
export * as lrScheduler from './lr-scheduler.ts';
export { SGD, type SGDOptions } from './sgd.ts';

/**
 * Averaged stochastic gradient descent.
 * May import: everything up to `api`, `tape`, `nn`, `optim`.
 * @module
 */
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import type { Tensor } from '../tensor.ts';
import { ElementwiseOptimizer, kernelOf } from './elementwise.ts';
import type { CommonOptions, Given, ParamGroup, Params } from './optimizer.ts';
import { type GradientFlags, gradientOf, minus, nameOf, plus, times, zeros } from './rules.ts';
import { checkNonNegative } from './settings.ts';

type T = CoreTensor;

export interface ASGDOptions extends CommonOptions {
  lambd: number;
  alpha: number;
  /** The step from which on parameters are averaged. */
  t0: number;
  weightDecay: number;
  maximize: boolean;
}

const asgdRule =
  (flags: GradientFlags) =>
  (tensors: readonly T[], scalars: readonly T[]): T[] => {
    const [p, g, average] = tensors as readonly [T, T, T];
    const [eta, keep, share, decay] = scalars as readonly [T, T, T, T];
    const gradient = gradientOf(p, g, decay, flags);
    const next = minus(times(p, keep), times(gradient, eta));
    return [next, plus(average, times(minus(next, average), share))];
  };

/** Gradient descent whose state has the mean of the parameters (`ax`). @see Polyak & Juditsky (1992) */
export class ASGD extends ElementwiseOptimizer<ASGDOptions> {
  constructor(params: Params<ASGDOptions>, ...given: Given<ASGDOptions>) {
    super(params, { lr: 1e-2, lambd: 1e-4, alpha: 0.75, t0: 1e6, weightDecay: 0, maximize: false }, given);
  }

  protected check({ lr, weightDecay }: ASGDOptions): void {
    checkNonNegative('ASGD', { lr, weightDecay });
  }

  protected update(p: Tensor, grad: CoreTensor, group: ParamGroup<ASGDOptions>): void {
    const { lr, lambd, alpha, t0, weightDecay, maximize } = group;
    const state = this.stateOf(p, () => ({ step: 0, eta: lr, mu: 1, ax: zeros(p) }));
    state.step++;
    const flags = { decays: weightDecay !== 0, maximize };
    const { eta, mu, step } = state;
    kernelOf(nameOf('asgd', flags), asgdRule(flags)).apply([p, state.ax], grad, [
      eta,
      1 - lambd * eta,
      mu,
      weightDecay,
    ]);
    state.eta = lr / (1 + lambd * lr * step) ** alpha;
    state.mu = 1 / Math.max(1, step - t0);
  }
}

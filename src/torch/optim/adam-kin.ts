/**
 * NAdam, RAdam and Adamax.
 * May import: everything up to `api`, `tape`, `nn`, `optim`.
 * @module
 */
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as np from '../../api/numpy/index.ts';
import type { Tensor } from '../tensor.ts';
import { ElementwiseOptimizer, kernelOf } from './elementwise.ts';
import {
  checkMoments,
  decayed,
  decayFactor,
  type DecayFlags,
  decayFlags,
  type DecayOptions,
  type MomentOptions,
  moments,
  moved,
} from './moments.ts';
import type { Given, ParamGroup, Params } from './optimizer.ts';
import { type GradientFlags, gradientOf, minus, nameOf, over, plus, sqrt, times, zeros } from './rules.ts';
import { checkNonNegative } from './settings.ts';

type T = CoreTensor;

const defaults = { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 } as const;

export interface NAdamOptions extends DecayOptions {
  /** How fast the momentum comes to its full size. */
  momentumDecay: number;
}

const nadamRule =
  (flags: DecayFlags) =>
  (tensors: readonly T[], scalars: readonly T[]): T[] => {
    const [p, g, mean, square] = tensors as readonly [T, T, T, T];
    const [ofGradient, ofMean, b1, r1, b2, r2, bias, eps, decay] = scalars as readonly [T, T, T, T, T, T, T, T, T];
    const [start, gradient] = decayed(p, g, decay, flags);
    const m = moved(mean, b1, r1, gradient);
    const v = moved(square, b2, r2, np.square(gradient));
    const root = plus(sqrt(over(v, bias)), eps);
    return [minus(minus(start, over(times(gradient, ofGradient), root)), over(times(m, ofMean), root)), m, v];
  };

/** Adam with Nesterov's momentum. @see Dozat (2016) */
export class NAdam extends ElementwiseOptimizer<NAdamOptions> {
  constructor(params: Params<NAdamOptions>, ...given: Given<NAdamOptions>) {
    super(params, { lr: 2e-3, ...defaults, momentumDecay: 4e-3, decoupledWeightDecay: false, maximize: false }, given);
  }

  protected check(options: NAdamOptions): void {
    checkMoments('NAdam', options);
    checkNonNegative('NAdam', { momentumDecay: options.momentumDecay });
  }

  protected update(p: Tensor, grad: CoreTensor, group: ParamGroup<NAdamOptions>): void {
    const { lr, betas, eps, momentumDecay } = group;
    const [b1, b2] = betas;
    const state = this.stateOf(p, () => ({ ...moments(p), muProduct: 1 }));
    const step = ++state.step;
    const muAt = (t: number): number => b1 * (1 - 0.5 * 0.96 ** (t * momentumDecay));
    const [mu, next] = [muAt(step), muAt(step + 1)];
    state.muProduct *= mu;
    const flags = decayFlags(group);
    kernelOf(nameOf('nadam', flags), nadamRule(flags)).apply([p, state.expAvg, state.expAvgSq], grad, [
      (lr * (1 - mu)) / (1 - state.muProduct),
      (lr * next) / (1 - state.muProduct * next),
      b1,
      1 - b1,
      b2,
      1 - b2,
      1 - b2 ** step,
      eps,
      decayFactor(group),
    ]);
  }
}

const radamRule =
  (flags: DecayFlags & { readonly isRectified: boolean }) =>
  (tensors: readonly T[], scalars: readonly T[]): T[] => {
    const [p, g, mean, square] = tensors as readonly [T, T, T, T];
    const [size, root, b1, r1, b2, r2, eps, decay] = scalars as readonly [T, T, T, T, T, T, T, T];
    const [start, gradient] = decayed(p, g, decay, flags);
    const m = moved(mean, b1, r1, gradient);
    const v = moved(square, b2, r2, np.square(gradient));
    const step = times(m, size);
    return [minus(start, flags.isRectified ? times(step, over(root, plus(sqrt(v), eps))) : step), m, v];
  };

/** Adam that waits with dividing until the second moment has little variance. @see Liu et al. (2020), arXiv:1908.03265 */
export class RAdam extends ElementwiseOptimizer<DecayOptions> {
  constructor(params: Params<DecayOptions>, ...given: Given<DecayOptions>) {
    super(params, { lr: 1e-3, ...defaults, decoupledWeightDecay: false, maximize: false }, given);
  }

  protected check(options: DecayOptions): void {
    checkMoments('RAdam', options);
  }

  protected update(p: Tensor, grad: CoreTensor, group: ParamGroup<DecayOptions>): void {
    const { lr, betas, eps } = group;
    const [b1, b2] = betas;
    const state = this.stateOf(p, () => moments(p));
    const step = ++state.step;
    const bias = 1 - b2 ** step;
    const most = 2 / (1 - b2) - 1;
    const rho = most - (2 * step * b2 ** step) / bias;
    const isRectified = rho > 5;
    const factor = isRectified ? ((rho - 4) * (rho - 2) * most) / ((most - 4) * (most - 2) * rho) : 1;
    const flags = { ...decayFlags(group), isRectified };
    kernelOf(nameOf('radam', flags), radamRule(flags)).apply([p, state.expAvg, state.expAvgSq], grad, [
      lr / (1 - b1 ** step),
      Math.sqrt(factor * bias),
      b1,
      1 - b1,
      b2,
      1 - b2,
      eps,
      decayFactor(group),
    ]);
  }
}

export interface AdamaxOptions extends MomentOptions {
  maximize: boolean;
}

const adamaxRule =
  (flags: GradientFlags) =>
  (tensors: readonly T[], scalars: readonly T[]): T[] => {
    const [p, g, mean, norm] = tensors as readonly [T, T, T, T];
    const [size, b1, r1, b2, eps, decay] = scalars as readonly [T, T, T, T, T, T];
    const gradient = gradientOf(p, g, decay, flags);
    const m = moved(mean, b1, r1, gradient);
    const u = np.maximum(times(norm, b2), plus(np.abs(gradient), eps));
    return [minus(p, times(over(m, u), size)), m, u];
  };

/** Adam with the largest gradient in the place of the second moment. */
export class Adamax extends ElementwiseOptimizer<AdamaxOptions> {
  constructor(params: Params<AdamaxOptions>, ...given: Given<AdamaxOptions>) {
    super(params, { lr: 2e-3, ...defaults, maximize: false }, given);
  }

  protected check(options: AdamaxOptions): void {
    checkMoments('Adamax', options);
  }

  protected update(p: Tensor, grad: CoreTensor, group: ParamGroup<AdamaxOptions>): void {
    const { lr, betas, eps, weightDecay, maximize } = group;
    const [b1, b2] = betas;
    const state = this.stateOf(p, () => ({ step: 0, expAvg: zeros(p), expInf: zeros(p) }));
    const step = ++state.step;
    const flags = { decays: weightDecay !== 0, maximize };
    kernelOf(nameOf('adamax', flags), adamaxRule(flags)).apply([p, state.expAvg, state.expInf], grad, [
      lr / (1 - b1 ** step),
      b1,
      1 - b1,
      b2,
      eps,
      weightDecay,
    ]);
  }
}

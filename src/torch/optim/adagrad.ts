/**
 * Adagrad, Adadelta, RMSprop and Rprop: a step size for each element.
 * May import: everything up to `api`, `tape`, `nn`, `optim`.
 * @module
 */
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as np from '../../api/numpy/index.ts';
import { fullLike } from '../ops/fill.ts';
import type { Tensor } from '../tensor.ts';
import { ElementwiseOptimizer, kernelOf } from './elementwise.ts';
import { moved } from './moments.ts';
import type { CommonOptions, Given, ParamGroup, Params } from './optimizer.ts';
import { type GradientFlags, gradientOf, minus, nameOf, over, plus, sqrt, times, zeros } from './rules.ts';
import { checkNonNegative, checkSetting } from './settings.ts';

type T = CoreTensor;

export interface AdagradOptions extends CommonOptions {
  lrDecay: number;
  weightDecay: number;
  initialAccumulatorValue: number;
  eps: number;
  maximize: boolean;
}

const adagradRule =
  (flags: GradientFlags) =>
  (tensors: readonly T[], scalars: readonly T[]): T[] => {
    const [p, g, sum] = tensors as readonly [T, T, T];
    const [size, eps, decay] = scalars as readonly [T, T, T];
    const gradient = gradientOf(p, g, decay, flags);
    const total = plus(sum, np.square(gradient));
    return [minus(p, times(over(gradient, plus(sqrt(total), eps)), size)), total];
  };

/** Steps divided by the root of the sum of all squared gradients. @see Duchi et al. (2011) */
export class Adagrad extends ElementwiseOptimizer<AdagradOptions> {
  constructor(params: Params<AdagradOptions>, ...given: Given<AdagradOptions>) {
    const plain = { lr: 1e-2, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10, maximize: false };
    super(params, plain, given);
  }

  protected check({ maximize: _, ...settings }: AdagradOptions): void {
    const { lr, lrDecay, weightDecay, initialAccumulatorValue, eps } = settings;
    checkNonNegative('Adagrad', { lr, lrDecay, weightDecay, initialAccumulatorValue, eps });
  }

  protected update(p: Tensor, grad: CoreTensor, group: ParamGroup<AdagradOptions>): void {
    const { lr, lrDecay, weightDecay, eps, maximize, initialAccumulatorValue } = group;
    const state = this.stateOf(p, () => ({ step: 0, sum: fullLike(p, initialAccumulatorValue) }));
    const size = lr / (1 + state.step++ * lrDecay);
    const flags = { decays: weightDecay !== 0, maximize };
    kernelOf(nameOf('adagrad', flags), adagradRule(flags)).apply([p, state.sum], grad, [size, eps, weightDecay]);
  }
}

export interface AdadeltaOptions extends CommonOptions {
  rho: number;
  eps: number;
  weightDecay: number;
  maximize: boolean;
}

const adadeltaRule =
  (flags: GradientFlags) =>
  (tensors: readonly T[], scalars: readonly T[]): T[] => {
    const [p, g, square, steps] = tensors as readonly [T, T, T, T];
    const [lr, rho, rest, eps, decay] = scalars as readonly [T, T, T, T, T];
    const gradient = gradientOf(p, g, decay, flags);
    const v = moved(square, rho, rest, np.square(gradient));
    const step = times(over(sqrt(plus(steps, eps)), sqrt(plus(v, eps))), gradient);
    return [minus(p, times(step, lr)), v, moved(steps, rho, rest, np.square(step))];
  };

/** Steps of the size of earlier ones. @see Zeiler (2012), arXiv:1212.5701 */
export class Adadelta extends ElementwiseOptimizer<AdadeltaOptions> {
  constructor(params: Params<AdadeltaOptions>, ...given: Given<AdadeltaOptions>) {
    super(params, { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false }, given);
  }

  protected check({ lr, rho, eps, weightDecay }: AdadeltaOptions): void {
    checkNonNegative('Adadelta', { lr, eps, weightDecay });
    checkSetting('Adadelta', 'rho', rho, rho >= 0 && rho <= 1);
  }

  protected update(p: Tensor, grad: CoreTensor, group: ParamGroup<AdadeltaOptions>): void {
    const { lr, rho, eps, weightDecay, maximize } = group;
    const state = this.stateOf(p, () => ({ step: 0, squareAvg: zeros(p), accDelta: zeros(p) }));
    state.step++;
    const flags = { decays: weightDecay !== 0, maximize };
    const scalars = [lr, rho, 1 - rho, eps, weightDecay];
    kernelOf(nameOf('adadelta', flags), adadeltaRule(flags)).apply([p, state.squareAvg, state.accDelta], grad, scalars);
  }
}

export interface RMSpropOptions extends CommonOptions {
  /** How much of the old second moment stays. */
  alpha: number;
  eps: number;
  weightDecay: number;
  momentum: number;
  /** Divide by the standard deviation of gradients, not by their root mean square. */
  centered: boolean;
  maximize: boolean;
}

interface RmsFlags extends GradientFlags {
  readonly centered: boolean;
  readonly hasMomentum: boolean;
}

function rmsRule(flags: RmsFlags) {
  const { centered, hasMomentum } = flags;
  return (tensors: readonly T[], scalars: readonly T[]): T[] => {
    const [p, g, square, ...rest] = tensors as readonly [T, T, T, ...T[]];
    const [lr, alpha, left, eps, decay, momentum] = scalars as readonly [T, T, T, T, T, T];
    const gradient = gradientOf(p, g, decay, flags);
    const v = moved(square, alpha, left, np.square(gradient));
    const mean = centered ? moved(rest[0]!, alpha, left, gradient) : undefined;
    const root = sqrt(mean === undefined ? v : minus(v, np.square(mean)));
    const scaled = over(gradient, plus(root, eps));
    const velocity = hasMomentum ? plus(times(rest.at(-1)!, momentum), scaled) : scaled;
    const next = minus(p, times(velocity, lr));
    return [next, v, ...(mean === undefined ? [] : [mean]), ...(hasMomentum ? [velocity] : [])];
  };
}

/** Steps divided by the root of a running mean of squared gradients. @see Hinton's lectures (2012) */
export class RMSprop extends ElementwiseOptimizer<RMSpropOptions> {
  constructor(params: Params<RMSpropOptions>, ...given: Given<RMSpropOptions>) {
    const plain = { lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false, maximize: false };
    super(params, plain, given);
  }

  protected check({ lr, alpha, eps, weightDecay, momentum }: RMSpropOptions): void {
    checkNonNegative('RMSprop', { lr, alpha, eps, weightDecay, momentum });
  }

  protected update(p: Tensor, grad: CoreTensor, group: ParamGroup<RMSpropOptions>): void {
    const { lr, alpha, eps, weightDecay, momentum, centered, maximize } = group;
    const hasMomentum = momentum > 0;
    type State = { step: number; squareAvg: Tensor; gradAvg?: Tensor; momentumBuffer?: Tensor };
    const state: State = this.stateOf(p, () => ({
      step: 0,
      squareAvg: zeros(p),
      ...(centered && { gradAvg: zeros(p) }),
      ...(hasMomentum && { momentumBuffer: zeros(p) }),
    }));
    state.step++;
    const targets = [p, state.squareAvg, state.gradAvg, state.momentumBuffer].filter((t) => t !== undefined);
    const flags = { decays: weightDecay !== 0, maximize, centered, hasMomentum };
    const scalars = [lr, alpha, 1 - alpha, eps, weightDecay, momentum];
    kernelOf(nameOf('rmsprop', flags), rmsRule(flags)).apply(targets, grad, scalars);
  }
}

export interface RpropOptions extends CommonOptions {
  /** Factors of a step size where the sign of the gradient changes, and where it stays. */
  etas: readonly [number, number];
  /** Least and largest step size. */
  stepSizes: readonly [number, number];
  maximize: boolean;
}

const rpropRule =
  (maximize: boolean) =>
  (tensors: readonly T[], scalars: readonly T[]): T[] => {
    const [p, given, before, size] = tensors as readonly [T, T, T, T];
    const [down, up, least, most] = scalars as readonly [T, T, T, T];
    const g = maximize ? np.negative(given) : given;
    const agreement = times(g, before);
    const isBack = np.less(agreement, 0);
    const factor = np.where(np.greater(agreement, 0), up, np.where(isBack, down, np.onesLike(up)));
    const next = np.minimum(np.maximum(times(size, factor), least), most);
    const gradient = np.where(isBack, np.zerosLike(g), g);
    return [minus(p, times(np.sign(gradient), next)), gradient, next];
  };

/** Steps by the sign of gradients, with sizes that grow while it stays. @see Riedmiller & Braun (1993) */
export class Rprop extends ElementwiseOptimizer<RpropOptions> {
  constructor(params: Params<RpropOptions>, ...given: Given<RpropOptions>) {
    super(params, { lr: 1e-2, etas: [0.5, 1.2], stepSizes: [1e-6, 50], maximize: false }, given);
  }

  protected check({ lr, etas: [down, up] }: RpropOptions): void {
    checkNonNegative('Rprop', { lr });
    checkSetting('Rprop', 'eta', down, down > 0 && down < 1 && up > 1);
  }

  protected update(p: Tensor, grad: CoreTensor, { lr, etas, stepSizes, maximize }: ParamGroup<RpropOptions>): void {
    const state = this.stateOf(p, () => ({ step: 0, prev: zeros(p), stepSize: fullLike(p, lr) }));
    state.step++;
    kernelOf(nameOf('rprop', { maximize }), rpropRule(maximize)).apply([p, state.prev, state.stepSize], grad, [
      ...etas,
      ...stepSizes,
    ]);
  }
}

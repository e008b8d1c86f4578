/**
 * Adam and its kin: moments of the gradients, without their bias.
 * May import: everything up to `api`, `tape`, `nn`, `optim`.
 * @module
 */
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as np from '../../api/numpy/index.ts';
import type { Tensor } from '../tensor.ts';
import { ElementwiseOptimizer, kernelOf } from './elementwise.ts';
import { byName, type CommonOptions, type Given, type ParamGroup, type Params } from './optimizer.ts';
import { type GradientFlags, gradientOf, minus, nameOf, over, plus, sqrt, times, zeros } from './rules.ts';
import { checkNonNegative, checkSetting } from './settings.ts';

export interface MomentOptions extends CommonOptions {
  /** How much of the old moments stays: of the gradients, and of their squares. */
  betas: readonly [number, number];
  /** Added to the root of the second moment. */
  eps: number;
  weightDecay: number;
}

export interface AdamOptions extends MomentOptions {
  /** Divide by the largest second moment so far. */
  amsgrad: boolean;
  maximize: boolean;
  /** Whether weights decay apart from the gradient, as in `AdamW`. */
  decoupledWeightDecay: boolean;
}

type Scalars = readonly CoreTensor[];

/** Throws for settings out of range. */
export function checkMoments(op: string, { lr, betas, eps, weightDecay }: MomentOptions): void {
  checkNonNegative(op, { lr, eps, weightDecay });
  betas.forEach((beta, i) => checkSetting(op, `beta parameter at index ${i}`, beta, beta >= 0 && beta < 1));
}

/** m ← β m + (1 − β) g. The last two come as numbers of their own: 1 − β would lose digits in float32. */
export const moved = (m: CoreTensor, beta: CoreTensor, rest: CoreTensor, g: CoreTensor): CoreTensor =>
  plus(times(m, beta), times(g, rest));

type T = CoreTensor;
type Eight = readonly [T, T, T, T, T, T, T, T];

interface Flags extends GradientFlags {
  readonly amsgrad: boolean;
  readonly isDecoupled: boolean;
}

function adamRule(flags: Flags) {
  return (tensors: readonly CoreTensor[], scalars: Scalars): CoreTensor[] => {
    const [p, g, mean, square, largest] = tensors as [CoreTensor, CoreTensor, CoreTensor, CoreTensor, CoreTensor];
    const [size, b1, r1, b2, r2, root, eps, decay] = scalars as Eight;
    const { isDecoupled, amsgrad } = flags;
    const start = isDecoupled && flags.decays ? times(p, decay) : p;
    const gradient = gradientOf(p, g, decay, { ...flags, decays: flags.decays && !isDecoupled });
    const m = moved(mean, b1, r1, gradient);
    const v = moved(square, b2, r2, np.square(gradient));
    const bound = amsgrad ? np.maximum(largest, v) : v;
    const next = minus(start, times(over(m, plus(over(sqrt(bound), root), eps)), size));
    return amsgrad ? [next, m, v, bound] : [next, m, v];
  };
}

type AdamState = { step: number; expAvg: Tensor; expAvgSq: Tensor; maxExpAvgSq?: Tensor };

/** The moments of a parameter before its first step. */
export const moments = (p: Tensor): { step: number; expAvg: Tensor; expAvgSq: Tensor } => ({
  step: 0,
  expAvg: zeros(p),
  expAvgSq: zeros(p),
});

const adamDefaults = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  amsgrad: false,
  maximize: false,
  decoupledWeightDecay: false,
} as const;

/**
 * p ← p − lr m̂ / (√v̂ + eps), with m̂ and v̂ the moments of the gradients without their bias.
 * @see Kingma & Ba (2015), arXiv:1412.6980
 * @example
 * ```ts
 * import { nn, optim, randn } from 'cotangent/torch';
 * const model = new nn.Linear(3, 1);
 * const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
 * model.call(randn(8, 3)).pow(2).mean().backward();
 * optimizer.step();
 * console.log(optimizer.state.get(model.weight)?.step); // => 1
 * ```
 */
export class Adam extends ElementwiseOptimizer<AdamOptions> {
  constructor(params: Params<AdamOptions>, options: Given<AdamOptions> = {}) {
    super(params, { ...adamDefaults, weightDecay: 0 }, options);
  }

  protected check(options: AdamOptions): void {
    checkMoments(this.constructor.name, options);
  }

  protected update(p: Tensor, grad: CoreTensor, group: ParamGroup<AdamOptions>): void {
    const { lr, betas, eps, weightDecay, amsgrad, maximize, decoupledWeightDecay: isDecoupled } = group;
    const state: AdamState = this.stateOf(p, () => ({ ...moments(p), ...(amsgrad && { maxExpAvgSq: zeros(p) }) }));
    const step = ++state.step;
    const flags = { amsgrad, maximize, decays: weightDecay !== 0, isDecoupled };
    const [b1, b2] = betas;
    kernelOf(nameOf('adam', flags), adamRule(flags)).apply(
      [p, state.expAvg, state.expAvgSq, ...(amsgrad ? [state.maxExpAvgSq!] : [])],
      grad,
      [
        lr / (1 - b1 ** step),
        b1,
        1 - b1,
        b2,
        1 - b2,
        Math.sqrt(1 - b2 ** step),
        eps,
        isDecoupled ? 1 - lr * weightDecay : weightDecay,
      ],
    );
  }
}

/** Adam whose weights decay apart from the gradient. @see Loshchilov & Hutter (2019), arXiv:1711.05101 */
export class AdamW extends Adam {
  constructor(params: Params<AdamOptions>, options: Given<AdamOptions> = {}) {
    const given = byName(options);
    super(params, { ...given, weightDecay: given.weightDecay ?? 0.01, decoupledWeightDecay: true });
  }
}

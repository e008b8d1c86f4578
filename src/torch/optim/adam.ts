/**
 * Adam and AdamW.
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
  moments,
  moved,
} from './moments.ts';
import { byName, type Given, type ParamGroup, type Params } from './optimizer.ts';
import { minus, nameOf, over, plus, sqrt, times, zeros } from './rules.ts';

export interface AdamOptions extends DecayOptions {
  /** Divide by the largest second moment so far. */
  amsgrad: boolean;
}

type T = CoreTensor;

interface Flags extends DecayFlags {
  readonly amsgrad: boolean;
}

const adamRule =
  (flags: Flags) =>
  (tensors: readonly T[], scalars: readonly T[]): T[] => {
    const [p, g, mean, square, largest] = tensors as readonly [T, T, T, T, T];
    const [size, b1, r1, b2, r2, root, eps, decay] = scalars as readonly [T, T, T, T, T, T, T, T];
    const [start, gradient] = decayed(p, g, decay, flags);
    const m = moved(mean, b1, r1, gradient);
    const v = moved(square, b2, r2, np.square(gradient));
    const bound = flags.amsgrad ? np.maximum(largest, v) : v;
    const next = minus(start, times(over(m, plus(over(sqrt(bound), root), eps)), size));
    return flags.amsgrad ? [next, m, v, bound] : [next, m, v];
  };

type AdamState = { step: number; expAvg: Tensor; expAvgSq: Tensor; maxExpAvgSq?: Tensor };

const adamPlain: AdamOptions = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  amsgrad: false,
  maximize: false,
  decoupledWeightDecay: false,
};

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
  constructor(params: Params<AdamOptions>, ...given: Given<AdamOptions>) {
    super(params, adamPlain, given);
  }

  protected check(options: AdamOptions): void {
    checkMoments(this.constructor.name, options);
  }

  protected update(p: Tensor, grad: CoreTensor, group: ParamGroup<AdamOptions>): void {
    const { lr, betas, eps, amsgrad } = group;
    const state: AdamState = this.stateOf(p, () => ({ ...moments(p), ...(amsgrad && { maxExpAvgSq: zeros(p) }) }));
    const step = ++state.step;
    const flags = { ...decayFlags(group), amsgrad };
    const [b1, b2] = betas;
    kernelOf(nameOf('adam', flags), adamRule(flags)).apply(
      [p, state.expAvg, state.expAvgSq, ...(amsgrad ? [state.maxExpAvgSq!] : [])],
      grad,
      [lr / (1 - b1 ** step), b1, 1 - b1, b2, 1 - b2, Math.sqrt(1 - b2 ** step), eps, decayFactor(group)],
    );
  }
}

/** Adam whose weights decay apart from the gradient. @see Loshchilov & Hutter (2019), arXiv:1711.05101 */
export class AdamW extends Adam {
  constructor(params: Params<AdamOptions>, ...given: Given<AdamOptions>) {
    const options = byName<AdamOptions>('AdamW', Object.keys(adamPlain), given);
    super(params, { ...options, weightDecay: options.weightDecay ?? 0.01, decoupledWeightDecay: true });
  }
}

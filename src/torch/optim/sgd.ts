/**
 * Stochastic gradient descent.
 * May import: everything up to `api`, `tape`, `nn`, `optim`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import { Tensor } from '../tensor.ts';
import { ElementwiseOptimizer, kernelOf } from './elementwise.ts';
import type { CommonOptions, Given, ParamGroup, Params } from './optimizer.ts';
import { type GradientFlags, gradientOf, minus, nameOf, plus, times } from './rules.ts';
import { checkNonNegative } from './settings.ts';

export interface SGDOptions extends CommonOptions {
  momentum: number;
  /** What the momentum leaves out of new gradients. */
  dampening: number;
  weightDecay: number;
  nesterov: boolean;
  maximize: boolean;
}

interface Flags extends GradientFlags {
  readonly hasMomentum: boolean;
  readonly isFirst: boolean;
  readonly nesterov: boolean;
}

function ruleOf(flags: Flags) {
  const { hasMomentum, isFirst, nesterov } = flags;
  return (tensors: readonly CoreTensor[], scalars: readonly CoreTensor[]): CoreTensor[] => {
    const [p, g, before] = tensors as [CoreTensor, CoreTensor, CoreTensor];
    const [lr, weightDecay, momentum, rest] = scalars as [CoreTensor, CoreTensor, CoreTensor, CoreTensor];
    const gradient = gradientOf(p, g, weightDecay, flags);
    if (!hasMomentum) return [minus(p, times(gradient, lr))];
    const velocity = isFirst ? gradient : plus(times(before, momentum), times(gradient, rest));
    const direction = nesterov ? plus(gradient, times(velocity, momentum)) : velocity;
    return [minus(p, times(direction, lr)), velocity];
  };
}

/**
 * p ← p − lr · v, with v ← momentum · v + (1 − dampening) · g; the first v is g.
 * @example
 * ```ts
 * import { optim, tensor } from 'cotangent/torch';
 * const w = tensor([1, 2], { requiresGrad: true });
 * const optimizer = new optim.SGD([w], { lr: 0.1 });
 * for (let i = 0; i < 100; i++) {
 *   optimizer.zeroGrad();
 *   w.sub(3).pow(2).sum().backward();
 *   optimizer.step();
 * }
 * console.log(Array.from(w.dataSync(), (x) => x.toFixed(4))); // => [ '3.0000', '3.0000' ]
 * ```
 */
export class SGD extends ElementwiseOptimizer<SGDOptions> {
  constructor(params: Params<SGDOptions>, ...given: Given<SGDOptions>) {
    const plain = { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false };
    super(params, plain, given);
  }

  protected check({ lr, momentum, dampening, weightDecay, nesterov }: SGDOptions): void {
    checkNonNegative('SGD', { lr, momentum, weightDecay });
    if (!nesterov || (momentum > 0 && dampening === 0)) return;
    throw new ArgumentError(
      `SGD: expected a momentum and no dampening with nesterov, got ${momentum} and ${dampening}: Nesterov momentum requires a momentum and zero dampening.`,
    );
  }

  protected update(p: Tensor, grad: CoreTensor, group: ParamGroup<SGDOptions>): void {
    const { lr, momentum, dampening, weightDecay, nesterov, maximize } = group;
    const hasMomentum = momentum !== 0;
    const isFirst = hasMomentum && !this.state.has(p);
    const flags = { hasMomentum, isFirst, nesterov, maximize, decays: weightDecay !== 0 };
    const kernel = kernelOf(nameOf('sgd', flags), ruleOf(flags));
    // The first velocity is the gradient whatever stands here.
    const targets = hasMomentum
      ? [p, this.stateOf(p, () => ({ momentumBuffer: new Tensor(grad) })).momentumBuffer]
      : [p];
    kernel.apply(targets, grad, [lr, weightDecay, momentum, 1 - dampening]);
  }
}

/**
 * Optimisers that update each parameter by itself, from its gradient: one compiled update for each.
 * May import: everything up to `api`, `tape`, `nn`, `optim`.
 * @module
 */
import { scalarTensor, type Tensor as CoreTensor } from '../../core/tensor.ts';
import { jit } from '../../api/jit.ts';
import { enableGrad } from '../grad-mode.ts';
import { withModes } from '../modes.ts';
import { Tensor } from '../tensor.ts';
import { changeInPlace } from '../views.ts';
import { type CommonOptions, type LossClosure, Optimizer, type ParamGroup } from './optimizer.ts';

type Rule = (tensors: readonly CoreTensor[], scalars: readonly CoreTensor[]) => readonly CoreTensor[];

/**
 * A compiled update of one parameter: from tensors of its shape and numbers to new tensors, the first of which is the parameter. It is
 * compiled once for each shape.
 */
export class Kernel {
  private readonly run: (tensors: CoreTensor[], scalars: CoreTensor[]) => CoreTensor[];

  constructor(name: string, rule: Rule) {
    const update = (tensors: CoreTensor[], scalars: CoreTensor[]): CoreTensor[] =>
      rule(tensors, scalars).map((t) => (t.dtype === tensors[0]!.dtype ? t : t.astype(tensors[0]!.dtype)));
    Object.defineProperty(update, 'name', { value: name });
    this.run = jit(update as never) as unknown as (tensors: CoreTensor[], scalars: CoreTensor[]) => CoreTensor[];
  }

  /** Changes the first tensor and those after the second (the gradient) in place. */
  apply(targets: readonly Tensor[], grad: CoreTensor, scalars: readonly number[]): void {
    const [p, ...state] = targets.map((t) => t.value) as [CoreTensor, ...CoreTensor[]];
    const type = p.dtype === 'float64' ? 'float64' : 'float32';
    const fresh = this.run(
      [p, grad, ...state],
      scalars.map((x) => scalarTensor(x, type)),
    );
    targets.forEach((t, i) => changeInPlace('step', t, () => new Tensor(fresh[i]!)));
  }
}

const kernels = new Map<string, Kernel>();

/** The kernel of a name, which says all that its rule depends on. */
export function kernelOf(name: string, rule: Rule): Kernel {
  let found = kernels.get(name);
  if (found === undefined) kernels.set(name, (found = new Kernel(name, rule)));
  return found;
}

/** An optimiser with a rule for one parameter. Parameters without a gradient are passed over. */
export abstract class ElementwiseOptimizer<O extends CommonOptions> extends Optimizer<O> {
  /** Updates one parameter. */
  protected abstract update(p: Tensor, grad: CoreTensor, group: ParamGroup<O>): void;

  step(closure?: LossClosure): Tensor | number | undefined {
    const loss = closure === undefined ? undefined : enableGrad(closure);
    withModes({ isGradEnabled: false }, () => {
      for (const group of this.paramGroups) {
        for (const p of group.params) if (p.grad !== null) this.update(p, p.grad.value, group);
      }
    });
    return loss;
  }
}

/**
 * Tensors that a module counts among its parameters.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { withModes } from '../modes.ts';
import { type TensorLike, toTensor } from '../ops/define.ts';
import { zerosLike } from '../ops/fill.ts';
import { Tensor } from '../tensor.ts';
import { changeInPlace } from '../views.ts';

/**
 * A leaf that a module finds in its fields. It shares no history with what it is made of, and requires grad unless told otherwise.
 * @example
 * ```ts
 * import { nn, type Tensor, zeros } from 'cotangent/torch';
 * class Shift extends nn.Module {
 *   readonly by = new nn.Parameter(zeros(3));
 *   forward(x: Tensor) {
 *     return x.add(this.by);
 *   }
 * }
 * console.log([...new Shift().namedParameters()].map(([name]) => name)); // => [ 'by' ]
 * ```
 */
export class Parameter extends Tensor {
  constructor(data: TensorLike, requiresGrad = true) {
    super(toTensor(data).value);
    this.requiresGrad = requiresGrad;
  }
}

/** Drops the gradient of a leaf, or sets it to zero: in place, unless it was recorded. */
export function clearGrad(p: Tensor, setToNone: boolean): void {
  const { grad } = p;
  if (grad === null) return;
  if (setToNone) p.grad = null;
  else if (grad.gradFn !== null) p.grad = zerosLike(grad);
  else withModes({ isGradEnabled: false }, () => changeInPlace('zeroGrad', grad, () => zerosLike(grad)));
}

/**
 * Collectives of `lax`: over the examples of an enclosing `vmap` with an `axisName`.
 * May import: everything up to `control`, `api/args`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { defaultFloat } from '../../core/config.ts';
import { unflatten } from '../../core/pytree.ts';
import { scalarTensor, type Tensor } from '../../core/tensor.ts';
import { div } from '../../primitives/arithmetic.ts';
import * as collective from '../../primitives/collective.ts';
import { convert } from '../../primitives/convert.ts';
import { flattenArgs, type Tensors } from '../args.ts';

type Collective = <T>(tree: T, axisName: string) => Tensors<T>;

const overLeaves =
  (name: string, f: (x: Tensor, axisName: string) => Tensor): Collective =>
  <T>(tree: T, axisName: string) => {
    const { leaves, def } = flattenArgs(name, tree, 'tree');
    return unflatten(
      def,
      leaves.map((x) => f(x, axisName)),
    ) as Tensors<T>;
  };

/**
 * The sum over the examples of the vmap that has this axis name.
 * @throws TraceError outside such a vmap
 * @example
 * ```ts
 * import { lax, np, vmap } from 'cotangent';
 * const share = vmap((x) => x.div(lax.psum(x, 'batch')), { axisName: 'batch' });
 * console.log(String(share(np.array([1, 1, 2])))); // => [0.25, 0.25, 0.5]
 * ```
 */
export const psum: Collective = overLeaves('lax.psum', collective.psum);

/** The mean over the examples. */
export const pmean: Collective = overLeaves('lax.pmean', (x, axisName) => {
  const float = isFloat(x.dtype) ? x : convert(x, defaultFloat());
  const count = collective.psum(scalarTensor(1, float.dtype), axisName);
  return div(collective.psum(float, axisName), count);
});

/** The largest over the examples; ties share the derivative. */
export const pmax: Collective = overLeaves('lax.pmax', collective.pmax);

/** The smallest over the examples. */
export const pmin: Collective = overLeaves('lax.pmin', collective.pmin);

/** The number of this example, counted from 0. */
export const axisIndex = (axisName: string): Tensor => collective.axisIndex(axisName);

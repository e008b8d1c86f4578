/**
 * Choosing between trees by a traced condition, and asking whether all is finite.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { asTensor, type TensorLike } from '../api/lift.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { isFloat } from '../ir/dtype.ts';
import * as prim from '../primitives/index.ts';
import { leavesOf, mapLeaves } from './leaves.ts';

/**
 * `a` where the condition holds, else `b`: two trees of one structure. A NaN in the one that is not taken does no harm.
 * @example
 * ```ts
 * import * as optim from 'cotangent/optim';
 * console.log(String(optim.selectTree(false, { w: 1 }, { w: 2 }).w)); // => 2
 * ```
 */
export function selectTree<P>(condition: TensorLike, a: P, b: NoInfer<P>): P {
  const holds = prim.convert(asTensor(condition), 'bool');
  return mapLeaves('selectTree', (x, y) => prim.select(holds, x, prim.convert(y!, x.dtype)), a, b);
}

/**
 * Whether no leaf holds a NaN or an infinity, as a boolean scalar. Integers are finite.
 * @example
 * ```ts
 * import * as optim from 'cotangent/optim';
 * console.log(String(optim.allFinite({ w: [1, 2], b: Infinity }))); // => false
 * ```
 */
export function allFinite(tree: unknown): Tensor {
  const [leaves] = leavesOf('allFinite', tree);
  const every = (x: Tensor): Tensor =>
    prim.reduceAnd(
      prim.isFinite(x),
      x.shape.map((_, i) => i),
    );
  return leaves
    .filter((x) => isFloat(x.dtype))
    .map(every)
    .reduce(prim.and, scalarTensor(1, 'bool'));
}

/**
 * Applying updates, and norms of whole trees.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { promote, type TensorLike } from '../api/lift.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { defaultFloat } from '../core/config.ts';
import { ShapeError } from '../ir/errors.ts';
import { sameShape } from '../ir/shape.ts';
import * as prim from '../primitives/index.ts';
import { cast, complement, leavesOf, mapLeaves, scaled } from './leaves.ts';

/**
 * params + updates, in the dtypes of the parameters.
 * @throws TreeError if the structures differ, ShapeError for an update that is larger than its parameter
 * @example
 * ```ts
 * import * as optim from 'cotangent/optim';
 * console.log(String(optim.applyUpdates({ w: 1, b: 2 }, { w: 0.5, b: -1 }).w)); // => 1.5
 * ```
 */
export const applyUpdates = <P>(params: P, updates: NoInfer<P>): P =>
  mapLeaves(
    'applyUpdates',
    (p, u) => {
      const next = p.dtype === u!.dtype ? prim.add(p, u!) : prim.convert(sum(p, u!), p.dtype);
      if (sameShape(next.shape, p.shape)) return next;
      throw new ShapeError(
        `applyUpdates: expected updates that broadcast to their parameters, got ${u!.aval.toString()} for ${p.aval.toString()}.`,
        'is it the gradient of these parameters?',
      );
    },
    params,
    updates,
  );

function sum(x: Tensor, y: Tensor): Tensor {
  const [a, b] = promote(x, y) as [Tensor, Tensor];
  return prim.add(a, b);
}

/** stepSize · new + (1 − stepSize) · old: a moving average of parameters. */
export const incrementalUpdate = <P>(newTensors: P, oldTensors: NoInfer<P>, stepSize: TensorLike): P =>
  mapLeaves(
    'incrementalUpdate',
    (a, b) => prim.add(scaled(a, stepSize), scaled(cast(b!, a.dtype), complement(stepSize))),
    newTensors,
    oldTensors,
  );

/** Σ x² over all leaves, in the widest of their dtypes. */
export function squaredNorm(op: string, tree: unknown): Tensor {
  const [leaves] = leavesOf(op, tree);
  const squares = leaves.map((x) =>
    prim.reduceSum(
      prim.mul(x, x),
      x.shape.map((_, i) => i),
    ),
  );
  const [first, ...rest] = squares;
  return rest.reduce(sum, first ?? scalarTensor(0, defaultFloat()));
}

/**
 * √Σx² over all leaves; its derivative at 0 is 0.
 * @example
 * ```ts
 * import * as optim from 'cotangent/optim';
 * console.log(String(optim.globalNorm({ w: [3], b: 4 }))); // => 5
 * ```
 */
export function globalNorm(tree: unknown): Tensor {
  const squares = squaredNorm('globalNorm', tree);
  const isZero = prim.eq(squares, prim.like(squares, 0));
  return prim.select(isZero, squares, prim.sqrt(prim.select(isZero, prim.like(squares, 1), squares)));
}

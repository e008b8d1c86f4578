/**
 * Trees of tensors between this face and functions of the core.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { flatten, unflatten } from '../core/pytree.ts';
import { Tensor as CoreTensor } from '../core/tensor.ts';
import { currentTrace } from '../core/trace.ts';
import { operand, shown } from './tensor.ts';

const isTensor = (x: unknown): boolean => x instanceof CoreTensor;

export const holdsTensors = (tree: unknown): boolean => flatten(tree, isTensor)[0].some(isTensor);

function mapTensors(tree: unknown, f: (x: CoreTensor) => unknown): unknown {
  const [leaves, def] = flatten(tree, isTensor);
  return unflatten(
    def,
    leaves.map((x) => (x instanceof CoreTensor ? f(x) : x)),
  );
}

/** Values of the core as tensors of this face. */
export const wrap = (tree: unknown): unknown => mapTensors(tree, (x) => shown(x));

/** Tensors of this face as the transformation that is under way sees them. */
export const unwrap = (tree: unknown): unknown => mapTensors(tree, (x) => operand(x, currentTrace()));

/**
 * Constant tensors for derivative rules.
 * May import: `ir`, `core`, `primitives/structural`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { broadcastTo } from './structural.ts';

/** A tensor of the shape and dtype of `aval` with one value everywhere. */
export const filled = (aval: Aval, value: number): Tensor => broadcastTo(scalarTensor(value, aval.dtype), aval.shape);

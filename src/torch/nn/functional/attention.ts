/**
 * Attention.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ShapeError } from '../../../ir/errors.ts';
import type { Tensor as CoreTensor } from '../../../core/tensor.ts';
import { softmax } from '../../../api/nn/normalize.ts';
import * as np from '../../../api/numpy/index.ts';
import { type TensorLike, toTensor, withParams } from '../../ops/define.ts';
import { Tensor } from '../../tensor.ts';

export interface AttentionOptions {
  /** Booleans: which pairs may attend; numbers: added to the scores. Broadcasts to `[…, L, S]`. */
  readonly attnMask?: TensorLike | null | undefined;
  /** Whether position i sees only those up to i; false. */
  readonly isCausal?: boolean | undefined;
  /** Factor of the scores; 1 / √E. */
  readonly scale?: number | undefined;
}

/** softmax(scale · q kᵀ + mask). */
const weightsOf = withParams<number>('attentionWeights', ([q, k, mask], scale) => {
  const scores = np.multiply(np.matmul(q!, np.swapaxes(k!, -1, -2)), scale);
  return softmax(mask === undefined ? scores : np.add(scores, mask), -1);
});

/** −∞ where a pair may not attend, else 0. */
export const additive = (allowed: CoreTensor, dtype: CoreTensor['dtype']): CoreTensor =>
  np.where(allowed, np.zeros([], dtype as never), np.full([], -Infinity, dtype as never));

/** The probabilities with which queries attend to keys `[…, L, S]`. */
export function attentionWeights(query: Tensor, key: Tensor, mask: CoreTensor | undefined, scale: number): Tensor {
  return weightsOf(mask === undefined ? [query, key] : [query, key, new Tensor(mask)], scale);
}

/** The mask that options describe, to be added to scores. */
export function maskOf(op: string, query: Tensor, key: Tensor, options: AttentionOptions): CoreTensor | undefined {
  const { attnMask, isCausal = false } = options;
  const [length, sources] = [query.shape.at(-2)!, key.shape.at(-2)!];
  if (isCausal) {
    if (attnMask !== null && attnMask !== undefined) {
      throw new ShapeError(`${op}: expected either attnMask or isCausal, got both.`);
    }
    return additive(np.tri(length, sources, { dtype: 'bool' }), query.dtype);
  }
  if (attnMask === null || attnMask === undefined) return undefined;
  const { value } = toTensor(attnMask);
  return value.dtype === 'bool' ? additive(value, query.dtype) : value;
}

/**
 * softmax(q kᵀ / √E + mask) v.
 * @param query `[…, L, E]`
 * @param key `[…, S, E]`
 * @param value `[…, S, Ev]`
 * @returns `[…, L, Ev]`
 */
export function scaledDotProductAttention(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  options: AttentionOptions = {},
): Tensor {
  const [q, k, v] = [toTensor(query), toTensor(key), toTensor(value)];
  const width = q.shape.at(-1)!;
  const mask = maskOf('scaledDotProductAttention', q, k, options);
  return attentionWeights(q, k, mask, options.scale ?? 1 / Math.sqrt(width)).matmul(v);
}

/**
 * Scaled dot-product attention.
 * May import: everything up to `control`, `api/lift`, `api/lax`.
 * @module
 */
import { ShapeError } from '../../ir/errors.ts';
import { isHalf } from '../../ir/dtype.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add, like, mul } from '../../primitives/arithmetic.ts';
import { ge } from '../../primitives/compare.ts';
import { convert } from '../../primitives/convert.ts';
import { dotGeneral } from '../../primitives/dot.ts';
import { and } from '../../primitives/elementwise-bits.ts';
import { iota } from '../../primitives/iota.ts';
import { select } from '../../primitives/select.ts';
import { reshape, transpose } from '../../primitives/structural.ts';
import { asTensor, promoteToFloat, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import { softmax } from './normalize.ts';

export interface AttentionOptions {
  /** Added to the scores; broadcasts to `[B, N, T, S]`. */
  readonly bias?: TensorLike;
  /** Pairs that may attend (bool); broadcasts to `[B, N, T, S]`. */
  readonly mask?: TensorLike;
  /** Default 1 / √H. */
  readonly scale?: number;
  /** Query t attends to keys up to t only. */
  readonly isCausal?: boolean;
}

/** Scores of masked pairs: finite, so that a row that is masked throughout gives no NaN. */
const leastScore = -0.7 * 3.4028234663852886e38;

/** `[B, T, N, H]`, also from `[T, N, H]`. */
const withBatch = (x: Tensor): Tensor => (x.ndim === 3 ? reshape(x, [1, ...x.shape]) : x);

function checkShapes(q: Tensor, k: Tensor, v: Tensor): void {
  const [b, , n = 0, h] = q.shape;
  const fits =
    [q, k, v].every((x) => x.ndim === 4 && x.shape[0] === b) &&
    k.shape.every((size, d) => d === 3 || size === v.shape[d]) &&
    k.shape[3] === h &&
    n % (k.shape[2] ?? 1) === 0;
  if (fits) return;
  throw new ShapeError(
    `nn.dotProductAttention: expected query [B,T,N,H], key and value [B,S,K,H] with N a multiple of K, got ${[q, k, v].map((x) => x.aval.toString()).join(', ')}.`,
    'axes: batch, position, head, feature.',
  );
}

/**
 * softmax(scale · q kᵀ + bias) v for every head. With fewer heads of keys than of queries, groups of queries share them.
 *
 * @param query `[B, T, N, H]`, or without B
 * @param key and `value`: `[B, S, K, H]`
 * @returns like `query`
 */
export function dotProductAttention(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  bias?: TensorLike | AttentionOptions | null,
  mask?: TensorLike | AttentionOptions | null,
  options?: AttentionOptions,
): Tensor {
  const o = readOptions<AttentionOptions>(
    'nn.dotProductAttention',
    ['bias', 'mask', 'scale', 'isCausal'],
    [bias, mask, options],
  );
  return attend(query, key, value, o, (weights) => weights);
}

/** Attention with its weights `[B, N, T, S]` changed before they mix the values (by dropout, say). */
export function attend(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  o: AttentionOptions,
  change: (weights: Tensor) => Tensor,
): Tensor {
  const given = promoteToFloat(query, key, value);
  const [q, k, v] = given.map(withBatch) as [Tensor, Tensor, Tensor];
  checkShapes(q, k, v);
  const [b, t, n, h] = q.shape as [number, number, number, number];
  const [s, heads] = [k.shape[1]!, k.shape[2]!];
  const grouped = reshape(q, [b, t, heads, n / heads, h]);
  // [b, heads, t, group, s]
  const products = dotGeneral(grouped, k, {
    contract: [[4], [3]],
    batch: [
      [0, 2],
      [0, 2],
    ],
  });
  const scaled = mul(reshape(transpose(products, [0, 1, 3, 2, 4]), [b, n, t, s]), like(q, o.scale ?? 1 / Math.sqrt(h)));
  // Of 16-bit floats: what stands for −∞, and sums of many exponentials, need more.
  const scores = isHalf(q.dtype) ? convert(scaled, 'float32') : scaled;
  const masked = applyMask(o.bias === undefined ? scores : add(scores, convert(asTensor(o.bias), scores.dtype)), o);
  const weights = change(convert(softmax(masked, -1), q.dtype));
  const byHead = reshape(weights, [b, heads, n / heads, t, s]);
  // [b, heads, group, t, h]
  const mixed = dotGeneral(byHead, v, {
    contract: [[4], [1]],
    batch: [
      [0, 1],
      [0, 2],
    ],
  });
  return reshape(transpose(mixed, [0, 3, 1, 2, 4]), [...given[0]!.shape.slice(0, -1), v.shape[3]!]);
}

function applyMask(scores: Tensor, { mask, isCausal }: AttentionOptions): Tensor {
  const [t, s] = scores.shape.slice(-2) as [number, number];
  const causal = isCausal ? ge(iota([t, s], 'int32', 0), iota([t, s], 'int32', 1)) : undefined;
  const given = mask === undefined ? undefined : asTensor(mask);
  const allowed = causal && given ? and(causal, given) : (causal ?? given);
  return allowed ? select(allowed, scores, like(scores, leastScore)) : scores;
}

/**
 * Attention.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { isFloat } from '../../../ir/dtype.ts';
import { ArgumentError, DTypeError, ShapeError } from '../../../ir/errors.ts';
import { broadcastShapes, sameShape } from '../../../ir/shape.ts';
import type { Tensor as CoreTensor } from '../../../core/tensor.ts';
import * as np from '../../../api/numpy/index.ts';
import * as keyed from '../../../api/random/index.ts';
import { like } from '../../../primitives/arithmetic.ts';
import { stopGradientOf } from '../../../primitives/barrier.ts';
import { type GeneratorOption, keyFrom } from '../../generator.ts';
import { promote, type TensorLike, toTensor, withResults } from '../../ops/define.ts';
import { type Arguments, readArguments } from '../../ops/named.ts';
import { Tensor } from '../../tensor.ts';

export interface AttentionOptions extends GeneratorOption {
  /** Booleans: which pairs may attend; numbers: added to the scores, and they may require grad. Broadcasts to `[…, L, S]`. */
  readonly attnMask?: TensorLike | null | undefined;
  /** The probability that a weight becomes 0; 0. */
  readonly dropoutP?: number | undefined;
  /** Whether position i sees only those up to i; false. */
  readonly isCausal?: boolean | undefined;
  /** Factor of the scores; 1 / √E. */
  readonly scale?: number | null | undefined;
  /** Whether groups of heads (dimension −3) of the query share heads of key and value; false. */
  readonly enableGqa?: boolean | undefined;
}

/** Names in PyTorch's positions. */
const names = ['attnMask', 'dropoutP', 'isCausal', 'scale', 'enableGqa'] as const;

interface Attention {
  readonly scale: number;
  readonly isCausal: boolean;
  readonly hasMask: boolean;
  readonly dropoutP: number;
  /** How many heads of the query there are for one of the key. */
  readonly group: number;
}

/** eˣ / Σ eˣ along the last axis, and 0 throughout where all x are −∞. */
function safeSoftmax(x: CoreTensor): CoreTensor {
  const top = stopGradientOf(np.max(x, { axis: -1, keepdims: true }));
  const shift = np.where(np.equal(top, -Infinity), like(top, 0), top);
  const terms = np.exp(np.subtract(x, shift));
  const total = np.sum(terms, { axis: -1, keepdims: true });
  return np.divide(terms, np.where(np.equal(total, 0), like(total, 1), total));
}

/** The result, and the weights with which queries attend to keys. */
const attended = withResults<Attention>('scaledDotProductAttention', (xs, o) => {
  const [query, key, value] = promote(xs.slice(0, 3)) as [CoreTensor, CoreTensor, CoreTensor];
  const [k, v] = o.group === 1 ? [key, value] : [key, value].map((t) => np.repeat(t, o.group, -3));
  const rest = xs.slice(3);
  const products = np.matmul(query, np.swapaxes(k!, -1, -2));
  const scores = masked(np.multiply(products, o.scale), o.hasMask ? rest.shift() : undefined, o.isCausal);
  const weights = safeSoftmax(scores);
  const [keep] = rest;
  const kept =
    keep === undefined
      ? weights
      : np.multiply(weights, np.multiply(np.astype(keep, weights.dtype), 1 / (1 - o.dropoutP)));
  return [np.matmul(kept, v!), kept];
});

function masked(scores: CoreTensor, mask: CoreTensor | undefined, isCausal: boolean): CoreTensor {
  const [length, sources] = scores.shape.slice(-2) as [number, number];
  const given = isCausal ? np.tri(length, sources, { dtype: 'bool' }) : mask;
  if (given === undefined) return scores;
  if (given.dtype === 'bool') return np.where(given, scores, like(scores, -Infinity));
  return np.add(scores, np.astype(given, scores.dtype));
}

/** Throws unless there are matrices of equal width, and a value for each key. @returns heads of the query for one of the key */
function checkOperands(op: string, [q, k, v]: readonly [Tensor, Tensor, Tensor], enableGqa: boolean): number {
  const shown = [q, k, v].map((x) => x.aval.toString()).join(', ');
  const ranks = [q, k, v].map((x) => x.ndim);
  const isGood = Math.min(...ranks) >= 2 && q.shape.at(-1) === k.shape.at(-1) && k.shape.at(-2) === v.shape.at(-2);
  if (!isGood) {
    throw new ShapeError(
      `${op}: expected query […,L,E], key […,S,E] and value […,S,F], got ${shown}.`,
      'the last two dimensions are positions and features.',
    );
  }
  if (!enableGqa) return 1;
  const [heads, shared, valueHeads] = [q, k, v].map((x) => x.shape.at(-3) ?? 1) as [number, number, number];
  if (shared === valueHeads && heads % shared === 0) return heads / shared;
  throw new ShapeError(
    `${op}: expected heads of the query that are a multiple of those of key and value, got ${shown}: number of heads in key and value must divide the number of heads in query.`,
  );
}

function checkMask(op: string, mask: Tensor, scores: readonly number[]): void {
  if (mask.dtype !== 'bool' && !isFloat(mask.dtype)) {
    throw new DTypeError(
      `${op}: expected a mask of bool or float, got ${mask.aval.toString()}.`,
      "convert with .to('bool').",
    );
  }
  if (sameShape(broadcastShapes(op, mask.shape, scores), scores)) return;
  throw new ShapeError(
    `${op}: expected a mask that broadcasts to [${scores.join(',')}], got ${mask.aval.toString()}.`,
    'the last two dimensions are queries and keys.',
  );
}

/** `scaledDotProductAttention`, and its weights `[…, L, S]` after dropout. */
export function attentionWithWeights(
  op: string,
  operands: readonly [Tensor, Tensor, Tensor],
  options: AttentionOptions,
): [result: Tensor, weights: Tensor] {
  const [q, k] = operands;
  const { isCausal = false, dropoutP = 0, enableGqa = false } = options;
  const attnMask = options.attnMask ?? null;
  if (!(dropoutP >= 0 && dropoutP <= 1)) {
    throw new ArgumentError(
      `${op}: expected dropoutP from 0 to 1, got ${dropoutP}: dropout probability has to be between 0 and 1.`,
    );
  }
  if (isCausal && attnMask !== null) {
    throw new ArgumentError(
      `${op}: expected either attnMask or isCausal, got both: Explicit attn_mask should not be set when is_causal=True.`,
      'leave one of them out.',
    );
  }
  const group = checkOperands(op, operands, enableGqa);
  const batch = group === 1 ? broadcastShapes(op, q.shape.slice(0, -2), k.shape.slice(0, -2)) : q.shape.slice(0, -2);
  const scores = [...batch, q.shape.at(-2)!, k.shape.at(-2)!];
  const extra: TensorLike[] = [];
  if (attnMask !== null) {
    const mask = toTensor(attnMask);
    checkMask(op, mask, scores);
    extra.push(mask);
  }
  if (dropoutP > 0) extra.push(new Tensor(keyed.bernoulli(keyFrom(options), 1 - dropoutP, scores)));
  const scale = options.scale ?? 1 / Math.sqrt(q.shape.at(-1)!);
  const params = { scale, isCausal, hasMask: attnMask !== null, dropoutP: dropoutP === 1 ? 0 : dropoutP, group };
  return attended([...operands, ...extra], params) as [Tensor, Tensor];
}

/**
 * softmax(q kᵀ / √E + mask) v. A query that may attend to nothing gives 0.
 * @param query `[…, L, E]`
 * @param key `[…, S, E]`
 * @param value `[…, S, F]`
 * @returns `[…, L, F]`
 * @example
 * ```ts
 * import { nn, ones, tensor } from 'cotangent/torch';
 * const { scaledDotProductAttention } = nn.functional;
 * const value = tensor([[1], [3]]);
 * console.log(scaledDotProductAttention(ones(2, 4), ones(2, 4), value, { isCausal: true }).tolist()); // => [ [ 1 ], [ 2 ] ]
 * ```
 */
export function scaledDotProductAttention(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  ...options: Arguments<AttentionOptions, typeof names>
): Tensor {
  const given = readArguments<AttentionOptions>('scaledDotProductAttention', [...names, 'generator'], options);
  const operands = [toTensor(query), toTensor(key), toTensor(value)] as const;
  return attentionWithWeights('scaledDotProductAttention', operands, given)[0];
}

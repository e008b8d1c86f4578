/**
 * Multi-head attention, over a whole sequence or step by step with a cache.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ArgumentError, ShapeError } from '../ir/errors.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { asTensor, type TensorLike } from '../api/lift.ts';
import { dynamicUpdateSlice } from '../api/lax/indexing.ts';
import { attend } from '../api/nn/attention.ts';
import { glorotUniform, type Initializer, zeros as zerosInit } from '../api/nn/initializers.ts';
import { zeros } from '../api/numpy/creation.ts';
import { add, like } from '../primitives/arithmetic.ts';
import { gt, le } from '../primitives/compare.ts';
import { convert } from '../primitives/convert.ts';
import { iota } from '../primitives/iota.ts';
import { select } from '../primitives/select.ts';
import { broadcastTo, reshape } from '../primitives/structural.ts';
import { checkLast, checkNames, checkRange, checkSizes, keysOf, type ParameterOptions } from './checks.ts';
import { Dropout } from './dropout.ts';
import { Linear } from './linear.ts';
import { type CallOptions, Layer, within } from './module.ts';
import { rotaryEmbedding, type RotaryOptions } from './rotary.ts';

export interface AttentionModuleOptions extends ParameterOptions {
  /** Features of one head; features / heads. */
  readonly headFeatures?: number;
  /** Heads of keys and values, of which the number of heads is a multiple: groups of queries share them; as many as heads. */
  readonly keyValueHeads?: number;
  /** Features of the keys' source, if they are others than the queries'. */
  readonly keyFeatures?: number;
  /** Features of the values' source, if they are others than the keys'. */
  readonly valueFeatures?: number;
  /** Whether the projections have biases; true. */
  readonly bias?: boolean;
  /** Part of the attention weights that training drops; 0. */
  readonly dropout?: number;
  /** Turns queries and keys by their positions; false. */
  readonly rotary?: boolean | Omit<RotaryOptions, 'positions'>;
  /** Of the projections' weights; glorotUniform. Biases start at 0. */
  readonly weightInit?: Initializer;
}

const names = [
  'key',
  'dtype',
  'headFeatures',
  'keyValueHeads',
  'keyFeatures',
  'valueFeatures',
  'bias',
  'dropout',
  'rotary',
  'weightInit',
] as const;

export interface AttendOptions extends CallOptions {
  /** Where keys come from; the queries' input. */
  readonly keys?: TensorLike;
  /** Where values come from; where keys come from. */
  readonly values?: TensorLike;
  /**
   * Booleans: which pairs may attend (true); floats: what is added to the scores (−∞ forbids). Broadcasts to
   * `[batch, heads, queries, keys]`; `[batch, 1, 1, keys]` masks padding.
   */
  readonly mask?: TensorLike;
  /** Position t attends to positions up to t; false. */
  readonly isCausal?: boolean;
}

/** Keys and values of the positions so far, in room for more. */
export interface KeyValueCache {
  /** `[batch, room, heads, headFeatures]` */
  readonly keys: Tensor;
  /** `[batch, room, heads, headFeatures]` */
  readonly values: Tensor;
  /** How many positions are filled: an int32 scalar. */
  readonly length: Tensor;
}

/**
 * softmax(q kᵀ / √h) v for several heads, with projections before and after (Vaswani et al., 2017). A query that may attend to nothing
 * gets the mean of all values.
 *
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * import { MultiHeadAttention } from 'cotangent/nn';
 * const attention = new MultiHeadAttention(8, 2, { key: random.key(0) });
 * const x = random.normal(random.key(1), [1, 5, 8]);
 * const y = attention.call(x, { isCausal: true });
 * // The same, one position after the other.
 * let cache = attention.initCache(1, 5);
 * const steps = [];
 * for (let t = 0; t < 5; t++) {
 *   const [step, next] = attention.decode(x.slice({}, { start: t, stop: t + 1 }), cache);
 *   steps.push(step);
 *   cache = next;
 * }
 * console.log(np.allclose(np.concatenate(steps, 1), y, { atol: 1e-5 }).item()); // => 1
 * ```
 */
export class MultiHeadAttention extends Layer {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly out: Linear;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headFeatures: number;
  readonly dropout: Dropout;
  readonly rotary: Omit<RotaryOptions, 'positions'> | null;

  constructor(features: number, heads: number, options: AttentionModuleOptions) {
    super();
    const op = 'MultiHeadAttention';
    checkNames(op, options, names);
    const keys = keysOf(op, options, 4) as [Tensor, Tensor, Tensor, Tensor];
    const { keyValueHeads = heads, bias = true, dtype, weightInit = projectionInit, rotary = false } = options;
    checkSizes(op, { features, heads, keyValueHeads });
    const {
      headFeatures = features / heads,
      keyFeatures = features,
      valueFeatures = keyFeatures,
      dropout = 0,
    } = options;
    checkHeads(features, heads, keyValueHeads, headFeatures);
    checkRange(op, 'dropout', dropout, 0, 1);
    const linear = (key: Tensor, from: number, to: number): Linear =>
      new Linear(from, to, { key, bias, weightInit, biasInit: zerosInit, ...(dtype === undefined ? {} : { dtype }) });
    this.query = linear(keys[0], features, heads * headFeatures);
    this.key = linear(keys[1], keyFeatures, keyValueHeads * headFeatures);
    this.value = linear(keys[2], valueFeatures, keyValueHeads * headFeatures);
    this.out = linear(keys[3], heads * headFeatures, features);
    this.heads = heads;
    this.keyValueHeads = keyValueHeads;
    this.headFeatures = headFeatures;
    this.dropout = new Dropout(dropout);
    this.rotary = rotary === true ? {} : rotary || null;
  }

  /**
   * @param x `[batch, T, features]`, or without the batch
   * @returns like x
   */
  call(x: TensorLike, options: AttendOptions = {}): Tensor {
    checkNames('MultiHeadAttention.call', options, ['keys', 'values', 'mask', 'isCausal', 'train', 'key']);
    const source = options.keys ?? x;
    const q = this.headsOf('query', x, this.heads);
    const k = this.headsOf('key', source, this.keyValueHeads);
    const v = this.headsOf('value', options.values ?? source, this.keyValueHeads);
    const { mask, isCausal = false } = options;
    const turned = [q, k].map((t) => this.turn(t, 0)) as [Tensor, Tensor];
    const y = this.finish(...turned, v, maskOptions(mask, q), isCausal, options);
    return asTensor(x).ndim === 2 ? reshape(y, y.shape.slice(1)) : y;
  }

  /** An empty cache with room for so many positions, for `decode`. */
  initCache(batch: number, room: number): KeyValueCache {
    checkSizes('MultiHeadAttention.initCache', { batch, room });
    const empty = (): Tensor => zeros([batch, room, this.keyValueHeads, this.headFeatures], this.key.weight.dtype);
    return { keys: empty(), values: empty(), length: scalarTensor(0, 'int32') };
  }

  /**
   * Causal attention of the next positions to those in the cache and to each other: what `call` with `isCausal` gives for the whole.
   *
   * @param x `[batch, T, features]`, T positions more (often 1)
   * @returns the result like x, and the cache with the new positions. Results beyond the room are NaN.
   * @throws ShapeError beyond the room, where the length is a number at hand
   */
  decode(x: TensorLike, cache: KeyValueCache, options: CallOptions = {}): [Tensor, KeyValueCache] {
    const q = this.headsOf('query', x, this.heads);
    const [batch, count] = q.shape as [number, number, number, number];
    const length = asTensor(cache.length);
    checkCache(this, cache, batch, count);
    const room = cache.keys.shape[1]!;
    const zero = scalarTensor(0, 'int32');
    const write = (into: Tensor, rows: Tensor): Tensor =>
      dynamicUpdateSlice(into, convert(rows, into.dtype), [zero, length, zero, zero]);
    const keys = write(cache.keys, this.turn(this.headsOf('key', x, this.keyValueHeads), length));
    const values = write(cache.values, this.headsOf('value', x, this.keyValueHeads));
    const end = add(length, like(length, count));
    // Query t stands at position length + t, and sees the positions up to there.
    const at = add(reshape(iota([count], 'int32', 0), [count, 1]), length);
    const seen = le(iota([count, room], 'int32', 1), broadcastTo(at, [count, room]));
    const y = this.finish(this.turn(q, length), keys, values, { mask: seen }, false, options);
    const isOver = gt(end, like(end, room));
    return [select(broadcastTo(isOver, y.shape), like(y, Number.NaN), y), { keys, values, length: end }];
  }

  /** The projection to heads: `[batch, T, heads, headFeatures]`. */
  headsOf(part: 'query' | 'key' | 'value', x: TensorLike, heads: number): Tensor {
    const linear = this[part];
    const t = checkLast(this, x, linear.weight.shape[1]!, `${part} input`);
    if (t.ndim !== 2 && t.ndim !== 3) {
      throw new ShapeError(
        `${this.toString()}: expected ${part} input [batch,T,${linear.weight.shape[1]!}], got ${t.aval.toString()}.`,
        'vmap over further axes.',
      );
    }
    const y = within(`.${part}`, () => linear.call(t));
    return reshape(y, [...(t.ndim === 2 ? [1] : []), ...t.shape.slice(0, -1), heads, this.headFeatures]);
  }

  turn(t: Tensor, start: TensorLike): Tensor {
    if (this.rotary === null) return t;
    const positions = add(iota([t.shape[1]!], 'int32', 0), convert(asTensor(start), 'int32'));
    return rotaryEmbedding(t, { ...this.rotary, positions });
  }

  finish(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: { readonly mask?: Tensor; readonly bias?: Tensor },
    isCausal: boolean,
    options: CallOptions,
  ): Tensor {
    const mixed = attend(q, k, v, { ...mask, isCausal }, (weights) =>
      within('.dropout', () => this.dropout.call(weights, options)),
    );
    return within('.out', () => this.out.call(reshape(mixed, [...mixed.shape.slice(0, 2), this.out.weight.shape[1]!])));
  }

  override toString(): string {
    return `MultiHeadAttention(${this.query.weight.shape[1]!}, ${this.heads})`;
  }
}

/** For weights `[outputs, inputs]`. */
const projectionInit: Initializer = glorotUniform({ inAxis: 1, outAxis: 0 });

function checkHeads(features: number, heads: number, keyValueHeads: number, headFeatures: number): void {
  if (heads % keyValueHeads !== 0) {
    throw new ArgumentError(
      `MultiHeadAttention: expected heads to be a multiple of keyValueHeads, got ${heads} and ${keyValueHeads}.`,
    );
  }
  if (Number.isInteger(headFeatures) && headFeatures > 0) return;
  throw new ArgumentError(
    `MultiHeadAttention: expected features to be a multiple of heads, got ${features} and ${heads}.`,
    'or give { headFeatures }.',
  );
}

/** A mask of booleans as it is; one of floats as what is added, with −∞ as a mask, so that a row of them gives no NaN. */
function maskOptions(mask: TensorLike | undefined, q: Tensor): { mask?: Tensor; bias?: Tensor } {
  if (mask === undefined || mask === null) return {};
  const given = asTensor(mask);
  if (given.dtype === 'bool') return { mask: given };
  const bias = convert(given, q.dtype);
  const allowed = gt(bias, like(bias, -Infinity));
  return { mask: allowed, bias: select(allowed, bias, like(bias, 0)) };
}

function checkCache(module: MultiHeadAttention, cache: KeyValueCache, batch: number, count: number): void {
  const [size, room, heads, features] = cache.keys.shape;
  if (size !== batch || heads !== module.keyValueHeads || features !== module.headFeatures) {
    throw new ShapeError(
      `${module.toString()}.decode: expected a cache [${batch},room,${module.keyValueHeads},${module.headFeatures}], got ${cache.keys.aval.toString()}.`,
      'make it with initCache(batch, room).',
    );
  }
  const filled = asTensor(cache.length).scalar ?? 0;
  if (filled + count <= room!) return;
  throw new ShapeError(
    `${module.toString()}.decode: expected at most ${room!} positions, got ${filled} in the cache and ${count} more.`,
    'make a cache with more room: initCache(batch, room).',
  );
}

/**
 * The mask of padding for `MultiHeadAttention`: keys at positions below each length count.
 * @param lengths integers `[batch]`
 * @returns bool `[batch, 1, 1, positions]`
 * @example
 * ```ts
 * import { paddingMask } from 'cotangent/nn';
 * console.log(String(paddingMask([1, 2], 2).reshape(2, 2))); // => [[true, false], [true, true]]
 * ```
 */
export function paddingMask(lengths: TensorLike, positions: number): Tensor {
  const t = convert(asTensor(lengths), 'int32');
  if (t.ndim !== 1) throw new ShapeError(`paddingMask: expected lengths [batch], got ${t.aval.toString()}.`);
  const at = iota([t.shape[0]!, 1, 1, positions], 'int32', 3);
  return gt(broadcastTo(reshape(t, [t.shape[0]!, 1, 1, 1]), at.shape), at);
}

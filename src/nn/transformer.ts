/**
 * The block that transformers are stacks of.
 * May import: `core`, `api`.
 * @module
 */
import type { Tensor } from '../core/tensor.ts';
import { asTensor, type TensorLike } from '../api/lift.ts';
import { gelu } from '../api/nn/activations.ts';
import { checkChoice } from '../api/options.ts';
import { add } from '../api/numpy/binary.ts';
import { type AttendOptions, type KeyValueCache, MultiHeadAttention } from './attention.ts';
import { checkNames, checkSizes, keysOf, type ParameterOptions } from './checks.ts';
import { Dropout } from './dropout.ts';
import { LayerNorm, RMSNorm } from './layer-norm.ts';
import { Linear } from './linear.ts';
import { type CallOptions, Layer, within } from './module.ts';
import { optionsAt } from './sequential.ts';
import type { RotaryOptions } from './rotary.ts';

export interface TransformerBlockOptions extends ParameterOptions {
  /** Features between the two layers of the feed-forward part; 4 · features. */
  readonly hiddenFeatures?: number;
  /** Between the same; gelu. */
  readonly activation?: (x: Tensor) => Tensor;
  /** `'layer'` (default) or `'rms'`. */
  readonly norm?: 'layer' | 'rms';
  /** Normalise before each part (default) rather than after it. */
  readonly normFirst?: boolean;
  /** Part that training drops: of attention weights, of the hidden features and of both results; 0. */
  readonly dropout?: number;
  /** Whether linear layers have biases; true. */
  readonly bias?: boolean;
  /** Of the norms; 1e-5. */
  readonly epsilon?: number;
  /** As of `MultiHeadAttention`. */
  readonly keyValueHeads?: number;
  /** As of `MultiHeadAttention`. */
  readonly rotary?: boolean | Omit<RotaryOptions, 'positions'>;
}

const names = [
  'key',
  'dtype',
  'hiddenFeatures',
  'activation',
  'norm',
  'normFirst',
  'dropout',
  'bias',
  'epsilon',
  'keyValueHeads',
  'rotary',
] as const;

/** How a block is called: as attention to its own input. */
export type BlockOptions = Omit<AttendOptions, 'keys' | 'values'>;

/**
 * Self-attention, then two linear layers, each added to its input: x + attention(norm x), then x + feed-forward(norm x); or with the
 * norms after the sums.
 *
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * import { TransformerBlock } from 'cotangent/nn';
 * const block = new TransformerBlock(16, 4, { key: random.key(0), rotary: true });
 * console.log(block.call(np.ones([2, 10, 16]), { isCausal: true }).shape); // => [ 2, 10, 16 ]
 * ```
 */
export class TransformerBlock extends Layer {
  readonly attention: MultiHeadAttention;
  readonly norm1: LayerNorm | RMSNorm;
  readonly linear1: Linear;
  readonly linear2: Linear;
  readonly norm2: LayerNorm | RMSNorm;
  readonly dropout: Dropout;
  readonly activation: (x: Tensor) => Tensor;
  readonly normFirst: boolean;

  constructor(features: number, heads: number, options: TransformerBlockOptions) {
    super();
    checkNames('TransformerBlock', options, names);
    const keys = keysOf('TransformerBlock', options, 3) as [Tensor, Tensor, Tensor];
    const { hiddenFeatures = 4 * features, activation = gelu, norm = 'layer', normFirst = true, dropout = 0 } = options;
    const { bias = true, epsilon = 1e-5, keyValueHeads = heads, rotary = false } = options;
    checkChoice('TransformerBlock', 'norm', norm, ['layer', 'rms']);
    checkSizes('TransformerBlock', { features, heads, hiddenFeatures });
    const dtype = options.dtype === undefined ? {} : { dtype: options.dtype };
    const makeNorm = (): LayerNorm | RMSNorm =>
      norm === 'rms' ? new RMSNorm(features, { epsilon, ...dtype }) : new LayerNorm(features, { epsilon, ...dtype });
    const shared = { bias, ...dtype };
    this.attention = new MultiHeadAttention(features, heads, {
      key: keys[0],
      dropout,
      keyValueHeads,
      rotary,
      ...shared,
    });
    this.norm1 = makeNorm();
    this.linear1 = new Linear(features, hiddenFeatures, { key: keys[1], ...shared });
    this.linear2 = new Linear(hiddenFeatures, features, { key: keys[2], ...shared });
    this.norm2 = makeNorm();
    this.dropout = new Dropout(dropout);
    this.activation = activation;
    this.normFirst = normFirst;
  }

  /**
   * @param x `[batch, T, features]`, or without the batch
   * @returns like x
   */
  call(x: TensorLike, options: BlockOptions = {}): Tensor {
    const { mask, isCausal = false, ...rest } = options;
    const masks = mask === undefined ? { isCausal } : { mask, isCausal };
    return this.around(asTensor(x), rest, (h) => this.attention.call(h, { ...masks, ...optionsAt(rest, 0) }));
  }

  /** An empty cache with room for so many positions, for `decode`. */
  initCache(batch: number, room: number): KeyValueCache {
    return this.attention.initCache(batch, room);
  }

  /** The next positions, after those in the cache: what `call` with `isCausal` gives for the whole. */
  decode(x: TensorLike, cache: KeyValueCache, options: CallOptions = {}): [Tensor, KeyValueCache] {
    let next = cache;
    const y = this.around(asTensor(x), options, (h) => {
      const [out, after] = this.attention.decode(h, cache, optionsAt(options, 0));
      next = after;
      return out;
    });
    return [y, next];
  }

  /** Both parts with their sums and norms. */
  around(x: Tensor, options: CallOptions, attention: (h: Tensor) => Tensor): Tensor {
    const norm1 = (h: Tensor): Tensor => within('.norm1', () => this.norm1.call(h));
    const norm2 = (h: Tensor): Tensor => within('.norm2', () => this.norm2.call(h));
    const attended = (h: Tensor): Tensor =>
      this.drop(
        within('.attention', () => attention(h)),
        options,
        1,
      );
    const fed = (h: Tensor): Tensor => this.drop(this.feedForward(h, options), options, 3);
    if (this.normFirst) {
      const h = add(x, attended(norm1(x)));
      return add(h, fed(norm2(h)));
    }
    const h = norm1(add(x, attended(x)));
    return norm2(add(h, fed(h)));
  }

  feedForward(h: Tensor, options: CallOptions): Tensor {
    const hidden = this.activation(within('.linear1', () => this.linear1.call(h)));
    return within('.linear2', () => this.linear2.call(this.drop(hidden, options, 2)));
  }

  drop(h: Tensor, options: CallOptions, i: number): Tensor {
    return within('.dropout', () => this.dropout.call(h, optionsAt(options, i)));
  }

  override toString(): string {
    return `TransformerBlock(${this.linear1.weight.shape[1]!}, ${this.attention.heads})`;
  }
}

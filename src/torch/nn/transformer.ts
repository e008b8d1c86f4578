/**
 * The transformer: an encoder and a decoder.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ShapeError } from '../../ir/errors.ts';
import { readOptions } from '../../api/named.ts';
import { full } from '../creation.ts';
import type { Dtype } from '../dtypes.ts';
import { triu } from '../ops/linalg.ts';
import { type TensorLike, toTensor } from '../ops/define.ts';
import type { Tensor } from '../tensor.ts';
import { xavierUniform_ } from './init.ts';
import { Layer } from './layer.ts';
import type { Module } from './module.ts';
import { LayerNorm } from './normalization.ts';
import {
  type DecoderMasks,
  type StackMasks,
  TransformerDecoder,
  TransformerDecoderLayer,
  TransformerEncoder,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from './transformer-layers.ts';

/** A module from the source to the memory. */
export interface EncoderModule extends Module {
  forward(src: Tensor, masks: StackMasks): Tensor;
}

/** A module from the target and the memory to the result. */
export interface DecoderModule extends Module {
  forward(tgt: Tensor, memory: Tensor, masks: DecoderMasks): Tensor;
}

export interface TransformerOptions extends TransformerLayerOptions {
  /** Features; 512. */
  readonly dModel?: number | undefined;
  /** Heads of attention; 8. */
  readonly nhead?: number | undefined;
  /** 6 */
  readonly numEncoderLayers?: number | undefined;
  /** 6 */
  readonly numDecoderLayers?: number | undefined;
  readonly customEncoder?: EncoderModule | null | undefined;
  readonly customDecoder?: DecoderModule | null | undefined;
}

const names = [
  'dModel',
  'nhead',
  'numEncoderLayers',
  'numDecoderLayers',
  'dimFeedforward',
  'dropout',
  'activation',
  'customEncoder',
  'customDecoder',
  'layerNormEps',
  'batchFirst',
  'normFirst',
  'bias',
  'dtype',
] as const;

/** Masks of a call of `Transformer`. */
export interface TransformerMasks extends DecoderMasks {
  readonly srcMask?: TensorLike | null | undefined;
  readonly srcKeyPaddingMask?: TensorLike | null | undefined;
  readonly srcIsCausal?: boolean | undefined;
}

const maskNames = [
  'srcMask',
  'tgtMask',
  'memoryMask',
  'srcKeyPaddingMask',
  'tgtKeyPaddingMask',
  'memoryKeyPaddingMask',
  'srcIsCausal',
  'tgtIsCausal',
  'memoryIsCausal',
] as const;

type Mask = TensorLike | TransformerMasks | null | undefined;

/**
 * An encoder of the source, and a decoder of the target that attends to what the encoder gives.
 * @see Vaswani et al. (2017), arXiv:1706.03762
 * @example
 * ```ts
 * import { nn, randn } from 'cotangent/torch';
 * const model = new nn.Transformer({ dModel: 8, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 16 });
 * const tgtMask = nn.Transformer.generateSquareSubsequentMask(5);
 * console.log(model.call(randn(7, 3, 8), randn(5, 3, 8), { tgtMask }).shape); // => [ 5, 3, 8 ]
 * ```
 */
export class Transformer extends Layer {
  readonly encoder: EncoderModule;
  readonly decoder: DecoderModule;
  readonly dModel: number;
  readonly nhead: number;
  readonly batchFirst: boolean;

  constructor(
    dModel?: number | TransformerOptions | null,
    nhead?: number | TransformerOptions | null,
    options?: TransformerOptions,
  ) {
    super();
    const given = readOptions<TransformerOptions>('Transformer', names, [dModel, nhead, options]);
    const { dModel: size = 512, nhead: heads = 8, customEncoder, customDecoder, ...rest } = given;
    const { numEncoderLayers = 6, numDecoderLayers = 6, ...layer } = rest;
    const norm = (): LayerNorm =>
      new LayerNorm(size, { eps: layer.layerNormEps, bias: layer.bias, dtype: layer.dtype });
    this.encoder =
      customEncoder ??
      new TransformerEncoder(new TransformerEncoderLayer(size, heads, layer), numEncoderLayers, { norm: norm() });
    this.decoder =
      customDecoder ??
      new TransformerDecoder(new TransformerDecoderLayer(size, heads, layer), numDecoderLayers, { norm: norm() });
    this.dModel = size;
    this.nhead = heads;
    this.batchFirst = layer.batchFirst ?? false;
    this.resetParameters();
  }

  resetParameters(): void {
    for (const p of this.parameters()) if (p.ndim > 1) xavierUniform_(p);
  }

  /** Added to scores, it lets each of `size` positions see those up to itself: −∞ above the diagonal, 0 elsewhere. */
  static generateSquareSubsequentMask(size: number, options: { readonly dtype?: Dtype | undefined } = {}): Tensor {
    return triu(full([size, size], -Infinity, { dtype: options.dtype ?? 'float32' }), 1);
  }

  /**
   * @param src `[S, N, E]` (`[N, S, E]` with `batchFirst`), or `[S, E]`
   * @param tgt `[T, N, E]`, likewise
   * @returns like `tgt`
   */
  forward(src: TensorLike, tgt: TensorLike, ...masks: readonly [Mask?, Mask?, Mask?, Mask?, Mask?, Mask?]): Tensor {
    const given = readOptions<TransformerMasks>('Transformer', maskNames, masks);
    const { srcMask, srcKeyPaddingMask, srcIsCausal, ...decoderMasks } = given;
    const [source, target] = [toTensor(src), toTensor(tgt)];
    this.check(source, target);
    const encoderMasks = { mask: srcMask, srcKeyPaddingMask, isCausal: srcIsCausal };
    const memory = this.encoder.call(source, encoderMasks);
    return this.decoder.call(target, memory, decoderMasks);
  }

  private check(src: Tensor, tgt: Tensor): void {
    const batchAxis = this.batchFirst ? 0 : 1;
    const isGood =
      (src.ndim === 2 || src.ndim === 3) &&
      tgt.ndim === src.ndim &&
      (src.ndim === 2 || src.shape[batchAxis] === tgt.shape[batchAxis]) &&
      [src, tgt].every((x) => x.shape.at(-1) === this.dModel);
    if (isGood) return;
    const of = (letter: string): string =>
      this.batchFirst ? `[N,${letter},${this.dModel}]` : `[${letter},N,${this.dModel}]`;
    throw new ShapeError(
      `Transformer: expected src ${of('S')} and tgt ${of('T')}, or both without N, got ${src.aval.toString()} and ${tgt.aval.toString()}: ` +
        'the feature number of src and tgt must be equal to d_model, and the batch number equal.',
      'batchFirst says where the batch stands.',
    );
  }
}

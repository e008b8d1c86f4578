/**
 * Layers of transformers (attention and feed-forward networks), and stacks of them.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { readOptions } from '../../api/named.ts';
import { checkChoice, checkCount, checkOptions } from '../../api/options.ts';
import { type TensorLike, toTensor } from '../ops/define.ts';
import type { Tensor } from '../tensor.ts';
import { type AttendOptions, MultiheadAttention } from './attention.ts';
import { ModuleList } from './containers.ts';
import { gelu, relu } from './functional/activations.ts';
import { Layer, type TensorModule } from './layer.ts';
import { Dropout } from './dropout.ts';
import { Linear, type ParameterOptions } from './linear.ts';
import { Module } from './module.ts';
import { LayerNorm } from './normalization.ts';

/** What stands between the two linear layers. */
export type Activation = 'relu' | 'gelu' | ((x: Tensor) => Tensor) | TensorModule;

export interface TransformerLayerOptions extends ParameterOptions {
  /** Features between the two linear layers; 2048. */
  readonly dimFeedforward?: number | undefined;
  /** The probability that an element becomes 0 in training; 0.1. */
  readonly dropout?: number | undefined;
  /** `'relu'` */
  readonly activation?: Activation | undefined;
  /** 1e-5 */
  readonly layerNormEps?: number | undefined;
  /** Whether input and output are `[N, L, E]`, not `[L, N, E]`; false. */
  readonly batchFirst?: boolean | undefined;
  /** Whether to normalise before each part, not after it; false. */
  readonly normFirst?: boolean | undefined;
  /** Whether linear layers and norms have biases; true. */
  readonly bias?: boolean | undefined;
}

const layerNames = [
  'dimFeedforward',
  'dropout',
  'activation',
  'layerNormEps',
  'batchFirst',
  'normFirst',
  'bias',
  'dtype',
] as const;

/** A mask as `MultiheadAttention` takes it. */
type Mask = TensorLike | null | undefined;

type AttendMasks = Pick<AttendOptions, 'attnMask' | 'keyPaddingMask' | 'isCausal'>;

/** Makes the parts of a layer, which stand in the order of PyTorch's. */
class Parts {
  readonly activation: ((x: Tensor) => Tensor) | TensorModule;
  readonly normFirst: boolean;
  private readonly dModel: number;
  private readonly nhead: number;
  private readonly options: TransformerLayerOptions;

  constructor(op: string, dModel: number, nhead: number, options: TransformerLayerOptions) {
    checkOptions(op, options, layerNames, `options of ${op}: ${layerNames.join(', ')}.`);
    checkCount(op, 'dimFeedforward', options.dimFeedforward, 1);
    this.activation = activationOf(op, options.activation);
    this.normFirst = options.normFirst ?? false;
    this.dModel = dModel;
    this.nhead = nhead;
    this.options = options;
  }

  attention(): MultiheadAttention {
    const { dropout = 0.1, batchFirst, bias, dtype } = this.options;
    return new MultiheadAttention(this.dModel, this.nhead, { dropout, batchFirst, bias, dtype });
  }

  linears(): [Linear, Linear] {
    const { dimFeedforward = 2048, bias, dtype } = this.options;
    return [
      new Linear(this.dModel, dimFeedforward, { bias, dtype }),
      new Linear(dimFeedforward, this.dModel, { bias, dtype }),
    ];
  }

  norm(): LayerNorm {
    const { layerNormEps: eps, bias, dtype } = this.options;
    return new LayerNorm(this.dModel, { eps, bias, dtype });
  }

  dropout(): Dropout {
    return new Dropout(this.options.dropout ?? 0.1);
  }
}

function activationOf(op: string, given: Activation = 'relu'): ((x: Tensor) => Tensor) | TensorModule {
  if (typeof given === 'function' || given instanceof Module) return given;
  checkChoice(op, 'activation', given, ['relu', 'gelu']);
  return given === 'gelu' ? gelu : relu;
}

const activate = (f: ((x: Tensor) => Tensor) | TensorModule, x: Tensor): Tensor =>
  f instanceof Module ? f.call(x) : f(x);

/** Attention with its weights left out. */
const attend = (attention: MultiheadAttention, x: Tensor, source: Tensor, masks: AttendMasks): Tensor =>
  attention.call(x, source, source, { ...masks, needWeights: false })[0];

/** x with a part added to it: the part of the normalised x, or the sum normalised. */
function residual(x: Tensor, norm: LayerNorm, normFirst: boolean, part: (x: Tensor) => Tensor): Tensor {
  return normFirst ? x.add(part(norm.call(x))) : norm.call(x.add(part(x)));
}

/** Masks of an encoder layer. */
export interface EncoderMasks {
  /** Which pairs of positions may not attend, as `attnMask` of `MultiheadAttention`. */
  readonly srcMask?: Mask;
  /** Which positions are padding, as `keyPaddingMask` of `MultiheadAttention`. */
  readonly srcKeyPaddingMask?: Mask;
  readonly isCausal?: boolean | undefined;
}

/**
 * Attention of a sequence to itself, then two linear layers with an activation between them, each added to its input and normalised.
 * @see Vaswani et al. (2017), arXiv:1706.03762
 * @example
 * ```ts
 * import { nn, randn } from 'cotangent/torch';
 * const layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true, activation: 'gelu' });
 * const encoder = new nn.TransformerEncoder(layer, 2);
 * console.log(encoder.call(randn(4, 10, 8)).shape); // => [ 4, 10, 8 ]
 * ```
 */
export class TransformerEncoderLayer extends Layer {
  readonly selfAttn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly activation: ((x: Tensor) => Tensor) | TensorModule;
  readonly normFirst: boolean;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    const parts = new Parts('TransformerEncoderLayer', dModel, nhead, options);
    const [linear1, linear2] = parts.linears();
    this.selfAttn = parts.attention();
    this.linear1 = linear1;
    this.dropout = parts.dropout();
    this.linear2 = linear2;
    this.norm1 = parts.norm();
    this.norm2 = parts.norm();
    this.dropout1 = parts.dropout();
    this.dropout2 = parts.dropout();
    this.activation = parts.activation;
    this.normFirst = parts.normFirst;
  }

  /** @param src `[L, N, E]` (`[N, L, E]` with `batchFirst`), or `[L, E]` */
  forward(
    src: TensorLike,
    srcMask?: TensorLike | EncoderMasks | null,
    srcKeyPaddingMask?: TensorLike | EncoderMasks | null,
  ): Tensor {
    const given = [srcMask, srcKeyPaddingMask, undefined];
    const masks = readOptions<EncoderMasks>('TransformerEncoderLayer', encoderNames, given);
    const how = { attnMask: masks.srcMask, keyPaddingMask: masks.srcKeyPaddingMask, isCausal: masks.isCausal };
    const attended = residual(toTensor(src), this.norm1, this.normFirst, (x) =>
      this.dropout1.call(attend(this.selfAttn, x, x, how)),
    );
    return residual(attended, this.norm2, this.normFirst, (x) => {
      const hidden = this.dropout.call(activate(this.activation, this.linear1.call(x)));
      return this.dropout2.call(this.linear2.call(hidden));
    });
  }
}

const encoderNames = ['srcMask', 'srcKeyPaddingMask', 'isCausal'] as const;

export interface StackOptions {
  /** What normalises the result; nothing. */
  readonly norm?: TensorModule | null | undefined;
}

/** Copies of a layer, one after the other: all start with its values. */
const copies = <L extends Layer>(op: string, layer: L, count: number): ModuleList<L> => {
  checkCount(op, 'numLayers', count, 1);
  return new ModuleList(Array.from({ length: count }, () => layer.deepcopy()));
};

/** Masks of an encoder. */
export interface StackMasks {
  readonly mask?: Mask;
  readonly srcKeyPaddingMask?: Mask;
  readonly isCausal?: boolean | undefined;
}

/** Copies of a `TransformerEncoderLayer` one after the other. */
export class TransformerEncoder extends Layer {
  readonly layers: ModuleList<TransformerEncoderLayer>;
  readonly numLayers: number;
  readonly norm: TensorModule | null;

  constructor(encoderLayer: TransformerEncoderLayer, numLayers: number, options: StackOptions = {}) {
    super();
    checkOptions('TransformerEncoder', options, ['norm'], 'options of TransformerEncoder: norm.');
    this.layers = copies('TransformerEncoder', encoderLayer, numLayers);
    this.numLayers = numLayers;
    this.norm = options.norm ?? null;
  }

  /** @param src like that of the layer */
  forward(
    src: TensorLike,
    mask?: TensorLike | StackMasks | null,
    srcKeyPaddingMask?: TensorLike | StackMasks | null,
  ): Tensor {
    const names = ['mask', 'srcKeyPaddingMask', 'isCausal'] as const;
    const given = [mask, srcKeyPaddingMask, undefined];
    const { mask: srcMask, ...masks } = readOptions<StackMasks>('TransformerEncoder', names, given);
    let y = toTensor(src);
    for (const layer of this.layers) y = layer.call(y, { srcMask, ...masks });
    return this.norm === null ? y : this.norm.call(y);
  }
}

/** Masks of a decoder and its layers. */
export interface DecoderMasks {
  readonly tgtMask?: Mask;
  readonly memoryMask?: Mask;
  readonly tgtKeyPaddingMask?: Mask;
  readonly memoryKeyPaddingMask?: Mask;
  readonly tgtIsCausal?: boolean | undefined;
  readonly memoryIsCausal?: boolean | undefined;
}

const decoderNames = [
  'tgtMask',
  'memoryMask',
  'tgtKeyPaddingMask',
  'memoryKeyPaddingMask',
  'tgtIsCausal',
  'memoryIsCausal',
] as const;

type DecoderMask = TensorLike | DecoderMasks | null | undefined;

/** As an encoder layer, with attention to the memory (the output of an encoder) before the linear layers. */
export class TransformerDecoderLayer extends Layer {
  readonly selfAttn: MultiheadAttention;
  readonly multiheadAttn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly norm3: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly dropout3: Dropout;
  readonly activation: ((x: Tensor) => Tensor) | TensorModule;
  readonly normFirst: boolean;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    const parts = new Parts('TransformerDecoderLayer', dModel, nhead, options);
    this.selfAttn = parts.attention();
    this.multiheadAttn = parts.attention();
    const [linear1, linear2] = parts.linears();
    this.linear1 = linear1;
    this.dropout = parts.dropout();
    this.linear2 = linear2;
    this.norm1 = parts.norm();
    this.norm2 = parts.norm();
    this.norm3 = parts.norm();
    this.dropout1 = parts.dropout();
    this.dropout2 = parts.dropout();
    this.dropout3 = parts.dropout();
    this.activation = parts.activation;
    this.normFirst = parts.normFirst;
  }

  /**
   * @param tgt `[T, N, E]` (`[N, T, E]` with `batchFirst`), or `[T, E]`
   * @param memory `[S, N, E]`, likewise
   */
  forward(
    tgt: TensorLike,
    memory: TensorLike,
    ...masks: readonly [DecoderMask?, DecoderMask?, DecoderMask?, DecoderMask?]
  ): Tensor {
    const m = readOptions<DecoderMasks>('TransformerDecoderLayer', decoderNames, masks);
    const source = toTensor(memory);
    const own = { attnMask: m.tgtMask, keyPaddingMask: m.tgtKeyPaddingMask, isCausal: m.tgtIsCausal };
    const other = { attnMask: m.memoryMask, keyPaddingMask: m.memoryKeyPaddingMask, isCausal: m.memoryIsCausal };
    const first = residual(toTensor(tgt), this.norm1, this.normFirst, (x) =>
      this.dropout1.call(attend(this.selfAttn, x, x, own)),
    );
    const second = residual(first, this.norm2, this.normFirst, (x) =>
      this.dropout2.call(attend(this.multiheadAttn, x, source, other)),
    );
    return residual(second, this.norm3, this.normFirst, (x) => {
      const hidden = this.dropout.call(activate(this.activation, this.linear1.call(x)));
      return this.dropout3.call(this.linear2.call(hidden));
    });
  }
}

/** Copies of a `TransformerDecoderLayer` one after the other. */
export class TransformerDecoder extends Layer {
  readonly layers: ModuleList<TransformerDecoderLayer>;
  readonly numLayers: number;
  readonly norm: TensorModule | null;

  constructor(decoderLayer: TransformerDecoderLayer, numLayers: number, options: StackOptions = {}) {
    super();
    checkOptions('TransformerDecoder', options, ['norm'], 'options of TransformerDecoder: norm.');
    this.layers = copies('TransformerDecoder', decoderLayer, numLayers);
    this.numLayers = numLayers;
    this.norm = options.norm ?? null;
  }

  /** @param tgt and `memory` like those of the layer */
  forward(
    tgt: TensorLike,
    memory: TensorLike,
    ...masks: readonly [DecoderMask?, DecoderMask?, DecoderMask?, DecoderMask?]
  ): Tensor {
    const given = readOptions<DecoderMasks>('TransformerDecoder', decoderNames, masks);
    let y = toTensor(tgt);
    for (const layer of this.layers) y = layer.call(y, memory, given);
    return this.norm === null ? y : this.norm.call(y);
  }
}

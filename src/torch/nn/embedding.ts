/**
 * Tables of vectors.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { checkCount } from '../../api/options.ts';
import { arange, zeros } from '../creation.ts';
import { eq, where } from '../ops/arithmetic.ts';
import { type TensorLike, toTensor } from '../ops/define.ts';
import { type Arguments, readArguments } from '../ops/named.ts';
import type { Tensor } from '../tensor.ts';
import * as F from './functional/embedding.ts';
import { normal_ } from './init.ts';
import { Layer } from './layer.ts';
import { parameter, type ParameterOptions } from './linear.ts';
import { Parameter } from './parameter.ts';

export interface EmbeddingOptions extends ParameterOptions, F.EmbeddingOptions {}
export interface EmbeddingBagOptions extends ParameterOptions, Omit<F.EmbeddingBagOptions, 'perSampleWeights'> {}

const embeddingNames = ['paddingIdx', 'maxNorm', 'normType', 'scaleGradByFreq', 'sparse', 'dtype'] as const;
const bagNames = [
  'maxNorm',
  'normType',
  'scaleGradByFreq',
  'mode',
  'sparse',
  'includeLastOffset',
  'paddingIdx',
  'dtype',
] as const;

/** What both tables share. */
abstract class Table extends Layer {
  /** `[count, features]` */
  weight: Parameter;
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions) {
    super();
    const op = new.target.name;
    for (const [name, n] of Object.entries({ numEmbeddings, embeddingDim })) checkCount(op, name, n, 1);
    const { paddingIdx = null } = options;
    if (paddingIdx !== null && !(paddingIdx >= -numEmbeddings && paddingIdx < numEmbeddings)) {
      throw new ArgumentError(
        `${op}: expected paddingIdx from ${-numEmbeddings} to ${numEmbeddings - 1}, got ${paddingIdx}: Padding_idx must be within num_embeddings.`,
      );
    }
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingIdx !== null && paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx;
    this.weight = parameter([numEmbeddings, embeddingDim], options);
    this.resetParameters();
  }

  resetParameters(): void {
    normal_(this.weight);
    if (this.paddingIdx === null) return;
    const isPadding = eq(arange(this.numEmbeddings), this.paddingIdx).unsqueeze(1);
    const cleared = where(isPadding, zeros(1, { dtype: this.weight.dtype }), this.weight.detach());
    this.weight.overwrite(cleared.value, undefined);
  }

  protected get padding(): string {
    return this.paddingIdx === null ? '' : `, padding_idx=${this.paddingIdx}`;
  }
}

const describe = ({ maxNorm = null, normType = 2, scaleGradByFreq = false }: F.EmbeddingOptions): string =>
  [
    maxNorm === null ? '' : `, max_norm=${maxNorm}`,
    normType === 2 ? '' : `, norm_type=${normType}`,
    scaleGradByFreq ? ', scale_grad_by_freq=True' : '',
  ].join('');

/** A matrix as a parameter, frozen unless told otherwise. */
function pretrained(op: string, embeddings: TensorLike, freeze: boolean): Parameter {
  const table = toTensor(embeddings);
  if (table.ndim === 2) return new Parameter(table, !freeze);
  throw new ShapeError(
    `${op}.fromPretrained: expected a matrix [count,features], got ${table.aval.toString()}: Embeddings parameter is expected to be 2-dimensional.`,
  );
}

export interface PretrainedOption {
  /** Whether the table gets no gradient; true. */
  readonly freeze?: boolean | undefined;
}

/**
 * A table of vectors, looked up by integers.
 * @example
 * ```ts
 * import { nn, tensor } from 'cotangent/torch';
 * const table = new nn.Embedding(10, 4, { paddingIdx: 0 });
 * console.log(table.call(tensor([[1, 0]], { dtype: 'long' })).shape); // => [ 1, 2, 4 ]
 * ```
 */
export class Embedding extends Table {
  readonly options: F.EmbeddingOptions;

  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    ...args: Arguments<EmbeddingOptions, typeof embeddingNames>
  ) {
    const options = readArguments<EmbeddingOptions>('Embedding', embeddingNames, args);
    super(numEmbeddings, embeddingDim, options);
    const { dtype: _, ...rest } = options;
    this.options = { ...rest, paddingIdx: this.paddingIdx };
  }

  /** A layer with the given table. */
  static fromPretrained(embeddings: TensorLike, options: PretrainedOption & F.EmbeddingOptions = {}): Embedding {
    const { freeze = true, ...rest } = options;
    const weight = pretrained('Embedding', embeddings, freeze);
    const layer = new Embedding(weight.shape[0]!, weight.shape[1]!, rest);
    layer.weight = weight;
    return layer;
  }

  /** @param x integers of any shape */
  forward(x: TensorLike): Tensor {
    return F.embedding(x, this.weight, this.options);
  }

  override extraRepr(): string {
    return `${this.numEmbeddings}, ${this.embeddingDim}${this.padding}${describe(this.options)}`;
  }
}

/**
 * Sums, means or maxima of vectors of a table: one for each bag of integers.
 * @example
 * ```ts
 * import { nn, tensor } from 'cotangent/torch';
 * const bags = nn.EmbeddingBag.fromPretrained([[1, 2], [3, 4], [5, 6]], { mode: 'sum' });
 * const index = tensor([0, 2, 1], { dtype: 'long' });
 * console.log(bags.call(index, tensor([0, 2], { dtype: 'long' })).tolist()); // => [ [ 6, 8 ], [ 3, 4 ] ]
 * ```
 */
export class EmbeddingBag extends Table {
  readonly options: F.EmbeddingBagOptions;

  constructor(numEmbeddings: number, embeddingDim: number, ...args: Arguments<EmbeddingBagOptions, typeof bagNames>) {
    const options = readArguments<EmbeddingBagOptions>('EmbeddingBag', bagNames, args);
    super(numEmbeddings, embeddingDim, options);
    const { dtype: _, ...rest } = options;
    this.options = { ...rest, paddingIdx: this.paddingIdx };
  }

  /** A layer with the given table. */
  static fromPretrained(
    embeddings: TensorLike,
    options: PretrainedOption & Omit<F.EmbeddingBagOptions, 'perSampleWeights'> = {},
  ): EmbeddingBag {
    const { freeze = true, ...rest } = options;
    const weight = pretrained('EmbeddingBag', embeddings, freeze);
    const layer = new EmbeddingBag(weight.shape[0]!, weight.shape[1]!, rest);
    layer.weight = weight;
    return layer;
  }

  /**
   * @param x integers: a bag a row, or all in one vector
   * @param offsets where each bag of a vector begins
   * @param perSampleWeights factors like x, for mode `'sum'`
   */
  forward(x: TensorLike, offsets?: TensorLike | null, perSampleWeights?: TensorLike | null): Tensor {
    return F.embeddingBag(x, this.weight, offsets, { ...this.options, perSampleWeights });
  }

  override extraRepr(): string {
    const { mode = 'mean' } = this.options;
    return `${this.numEmbeddings}, ${this.embeddingDim}${describe(this.options)}, mode=${mode}${this.padding}`;
  }
}

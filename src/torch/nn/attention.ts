/**
 * Attention of several heads.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { ArgumentError, DTypeError, ShapeError } from '../../ir/errors.ts';
import { sameShape } from '../../ir/shape.ts';
import { checkCount, checkOptions } from '../../api/options.ts';
import { ones, zeros } from '../creation.ts';
import { logicalOr, where } from '../ops/arithmetic.ts';
import { type TensorLike, toTensor } from '../ops/define.ts';
import { logicalNot } from '../ops/pointwise.ts';
import { cat } from '../ops/join.ts';
import type { Tensor } from '../tensor.ts';
import { attentionWithWeights } from './functional/attention.ts';
import { linear } from './functional/linear.ts';
import { constant_, xavierNormal_, xavierUniform_ } from './init.ts';
import { Layer } from './layer.ts';
import { Linear, type LinearOptions, parameter } from './linear.ts';
import type { Parameter } from './parameter.ts';

export interface MultiheadAttentionOptions extends LinearOptions {
  /** The probability that a weight of attention becomes 0 in training; 0. */
  readonly dropout?: number | undefined;
  /** Whether one more key and value are learnt; false. */
  readonly addBiasKv?: boolean | undefined;
  /** Whether there is one more key and value of zeros; false. */
  readonly addZeroAttn?: boolean | undefined;
  /** Features of keys; those of queries. */
  readonly kdim?: number | null | undefined;
  /** Features of values; those of queries. */
  readonly vdim?: number | null | undefined;
  /** Whether input and output are `[N, L, E]`, not `[L, N, E]`; false. */
  readonly batchFirst?: boolean | undefined;
}

const names = ['bias', 'dtype', 'dropout', 'addBiasKv', 'addZeroAttn', 'kdim', 'vdim', 'batchFirst'] as const;

/** How `MultiheadAttention` is called. */
export interface AttendOptions {
  /** `[N, S]` (`[S]` without a batch): keys that are to be ignored (true), or numbers that are added to their scores. */
  readonly keyPaddingMask?: TensorLike | null | undefined;
  /** Whether to return the weights too; true. */
  readonly needWeights?: boolean | undefined;
  /** `[L, S]` or `[N · heads, L, S]`: pairs that may not attend (true), or numbers that are added to their scores. */
  readonly attnMask?: TensorLike | null | undefined;
  /** Whether the weights are the mean of those of the heads; true. */
  readonly averageAttnWeights?: boolean | undefined;
  /** Whether position i sees only those up to i. With `attnMask` it is taken as a hint that this says so; false. */
  readonly isCausal?: boolean | undefined;
}

const callNames = ['keyPaddingMask', 'needWeights', 'attnMask', 'averageAttnWeights', 'isCausal'] as const;

/** As PyTorch calls the output projection. */
class NonDynamicallyQuantizableLinear extends Linear {}

type Three = readonly [Tensor, Tensor, Tensor];

/** What a mask adds to scores: −∞ where it is true. */
const additive = (mask: Tensor, dtype: Tensor['dtype']): Tensor =>
  mask.dtype === 'bool' ? where(mask, -Infinity, zeros([], { dtype })) : mask;

/** Two masks as one; of booleans, the pairs that may not attend. */
function joined(a: Tensor | null, b: Tensor | null, dtype: Tensor['dtype']): Tensor | null {
  if (a === null || b === null) return a ?? b;
  if (a.dtype === 'bool' && b.dtype === 'bool') return logicalOr(a, b);
  return additive(a, dtype).add(additive(b, dtype));
}

/**
 * softmax(q kᵀ / √d) v for several heads, with projections before and after. A query that may attend to nothing gets the bias of the output
 * projection, not NaN.
 * @see Vaswani et al. (2017), arXiv:1706.03762
 * @example
 * ```ts
 * import { nn, randn } from 'cotangent/torch';
 * const attention = new nn.MultiheadAttention(8, 2, { batchFirst: true });
 * const x = randn(3, 5, 8);
 * const [y, weights] = attention.call(x, x, x, { attnMask: nn.Transformer.generateSquareSubsequentMask(5) });
 * console.log(y.shape, weights.shape, weights.select(0, 0).get(0, 1).item()); // => [ 3, 5, 8 ] [ 3, 5, 5 ] 0
 * ```
 */
export class MultiheadAttention extends Layer {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly addZeroAttn: boolean;
  /** `[E, E]`; null where one weight has all three. */
  qProjWeight: Parameter | null;
  /** `[E, kdim]` */
  kProjWeight: Parameter | null;
  /** `[E, vdim]` */
  vProjWeight: Parameter | null;
  /** `[3 E, E]`: queries, keys, values. */
  inProjWeight: Parameter | null;
  /** `[3 E]` */
  inProjBias: Parameter | null;
  readonly outProj: Linear;
  /** `[1, 1, E]` */
  biasK: Parameter | null;
  /** `[1, 1, E]` */
  biasV: Parameter | null;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const op = new.target.name;
    checkOptions(op, options, names, `options of ${op}: ${names.join(', ')}.`);
    const { dropout = 0, bias = true, addBiasKv = false, addZeroAttn = false, batchFirst = false } = options;
    const [kdim, vdim] = [options.kdim ?? embedDim, options.vdim ?? embedDim];
    for (const [name, n] of Object.entries({ embedDim, numHeads, kdim, vdim })) checkCount(op, name, n, 1);
    if (embedDim % numHeads !== 0) {
      throw new ArgumentError(
        `${op}: expected embedDim to be a multiple of numHeads, got ${embedDim} and ${numHeads}: embed_dim must be divisible by num_heads.`,
      );
    }
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.headDim = embedDim / numHeads;
    this.kdim = kdim;
    this.vdim = vdim;
    this.dropout = dropout;
    this.batchFirst = batchFirst;
    this.addZeroAttn = addZeroAttn;
    const isPacked = kdim === embedDim && vdim === embedDim;
    this.qProjWeight = isPacked ? null : parameter([embedDim, embedDim], options);
    this.kProjWeight = isPacked ? null : parameter([embedDim, kdim], options);
    this.vProjWeight = isPacked ? null : parameter([embedDim, vdim], options);
    this.inProjWeight = isPacked ? parameter([3 * embedDim, embedDim], options) : null;
    this.inProjBias = bias ? parameter([3 * embedDim], options) : null;
    this.outProj = new NonDynamicallyQuantizableLinear(embedDim, embedDim, { bias, dtype: options.dtype });
    this.biasK = addBiasKv ? parameter([1, 1, embedDim], options) : null;
    this.biasV = addBiasKv ? parameter([1, 1, embedDim], options) : null;
    this.resetParameters();
  }

  resetParameters(): void {
    for (const w of [this.qProjWeight, this.kProjWeight, this.vProjWeight, this.inProjWeight]) {
      if (w !== null) xavierUniform_(w);
    }
    for (const b of [this.inProjBias, this.outProj.bias]) if (b !== null) constant_(b, 0);
    for (const b of [this.biasK, this.biasV]) if (b !== null) xavierNormal_(b);
  }

  /**
   * @param query `[L, N, E]` (`[N, L, E]` with `batchFirst`), or `[L, E]`
   * @param key `[S, N, kdim]`, likewise
   * @param value `[S, N, vdim]`, likewise
   * @returns the output, like the query, and the weights `[N, L, S]` (`[N, heads, L, S]` unless averaged), without N where the input is;
   * null for them without `needWeights`
   */
  forward(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    options: AttendOptions & { readonly needWeights: false },
  ): [output: Tensor, weights: null];
  forward(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    options?: AttendOptions & { readonly needWeights?: true | undefined },
  ): [output: Tensor, weights: Tensor];
  forward(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    options?: AttendOptions,
  ): [output: Tensor, weights: Tensor | null];
  forward(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    options: AttendOptions = {},
  ): [output: Tensor, weights: Tensor | null] {
    checkOptions('MultiheadAttention', options, callNames, `options of a call: ${callNames.join(', ')}.`);
    const given = [toTensor(query), toTensor(key), toTensor(value)] as const;
    this.check(given);
    const isBatched = given[0].ndim === 3;
    const [q, k, v] = this.project(given).map((x) =>
      isBatched ? (this.batchFirst ? x : x.transpose(0, 1)) : x.unsqueeze(0),
    ) as [Tensor, Tensor, Tensor];
    const attnMask = this.maskOf(options, q, k);
    const [keys, values] = [this.extended(k, this.biasK), this.extended(v, this.biasV)];
    const [mixed, weights] = attentionWithWeights(
      'MultiheadAttention',
      [this.heads(q), this.heads(keys), this.heads(values)],
      {
        attnMask: attnMask === null ? null : this.widened(attnMask, keys.shape[1]! - k.shape[1]!),
        dropoutP: this.training ? this.dropout : 0,
      },
    );
    const merged = this.outProj.call(mixed.transpose(1, 2).reshape(q.shape));
    const output = isBatched ? (this.batchFirst ? merged : merged.transpose(0, 1)) : merged.squeeze(0);
    if (options.needWeights === false) return [output, null];
    const shown = options.averageAttnWeights === false ? weights : weights.mean(1);
    return [output, isBatched ? shown : shown.squeeze(0)];
  }

  private check([q, k, v]: Three): void {
    const { embedDim, kdim, vdim } = this;
    const layout = this.batchFirst ? '[N,L,' : '[L,N,';
    const isGood =
      (q.ndim === 2 || q.ndim === 3) &&
      [k, v].every((x) => x.ndim === q.ndim) &&
      [embedDim, kdim, vdim].every((n, i) => [q, k, v][i]!.shape.at(-1) === n) &&
      k.shape.slice(0, -1).every((n, d) => n === v.shape[d]);
    const batchAxis = this.batchFirst ? 0 : 1;
    if (isGood && (q.ndim === 2 || q.shape[batchAxis] === k.shape[batchAxis])) return;
    throw new ShapeError(
      `MultiheadAttention: expected query ${layout}${embedDim}], key ${layout.replace('L', 'S')}${kdim}] and value ${layout.replace('L', 'S')}${vdim}], ` +
        `or all without N, got ${[q, k, v].map((x) => x.aval.toString()).join(', ')}.`,
      'batchFirst says where the batch stands; kdim and vdim are the features of keys and values.',
    );
  }

  private project([q, k, v]: Three): Tensor[] {
    const { inProjWeight, inProjBias, embedDim } = this;
    if (inProjWeight !== null && q === k && k === v) return linear(q, inProjWeight, inProjBias).chunk(3, -1);
    const weights = inProjWeight?.chunk(3, 0) ?? [this.qProjWeight!, this.kProjWeight!, this.vProjWeight!];
    return [q, k, v].map((x, i) => linear(x, weights[i]!, inProjBias?.narrow(0, i * embedDim, embedDim)));
  }

  /** `[N, S, E]` with what there is of one more learnt, and one more of zeros. */
  private extended(x: Tensor, bias: Tensor | null): Tensor {
    const [batch, , width] = x.shape as [number, number, number];
    const parts = [x];
    if (bias !== null) parts.push(bias.expand(batch, 1, width));
    if (this.addZeroAttn) parts.push(zeros([batch, 1, width], { dtype: x.dtype }));
    return parts.length === 1 ? x : cat(parts, 1);
  }

  /** `[N, L, E]` as `[N, heads, L, E / heads]`. */
  private heads(x: Tensor): Tensor {
    const [batch, length] = x.shape as [number, number, number];
    return x.reshape([batch, length, this.numHeads, this.headDim]).transpose(1, 2);
  }

  /** Both masks as one `[1 or N, 1 or heads, 1 or L, S]`. */
  private maskOf({ attnMask, keyPaddingMask, isCausal }: AttendOptions, q: Tensor, k: Tensor): Tensor | null {
    const [batch, length] = q.shape as [number, number, number];
    const sources = k.shape[1]!;
    const of = (what: string, x: TensorLike, ...shapes: (readonly number[])[]): Tensor => {
      const mask = toTensor(x);
      if (mask.dtype !== 'bool' && !isFloat(mask.dtype)) {
        throw new DTypeError(
          `MultiheadAttention: expected ${what} of bool or float, got ${mask.aval.toString()}: only bool and floating types are supported.`,
          "convert with .to('bool').",
        );
      }
      if (shapes.some((s) => sameShape(s, mask.shape))) return mask;
      throw new ShapeError(
        `MultiheadAttention: expected ${what} ${shapes.map((s) => `[${s.join(',')}]`).join(' or ')}, got ${mask.aval.toString()}.`,
      );
    };
    let pairs: Tensor | null = null;
    if (attnMask !== null && attnMask !== undefined) {
      pairs = of('attnMask', attnMask, [length, sources], [batch * this.numHeads, length, sources]);
      if (pairs.ndim === 3) pairs = pairs.reshape([batch, this.numHeads, length, sources]);
      else pairs = pairs.reshape([1, 1, length, sources]);
    } else if (isCausal === true) {
      pairs = ones([1, 1, length, sources], { dtype: 'bool' }).triu(1);
    }
    if (keyPaddingMask === null || keyPaddingMask === undefined) return pairs;
    const keys = of('keyPaddingMask', keyPaddingMask, [batch, sources], ...(batch === 1 ? [[sources]] : []));
    return joined(pairs, keys.reshape([batch, 1, 1, sources]), q.dtype);
  }

  /** As attention takes it, for `count` further keys that all may attend to. */
  private widened(mask: Tensor, count: number): Tensor {
    const more = (x: Tensor): Tensor =>
      count === 0 ? x : cat([x, zeros([...x.shape.slice(0, -1), count], { dtype: x.dtype })], -1);
    return mask.dtype === 'bool' ? logicalNot(more(mask)) : more(mask);
  }
}

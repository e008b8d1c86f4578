/**
 * Recurrent layers over sequences: several on top of each other, in one direction or both.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { sameShape } from '../../ir/shape.ts';
import { checkChoice, checkCount, checkOptions } from '../../api/options.ts';
import { zeros } from '../creation.ts';
import { type TensorLike, toTensor } from '../ops/define.ts';
import { cat, stack } from '../ops/join.ts';
import type { Tensor } from '../tensor.ts';
import { dropout } from './functional/dropout.ts';
import { type CellKind, type CellWeights, recurrentLayer } from './functional/recurrent.ts';
import { Layer, python, pythonFloat } from './layer.ts';
import { type LinearOptions, parameter } from './linear.ts';
import type { Parameter } from './parameter.ts';
import { checkDtype, gatesOf, resetRecurrent } from './recurrent-cells.ts';
import { PackedSequence, packRows, unpackRows } from './utils/rnn.ts';

export interface RecurrentOptions extends LinearOptions {
  /** Layers on top of each other; 1. */
  readonly numLayers?: number | undefined;
  /** Whether input and output are `[N, T, features]`, not `[T, N, features]`; false. States are not concerned. */
  readonly batchFirst?: boolean | undefined;
  /** The probability that an element between two layers becomes 0 in training; 0. */
  readonly dropout?: number | undefined;
  /** Also from the end to the start, with the results side by side; false. */
  readonly bidirectional?: boolean | undefined;
}

export interface RNNOptions extends RecurrentOptions {
  /** `'tanh'` */
  readonly nonlinearity?: 'tanh' | 'relu' | undefined;
}

export interface LSTMOptions extends RecurrentOptions {
  /** Size of a projection of the hidden vectors, which takes their place in output and state; 0 for none. */
  readonly projSize?: number | undefined;
}

const names = ['numLayers', 'bias', 'batchFirst', 'dropout', 'bidirectional', 'dtype'] as const;

type Direction = '' | 'Reverse';
type Part = 'weightIh' | 'weightHh' | 'biasIh' | 'biasHh' | 'weightHr';

interface Sizes {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly projSize: number;
}

/** `H` is the state: hidden vectors, or those and the memory. */
abstract class Recurrent<H extends Tensor | [h: Tensor, c: Tensor]> extends Layer {
  /** A parameter for each part of each layer and direction: `weightIhL0`, `biasHhL1Reverse`, … */
  [name: `${Part}L${number}${Direction}`]: Parameter;
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  readonly projSize: number;
  protected readonly kind: CellKind;

  constructor(kind: CellKind, { inputSize, hiddenSize, projSize }: Sizes, options: RecurrentOptions) {
    super();
    const op = new.target.name;
    const { numLayers = 1, bias = true, batchFirst = false, dropout: p = 0, bidirectional = false } = options;
    for (const [name, size] of Object.entries({ inputSize, hiddenSize, numLayers })) checkCount(op, name, size, 1);
    checkCount(op, 'projSize', projSize, 0);
    if (projSize >= hiddenSize) {
      throw new ArgumentError(
        `${op}: expected projSize below hiddenSize ${hiddenSize}, got ${projSize}: proj_size has to be smaller than hidden_size.`,
      );
    }
    if (!(p >= 0 && p <= 1)) {
      throw new ArgumentError(
        `${op}: expected dropout from 0 to 1, got ${p}: dropout should be a number in range [0, 1] representing the probability of an element being zeroed.`,
      );
    }
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = numLayers;
    this.bias = bias;
    this.batchFirst = batchFirst;
    this.dropout = p;
    this.bidirectional = bidirectional;
    this.projSize = projSize;
    this.kind = kind;
    for (let i = 0; i < numLayers; i++) for (const d of this.directions) this.addParameters(i, d, options);
    this.resetParameters();
  }

  private get directions(): readonly Direction[] {
    return this.bidirectional ? ['', 'Reverse'] : [''];
  }

  /** Size of one direction of the output. */
  private get outputSize(): number {
    return this.projSize > 0 ? this.projSize : this.hiddenSize;
  }

  private addParameters(layer: number, direction: Direction, options: LinearOptions): void {
    const rows = gatesOf[this.kind] * this.hiddenSize;
    const columns = layer === 0 ? this.inputSize : this.outputSize * this.directions.length;
    const add = (part: Part, ...shape: number[]): void =>
      this.registerParameter(`${part}L${layer}${direction}`, parameter(shape, options));
    add('weightIh', rows, columns);
    add('weightHh', rows, this.outputSize);
    if (this.bias) {
      add('biasIh', rows);
      add('biasHh', rows);
    }
    if (this.projSize > 0) add('weightHr', this.projSize, this.hiddenSize);
  }

  resetParameters(): void {
    resetRecurrent(this.parameters(), this.hiddenSize);
  }

  /** The parameters of each layer and direction. */
  get allWeights(): Parameter[][] {
    const parts: readonly Part[] = ['weightIh', 'weightHh', 'biasIh', 'biasHh', 'weightHr'];
    return Array.from({ length: this.numLayers }, (_, i) =>
      this.directions.map((d) => parts.map((part) => this.part(part, i, d)).filter((p) => p !== null)),
    ).flat();
  }

  /** Nothing: parameters need no particular place in memory here. */
  flattenParameters(): void {}

  private part(part: Part, layer: number, direction: Direction): Parameter | null {
    return this[`${part}L${layer}${direction}`] ?? null;
  }

  private weights(layer: number, direction: Direction): CellWeights {
    return {
      input: this.part('weightIh', layer, direction)!,
      hidden: this.part('weightHh', layer, direction)!,
      inputBias: this.part('biasIh', layer, direction),
      hiddenBias: this.part('biasHh', layer, direction),
      projection: this.part('weightHr', layer, direction),
    };
  }

  /** @returns the outputs, and the states at the end */
  protected over(input: TensorLike | PackedSequence, hx: readonly TensorLike[] | null): [Tensor | PackedSequence, H] {
    if (input instanceof PackedSequence) return this.overPacked(input, hx);
    const x = toTensor(input);
    this.checkInput(x, x.ndim === 2 || x.ndim === 3);
    const isBatched = x.ndim === 3;
    const byTime = isBatched ? (this.batchFirst ? x.transpose(0, 1) : x) : x.unsqueeze(1);
    const [y, ends] = this.run(byTime, this.initial(hx, byTime, isBatched));
    if (!isBatched) return [y.squeeze(1), this.stateOf(ends.map((e) => e.squeeze(1)))];
    return [this.batchFirst ? y.transpose(0, 1) : y, this.stateOf(ends)];
  }

  private overPacked(input: PackedSequence, hx: readonly TensorLike[] | null): [PackedSequence, H] {
    const { sortedIndices, unsortedIndices, batchSizes, data } = input;
    this.checkInput(data, data.ndim === 2);
    const { rows, isThere } = unpackRows(input);
    const given = this.initial(hx, rows, true);
    const sorted = sortedIndices === null ? given : given.map((s) => s.indexSelect(1, sortedIndices));
    const [y, ends] = this.run(rows, sorted, isThere);
    const states = unsortedIndices === null ? ends : ends.map((e) => e.indexSelect(1, unsortedIndices));
    return [input.withData(packRows(y, [...batchSizes.dataSync()])), this.stateOf(states)];
  }

  /** States as `forward` returns them. */
  protected abstract stateOf(ends: readonly Tensor[]): H;

  private checkInput(x: Tensor, isRank: boolean): void {
    const op = this.constructor.name;
    if (!isRank || x.shape.at(-1) !== this.inputSize) {
      const batched = this.batchFirst ? '[N,T,' : '[T,N,';
      throw new ShapeError(
        `${op}: expected input ${batched}${this.inputSize}] or [T,${this.inputSize}], got ${x.aval.toString()}.`,
        'the last dimension holds the features; batchFirst says which of the others is the batch.',
      );
    }
    checkDtype(op, 'input', x, this.part('weightIh', 0, '')!);
  }

  /** The states to start from, one row for each layer and direction. @param x `[T, N, …]` */
  private initial(hx: readonly TensorLike[] | null, x: Tensor, isBatched: boolean): Tensor[] {
    const rows = this.numLayers * this.directions.length;
    const widths = this.kind === 'lstm' ? [this.outputSize, this.hiddenSize] : [this.outputSize];
    const batch = x.shape[1]!;
    if (hx === null) return widths.map((width) => zeros([rows, batch, width], { dtype: x.dtype }));
    return widths.map((width, i) => {
      const state = toTensor(hx[i]!);
      const shape = isBatched ? [rows, batch, width] : [rows, width];
      checkDtype(this.constructor.name, 'states', state, x);
      if (sameShape(state.shape, shape)) {
        return isBatched ? state : state.unsqueeze(1);
      }
      throw new ShapeError(
        `${this.constructor.name}: expected ${i === 0 ? 'hidden vectors' : 'memory'} [${shape.join(',')}], got ${state.aval.toString()}.`,
        'states have a row for each layer and direction, then the batch (also with batchFirst).',
      );
    });
  }

  /** All layers. @param x `[T, N, input]` */
  private run(x: Tensor, states: readonly Tensor[], running?: Tensor): [outputs: Tensor, ends: Tensor[]] {
    const ends: Tensor[][] = states.map(() => []);
    let y = x;
    for (let layer = 0; layer < this.numLayers; layer++) {
      const input = layer === 0 ? y : dropout(y, { p: this.dropout, training: this.training });
      const outputs = this.directions.map((direction, d) => {
        const own = states.map((s) => s.select(0, layer * this.directions.length + d));
        const how = { reverse: direction === 'Reverse', running };
        const [out, ...last] = recurrentLayer(this.kind, input, own, this.weights(layer, direction), how);
        last.forEach((end, i) => ends[i]!.push(end));
        return out!;
      });
      y = outputs.length === 1 ? outputs[0]! : cat(outputs, -1);
    }
    return [y, ends.map((list) => stack(list, 0))];
  }

  override extraRepr(): string {
    return [
      `${this.inputSize}, ${this.hiddenSize}`,
      ...(this.projSize === 0 ? [] : [`proj_size=${this.projSize}`]),
      ...(this.numLayers === 1 ? [] : [`num_layers=${this.numLayers}`]),
      ...(this.bias ? [] : [`bias=${python(false)}`]),
      ...(this.batchFirst ? [`batch_first=${python(true)}`] : []),
      ...(this.dropout === 0 ? [] : [`dropout=${this.dropout === 1 ? pythonFloat(1) : python(this.dropout)}`]),
      ...(this.bidirectional ? [`bidirectional=${python(true)}`] : []),
    ].join(', ');
  }
}

/** Layers whose state is one tensor. */
abstract class Simple extends Recurrent<Tensor> {
  protected stateOf([h]: readonly Tensor[]): Tensor {
    return h!;
  }

  /**
   * @param x `[T, N, input]` (`[N, T, input]` with `batchFirst`), `[T, input]`, or packed
   * @param hx `[layers · directions, N, hidden]`; zeros
   * @returns the last layer's outputs at every position, and the states at the end
   */
  forward(x: PackedSequence, hx?: TensorLike | null): [output: PackedSequence, h: Tensor];
  forward(x: TensorLike, hx?: TensorLike | null): [output: Tensor, h: Tensor];
  forward(x: TensorLike | PackedSequence, hx: TensorLike | null = null): [Tensor | PackedSequence, Tensor] {
    return this.over(x, hx === null ? null : [hx]);
  }
}

/**
 * h′ = tanh(W x + b + U h + c) over sequences; `relu` in the place of `tanh` by option.
 * @example
 * ```ts
 * import { nn, ones } from 'cotangent/torch';
 * const rnn = new nn.RNN(3, 4, { numLayers: 2, nonlinearity: 'relu', batchFirst: true });
 * const [output, h] = rnn.call(ones(5, 7, 3));
 * console.log(output.shape, h.shape); // => [ 5, 7, 4 ] [ 2, 5, 4 ]
 * ```
 */
export class RNN extends Simple {
  readonly nonlinearity: 'tanh' | 'relu';

  constructor(inputSize: number, hiddenSize: number, options: RNNOptions = {}) {
    checkOptions('RNN', options, [...names, 'nonlinearity'], `options of RNN: ${names.join(', ')}, nonlinearity.`);
    const { nonlinearity = 'tanh' } = options;
    checkChoice('RNN', 'nonlinearity', nonlinearity, ['tanh', 'relu']);
    super(nonlinearity === 'relu' ? 'rnnRelu' : 'rnnTanh', { inputSize, hiddenSize, projSize: 0 }, options);
    this.nonlinearity = nonlinearity;
  }
}

/** `GRUCell` over sequences. */
export class GRU extends Simple {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    checkOptions('GRU', options, names, `options of GRU: ${names.join(', ')}.`);
    super('gru', { inputSize, hiddenSize, projSize: 0 }, options);
  }
}

/**
 * `LSTMCell` over sequences. The state is a pair: hidden vectors and memory.
 * @see Sak et al. (2014), arXiv:1402.1128, for `projSize`
 * @example
 * ```ts
 * import { nn, ones } from 'cotangent/torch';
 * const lstm = new nn.LSTM(3, 4, { bidirectional: true });
 * const [output, [h, c]] = lstm.call(ones(7, 5, 3));
 * console.log(output.shape, h.shape, c.shape); // => [ 7, 5, 8 ] [ 2, 5, 4 ] [ 2, 5, 4 ]
 * console.log(Object.keys(lstm.stateDict()).slice(0, 2)); // => [ 'weight_ih_l0', 'weight_hh_l0' ]
 * ```
 */
export class LSTM extends Recurrent<[h: Tensor, c: Tensor]> {
  constructor(inputSize: number, hiddenSize: number, options: LSTMOptions = {}) {
    checkOptions('LSTM', options, [...names, 'projSize'], `options of LSTM: ${names.join(', ')}, projSize.`);
    super('lstm', { inputSize, hiddenSize, projSize: options.projSize ?? 0 }, options);
  }

  protected stateOf([h, c]: readonly Tensor[]): [Tensor, Tensor] {
    return [h!, c!];
  }

  /**
   * @param x `[T, N, input]` (`[N, T, input]` with `batchFirst`), `[T, input]`, or packed
   * @param hx hidden vectors `[layers · directions, N, output]` and memory `[…, N, hidden]`; zeros
   * @returns the last layer's outputs at every position, and the states at the end
   */
  forward(
    x: PackedSequence,
    hx?: readonly [h: TensorLike, c: TensorLike] | null,
  ): [output: PackedSequence, state: [h: Tensor, c: Tensor]];
  forward(
    x: TensorLike,
    hx?: readonly [h: TensorLike, c: TensorLike] | null,
  ): [output: Tensor, state: [h: Tensor, c: Tensor]];
  forward(
    x: TensorLike | PackedSequence,
    hx: readonly [TensorLike, TensorLike] | null = null,
  ): [Tensor | PackedSequence, [Tensor, Tensor]] {
    return this.over(x, hx);
  }
}

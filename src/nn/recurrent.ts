/**
 * Recurrent layers: cells over a sequence by `scan`, in one direction or both, in one layer or several.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ArgumentError, ShapeError } from '../ir/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { asTensor, type TensorLike } from '../api/lift.ts';
import { lt } from '../primitives/compare.ts';
import { convert } from '../primitives/convert.ts';
import { iota } from '../primitives/iota.ts';
import { concatenate } from '../primitives/movement.ts';
import { broadcastTo, reshape, transpose } from '../primitives/structural.ts';
import { checkLast, checkNames, checkRange, checkSizes, keysOf } from './checks.ts';
import { Dropout } from './dropout.ts';
import { type CallOptions, Layer, within } from './module.ts';
import {
  type CellOptions,
  GRUCell,
  LSTMCell,
  type RecurrentCell,
  RNNCell,
  type RnnCellOptions,
} from './recurrent-cells.ts';
import { type CellState, sweep } from './recurrence.ts';
import { optionsAt } from './sequential.ts';

export interface RecurrentOptions extends CellOptions {
  /** Layers on top of each other; 1. */
  readonly layers?: number;
  /** Also from the end to the start, with the results side by side; false. */
  readonly bidirectional?: boolean;
  /** Part of the results between layers that training drops; 0. */
  readonly dropout?: number;
}

const recurrentNames = ['key', 'dtype', 'bias', 'init', 'layers', 'bidirectional', 'dropout'] as const;

export interface UnrollOptions<S> extends CallOptions {
  /** States to start from, layer by layer, forward before backward; zeros. */
  readonly initial?: readonly S[];
  /**
   * How long each sequence of the batch is (integers `[batch]`). Beyond its end a sequence's results are 0 and its state stays; the
   * backward direction starts at its end.
   */
  readonly lengths?: TensorLike;
}

/** What recurrent layers share. */
export abstract class Recurrent<S extends CellState, C extends RecurrentCell<S>> extends Layer {
  /** Layer by layer, forward before backward. */
  readonly cells: readonly C[];
  readonly bidirectional: boolean;
  readonly dropout: Dropout;

  constructor(
    op: string,
    inputFeatures: number,
    hiddenFeatures: number,
    options: RecurrentOptions,
    make: (inputFeatures: number, key: Tensor) => C,
  ) {
    super();
    const { layers = 1, bidirectional = false, dropout = 0 } = options;
    checkSizes(op, { inputFeatures, hiddenFeatures, layers });
    checkRange(op, 'dropout', dropout, 0, 1);
    const directions = bidirectional ? 2 : 1;
    const keys = keysOf(op, options, layers * directions);
    this.cells = keys.map((key, i) => make(i < directions ? inputFeatures : hiddenFeatures * directions, key));
    this.bidirectional = bidirectional;
    this.dropout = new Dropout(dropout);
  }

  /**
   * The results of the last layer at every position.
   * @param x `[batch, T, inputFeatures]`, or without the batch
   * @returns `[batch, T, hiddenFeatures]`, twice as wide with both directions
   */
  call(x: TensorLike, options: CallOptions = {}): Tensor {
    return this.unroll(x, options)[0];
  }

  /** As `call`, with the states at the end: those to start the next part of a sequence from. */
  unroll(x: TensorLike, options: UnrollOptions<S> = {}): [outputs: Tensor, states: S[]] {
    checkNames(`${this.constructor.name}.unroll`, options, ['initial', 'lengths', 'train', 'key']);
    const first = this.cells[0]!;
    const t = checkLast(this, x, first.inputFeatures);
    if (t.ndim !== 2 && t.ndim !== 3) {
      throw new ShapeError(
        `${this.toString()}: expected input [batch,T,${first.inputFeatures}], got ${t.aval.toString()}.`,
        'vmap over further axes.',
      );
    }
    const initial = this.initialStates(t, options.initial);
    const swap = (y: Tensor): Tensor => (y.ndim === 3 ? transpose(y, [1, 0, 2]) : y);
    const running = options.lengths === undefined ? undefined : runningOf(this, t, options.lengths);
    const states: S[] = [];
    const directions = this.bidirectional ? 2 : 1;
    let h = swap(t);
    for (let start = 0; start < this.cells.length; start += directions) {
      const input = start === 0 ? h : this.drop(h, options, start);
      const parts = this.cells.slice(start, start + directions).map((cell, k) => {
        const [y, end] = within(`.cells[${start + k}]`, () =>
          sweep(cell, cell.project(input), initial[start + k]!, running, k === 1),
        );
        states.push(end);
        return y;
      });
      h = parts.length === 1 ? parts[0]! : concatenate(parts, h.ndim - 1);
    }
    return [swap(h), states];
  }

  drop(h: Tensor, options: CallOptions, i: number): Tensor {
    return within('.dropout', () => this.dropout.call(h, optionsAt({ ...options }, i)));
  }

  initialStates(x: Tensor, given: readonly S[] | undefined): readonly S[] {
    const batch = x.shape.slice(0, -2);
    if (given === undefined) return this.cells.map((cell) => cell.initialState(batch));
    if (given.length === this.cells.length) return given;
    throw new ArgumentError(
      `${this.toString()}: expected ${this.cells.length} initial states, got ${given.length}.`,
      'one for each layer and direction, as unroll returns them.',
    );
  }

  override toString(): string {
    const { inputFeatures, hiddenFeatures } = this.cells[0]!;
    return `${this.constructor.name}(${inputFeatures} → ${hiddenFeatures})`;
  }
}

/** Which positions of which sequences count: bool `[T, batch, 1]`. */
function runningOf(module: Layer, x: Tensor, lengths: TensorLike): Tensor {
  const t = convert(asTensor(lengths), 'int32');
  const [batch, steps] = x.shape as [number, number];
  if (x.ndim !== 3 || t.ndim !== 1 || t.shape[0] !== batch) {
    throw new ShapeError(
      `${module.toString()}: expected lengths [batch] for input [batch,T,features], got ${t.aval.toString()} for ${x.aval.toString()}.`,
    );
  }
  return lt(iota([steps, batch, 1], 'int32', 0), broadcastTo(reshape(t, [1, batch, 1]), [steps, batch, 1]));
}

/** What a cell takes of a layer's options. */
const cellOptions = ({ bias, dtype, init }: RecurrentOptions, key: Tensor): CellOptions => ({
  key,
  ...(bias === undefined ? {} : { bias }),
  ...(dtype === undefined ? {} : { dtype }),
  ...(init === undefined ? {} : { init }),
});

/**
 * `RNNCell` over a sequence.
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * import { RNN } from 'cotangent/nn';
 * const rnn = new RNN(3, 4, { key: random.key(0), activation: 'relu' });
 * console.log(rnn.call(np.ones([2, 6, 3])).shape); // => [ 2, 6, 4 ]
 * ```
 */
export class RNN extends Recurrent<Tensor, RNNCell> {
  constructor(inputFeatures: number, hiddenFeatures: number, options: RecurrentOptions & RnnCellOptions) {
    checkNames('RNN', options, [...recurrentNames, 'activation']);
    const { activation = 'tanh' } = options ?? {};
    super(
      'RNN',
      inputFeatures,
      hiddenFeatures,
      options,
      (features, key) => new RNNCell(features, hiddenFeatures, { ...cellOptions(options, key), activation }),
    );
  }
}

/**
 * `LSTMCell` over a sequence.
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * import { LSTM } from 'cotangent/nn';
 * const lstm = new LSTM(3, 4, { key: random.key(0), layers: 2, bidirectional: true });
 * const [outputs, states] = lstm.unroll(np.ones([5, 7, 3]));
 * console.log(outputs.shape, states.length); // => [ 5, 7, 8 ] 4
 * ```
 */
export class LSTM extends Recurrent<readonly [hidden: Tensor, memory: Tensor], LSTMCell> {
  constructor(inputFeatures: number, hiddenFeatures: number, options: RecurrentOptions) {
    checkNames('LSTM', options, recurrentNames);
    super(
      'LSTM',
      inputFeatures,
      hiddenFeatures,
      options,
      (features, key) => new LSTMCell(features, hiddenFeatures, cellOptions(options, key)),
    );
  }
}

/**
 * `GRUCell` over a sequence.
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * import { GRU } from 'cotangent/nn';
 * const gru = new GRU(3, 4, { key: random.key(0) });
 * const [outputs] = gru.unroll(np.ones([2, 6, 3]), { lengths: [6, 1] });
 * console.log(String(outputs.slice(1, 5))); // => [0, 0, 0, 0]
 * ```
 */
export class GRU extends Recurrent<Tensor, GRUCell> {
  constructor(inputFeatures: number, hiddenFeatures: number, options: RecurrentOptions) {
    checkNames('GRU', options, recurrentNames);
    super(
      'GRU',
      inputFeatures,
      hiddenFeatures,
      options,
      (features, key) => new GRUCell(features, hiddenFeatures, cellOptions(options, key)),
    );
  }
}

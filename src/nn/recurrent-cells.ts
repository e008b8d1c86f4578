/**
 * One step of recurrent networks: plain, LSTM, GRU. Weights and the order of gates are PyTorch's.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ShapeError } from '../ir/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { asTensor, type TensorLike } from '../api/lift.ts';
import { relu } from '../api/nn/activations.ts';
import type { Initializer } from '../api/nn/initializers.ts';
import { add } from '../api/numpy/binary.ts';
import { zeros } from '../api/numpy/creation.ts';
import { checkChoice } from '../api/options.ts';
import { tanh } from '../primitives/elementwise-trig.ts';
import { checkLast, checkNames, checkSizes, keysOf, parameter, type ParameterOptions } from './checks.ts';
import { uniformOn } from './initial.ts';
import { Module } from './module.ts';
import { affine, type CellState, gruStep, lstmStep, type Recurrence } from './recurrence.ts';

export interface CellOptions extends ParameterOptions {
  /** Whether there are biases; true. */
  readonly bias?: boolean;
  /** Of all parameters; uniform on ±1/√hiddenFeatures. */
  readonly init?: Initializer;
}

/** What the cells share: two projections, of the input and of the hidden vectors, to all gates at once. */
export abstract class RecurrentCell<S extends CellState = CellState> extends Module implements Recurrence<S> {
  /** `[gates · hiddenFeatures, inputFeatures]` */
  readonly inputWeight: Tensor;
  /** `[gates · hiddenFeatures, hiddenFeatures]` */
  readonly hiddenWeight: Tensor;
  /** `[gates · hiddenFeatures]` */
  readonly inputBias: Tensor | null;
  /** `[gates · hiddenFeatures]` */
  readonly hiddenBias: Tensor | null;

  constructor(inputFeatures: number, hiddenFeatures: number, gates: number, options: CellOptions) {
    super();
    const op = new.target.name;
    checkNames(op, options, ['key', 'dtype', 'bias', 'init', 'activation']);
    checkSizes(op, { inputFeatures, hiddenFeatures });
    const { bias = true, init = uniformOn(1 / Math.sqrt(hiddenFeatures)) } = options;
    const keys = keysOf(op, options, 4) as [Tensor, Tensor, Tensor, Tensor];
    const rows = gates * hiddenFeatures;
    this.inputWeight = parameter(init, keys[0], [rows, inputFeatures], options);
    this.hiddenWeight = parameter(init, keys[1], [rows, hiddenFeatures], options);
    this.inputBias = bias ? parameter(init, keys[2], [rows], options) : null;
    this.hiddenBias = bias ? parameter(init, keys[3], [rows], options) : null;
  }

  get inputFeatures(): number {
    return this.inputWeight.shape[1]!;
  }

  get hiddenFeatures(): number {
    return this.hiddenWeight.shape[1]!;
  }

  /** Zeros. @param batch axes before the features */
  abstract initialState(batch: readonly number[]): S;

  /** The next state from the projected input. */
  abstract step(state: S, projected: Tensor): S;

  /** The hidden vectors of a state. */
  abstract hidden(state: S): Tensor;

  /** The projection of the input to the gates, of all steps at once if there are several. */
  project(x: TensorLike): Tensor {
    return affine(checkLast(this, x, this.inputFeatures), this.inputWeight, this.inputBias);
  }

  /**
   * The state after one more input.
   * @param x `[…, inputFeatures]`
   * @param state zeros by default
   */
  call(x: TensorLike, state?: S): S {
    const projected = this.project(x);
    const before = state ?? this.initialState(projected.shape.slice(0, -1));
    const shape = this.hidden(before).shape;
    if (shape.at(-1) !== this.hiddenFeatures) {
      throw new ShapeError(
        `${this.toString()}: expected a state […,${this.hiddenFeatures}], got ${this.hidden(before).aval.toString()}.`,
      );
    }
    return this.step(before, projected);
  }

  zeros(batch: readonly number[]): Tensor {
    return zeros([...batch, this.hiddenFeatures], this.hiddenWeight.dtype);
  }

  recur(hidden: Tensor): Tensor {
    return affine(hidden, this.hiddenWeight, this.hiddenBias);
  }

  override toString(): string {
    return `${this.constructor.name}(${this.inputFeatures} → ${this.hiddenFeatures})`;
  }
}

export interface RnnCellOptions extends CellOptions {
  /** `'tanh'` (default) or `'relu'`. */
  readonly activation?: 'tanh' | 'relu';
}

/**
 * h′ = tanh(W x + b + U h + c).
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * import { RNNCell } from 'cotangent/nn';
 * const cell = new RNNCell(3, 4, { key: random.key(0) });
 * console.log(cell.call(np.ones([2, 3])).shape); // => [ 2, 4 ]
 * ```
 */
export class RNNCell extends RecurrentCell<Tensor> {
  readonly activation: 'tanh' | 'relu';

  constructor(inputFeatures: number, hiddenFeatures: number, options: RnnCellOptions) {
    super(inputFeatures, hiddenFeatures, 1, options);
    const { activation = 'tanh' } = options;
    checkChoice('RNNCell', 'activation', activation, ['tanh', 'relu']);
    this.activation = activation;
  }

  initialState(batch: readonly number[]): Tensor {
    return this.zeros(batch);
  }

  step(state: Tensor, projected: Tensor): Tensor {
    const sum = add(projected, this.recur(state));
    return this.activation === 'relu' ? relu(sum) : tanh(sum);
  }

  hidden(state: Tensor): Tensor {
    return asTensor(state);
  }
}

/**
 * Long short-term memory (Hochreiter and Schmidhuber, 1997): c′ = σ(f) c + σ(i) tanh(g), h′ = σ(o) tanh(c′), with the gates i, f, g, o in
 * that order.
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * import { LSTMCell } from 'cotangent/nn';
 * const cell = new LSTMCell(3, 4, { key: random.key(0) });
 * const [h, c] = cell.call(np.ones([2, 3]));
 * console.log(h.shape, c.shape); // => [ 2, 4 ] [ 2, 4 ]
 * ```
 */
export class LSTMCell extends RecurrentCell<readonly [hidden: Tensor, memory: Tensor]> {
  constructor(inputFeatures: number, hiddenFeatures: number, options: CellOptions) {
    super(inputFeatures, hiddenFeatures, 4, options);
  }

  initialState(batch: readonly number[]): readonly [Tensor, Tensor] {
    return [this.zeros(batch), this.zeros(batch)];
  }

  step([hidden, memory]: readonly [Tensor, Tensor], projected: Tensor): readonly [Tensor, Tensor] {
    return lstmStep(add(projected, this.recur(hidden)), memory);
  }

  hidden([hidden]: readonly [Tensor, Tensor]): Tensor {
    return asTensor(hidden);
  }
}

/**
 * Gated recurrent unit (Cho et al., 2014): h′ = (1 − z) n + z h with n = tanh(Wₙ x + r (Uₙ h)), gates r, z, n in that order, the reset
 * after the product, as PyTorch has it.
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * import { GRUCell } from 'cotangent/nn';
 * const cell = new GRUCell(3, 4, { key: random.key(0) });
 * const once = cell.call(np.ones([3]));
 * console.log(cell.call(np.ones([3]), once).shape); // => [ 4 ]
 * ```
 */
export class GRUCell extends RecurrentCell<Tensor> {
  constructor(inputFeatures: number, hiddenFeatures: number, options: CellOptions) {
    super(inputFeatures, hiddenFeatures, 3, options);
  }

  initialState(batch: readonly number[]): Tensor {
    return this.zeros(batch);
  }

  step(state: Tensor, projected: Tensor): Tensor {
    return gruStep(projected, this.recur(state), state);
  }

  hidden(state: Tensor): Tensor {
    return asTensor(state);
  }
}

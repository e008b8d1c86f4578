/**
 * Recurrent layers of one step.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { DTypeError, ShapeError } from '../../ir/errors.ts';
import { sameShape } from '../../ir/shape.ts';
import { checkChoice, checkCount, checkOptions } from '../../api/options.ts';
import { zeros } from '../creation.ts';
import { type TensorLike, toTensor } from '../ops/define.ts';
import type { Tensor } from '../tensor.ts';
import { type CellKind, recurrentStep } from './functional/recurrent.ts';
import { uniform_ } from './init.ts';
import { Layer, python } from './layer.ts';
import { type LinearOptions, parameter } from './linear.ts';
import type { Parameter } from './parameter.ts';

export type CellOptions = LinearOptions;

/** How many vectors the weights of a step hold side by side. */
export const gatesOf: Readonly<Record<CellKind, number>> = { rnnTanh: 1, rnnRelu: 1, gru: 3, lstm: 4 };

/** PyTorch's rule for recurrent layers: all parameters uniform on ±1 / √hidden. */
export function resetRecurrent(parameters: Iterable<Tensor>, hiddenSize: number): void {
  const bound = 1 / Math.sqrt(hiddenSize);
  for (const p of parameters) uniform_(p, -bound, bound);
}

/** Throws unless a tensor has the dtype of the weights. */
export function checkDtype(op: string, what: string, x: Tensor, weight: Tensor): void {
  if (x.dtype === weight.dtype) return;
  throw new DTypeError(
    `${op}: expected ${what} of the dtype of the weights, ${weight.dtype}, got ${x.aval.toString()}.`,
    `convert it with .to('${weight.dtype}'), or the layer with .to('${x.dtype}').`,
  );
}

abstract class Cell extends Layer {
  readonly inputSize: number;
  readonly hiddenSize: number;
  /** `[gates · hidden, input]` */
  weightIh: Parameter;
  /** `[gates · hidden, hidden]` */
  weightHh: Parameter;
  /** `[gates · hidden]` */
  biasIh: Parameter | null;
  /** `[gates · hidden]` */
  biasHh: Parameter | null;
  protected readonly kind: CellKind;

  constructor(inputSize: number, hiddenSize: number, kind: CellKind, options: CellOptions) {
    super();
    const op = new.target.name;
    checkCount(op, 'inputSize', inputSize, 1);
    checkCount(op, 'hiddenSize', hiddenSize, 1);
    checkOptions(op, options, ['bias', 'dtype', 'nonlinearity'], `options of ${op}: bias, dtype.`);
    const rows = gatesOf[kind] * hiddenSize;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.kind = kind;
    this.weightIh = parameter([rows, inputSize], options);
    this.weightHh = parameter([rows, hiddenSize], options);
    this.biasIh = options.bias === false ? null : parameter([rows], options);
    this.biasHh = options.bias === false ? null : parameter([rows], options);
    this.resetParameters();
  }

  resetParameters(): void {
    resetRecurrent(this.parameters(), this.hiddenSize);
  }

  /** The states after one more input, from `states` or zeros. */
  protected advance(input: TensorLike, states: readonly (TensorLike | null | undefined)[]): Tensor[] {
    const op = this.constructor.name;
    const x = toTensor(input);
    if ((x.ndim !== 1 && x.ndim !== 2) || x.shape.at(-1) !== this.inputSize) {
      throw new ShapeError(
        `${op}: expected input [N,${this.inputSize}] or [${this.inputSize}], got ${x.aval.toString()}.`,
        'the last dimension holds the features; over whole sequences use the layer without "Cell".',
      );
    }
    checkDtype(op, 'input', x, this.weightIh);
    const shape = [...x.shape.slice(0, -1), this.hiddenSize];
    const given = states.map((s) => {
      if (s === null || s === undefined) return zeros(shape, { dtype: x.dtype });
      const state = toTensor(s);
      checkDtype(op, 'hidden state', state, this.weightIh);
      if (sameShape(state.shape, shape)) return state;
      throw new ShapeError(`${op}: expected hidden state [${shape.join(',')}], got ${state.aval.toString()}.`);
    });
    return recurrentStep(this.kind, x, given, {
      input: this.weightIh,
      hidden: this.weightHh,
      inputBias: this.biasIh,
      hiddenBias: this.biasHh,
      projection: null,
    });
  }

  override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.biasIh === null ? `, bias=${python(false)}` : ''}`;
  }
}

export interface RNNCellOptions extends CellOptions {
  /** `'tanh'` */
  readonly nonlinearity?: 'tanh' | 'relu' | undefined;
}

/** h′ = tanh(W x + b + U h + c) */
export class RNNCell extends Cell {
  readonly nonlinearity: 'tanh' | 'relu';

  constructor(inputSize: number, hiddenSize: number, options: RNNCellOptions = {}) {
    const { nonlinearity = 'tanh' } = options;
    checkChoice('RNNCell', 'nonlinearity', nonlinearity, ['tanh', 'relu']);
    super(inputSize, hiddenSize, nonlinearity === 'relu' ? 'rnnRelu' : 'rnnTanh', options);
    this.nonlinearity = nonlinearity;
  }

  /** @param x `[N, input]` or `[input]` @param hx `[N, hidden]`; zeros */
  forward(x: TensorLike, hx?: TensorLike | null): Tensor {
    return this.advance(x, [hx])[0]!;
  }

  override extraRepr(): string {
    return super.extraRepr() + (this.nonlinearity === 'tanh' ? '' : `, nonlinearity=${this.nonlinearity}`);
  }
}

/**
 * h′ = (1 − z) n + z h with n = tanh(Wₙ x + r (Uₙ h)), the gates in the order r, z, n.
 * @see Cho et al. (2014), arXiv:1406.1078
 */
export class GRUCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super(inputSize, hiddenSize, 'gru', options);
  }

  /** @param x `[N, input]` or `[input]` @param hx `[N, hidden]`; zeros */
  forward(x: TensorLike, hx?: TensorLike | null): Tensor {
    return this.advance(x, [hx])[0]!;
  }
}

/**
 * c′ = σ(f) c + σ(i) tanh(g), h′ = σ(o) tanh(c′), the gates in the order i, f, g, o.
 * @see Hochreiter & Schmidhuber (1997)
 * @example
 * ```ts
 * import { nn, ones } from 'cotangent/torch';
 * const cell = new nn.LSTMCell(3, 4);
 * const [h, c] = cell.call(ones(2, 3));
 * console.log(h.shape, cell.call(ones(2, 3), [h, c])[1].shape); // => [ 2, 4 ] [ 2, 4 ]
 * ```
 */
export class LSTMCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super(inputSize, hiddenSize, 'lstm', options);
  }

  /** @param x `[N, input]` or `[input]` @param hx `[N, hidden]` twice: hidden vectors and memory; zeros */
  forward(x: TensorLike, hx?: readonly [h: TensorLike, c: TensorLike] | null): [h: Tensor, c: Tensor] {
    return this.advance(x, hx ?? [null, null]) as [Tensor, Tensor];
  }
}

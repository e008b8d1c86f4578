/**
 * Activations as modules.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { full } from '../creation.ts';
import type { TensorLike } from '../ops/define.ts';
import type { Tensor } from '../tensor.ts';
import * as F from './functional/activations.ts';
import { Layer, python, pythonFloat } from './layer.ts';
import type { ParameterOptions } from './linear.ts';
import { Parameter } from './parameter.ts';

/** max(x, 0) */
export class ReLU extends Layer {
  forward(x: TensorLike): Tensor {
    return F.relu(x);
  }
}

/** min(max(x, 0), 6) */
export class ReLU6 extends Layer {
  forward(x: TensorLike): Tensor {
    return F.relu6(x);
  }
}

/** 1 / (1 + e⁻ˣ) */
export class Sigmoid extends Layer {
  forward(x: TensorLike): Tensor {
    return F.sigmoid(x);
  }
}

export class Tanh extends Layer {
  forward(x: TensorLike): Tensor {
    return F.tanh(x);
  }
}

/** x · sigmoid(x) */
export class SiLU extends Layer {
  forward(x: TensorLike): Tensor {
    return F.silu(x);
  }
}

/** x · tanh(softplus(x)) */
export class Mish extends Layer {
  forward(x: TensorLike): Tensor {
    return F.mish(x);
  }
}

export class SELU extends Layer {
  forward(x: TensorLike): Tensor {
    return F.selu(x);
  }
}

export class Hardsigmoid extends Layer {
  forward(x: TensorLike): Tensor {
    return F.hardsigmoid(x);
  }
}

/** x · hardsigmoid(x) */
export class Hardswish extends Layer {
  forward(x: TensorLike): Tensor {
    return F.hardswish(x);
  }
}

export class LogSigmoid extends Layer {
  forward(x: TensorLike): Tensor {
    return F.logsigmoid(x);
  }
}

/** x / (1 + |x|) */
export class Softsign extends Layer {
  forward(x: TensorLike): Tensor {
    return F.softsign(x);
  }
}

/** x − tanh x */
export class Tanhshrink extends Layer {
  forward(x: TensorLike): Tensor {
    return F.tanhshrink(x);
  }
}

/** x, below 0 alpha (eˣ − 1) */
export class ELU extends Layer {
  readonly alpha: number;

  constructor(alpha = 1) {
    super();
    this.alpha = alpha;
  }

  forward(x: TensorLike): Tensor {
    return F.elu(x, this.alpha);
  }

  override extraRepr(): string {
    return `alpha=${pythonFloat(this.alpha)}`;
  }
}

/** x, below 0 alpha (exp(x / alpha) − 1) */
export class CELU extends Layer {
  readonly alpha: number;

  constructor(alpha = 1) {
    super();
    this.alpha = alpha;
  }

  forward(x: TensorLike): Tensor {
    return F.celu(x, this.alpha);
  }

  override extraRepr(): string {
    return `alpha=${pythonFloat(this.alpha)}`;
  }
}

/** x, below 0 times a slope */
export class LeakyReLU extends Layer {
  readonly negativeSlope: number;

  constructor(negativeSlope = 0.01) {
    super();
    this.negativeSlope = negativeSlope;
  }

  forward(x: TensorLike): Tensor {
    return F.leakyRelu(x, this.negativeSlope);
  }

  override extraRepr(): string {
    return `negative_slope=${python(this.negativeSlope)}`;
  }
}

/** x between two bounds */
export class Hardtanh extends Layer {
  readonly minVal: number;
  readonly maxVal: number;

  constructor(minVal = -1, maxVal = 1) {
    super();
    this.minVal = minVal;
    this.maxVal = maxVal;
  }

  forward(x: TensorLike): Tensor {
    return F.hardtanh(x, this.minVal, this.maxVal);
  }

  override extraRepr(): string {
    return `min_val=${pythonFloat(this.minVal)}, max_val=${pythonFloat(this.maxVal)}`;
  }
}

/** log(1 + exp(beta x)) / beta */
export class Softplus extends Layer {
  readonly beta: number;
  readonly threshold: number;

  constructor(beta = 1, threshold = 20) {
    super();
    this.beta = beta;
    this.threshold = threshold;
  }

  forward(x: TensorLike): Tensor {
    return F.softplus(x, this.beta, this.threshold);
  }

  override extraRepr(): string {
    return `beta=${this.beta}, threshold=${this.threshold}`;
  }
}

/** x, and 0 in [−lambd, lambd] */
export class Hardshrink extends Layer {
  readonly lambd: number;

  constructor(lambd = 0.5) {
    super();
    this.lambd = lambd;
  }

  forward(x: TensorLike): Tensor {
    return F.hardshrink(x, this.lambd);
  }

  override extraRepr(): string {
    return `${this.lambd}`;
  }
}

/** x moved towards 0 by lambd */
export class Softshrink extends Layer {
  readonly lambd: number;

  constructor(lambd = 0.5) {
    super();
    this.lambd = lambd;
  }

  forward(x: TensorLike): Tensor {
    return F.softshrink(x, this.lambd);
  }

  override extraRepr(): string {
    return `${this.lambd}`;
  }
}

/** x where it is above a bound, else a value */
export class Threshold extends Layer {
  readonly threshold: number;
  readonly value: number;

  constructor(threshold: number, value: number) {
    super();
    this.threshold = threshold;
    this.value = value;
  }

  forward(x: TensorLike): Tensor {
    return F.threshold(x, this.threshold, this.value);
  }

  override extraRepr(): string {
    return `threshold=${this.threshold}, value=${this.value}`;
  }
}

/** exp(x) / Σ exp(x) along a dimension */
export class Softmax extends Layer {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = dim;
  }

  forward(x: TensorLike): Tensor {
    return F.softmax(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** The logarithm of `Softmax` */
export class LogSoftmax extends Layer {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = dim;
  }

  forward(x: TensorLike): Tensor {
    return F.logSoftmax(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** `Softmax` of −x */
export class Softmin extends Layer {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = dim;
  }

  forward(x: TensorLike): Tensor {
    return F.softmin(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** The first half of a dimension times the sigmoid of the second */
export class GLU extends Layer {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }

  forward(x: TensorLike): Tensor {
    return F.glu(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** x Φ(x) */
export class GELU extends Layer {
  readonly approximate: 'none' | 'tanh';

  constructor({ approximate = 'none' }: F.GeluOptions = {}) {
    super();
    this.approximate = approximate;
  }

  forward(x: TensorLike): Tensor {
    return F.gelu(x, { approximate: this.approximate });
  }

  override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

export interface PreluOptions extends ParameterOptions {
  /** Initial slope; 0.25. */
  readonly init?: number | undefined;
}

/** x, below 0 times a slope that is learnt: one, or one for each channel. */
export class PReLU extends Layer {
  weight: Parameter;
  readonly numParameters: number;

  constructor(numParameters = 1, { init = 0.25, dtype }: PreluOptions = {}) {
    super();
    this.numParameters = numParameters;
    this.weight = new Parameter(full([numParameters], init, { dtype }));
  }

  forward(x: TensorLike): Tensor {
    return F.prelu(x, this.weight);
  }

  override extraRepr(): string {
    return `num_parameters=${this.numParameters}`;
  }
}

/** `LeakyReLU` with slopes drawn from [lower, upper) in training. */
export class RReLU extends Layer {
  readonly lower: number;
  readonly upper: number;

  constructor(lower: number = 1 / 8, upper: number = 1 / 3) {
    super();
    this.lower = lower;
    this.upper = upper;
  }

  forward(x: TensorLike): Tensor {
    return F.rrelu(x, { lower: this.lower, upper: this.upper, training: this.training });
  }

  override extraRepr(): string {
    return `lower=${this.lower}, upper=${this.upper}`;
  }
}

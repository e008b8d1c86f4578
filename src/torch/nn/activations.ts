/**
 * Activations as modules.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { full } from '../creation.ts';
import { type TensorLike, toTensor } from '../ops/define.ts';
import { type Arguments, readArguments } from '../ops/named.ts';
import type { Tensor } from '../tensor.ts';
import { changeInPlace } from '../views.ts';
import * as F from './functional/activations.ts';
import { Layer, python, pythonFloat } from './layer.ts';
import type { ParameterOptions } from './linear.ts';
import { Parameter } from './parameter.ts';

export interface InplaceOption {
  /** Whether to change the input, and return it; false. */
  readonly inplace?: boolean | undefined;
}

/** An activation that may put its result in the place of its input. */
abstract class Inplace extends Layer {
  readonly inplace: boolean;

  constructor({ inplace = false }: InplaceOption) {
    super();
    this.inplace = inplace;
  }

  protected abstract compute(x: Tensor): Tensor;

  forward(x: TensorLike): Tensor {
    const t = toTensor(x);
    return this.inplace ? changeInPlace(`${this.constructor.name}_`, t, () => this.compute(t)) : this.compute(t);
  }

  /** What stands between the parentheses before `inplace`. */
  protected settings(): string[] {
    return [];
  }

  override extraRepr(): string {
    return [...this.settings(), ...(this.inplace ? ['inplace=True'] : [])].join(', ');
  }
}

type Activation = (x: TensorLike) => Tensor;

/** One without other settings. */
abstract class PlainInplace extends Inplace {
  protected abstract readonly activation: Activation;

  constructor(...options: Arguments<InplaceOption, ['inplace']>) {
    super(readArguments<InplaceOption>(new.target.name, ['inplace'], options));
  }

  protected compute(x: Tensor): Tensor {
    return this.activation(x);
  }
}

/** An activation without settings. */
abstract class Plain extends Layer {
  protected abstract readonly activation: Activation;

  forward(x: TensorLike): Tensor {
    return this.activation(x);
  }
}

/** An exponential unit whose least value is −alpha. */
abstract class Exponential extends Inplace {
  readonly alpha: number;

  constructor(...options: Arguments<F.Alpha & InplaceOption, ['alpha', 'inplace']>) {
    const given = readArguments<F.Alpha & InplaceOption>(new.target.name, ['alpha', 'inplace'], options);
    super(given);
    this.alpha = given.alpha ?? 1;
  }

  protected override settings(): string[] {
    return [`alpha=${pythonFloat(this.alpha)}`];
  }
}

/** 0 in [−lambd, lambd] */
abstract class Shrink extends Layer {
  readonly lambd: number;

  constructor(...options: Arguments<F.Lambd, ['lambd']>) {
    const given = readArguments<F.Lambd>(new.target.name, ['lambd'], options);
    super();
    this.lambd = given.lambd ?? 0.5;
  }

  override extraRepr(): string {
    return `${this.lambd}`;
  }
}

/** max(x, 0) */
export class ReLU extends PlainInplace {
  protected readonly activation: Activation = F.relu;
}

/** min(max(x, 0), 6) */
export class ReLU6 extends PlainInplace {
  protected readonly activation: Activation = F.relu6;
}

/** x · sigmoid(x) */
export class SiLU extends PlainInplace {
  protected readonly activation: Activation = F.silu;
}

/** x · tanh(softplus(x)) */
export class Mish extends PlainInplace {
  protected readonly activation: Activation = F.mish;
}

/** The exponential unit that keeps mean 0 and variance 1. @see Klambauer et al. (2017), arXiv:1706.02515 */
export class SELU extends PlainInplace {
  protected readonly activation: Activation = F.selu;
}

/** min(max(x + 3, 0), 6) / 6 */
export class Hardsigmoid extends PlainInplace {
  protected readonly activation: Activation = F.hardsigmoid;
}

/** x · hardsigmoid(x) */
export class Hardswish extends PlainInplace {
  protected readonly activation: Activation = F.hardswish;
}

/** 1 / (1 + e⁻ˣ) */
export class Sigmoid extends Plain {
  protected readonly activation: Activation = F.sigmoid;
}

export class Tanh extends Plain {
  protected readonly activation: Activation = F.tanh;
}

export class LogSigmoid extends Plain {
  protected readonly activation: Activation = F.logsigmoid;
}

/** x / (1 + |x|) */
export class Softsign extends Plain {
  protected readonly activation: Activation = F.softsign;
}

/** x − tanh x */
export class Tanhshrink extends Plain {
  protected readonly activation: Activation = F.tanhshrink;
}

/** x, below 0 alpha (eˣ − 1) */
export class ELU extends Exponential {
  protected compute(x: Tensor): Tensor {
    return F.elu(x, this.alpha);
  }
}

/** x, below 0 alpha (exp(x / alpha) − 1) */
export class CELU extends Exponential {
  protected compute(x: Tensor): Tensor {
    return F.celu(x, this.alpha);
  }
}

/** x, below 0 times a slope */
export class LeakyReLU extends Inplace {
  readonly negativeSlope: number;

  constructor(...options: Arguments<F.Slope & InplaceOption, ['negativeSlope', 'inplace']>) {
    const given = readArguments<F.Slope & InplaceOption>('LeakyReLU', ['negativeSlope', 'inplace'], options);
    super(given);
    this.negativeSlope = given.negativeSlope ?? 0.01;
  }

  protected compute(x: Tensor): Tensor {
    return F.leakyRelu(x, this.negativeSlope);
  }

  protected override settings(): string[] {
    return [`negative_slope=${python(this.negativeSlope)}`];
  }
}

/** x between two bounds */
export class Hardtanh extends Inplace {
  readonly minVal: number;
  readonly maxVal: number;

  constructor(...options: Arguments<F.Bounds & InplaceOption, ['minVal', 'maxVal', 'inplace']>) {
    const given = readArguments<F.Bounds & InplaceOption>('Hardtanh', ['minVal', 'maxVal', 'inplace'], options);
    super(given);
    this.minVal = given.minVal ?? -1;
    this.maxVal = given.maxVal ?? 1;
  }

  protected compute(x: Tensor): Tensor {
    return F.hardtanh(x, this.minVal, this.maxVal);
  }

  protected override settings(): string[] {
    return [`min_val=${pythonFloat(this.minVal)}`, `max_val=${pythonFloat(this.maxVal)}`];
  }
}

/** x where it is above a bound, else a value */
export class Threshold extends Inplace {
  readonly threshold: number;
  readonly value: number;

  constructor(...options: Arguments<F.ThresholdOptions & InplaceOption, ['threshold', 'value', 'inplace']>) {
    const given = readArguments<F.ThresholdOptions & InplaceOption>(
      'Threshold',
      ['threshold', 'value', 'inplace'],
      options,
    );
    super(given);
    this.threshold = given.threshold;
    this.value = given.value;
  }

  protected compute(x: Tensor): Tensor {
    return F.threshold(x, this.threshold, this.value);
  }

  protected override settings(): string[] {
    return [`threshold=${this.threshold}`, `value=${this.value}`];
  }
}

/** log(1 + exp(beta x)) / beta */
export class Softplus extends Layer {
  readonly beta: number;
  readonly threshold: number;

  constructor(...options: Arguments<F.SoftplusOptions, ['beta', 'threshold']>) {
    const given = readArguments<F.SoftplusOptions>('Softplus', ['beta', 'threshold'], options);
    super();
    this.beta = given.beta ?? 1;
    this.threshold = given.threshold ?? 20;
  }

  forward(x: TensorLike): Tensor {
    return F.softplus(x, this.beta, this.threshold);
  }

  override extraRepr(): string {
    return `beta=${this.beta}, threshold=${this.threshold}`;
  }
}

/** x, and 0 in [−lambd, lambd] */
export class Hardshrink extends Shrink {
  forward(x: TensorLike): Tensor {
    return F.hardshrink(x, this.lambd);
  }
}

/** x moved towards 0 by lambd */
export class Softshrink extends Shrink {
  forward(x: TensorLike): Tensor {
    return F.softshrink(x, this.lambd);
  }
}

/** x Φ(x) */
export class GELU extends Layer {
  readonly approximate: 'none' | 'tanh';

  constructor(...options: Arguments<F.GeluOptions, ['approximate']>) {
    const given = readArguments<F.GeluOptions>('GELU', ['approximate'], options);
    super();
    this.approximate = given.approximate ?? 'none';
  }

  forward(x: TensorLike): Tensor {
    return F.gelu(x, this.approximate);
  }

  override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

export interface PreluOptions extends ParameterOptions {
  /** 1, or that of the channels. */
  readonly numParameters?: number | undefined;
  /** Initial slope; 0.25. */
  readonly init?: number | undefined;
}

/** x, below 0 times a slope that is learnt: one, or one for each channel. */
export class PReLU extends Layer {
  weight: Parameter;
  readonly numParameters: number;

  constructor(...options: Arguments<PreluOptions, ['numParameters', 'init', 'dtype']>) {
    super();
    const names = ['numParameters', 'init', 'dtype'] as const;
    const { numParameters = 1, init = 0.25, dtype } = readArguments<PreluOptions>('PReLU', names, options);
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

/** Bounds of the slopes of `RReLU`. */
export interface RreluBounds extends InplaceOption {
  /** 1/8 */
  readonly lower?: number | undefined;
  /** 1/3 */
  readonly upper?: number | undefined;
}

/** `LeakyReLU` with slopes drawn from [lower, upper) in training. */
export class RReLU extends Inplace {
  readonly lower: number;
  readonly upper: number;

  constructor(...options: Arguments<RreluBounds, ['lower', 'upper', 'inplace']>) {
    const given = readArguments<RreluBounds>('RReLU', ['lower', 'upper', 'inplace'], options);
    super(given);
    this.lower = given.lower ?? 1 / 8;
    this.upper = given.upper ?? 1 / 3;
  }

  protected compute(x: Tensor): Tensor {
    return F.rrelu(x, { lower: this.lower, upper: this.upper, training: this.training });
  }

  protected override settings(): string[] {
    return [`lower=${this.lower}`, `upper=${this.upper}`];
  }
}

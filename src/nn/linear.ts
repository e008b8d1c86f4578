/**
 * The affine layer, and layers without parameters of their own.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../ir/errors.ts';
import { asTensor, promoteToFloat, type TensorLike } from '../api/lift.ts';
import { type Initializer, varianceScaling } from '../api/nn/initializers.ts';
import { describe } from '../api/options.ts';
import { uniformOn } from './initial.ts';
import { add } from '../api/numpy/binary.ts';
import { dotGeneral } from '../primitives/dot.ts';
import { checkLast, checkNames, checkSizes, keysOf, parameter, type ParameterOptions } from './checks.ts';
import { type CallOptions, Layer } from './module.ts';

export interface LinearOptions extends ParameterOptions {
  /** Whether there is a bias; true. */
  readonly bias?: boolean;
  /** Of the weight `[outFeatures, inFeatures]`; uniform on ±1/√inFeatures. */
  readonly weightInit?: Initializer;
  /** Of the bias `[outFeatures]`; uniform on ±1/√inFeatures. */
  readonly biasInit?: Initializer;
}

const linearNames = ['key', 'dtype', 'bias', 'weightInit', 'biasInit'] as const;

/** Uniform on ±1/√inputs for weights with the outputs on axis 0 and the inputs on axis 1: variance 1/(3 · inputs). */
export const defaultWeightInit: Initializer = varianceScaling(1 / 3, 'fan_in', 'uniform', { inAxis: 1, outAxis: 0 });

/**
 * x Wᵀ + b on the last axis of x. The weight is `[outFeatures, inFeatures]`, as PyTorch has it, so that its files load as they are.
 *
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * import { Linear } from 'cotangent/nn';
 * const layer = new Linear(3, 2, { key: random.key(0) });
 * console.log(layer.call(np.ones([8, 3])).shape); // => [ 8, 2 ]
 * ```
 */
export class Linear extends Layer {
  /** `[outFeatures, inFeatures]` */
  readonly weight: Tensor;
  /** `[outFeatures]` */
  readonly bias: Tensor | null;

  /**
   * @throws ArgumentError for sizes that are no positive integers, a missing key or an unknown option
   */
  constructor(inFeatures: number, outFeatures: number, options: LinearOptions) {
    super();
    checkNames('Linear', options, linearNames);
    checkSizes('Linear', { inFeatures, outFeatures });
    const [weightKey, biasKey] = keysOf('Linear', options, 2) as [Tensor, Tensor];
    const { bias = true, weightInit = defaultWeightInit, biasInit = uniformOn(1 / Math.sqrt(inFeatures)) } = options;
    this.weight = parameter(weightInit, weightKey, [outFeatures, inFeatures], options);
    this.bias = bias ? parameter(biasInit, biasKey, [outFeatures], options) : null;
  }

  /**
   * @param x `[…, inFeatures]`
   * @returns `[…, outFeatures]`
   * @throws ShapeError if the last axis is not inFeatures long
   */
  call(x: TensorLike): Tensor {
    checkLast(this, x, this.weight.shape[1]!);
    const [t, weight] = promoteToFloat(x, this.weight) as [Tensor, Tensor];
    const product = dotGeneral(t, weight, { contract: [[t.ndim - 1], [1]], batch: [[], []] });
    return this.bias ? add(product, this.bias) : product;
  }

  override toString(): string {
    return `Linear(${this.weight.shape[1]!} → ${this.weight.shape[0]!})`;
  }
}

/**
 * Gives back what it gets.
 * @example
 * ```ts
 * import { Identity } from 'cotangent/nn';
 * console.log(String(new Identity().call([1, 2]))); // => [1, 2]
 * ```
 */
export class Identity extends Layer {
  call(x: TensorLike): Tensor {
    return asTensor(x);
  }
}

/**
 * A function as a layer. The function is part of the structure: use one that is defined once, or every new one compiles anew.
 * @example
 * ```ts
 * import { nn } from 'cotangent';
 * import { Lambda } from 'cotangent/nn';
 * console.log(String(new Lambda(nn.relu).call([-1, 2]))); // => [0, 2]
 * ```
 */
export class Lambda extends Layer {
  readonly f: (x: Tensor) => Tensor;

  constructor(f: (x: Tensor) => Tensor) {
    super();
    if (typeof f !== 'function') throw new ArgumentError(`Lambda: expected a function, got ${describe(f)}.`);
    this.f = f;
  }

  call(x: TensorLike, _options?: CallOptions): Tensor {
    return this.f(asTensor(x));
  }

  override toString(): string {
    return `Lambda(${this.f.name || 'function'})`;
  }
}

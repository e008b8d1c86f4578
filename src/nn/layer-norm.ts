/**
 * Normalisation over the features of each example: LayerNorm, RMSNorm.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { ShapeError } from '../ir/errors.ts';
import type { Shape } from '../ir/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { promoteToFloat, type TensorLike } from '../api/lift.ts';
import { standardize } from '../api/nn/normalize.ts';
import { meanKept } from '../api/nn/axes.ts';
import { add as addOf, multiply } from '../api/numpy/binary.ts';
import { ones, zeros } from '../api/numpy/creation.ts';
import type { DTypeLike } from '../api/numpy/dtypes.ts';
import { add, like, mul } from '../primitives/arithmetic.ts';
import { rsqrt } from '../primitives/elementwise-exp.ts';
import { checkNames, checkRange, checkSizes } from './checks.ts';
import { Layer } from './module.ts';
import { inWide } from './precision.ts';

export interface NormOptions {
  /** Added to the variance; 1e-5. */
  readonly epsilon?: number;
  /** Whether there are weights; true. */
  readonly affine?: boolean;
  /** Of the parameters; `config.defaultDtype`. */
  readonly dtype?: DTypeLike;
}

export interface LayerNormOptions extends NormOptions {
  /** Whether there is a bias beside the weights; true. */
  readonly bias?: boolean;
}

function shapeOf(op: string, shape: number | Shape): Shape {
  const sizes = typeof shape === 'number' ? [shape] : shape;
  checkSizes(op, Object.fromEntries(sizes.map((n, i) => [`shape[${i}]`, n])));
  return sizes;
}

/** Positions of the trailing axes that a shape stands for. */
function trailingAxes(module: Layer, x: Tensor, shape: Shape): number[] {
  const first = x.ndim - shape.length;
  if (first >= 0 && shape.every((n, d) => n === x.shape[first + d])) return shape.map((_, d) => first + d);
  throw new ShapeError(
    `${module.toString()}: expected input […,${shape.join(',')}], got ${x.aval.toString()}.`,
    'the trailing axes are normalised.',
  );
}

/**
 * (x − mean) / √(variance + ε) · weight + bias over the trailing axes (Ba, Kiros, Hinton, 2016).
 *
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import { LayerNorm } from 'cotangent/nn';
 * console.log(String(new LayerNorm(2, { epsilon: 0 }).call(np.array([[1, 3]])))); // => [[-1, 1]]
 * ```
 */
export class LayerNorm extends Layer {
  /** Of the trailing axes. */
  readonly shape: Shape;
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly epsilon: number;

  constructor(shape: number | Shape, options: LayerNormOptions = {}) {
    super();
    checkNames('LayerNorm', options, ['epsilon', 'affine', 'bias', 'dtype']);
    const { epsilon = 1e-5, affine = true, bias = affine, dtype } = options;
    checkRange('LayerNorm', 'epsilon', epsilon, 0, Infinity);
    this.shape = shapeOf('LayerNorm', shape);
    this.weight = affine ? ones(this.shape, dtype) : null;
    this.bias = bias ? zeros(this.shape, dtype) : null;
    this.epsilon = epsilon;
  }

  /**
   * @param x `[…, ...shape]`
   * @returns like x
   */
  call(x: TensorLike): Tensor {
    const [t] = promoteToFloat(x) as [Tensor];
    const axes = trailingAxes(this, t, this.shape);
    const y = inWide(t, (w) => standardize(w, axes, { epsilon: this.epsilon }));
    const scaled = this.weight ? multiply(y, this.weight) : y;
    return this.bias ? addOf(scaled, this.bias) : scaled;
  }

  override toString(): string {
    return `LayerNorm(${this.shape.join(', ')})`;
  }
}

/**
 * x / √(mean x² + ε) · weight over the trailing axes (Zhang and Sennrich, 2019). No mean is taken off, and there is no bias.
 * @example
 * ```ts
 * import { RMSNorm } from 'cotangent/nn';
 * console.log(String(new RMSNorm(2, { epsilon: 0 }).call([[1, 7]]))); // => [[0.2, 1.4]]
 * ```
 */
export class RMSNorm extends Layer {
  /** Of the trailing axes. */
  readonly shape: Shape;
  readonly weight: Tensor | null;
  readonly epsilon: number;

  constructor(shape: number | Shape, options: NormOptions = {}) {
    super();
    checkNames('RMSNorm', options, ['epsilon', 'affine', 'dtype']);
    const { epsilon = 1e-5, affine = true, dtype } = options;
    checkRange('RMSNorm', 'epsilon', epsilon, 0, Infinity);
    this.shape = shapeOf('RMSNorm', shape);
    this.weight = affine ? ones(this.shape, dtype) : null;
    this.epsilon = epsilon;
  }

  /**
   * @param x `[…, ...shape]`
   * @returns like x
   */
  call(x: TensorLike): Tensor {
    const [t] = promoteToFloat(x) as [Tensor];
    const axes = trailingAxes(this, t, this.shape);
    const y = inWide(t, (w) => mul(w, rsqrt(add(meanKept(mul(w, w), axes), like(w, this.epsilon)))));
    return this.weight ? multiply(y, this.weight) : y;
  }

  override toString(): string {
    return `RMSNorm(${this.shape.join(', ')})`;
  }
}

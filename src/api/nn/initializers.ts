/**
 * Initial values of parameters: `initializer(key, shape, dtype)`. Numbers equal those of `jax.nn.initializers`.
 * May import: everything up to `control`, `api/lift`, `api/random`.
 * @module
 */
import type { DType } from '../../ir/dtype.ts';
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { type Shape, sizeOf } from '../../ir/shape.ts';
import { defaultFloat } from '../../core/config.ts';
import { scalarTensor, type Tensor } from '../../core/tensor.ts';
import { like, mul } from '../../primitives/arithmetic.ts';
import { convert } from '../../primitives/convert.ts';
import { broadcastTo } from '../../primitives/structural.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { checkOptions } from '../options.ts';
import { normal as normalSamples, truncatedNormal as truncatedSamples } from '../random/continuous.ts';
import { uniform as uniformSamples } from '../random/uniform.ts';

export type Initializer = (key: TensorLike, shape: Shape, dtype?: DType) => Tensor;

const scaled = (x: Tensor, factor: number): Tensor => mul(x, like(x, factor));

export const zeros: Initializer = (_key, shape, dtype = defaultFloat()) => broadcastTo(scalarTensor(0, dtype), shape);
export const ones: Initializer = (_key, shape, dtype = defaultFloat()) => broadcastTo(scalarTensor(1, dtype), shape);

/** One value everywhere. */
export const constant =
  (value: TensorLike): Initializer =>
  (_key, shape, dtype = defaultFloat()) =>
    broadcastTo(convert(asTensor(value), dtype), shape);

/** Uniform on [0, scale). */
export const uniform =
  (scale = 1e-2): Initializer =>
  (key, shape, dtype = defaultFloat()) =>
    scaled(uniformSamples(key, shape, dtype), scale);

/** Normal with mean 0. */
export const normal =
  (stddev = 1e-2): Initializer =>
  (key, shape, dtype = defaultFloat()) =>
    scaled(normalSamples(key, shape, dtype), stddev);

/** Normal between `lower` and `upper` standard deviations. */
export const truncatedNormal =
  (stddev = 1e-2, lower = -2, upper = 2): Initializer =>
  (key, shape, dtype = defaultFloat()) =>
    scaled(truncatedSamples(key, lower, upper, shape, dtype), stddev);

export interface FanOptions {
  /** Axis of the inputs; default −2. */
  readonly inAxis?: number | readonly number[];
  /** Axis of the outputs; default −1. */
  readonly outAxis?: number | readonly number[];
  readonly batchAxis?: number | readonly number[];
}

const fanNames = ['inAxis', 'outAxis', 'batchAxis'] as const;

/** Inputs and outputs of one unit: sizes of the named axes times the receptive field, which is all the others. */
function fans(shape: Shape, { inAxis = -2, outAxis = -1, batchAxis = [] }: FanOptions): readonly [number, number] {
  if (shape.length < 2) {
    throw new ShapeError(
      `nn.initializers: expected a shape with at least 2 axes, got [${shape.join(',')}].`,
      'initialise biases with zeros or normal.',
    );
  }
  const size = (axes: number | readonly number[]): number =>
    sizeOf((typeof axes === 'number' ? [axes] : axes).map((d) => shape.at(d)!));
  const [ins, outs] = [size(inAxis), size(outAxis)];
  const receptive = sizeOf(shape) / ins / outs / size(batchAxis);
  return [ins * receptive, outs * receptive];
}

export type FanMode = 'fan_in' | 'fan_out' | 'fan_avg';
export type FanDistribution = 'truncated_normal' | 'normal' | 'uniform';

/** Standard deviation of the standard normal cut off at ±2. */
const truncatedDeviation = 0.8796256610342398;

/** Variance scale / n, n the number of inputs, of outputs, or their mean. */
export function varianceScaling(
  scale: number,
  mode: FanMode,
  distribution: FanDistribution,
  options: FanOptions = {},
): Initializer {
  checkOptions('nn.initializers.varianceScaling', options, fanNames);
  return (key, shape, dtype = defaultFloat()) => {
    const [ins, outs] = fans(shape, options);
    const variance = scale / { fan_in: ins, fan_out: outs, fan_avg: (ins + outs) / 2 }[mode];
    switch (distribution) {
      case 'truncated_normal':
        return scaled(truncatedSamples(key, -2, 2, shape, dtype), Math.sqrt(variance) / truncatedDeviation);
      case 'normal':
        return scaled(normalSamples(key, shape, dtype), Math.sqrt(variance));
      case 'uniform':
        return scaled(uniformSamples(key, shape, dtype, -1, 1), Math.sqrt(3 * variance));
      default:
        throw new ArgumentError(
          `nn.initializers.varianceScaling: expected a distribution, got ${String(distribution)}.`,
        );
    }
  };
}

type FanInitializer = (options?: FanOptions) => Initializer;

const family =
  (scale: number, mode: FanMode, distribution: FanDistribution): FanInitializer =>
  (options) =>
    varianceScaling(scale, mode, distribution, options);

/** Glorot and Bengio (2010): variance 2 / (inputs + outputs). */
export const glorotUniform: FanInitializer = family(1, 'fan_avg', 'uniform');
export const glorotNormal: FanInitializer = family(1, 'fan_avg', 'truncated_normal');
export const xavierUniform: FanInitializer = glorotUniform;
export const xavierNormal: FanInitializer = glorotNormal;
/** He et al. (2015), for relu: variance 2 / inputs. */
export const heUniform: FanInitializer = family(2, 'fan_in', 'uniform');
export const heNormal: FanInitializer = family(2, 'fan_in', 'truncated_normal');
export const kaimingUniform: FanInitializer = heUniform;
export const kaimingNormal: FanInitializer = heNormal;
/** LeCun et al. (1998): variance 1 / inputs. */
export const lecunUniform: FanInitializer = family(1, 'fan_in', 'uniform');
export const lecunNormal: FanInitializer = family(1, 'fan_in', 'truncated_normal');

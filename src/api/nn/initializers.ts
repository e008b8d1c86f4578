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
import { readOptions } from '../named.ts';
import { toShape } from '../sizes.ts';
import { type DTypeLike, optionalDType } from '../numpy/dtypes.ts';
import { checkChoice } from '../options.ts';
import { normal as normalSamples, truncatedNormal as truncatedSamples } from '../random/continuous.ts';
import { uniform as uniformSamples } from '../random/uniform.ts';

/** An options object with the dtype alone, or the dtype. */
type DTypeArgument = DTypeLike | { readonly dtype?: DTypeLike };

export type Initializer = (key: TensorLike, shape: Shape, dtype?: DTypeArgument) => Tensor;

const scaled = (x: Tensor, factor: number): Tensor => mul(x, like(x, factor));

/** An initializer from what draws; `preset` is its dtype when the call gives none. */
function initializer(
  op: string,
  draw: (key: TensorLike, shape: Shape, dtype: DType) => Tensor,
  preset?: DTypeLike,
): Initializer {
  return (key, shape, dtype) => {
    const given = readOptions<{ readonly dtype: DTypeLike }>(op, ['dtype'], [dtype]).dtype ?? preset;
    return draw(key, toShape(op, shape), optionalDType(op, given) ?? defaultFloat());
  };
}

export const zeros: Initializer = initializer('nn.initializers.zeros', (_key, shape, dtype) =>
  broadcastTo(scalarTensor(0, dtype), shape),
);
export const ones: Initializer = initializer('nn.initializers.ones', (_key, shape, dtype) =>
  broadcastTo(scalarTensor(1, dtype), shape),
);

export interface ConstantOptions {
  readonly value: TensorLike;
  readonly dtype?: DTypeLike;
}

/** One value everywhere. */
export function constant(value: TensorLike | ConstantOptions, dtype?: DTypeLike): Initializer {
  const o = readOptions<ConstantOptions>('nn.initializers.constant', ['value', 'dtype'], [value, dtype]);
  const filled = asTensor(o.value as TensorLike);
  return initializer(
    'nn.initializers.constant',
    (_key, shape, type) => broadcastTo(convert(filled, type), shape),
    o.dtype,
  );
}

export interface ScaleOptions {
  readonly scale?: number;
  readonly dtype?: DTypeLike;
}

/** Uniform on [0, scale); scale is 0.01 by default. */
export function uniform(scale?: number | ScaleOptions, dtype?: DTypeLike): Initializer {
  const op = 'nn.initializers.uniform';
  const o = readOptions<ScaleOptions>(op, ['scale', 'dtype'], [scale, dtype]);
  return initializer(op, (key, shape, type) => scaled(uniformSamples(key, shape, type), o.scale ?? 1e-2), o.dtype);
}

export interface DeviationOptions {
  readonly stddev?: number;
  readonly dtype?: DTypeLike;
}

/** Normal with mean 0; the standard deviation is 0.01 by default. */
export function normal(stddev?: number | DeviationOptions, dtype?: DTypeLike): Initializer {
  const op = 'nn.initializers.normal';
  const o = readOptions<DeviationOptions>(op, ['stddev', 'dtype'], [stddev, dtype]);
  return initializer(op, (key, shape, type) => scaled(normalSamples(key, shape, type), o.stddev ?? 1e-2), o.dtype);
}

export interface TruncationOptions extends DeviationOptions {
  /** In standard deviations; −2. */
  readonly lower?: number;
  /** In standard deviations; 2. */
  readonly upper?: number;
}

/** Normal between `lower` and `upper` standard deviations. */
export function truncatedNormal(stddev?: number | TruncationOptions, lower?: number, upper?: number): Initializer {
  const op = 'nn.initializers.truncatedNormal';
  const o = readOptions<TruncationOptions>(op, ['stddev', 'lower', 'upper', 'dtype'], [stddev, lower, upper]);
  const draw = (key: TensorLike, shape: Shape, type: DType): Tensor =>
    scaled(truncatedSamples(key, o.lower ?? -2, o.upper ?? 2, shape, type), o.stddev ?? 1e-2);
  return initializer(op, draw, o.dtype);
}

export interface FanOptions {
  /** Axis of the inputs; default −2. */
  readonly inAxis?: number | readonly number[];
  /** Axis of the outputs; default −1. */
  readonly outAxis?: number | readonly number[];
  readonly batchAxis?: number | readonly number[];
  readonly dtype?: DTypeLike;
}

const fanNames = ['inAxis', 'outAxis', 'batchAxis', 'dtype'] as const;

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

export interface VarianceOptions extends FanOptions {
  readonly scale: number;
  readonly mode: FanMode;
  readonly distribution: FanDistribution;
}

/** Variance scale / n, n the number of inputs, of outputs, or their mean. */
export function varianceScaling(
  scale: number | VarianceOptions,
  mode?: FanMode,
  distribution?: FanDistribution,
  options: FanOptions = {},
): Initializer {
  const op = 'nn.initializers.varianceScaling';
  const names = ['scale', 'mode', 'distribution', ...fanNames] as const;
  const o = readOptions<VarianceOptions>(op, names, [scale, mode, distribution, options]);
  if (typeof o.scale !== 'number') throw new ArgumentError(`${op}: expected a scale, got ${String(o.scale)}.`);
  checkChoice(op, 'mode', o.mode, ['fan_in', 'fan_out', 'fan_avg']);
  checkChoice(op, 'distribution', o.distribution, ['truncated_normal', 'normal', 'uniform']);
  const draw = (key: TensorLike, shape: Shape, type: DType): Tensor => {
    const [ins, outs] = fans(shape, o);
    const variance = o.scale! / { fan_in: ins, fan_out: outs, fan_avg: (ins + outs) / 2 }[o.mode!];
    if (o.distribution === 'uniform') return scaled(uniformSamples(key, shape, type, -1, 1), Math.sqrt(3 * variance));
    if (o.distribution === 'normal') return scaled(normalSamples(key, shape, type), Math.sqrt(variance));
    return scaled(truncatedSamples(key, -2, 2, shape, type), Math.sqrt(variance) / truncatedDeviation);
  };
  return initializer(op, draw, o.dtype);
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

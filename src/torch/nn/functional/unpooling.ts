/**
 * The inverse of max pooling, with 0 for what is lost.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../../ir/errors.ts';
import { sameShape, sizeOf } from '../../../ir/shape.ts';
import { zeros } from '../../creation.ts';
import { type TensorLike, toTensor } from '../../ops/define.ts';
import { type Arguments, readArguments } from '../../ops/named.ts';
import type { Tensor } from '../../tensor.ts';
import { spatialSizes } from './pooling.ts';
import { type Sizes, spread } from './windows.ts';

export interface UnpoolOptions {
  /** Steps of the window; its size. */
  readonly stride?: Sizes | null | undefined;
  readonly padding?: Sizes | undefined;
  /** Spatial sizes of the result (the shape of the input of the pooling will do); by default the least that pool to the input. */
  readonly outputSize?: readonly number[] | null | undefined;
}

export const unpoolNames = ['stride', 'padding', 'outputSize'] as const;

export type UnpoolArguments = Arguments<UnpoolOptions, typeof unpoolNames>;
type UnpoolFunction = (x: TensorLike, indices: TensorLike, kernelSize: Sizes, ...options: UnpoolArguments) => Tensor;

function sizesOf(op: string, x: Tensor, rank: number, kernelSize: Sizes, options: UnpoolOptions): number[] {
  const kernel = spread(op, 'kernelSize', kernelSize, rank, 1);
  const stride = spread(op, 'stride', options.stride ?? kernel, rank, 1);
  const pads = spread(op, 'padding', options.padding ?? 0, rank, 0);
  const least = spatialSizes(op, x, rank).map((n, d) => (n - 1) * stride[d]! - 2 * pads[d]! + kernel[d]!);
  const { outputSize } = options;
  if (outputSize === null || outputSize === undefined) return least;
  const given = outputSize.slice(-rank);
  const isNear = given.length === rank && given.every((n, d) => Math.abs(n - least[d]!) < stride[d]!);
  if (isNear && [0, 1, 2].includes(outputSize.length - rank)) return given;
  throw new ArgumentError(
    `${op}: expected outputSize less than a step [${stride.join(', ')}] from [${least.join(', ')}], got [${outputSize.join(', ')}]: invalid output_size.`,
    'give the shape of what was pooled.',
  );
}

function unpoolNd(rank: number): UnpoolFunction {
  const op = `maxUnpool${rank}d`;
  return (x, indices, kernelSize, ...args) => {
    const [t, at] = [toTensor(x), toTensor(indices)];
    const options = readArguments<UnpoolOptions>(op, unpoolNames, args);
    const sizes = sizesOf(op, t, rank, kernelSize, options);
    if (!sameShape(t.shape, at.shape)) {
      throw new ShapeError(
        `${op}: expected indices like the input, ${t.aval.toString()}, got ${at.aval.toString()}: Expected shape of indices to be same as that of the input tensor.`,
        'pass what pooling with returnIndices gave.',
      );
    }
    const lead = t.shape.slice(0, -rank);
    const plane = sizeOf(sizes);
    const empty = zeros([...lead, plane], { dtype: t.dtype });
    const flat = (y: Tensor): Tensor => y.reshape([...lead, -1]);
    return empty.scatter(-1, flat(at), flat(t)).reshape([...lead, ...sizes]);
  };
}

/** Elements at their positions from max pooling, and 0 elsewhere. */
export const maxUnpool1d: UnpoolFunction = unpoolNd(1);
export const maxUnpool2d: UnpoolFunction = unpoolNd(2);
export const maxUnpool3d: UnpoolFunction = unpoolNd(3);

/**
 * The options that all new tensors take.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import type { DType } from '../../ir/dtype.ts';
import type { Shape } from '../../ir/shape.ts';
import { defaultFloat } from '../../core/config.ts';
import { scalarTensor, type Tensor as CoreTensor } from '../../core/tensor.ts';
import { broadcastTo } from '../../primitives/index.ts';
import { checkOptions, describe, isOptions } from '../../api/options.ts';
import { toShape } from '../../api/sizes.ts';
import { type Dtype, toDtype } from '../dtypes.ts';
import { Tensor } from '../tensor.ts';
import { sizesOf } from './axes.ts';

export interface TensorOptions {
  /** Default: that of the data (numbers: `config.defaultDtype`). */
  readonly dtype?: Dtype | undefined;
  /** Whether gradients are to be computed for it; false. */
  readonly requiresGrad?: boolean | undefined;
}

const keys = ['dtype', 'requiresGrad'] as const;

/** A leaf with the options asked for. */
export function leaf(op: string, value: CoreTensor, options: TensorOptions): Tensor {
  checkOptions(op, options, keys);
  const out = new Tensor(value);
  if (options.requiresGrad === true) out.requiresGrad = true;
  return out;
}

export const dtypeOf = ({ dtype }: TensorOptions, otherwise: DType): DType =>
  dtype === undefined ? otherwise : toDtype(dtype);

/** A shape as one array or as numbers, then options. */
export type SizesAndOptions = readonly (number | readonly number[] | TensorOptions)[];

export function sizesAndOptions(args: SizesAndOptions): [Shape, TensorOptions] {
  const last = args.at(-1);
  const options = isOptions(last) && !Array.isArray(last) ? (last as TensorOptions) : {};
  const sizes = (options === last ? args.slice(0, -1) : args) as readonly number[];
  if (Array.isArray(sizes[0]) && sizes.length > 1) {
    throw new ArgumentError(
      `shape: expected sizes and then options, got ${describe(sizes[1])} after the sizes.`,
      "options go by name: zeros([2], { dtype: 'int32' }).",
    );
  }
  return [toShape('shape', sizesOf(sizes as number[])), options];
}

export const filled = (
  op: string,
  value: number,
  shape: Shape,
  options: TensorOptions,
  otherwise: DType = defaultFloat(),
): Tensor => leaf(op, broadcastTo(scalarTensor(value, dtypeOf(options, otherwise)), toShape(op, shape)), options);

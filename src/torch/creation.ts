/**
 * New tensors from data, and of one value.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { Shape } from '../ir/shape.ts';
import { defaultFloat } from '../core/config.ts';
import { arrayFrom, type NestedArray } from '../api/lift.ts';
import * as np from '../api/numpy/index.ts';
import { isOptions } from '../api/options.ts';
import { type Dtype, toDtype } from './dtypes.ts';
import { to } from './ops/convert.ts';
import { type TensorLike, toTensor } from './ops/define.ts';
import { dtypeOf, filled, leaf, type SizesAndOptions, sizesAndOptions, type TensorOptions } from './ops/new-tensor.ts';
import { Tensor } from './tensor.ts';
import { installMethods } from './methods.ts';

// Tensors come from here, so their methods do too.
installMethods();

/**
 * A tensor from numbers, nested arrays or a typed array, which are copied; a leaf.
 * @example
 * ```ts
 * import { tensor } from 'cotangent/torch';
 * const x = tensor([[1, 2], [3, 4]], { requiresGrad: true });
 * x.mul(x).sum().backward();
 * console.log(x.grad?.tolist()); // => [ [ 2, 4 ], [ 6, 8 ] ]
 * ```
 */
export function tensor(data: TensorLike, options: TensorOptions = {}): Tensor {
  const { dtype } = options;
  const value = data instanceof Tensor ? data.value : data;
  const made = arrayFrom(value as NestedArray, dtype === undefined ? undefined : toDtype(dtype));
  return leaf('tensor', made instanceof Tensor ? made.value : made, options);
}

/** `data` as a tensor: tensors of this face as they are, with their history; others without a copy where possible. */
export function asTensor(data: TensorLike, options: { readonly dtype?: Dtype } = {}): Tensor {
  const x = toTensor(data);
  return options.dtype === undefined || toDtype(options.dtype) === x.dtype ? x : to(x, options.dtype);
}

/** Zeros: `zeros(2, 3)`, `zeros([2, 3], { dtype: 'float64' })`. */
export function zeros(...args: SizesAndOptions): Tensor {
  return filled('zeros', 0, ...sizesAndOptions(args));
}
export function ones(...args: SizesAndOptions): Tensor {
  return filled('ones', 1, ...sizesAndOptions(args));
}
/** Zeros: memory is never uninitialised here. */
export function empty(...args: SizesAndOptions): Tensor {
  return filled('empty', 0, ...sizesAndOptions(args));
}
/** `value` everywhere. */
export function full(shape: Shape, value: number | boolean, options: TensorOptions = {}): Tensor {
  return filled('full', Number(value), shape, options, typeof value === 'boolean' ? 'bool' : defaultFloat());
}

/** The identity matrix, or its first columns. */
export function eye(n: number, m?: number | TensorOptions, options?: TensorOptions): Tensor {
  const given = isOptions(m) ? (m as TensorOptions) : (options ?? {});
  const columns = typeof m === 'number' ? m : n;
  return leaf('eye', np.eye(n, columns, { dtype: dtypeOf(given, defaultFloat()) }), given);
}

/** Numbers from `start` (0) up to `end`, without it, `step` (1) apart; integers if all three are. */
export function arange(...args: readonly (number | TensorOptions)[]): Tensor {
  const options = isOptions(args.at(-1)) ? (args.at(-1) as TensorOptions) : {};
  const numbers = args.filter((x): x is number => typeof x === 'number');
  const [start, end, step] = numbers.length === 1 ? [0, numbers[0]!, 1] : [numbers[0]!, numbers[1]!, numbers[2] ?? 1];
  const isInteger = [start, end, step].every(Number.isInteger);
  return leaf(
    'arange',
    np.arange(start, end, step, { dtype: dtypeOf(options, isInteger ? 'int32' : defaultFloat()) }),
    options,
  );
}

/** `steps` numbers from `start` to `end`, both included. */
export const linspace = (start: number, end: number, steps: number, options: TensorOptions = {}): Tensor =>
  leaf('linspace', np.linspace(start, end, { num: steps, dtype: dtypeOf(options, defaultFloat()) }), options);

/** `steps` powers of `base` (10), with exponents from `start` to `end`. */
export function logspace(
  start: number,
  end: number,
  steps: number,
  { base = 10, ...options }: TensorOptions & { readonly base?: number } = {},
): Tensor {
  return leaf(
    'logspace',
    np.logspace(start, end, { num: steps, base, dtype: dtypeOf(options, defaultFloat()) }),
    options,
  );
}

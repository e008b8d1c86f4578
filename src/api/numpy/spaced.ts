/**
 * Numbers at equal distances: counted, linear, logarithmic.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`, `api/sizes`.
 * @module
 */
import { Aval } from '../../ir/aval.ts';
import { type DType, isFloat, makeUnrounded } from '../../ir/dtype.ts';
import { ArgumentError } from '../../ir/errors.ts';
import { normalizeAxis } from '../../ir/shape.ts';
import { defaultFloat } from '../../core/config.ts';
import { deviceTensor, type Tensor } from '../../core/tensor.ts';
import { currentTrace, evalTrace } from '../../core/trace.ts';
import { add, div, like, mul, sub } from '../../primitives/arithmetic.ts';
import { concatenate } from '../../primitives/movement.ts';
import { convert } from '../../primitives/convert.ts';
import { iota } from '../../primitives/iota.ts';
import { pow } from '../../primitives/elementwise-exp.ts';
import { floor } from '../../primitives/elementwise-number.ts';
import { broadcastTo, moveAxis, reshape } from '../../primitives/structural.ts';
import { promoteToFloat, type TensorLike } from '../lift.ts';
import { describe, optionsOf } from '../options.ts';
import { knownNumber } from '../sizes.ts';
import { type DTypeArgument, type DTypeOptions, dtypeOf, strong } from './creation.ts';
import { optionalDType } from './dtypes.ts';

const integral = (...xs: (number | null | undefined)[]): boolean =>
  xs.every((x) => x === undefined || x === null || Number.isInteger(x));

/**
 * `start, start + step, …` up to but without `stop`. One number is `stop`. Integers give int32, anything else floats.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.arange(2, 10, 3).toArray()); // => [ 2, 5, 8 ]
 * ```
 */
export function arange(
  start: number,
  stop?: number | DTypeArgument,
  step?: number | DTypeArgument,
  options?: DTypeArgument,
): Tensor {
  const [first, second, third] = [start, stop, step].map((x) => knownNumber('arange', x));
  const numbers = [first, second, third].filter((x) => typeof x === 'number');
  const last = [second, third, options].find(
    (x) => x !== undefined && x !== null && typeof x !== 'number',
  ) as DTypeArgument;
  const [from, to, by] = [
    numbers.length > 1 ? numbers[0]! : 0,
    numbers.length > 1 ? numbers[1]! : numbers[0]!,
    numbers[2] ?? 1,
  ];
  if (![from, to, by].every(Number.isFinite) || by === 0) {
    const given = [start, stop, step].filter((x) => x !== undefined);
    throw new ArgumentError(
      `arange: expected finite numbers and a step other than 0, got ${given.map(describe).join(', ') || 'none'}.`,
      'arange(stop), arange(start, stop) or arange(start, stop, step), then options.',
    );
  }
  const dtype = dtypeOf('arange', last) ?? (integral(...numbers) ? 'int32' : defaultFloat());
  const n = Math.max(0, Math.ceil((to - from) / by));
  if (currentTrace() !== evalTrace && integral(from, by)) {
    const counted = iota([n], dtype);
    const scaled = by === 1 ? counted : mul(counted, like(counted, by));
    return from === 0 ? scaled : add(scaled, like(counted, from));
  }
  const data = makeUnrounded(dtype, n);
  for (let i = 0; i < n; i++) data[i] = from + i * by;
  return deviceTensor(data, new Aval([n], dtype));
}

export interface SpaceOptions extends DTypeOptions {
  /** Number of samples; 50. */
  readonly num?: number | undefined;
  /** Whether `stop` is the last sample; true. */
  readonly endpoint?: boolean | undefined;
  /** Also return the step. */
  readonly retstep?: boolean | undefined;
  /** Axis of the samples when `start` and `stop` are arrays; 0. */
  readonly axis?: number | undefined;
}

interface Spacing {
  readonly samples: Tensor;
  readonly step: Tensor;
  readonly dtype: DType | undefined;
}

/** Samples along axis 0, in floats. */
function spaced(op: string, start: TensorLike, stop: TensorLike, options: SpaceOptions): Spacing {
  const num = options.num ?? 50;
  if (!Number.isInteger(num) || num < 0)
    throw new ArgumentError(`${op}: expected num to be a non-negative integer, got ${String(num)}.`);
  const dtype = optionalDType(op, options.dtype);
  let [a, b] = promoteToFloat(start, stop) as [Tensor, Tensor];
  if (dtype && isFloat(dtype)) [a, b] = [convert(a, dtype), convert(b, dtype)];
  [a, b] = [strong(a), strong(b)];
  const endpoint = options.endpoint ?? true;
  const divisions = endpoint ? num - 1 : num;
  const step = divisions > 0 ? div(sub(b, a), like(b, divisions)) : like(a, Number.NaN);
  const rank = sub(b, a).ndim;
  const column = (t: Tensor): Tensor => reshape(t, [t.size, ...Array.from({ length: rank }, () => 1)]);
  // a(1 − i/n) + b·i/n is exact at both ends, as JAX computes it.
  const n = divisions > 0 ? divisions : 1;
  const weight = column(div(iota([endpoint ? Math.max(num - 1, Math.min(num, 1)) : num], a.dtype), like(a, n)));
  const inner = add(mul(a, sub(like(weight, 1), weight)), mul(b, weight));
  const shape = sub(b, a).shape;
  const samples = endpoint && num > 1 ? concatenate([inner, reshape(broadcastTo(b, shape), [1, ...shape])], 0) : inner;
  return { samples, step, dtype };
}

const spaceKeys = ['num', 'endpoint', 'retstep', 'axis', 'dtype'] as const;

function finishSpaced(op: string, samples: Tensor, dtype: DType | undefined, axis: number | undefined): Tensor {
  const moved = axis === undefined ? samples : moveAxis(samples, 0, normalizeAxis(op, axis, samples.ndim));
  return dtype === undefined ? moved : convert(isFloat(dtype) ? moved : floor(moved), dtype);
}

/**
 * `num` evenly spaced numbers from `start` to `stop`, which may be arrays.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.linspace(0, 1, 5).toArray()); // => [ 0, 0.25, 0.5, 0.75, 1 ]
 * ```
 */
export function linspace(
  start: TensorLike,
  stop: TensorLike,
  num: number | SpaceOptions | undefined,
  options: SpaceOptions & { readonly retstep: true },
): [Tensor, Tensor];
export function linspace(
  start: TensorLike,
  stop: TensorLike,
  num: SpaceOptions & { readonly retstep: true },
): [Tensor, Tensor];
export function linspace(
  start: TensorLike,
  stop: TensorLike,
  num?: number | SpaceOptions,
  options?: SpaceOptions,
): Tensor;
export function linspace(
  start: TensorLike,
  stop: TensorLike,
  num?: number | SpaceOptions,
  options?: SpaceOptions,
): Tensor | [Tensor, Tensor] {
  const o = optionsOf<SpaceOptions>('linspace', 'num', num, options, spaceKeys);
  const { samples, step, dtype } = spaced('linspace', start, stop, o);
  const out = finishSpaced('linspace', samples, dtype, o.axis);
  return o.retstep ? [out, step] : out;
}

export interface LogspaceOptions extends SpaceOptions {
  /** Base of the powers; 10. */
  readonly base?: number | undefined;
}

/** `base` to the power of evenly spaced exponents. */
export function logspace(
  start: TensorLike,
  stop: TensorLike,
  num?: number | LogspaceOptions,
  options?: LogspaceOptions,
): Tensor {
  const o = optionsOf<LogspaceOptions>('logspace', 'num', num, options, [...spaceKeys, 'base']);
  const { samples, dtype } = spaced('logspace', start, stop, o);
  return finishSpaced('logspace', pow(like(samples, o.base ?? 10), samples), dtype, o.axis);
}

/** Numbers with a constant ratio, from `start` to `stop` (both positive, or both negative). */
export function geomspace(
  start: TensorLike,
  stop: TensorLike,
  num?: number | SpaceOptions,
  options?: SpaceOptions,
): Tensor {
  const o = optionsOf<SpaceOptions>('geomspace', 'num', num, options, spaceKeys);
  const [a, b] = promoteToFloat(start, stop).map(strong) as [Tensor, Tensor];
  const { samples, dtype } = spaced('geomspace', like(a, 0), like(a, 1), { ...o, dtype: undefined });
  const rank = sub(b, a).ndim;
  const exponent = reshape(samples, [samples.size, ...Array.from({ length: rank }, () => 1)]);
  return finishSpaced(
    'geomspace',
    mul(a, pow(div(b, a), exponent)),
    optionalDType('geomspace', o.dtype) ?? dtype,
    o.axis,
  );
}

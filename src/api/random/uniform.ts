/**
 * Uniform floats and integers, and coins.
 * May import: everything up to `control`, `api/args`, `api/lax`.
 * @module
 */
import { type DType, isFloat, isHalf, isInteger } from '../../ir/dtype.ts';
import { largestOf, leastOf } from '../../ir/limits.ts';
import { ArgumentError, DTypeError } from '../../ir/errors.ts';
import { broadcastShapes, sameShape, type Shape } from '../../ir/shape.ts';
import { defaultFloat } from '../../core/config.ts';
import { scalarTensor, type Tensor } from '../../core/tensor.ts';
import { add, like, mul, sub } from '../../primitives/arithmetic.ts';
import { gt, le, lt } from '../../primitives/compare.ts';
import { convert } from '../../primitives/convert.ts';
import { shiftRightLogical } from '../../primitives/elementwise-bits.ts';
import { max, rem } from '../../primitives/elementwise-number.ts';
import { select } from '../../primitives/select.ts';
import { broadcastTo } from '../../primitives/structural.ts';
import { asTensor, promoteToFloat, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import { type DTypeLike, optionalDType } from '../numpy/dtypes.ts';
import { bits32, bits64, shortBits, splitKeys } from './keys.ts';
import { type ShapeLike, toShape } from '../sizes.ts';

/** The float dtype of a sample. */
export function floatDType(op: string, dtype: DTypeLike | undefined): DType {
  const out = optionalDType(op, dtype) ?? defaultFloat();
  if (isFloat(out)) return out;
  throw new DTypeError(`${op}: expected a float dtype, got ${String(out)}.`, 'use random.randint for integers.');
}

/** The shape asked for, or that of the parameters; they must broadcast to it. */
export function sampleShape(op: string, shape: ShapeLike | undefined, ...parameters: Tensor[]): Shape {
  const needed = broadcastShapes(op, ...parameters.map((p) => p.shape));
  if (shape === undefined) return needed;
  const wanted = toShape(op, shape);
  if (sameShape(broadcastShapes(op, wanted, needed), wanted)) return wanted;
  throw new ArgumentError(
    `${op}: expected parameters that broadcast to [${wanted.join(',')}], got [${needed.join(',')}].`,
  );
}

/**
 * Multiples of eps (the distance from 1 to the next number) in [0, 1). Exact: JAX puts the same leading bits behind an exponent of 1 and
 * subtracts 1, which gives the same numbers. It draws 16 bits for float16, and 8 for bfloat16.
 */
function unitFloats(op: string, key: TensorLike, shape: Shape, dtype: DType): Tensor {
  if (dtype === 'float32') {
    const mantissa = shiftRightLogical(bits32(op, key, shape), scalarTensor(9, 'uint32'));
    return mul(convert(mantissa, dtype), scalarTensor(2 ** -23, dtype));
  }
  if (isHalf(dtype)) {
    const [width, digits] = dtype === 'float16' ? ([16, 10] as const) : ([8, 7] as const);
    const mantissa = shiftRightLogical(shortBits(op, key, shape, width), scalarTensor(width - digits, 'uint32'));
    return mul(convert(mantissa, dtype), scalarTensor(2 ** -digits, dtype));
  }
  const [high, low] = bits64(op, key, shape);
  const rest = convert(shiftRightLogical(low, scalarTensor(12, 'uint32')), dtype);
  const whole = add(mul(convert(high, dtype), scalarTensor(2 ** 20, dtype)), rest);
  return mul(whole, scalarTensor(2 ** -52, dtype));
}

/** Uniform on [minval, maxval), at least minval after rounding. */
export function uniformOf(
  op: string,
  key: TensorLike,
  shape: Shape,
  dtype: DType,
  minval: Tensor,
  maxval: Tensor,
): Tensor {
  const floats = unitFloats(op, key, shape, dtype);
  if (minval.scalar === 0 && maxval.scalar === 1) return floats;
  return max(minval, add(mul(floats, sub(maxval, minval)), minval));
}

/** Uniform between two numbers. */
export const uniformBetween = (
  op: string,
  key: TensorLike,
  shape: Shape,
  dtype: DType,
  lo: number,
  hi: number,
): Tensor => uniformOf(op, key, shape, dtype, scalarTensor(lo, dtype), scalarTensor(hi, dtype));

export interface SampleOptions {
  readonly shape?: ShapeLike;
  readonly dtype?: DTypeLike;
}

export interface UniformOptions extends SampleOptions {
  readonly minval?: TensorLike;
  readonly maxval?: TensorLike;
}

/**
 * Uniform floats on [minval, maxval).
 * @param shape and what follows: by position, or by name in one object
 * @example
 * ```ts
 * import { random } from 'cotangent';
 * console.log(random.uniform(random.key(0), [2, 3]).shape); // => [ 2, 3 ]
 * ```
 */
export function uniform(
  key: TensorLike,
  shape?: ShapeLike | UniformOptions,
  dtype?: DTypeLike | UniformOptions,
  minval?: TensorLike | UniformOptions,
  maxval?: TensorLike,
): Tensor {
  const o = readOptions<UniformOptions>(
    'random.uniform',
    ['shape', 'dtype', 'minval', 'maxval'],
    [shape, dtype, minval, maxval],
  );
  const type = floatDType('random.uniform', o.dtype);
  const [lo, hi] = [convert(asTensor(o.minval ?? 0), type), convert(asTensor(o.maxval ?? 1), type)];
  return uniformOf('random.uniform', key, sampleShape('random.uniform', o.shape ?? [], lo, hi), type, lo, hi);
}

/** A bound of randint in the dtype that is sampled, clipped to its range. */
function integerBound(x: TensorLike, dtype: DType): Tensor {
  const [lo, hi] = [leastOf(dtype), largestOf(dtype)];
  if (typeof x === 'number') return scalarTensor(Math.min(Math.max(Math.trunc(x), lo), hi), dtype);
  return convert(asTensor(x), dtype);
}

export interface RandintOptions extends SampleOptions {
  readonly minval?: TensorLike;
  readonly maxval?: TensorLike;
}

/**
 * Uniform integers on [minval, maxval). The bias is at most (maxval − minval) / 2⁶⁴.
 * @example
 * ```ts
 * import { random } from 'cotangent';
 * const dice = random.randint(random.key(0), [100], 1, 7);
 * console.log(dice.dtype); // => int32
 * ```
 */
export function randint(
  key: TensorLike,
  shape: ShapeLike | RandintOptions,
  minval?: TensorLike | RandintOptions,
  maxval?: TensorLike | RandintOptions,
  dtype?: DTypeLike | RandintOptions,
): Tensor {
  const o = readOptions<RandintOptions>(
    'random.randint',
    ['shape', 'minval', 'maxval', 'dtype'],
    [shape, minval, maxval, dtype],
  );
  const type = optionalDType('random.randint', o.dtype) ?? 'int32';
  if (!isInteger(type))
    throw new DTypeError(`random.randint: expected an integer dtype, got ${type}.`, 'use random.uniform for floats.');
  if (o.minval === undefined || o.maxval === undefined) {
    throw new ArgumentError(
      'random.randint: expected minval and maxval, got one or none.',
      'call randint(key, shape, minval, maxval).',
    );
  }
  if (type !== 'uint8') return sampleIntegers(key, o.shape ?? [], o.minval, o.maxval, type);
  // Sampled with 32 bits, so that there is no bias; the bounds are still those of bytes.
  const clipped = (x: TensorLike, hi: number): TensorLike => (typeof x === 'number' ? Math.min(Math.max(x, 0), hi) : x);
  return convert(sampleIntegers(key, o.shape ?? [], clipped(o.minval, 255), clipped(o.maxval, 256), 'int32'), type);
}

/** offset = (high · 2³² + low) mod span, from 64 random bits, in 32-bit arithmetic: (a·b) mod n = ((a mod n)·(b mod n)) mod n. */
function sampleIntegers(
  key: TensorLike,
  shape: ShapeLike,
  minval: TensorLike,
  maxval: TensorLike,
  dtype: DType,
): Tensor {
  const [lo, hi] = [integerBound(minval, dtype), integerBound(maxval, dtype)];
  const size = sampleShape('random.randint', shape, lo, hi);
  const isPast = typeof maxval === 'number' && maxval > largestOf(dtype);
  const word = (x: number): Tensor => scalarTensor(x, 'uint32');
  const width = select(le(hi, lo), word(1), convert(sub(hi, lo), 'uint32'));
  // A bound past the dtype's range includes its last number; a span of 2³² wraps to 0, by which remainders change nothing.
  const span = isPast ? select(gt(hi, lo), add(width, word(1)), width) : width;
  const half = rem(word(2 ** 16), span);
  const multiplier = rem(mul(half, half), span);
  const [high, low] = bitPairs(key, size);
  const offset = rem(add(mul(rem(high, span), multiplier), rem(low, span)), span);
  return broadcastTo(add(lo, convert(offset, dtype)), size);
}

function bitPairs(key: TensorLike, shape: Shape): readonly [Tensor, Tensor] {
  const [k1, k2] = splitKeys(key);
  return [bits32('random.randint', k1!, shape), bits32('random.randint', k2!, shape)];
}

export interface BernoulliOptions {
  readonly p?: TensorLike;
  readonly shape?: ShapeLike;
}

/** True with probability p (default ½). */
export function bernoulli(
  key: TensorLike,
  p?: TensorLike | BernoulliOptions,
  shape?: ShapeLike | BernoulliOptions,
): Tensor {
  const o = readOptions<BernoulliOptions>('random.bernoulli', ['p', 'shape'], [p, shape]);
  const [probability] = promoteToFloat(o.p ?? 0.5);
  const { dtype } = probability!;
  const size = sampleShape('random.bernoulli', o.shape, probability!);
  return lt(uniformBetween('random.bernoulli', key, size, dtype, 0, 1), probability!);
}

/** −1 or 1 with equal probability. */
export function rademacher(
  key: TensorLike,
  shape?: ShapeLike | SampleOptions,
  dtype?: DTypeLike | SampleOptions,
): Tensor {
  const o = readOptions<SampleOptions>('random.rademacher', ['shape', 'dtype'], [shape, dtype]);
  const coins = convert(bernoulli(key, 0.5, o.shape ?? []), optionalDType('random.rademacher', o.dtype) ?? 'int32');
  return sub(mul(coins, like(coins, 2)), like(coins, 1));
}

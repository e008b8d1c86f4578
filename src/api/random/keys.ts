/**
 * Random keys and random bits: Threefry-2x32 in counter mode, bit for bit as JAX has it. A key is a `u32[2]`; every function takes one
 * and always gives the same numbers for it, so keys are split and never used twice.
 * May import: everything up to `control`, `api/args`, `api/lax`.
 * @module
 */
import { dtypeInfo } from '../../ir/dtype.ts';
import { Aval } from '../../ir/aval.ts';
import { ArgumentError, DTypeError, ShapeError } from '../../ir/errors.ts';
import { type Shape, sizeOf } from '../../ir/shape.ts';
import { settings } from '../../core/config.ts';
import { deviceTensor, scalarTensor, type Tensor } from '../../core/tensor.ts';
import { add, like, mul } from '../../primitives/arithmetic.ts';
import { convert } from '../../primitives/convert.ts';
import { and, shiftRightLogical, xor } from '../../primitives/elementwise-bits.ts';
import { filled } from '../../primitives/fill.ts';
import { iota } from '../../primitives/iota.ts';
import { concatenate } from '../../primitives/movement.ts';
import { threefry2x32 } from '../../primitives/random.ts';
import { sliceAxis } from '../../primitives/slice.ts';
import { reshape } from '../../primitives/structural.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import { type DTypeLike, optionalDType } from '../numpy/dtypes.ts';
import { type ShapeLike, toShape } from '../sizes.ts';

/** The two words of a key. */
function wordsOf(op: string, key: TensorLike): [Tensor, Tensor] {
  const k = asTensor(key);
  if (k.ndim !== 1 || k.shape[0] !== 2 || k.dtype !== 'uint32') {
    throw new ShapeError(
      `${op}: expected a key u32[2], got ${k.aval.toString()}.`,
      'make one with random.key(seed); of keys from random.split take one (keys.slice(0)), or vmap over them.',
    );
  }
  return [reshape(sliceAxis(k, 0, 0, 1), []), reshape(sliceAxis(k, 0, 1, 2), [])];
}

/**
 * A key from an integer seed.
 * @param seed number (up to 2⁵³ in size), bigint (taken modulo 2⁶⁴) or integer scalar
 * @returns `u32[2]`: the seed's high and low word
 * @example
 * ```ts
 * import { random } from 'cotangent';
 * console.log(String(random.key(42))); // => [0, 42]
 * ```
 */
export function key(seed: number | bigint | TensorLike): Tensor {
  if (typeof seed === 'bigint' || typeof seed === 'number') {
    if (typeof seed === 'number' && !Number.isSafeInteger(seed)) {
      throw new ArgumentError(
        `random.key: expected an integer seed, got ${String(seed)}.`,
        'use a bigint for seeds beyond 2^53.',
      );
    }
    const wide = BigInt.asUintN(64, BigInt(seed));
    return deviceTensor(new Uint32Array([Number(wide >> 32n), Number(wide & 0xffffffffn)]), new Aval([2], 'uint32'));
  }
  const low = asTensor(seed);
  if (low.ndim > 0 || dtypeInfo[low.dtype].category === 'float') {
    throw new DTypeError(`random.key: expected an integer scalar, got ${low.aval.toString()}.`);
  }
  return pair(scalarTensor(0, 'uint32'), convert(low, 'uint32'));
}

/** The same as `key`. */
export const PRNGKey: typeof key = key;

const pair = (high: Tensor, low: Tensor): Tensor => concatenate([reshape(high, [1]), reshape(low, [1])], 0);

/** The words of a key, which here is the key itself. */
export const keyData = (k: TensorLike): Tensor => asTensor(k);

/** A key from its two words. */
export const wrapKeyData = (words: TensorLike): Tensor => convert(asTensor(words), 'uint32');

/** Outputs of the cipher for the counters 0 … n − 1 in JAX's original layout: the counters in two halves. */
function originalStream([k0, k1]: readonly [Tensor, Tensor], n: number): Tensor {
  const half = Math.ceil(n / 2);
  const first = iota([half], 'uint32', 0);
  const second = add(first, scalarTensor(half, 'uint32'));
  // An odd count is made even with a counter 0 whose output is dropped.
  const isOdd = n % 2 === 1;
  const counters = isOdd
    ? concatenate([sliceAxis(second, 0, 0, half - 1), filled(new Aval([1], 'uint32'), 0)], 0)
    : second;
  const out = concatenate(threefry2x32(k0, k1, first, counters), 0);
  return isOdd ? sliceAxis(out, 0, 0, n) : out;
}

/** Outputs of the cipher for the 64-bit position of every element. */
function positionedPair([k0, k1]: readonly [Tensor, Tensor], shape: Shape): readonly [Tensor, Tensor] {
  const positions = reshape(iota([sizeOf(shape)], 'uint32', 0), shape);
  const [high, low] = threefry2x32(k0, k1, scalarTensor(0, 'uint32'), positions);
  return [high!, low!];
}

/**
 * Several new keys from one, which should not be used any more.
 * @param num how many, or a shape of keys
 * @returns `u32[num,2]`
 * @example
 * ```ts
 * import { random } from 'cotangent';
 * const keys = random.split(random.key(0), 3);
 * console.log(keys.shape); // => [ 3, 2 ]
 * ```
 */
export function split(k: TensorLike, num?: ShapeLike | { readonly num?: ShapeLike }): Tensor {
  const { num: count = 2 } = readOptions<{ readonly num: ShapeLike }>('random.split', ['num'], [num]);
  const words = wordsOf('random.split', k);
  const shape = toShape('random.split', count);
  if (!settings.threefryPartitionable) return reshape(originalStream(words, 2 * sizeOf(shape)), [...shape, 2]);
  const column = (x: Tensor): Tensor => reshape(x, [...shape, 1]);
  return concatenate(positionedPair(words, shape).map(column), shape.length);
}

/** The keys of a split, one by one. */
export function splitKeys(k: TensorLike, num = 2): Tensor[] {
  const keys = split(k, num);
  return Array.from({ length: num }, (_, i) => reshape(sliceAxis(keys, 0, i, i + 1), [2]));
}

/** A new key from a key and an integer (a step number, say). */
export function foldIn(k: TensorLike, data: TensorLike): Tensor {
  const [k0, k1] = wordsOf('random.foldIn', k);
  const d = typeof data === 'number' ? scalarTensor(data >>> 0, 'uint32') : convert(asTensor(data), 'uint32');
  const [high, low] = threefry2x32(k0, k1, scalarTensor(0, 'uint32'), d);
  return pair(high!, low!);
}

/** 32 random bits an element. */
export function bits32(op: string, k: TensorLike, shape: Shape): Tensor {
  const words = wordsOf(op, k);
  if (!settings.threefryPartitionable) return reshape(originalStream(words, sizeOf(shape)), shape);
  const [high, low] = positionedPair(words, shape);
  return xor(high, low);
}

/** 64 random bits an element, as high and low words. */
export function bits64(op: string, k: TensorLike, shape: Shape): readonly [Tensor, Tensor] {
  const words = wordsOf(op, k);
  if (settings.threefryPartitionable) return positionedPair(words, shape);
  const n = sizeOf(shape);
  const all = originalStream(words, 2 * n);
  return [reshape(sliceAxis(all, 0, 0, n), shape), reshape(sliceAxis(all, 0, n, 2 * n), shape)];
}

/** 8 or 16 random bits an element, as uint32: in JAX's original layout the parts of each word, lowest first. */
export function shortBits(op: string, k: TensorLike, shape: Shape, width: 8 | 16): Tensor {
  const low = (x: Tensor): Tensor => and(x, like(x, 2 ** width - 1));
  if (settings.threefryPartitionable) return low(bits32(op, k, shape));
  const n = sizeOf(shape);
  const parts = 32 / width;
  const count = Math.ceil(n / parts);
  const words = reshape(originalStream(wordsOf(op, k), count), [count, 1]);
  const shifts = mul(iota([1, parts], 'uint32', 1), scalarTensor(width, 'uint32'));
  return reshape(sliceAxis(reshape(low(shiftRightLogical(words, shifts)), [parts * count]), 0, 0, n), shape);
}

export interface BitsOptions {
  readonly shape?: ShapeLike;
  readonly dtype?: DTypeLike;
}

/** Uniform random bits: `uint32` (default) or `uint8`. */
export function bits(k: TensorLike, shape?: ShapeLike | BitsOptions, dtype?: DTypeLike | BitsOptions): Tensor {
  const o = readOptions<BitsOptions>('random.bits', ['shape', 'dtype'], [shape, dtype]);
  const size = toShape('random.bits', o.shape ?? []);
  switch (optionalDType('random.bits', o.dtype) ?? 'uint32') {
    case 'uint32':
      return bits32('random.bits', k, size);
    case 'uint8':
      return convert(shortBits('random.bits', k, size, 8), 'uint8');
    default:
      throw new DTypeError(
        `random.bits: expected dtype uint32 or uint8, got ${String(o.dtype)}.`,
        'combine two uint32 for 64 bits.',
      );
  }
}

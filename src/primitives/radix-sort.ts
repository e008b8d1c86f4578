/**
 * Sorting by digits of 8 bits, the lowest first: each pass counts how often each digit occurs and then puts every element, in order,
 * behind those before it, which keeps the order of equal ones.
 * May import: `ir`.
 * @module
 */
import type { DType } from '../ir/dtype.ts';
import {
  binary,
  bitcast,
  type BufferRef,
  constant,
  convert,
  type Expr,
  iadd,
  int,
  load,
  select,
  unary,
} from '../ir/loop/expr.ts';
import type { KernelBuilder } from '../ir/loop/kernel.ts';

const radix = 256;

/** Digits of a key of the dtype. */
export const digitCount = (dtype: DType): number =>
  dtype === 'float64' ? 8 : dtype === 'bool' || dtype === 'uint8' ? 1 : 4;

/** Digits of a word of a key. */
const perWord = 4;

/**
 * Integers whose unsigned order is that of the values, the one that counts most last. A negative float has all bits of its pattern
 * flipped, a positive one the sign bit only; zeros of both signs are one key, and so are all NaN, after everything else.
 */
function keyOf(x: Expr): Expr[] {
  const signBit = int(-2147483648);
  if (x.dtype === 'bool' || x.dtype === 'uint8') return [convert(x, 'int32')];
  if (x.dtype === 'uint32') return [bitcast(x, 'int32')];
  if (x.dtype === 'int32') return [binary('xor', x, signBit)];
  const isZero = binary('eq', x, constant(0, x.dtype));
  const words = x.dtype === 'float64' ? [unary('low_word', x), unary('high_word', x)] : [bitcast(x, 'int32')];
  const bits = words.map((w) => select(isZero, int(0), w));
  const sign = binary('shr_arithmetic', bits.at(-1)!, int(31));
  const isNaN = binary('ne', x, x);
  return bits.map((w, i) => {
    const flips = i === bits.length - 1 ? binary('or', sign, signBit) : sign;
    return select(isNaN, int(-1), binary('xor', w, flips));
  });
}

/** Place of digit `d` of a key in the tables. */
function slot(key: readonly Expr[], d: number): Expr {
  const shifted = binary('shr_logical', key[Math.floor(d / perWord)]!, int(8 * (d % perWord)));
  return iadd(binary('and', shifted, int(radix - 1)), int(radix * d));
}

/**
 * Sorts `n` elements of `ping` by its first buffer. `tables` holds 256 counts a digit.
 * @returns the buffers that hold the result
 */
export function radixSort(
  b: KernelBuilder,
  ping: readonly BufferRef[],
  pong: readonly BufferRef[],
  tables: BufferRef,
  n: number,
): readonly BufferRef[] {
  const digits = digitCount(ping[0]!.dtype);
  b.parallel([digits * radix], ([i]) => b.store(tables, i!, int(0)));
  b.loop(n, (i) => {
    const key = keyOf(load(ping[0]!, i)).map((word) => b.keep(word));
    for (let d = 0; d < digits; d++) {
      const at = b.keep(slot(key, d));
      b.store(tables, at, iadd(load(tables, at), int(1)));
    }
  });
  let [from, to] = [ping, pong];
  for (let d = 0; d < digits; d++) {
    distribute(b, from, to, tables, d, n);
    [from, to] = [to, from];
  }
  return from;
}

/** One pass: counts become first places, and the elements go there. */
function distribute(
  b: KernelBuilder,
  from: readonly BufferRef[],
  to: readonly BufferRef[],
  tables: BufferRef,
  d: number,
  n: number,
): void {
  const total = b.local('int32', 0);
  b.loop(radix, (i) => {
    const at = iadd(i, int(radix * d));
    const count = b.keep(load(tables, at));
    b.store(tables, at, b.get(total));
    b.set(total, iadd(b.get(total), count));
  });
  b.loop(n, (i) => {
    const at = b.keep(slot(keyOf(load(from[0]!, i)), d));
    const place = b.keep(load(tables, at));
    from.forEach((buffer, k) => b.store(to[k]!, place, load(buffer, i)));
    b.store(tables, at, iadd(place, int(1)));
  });
}

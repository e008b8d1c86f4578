/**
 * Conversions of the 16-bit floats, whose elements are their bits until something computes with them. They go through float32, with one
 * rounding, to nearest even; what would round twice (float64, and 32-bit integers to bfloat16) is first rounded to odd, which a second
 * rounding to fewer digits cannot tell from the number itself (Boldo and Melquiond, Emulation of FMA and correctly rounded sums, 2008).
 * May import: `ir`.
 * @module
 */
import { type DType, isHalf } from '../../../ir/dtype.ts';
import type { HalfDType } from '../../../ir/half.ts';
import { bitcast, convert, type Expr } from '../../../ir/loop/expr.ts';
import {
  abs,
  add,
  and,
  copysign,
  eq,
  float32FromBits,
  ge,
  gt,
  int32Bits,
  intMax,
  intMin,
  lt,
  mul,
  ne,
  or,
  shl,
  shr,
  sub,
  where,
} from './arith.ts';

/** Exponent field 1 of a float32: 2^23. */
const unit: number = 2 ** 23;
const infinityBits = 0x7f800000;

/** A conversion from or to a 16-bit float in other terms; undefined for other conversions. */
export function expandConvert(x: Expr, to: DType): Expr | undefined {
  if (isHalf(x.dtype))
    return convert(x.op === 'convert' && x.x.dtype === 'float32' ? nearest(x.x, x.dtype) : toFloat32(x, x.dtype), to);
  return isHalf(to) ? fromNumber(x, to) : undefined;
}

function toFloat32(x: Expr, dtype: HalfDType): Expr {
  const bits = bitcast(x, 'int32');
  return dtype === 'bfloat16' ? float32FromBits(shl(bits, 16)) : float16ToFloat32(bits);
}

/**
 * With its bits moved to the place of a float32's, a finite float16 is 2^−112 times as large: subnormals too. The fields of the others
 * have all bits of the exponent set.
 */
function float16ToFloat32(bits: Expr): Expr {
  const size = and(bits, 0x7fff);
  const moved = shl(size, 13);
  const finite = mul(float32FromBits(moved), 2 ** 112);
  const value = where(lt(size, 0x7c00), int32Bits(finite), or(moved, infinityBits));
  return float32FromBits(or(value, shl(and(bits, 0x8000), 16)));
}

function fromNumber(x: Expr, to: HalfDType): Expr {
  if (x.dtype === 'float32') return to === 'bfloat16' ? bitcast(bfloat16Field(x), to) : float32ToFloat16(x);
  if (x.dtype === 'float64') return fromNumber(roundedToOdd(x), to);
  // Integers beyond 2^24 are infinite as float16, however they are rounded.
  const isLong = to === 'bfloat16' && (x.dtype === 'int32' || x.dtype === 'uint32');
  return fromNumber(convert(x, isLong ? 'float64' : 'float32'), to);
}

/** The float32 of the two next to `x` whose last bit is set; `x` itself, where it is a float32. */
function roundedToOdd(x: Expr): Expr {
  const nearest = convert(x, 'float32');
  const back = convert(nearest, 'float64');
  const bits = int32Bits(nearest);
  const towardZero = sub(bits, convert(gt(abs(back), abs(x)), 'int32'));
  const isExact = or(eq(back, x), ne(x, x));
  return float32FromBits(where(isExact, bits, or(towardZero, 1)));
}

/** What float32 there and back gives: the same number, rounded, without a detour by its bits. */
const nearest = (x: Expr, dtype: HalfDType): Expr =>
  dtype === 'bfloat16' ? float32FromBits(shl(bfloat16Field(x), 16)) : roundedToFloat16(x);

/** Adding just below half of what is cut off, and the last bit that stays, carries where it rounds up. */
function bfloat16Field(x: Expr): Expr {
  const bits = int32Bits(x);
  const rounded = shr(add(bits, add(and(shr(bits, 16), 1), 0x7fff)), 16);
  return where(eq(x, x), rounded, 0x7fc0);
}

/**
 * Added to 2^(e + 13), a number of exponent e loses what a float16 has no place for, with the rounding of the addition. Below e = −14 the
 * last place stays where it is; from 2^16 on, everything is infinite.
 */
function roundedSize(x: Expr): Expr {
  const exponent = intMin(intMax(and(int32Bits(x), infinityBits), 113 * unit), 143 * unit);
  const shift = float32FromBits(add(exponent, 13 * unit));
  return sub(add(abs(x), shift), shift);
}

function roundedToFloat16(x: Expr): Expr {
  const size = roundedSize(x);
  return copysign(where(ge(size, 65536), Number.POSITIVE_INFINITY, size), x);
}

function float32ToFloat16(x: Expr): Expr {
  const bits = int32Bits(x);
  const field = intMin(shr(int32Bits(mul(roundedSize(x), 2 ** -112)), 13), 0x7c00);
  const sign = and(shr(bits, 16), 0x8000);
  return bitcast(where(eq(x, x), or(field, sign), 0x7e00), 'float16');
}

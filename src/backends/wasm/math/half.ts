/**
 * Conversions of the 16-bit floats, whose elements are their bits until something computes with them. They go through float32, with one
 * rounding, to nearest even; what would round twice (float64, and 32-bit integers to bfloat16) is first rounded to odd, which a second
 * rounding to fewer digits cannot tell from the number itself (Boldo and Melquiond, Emulation of FMA and correctly rounded sums, 2008).
 * May import: `ir`.
 * @module
 */
import { type DType, isHalf } from '../../../ir/dtype.ts';
import { halfBits, type HalfDType, roundHalf } from '../../../ir/half.ts';
import { bitcast, constant, convert, type Expr } from '../../../ir/loop/expr.ts';
import {
  abs,
  add,
  and,
  atMost,
  eq,
  float32FromBits,
  ge,
  gt,
  int32Bits,
  intMax,
  lt,
  mul,
  ne,
  or,
  sar,
  shl,
  shr,
  sub,
  where,
  xor,
} from './arith.ts';

/** Exponent field 1 of a float32: 2^23. */
const unit: number = 2 ** 23;
const infinityBits = 0x7f800000;
const signBit: number = -(2 ** 31);

/** A conversion from or to a 16-bit float in other terms; undefined for other conversions. */
export function expandConvert(x: Expr, to: DType): Expr | undefined {
  if (isHalf(x.dtype)) return convert(numberOf(x, x.dtype), to);
  return isHalf(to) ? fromNumber(x, to) : undefined;
}

/** The float32 that a 16-bit float stands for: one that was just computed is rounded, without a detour by its bits. */
function numberOf(x: Expr, dtype: HalfDType, depth = maxDepth): Expr {
  if (isRounded(x)) return nearest(x.x, dtype);
  const isChosen = x.op === 'select' && depth > 0 && (isRounded(x.then) || isRounded(x.otherwise));
  if (!isChosen) return toFloat32(x, dtype);
  return where(x.cond, numberOf(x.then, dtype, depth - 1), numberOf(x.otherwise, dtype, depth - 1));
}

const isRounded = (x: Expr): x is Extract<Expr, { op: 'convert' }> => x.op === 'convert' && x.x.dtype === 'float32';

/** Operations under which every format is closed, in the places of its numbers that they take. */
const keepsFormat: ReadonlySet<string> = new Set([
  'neg',
  'abs',
  'sign',
  'floor',
  'ceil',
  'trunc',
  'round_even',
  'copysign',
  'max',
  'min',
]);
/** How far expressions are looked into. */
const maxDepth = 8;

/** Whether a float32 is known to be a number of the format, so that rounding leaves it as it is. */
function isOf(x: Expr, dtype: HalfDType, depth = maxDepth): boolean {
  if (depth === 0) return false;
  const within = (y: Expr): boolean => isOf(y, dtype, depth - 1);
  switch (x.op) {
    case 'const':
      return Object.is(roundHalf(x.value, dtype), x.value);
    case 'convert':
      return x.x.dtype === dtype || x.x.dtype === 'bool' || x.x.dtype === 'uint8';
    case 'unary':
      return keepsFormat.has(x.fn) && within(x.x);
    case 'binary':
      return keepsFormat.has(x.fn) && within(x.x) && (x.fn === 'copysign' || within(x.y));
    case 'select':
      return within(x.then) && within(x.otherwise);
    default:
      return false;
  }
}

function toFloat32(x: Expr, dtype: HalfDType): Expr {
  const high = shl(bitcast(x, 'int32'), 16);
  return dtype === 'bfloat16' ? float32FromBits(high) : float16ToFloat32(high);
}

/**
 * With its bits moved to the place of a float32's, a finite float16 is 2^−112 times as large: subnormals too. The fields of the others
 * have all bits of the exponent set. The shift leaves copies of the sign between the sign and the exponent.
 */
function float16ToFloat32(high: Expr): Expr {
  const moved = and(sar(high, 3), 0x0fffe000 + signBit);
  const finite = mul(float32FromBits(moved), 2 ** 112);
  const isFinite = lt(and(moved, 31 * unit), 31 * unit);
  return float32FromBits(where(isFinite, int32Bits(finite), or(moved, infinityBits)));
}

/** The bits of a float32 that is made of numbers of the format without arithmetic; undefined for others. */
function bitsOf(x: Expr, dtype: HalfDType, depth = maxDepth): Expr | undefined {
  if (depth === 0) return undefined;
  if (x.op === 'convert' && x.x.dtype === dtype) return bitcast(x.x, 'int32');
  if (x.op === 'const' && isOf(x, dtype)) return constant(halfBits(x.value, dtype), 'int32');
  if (x.op === 'unary' && (x.fn === 'neg' || x.fn === 'abs')) {
    const bits = bitsOf(x.x, dtype, depth - 1);
    return bits && (x.fn === 'neg' ? xor(bits, 0x8000) : and(bits, 0x7fff));
  }
  if (x.op !== 'select') return undefined;
  const then = bitsOf(x.then, dtype, depth - 1);
  const otherwise = then && bitsOf(x.otherwise, dtype, depth - 1);
  return otherwise && where(x.cond, then, otherwise);
}

function fromNumber(x: Expr, to: HalfDType): Expr {
  if (x.dtype === 'float32')
    return bitcast(bitsOf(x, to) ?? (to === 'bfloat16' ? bfloat16Bits(x) : float16Bits(x)), to);
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

/** The nearest number of the format, as float32. */
function nearest(x: Expr, dtype: HalfDType): Expr {
  if (isOf(x, dtype)) return x;
  if (dtype === 'float16') return nearestFloat16(x);
  const rounded = float32FromBits(and(carried(x), -65536));
  return keepsNaN(x) ? rounded : where(eq(x, x), rounded, x);
}

/**
 * Whether a NaN that `x` may be survives the addition of `carried`. One whose fraction is full would not; what arithmetic makes of bfloat16
 * numbers has the fraction of an operand, whose lower half is empty, or that of the engine's own NaN, which has one bit.
 */
const keepsNaN = (x: Expr): boolean =>
  x.op === 'binary' && fourRules.has(x.fn) && isOf(x.x, 'bfloat16') && isOf(x.y, 'bfloat16');
const fourRules: ReadonlySet<string> = new Set(['add', 'sub', 'mul', 'div']);

/** Adding just below half of what is cut off, and the last bit that stays, carries into the upper 16 bits where it rounds up. */
function carried(x: Expr): Expr {
  const bits = int32Bits(x);
  return add(add(bits, 0x7fff), and(shr(bits, 16), 1));
}

function bfloat16Bits(x: Expr): Expr {
  // A NaN of the format keeps bits of its fraction.
  if (isOf(x, 'bfloat16')) return shr(int32Bits(x), 16);
  return where(eq(x, x), shr(carried(x), 16), 0x7fc0);
}

/**
 * The power of two below `x`, times 2^13, as bits: added to it, a positive number loses what a float16 has no place for, with the rounding
 * of the addition. Below 2^−14 the last place stays where it is. From 2^16 on it may be anything.
 */
const exponentOf = (x: Expr): Expr => intMax(and(int32Bits(x), infinityBits), 113 * unit);
const shiftOf = (exponent: Expr): Expr => add(exponent, 13 * unit);

/** The sign bit of `x`, and the number without it: two operations, where the engines need two for `abs` alone. */
function parts(x: Expr): { readonly sign: Expr; readonly size: Expr } {
  const sign = and(int32Bits(x), signBit);
  return { sign, size: float32FromBits(xor(int32Bits(x), sign)) };
}

function nearestFloat16(x: Expr): Expr {
  const { sign, size } = parts(x);
  const shift = float32FromBits(shiftOf(exponentOf(x)));
  const rounded = sub(add(size, shift), shift);
  // Halfway from the largest number to 2^16 on.
  const bounded = where(ge(size, 65520), infinityBits, int32Bits(rounded));
  return float32FromBits(or(bounded, sign));
}

/**
 * The sum with the shift holds the rounded fraction, with the hidden bit where there is one, in its low bits; so it adds to the exponent's
 * field (less one), and carries into it where it rounds up. No operation meets a subnormal float32, which would be slow.
 */
function float16Bits(x: Expr): Expr {
  const { sign, size } = parts(x);
  const bounded = atMost(size, 65536);
  const exponent = exponentOf(bounded);
  const shift = shiftOf(exponent);
  const fraction = sub(int32Bits(add(bounded, float32FromBits(shift))), shift);
  const field = add(sub(shr(exponent, 13), 113 * 2 ** 10), fraction);
  return where(eq(x, x), or(field, shr(sign, 16)), 0x7e00);
}

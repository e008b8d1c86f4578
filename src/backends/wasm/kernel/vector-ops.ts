/**
 * Operations on four lanes (two for float64) as SIMD128 instructions. A bool is a mask of 32-bit lanes, uint8 and uint32 are i32 lanes.
 * May import: `ir`, `kernel/lir`.
 * @module
 */
import type { DType } from '../../../ir/dtype.ts';
import { type BinaryOp, isComparison, type UnaryOp } from '../../../ir/loop/expr.ts';
import type { OpName } from '../encode/opcodes.ts';
import type { Lir, LirBuilder } from './lir.ts';

/** Lanes 2,3 moved to 0,1. */
const highHalf: readonly number[] = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
/** The low 64 bits of both operands. */
const lowHalves: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
/** Words of the first operand below those of the low, and of the high, half of the second. */
const aboveLow: readonly number[] = [0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23];
const aboveHigh: readonly number[] = [8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31];
/** The low words of the four 64-bit lanes of both operands. */
const lowWords: readonly number[] = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];

const isFloatDType = (d: DType): boolean => d === 'float32' || d === 'float64';
const shapeOf = (d: DType): 'f32x4' | 'f64x2' | 'i32x4' =>
  d === 'float32' ? 'f32x4' : d === 'float64' ? 'f64x2' : 'i32x4';

const floatUnary: Partial<Record<UnaryOp, string>> = {
  floor: 'floor',
  ceil: 'ceil',
  trunc: 'trunc',
  round_even: 'nearest',
  sqrt: 'sqrt',
};
const arithmetic: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['add', 'sub', 'mul', 'div', 'max', 'min']);
const integerArithmetic: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['add', 'sub', 'mul']);
const bitwise: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['and', 'or', 'xor']);

export class VectorOps {
  private readonly b: LirBuilder;
  private readonly global: (bytes: Uint8Array) => number;
  private readonly isRelaxed: boolean;

  /** @param global index of a module global that holds the given 16 bytes */
  constructor(b: LirBuilder, global: (bytes: Uint8Array) => number, isRelaxed: boolean) {
    this.b = b;
    this.global = global;
    this.isRelaxed = isRelaxed;
  }

  // Constants

  private vector(view: ArrayBufferView<ArrayBuffer>): Lir {
    return this.b.make('global', [], { imm: this.global(new Uint8Array(view.buffer)), type: 'v128' });
  }

  lanes32(values: readonly number[]): Lir {
    return this.vector(Int32Array.from(values));
  }

  constant(value: number, dtype: DType): Lir {
    const { b } = this;
    if (dtype === 'float32') return b.op('f32x4.splat', b.f32(value));
    if (dtype === 'float64') return b.op('f64x2.splat', b.f64(value));
    return b.op('i32x4.splat', b.i32(dtype === 'bool' ? -Number(value !== 0) : value));
  }

  splat(x: Lir, dtype: DType): Lir {
    if (x.op === 'const') return this.constant(x.imm, dtype);
    if (dtype === 'bool') return this.b.op('i32x4.splat', this.b.op('i32.sub', this.b.i32(0), x));
    return this.b.op(`${shapeOf(dtype)}.splat`, x);
  }

  // Lanes

  extract(v: Lir, dtype: DType, lane: number): Lir {
    const x = this.b.lane(`${shapeOf(dtype)}.extract_lane`, lane, v);
    return dtype === 'bool' ? this.b.and(x, 1) : x;
  }

  /** A vector of the given elements. */
  assemble(elements: readonly Lir[], dtype: DType): Lir {
    const { b } = this;
    const raw = dtype === 'bool' ? elements.map((e) => b.op('i32.sub', b.i32(0), e)) : elements;
    let v = b.op(`${shapeOf(dtype)}.splat`, raw[0]!);
    for (let i = 1; i < raw.length; i++) v = b.lane(`${shapeOf(dtype)}.replace_lane`, i, v, raw[i]!);
    return v;
  }

  /** Applies a scalar operation lane by lane. */
  lanewise(args: readonly { v: Lir; dtype: DType }[], result: DType, apply: (xs: Lir[]) => Lir): Lir {
    const n = result === 'float64' ? 2 : 4;
    const elements = Array.from({ length: n }, (_, lane) => apply(args.map((a) => this.extract(a.v, a.dtype, lane))));
    return this.assemble(elements, result);
  }

  reverse(dtype: DType, v: Lir): Lir {
    return this.shuffleLanes(dtype, v, v, dtype === 'float64' ? [1, 0] : [3, 2, 1, 0]);
  }

  /** The even (or the odd) ones of the lanes of two vectors. */
  everySecond(dtype: DType, low: Lir, high: Lir, isOdd: boolean): Lir {
    const first = isOdd ? 1 : 0;
    return this.shuffleLanes(
      dtype,
      low,
      high,
      (dtype === 'float64' ? [0, 2] : [0, 2, 4, 6]).map((l) => l + first),
    );
  }

  /** Lanes of two vectors, those of the second counted on. */
  shuffleLanes(dtype: DType, a: Lir, b: Lir, lanes: readonly number[]): Lir {
    const bytes = dtype === 'float64' ? 8 : 4;
    const order = lanes.flatMap((l) => Array.from({ length: bytes }, (_, i) => bytes * l + i));
    return this.b.shuffle(a, b, order);
  }

  // Widths

  /** Which half of a 32-bit-lane vector goes with 64-bit part `q`. */
  half(v: Lir, q: number): Lir {
    return (q & 1) === 0 ? v : this.b.shuffle(v, v, highHalf);
  }

  maskTo64(mask: Lir, q: number): Lir {
    return this.b.op((q & 1) === 0 ? 'i64x2.extend_low_i32x4_s' : 'i64x2.extend_high_i32x4_s', mask);
  }

  /** Low words of two vectors of 64-bit lanes: masks, and results of truncations. */
  narrow(low: Lir, high: Lir): Lir {
    return this.b.shuffle(low, high, lowWords);
  }

  joinLowHalves(low: Lir, high: Lir): Lir {
    return this.b.shuffle(low, high, lowHalves);
  }

  private wrap(v: Lir, dtype: DType): Lir {
    return dtype === 'uint8' ? this.b.op('v128.and', v, this.constant(255, 'int32')) : v;
  }

  /** `then` in the lanes where the mask is all ones, `otherwise` where it is all zeros. */
  select(dtype: DType, mask: Lir, then: Lir, otherwise: Lir): Lir {
    if (!this.isRelaxed) return this.b.op('v128.bitselect', then, otherwise, mask);
    const shape = dtype === 'float64' ? 'i64x2' : 'i32x4';
    return this.b.op(`${shape}.relaxed_laneselect`, then, otherwise, mask);
  }

  madd(dtype: DType, x: Lir, y: Lir, z: Lir): Lir {
    const { b } = this;
    const s = dtype === 'float32' ? 'f32x4' : 'f64x2';
    return this.isRelaxed ? b.op(`${s}.relaxed_madd`, x, y, z) : b.op(`${s}.add`, b.op(`${s}.mul`, x, y), z);
  }

  /**
   * max or min with a number, in one or two instructions where the general one takes eight: x < c ? c : x keeps a NaN and is
   * right but for zeros of different sign, of which max takes 0 (what adding 0 makes of -0) and min -0.
   */
  limit(fn: 'max' | 'min', dtype: DType, x: Lir, limit: number): Lir | undefined {
    const s = shapeOf(dtype);
    if (s === 'i32x4' || Number.isNaN(limit) || (fn === 'min' && Object.is(limit, -0))) return undefined;
    const bounded = this.b.op(fn === 'max' ? `${s}.pmax` : `${s}.pmin`, x, this.constant(limit, dtype));
    if (fn === 'min' || !Object.is(limit, 0)) return bounded;
    return this.b.op(`${s}.add`, bounded, this.constant(0, dtype));
  }

  // Operations. `undefined` where there is no instruction: the caller goes lane by lane.

  unary(fn: UnaryOp, dtype: DType, x: Lir): Lir | undefined {
    const { b } = this;
    const s = shapeOf(dtype);
    if (fn === 'usually') return x;
    if (!isFloatDType(dtype)) return this.intUnary(fn, dtype, x);
    // By bits: V8 builds the mask anew in each `abs` and `neg`, and V8 13.6 compiles pairs of f64x2.neg to 256-bit code that negates
    // another register.
    if (fn === 'neg') return b.op('v128.xor', x, this.signBits(dtype));
    if (fn === 'abs') return b.op('v128.andnot', x, this.signBits(dtype));
    const native = floatUnary[fn];
    if (native !== undefined) return b.op(`${s}.${native}` as OpName, x);
    const abs = b.op('v128.andnot', x, this.signBits(dtype));
    if (fn === 'is_finite') return b.op(`${s}.lt` as OpName, abs, this.constant(Number.POSITIVE_INFINITY, dtype));
    if (fn !== 'sign') return undefined;
    const isNonzero = b.op(`${s}.gt` as OpName, abs, this.constant(0, dtype));
    return this.select(dtype, isNonzero, this.copysign(dtype, this.constant(1, dtype), x), x);
  }

  /** The sign bits of floats. Those of float32 are what integer code masks with. */
  private signBits(dtype: DType): Lir {
    return dtype === 'float32' ? this.constant(-2147483648, 'int32') : this.constant(-0, dtype);
  }

  private copysign(dtype: DType, magnitude: Lir, sign: Lir): Lir {
    return this.b.op('v128.bitselect', sign, magnitude, this.signBits(dtype));
  }

  private intUnary(fn: UnaryOp, dtype: DType, x: Lir): Lir | undefined {
    const { b } = this;
    switch (fn) {
      case 'neg':
        return this.wrap(b.op('i32x4.neg', x), dtype);
      case 'abs':
        return dtype === 'int32' ? b.op('i32x4.abs', x) : x;
      case 'not':
        return this.wrap(b.op('v128.not', x), dtype);
      case 'is_finite':
        return this.constant(1, 'bool');
      case 'floor':
      case 'ceil':
      case 'trunc':
      case 'round_even':
        return x;
      default:
        return undefined;
    }
  }

  /** Comparisons of float64 give a mask of 64-bit lanes. */
  binary(fn: BinaryOp, dtype: DType, x: Lir, y: Lir): Lir | undefined {
    const { b } = this;
    if (bitwise.has(fn)) return b.op(`v128.${fn as 'and' | 'or' | 'xor'}`, x, y);
    if (dtype === 'bool') return this.maskBinary(fn, x, y);
    const s = shapeOf(dtype);
    if (isFloatDType(dtype)) {
      if (arithmetic.has(fn) || isComparison(fn)) return b.op(`${s}.${fn}` as OpName, x, y);
      return fn === 'copysign' ? this.copysign(dtype, x, y) : undefined;
    }
    const sign = dtype === 'int32' ? 's' : 'u';
    if (integerArithmetic.has(fn)) return this.wrap(b.op(`i32x4.${fn}` as OpName, x, y), dtype);
    if (fn === 'eq' || fn === 'ne') return b.op(`i32x4.${fn}`, x, y);
    if (isComparison(fn) || fn === 'max' || fn === 'min') return b.op(`i32x4.${fn}_${sign}` as OpName, x, y);
    return undefined;
  }

  private maskBinary(fn: BinaryOp, x: Lir, y: Lir): Lir | undefined {
    const { b } = this;
    switch (fn) {
      case 'add':
      case 'max':
        return b.op('v128.or', x, y);
      case 'mul':
      case 'min':
        return b.op('v128.and', x, y);
      case 'ne':
        return b.op('v128.xor', x, y);
      case 'eq':
        return b.op('v128.not', b.op('v128.xor', x, y));
      case 'lt':
        return b.op('v128.andnot', y, x);
      case 'gt':
        return b.op('v128.andnot', x, y);
      case 'le':
        return b.op('v128.or', y, b.op('v128.not', x));
      case 'ge':
        return b.op('v128.or', x, b.op('v128.not', y));
      default:
        return undefined;
    }
  }

  /** Shift of all lanes by one amount. */
  shift(fn: 'shl' | 'shr_logical' | 'shr_arithmetic', dtype: DType, x: Lir, amount: Lir): Lir | undefined {
    const { b } = this;
    if (dtype === 'uint8' && fn === 'shr_arithmetic') return undefined;
    const op = fn === 'shl' ? 'i32x4.shl' : fn === 'shr_logical' ? 'i32x4.shr_u' : 'i32x4.shr_s';
    if (amount.op === 'const') {
      const n = amount.imm >>> 0;
      const raised = fn === 'shl' && n === 16 ? this.raised(x) : undefined;
      if (raised !== undefined) return raised;
      if (n > 31 && fn !== 'shr_arithmetic') return this.constant(0, 'int32');
      return this.wrap(b.op(op, x, b.i32(Math.min(n, 31))), dtype);
    }
    const isSmall = b.op('i32.lt_u', amount, b.i32(32));
    if (fn === 'shr_arithmetic') return b.op(op, x, b.select(isSmall, amount, b.i32(31)));
    return this.wrap(b.op('v128.and', b.op(op, x, amount), this.splat(isSmall, 'bool')), dtype);
  }

  /** Words that have just been widened, in the upper half of the lanes: one instruction in place of two. */
  private raised(x: Lir): Lir | undefined {
    const bytes =
      x.op === 'i32x4.extend_low_i16x8_u' ? aboveLow : x.op === 'i32x4.extend_high_i16x8_u' ? aboveHigh : undefined;
    return bytes && this.b.shuffle(this.constant(0, 'int32'), x.args[0]!, bytes);
  }

  /** Conversions between dtypes of 32-bit lanes. */
  convert32(from: DType, to: DType, x: Lir): Lir {
    const { b } = this;
    if (to === 'bool') return b.op(`${shapeOf(from) as 'f32x4' | 'i32x4'}.ne`, x, this.constant(0, from));
    if (from === 'bool') return b.op('v128.and', x, this.constant(1, to));
    if (to === 'float32') return b.op(from === 'uint32' ? 'f32x4.convert_i32x4_u' : 'f32x4.convert_i32x4_s', x);
    if (from !== 'float32') return this.wrap(x, to);
    if (to === 'uint8') return this.clampToByte(b.op('i32x4.trunc_sat_f32x4_s', x));
    return b.op(to === 'int32' ? 'i32x4.trunc_sat_f32x4_s' : 'i32x4.trunc_sat_f32x4_u', x);
  }

  private clampToByte(x: Lir): Lir {
    const nonNegative = this.b.op('i32x4.max_s', x, this.constant(0, 'int32'));
    return this.b.op('i32x4.min_s', nonNegative, this.constant(255, 'int32'));
  }

  /** float64 part `q` from the 32-bit-lane vector that holds it. */
  widen(from: DType, x: Lir, q: number): Lir {
    const { b } = this;
    if (from === 'bool') return b.op('v128.and', this.maskTo64(x, q), this.constant(1, 'float64'));
    const h = this.half(x, q);
    if (from === 'float32') return b.op('f64x2.promote_low_f32x4', h);
    return b.op(from === 'uint32' ? 'f64x2.convert_low_i32x4_u' : 'f64x2.convert_low_i32x4_s', h);
  }

  /** A 32-bit-lane vector from two float64 parts. */
  narrowFloats(to: DType, low: Lir, high: Lir): Lir {
    const { b } = this;
    if (to === 'float32') {
      return this.joinLowHalves(b.op('f32x4.demote_f64x2_zero', low), b.op('f32x4.demote_f64x2_zero', high));
    }
    if (to === 'bool') {
      const zero = this.constant(0, 'float64');
      return this.narrow(b.op('f64x2.ne', low, zero), b.op('f64x2.ne', high, zero));
    }
    const op = to === 'uint32' ? 'i32x4.trunc_sat_f64x2_u_zero' : 'i32x4.trunc_sat_f64x2_s_zero';
    const integers = this.joinLowHalves(b.op(op, low), b.op(op, high));
    return to === 'uint8' ? this.clampToByte(integers) : integers;
  }
}

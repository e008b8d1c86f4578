/**
 * Operations on single elements as instructions. bool is an i32 of 0 or 1, uint8 an i32 of 0…255.
 * May import: `ir`, `kernel/lir`.
 * @module
 */
import type { DType } from '../../../ir/dtype.ts';
import { InternalError } from '../../../ir/errors.ts';
import { type BinaryOp, isComparison, isWord, type TernaryOp, type UnaryOp } from '../../../ir/loop/expr.ts';
import type { OpName, ValueType } from '../encode/opcodes.ts';
import { convertConstant } from './graph.ts';
import type { Lir, LirBuilder } from './lir.ts';

export function scalarType(dtype: DType): ValueType {
  return dtype === 'float32' ? 'f32' : dtype === 'float64' ? 'f64' : 'i32';
}

/** Index of an imported host function of float64 arguments. */
export type HostImport = (name: string, arity: number) => number;

const isUnsigned = (d: DType): boolean => d === 'uint32' || d === 'uint8' || d === 'bool';
const floatUnary: Partial<Record<UnaryOp, string>> = {
  neg: 'neg',
  abs: 'abs',
  floor: 'floor',
  ceil: 'ceil',
  trunc: 'trunc',
  round_even: 'nearest',
  sqrt: 'sqrt',
};
const floatBinary: Partial<Record<BinaryOp, string>> = {
  add: 'add',
  sub: 'sub',
  mul: 'mul',
  div: 'div',
  max: 'max',
  min: 'min',
  copysign: 'copysign',
  eq: 'eq',
  ne: 'ne',
  lt: 'lt',
  le: 'le',
  gt: 'gt',
  ge: 'ge',
};
const intBinary: Partial<Record<BinaryOp, string>> = {
  add: 'add',
  sub: 'sub',
  mul: 'mul',
  and: 'and',
  or: 'or',
  xor: 'xor',
  eq: 'eq',
  ne: 'ne',
};

export class ScalarOps {
  private readonly b: LirBuilder;
  private readonly host: HostImport;
  private readonly isRelaxed: boolean;

  constructor(b: LirBuilder, host: HostImport, isRelaxed: boolean) {
    this.b = b;
    this.host = host;
    this.isRelaxed = isRelaxed;
  }

  constant(value: number, dtype: DType): Lir {
    const type = scalarType(dtype);
    return type === 'f32' ? this.b.f32(value) : type === 'f64' ? this.b.f64(value) : this.b.i32(value);
  }

  /** A host function; float32 is computed in float64 and rounded, which is well within 2 ulp. */
  call(name: string, dtype: DType, args: readonly Lir[]): Lir {
    const { b } = this;
    const wide = dtype === 'float32' ? args.map((a) => b.op('f64.promote_f32', a)) : args;
    const result = b.make('call', wide, { imm: this.host(name, args.length), type: 'f64' });
    return dtype === 'float32' ? b.op('f32.demote_f64', result) : result;
  }

  /** Keeps the low 8 bits of a uint8 result. */
  wrap(x: Lir, dtype: DType): Lir {
    return dtype === 'uint8' ? this.b.and(x, 255) : x;
  }

  unary(fn: UnaryOp, dtype: DType, x: Lir): Lir {
    const { b } = this;
    if (fn === 'usually') return x;
    if (dtype !== 'float32' && dtype !== 'float64') return this.intUnary(fn, dtype, x);
    if (isWord(fn)) return this.word(fn, x);
    const t = scalarType(dtype);
    const native = floatUnary[fn];
    if (native !== undefined) return b.op(`${t}.${native}` as OpName, x);
    const zero = this.constant(0, dtype);
    const abs = b.op(`${t}.abs` as OpName, x);
    if (fn === 'is_finite') return b.op(`${t}.lt` as OpName, abs, this.constant(Number.POSITIVE_INFINITY, dtype));
    if (fn === 'sign') {
      const unit = b.op(`${t}.copysign` as OpName, this.constant(1, dtype), x);
      return b.select(b.op(`${t}.gt` as OpName, abs, zero), unit, x);
    }
    return this.call(fn, dtype, [x]);
  }

  private word(fn: 'high_word' | 'low_word', x: Lir): Lir {
    const { b } = this;
    const bits = b.op('i64.reinterpret_f64', x);
    return b.op(
      'i32.wrap_i64',
      fn === 'low_word' ? bits : b.op('i64.shr_u', bits, b.op('i64.extend_i32_u', b.i32(32))),
    );
  }

  private intUnary(fn: UnaryOp, dtype: DType, x: Lir): Lir {
    const { b } = this;
    const zero = b.i32(0);
    switch (fn) {
      case 'neg':
        return this.wrap(b.op('i32.sub', zero, x), dtype);
      case 'abs':
        return isUnsigned(dtype) ? x : b.select(b.op('i32.lt_s', x, zero), b.op('i32.sub', zero, x), x);
      case 'sign': {
        const positive = b.op(isUnsigned(dtype) ? 'i32.ne' : 'i32.gt_s', x, zero);
        return isUnsigned(dtype) ? positive : b.op('i32.sub', positive, b.op('i32.lt_s', x, zero));
      }
      case 'not':
        return dtype === 'bool' ? b.op('i32.eqz', x) : this.wrap(b.op('i32.xor', x, b.i32(-1)), dtype);
      case 'popcount':
        return b.op('i32.popcnt', x);
      case 'clz': {
        const n = b.op('i32.clz', x);
        return dtype === 'uint8' ? b.op('i32.sub', n, b.i32(24)) : n;
      }
      case 'is_finite':
        return b.i32(1);
      case 'floor':
      case 'ceil':
      case 'trunc':
      case 'round_even':
        return x;
      default:
        throw new InternalError(`the wasm backend has no ${fn} of ${dtype}`);
    }
  }

  binary(fn: BinaryOp, dtype: DType, x: Lir, y: Lir): Lir {
    const { b } = this;
    if (dtype !== 'float32' && dtype !== 'float64') return this.intBinary(fn, dtype, x, y);
    const native = floatBinary[fn];
    if (native !== undefined) return b.op(`${scalarType(dtype)}.${native}` as OpName, x, y);
    return this.call(fn === 'next_after' && dtype === 'float32' ? 'next_after32' : fn, dtype, [x, y]);
  }

  private intBinary(fn: BinaryOp, dtype: DType, x: Lir, y: Lir): Lir {
    const { b } = this;
    const sign = isUnsigned(dtype) ? 'u' : 's';
    if (dtype === 'bool' && (fn === 'add' || fn === 'max')) return b.op('i32.or', x, y);
    if (dtype === 'bool' && (fn === 'mul' || fn === 'min')) return b.op('i32.and', x, y);
    const native = intBinary[fn];
    if (native !== undefined) return this.wrap(b.op(`i32.${native}` as OpName, x, y), dtype);
    if (isComparison(fn)) return b.op(`i32.${fn}_${sign}` as OpName, x, y);
    switch (fn) {
      case 'max':
        return b.select(b.op(`i32.gt_${sign}`, x, y), x, y);
      case 'min':
        return b.select(b.op(`i32.lt_${sign}`, x, y), x, y);
      case 'div':
        return this.divide(dtype, x, y);
      case 'rem':
        return this.remainder(dtype, x, y);
      case 'shl':
      case 'shr_logical':
      case 'shr_arithmetic':
        return this.shift(fn, dtype, x, y);
      default:
        throw new InternalError(`the wasm backend has no ${fn} of ${dtype}`);
    }
  }

  /** x / 0 = -1 (all ones) and INT_MIN / -1 = INT_MIN, as XLA has it. */
  private divide(dtype: DType, x: Lir, y: Lir): Lir {
    const { b } = this;
    if (isUnsigned(dtype)) {
      if (y.op === 'const' && y.imm !== 0) return b.op('i32.div_u', x, y);
      const isZero = b.op('i32.eqz', y);
      return this.wrap(b.select(isZero, b.i32(-1), b.op('i32.div_u', x, b.select(isZero, b.i32(1), y))), dtype);
    }
    if (y.op === 'const' && y.imm !== 0 && y.imm !== -1) return b.op('i32.div_s', x, y);
    const isZero = b.op('i32.eqz', y);
    const isMinusOne = b.op('i32.eq', y, b.i32(-1));
    const safe = b.select(b.op('i32.or', isZero, isMinusOne), b.i32(1), y);
    const quotient = b.select(isMinusOne, b.op('i32.sub', b.i32(0), x), b.op('i32.div_s', x, safe));
    return b.select(isZero, b.i32(-1), quotient);
  }

  /** x rem 0 = x. */
  private remainder(dtype: DType, x: Lir, y: Lir): Lir {
    const { b } = this;
    const op = isUnsigned(dtype) ? 'i32.rem_u' : 'i32.rem_s';
    if (y.op === 'const' && y.imm !== 0) return b.op(op, x, y);
    const isZero = b.op('i32.eqz', y);
    return b.select(isZero, x, b.op(op, x, b.select(isZero, b.i32(1), y)));
  }

  private shift(fn: 'shl' | 'shr_logical' | 'shr_arithmetic', dtype: DType, x: Lir, y: Lir): Lir {
    const { b } = this;
    if (fn === 'shr_arithmetic') {
      const amount =
        y.op === 'const' ? b.i32(Math.min(y.imm >>> 0, 31)) : b.select(b.op('i32.lt_u', y, b.i32(31)), y, b.i32(31));
      const wide = dtype === 'uint8' ? b.op('i32.shr_s', b.op('i32.shl', x, b.i32(24)), b.i32(24)) : x;
      return this.wrap(b.op('i32.shr_s', wide, amount), dtype);
    }
    const op = fn === 'shl' ? 'i32.shl' : 'i32.shr_u';
    if (y.op === 'const') return y.imm >>> 0 > 31 ? b.i32(0) : this.wrap(b.op(op, x, y), dtype);
    return this.wrap(b.select(b.op('i32.lt_u', y, b.i32(32)), b.op(op, x, y), b.i32(0)), dtype);
  }

  ternary(fn: TernaryOp, dtype: DType, x: Lir, y: Lir, z: Lir): Lir {
    return fn === 'madd' ? this.madd(dtype, x, y, z) : this.call(fn, dtype, [x, y, z]);
  }

  /** By the instruction for lanes, which there is none of for scalars: an element's value must not depend on its place. */
  private madd(dtype: DType, x: Lir, y: Lir, z: Lir): Lir {
    const { b } = this;
    const [t, s] = dtype === 'float32' ? (['f32', 'f32x4'] as const) : (['f64', 'f64x2'] as const);
    if (!this.isRelaxed) return b.op(`${t}.add`, b.op(`${t}.mul`, x, y), z);
    const [p, q, r] = [b.op(`${s}.splat`, x), b.op(`${s}.splat`, y), b.op(`${s}.splat`, z)];
    return b.lane(`${s}.extract_lane`, 0, b.op(`${s}.relaxed_madd`, p, q, r));
  }

  convert(from: DType, to: DType, x: Lir): Lir {
    const { b } = this;
    if (from === to) return x;
    if (x.op === 'const') {
      // An i32 constant holds the bits of a uint32.
      const value = from === 'uint32' ? x.imm >>> 0 : x.imm;
      return this.constant(convertConstant(value, from, to), to);
    }
    const t = scalarType(from);
    const u = isUnsigned(from) ? 'u' : 's';
    if (to === 'bool')
      return t === 'i32' ? b.op('i32.ne', x, b.i32(0)) : b.op(`${t}.ne` as OpName, x, this.constant(0, from));
    if (to === 'float32') return t === 'f64' ? b.op('f32.demote_f64', x) : b.op(`f32.convert_i32_${u}`, x);
    if (to === 'float64') return t === 'f32' ? b.op('f64.promote_f32', x) : b.op(`f64.convert_i32_${u}`, x);
    if (t === 'i32') return this.wrap(x, to);
    const integer = b.op(`i32.trunc_sat_${t}_${to === 'int32' ? 's' : 'u'}` as OpName, x);
    return to === 'uint8' ? b.select(b.op('i32.gt_u', integer, b.i32(255)), b.i32(255), integer) : integer;
  }

  bitcast(from: DType, to: DType, x: Lir): Lir {
    const [s, t] = [scalarType(from), scalarType(to)];
    if (s === t) return x;
    if (s === 'f32' && t === 'i32') return this.b.op('i32.reinterpret_f32', x);
    if (s === 'i32' && t === 'f32') return this.b.op('f32.reinterpret_i32', x);
    throw new InternalError(`bitcast from ${from} to ${to}`);
  }
}

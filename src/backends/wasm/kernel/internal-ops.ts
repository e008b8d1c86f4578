/**
 * The operations on the bits of a float64 that expansions of transcendental functions are made of, on one element or two lanes.
 * May import: `ir`, `kernel/lir`.
 * @module
 */
import type { UnaryOp } from '../../../ir/loop/expr.ts';
import type { Lir, LirBuilder } from './lir.ts';
import type { VectorOps } from './vector-ops.ts';

/** Host functions that stand in where an expansion does not reach. */
export const hostFallbacks: ReadonlyMap<unknown, string> = new Map([
  ['sin_large', 'sin'],
  ['cos_large', 'cos'],
  ['tan_large', 'tan'],
  ['lgamma_rest', 'lgamma'],
  ['rem_large', 'rem'],
]);

/** 2^52: added to an integer below 2^52 as bits (or) or as a number (+), it moves between the integer and the float64. */
const two52 = 4503599627370496;
const bias = 1023;

interface Context {
  readonly b: LirBuilder;
  readonly vectors: VectorOps;
}

/** Uniform spelling of 64-bit operations on an i64 and on lanes. */
interface Bits {
  readonly constant: (bits: bigint) => Lir;
  readonly number: (value: number) => Lir;
  readonly and: (x: Lir, y: Lir) => Lir;
  readonly or: (x: Lir, y: Lir) => Lir;
  readonly shl: (x: Lir, n: number) => Lir;
  readonly shr: (x: Lir, n: number) => Lir;
  readonly toBits: (x: Lir) => Lir;
  readonly fromBits: (x: Lir) => Lir;
  readonly add: (x: Lir, y: Lir) => Lir;
  readonly sub: (x: Lir, y: Lir) => Lir;
}

const scratch = new DataView(new ArrayBuffer(8));
function fromBitPattern(bits: bigint): number {
  scratch.setBigUint64(0, bits);
  return scratch.getFloat64(0);
}

function scalarBits({ b }: Context): Bits {
  // An i64 constant is written as the bits of a float64 whose pattern is no NaN.
  const constant = (bits: bigint): Lir => b.op('i64.reinterpret_f64', b.f64(fromBitPattern(bits)));
  const amount = (n: number): Lir => b.op('i64.extend_i32_u', b.i32(n));
  return {
    constant,
    number: (value) => b.f64(value),
    and: (x, y) => b.op('i64.and', x, y),
    or: (x, y) => b.op('i64.or', x, y),
    shl: (x, n) => b.op('i64.shl', x, amount(n)),
    shr: (x, n) => b.op('i64.shr_u', x, amount(n)),
    toBits: (x) => b.op('i64.reinterpret_f64', x),
    fromBits: (x) => b.op('f64.reinterpret_i64', x),
    add: (x, y) => b.op('f64.add', x, y),
    sub: (x, y) => b.op('f64.sub', x, y),
  };
}

function laneBits({ b, vectors }: Context): Bits {
  return {
    // As a number, whose pattern is no NaN.
    constant: (bits) => vectors.constant(fromBitPattern(bits), 'float64'),
    number: (value) => vectors.constant(value, 'float64'),
    and: (x, y) => b.op('v128.and', x, y),
    or: (x, y) => b.op('v128.or', x, y),
    shl: (x, n) => b.op('i64x2.shl', x, b.i32(n)),
    shr: (x, n) => b.op('i64x2.shr_u', x, b.i32(n)),
    toBits: (x) => x,
    fromBits: (x) => x,
    add: (x, y) => b.op('f64x2.add', x, y),
    sub: (x, y) => b.op('f64x2.sub', x, y),
  };
}

const bitOperations = ['exponent', 'mantissa', 'exp2_int', 'head', 'alternating'] as const;
type BitOperation = (typeof bitOperations)[number];
const isBitOperation = (fn: UnaryOp): fn is BitOperation => (bitOperations as readonly UnaryOp[]).includes(fn);

/** The operation, or undefined for functions that are not of this kind. */
export function internalUnary(context: Context, fn: UnaryOp, x: Lir): Lir | undefined {
  if (!isBitOperation(fn)) return undefined;
  const o = x.type === 'v128' ? laneBits(context) : scalarBits(context);
  switch (fn) {
    case 'exponent': {
      const exponent = o.or(o.shr(o.toBits(x), 52), o.constant(0x4330000000000000n));
      return o.sub(o.fromBits(exponent), o.number(two52 + bias));
    }
    case 'mantissa': {
      const fraction = o.and(o.toBits(x), o.constant(0x000fffffffffffffn));
      return o.fromBits(o.or(fraction, o.constant(0x3ff0000000000000n)));
    }
    case 'exp2_int':
      return o.fromBits(o.shl(o.toBits(o.add(x, o.number(two52 + bias))), 52));
    case 'head': {
      // Two shifts: the mask 0xffffffff00000000 is the pattern of a NaN, which a float64 constant may not keep.
      const cleared = o.shl(o.shr(o.toBits(x), 32), 32);
      return o.fromBits(cleared);
    }
    case 'alternating':
      return o.fromBits(o.or(o.shl(o.toBits(x), 63), o.constant(0x3ff0000000000000n)));
  }
}

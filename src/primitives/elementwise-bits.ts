/**
 * Logic on booleans and bits of integers.
 * May import: `ir`, `core`, `primitives/structural`, `primitives/arithmetic`.
 * @module
 */
import { bool, i32, u32, u8 } from '../ir/aval.ts';
import { type DType, dtypeInfo } from '../ir/dtype.ts';
import { allBits } from '../ir/limits.ts';
import type { BinaryOp } from '../ir/loop/expr.ts';
import type { Replacement, SimplifyRule, SimplifyView } from '../ir/simplify.ts';
import type { Primitive, Sample } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { defineBinary, defineUnary } from './arithmetic.ts';
import { type NoParams, noParams } from './define-elementwise.ts';
import { involution, neutralOperand, sameOperands } from './simplify-rules.ts';

const bitsOf = (dtype: DType): number => 8 * dtypeInfo[dtype].bytes;

const words = [0, 1, -1, 0x12345678, -2147483648];
const integerSamples: readonly Sample<NoParams>[] = [
  { avals: [i32(5)], params: noParams, data: [words] },
  { avals: [u32(5)], params: noParams, data: [words.map((w) => w >>> 0)] },
  { avals: [u8(4)], params: noParams, data: [[0, 1, 128, 255]] },
];
const truth = [0, 1, 0, 1];
const logicSamples: readonly Sample<NoParams>[] = [
  { avals: [bool(4), bool(4)], params: noParams, data: [truth, [0, 0, 1, 1]] },
  { avals: [i32(5), i32()], params: noParams, data: [words, [0x0ff0]] },
  { avals: [u32(5), u32(5)], params: noParams, data: [words.map((w) => w >>> 0), [3, 2, 1, 0, 4294967295]] },
  {
    avals: [u8(2, 2), u8(2)],
    params: noParams,
    data: [
      [0, 1, 128, 255],
      [255, 3],
    ],
  },
];

/** Logical negation of booleans, complement of integers. */
export const notP: Primitive<NoParams> = defineUnary({
  name: 'not',
  fn: 'not',
  accepts: 'logical',
  scalar: (x, dtype) => (dtype === 'bool' ? 1 - x : ~x),
  isExact: true,
  simplify: (view) => involution(view, notP),
  moreSamples: [{ avals: [bool(4)], params: noParams, data: [truth] }, ...integerSamples],
});

function countBits(x: number): number {
  let n = 0;
  for (let rest = x >>> 0; rest !== 0; rest &= rest - 1) n++;
  return n;
}

/** Number of bits that are set. */
export const populationCountP: Primitive<NoParams> = defineUnary({
  name: 'population_count',
  fn: 'popcount',
  accepts: 'integer',
  scalar: countBits,
  moreSamples: integerSamples,
});

/** Number of leading zero bits. */
export const clzP: Primitive<NoParams> = defineUnary({
  name: 'clz',
  fn: 'clz',
  accepts: 'integer',
  scalar: (x, dtype) => Math.clz32(x) - (32 - bitsOf(dtype)),
  moreSamples: integerSamples,
});

const defineLogic = (
  name: BinaryOp,
  scalar: (x: number, y: number) => number,
  simplify: SimplifyRule<NoParams>,
): Primitive<NoParams> =>
  defineBinary({ name, fn: name, accepts: 'logical', scalar, isExact: true, simplify, moreSamples: logicSamples });

/** Neutral on either side. */
const neutral = (view: SimplifyView<NoParams>, value: (dtype: DType) => number): Replacement | undefined =>
  neutralOperand(view, 0, value) ?? neutralOperand(view, 1, value);
const zero = (): number => 0;

export const andP: Primitive<NoParams> = defineLogic(
  'and',
  (x, y) => x & y,
  (view) => sameOperands(view) ?? neutral(view, allBits),
);
export const orP: Primitive<NoParams> = defineLogic(
  'or',
  (x, y) => x | y,
  (view) => sameOperands(view) ?? neutral(view, zero),
);
export const xorP: Primitive<NoParams> = defineLogic(
  'xor',
  (x, y) => x ^ y,
  (view) => neutral(view, zero),
);

const shiftSamples: readonly Sample<NoParams>[] = [
  { avals: [i32(5), i32(5)], params: noParams, data: [words, [0, 31, 1, 4, 32]] },
  { avals: [i32(4), i32()], params: noParams, data: [[-1, 5, -7, 1], [-1]] },
  { avals: [u32(5), u32(5)], params: noParams, data: [words.map((w) => w >>> 0), [40, 31, 1, 4, 31]] },
  {
    avals: [u8(4), u8(4)],
    params: noParams,
    data: [
      [255, 255, 129, 1],
      [1, 8, 7, 9],
    ],
  },
];

/** A shift by the width or more (negative counts are read as unsigned) moves every bit out. */
const defineShift = (
  name: string,
  fn: BinaryOp,
  shift: (x: number, n: number, bits: number) => number,
): Primitive<NoParams> =>
  defineBinary({
    name,
    fn,
    accepts: 'integer',
    scalar: (x, y, dtype) => shift(x, y >>> 0, bitsOf(dtype)),
    moreSamples: shiftSamples,
  });

export const shiftLeftP: Primitive<NoParams> = defineShift('shift_left', 'shl', (x, n, bits) =>
  n >= bits ? 0 : x << n,
);

/** Zeros come in from the left. */
export const shiftRightLogicalP: Primitive<NoParams> = defineShift('shift_right_logical', 'shr_logical', (x, n, bits) =>
  n >= bits ? 0 : (bits === 32 ? x >>> 0 : x) >>> n,
);

/** Copies of the highest bit come in from the left, whether or not the dtype is signed. */
export const shiftRightArithmeticP: Primitive<NoParams> = defineShift(
  'shift_right_arithmetic',
  'shr_arithmetic',
  (x, n, bits) => ((x << (32 - bits)) >> (32 - bits)) >> Math.min(n, bits - 1),
);

export const not = (x: Tensor): Tensor => bind1(notP, [x], noParams);
export const populationCount = (x: Tensor): Tensor => bind1(populationCountP, [x], noParams);
export const clz = (x: Tensor): Tensor => bind1(clzP, [x], noParams);
export const and = (x: Tensor, y: Tensor): Tensor => bind1(andP, [x, y], noParams);
export const or = (x: Tensor, y: Tensor): Tensor => bind1(orP, [x, y], noParams);
export const xor = (x: Tensor, y: Tensor): Tensor => bind1(xorP, [x, y], noParams);
export const shiftLeft = (x: Tensor, y: Tensor): Tensor => bind1(shiftLeftP, [x, y], noParams);
export const shiftRightLogical = (x: Tensor, y: Tensor): Tensor => bind1(shiftRightLogicalP, [x, y], noParams);
export const shiftRightArithmetic = (x: Tensor, y: Tensor): Tensor => bind1(shiftRightArithmeticP, [x, y], noParams);

/**
 * Sign, magnitude, rounding, remainder, and the larger or smaller of two.
 * May import: `ir`, `core`, `primitives/structural`, `primitives/arithmetic`, `primitives/compare`, `primitives/select`.
 * @module
 */
import { f64, i32, u32, u8 } from '../ir/aval.ts';
import { dtypeInfo, isFloat, isHalf } from '../ir/dtype.ts';
import { fmod, nextAfter as nextAfter64, roundEven } from '../util/special/float64.ts';
import { DTypeError } from '../ir/errors.ts';
import type { HalfDType } from '../ir/half.ts';
import { largestOf, leastOf } from '../ir/limits.ts';
import { binary } from '../ir/loop/expr.ts';
import { nextAfter32 } from '../util/float32.ts';
import type { Primitive, Sample } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { binarySamples, defineBinary, defineUnary, div, like, neg, negP } from './arithmetic.ts';
import { eq, ge, gt, lt } from './compare.ts';
import { defineElementwise, type NoParams, noParams } from './define-elementwise.ts';
import { nextHalf, nextHalfExpr } from './next-half.ts';
import { select } from './select.ts';
import { broadcastTo } from './structural.ts';
import { idempotent, neutralOperand, operandOf, otherEquation, sameOperands } from './simplify-rules.ts';

const halves: readonly Sample<NoParams>[] = [
  { avals: [f64(8)], params: noParams, data: [[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.25, -0.75]], maxOrder: 0 },
];
const signed: readonly Sample<NoParams>[] = [{ avals: [i32(4)], params: noParams, data: [[-3, 0, 7, -2147483648]] }];

/** |x|. At 0 the derivative is 1, as JAX has it. */
export const absP: Primitive<NoParams> = defineUnary({
  name: 'abs',
  fn: 'abs',
  accepts: 'number',
  scalar: Math.abs,
  isExact: true,
  derivative: (x) => select(ge(x, like(x, 0)), like(x, 1), like(x, -1)),
  simplify: (view) => {
    // Of unsigned integers every value is its own magnitude.
    const isSigned = dtypeInfo[view.outputs[0]!.dtype].category !== 'unsigned';
    const opposite = isSigned ? operandOf(view, 0, negP) : undefined;
    return idempotent(view, absP) ?? (opposite && otherEquation(absP, [opposite], noParams));
  },
  moreSamples: signed,
});

/** −1, 0 or 1; signed zeros and NaN stay. */
export const signP: Primitive<NoParams> = defineUnary({
  name: 'sign',
  fn: 'sign',
  accepts: 'number',
  scalar: Math.sign,
  isExact: true,
  moreSamples: [...signed, { avals: [u32(3)], params: noParams, data: [[0, 1, 4294967295]] }],
});

export const floorP: Primitive<NoParams> = defineUnary({
  name: 'floor',
  fn: 'floor',
  scalar: Math.floor,
  isExact: true,
});
export const ceilP: Primitive<NoParams> = defineUnary({ name: 'ceil', fn: 'ceil', scalar: Math.ceil, isExact: true });
export const truncP: Primitive<NoParams> = defineUnary({
  name: 'trunc',
  fn: 'trunc',
  scalar: Math.trunc,
  isExact: true,
});

/** Nearest integer, halves to even. */
export const roundP: Primitive<NoParams> = defineUnary({
  name: 'round',
  fn: 'round_even',
  scalar: roundEven,
  isExact: true,
  moreSamples: halves,
});

export const isFiniteP: Primitive<NoParams> = defineUnary({
  name: 'is_finite',
  fn: 'is_finite',
  resultDType: 'bool',
  scalar: (x) => (Number.isFinite(x) ? 1 : 0),
  isExact: true,
  moreSamples: [{ avals: [f64(4)], params: noParams, data: [[0, Infinity, -Infinity, NaN]] }],
});

/** Remainder with the sign of x: x − y·trunc(x/y). An integer remainder by 0 is x (as XLA). */
export const remP: Primitive<NoParams> = defineBinary({
  name: 'rem',
  fn: 'rem',
  accepts: 'number',
  scalar: (x, y, dtype) => (isFloat(dtype) ? fmod(x, y) : y === 0 ? x : x % y),
  // ∂/∂x = 1, ∂/∂y = −trunc(x/y)
  partials: [(x) => like(x, 1), (x, y) => neg(trunc(div(x, y)))],
  domain: [
    [-2, 2],
    [0.6, 1],
  ],
  moreSamples: [
    {
      avals: [i32(6), i32(6)],
      params: noParams,
      data: [
        [7, -7, 7, -7, 5, -2147483648],
        [3, 3, -3, -3, 0, -1],
      ],
    },
    { avals: [u32(2), u32()], params: noParams, data: [[4294967295, 6], [10]] },
    {
      avals: [u8(2), u8(2)],
      params: noParams,
      data: [
        [250, 6],
        [7, 0],
      ],
    },
  ],
});

const extremeSamples: readonly Sample<NoParams>[] = [
  {
    avals: [i32(3), i32(3)],
    params: noParams,
    data: [
      [-1, 2, 5],
      [3, -4, 5],
    ],
  },
  {
    avals: [u32(2), u32(2)],
    params: noParams,
    data: [
      [4294967295, 1],
      [1, 4294967295],
    ],
  },
];

/** 1 where x wins, ½ at a tie, 0 elsewhere (also with NaN). */
export const shareAtTie = (wins: Tensor, x: Tensor, y: Tensor): Tensor =>
  select(eq(x, y), like(x, 0.5), select(wins, like(x, 1), like(x, 0)));

/** The larger; NaN if either is NaN. A tie shares the cotangent in halves. */
export const maxP: Primitive<NoParams> = defineBinary({
  name: 'max',
  fn: 'max',
  accepts: 'number',
  scalar: (x, y) => Math.max(x, y),
  isExact: true,
  partials: [(x, y) => shareAtTie(gt(x, y), x, y), (x, y) => shareAtTie(lt(x, y), x, y)],
  simplify: (view) => sameOperands(view) ?? neutralOperand(view, 0, leastOf) ?? neutralOperand(view, 1, leastOf),
  moreSamples: extremeSamples,
});

/** The smaller; NaN if either is NaN. A tie shares the cotangent in halves. */
export const minP: Primitive<NoParams> = defineBinary({
  name: 'min',
  fn: 'min',
  accepts: 'number',
  scalar: (x, y) => Math.min(x, y),
  isExact: true,
  partials: [(x, y) => shareAtTie(lt(x, y), x, y), (x, y) => shareAtTie(gt(x, y), x, y)],
  simplify: (view) => sameOperands(view) ?? neutralOperand(view, 0, largestOf) ?? neutralOperand(view, 1, largestOf),
  moreSamples: extremeSamples,
});

export interface NextAfterParams {
  /** The dtype of the operands, if it has 16 bits: they are computed with in float32. */
  readonly format?: HalfDType;
}

/** The next representable number after x toward y. */
export const nextAfterP: Primitive<NextAfterParams> = defineElementwise<NextAfterParams>({
  name: 'next_after',
  accepts: 'float',
  resultDType: (dtype, { format }) => {
    if (!isHalf(dtype) || format === dtype) return dtype;
    throw new DTypeError(`next_after: expected the format ${dtype}, got ${format ?? 'none'}.`, 'use np.nextafter.');
  },
  calculus: { kind: 'smooth', jvp: (_primals, [tx], [out]) => [tx ? broadcastTo(tx, out!.aval.shape) : null] },
  scalar: ([x, y], { format }, dtype) =>
    format === undefined ? (dtype === 'float32' ? nextAfter32(x!, y!) : nextAfter64(x!, y!)) : nextHalf(x!, y!, format),
  element: ([x, y], { format }) => (format === undefined ? binary('next_after', x!, y!) : nextHalfExpr(x!, y!, format)),
  samples: binarySamples,
});

export const abs = (x: Tensor): Tensor => bind1(absP, [x], noParams);
export const sign = (x: Tensor): Tensor => bind1(signP, [x], noParams);
export const floor = (x: Tensor): Tensor => bind1(floorP, [x], noParams);
export const ceil = (x: Tensor): Tensor => bind1(ceilP, [x], noParams);
export const trunc = (x: Tensor): Tensor => bind1(truncP, [x], noParams);
export const round = (x: Tensor): Tensor => bind1(roundP, [x], noParams);
export const isFinite = (x: Tensor): Tensor => bind1(isFiniteP, [x], noParams);
export const rem = (x: Tensor, y: Tensor): Tensor => bind1(remP, [x, y], noParams);
export const max = (x: Tensor, y: Tensor): Tensor => bind1(maxP, [x, y], noParams);
export const min = (x: Tensor, y: Tensor): Tensor => bind1(minP, [x, y], noParams);
export function nextAfter(x: Tensor, y: Tensor): Tensor {
  const { dtype } = x.aval;
  return bind1(nextAfterP, [x, y], isHalf(dtype) ? { format: dtype } : {});
}

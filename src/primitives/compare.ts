/**
 * Comparisons: booleans from two operands of one dtype. As in IEEE 754, every comparison with NaN is false except `ne`.
 * May import: `ir`, `core`, `primitives/structural`, `primitives/arithmetic`.
 * @module
 */
import { bool, i32, u32 } from '../ir/aval.ts';
import type { BinaryOp } from '../ir/loop/expr.ts';
import type { Primitive, Sample } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { defineBinary } from './arithmetic.ts';
import { type NoParams, noParams } from './define-elementwise.ts';

const moreSamples: readonly Sample<NoParams>[] = [
  { avals: [i32(3, 2), i32(2)], params: noParams },
  {
    avals: [u32(3), u32(3)],
    params: noParams,
    data: [
      [1, 4294967295, 7],
      [4294967295, 1, 7],
    ],
  },
  { avals: [bool(2, 3), bool(3)], params: noParams },
];

const defineComparison = (name: BinaryOp, test: (x: number, y: number) => boolean): Primitive<NoParams> =>
  defineBinary({
    name,
    fn: name,
    accepts: 'any',
    resultDType: 'bool',
    scalar: (x, y) => (test(x, y) ? 1 : 0),
    isExact: true,
    moreSamples,
  });

export const eqP: Primitive<NoParams> = defineComparison('eq', (x, y) => x === y);
export const neP: Primitive<NoParams> = defineComparison('ne', (x, y) => x !== y);
export const ltP: Primitive<NoParams> = defineComparison('lt', (x, y) => x < y);
export const leP: Primitive<NoParams> = defineComparison('le', (x, y) => x <= y);
export const gtP: Primitive<NoParams> = defineComparison('gt', (x, y) => x > y);
export const geP: Primitive<NoParams> = defineComparison('ge', (x, y) => x >= y);

export const eq = (x: Tensor, y: Tensor): Tensor => bind1(eqP, [x, y], noParams);
export const ne = (x: Tensor, y: Tensor): Tensor => bind1(neP, [x, y], noParams);
export const lt = (x: Tensor, y: Tensor): Tensor => bind1(ltP, [x, y], noParams);
export const le = (x: Tensor, y: Tensor): Tensor => bind1(leP, [x, y], noParams);
export const gt = (x: Tensor, y: Tensor): Tensor => bind1(gtP, [x, y], noParams);
export const ge = (x: Tensor, y: Tensor): Tensor => bind1(geP, [x, y], noParams);

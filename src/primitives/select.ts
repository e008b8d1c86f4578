/**
 * Choice by a predicate, and clamping between bounds.
 * May import: `ir`, `core`, `primitives/structural`, `primitives/arithmetic`, `primitives/compare`.
 * @module
 */
import { bool, f32, f64, i32 } from '../ir/aval.ts';
import { DTypeError } from '../ir/errors.ts';
import { binary, select as selectExpr } from '../ir/loop/expr.ts';
import { isLinearInput, type MaybeZero, type Primitive, type TransposeOperand } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { add, like } from './arithmetic.ts';
import { gt, lt } from './compare.ts';
import { defineElementwise, type NoParams, noParams, sumTangents } from './define-elementwise.ts';
import { and } from './elementwise-bits.ts';
import { simplifySelect } from './arithmetic-rules.ts';
import { broadcastTo, unbroadcast } from './structural.ts';

/** z = a where c, b elsewhere. The branch not taken contributes neither value nor derivative, be it NaN or infinite. */
export const selectP: Primitive<NoParams> = defineElementwise<NoParams>({
  name: 'select',
  accepts: 'any',
  sameDType: [1, 2],
  check: ([c]) => {
    if (c!.dtype !== 'bool') {
      throw new DTypeError(
        `select: expected a boolean predicate, got ${c!.toString()}.`,
        'compare first, as in x > 0.',
      );
    }
  },
  calculus: {
    // dz = da where c, db elsewhere
    kind: 'smooth',
    jvp: ([c], [, ta, tb], [z]) => {
      if (!ta && !tb) return [null];
      const zero = like(z!, 0);
      return [broadcastTo(select(c!, ta ?? zero, tb ?? zero), z!.aval.shape)];
    },
    transpose: ([ct], [c, a, b]) => {
      const zero = like(ct!, 0);
      const chosen = (x: TransposeOperand, part: () => Tensor): MaybeZero =>
        isLinearInput(x) ? unbroadcast(part(), x.aval.shape) : null;
      return [null, chosen(a!, () => select(c as Tensor, ct!, zero)), chosen(b!, () => select(c as Tensor, zero, ct!))];
    },
  },
  simplify: (view) => simplifySelect(view, selectP),
  scalar: ([c, a, b]) => (c ? a! : b!),
  onHost: (c, a, b) => (c ? a : b),
  element: ([c, a, b]) => selectExpr(c!, a!, b!),
  samples: [
    { avals: [bool(2, 3), f32(2, 3), f32(2, 3)], params: noParams },
    { avals: [bool(3), f64(2, 1), f64(3)], params: noParams },
    { avals: [bool(), f32(2), f32(2)], params: noParams },
    { avals: [bool(4), i32(4), i32()], params: noParams },
    { avals: [bool(2), bool(2), bool(2)], params: noParams },
    { avals: [bool(0), f64(0), f64(1)], params: noParams },
  ],
});

export const select = (c: Tensor, a: Tensor, b: Tensor): Tensor => bind1(selectP, [c, a, b], noParams);

/** z = min(max(x, lo), hi). At a bound the derivative in x is 0, as JAX has it. */
export const clampP: Primitive<NoParams> = defineElementwise<NoParams>({
  name: 'clamp',
  accepts: 'number',
  calculus: {
    kind: 'smooth',
    jvp: ([lo, x, hi], [tlo, tx, thi], [z]) => {
      const zero = like(z!, 0);
      const terms = [
        tlo && select(and(gt(lo!, x!), lt(lo!, hi!)), tlo, zero),
        tx && select(and(gt(x!, lo!), lt(x!, hi!)), tx, zero),
        thi && select(lt(hi!, x!), thi, zero),
      ];
      return [sumTangents(terms as readonly MaybeZero[], add, z!.aval.shape)];
    },
  },
  scalar: ([lo, x, hi]) => Math.min(Math.max(x!, lo!), hi!),
  element: ([lo, x, hi]) => binary('min', binary('max', x!, lo!), hi!),
  samples: [
    {
      avals: [f32(), f32(2, 3), f32()],
      params: noParams,
      domain: [
        [-1, -0.5],
        [-2, 2],
        [0.5, 1],
      ],
    },
    {
      avals: [f64(3), f64(2, 3), f64(2, 1)],
      params: noParams,
      domain: [
        [-1, -0.5],
        [-2, 2],
        [0.5, 1],
      ],
    },
    { avals: [i32(), i32(5), i32()], params: noParams, data: [[-1], [-5, -1, 0, 2, 9], [2]] },
  ],
});

export const clamp = (lo: Tensor, x: Tensor, hi: Tensor): Tensor => bind1(clampP, [lo, x, hi], noParams);

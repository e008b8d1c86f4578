/**
 * Identities that say something: `optimization_barrier` to the compiler, `stop_gradient` to derivatives.
 * May import: `ir`, `core`.
 * @module
 */
import { f32, i32 } from '../ir/aval.ts';
import { definePrimitive, type Primitive } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { type NoParams, noParams } from './define-elementwise.ts';
import { keepOperand } from './simplify-rules.ts';

export const barrierP: Primitive<NoParams> = definePrimitive<NoParams>({
  name: 'optimization_barrier',
  abstractEval: ([x]) => [x!],
  calculus: { kind: 'linear', transpose: ([ct]) => [ct!] },
  batch: (_context, [x], [dim]) => [[bind1(barrierP, [x!], noParams)], [dim!]],
  reference: ([x], [out]) => out!.data.set(x!.data),
  isOpaque: true,
  lower: { kind: 'pointwise', element: ({ index, load }) => [load(0, index)] },
  samples: [
    { avals: [f32(2, 3)], params: noParams },
    { avals: [i32()], params: noParams },
  ],
});

/** Each value behind a barrier of its own. */
export const barrier = (xs: readonly Tensor[]): Tensor[] => xs.map((x) => bind1(barrierP, [x], noParams));

/** The identity with derivative zero. */
export const stopGradientP: Primitive<NoParams> = definePrimitive<NoParams>({
  name: 'stop_gradient',
  abstractEval: ([x]) => [x!],
  // The transpose lets it stand inside linear functions too (a branch's guard): what it passes on carries no cotangent.
  calculus: { kind: 'smooth', jvp: () => [null], transpose: () => [null] },
  batch: (_context, [x], [dim]) => [[bind1(stopGradientP, [x!], noParams)], [dim!]],
  reference: ([x], [out]) => out!.data.set(x!.data),
  lower: { kind: 'pointwise', element: ({ index, load }) => [load(0, index)] },
  simplify: (view) => keepOperand(view, 0),
  // Its derivative is zero by definition: there is nothing to compare with.
  samples: [{ avals: [f32(2, 3)], params: noParams, differentiable: [] }],
});

export const stopGradientOf = (x: Tensor): Tensor => bind1(stopGradientP, [x], noParams);

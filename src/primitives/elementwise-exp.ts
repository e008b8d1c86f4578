/**
 * Roots, exponentials, logarithms, powers.
 * May import: `ir`, `core`, `primitives/structural`, `primitives/arithmetic`, `primitives/compare`, `primitives/select`.
 * @module
 */
import { f64 } from '../ir/aval.ts';
import { scalarOf } from '../ir/simplify.ts';
import { exp2 as exp2Scalar, logistic as logisticScalar, pow as powScalar } from '../util/special/elementary.ts';
import type { Primitive } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { add, defineBinary, defineUnary, div, integerPow, integerPowP, like, mul, sub } from './arithmetic.ts';
import { eq } from './compare.ts';
import { type NoParams, noParams } from './define-elementwise.ts';
import { and } from './elementwise-bits.ts';
import { select } from './select.ts';
import { keepOperand, otherEquation } from './simplify-rules.ts';

const positive = [0.2, 4] as const;

/** √x; dy = dx / 2y. */
export const sqrtP: Primitive<NoParams> = defineUnary({
  name: 'sqrt',
  fn: 'sqrt',
  scalar: Math.sqrt,
  isExact: true,
  derivative: (x, y) => div(like(x, 0.5), y),
  domain: positive,
});

/** 1/√x; dy = −y / 2x · dx. */
export const rsqrtP: Primitive<NoParams> = defineUnary({
  name: 'rsqrt',
  fn: 'rsqrt',
  scalar: (x) => 1 / Math.sqrt(x),
  derivative: (x, y) => mul(like(x, -0.5), div(y, x)),
  domain: positive,
});

/** ∛x; dy = dx / 3y². */
export const cbrtP: Primitive<NoParams> = defineUnary({
  name: 'cbrt',
  fn: 'cbrt',
  scalar: Math.cbrt,
  derivative: (x, y) => mul(like(x, 1 / 3), integerPow(y, -2)),
  domain: positive,
  moreSamples: [{ avals: [f64(3)], params: noParams, domain: [-3, -0.5] }],
});

export const expP: Primitive<NoParams> = defineUnary({
  name: 'exp',
  fn: 'exp',
  scalar: Math.exp,
  derivative: (_x, y) => y,
});

/** 2ˣ; dy = ln 2 · y dx. */
export const exp2P: Primitive<NoParams> = defineUnary({
  name: 'exp2',
  fn: 'exp2',
  scalar: exp2Scalar,
  derivative: (x, y) => mul(like(x, Math.LN2), y),
});

/** eˣ − 1; dy = (y + 1) dx. */
export const expm1P: Primitive<NoParams> = defineUnary({
  name: 'expm1',
  fn: 'expm1',
  scalar: Math.expm1,
  derivative: (_x, y) => add(y, like(y, 1)),
});

export const logP: Primitive<NoParams> = defineUnary({
  name: 'log',
  fn: 'log',
  scalar: Math.log,
  tangent: (t, x) => div(t, x),
  domain: positive,
});

/** log₂ x; dy = log₂ e · dx/x. */
export const log2P: Primitive<NoParams> = defineUnary({
  name: 'log2',
  fn: 'log2',
  scalar: Math.log2,
  tangent: (t, x) => mul(div(t, x), like(x, Math.LOG2E)),
  domain: positive,
});

/** log₁₀ x; dy = log₁₀ e · dx/x. */
export const log10P: Primitive<NoParams> = defineUnary({
  name: 'log10',
  fn: 'log10',
  scalar: Math.log10,
  tangent: (t, x) => mul(div(t, x), like(x, Math.LOG10E)),
  domain: positive,
});

/** log(1 + x). */
export const log1pP: Primitive<NoParams> = defineUnary({
  name: 'log1p',
  fn: 'log1p',
  scalar: Math.log1p,
  tangent: (t, x) => div(t, add(x, like(x, 1))),
  domain: [-0.5, 3],
});

/** 1/(1 + e⁻ˣ); dy = y (1 − y) dx. */
export const logisticP: Primitive<NoParams> = defineUnary({
  name: 'logistic',
  fn: 'logistic',
  scalar: logisticScalar,
  derivative: (_x, y) => mul(y, sub(like(y, 1), y)),
});

/**
 * ∂(x^y)/∂x = y x^(y−1). At x = y = 0 that reads 0·∞, where the answer is 0: x⁰ is the constant 1. Both factors are replaced there
 * before the power is taken, so that no derivative of this one meets the infinity either.
 */
function powPartialBase(x: Tensor, y: Tensor): Tensor {
  const isConstant = and(eq(x, like(x, 0)), eq(y, like(y, 0)));
  const exponent = select(isConstant, like(y, 1), y);
  return mul(y, pow(x, sub(exponent, like(y, 1))));
}

/** ∂(x^y)/∂y = x^y log x, with 0 for the logarithm at x = 0 (as JAX). */
function powPartialExponent(x: Tensor, z: Tensor): Tensor {
  return mul(log(select(eq(x, like(x, 0)), like(x, 1), x)), z);
}

/** z = x^y by IEEE 754: x⁰ = 1 and 1^y = 1 always; NaN for a negative x and fractional y. */
export const powP: Primitive<NoParams> = defineBinary({
  name: 'pow',
  fn: 'pow',
  scalar: powScalar,
  // Rounded once, as the power itself is at best; other exponents as products would round more often.
  simplify: (view) => {
    const exponent = scalarOf(view.inputs[1]!);
    if (exponent === 1) return keepOperand(view, 0);
    return exponent === 2 ? otherEquation(integerPowP, [view.inputs[0]!], { exponent }) : undefined;
  },
  partials: [(x, y) => powPartialBase(x, y), (x, _y, z) => powPartialExponent(x, z)],
  domain: [
    [0.3, 2],
    [-2, 2],
  ],
});

export const sqrt = (x: Tensor): Tensor => bind1(sqrtP, [x], noParams);
export const rsqrt = (x: Tensor): Tensor => bind1(rsqrtP, [x], noParams);
export const cbrt = (x: Tensor): Tensor => bind1(cbrtP, [x], noParams);
export const exp = (x: Tensor): Tensor => bind1(expP, [x], noParams);
export const exp2 = (x: Tensor): Tensor => bind1(exp2P, [x], noParams);
export const expm1 = (x: Tensor): Tensor => bind1(expm1P, [x], noParams);
export const log = (x: Tensor): Tensor => bind1(logP, [x], noParams);
export const log2 = (x: Tensor): Tensor => bind1(log2P, [x], noParams);
export const log10 = (x: Tensor): Tensor => bind1(log10P, [x], noParams);
export const log1p = (x: Tensor): Tensor => bind1(log1pP, [x], noParams);
export const logistic = (x: Tensor): Tensor => bind1(logisticP, [x], noParams);
export const pow = (x: Tensor, y: Tensor): Tensor => bind1(powP, [x, y], noParams);

/**
 * Trigonometric and hyperbolic functions and their inverses; angles in radians.
 * May import: `ir`, `core`, `primitives/{structural,arithmetic,compare,select,elementwise-exp}`.
 * @module
 */
import type { Primitive } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { add, defineBinary, defineUnary, div, like, mul, neg, sub } from './arithmetic.ts';
import { eq } from './compare.ts';
import { type NoParams, noParams } from './define-elementwise.ts';
import { rsqrt } from './elementwise-exp.ts';
import { select } from './select.ts';

const square = (x: Tensor): Tensor => mul(x, x);
const one = (x: Tensor): Tensor => like(x, 1);

export const sinP: Primitive<NoParams> = defineUnary({
  name: 'sin',
  fn: 'sin',
  scalar: Math.sin,
  derivative: (x) => cos(x),
});

export const cosP: Primitive<NoParams> = defineUnary({
  name: 'cos',
  fn: 'cos',
  scalar: Math.cos,
  derivative: (x) => neg(sin(x)),
});

/** dy = (1 + y²) dx. */
export const tanP: Primitive<NoParams> = defineUnary({
  name: 'tan',
  fn: 'tan',
  scalar: Math.tan,
  derivative: (_x, y) => add(one(y), square(y)),
  domain: [-1.2, 1.2],
});

/** dy = dx / √(1 − x²). */
export const asinP: Primitive<NoParams> = defineUnary({
  name: 'asin',
  fn: 'asin',
  scalar: Math.asin,
  derivative: (x) => rsqrt(sub(one(x), square(x))),
  domain: [-0.9, 0.9],
});

/** dy = −dx / √(1 − x²). */
export const acosP: Primitive<NoParams> = defineUnary({
  name: 'acos',
  fn: 'acos',
  scalar: Math.acos,
  derivative: (x) => neg(rsqrt(sub(one(x), square(x)))),
  domain: [-0.9, 0.9],
});

/** dy = dx / (1 + x²). */
export const atanP: Primitive<NoParams> = defineUnary({
  name: 'atan',
  fn: 'atan',
  scalar: Math.atan,
  tangent: (t, x) => div(t, add(one(x), square(x))),
});

/** The angle of the point (y, x) — first operand the ordinate; dz = (y da − a dy) / (a² + y²). */
export const atan2P: Primitive<NoParams> = defineBinary({
  name: 'atan2',
  fn: 'atan2',
  scalar: (a, b) => Math.atan2(a, b),
  partials: [(a, b) => div(b, add(square(a), square(b))), (a, b) => neg(div(a, add(square(a), square(b))))],
  domain: [
    [-2, 2],
    [0.5, 2],
  ],
});

export const sinhP: Primitive<NoParams> = defineUnary({
  name: 'sinh',
  fn: 'sinh',
  scalar: Math.sinh,
  derivative: (x) => cosh(x),
});

export const coshP: Primitive<NoParams> = defineUnary({
  name: 'cosh',
  fn: 'cosh',
  scalar: Math.cosh,
  derivative: (x) => sinh(x),
});

/** dy = (1 − y)(1 + y) dx, which keeps its digits where y is near ±1. */
export const tanhP: Primitive<NoParams> = defineUnary({
  name: 'tanh',
  fn: 'tanh',
  scalar: Math.tanh,
  derivative: (_x, y) => mul(sub(one(y), y), add(one(y), y)),
});

/** dy = dx / √(x² + 1). */
export const asinhP: Primitive<NoParams> = defineUnary({
  name: 'asinh',
  fn: 'asinh',
  scalar: Math.asinh,
  derivative: (x) => rsqrt(add(square(x), one(x))),
});

/** dy = dx / √((x − 1)(x + 1)), with a product of −0 (x = −1) taken as +0. */
export const acoshP: Primitive<NoParams> = defineUnary({
  name: 'acosh',
  fn: 'acosh',
  scalar: Math.acosh,
  derivative: (x) => {
    const product = mul(sub(x, one(x)), add(x, one(x)));
    return rsqrt(select(eq(product, like(x, 0)), like(x, 0), product));
  },
  domain: [1.3, 4],
});

/** dy = dx / ((1 + x)(1 − x)). */
export const atanhP: Primitive<NoParams> = defineUnary({
  name: 'atanh',
  fn: 'atanh',
  scalar: Math.atanh,
  tangent: (t, x) => div(div(t, sub(one(x), x)), add(one(x), x)),
  domain: [-0.9, 0.9],
});

export const sin = (x: Tensor): Tensor => bind1(sinP, [x], noParams);
export const cos = (x: Tensor): Tensor => bind1(cosP, [x], noParams);
export const tan = (x: Tensor): Tensor => bind1(tanP, [x], noParams);
export const asin = (x: Tensor): Tensor => bind1(asinP, [x], noParams);
export const acos = (x: Tensor): Tensor => bind1(acosP, [x], noParams);
export const atan = (x: Tensor): Tensor => bind1(atanP, [x], noParams);
export const atan2 = (y: Tensor, x: Tensor): Tensor => bind1(atan2P, [y, x], noParams);
export const sinh = (x: Tensor): Tensor => bind1(sinhP, [x], noParams);
export const cosh = (x: Tensor): Tensor => bind1(coshP, [x], noParams);
export const tanh = (x: Tensor): Tensor => bind1(tanhP, [x], noParams);
export const asinh = (x: Tensor): Tensor => bind1(asinhP, [x], noParams);
export const acosh = (x: Tensor): Tensor => bind1(acoshP, [x], noParams);
export const atanh = (x: Tensor): Tensor => bind1(atanhP, [x], noParams);

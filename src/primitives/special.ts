/**
 * Special functions: error functions, gamma and its relatives, Bessel, zeta, incomplete gamma and beta.
 * May import: `ir`, `core`, and the elementwise families.
 * @module
 */
import { f32, f64 } from '../ir/aval.ts';
import { DifferentiationError } from '../ir/errors.ts';
import type { Expr } from '../ir/loop/expr.ts';
import { i0e, i1e } from '../util/special/bessel.ts';
import { betainc as betaincScalar } from '../util/special/betainc.ts';
import { digamma as digammaScalar } from '../util/special/digamma.ts';
import { erfInv as erfInvScalar } from '../util/special/erf-inv.ts';
import { erf as erfScalar, erfc as erfcScalar } from '../util/special/erf.ts';
import { lgamma as lgammaScalar } from '../util/special/gamma.ts';
import {
  igamma as igammaScalar,
  igammac as igammacScalar,
  igammaGradA as igammaGradAScalar,
} from '../util/special/incomplete-gamma.ts';
import { polygamma as polygammaScalar, zeta as zetaScalar } from '../util/special/zeta.ts';
import type { Primitive, Sample } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { add, defineBinary, defineUnary, div, like, mul, neg, type Partial, sub } from './arithmetic.ts';
import { gt } from './compare.ts';
import { defineElementwise, type NoParams, noParams } from './define-elementwise.ts';
import { exp, log, log1p } from './elementwise-exp.ts';
import { abs, sign } from './elementwise-number.ts';
import { select } from './select.ts';
import { broadcastTo } from './structural.ts';

const square = (x: Tensor): Tensor => mul(x, x);

function noDerivative(name: string, operand: string, fix: string): DifferentiationError {
  return new DifferentiationError(
    `${name}: expected no derivative with respect to ${operand}, got one requested; it has no closed form here.`,
    fix,
    { name, operand },
  );
}

const noPartial =
  (name: string, operand: string): Partial =>
  () => {
    throw noDerivative(name, operand, `stop the gradient at ${operand}, or differentiate numerically in it.`);
  };

/** dy = 2/√π · e^(−x²) dx. */
export const erfP: Primitive<NoParams> = defineUnary({
  name: 'erf',
  fn: 'erf',
  scalar: erfScalar,
  derivative: (x) => mul(like(x, 2 / Math.sqrt(Math.PI)), exp(neg(square(x)))),
});

/** 1 − erf x, without cancellation. */
export const erfcP: Primitive<NoParams> = defineUnary({
  name: 'erfc',
  fn: 'erfc',
  scalar: erfcScalar,
  derivative: (x) => mul(like(x, -2 / Math.sqrt(Math.PI)), exp(neg(square(x)))),
});

/** Inverse of erf on (−1, 1); dy = √π/2 · e^(y²) dx. */
export const erfInvP: Primitive<NoParams> = defineUnary({
  name: 'erf_inv',
  fn: 'erf_inv',
  scalar: erfInvScalar,
  derivative: (x, y) => mul(like(x, Math.sqrt(Math.PI) / 2), exp(square(y))),
  domain: [-0.8, 0.8],
});

/** log |Γ(x)|; its derivative is digamma. */
export const lgammaP: Primitive<NoParams> = defineUnary({
  name: 'lgamma',
  fn: 'lgamma',
  scalar: lgammaScalar,
  derivative: (x) => digamma(x),
  domain: [0.4, 5],
});

/** ψ(x) = d/dx log Γ(x); its derivative is polygamma of order 1. */
export const digammaP: Primitive<NoParams> = defineUnary({
  name: 'digamma',
  fn: 'digamma',
  scalar: digammaScalar,
  derivative: (x) => polygamma(like(x, 1), x),
  domain: [0.5, 5],
});

/** e^(−|x|) I₀(x); dy = (i1e(x) − sign(x) y) dx. */
export const besselI0eP: Primitive<NoParams> = defineUnary({
  name: 'bessel_i0e',
  fn: 'bessel_i0e',
  scalar: i0e,
  derivative: (x, y) => sub(besselI1e(x), mul(sign(x), y)),
});

/** Unit roundoffs times two: below these, 1/x in the derivative of i1e loses to the limit ½. */
const epsilon: { readonly [name: string]: number } = {
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
  float32: 2 ** -23,
  float64: 2 ** -52,
};

/** d/dx i1e(x) = i0e(x) − y (sign(x) + 1/x), whose limit at 0 is ½. */
function besselI1eDerivative(x: Tensor, y: Tensor): Tensor {
  const eps = epsilon[x.dtype]!;
  const isSafe = gt(abs(x), like(x, eps));
  const safe = select(isSafe, x, like(x, eps));
  const formula = sub(besselI0e(safe), mul(y, add(sign(safe), div(like(x, 1), safe))));
  return select(isSafe, formula, like(x, 0.5));
}

/** e^(−|x|) I₁(x). */
export const besselI1eP: Primitive<NoParams> = defineUnary({
  name: 'bessel_i1e',
  fn: 'bessel_i1e',
  scalar: i1e,
  derivative: besselI1eDerivative,
});

/** ψ⁽ᵐ⁾(x) for integral m ≥ 0, the m-th derivative of digamma. */
export const polygammaP: Primitive<NoParams> = defineBinary({
  name: 'polygamma',
  fn: 'polygamma',
  scalar: polygammaScalar,
  partials: [noPartial('polygamma', 'the order m'), (m, x) => polygamma(add(m, like(m, 1)), x)],
  samples: [
    { avals: [f32(), f32(2, 3)], params: noParams, data: [[1], undefined], domain: [0.5, 4], differentiable: [1] },
    {
      avals: [f64(4), f64(4)],
      params: noParams,
      data: [[0, 1, 2, 3], undefined],
      domain: [0.5, 4],
      differentiable: [1],
    },
    { avals: [f64(0), f64()], params: noParams, data: [[], undefined], domain: [0.5, 4], differentiable: [1] },
  ],
});

/** Hurwitz zeta ζ(s, q) = Σₖ (q + k)⁻ˢ, k ≥ 0, s > 1; ∂/∂q = −s ζ(s + 1, q). */
export const zetaP: Primitive<NoParams> = defineBinary({
  name: 'zeta',
  fn: 'zeta',
  scalar: zetaScalar,
  partials: [noPartial('zeta', 's'), (s, q) => neg(mul(s, zeta(add(s, like(s, 1)), q)))],
  samples: [
    { avals: [f32(2, 3), f32(3)], params: noParams, domain: [1.5, 4], differentiable: [1] },
    { avals: [f64(2, 1), f64(3)], params: noParams, domain: [1.5, 4], differentiable: [1] },
    { avals: [f64(0), f64()], params: noParams, domain: [1.5, 4], differentiable: [1] },
  ],
});

/** Density of the gamma distribution, x^(a−1) e^(−x) / Γ(a) = ∂/∂x P(a, x). */
function gammaDensity(a: Tensor, x: Tensor): Tensor {
  return exp(sub(sub(mul(sub(a, like(a, 1)), log(x)), x), lgamma(a)));
}

/** The second derivative in a is not there; in x all are. */
const gammaSamples: readonly Sample<NoParams>[] = [
  { avals: [f32(2, 3), f32(3)], params: noParams, domain: [0.5, 3], maxOrder: 1 },
  { avals: [f64(2, 1), f64(3)], params: noParams, domain: [0.5, 3], maxOrder: 1 },
  { avals: [f64(2, 3), f64(3)], params: noParams, domain: [0.5, 3], differentiable: [1] },
  { avals: [f32(0), f32()], params: noParams, domain: [0.5, 3], maxOrder: 1 },
];

/** Regularised lower incomplete gamma P(a, x). */
export const igammaP: Primitive<NoParams> = defineBinary({
  name: 'igamma',
  fn: 'igamma',
  scalar: igammaScalar,
  partials: [(a, x) => igammaGradA(a, x), (a, x) => gammaDensity(a, x)],
  samples: gammaSamples,
});

/** Regularised upper incomplete gamma Q(a, x) = 1 − P(a, x). */
export const igammacP: Primitive<NoParams> = defineBinary({
  name: 'igammac',
  fn: 'igammac',
  scalar: igammacScalar,
  partials: [(a, x) => neg(igammaGradA(a, x)), (a, x) => neg(gammaDensity(a, x))],
  samples: gammaSamples,
});

/** ∂P(a, x)/∂a. Its derivative in x is that of the density in a: p (log x − ψ(a)). */
export const igammaGradAP: Primitive<NoParams> = defineBinary({
  name: 'igamma_grad_a',
  fn: 'igamma_grad_a',
  scalar: igammaGradAScalar,
  partials: [noPartial('igamma', 'a, twice'), (a, x) => mul(gammaDensity(a, x), sub(log(x), digamma(a)))],
  samples: gammaSamples.map((s) => ({ ...s, differentiable: [1] })),
});

/** ∂/∂x I_x(a, b) = x^(a−1) (1 − x)^(b−1) / B(a, b). */
function betaDensity(a: Tensor, b: Tensor, x: Tensor): Tensor {
  const logBeta = sub(add(lgamma(a), lgamma(b)), lgamma(add(a, b)));
  const logPowers = add(mul(sub(b, like(b, 1)), log1p(neg(x))), mul(sub(a, like(a, 1)), log(x)));
  return exp(sub(logPowers, logBeta));
}

const betaDomain = [
  [0.6, 3],
  [0.6, 3],
  [0.1, 0.9],
] as const;

/** Regularised incomplete beta I_x(a, b). No derivative in a or b (as JAX). */
export const betaincP: Primitive<NoParams> = defineElementwise<NoParams>({
  name: 'betainc',
  accepts: 'float',
  calculus: {
    kind: 'smooth',
    jvp: ([a, b, x], [ta, tb, tx], [z]) => {
      if (ta || tb)
        throw noDerivative('betainc', ta ? 'a' : 'b', 'stop the gradient there, or differentiate numerically in it.');
      return [tx ? broadcastTo(mul(tx, betaDensity(a!, b!, x!)), z!.aval.shape) : null];
    },
  },
  scalar: ([a, b, x]) => betaincScalar(a!, b!, x!),
  element: ([x, y, z]): Expr => ({ op: 'ternary', dtype: x!.dtype, fn: 'betainc', x: x!, y: y!, z: z! }),
  samples: [
    { avals: [f32(2, 3), f32(), f32(3)], params: noParams, domain: betaDomain, differentiable: [2] },
    { avals: [f64(2, 1), f64(3), f64(2, 3)], params: noParams, domain: betaDomain, differentiable: [2] },
    { avals: [f64(0), f64(), f64(0)], params: noParams, domain: betaDomain, differentiable: [2] },
  ],
});

export const erf = (x: Tensor): Tensor => bind1(erfP, [x], noParams);
export const erfc = (x: Tensor): Tensor => bind1(erfcP, [x], noParams);
export const erfInv = (x: Tensor): Tensor => bind1(erfInvP, [x], noParams);
export const lgamma = (x: Tensor): Tensor => bind1(lgammaP, [x], noParams);
export const digamma = (x: Tensor): Tensor => bind1(digammaP, [x], noParams);
export const besselI0e = (x: Tensor): Tensor => bind1(besselI0eP, [x], noParams);
export const besselI1e = (x: Tensor): Tensor => bind1(besselI1eP, [x], noParams);
export const polygamma = (m: Tensor, x: Tensor): Tensor => bind1(polygammaP, [m, x], noParams);
export const zeta = (s: Tensor, q: Tensor): Tensor => bind1(zetaP, [s, q], noParams);
export const igamma = (a: Tensor, x: Tensor): Tensor => bind1(igammaP, [a, x], noParams);
export const igammac = (a: Tensor, x: Tensor): Tensor => bind1(igammacP, [a, x], noParams);
export const igammaGradA = (a: Tensor, x: Tensor): Tensor => bind1(igammaGradAP, [a, x], noParams);
export const betainc = (a: Tensor, b: Tensor, x: Tensor): Tensor => bind1(betaincP, [a, b, x], noParams);

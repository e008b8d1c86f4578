/**
 * Activation functions. Values and derivatives at kinks, infinities and NaN are those of `jax.nn`.
 * May import: `ir`, `core`, `primitives`, `api/lift`.
 * @module
 */
import { normalizeAxis } from '../../ir/shape.ts';
import { ShapeError } from '../../ir/errors.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add, div, integerPow, like, mul, neg } from '../../primitives/arithmetic.ts';
import { stopGradientOf } from '../../primitives/barrier.ts';
import { ge, gt, le, lt } from '../../primitives/compare.ts';
import { exp, expm1, log, log1p, logistic, sqrt } from '../../primitives/elementwise-exp.ts';
import { abs, max, min } from '../../primitives/elementwise-number.ts';
import { tanh as tanhOf } from '../../primitives/elementwise-trig.ts';
import { clamp, select } from '../../primitives/select.ts';
import { sliceAxis } from '../../primitives/slice.ts';
import { erfc } from '../../primitives/special.ts';
import { promote, promoteToFloat, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';

export type Activation = (x: TensorLike) => Tensor;

const activation =
  (f: (x: Tensor) => Tensor): Activation =>
  (x) =>
    f(promoteToFloat(x)[0]!);

/**
 * max(x, 0), with derivative 0 at 0.
 * @example
 * ```ts
 * import { grad, nn, np } from 'cotangent';
 * console.log(String(nn.relu(np.array([-1, 0, 2])))); // => [0, 0, 2]
 * console.log(String(grad(nn.relu)(0))); // => 0
 * ```
 */
export function relu(x: TensorLike): Tensor {
  const [t] = promote(x);
  const zero = like(t!, 0);
  return select(gt(t!, zero), t!, stopGradientOf(max(t!, zero)));
}

/** min(max(x, 0), 6), with derivative 0 at 0 and 6. */
export const relu6: Activation = activation((x) => clamp(like(x, 0), x, like(x, 6)));

/** 1 / (1 + e^(−x)). */
export const sigmoid: Activation = activation(logistic);

export const tanh: Activation = activation(tanhOf);

/**
 * log(1 + e^x), without overflow: max(x, 0) + log(1 + e^(−|x|)). The parts are chosen by sign rather than by `max` and `abs`, so that the
 * derivative is exactly the sigmoid at 0 too.
 * @example
 * ```ts
 * import { grad, nn } from 'cotangent';
 * console.log(String(nn.softplus(1000)), String(grad(nn.softplus)(1000))); // => 1000 1
 * ```
 */
export const softplus: Activation = activation(softplusOf);

function softplusOf(x: Tensor): Tensor {
  const zero = like(x, 0);
  const isPositive = gt(x, zero);
  const kept = select(le(x, zero), zero, x);
  return add(kept, log1p(exp(select(isPositive, neg(x), x))));
}

/** −softplus(−x) = log sigmoid(x). */
export const logSigmoid: Activation = activation((x) => neg(softplusOf(neg(x))));

/** 0 below −1, x above 1, (x + 1)² / 4 between. */
export const sparsePlus: Activation = activation((x) => {
  const one = like(x, 1);
  const between = mul(integerPow(add(x, one), 2), like(x, 0.25));
  return select(le(x, neg(one)), like(x, 0), select(ge(x, one), x, between));
});

/** (x + 1) / 2, clipped to [0, 1]: the derivative of `sparsePlus`. */
export const sparseSigmoid: Activation = activation((x) =>
  mul(like(x, 0.5), min(max(add(x, like(x, 1)), like(x, 0)), like(x, 2))),
);

/** x / (1 + |x|). */
export const softSign: Activation = activation((x) => div(x, add(abs(x), like(x, 1))));

/** x · sigmoid(x). */
export const silu: Activation = activation((x) => mul(x, logistic(x)));
/** The same as `silu`. */
export const swish: Activation = silu;

/** x · tanh(softplus(x)). */
export const mish: Activation = activation((x) => mul(x, tanhOf(softplusOf(x))));

/** x clipped to [−1, 1]. */
export const hardTanh: Activation = activation((x) => {
  const one = like(x, 1);
  return select(gt(x, one), one, select(lt(x, neg(one)), neg(one), x));
});

const hardSigmoidOf = (x: Tensor): Tensor => div(clamp(like(x, 0), add(x, like(x, 3)), like(x, 6)), like(x, 6));

/** relu6(x + 3) / 6. */
export const hardSigmoid: Activation = activation(hardSigmoidOf);

/** x · hardSigmoid(x). */
export const hardSilu: Activation = activation((x) => mul(x, hardSigmoidOf(x)));
/** The same as `hardSilu`. */
export const hardSwish: Activation = hardSilu;

/** A scalar option in the dtype of x. */
function scaled(x: TensorLike, value: TensorLike): [Tensor, Tensor] {
  const [t, v] = promoteToFloat(x, value);
  return [t!, v!];
}

/** x above 0, alpha (e^x − 1) below. The branch not taken sees 0, so that nothing overflows. */
function eluOf(x: Tensor, alpha: Tensor): Tensor {
  const zero = like(x, 0);
  const isPositive = gt(x, zero);
  return select(isPositive, x, mul(alpha, expm1(select(isPositive, zero, x))));
}

interface AlphaOption {
  readonly alpha?: TensorLike;
}

/** x above 0, α (e^x − 1) below (default α = 1). */
export function elu(x: TensorLike, alpha?: TensorLike | AlphaOption): Tensor {
  return eluOf(...scaled(x, readOptions<AlphaOption>('nn.elu', ['alpha'], [alpha]).alpha ?? 1));
}

/** max(x, 0) + α (e^(min(x, 0) / α) − 1). */
export function celu(x: TensorLike, alpha?: TensorLike | AlphaOption): Tensor {
  const [t, a] = scaled(x, readOptions<AlphaOption>('nn.celu', ['alpha'], [alpha]).alpha ?? 1);
  const zero = like(t, 0);
  return add(max(t, zero), mul(a, expm1(div(min(t, zero), a))));
}

// Klambauer, Unterthiner, Mayr, Hochreiter: Self-normalizing neural networks (2017), equation 14.
const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;

/** The scaled ELU that keeps mean 0 and variance 1. */
export const selu: Activation = activation((x) => mul(like(x, seluScale), eluOf(x, like(x, seluAlpha))));

interface SlopeOption {
  readonly negativeSlope?: TensorLike;
}

/** x from 0 on, `negativeSlope` · x below (default 0.01). */
export function leakyRelu(x: TensorLike, negativeSlope?: TensorLike | SlopeOption): Tensor {
  const slope = readOptions<SlopeOption>('nn.leakyRelu', ['negativeSlope'], [negativeSlope]).negativeSlope ?? 0.01;
  const [t, s] = scaled(x, slope);
  return select(ge(t, like(t, 0)), t, mul(s, t));
}

interface GeluOption {
  /** The tanh formula (default) in place of the exact one. */
  readonly approximate?: boolean;
}

/**
 * x Φ(x), Φ the normal distribution function: x/2 · erfc(−x/√2), or (by default) its approximation
 * x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))) of Hendrycks and Gimpel (2016).
 */
export function gelu(x: TensorLike, approximate?: boolean | GeluOption): Tensor {
  const o = readOptions<GeluOption>('nn.gelu', ['approximate'], [approximate]);
  const [t] = promoteToFloat(x);
  const half = like(t!, 0.5);
  if (o.approximate === false) return mul(mul(half, t!), erfc(mul(neg(t!), like(t!, Math.SQRT1_2))));
  const inner = mul(like(t!, Math.sqrt(2 / Math.PI)), add(t!, mul(like(t!, 0.044715), integerPow(t!, 3))));
  return mul(t!, mul(half, add(like(t!, 1), tanhOf(inner))));
}

interface SquareplusOption {
  readonly b?: TensorLike;
}

/** (x + √(x² + b)) / 2 (default b = 4). */
export function squareplus(x: TensorLike, b?: TensorLike | SquareplusOption): Tensor {
  const [t, width] = scaled(x, readOptions<SquareplusOption>('nn.squareplus', ['b'], [b]).b ?? 4);
  return mul(add(t, sqrt(add(integerPow(t, 2), width))), like(t, 0.5));
}

/** log(1 − e^(−x)) for x > 0, by the formula that is accurate on each side of log 2 (Mächler 2012). */
export const log1mexp: Activation = activation((x) => {
  const isSmall = lt(x, like(x, Math.LN2));
  const small = log(neg(expm1(neg(select(isSmall, x, like(x, Math.LN2))))));
  const large = log1p(neg(exp(neg(select(isSmall, like(x, Math.LN2), x)))));
  return select(isSmall, small, large);
});

interface AxisOption {
  readonly axis?: number;
}

/** The first half along an axis, times the sigmoid of the second half. */
export function glu(x: TensorLike, axis?: number | AxisOption): Tensor {
  const [t] = promoteToFloat(x);
  const d = normalizeAxis('nn.glu', readOptions<AxisOption>('nn.glu', ['axis'], [axis]).axis ?? -1, t!.ndim);
  const n = t!.shape[d]!;
  if (n % 2 === 1) throw new ShapeError(`nn.glu: expected an even size along axis ${d}, got ${t!.aval.toString()}.`);
  return mul(sliceAxis(t!, d, 0, n / 2), logistic(sliceAxis(t!, d, n / 2, n)));
}

/** x itself. */
export const identity: Activation = (x) => promote(x)[0]!;

/**
 * The error functions, and the distribution function of the normal distribution made of them.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { ArgumentError, DTypeError } from '../../ir/errors.ts';
import { isFloat } from '../../ir/dtype.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { customJvp, type CustomJvpFunction } from '../custom.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { checkOptions, isOptions } from '../options.ts';
import {
  add,
  div,
  eq,
  ge,
  gt,
  lt,
  max,
  min,
  mul,
  ne,
  onFloats,
  polynomial,
  square,
  sub,
  type Unary,
  where,
} from './arithmetic.ts';

/**
 * 2/√π ∫₀ˣ e^(−t²) dt.
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * console.log(String(scipy.special.erf([0, 1]))); // => [0, 0.8427008]
 * ```
 */
export const erf: Unary = onFloats((x) => prim.erf(x));

/** 1 − erf x, accurate where it is small. */
export const erfc: Unary = onFloats((x) => prim.erfc(x));

/** The inverse of erf on [−1, 1]. */
export const erfinv: Unary = onFloats((x) => prim.erfInv(x));

/** Where e^(x²) nears overflow: √(log of the largest finite number). */
const erfcxLimit = { float32: 9.4, float64: 26.6 };

/** Coefficients of √π x erfcx(x) in 1/x²: (−1)ᵏ (2k − 1)!! / 2ᵏ, from the highest power. */
const erfcxTail = [7918.06640625, -1055.7421875, 162.421875, -29.53125, 6.5625, -1.875, 0.75, -0.5, 1] as const;

const scaledErfc = customJvp<[Tensor], Tensor>((x) => {
  const isLarge = gt(x, x.dtype === 'float64' ? erfcxLimit.float64 : erfcxLimit.float32);
  const safe = where(isLarge, 1, x);
  const large = where(isLarge, x, 1e3);
  const tail = div(polynomial(erfcxTail, div(1, square(large))), mul(large, Math.sqrt(Math.PI)));
  return where(isLarge, tail, mul(prim.exp(square(safe)), prim.erfc(safe)));
});
scaledErfc.defjvps((dx, y, x) => mul(dx, sub(mul(mul(x, 2), y), 2 / Math.sqrt(Math.PI))));

/** e^(x²) erfc x, which does not vanish for large x. */
export const erfcx: Unary = onFloats((x) => scaledErfc(x));

/** Only float dtypes have a normal distribution: an integer is more likely a mistake than meant (as in JAX). */
function floatOf(op: string, x: TensorLike): Tensor {
  const t = asTensor(x);
  if (!isFloat(t.dtype))
    throw new DTypeError(`${op}: expected floats, got ${t.aval.toString()}.`, 'convert with astype first.');
  return t;
}

/** ½ erfc(−x/√2), by whichever of erf and erfc does not cancel. */
export function ndtrOf(x: Tensor): Tensor {
  const w = mul(x, Math.SQRT1_2);
  const z = prim.abs(w);
  const tail = prim.erfc(z);
  return mul(where(lt(z, Math.SQRT1_2), add(prim.erf(w), 1), where(gt(w, 0), sub(2, tail), tail)), 0.5);
}

/** Φ(x), the distribution function of the standard normal distribution. */
export const ndtr: Unary = (x) => ndtrOf(floatOf('ndtr', x));

/** log √(2π) */
const logRootTwoPi = 0.5 * Math.log(2 * Math.PI);

/** log of the standard normal density. */
const logDensity = (x: Tensor): Tensor => sub(mul(square(x), -0.5), logRootTwoPi);

/** Terms of the series in the left tail. */
const defaultTerms = 8;

/**
 * Below `lower`, where erfc nears underflow, an asymptotic series; above `upper`, log(1 − t) = −t to the last digit.
 * The first term that the default series leaves out, 17!!/x¹⁸, is 3e-11 there in float32 and 6e-21 in float64.
 */
const segments = { float32: { lower: -10, upper: 5 }, float64: { lower: -35, upper: 8 } };

/** log Φ(x) ≈ −x²/2 − log(−x) − log √(2π) + log(1 − 1/x² + 3/x⁴ − 15/x⁶ + …), x ≪ 0 (Abramowitz and Stegun 26.2.12). */
function logTail(x: Tensor, terms: number): Tensor {
  const t = div(1, square(x));
  let [power, factor, sum] = [t, 1, prim.like(x, 1)];
  for (let n = 1; n <= terms; n++) {
    factor *= -(2 * n - 1);
    sum = add(sum, mul(power, factor));
    power = mul(power, t);
  }
  return add(sub(sub(mul(square(x), -0.5), prim.log(prim.neg(x))), logRootTwoPi), prim.log(sum));
}

function logNdtrOf(x: Tensor, terms: number): Tensor {
  const { lower, upper } = x.dtype === 'float64' ? segments.float64 : segments.float32;
  const isRight = gt(x, upper);
  const middle = ndtrOf(where(isRight, prim.neg(x), max(x, lower)));
  const left = logTail(min(x, lower), terms);
  return where(isRight, prim.neg(middle), where(gt(x, lower), prim.log(middle), left));
}

const logNdtrs = new Map<number, CustomJvpFunction<[Tensor], Tensor>>();

/** d log Φ = φ/Φ dx, as the exponential of a difference of logarithms, so that both may vanish. */
function differentiableLogNdtr(terms: number): CustomJvpFunction<[Tensor], Tensor> {
  const known = logNdtrs.get(terms);
  if (known) return known;
  const made = customJvp<[Tensor], Tensor>((x) => logNdtrOf(x, terms));
  made.defjvps((dx, y, x) => mul(dx, prim.exp(sub(logDensity(x), y))));
  logNdtrs.set(terms, made);
  return made;
}

/**
 * log Φ(x), accurate in both tails.
 * @param seriesOrder terms of the series in the left tail; 8 (JAX takes 3, which costs it digits)
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * console.log(scipy.special.logNdtr(-100).item().toFixed(2)); // => -5005.52
 * ```
 */
export function logNdtr(x: TensorLike, seriesOrder: number | { readonly seriesOrder?: number } = defaultTerms): Tensor {
  if (isOptions(seriesOrder)) checkOptions('logNdtr', seriesOrder, ['seriesOrder']);
  const terms = typeof seriesOrder === 'number' ? seriesOrder : (seriesOrder.seriesOrder ?? defaultTerms);
  if (!Number.isInteger(terms) || terms < 0 || terms > 30) {
    throw new ArgumentError(`logNdtr: expected a seriesOrder between 0 and 30, got ${String(terms)}.`);
  }
  return differentiableLogNdtr(terms)(floatOf('logNdtr', x));
}

/**
 * Rational approximations of the normal quantile: p near ½ in (p − ½)², and two tails in 1/√(−2 log p).
 * Coefficients: S. L. Moshier, Cephes Mathematical Library, ndtri.c (relative error below 5e-16).
 */
const quantile = {
  centre: {
    top: [
      -5.99633501014107895267e1, 9.80010754185999661536e1, -5.66762857469070293439e1, 1.39312609387279679503e1,
      -1.23916583867381258016,
    ],
    bottom: [
      1, 1.95448858338141759834, 4.67627912898881538453, 8.63602421390890590575e1, -2.25462687854119370527e2,
      2.00260212380060660359e2, -8.20372256168333339912e1, 1.59056225126211695515e1, -1.18331621121330003142,
    ],
  },
  tail: {
    top: [
      4.05544892305962419923, 3.15251094599893866154e1, 5.71628192246421288162e1, 4.408050738932008347e1,
      1.46849561928858024014e1, 2.18663306850790267539, -1.40256079171354495875e-1, -3.50424626827848203418e-2,
      -8.57456785154685413611e-4,
    ],
    bottom: [
      1, 1.57799883256466749731e1, 4.53907635128879210584e1, 4.1317203825467203044e1, 1.50425385692907503408e1,
      2.50464946208309415979, -1.42182922854787788574e-1, -3.80806407691578277194e-2, -9.33259480895457427372e-4,
    ],
  },
  farTail: {
    top: [
      3.2377489177694603597, 6.91522889068984211695, 3.93881025292474443415, 1.33303460815807542389,
      2.01485389549179081538e-1, 1.23716634817820021358e-2, 3.01581553508235416007e-4, 2.65806974686737550832e-6,
      6.2397453918498329373e-9,
    ],
    bottom: [
      1, 6.02427039364742014255, 3.67983563856160859403, 1.37702099489081330271, 2.1623699359449663589e-1,
      1.34204006088543189037e-2, 3.28014464682127739104e-4, 2.89247864745380683936e-6, 6.79019408009981274425e-9,
    ],
  },
} as const;

const ratio = (
  { top, bottom }: { readonly top: readonly number[]; readonly bottom: readonly number[] },
  x: Tensor,
): Tensor => div(polynomial(top, x), polynomial(bottom, x));

/** The quantile of min(p, 1 − p), up to its sign. */
function quantileOf(p: Tensor): Tensor {
  const isUpper = gt(p, -Math.expm1(-2));
  const smaller = where(isUpper, sub(1, p), p);
  const safe = where(eq(smaller, 0), 0.5, smaller);
  const w = sub(safe, 0.5);
  const ww = square(w);
  const centre = mul(add(w, mul(mul(w, ww), ratio(quantile.centre, ww))), -Math.sqrt(2 * Math.PI));
  const z = prim.sqrt(mul(prim.log(safe), -2));
  const inverse = div(1, z);
  const first = sub(z, div(prim.log(z), z));
  const far = sub(first, mul(ratio(quantile.farTail, inverse), inverse));
  const near = sub(first, mul(ratio(quantile.tail, inverse), inverse));
  const x = where(gt(safe, Math.exp(-2)), centre, where(ge(z, 8), far, near));
  const signed = where(gt(p, 1 - Math.exp(-2)), x, prim.neg(x));
  return where(eq(p, 0), -Infinity, where(eq(p, 1), Infinity, signed));
}

const quantileFunction = customJvp<[Tensor], Tensor>(quantileOf);
// dx = √(2π) e^(x²/2) dp; at 0 and 1, where the quantile is infinite, 0 (as JAX).
quantileFunction.defjvps((dp, x) => {
  const isInside = prim.isFinite(x);
  const safe = where(isInside, x, 0);
  const slope = mul(prim.exp(mul(square(safe), 0.5)), Math.sqrt(2 * Math.PI));
  return mul(dp, where(isInside, slope, where(ne(x, x), x, 0)));
});

/** The inverse of Φ: −∞ at 0, ∞ at 1, NaN outside. */
export const ndtri: Unary = (p) => quantileFunction(floatOf('ndtri', p));

/** log(p / (1 − p)). */
export const logit: Unary = onFloats((p) => logOdds(p));

const logOdds = customJvp<[Tensor], Tensor>((p) => prim.log(div(p, sub(1, p))));
logOdds.defjvps((dp, _y, p) => div(dp, mul(p, sub(1, p))));

/** 1 / (1 + e^(−x)), the inverse of logit. */
export const expit: Unary = onFloats((x) => prim.logistic(x));

export const logitOf = (p: Tensor): Tensor => logOdds(p);
export const logNdtrAt = (x: Tensor): Tensor => differentiableLogNdtr(defaultTerms)(x);
export const ndtriOf = (p: Tensor): Tensor => quantileFunction(p);

/**
 * The gamma function and its relatives: beta, incomplete gamma and beta, polygamma, zeta, factorials.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { ArgumentError, DTypeError } from '../../ir/errors.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { customJvp } from '../custom.ts';
import { jvp } from '../grad.ts';
import { asTensor, promoteToFloat, type TensorLike } from '../lift.ts';
import {
  add,
  div,
  either,
  eq,
  ge,
  gt,
  le,
  lt,
  max,
  min,
  mul,
  ne,
  type OfTwo,
  onFloats,
  pow,
  square,
  sub,
  type Unary,
  where,
} from './arithmetic.ts';

/**
 * log |Γ(x)|.
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * console.log(scipy.special.gammaln(5).item().toFixed(4)); // => 3.1781
 * ```
 */
export const gammaln: Unary = onFloats((x) => prim.lgamma(x));

/** log Γ(x) for x > 0; NaN elsewhere. */
export const loggamma: Unary = onFloats((x) => where(gt(x, 0), prim.lgamma(x), Number.NaN));

/** Sign of Γ(x): 1 or −1; NaN at negative integers, −1 at −0. */
export const gammasgn: Unary = onFloats((x) => signOfGamma(x));

function signOfGamma(x: Tensor): Tensor {
  const floor = prim.floor(x);
  const isNegative = lt(x, 0);
  const isPole = prim.and(isNegative, eq(x, floor));
  const isOdd = prim.and(isNegative, ne(prim.rem(floor, prim.like(x, 2)), 0));
  const isNegativeZero = prim.and(eq(x, 0), lt(div(1, x), 0));
  const sign = where(either(isOdd, isNegativeZero), -1, prim.like(x, 1));
  return where(either(isPole, ne(x, x)), Number.NaN, sign);
}

const gammaOf = (x: Tensor): Tensor => mul(signOfGamma(x), prim.exp(prim.lgamma(x)));

/**
 * Γ(x); NaN at negative integers.
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * console.log(String(scipy.special.gamma([0.5, 1]))); // => [1.772454, 1]
 * ```
 */
export const gamma: Unary = onFloats((x) => gammaOf(x));

/** ψ(x), the derivative of log Γ. */
export const digamma: Unary = onFloats((x) => prim.digamma(x));
export { digamma as psi };

/**
 * The n-th derivative of ψ, for integers n ≥ 0.
 * @throws DTypeError for n of floats
 */
export const polygamma: OfTwo = (n, x) => {
  const isFraction =
    typeof n === 'number' ? !Number.isInteger(n) : isFloat(asTensor(n).dtype) && !asTensor(n).aval.weakType;
  if (isFraction)
    throw new DTypeError(`polygamma: expected an integer order, got ${String(n)}.`, 'convert it with astype("int32").');
  const [order, t] = promoteToFloat(n, x) as [Tensor, Tensor];
  return prim.polygamma(order, t);
};

/** n = Γ(n + 1); 0 for negative n. */
export const factorial: Unary = onFloats((n) => where(lt(n, 0), 0, prim.exp(prim.lgamma(add(n, 1)))));

/**
 * Correction of Stirling's series, log Γ(x) − (x − ½) log x + x − ½ log 2π, as a polynomial in 1/x² over x, for x ≥ 8.
 * Coefficients: A. R. DiDonato and A. H. Morris, Algorithm 708 (ACM TOMS 18, 1992), function ALGDIV.
 */
const stirling = [
  0.833333333333333e-1, -0.277777777760991e-2, 0.79365066682539e-3, -0.59520293135187e-3, 0.837308034031215e-3,
  -0.165322962780713e-2,
] as const;

/** log (Γ(b) / Γ(a + b)) for b ≥ 8, without the cancellation of the difference. */
function logGammaRatio(a: Tensor, b: Tensor): Tensor {
  const h = div(a, b);
  const x = div(1, add(h, 1));
  // The difference of corrections is Σ stirlingₖ (1 − x²ᵏ⁺¹) b⁻²ᵏ⁻¹ with x = b/(a + b); 1 − x = h x is taken out.
  const t = square(div(1, b));
  const x2 = square(x);
  const sums = [prim.like(x, 1)];
  for (let k = 1; k < stirling.length; k++) sums.push(add(add(mul(x2, sums[k - 1]!), x), 1));
  const series = stirling.reduceRight(
    (sum: Tensor | undefined, s, k) => {
      const term = mul(sums[k]!, s);
      return sum ? add(mul(sum, t), term) : term;
    },
    undefined as Tensor | undefined,
  )!;
  const w = mul(series, div(mul(h, x), b));
  const u = mul(add(b, sub(a, 0.5)), prim.log1p(h));
  const v = mul(a, sub(prim.log(b), 1));
  return where(le(u, v), sub(sub(w, v), u), sub(sub(w, u), v));
}

export function betalnOf(x: Tensor, y: Tensor): Tensor {
  const [a, b] = [min(x, y), max(x, y)];
  const isSmall = lt(b, 8);
  const direct = add(prim.lgamma(a), sub(prim.lgamma(b), prim.lgamma(add(a, b))));
  const safe = where(isSmall, 8, b);
  return where(isSmall, direct, add(prim.lgamma(a), logGammaRatio(a, safe)));
}

/** log |B(a, b)| = log |Γ(a) Γ(b) / Γ(a + b)|. */
export const betaln: OfTwo = onFloats((a, b) => betalnOf(a, b));

/** B(a, b) = Γ(a) Γ(b) / Γ(a + b). */
export const beta: OfTwo = onFloats((a, b) => {
  const sign = mul(mul(signOfGamma(a), signOfGamma(b)), signOfGamma(add(a, b)));
  return mul(sign, prim.exp(betalnOf(a, b)));
});

/**
 * Regularised incomplete beta I_x(a, b). Differentiable in x.
 * @throws DifferentiationError for derivatives in a or b
 */
export const betainc: (a: TensorLike, b: TensorLike, x: TensorLike) => Tensor = onFloats((a, b, x) =>
  prim.betainc(a, b, x),
);

/**
 * Regularised lower incomplete gamma P(a, x).
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * console.log(scipy.special.gammainc(1, 2).item().toFixed(4)); // => 0.8647
 * ```
 */
export const gammainc: OfTwo = onFloats((a, x) => prim.igamma(a, x));

/** Regularised upper incomplete gamma Q(a, x) = 1 − P(a, x), accurate where it is small. */
export const gammaincc: OfTwo = onFloats((a, x) => prim.igammac(a, x));

/** log Γ_d(a) of dimension d: ¼ d (d − 1) log π + Σ log Γ(a − j/2), j = 0 … d − 1. */
export function multigammaln(a: TensorLike, d: number): Tensor {
  if (!Number.isInteger(d)) throw new ArgumentError(`multigammaln: expected a whole number d, got ${String(d)}.`);
  const [t] = promoteToFloat(a) as [Tensor];
  const constant = 0.25 * d * (d - 1) * Math.log(Math.PI);
  let sum = prim.lgamma(t);
  for (let j = 1; j < d; j++) sum = add(sum, prim.lgamma(sub(t, j / 2)));
  return add(sum, constant);
}

export interface CombOptions {
  /** Count choices with repetition; false. */
  readonly repetition?: boolean;
}

/** Number of ways to choose k of n; 0 where there is none. */
export function comb(n: TensorLike, k: TensorLike, options: CombOptions = {}): Tensor {
  const [N, K] = promoteToFloat(n, k) as [Tensor, Tensor];
  if (options.repetition) return where(prim.and(eq(K, 0), ge(N, 0)), 1, comb(sub(add(N, K), 1), K));
  const isPossible = prim.and(prim.and(le(K, N), ge(N, 0)), ge(K, 0));
  const [safeN, safeK] = [where(isPossible, N, 0), where(isPossible, K, 0)];
  const parts = add(prim.lgamma(add(safeK, 1)), prim.lgamma(add(sub(safeN, safeK), 1)));
  return where(isPossible, prim.exp(sub(prim.lgamma(add(safeN, 1)), parts)), 0);
}

const pochhammer = customJvp<[Tensor, Tensor], Tensor>((z, m) =>
  where(eq(m, 0), 1, div(gammaOf(add(z, m)), gammaOf(z))),
);
pochhammer.defjvps(
  (dz, y, z, m) => mul(mul(sub(prim.digamma(add(z, m)), prim.digamma(z)), y), dz),
  (dm, y, z, m) => mul(mul(prim.digamma(add(z, m)), y), dm),
);

/** The rising factorial Γ(z + m) / Γ(z). */
export const poch: OfTwo = onFloats((z, m) => pochhammer(z, m));

/** (2k)! / B₂ₖ with Bernoulli's numbers, k = 1 … 16. */
const bernoulliRatios = [
  12,
  -720,
  30240,
  -1209600,
  47900160,
  -1307674368000 / 691,
  74724249600,
  -10670622842880000 / 3617,
  5109094217170944000 / 43867,
  -802857662698291200000 / 174611,
  14101100039391805440000 / 77683,
  -1693824136731743669452800000 / 236364091,
  186134520519971831808000000 / 657931,
  -37893265687455865519472640000000 / 3392780147,
  759790291646040068357842010112000000 / 1723168255201,
  -134196726836183700385281186201600000000 / 7709321041217,
] as const;

/**
 * ζ(s, a) by Euler–Maclaurin summation, which has a derivative in s too: F. Johansson, Rigorous high-precision computation of the
 * Hurwitz zeta function and its derivatives (Numerical Algorithms 69, 2015), formula (5) with N = M.
 */
function zetaSeries(s: Tensor, a: Tensor): Tensor {
  const n = s.dtype === 'float32' ? 8 : 16;
  const end = add(a, n);
  let head = pow(a, prim.neg(s));
  for (let k = 1; k < n; k++) head = add(head, pow(add(a, k), prim.neg(s)));
  const integral = div(pow(end, sub(1, s)), sub(s, 1));
  let [rising, tail] = [div(s, end), prim.like(s, 0.5)];
  for (let k = 0; k < n; k++) {
    tail = add(tail, div(rising, bernoulliRatios[k]!));
    rising = mul(mul(rising, div(add(s, 2 * k + 1), end)), div(add(s, 2 * k + 2), end));
  }
  return add(add(head, integral), mul(pow(end, prim.neg(s)), tail));
}

const hurwitz = customJvp<[Tensor, Tensor], Tensor>((s, q) => prim.zeta(s, q));
hurwitz.defjvp(([s, q]: [Tensor, Tensor], tangents: [Tensor, Tensor]) => {
  const [, dy] = jvp<[Tensor, Tensor], Tensor>(zetaSeries, [s, q], tangents);
  return [hurwitz(s, q), dy];
});

/**
 * Hurwitz's zeta function Σ (q + k)⁻ˢ, k ≥ 0.
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * console.log(scipy.special.zeta(2, 1).item().toFixed(4)); // => 1.6449
 * ```
 */
export const zeta: OfTwo = onFloats((s, q) => hurwitz(s, q));

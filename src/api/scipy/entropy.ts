/**
 * x log y and what is made of it: entropies, divergences, Box–Cox transforms.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { customJvp } from '../custom.ts';
import { add, div, eq, ge, gt, lt, mul, ne, type OfTwo, onFloats, sub, type Unary, where } from './arithmetic.ts';

const isNan = (x: Tensor): Tensor => ne(x, x);

/** x · log y with 0 at x = 0, unless y is NaN. */
export const xlogyOf: (x: Tensor, y: Tensor) => Tensor = (x, y) => timesLog(x, y);
const timesLog = customJvp<[Tensor, Tensor], Tensor>((x, y) =>
  where(prim.or(ne(x, 0), isNan(y)), mul(x, prim.log(y)), 0),
);
timesLog.defjvps(
  (dx, _z, _x, y) => mul(dx, prim.log(y)),
  (dy, _z, x, y) => div(mul(dy, x), y),
);

/** x · log(1 + y) with 0 at x = 0, unless y is NaN. */
export const xlog1pyOf: (x: Tensor, y: Tensor) => Tensor = (x, y) => timesLog1p(x, y);
const timesLog1p = customJvp<[Tensor, Tensor], Tensor>((x, y) =>
  where(prim.or(ne(x, 0), isNan(y)), mul(x, prim.log1p(y)), 0),
);
timesLog1p.defjvps(
  (dx, _z, _x, y) => mul(dx, prim.log1p(y)),
  (dy, _z, x, y) => div(mul(dy, x), add(y, 1)),
);

/** x log x, of which the derivative log x + 1 is finite where the two of xlogy(x, x) are not both. */
const xlogx = customJvp<[Tensor], Tensor>((x) => timesLog(x, x));
xlogx.defjvps((dx, _y, x) => mul(dx, add(prim.log(x), 1)));

/**
 * x log y, which is 0 where x is 0.
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * console.log(scipy.special.xlogy([0, 2], [0, 1]).toArray()); // => [ 0, 0 ]
 * ```
 */
export const xlogy: OfTwo = onFloats((x, y) => timesLog(x, y));

/** x log(1 + y), which is 0 where x is 0. */
export const xlog1py: OfTwo = onFloats((x, y) => timesLog1p(x, y));

/** −x log x; −∞ of negative numbers. */
export const entr: Unary = onFloats((x) => where(lt(x, 0), -Infinity, prim.neg(xlogx(x))));

function relativeEntropy(p: Tensor, q: Tensor): Tensor {
  const isPositive = prim.and(gt(p, 0), gt(q, 0));
  const isZero = prim.and(eq(p, 0), ge(q, 0));
  const [safeP, safeQ] = [where(isPositive, p, 1), where(isPositive, q, 1)];
  const value = sub(xlogx(safeP), timesLog(safeP, safeQ));
  return where(isPositive, value, where(isZero, 0, prim.like(value, Infinity)));
}

/** p log(p / q): 0 where p is 0 and q ≥ 0, ∞ outside. */
export const relEntr: OfTwo = onFloats((p, q) => relativeEntropy(p, q));

/** p log(p / q) − p + q. */
export const klDiv: OfTwo = onFloats((p, q) => add(sub(relativeEntropy(p, q), p), q));

function powerTransform(logX: Tensor, lambda: Tensor): Tensor {
  const isZero = eq(lambda, 0);
  const safe = where(isZero, 1, lambda);
  return where(isZero, logX, div(prim.expm1(mul(safe, logX)), safe));
}

/** (x^λ − 1) / λ, and log x at λ = 0. */
export const boxcox: OfTwo = onFloats((x, lambda) => powerTransform(prim.log(x), lambda));

/** ((1 + x)^λ − 1) / λ, and log(1 + x) at λ = 0. */
export const boxcox1p: OfTwo = onFloats((x, lambda) => powerTransform(prim.log1p(x), lambda));

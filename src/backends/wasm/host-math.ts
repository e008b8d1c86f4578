/**
 * Scalar functions that generated code calls where it has no instructions of its own. All take and give float64.
 * May import: `util`.
 * @module
 */
import { i0e, i1e } from '../../util/special/bessel.ts';
import { betainc } from '../../util/special/betainc.ts';
import { digamma } from '../../util/special/digamma.ts';
import { exp2, logistic, pow } from '../../util/special/elementary.ts';
import { erfInv } from '../../util/special/erf-inv.ts';
import { erf, erfc } from '../../util/special/erf.ts';
import { nextAfter } from '../../util/special/float64.ts';
import { lgamma } from '../../util/special/gamma.ts';
import { igamma, igammac, igammaGradA } from '../../util/special/incomplete-gamma.ts';
import { polygamma, zeta } from '../../util/special/zeta.ts';
import { nextAfter32 } from '../../util/float32.ts';

export const hostMath: Readonly<Record<string, (...x: number[]) => number>> = {
  cbrt: Math.cbrt,
  exp: Math.exp,
  exp2: (x) => exp2(x!),
  expm1: Math.expm1,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  log1p: Math.log1p,
  logistic: (x) => logistic(x!),
  rsqrt: (x) => 1 / Math.sqrt(x!),
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  erf: (x) => erf(x!),
  erfc: (x) => erfc(x!),
  erf_inv: (x) => erfInv(x!),
  lgamma: (x) => lgamma(x!),
  digamma: (x) => digamma(x!),
  bessel_i0e: (x) => i0e(x!),
  bessel_i1e: (x) => i1e(x!),
  rem: (x, y) => x! % y!,
  pow: (x, y) => pow(x!, y!),
  atan2: Math.atan2,
  next_after: (x, y) => nextAfter(x!, y!),
  next_after32: (x, y) => nextAfter32(x!, y!),
  igamma: (a, x) => igamma(a!, x!),
  igammac: (a, x) => igammac(a!, x!),
  igamma_grad_a: (a, x) => igammaGradA(a!, x!),
  polygamma: (n, x) => polygamma(n!, x!),
  zeta: (s, q) => zeta(s!, q!),
  betainc: (a, b, x) => betainc(a!, b!, x!),
};

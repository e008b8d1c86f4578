/**
 * Functions as expressions of the operations that vector units have. The emitter asks here before it falls back on a
 * call of the host for each element. An expansion is final: nothing inside it is expanded again, and no operation of it
 * may be contracted or reordered. Errors given in ulp in these files are the largest seen: in float32 over every 97th
 * number (every 997th for erf_inv, 10^7 random pairs for pow and atan2), in float64 over 10^5 random numbers. The tests
 * assert them on smaller samples.
 * May import: `ir`.
 * @module
 */
import type { BinaryOp, Expr, UnaryOp } from '../../../ir/loop/expr.ts';
import { div, sqrt } from './arith.ts';
import { cbrt64 } from './cbrt-float64.ts';
import { cosh64, erf64, erfc64, exp2_64, exp64, expm1_64, logistic64, sinh64, tanh64 } from './exp-float64.ts';
import { erf32, erfc32, exp2_32, exp32, expm1_32, logistic32, tanh32 } from './exp-float32.ts';
import { acos32, asin32, atan2_32, atan32 } from './inverse-trig-float32.ts';
import { lgamma32 } from './lgamma-float32.ts';
import { log1p32, log32 } from './log-float32.ts';
import { acos64, asin64, atan2_64, atan64 } from './inverse-trig-float64.ts';
import { acosh64, asinh64, atanh64, log10_64, log1p64, log2_64, log64 } from './log-float64.ts';
import { pow64 } from './pow-float64.ts';
import { rem32, rem64 } from './remainder.ts';
import { cos64, sin64, tan64 } from './trig-float64.ts';
import { cos32, sin32, tan32 } from './trig-float32.ts';
import {
  acosh32,
  asinh32,
  atanh32,
  cbrt32,
  cosh32,
  erfInverse32,
  log10_32,
  log2_32,
  pow32,
  sinh32,
} from './via-float64.ts';

type Unary = (x: Expr) => Expr;
type Binary = (x: Expr, y: Expr) => Expr;

const float32Unary: Partial<Record<UnaryOp, Unary>> = {
  exp: exp32,
  exp2: exp2_32,
  expm1: expm1_32,
  logistic: logistic32,
  tanh: tanh32,
  log: log32,
  log1p: log1p32,
  sin: sin32,
  cos: cos32,
  tan: tan32,
  asin: asin32,
  acos: acos32,
  atan: atan32,
  erf: erf32,
  erfc: erfc32,
  erf_inv: erfInverse32,
  lgamma: lgamma32,
  log2: log2_32,
  log10: log10_32,
  sinh: sinh32,
  cosh: cosh32,
  asinh: asinh32,
  acosh: acosh32,
  atanh: atanh32,
  cbrt: cbrt32,
  rsqrt: (x) => div(1, sqrt(x)),
};
const float64Unary: Partial<Record<UnaryOp, Unary>> = {
  exp: exp64,
  exp2: exp2_64,
  expm1: expm1_64,
  logistic: logistic64,
  tanh: tanh64,
  sinh: sinh64,
  cosh: cosh64,
  erf: erf64,
  erfc: erfc64,
  log: log64,
  log1p: log1p64,
  log2: log2_64,
  log10: log10_64,
  sin: sin64,
  cos: cos64,
  tan: tan64,
  asin: asin64,
  acos: acos64,
  atan: atan64,
  asinh: asinh64,
  acosh: acosh64,
  atanh: atanh64,
  cbrt: cbrt64,
  rsqrt: (x) => div(1, sqrt(x)),
};
const float32Binary: Partial<Record<BinaryOp, Binary>> = {
  atan2: atan2_32,
  pow: pow32,
  rem: rem32,
};
const float64Binary: Partial<Record<BinaryOp, Binary>> = {
  atan2: atan2_64,
  pow: pow64,
  rem: rem64,
};

/** `fn(x)` of a float32 or float64 `x`, or undefined where there is no expansion. */
export function expandUnary(fn: UnaryOp, x: Expr): Expr | undefined {
  const table = x.dtype === 'float32' ? float32Unary : x.dtype === 'float64' ? float64Unary : undefined;
  return table?.[fn]?.(x);
}

/** `fn(x, y)` of two float32 or two float64 operands, or undefined where there is no expansion. */
export function expandBinary(fn: BinaryOp, x: Expr, y: Expr): Expr | undefined {
  const table = x.dtype === 'float32' ? float32Binary : x.dtype === 'float64' ? float64Binary : undefined;
  return table?.[fn]?.(x, y);
}

/**
 * Functions as expressions of the operations that vector units have. The emitter asks here before it falls back on a call of the host
 * for each element. An expansion is final: nothing inside it is expanded again, and no operation of it may be contracted or reordered.
 * May import: `ir`.
 * @module
 */
import type { BinaryOp, Expr, UnaryOp } from '../../../ir/loop/expr.ts';
import { div, sqrt } from './arith.ts';
import { exp2_32, exp32, expm1_32, logistic32, tanh32 } from './exp-float32.ts';
import { log1p32, log32 } from './log-float32.ts';
import { cos32, sin32 } from './trig-float32.ts';

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
  rsqrt: (x) => div(1, sqrt(x)),
};
const float64Unary: Partial<Record<UnaryOp, Unary>> = {
  rsqrt: (x) => div(1, sqrt(x)),
};
const float32Binary: Partial<Record<BinaryOp, Binary>> = {};
const float64Binary: Partial<Record<BinaryOp, Binary>> = {};

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

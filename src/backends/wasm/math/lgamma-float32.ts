/**
 * log |Γ| of float32, computed in float64, of positive numbers. The zeros at 1 and 2 are factors, so that nothing is lost beside them. Beside
 * those of negative numbers all digits cancel: the host computes them, and what no logarithm is taken of.
 * May import: `ir`.
 * @module
 */
import { type Expr, unary } from '../../../ir/loop/expr.ts';
import { add, and, div, gt, inHalves, lt, mul, neg, polynomial, sub, where } from './arith.ts';
import { log, narrow, wide } from './via-float64.ts';

/** log Γ(y) / ((y - 1) (y - 2)) over y - 1.5, 1 ≤ y ≤ 2: relative error 2^-30.6. */
const betweenZeros = [
  0.48312895049455773, -0.14595990210980483, 0.06291141420602457, -0.03130799786594728, 0.016796497494222993,
  -0.009436396662830535, 0.005456474995439493, -0.003116401796182608, 0.001848314890021456, -0.0015255203153443642,
  0.0009599107793145656,
];

/** x (log Γ(x) - (x - ½) (log x - 1) - ½ log 2π + ½) over 1/x², x ≥ 3: relative error of log Γ 2^-34.9. */
const stirlingTail = [0.08333332448161304, -0.0027771316236008623, 0.0007775511730303117, -0.0004204210916882253];
/** ½ log 2π - ½. */
const stirlingConstant = 0.4189385332046727;

/**
 * lgamma: 0.52 ulp. Stirling's series from 3 on. Below, a polynomial on [1, 2], to which Γ(x + 1) = x Γ(x) leads: the logarithms add
 * up to one.
 */
export function lgamma32(x: Expr): Expr {
  const a = wide(x);
  const [isBelow1, isBelow2, isBelow3] = [1, 2, 3].map((limit) => lt(a, limit)) as [Expr, Expr, Expr];
  const less = sub(a, 1);
  const logarithm = log(where(isBelow1, a, where(isBelow2, 1, where(isBelow3, less, a))));
  // y - 1
  const fraction = where(isBelow1, a, where(isBelow2, less, sub(a, 2)));
  const ofUnit = mul(mul(fraction, sub(fraction, 1)), inHalves(sub(fraction, 0.5), betweenZeros));
  const small = add(ofUnit, where(isBelow1, neg(logarithm), logarithm));
  const inverse = div(1, a);
  const tail = mul(inverse, polynomial(mul(inverse, inverse), stirlingTail));
  const large = add(mul(sub(a, 0.5), sub(logarithm, 1)), add(tail, stirlingConstant));
  const value = narrow(where(isBelow3, small, large));
  return where(and(gt(x, 0), lt(x, Infinity)), value, unary('lgamma_rest', x));
}

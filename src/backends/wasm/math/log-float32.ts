/**
 * float32 logarithms: log, log1p. Coefficients: minimax, each rounded to float32 in turn before the next is fitted.
 * May import: `ir`.
 * @module
 */
import { convert, type Expr } from '../../../ir/loop/expr.ts';
import { add, and, div, eq, float32FromBits, gt, int32Bits, lt, mul, neg, polynomial, sar, sub, where } from './arith.ts';

const ln2High = 0.693359375;
const ln2Low = -2.12194440054690583e-4;
/** Bit pattern of √½ rounded down: subtracting it puts the cut between exponents at √½ instead of 1. */
const rootHalfBits = 0x3f3504f3;
const smallestNormal = 2 ** -126;

/** (log1p(f) - f + f²/2) / f³ on [√½ - 1, √2 - 1]: relative error of the log 2^-28.5. */
const logTail = [
  0.3333331346511841, -0.2500002682209015, 0.2000204473733902, -0.16667120158672333, 0.1422126442193985,
  -0.12418889254331589, 0.11881213635206223, -0.11601089686155319, 0.066872239112854,
];

/** log(2^k (1 + f)). The sum goes from the smallest term to the largest. */
function logOfParts(k: Expr, f: Expr): Expr {
  const z = mul(f, f);
  const tail = mul(mul(f, z), polynomial(f, logTail));
  const low = sub(add(tail, mul(k, ln2Low)), mul(z, 0.5));
  return add(add(f, low), mul(k, ln2High));
}

/** x = 2^k m of a positive normal x, m in [√½, √2). `biased` is the exponent field's excess, for the caller to undo. */
function split(x: Expr): { readonly k: Expr; readonly m: Expr } {
  const shifted = sub(int32Bits(x), rootHalfBits);
  return { k: sar(shifted, 23), m: float32FromBits(add(and(shifted, 0x007fffff), rootHalfBits)) };
}

/** Puts the values at 0 and beyond in: `at` 0 gives -∞, below it NaN, and an infinity or NaN in `x` stays. */
function logDomain(fromZero: Expr, x: Expr, value: Expr): Expr {
  const finite = where(lt(x, Infinity), value, x);
  return where(gt(fromZero, 0), finite, where(eq(fromZero, 0), -Infinity, NaN));
}

/** log. Subnormal arguments are scaled by 2^23 first. */
export function log32(x: Expr): Expr {
  const subnormal = lt(x, smallestNormal);
  const { k, m } = split(where(subnormal, mul(x, 2 ** 23), x));
  const exponent = sub(convert(k, 'float32'), where(subnormal, 23, 0));
  return logDomain(x, x, logOfParts(exponent, sub(m, 1)));
}

/** log1p: 1 + x rounds to u; what is lost, c, is of the order of an ulp of u and is added to its fraction, scaled alike. */
export function log1p32(x: Expr): Expr {
  const u = add(x, 1);
  const { k, m } = split(u);
  // For |x| < 1 the rounding error of 1 + x is x - (u - 1); for larger x it is 1 - (u - x).
  const c = where(lt(x, 1), sub(x, sub(u, 1)), sub(1, sub(u, x)));
  const f = add(sub(m, 1), mul(c, div(m, u)));
  const value = logOfParts(convert(k, 'float32'), f);
  return where(eq(x, 0), x, logDomain(u, x, value));
}

void neg;

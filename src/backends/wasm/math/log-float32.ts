/**
 * float32 logarithms: log, log1p. Coefficients: minimax, each rounded to float32 in turn before the next is fitted.
 * May import: `ir`.
 * @module
 */
import { convert, type Expr } from '../../../ir/loop/expr.ts';
import {
  add,
  and,
  eq,
  float32FromBits,
  gt,
  int32Bits,
  lt,
  madd,
  mul,
  polynomial,
  sar,
  sub,
  usually,
  where,
} from './arith.ts';
import { logDomain } from './domain.ts';

const ln2High = 0.693359375;
const ln2Low = -2.12194440054690583e-4;
/** Bit pattern of √½ rounded down: subtracting it puts the cut between exponents at √½ instead of 1. */
const rootHalfBits = 0x3f3504f3;
const largestSubnormal = 2 ** -126 - 2 ** -149;

/** (log1p(f) - f + f²/2) / f³ on [√½ - 1, √2 - 1]: relative error of the log 2^-28.5. */
const logTail = [
  0.3333331346511841, -0.2500002682209015, 0.2000204473733902, -0.16667120158672333, 0.1422126442193985,
  -0.12418889254331589, 0.11881213635206223, -0.11601089686155319, 0.066872239112854,
];

/** log(2^k (1 + f)). The sum goes from the smallest term to the largest. */
function logOfParts(k: Expr, f: Expr): Expr {
  const z = mul(f, f);
  const tail = mul(mul(f, z), polynomial(f, logTail));
  const low = madd(z, -0.5, madd(k, ln2Low, tail));
  return madd(k, ln2High, add(f, low));
}

/** log of a positive normal number times 2^-scale. */
function logOfNormal(x: Expr, scale: number): Expr {
  const shifted = sub(int32Bits(x), rootHalfBits);
  const m = float32FromBits(add(and(shifted, 0x007fffff), rootHalfBits));
  const k = convert(sar(shifted, 23), 'float32');
  return logOfParts(scale === 0 ? k : sub(k, scale), sub(m, 1));
}

/** log: 0.8 ulp. Subnormal arguments are scaled by 2^23 first. */
export function log32(x: Expr): Expr {
  const normal = usually(and(gt(x, largestSubnormal), lt(x, Infinity)));
  const rest = where(lt(x, 1), logOfNormal(mul(x, 2 ** 23), 23), x);
  return where(normal, logOfNormal(x, 0), logDomain(x, x, rest));
}

/**
 * log1p: 1.39 ulp. 1 + x rounds to u, and what is lost is exactly c = x - (u - 1) wherever it matters (for x ≥ 2^24 it
 * does not). It is added to the fraction of u, scaled alike: by ½ c 2^(1-k), since 2^-k alone would not be a normal
 * number at k = 128.
 */
export function log1p32(x: Expr): Expr {
  const u = add(x, 1);
  const shifted = sub(int32Bits(u), rootHalfBits);
  const m = float32FromBits(add(and(shifted, 0x007fffff), rootHalfBits));
  const scale = float32FromBits(sub(0x40000000, and(shifted, ~0x007fffff)));
  const c = mul(mul(sub(x, sub(u, 1)), 0.5), scale);
  const value = logOfParts(convert(sar(shifted, 23), 'float32'), add(sub(m, 1), c));
  return where(eq(x, 0), x, logDomain(u, x, value));
}

/**
 * Elementwise functions of `lax`, one a primitive. Operands have one dtype (bare numbers adapt) and broadcast.
 * May import: `ir`, `core`, `primitives`, `api/lift`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { ArgumentError } from '../../ir/errors.ts';
import { scalarTensor, type Tensor } from '../../core/tensor.ts';
import * as arithmetic from '../../primitives/arithmetic.ts';
import * as compare from '../../primitives/compare.ts';
import { bitcast, convert } from '../../primitives/convert.ts';
import * as bits from '../../primitives/elementwise-bits.ts';
import * as exps from '../../primitives/elementwise-exp.ts';
import * as numbers from '../../primitives/elementwise-number.ts';
import * as trig from '../../primitives/elementwise-trig.ts';
import * as choice from '../../primitives/select.ts';
import * as special from '../../primitives/special.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { readArgument } from '../named.ts';
import { type DTypeLike, toDType } from '../numpy/dtypes.ts';
import { adapt, type Binary, binary, type Ternary, ternary, type Unary, unary } from './operands.ts';

export const add: Binary = binary(arithmetic.add);
export const sub: Binary = binary(arithmetic.sub);
export const mul: Binary = binary(arithmetic.mul);
/** x / y; integers are divided toward zero. */
export const div: Binary = binary(arithmetic.div);
/** Remainder with the sign of x. */
export const rem: Binary = binary(numbers.rem);
/** The larger; at a tie each gets half of the cotangent. */
export const max: Binary = binary(numbers.max);
/** The smaller; at a tie each gets half of the cotangent. */
export const min: Binary = binary(numbers.min);
export const neg: Unary = unary(arithmetic.neg);
export const abs: Unary = unary(numbers.abs);
export const sign: Unary = unary(numbers.sign);
export const floor: Unary = unary(numbers.floor);
export const ceil: Unary = unary(numbers.ceil);
/** Next representable number after x toward y. */
export const nextafter: Binary = binary(numbers.nextAfter);
export const isFinite: Unary = unary(numbers.isFinite);

/** x², with derivative 2x. */
export const square: Unary = unary((x) => arithmetic.integerPow(x, 2));
/** 1 / x. */
export const reciprocal: Unary = unary((x) => arithmetic.integerPow(x, -1));

/** How `round` treats halves. */
export const RoundingMethod: { readonly AWAY_FROM_ZERO: 0; readonly TO_NEAREST_EVEN: 1 } = {
  AWAY_FROM_ZERO: 0,
  TO_NEAREST_EVEN: 1,
};

/** Nearest integer; halves go away from zero unless told otherwise. */
export function round(x: TensorLike, method: 0 | 1 = RoundingMethod.AWAY_FROM_ZERO): Tensor {
  const t = asTensor(x);
  if (method === RoundingMethod.TO_NEAREST_EVEN) return numbers.round(t);
  const size = numbers.abs(t);
  const whole = numbers.floor(size);
  const isUp = compare.ge(arithmetic.sub(size, whole), arithmetic.like(t, 0.5));
  const rounded = choice.select(isUp, arithmetic.add(whole, arithmetic.like(t, 1)), whole);
  return choice.select(compare.lt(t, arithmetic.like(t, 0)), arithmetic.neg(rounded), rounded);
}

/** xⁿ for a fixed integer n. */
export function integerPow(x: TensorLike, y: number | { readonly y: number }): Tensor {
  const n = readArgument('lax.integerPow', 'y', y);
  if (Number.isInteger(n)) return arithmetic.integerPow(asTensor(x), n);
  throw new ArgumentError(
    `lax.integerPow: expected an integer exponent, got ${String(n)}.`,
    'use lax.pow for other exponents.',
  );
}

/** x to the power y; y may be an integer where x is a float. */
export function pow(x: TensorLike, y: TensorLike): Tensor {
  const [a, b] = adapt(x, y);
  return exps.pow(a!, isFloat(a!.dtype) && !isFloat(b!.dtype) ? convert(b!, a!.dtype) : b!);
}

export const exp: Unary = unary(exps.exp);
export const exp2: Unary = unary(exps.exp2);
export const expm1: Unary = unary(exps.expm1);
export const log: Unary = unary(exps.log);
export const log1p: Unary = unary(exps.log1p);
export const sqrt: Unary = unary(exps.sqrt);
/** 1 / √x. */
export const rsqrt: Unary = unary(exps.rsqrt);
export const cbrt: Unary = unary(exps.cbrt);
/** 1 / (1 + e^(−x)). */
export const logistic: Unary = unary(exps.logistic);
export const sin: Unary = unary(trig.sin);
export const cos: Unary = unary(trig.cos);
export const tan: Unary = unary(trig.tan);
export const asin: Unary = unary(trig.asin);
export const acos: Unary = unary(trig.acos);
export const atan: Unary = unary(trig.atan);
export const atan2: Binary = binary(trig.atan2);
export const sinh: Unary = unary(trig.sinh);
export const cosh: Unary = unary(trig.cosh);
export const tanh: Unary = unary(trig.tanh);
export const asinh: Unary = unary(trig.asinh);
export const acosh: Unary = unary(trig.acosh);
export const atanh: Unary = unary(trig.atanh);

export const erf: Unary = unary(special.erf);
export const erfc: Unary = unary(special.erfc);
export const erfInv: Unary = unary(special.erfInv);
export const lgamma: Unary = unary(special.lgamma);
export const digamma: Unary = unary(special.digamma);
export const polygamma: Binary = binary(special.polygamma);
export const zeta: Binary = binary(special.zeta);
/** Regularised lower incomplete gamma P(a, x). */
export const igamma: Binary = binary(special.igamma);
/** Regularised upper incomplete gamma Q(a, x). */
export const igammac: Binary = binary(special.igammac);
export const igammaGradA: Binary = binary(special.igammaGradA);
/** I_x(a, b). */
export const betainc: Ternary = ternary(special.betainc);
export const besselI0e: Unary = unary(special.besselI0e);
export const besselI1e: Unary = unary(special.besselI1e);

export const bitwiseAnd: Binary = binary(bits.and);
export const bitwiseOr: Binary = binary(bits.or);
export const bitwiseXor: Binary = binary(bits.xor);
export const bitwiseNot: Unary = unary(bits.not);
export const shiftLeft: Binary = binary(bits.shiftLeft);
/** Zeros come in from the left. */
export const shiftRightLogical: Binary = binary(bits.shiftRightLogical);
/** Copies of the sign bit come in from the left. */
export const shiftRightArithmetic: Binary = binary(bits.shiftRightArithmetic);
export const populationCount: Unary = unary(bits.populationCount);
/** Number of leading zero bits. */
export const clz: Unary = unary(bits.clz);

export const eq: Binary = binary(compare.eq);
export const ne: Binary = binary(compare.ne);
export const lt: Binary = binary(compare.lt);
export const le: Binary = binary(compare.le);
export const gt: Binary = binary(compare.gt);
export const ge: Binary = binary(compare.ge);

/** `onTrue` where `pred` (bool), `onFalse` elsewhere; the branch not taken contributes no derivative, be it NaN. */
export function select(pred: TensorLike, onTrue: TensorLike, onFalse: TensorLike): Tensor {
  const [a, b] = adapt(onTrue, onFalse);
  return choice.select(asTensor(pred), a!, b!);
}

/** cases[which] elementwise; `which` is a bool for two cases, else int32 (clamped). */
export function selectN(which: TensorLike, ...cases: TensorLike[]): Tensor {
  const index = asTensor(which);
  const values = adapt(...cases);
  if (index.dtype === 'bool' && values.length === 2) return choice.select(index, values[1]!, values[0]!);
  return values
    .slice(0, -1)
    .reduceRight(
      (rest, x, k) => choice.select(compare.le(index, scalarTensor(k, index.dtype)), x, rest),
      values.at(-1)!,
    );
}

/** min(max(x, lo), hi). At a bound the derivative in x is 0. */
export function clamp(lo: TensorLike, x: TensorLike, hi: TensorLike): Tensor {
  const [a, b, c] = adapt(lo, x, hi);
  return choice.clamp(a!, b!, c!);
}

/** The values under another dtype: floats are truncated toward zero when they become integers. */
export const convertElementType = (x: TensorLike, dtype: DTypeLike): Tensor =>
  convert(asTensor(x), toDType('lax.convertElementType', dtype));

/** The bits under another dtype of equal width. */
export const bitcastConvertType = (x: TensorLike, dtype: DTypeLike): Tensor =>
  bitcast(asTensor(x), toDType('lax.bitcastConvertType', dtype));

/**
 * Arithmetic, and the helpers (`defineUnary`, `defineBinary`) with which the other elementwise families are declared.
 * May import: `ir`, `core`, `primitives/structural`.
 * @module
 */
import { f32, f64, i32, u32 } from '../ir/aval.ts';
import { castScalar, type DType, isFloat } from '../ir/dtype.ts';
import { binary, type BinaryOp, constant, type Expr, unary, type UnaryOp } from '../ir/loop/expr.ts';
import type { SimplifyRule } from '../ir/simplify.ts';
import {
  type Calculus,
  isLinearInput,
  type MaybeZero,
  type Primitive,
  residual,
  type Sample,
} from '../core/primitive.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import {
  type Arithmetic,
  simplifyAdd,
  simplifyDiv,
  simplifyMul,
  simplifyNeg,
  simplifySub,
} from './arithmetic-rules.ts';
import { type Accepts, defineElementwise, type NoParams, noParams, sumTangents } from './define-elementwise.ts';
import { keepOperand, operandOf, otherEquation } from './simplify-rules.ts';
import { broadcastTo, movements, reduceSumP, sumRules, unbroadcast } from './structural.ts';
import { reduceRepeated, timesCount } from './structural-rules.ts';

export const binarySamples: readonly Sample<NoParams>[] = [
  { avals: [f32(2, 3), f32(2, 3)], params: noParams },
  { avals: [f64(2, 1, 3), f64(4, 1)], params: noParams },
  { avals: [f32(3), f32()], params: noParams },
  { avals: [f64(0, 2), f64(2)], params: noParams },
];
const integerSamples: readonly Sample<NoParams>[] = [
  { avals: [i32(4), i32(4)], params: noParams },
  { avals: [u32(2, 2), u32(2)], params: noParams },
];

/** Integers wrap: the exact product of two 32-bit integers does not fit a double, so it is taken modulo 2³². */
const wrapProduct = (x: number, y: number, dtype: DType): number => (isFloat(dtype) ? x * y : Math.imul(x, y));

const arithmetic = (): Arithmetic => ({ add: addP, sub: subP, mul: mulP, div: divP, neg: negP });

/** z = x + y. */
export const addP: Primitive<NoParams> = defineElementwise<NoParams>({
  name: 'add',
  accepts: 'number',
  calculus: {
    // dz = dx + dy; a missing tangent leaves the other, stretched to z's shape.
    kind: 'smooth',
    jvp: (_primals, [tx, ty], [out]) => [sumTangents([tx!, ty!], add, out!.aval.shape)],
    transpose: ([ct], operands) => operands.map((x) => (isLinearInput(x) ? unbroadcast(ct!, x.aval.shape) : null)),
  },
  simplify: (view) => simplifyAdd(view, arithmetic()),
  scalar: ([x, y]) => x! + y!,
  onHost: (x, y) => x + y,
  slopes: { number: () => 1 },
  element: ([x, y]) => binary('add', x!, y!),
  samples: [...binarySamples, ...integerSamples],
});

/** z = x − y. */
export const subP: Primitive<NoParams> = defineElementwise<NoParams>({
  name: 'sub',
  accepts: 'number',
  calculus: {
    kind: 'smooth',
    jvp: (_primals, [tx, ty], [out]) => {
      if (tx && ty) return [sub(tx, ty)];
      return [broadcastTo(tx ?? neg(ty!), out!.aval.shape)];
    },
    transpose: ([ct], [x, y]) => [
      isLinearInput(x!) ? unbroadcast(ct!, x.aval.shape) : null,
      isLinearInput(y!) ? neg(unbroadcast(ct!, y.aval.shape)) : null,
    ],
  },
  simplify: (view) => simplifySub(view, arithmetic()),
  scalar: ([x, y]) => x! - y!,
  onHost: (x, y) => x - y,
  slopes: { number: (i) => (i === 0 ? 1 : -1) },
  element: ([x, y]) => binary('sub', x!, y!),
  samples: [...binarySamples, ...integerSamples],
});

/** z = x · y. */
export const mulP: Primitive<NoParams> = defineElementwise<NoParams>({
  name: 'mul',
  accepts: 'number',
  calculus: {
    // dz = dx·y + x·dy
    kind: 'multilinear',
    transpose: ([ct], [x, y]) => [
      isLinearInput(x!) ? unbroadcast(mul(ct!, residual(y!)), x.aval.shape) : null,
      isLinearInput(y!) ? unbroadcast(mul(residual(x!), ct!), y.aval.shape) : null,
    ],
  },
  simplify: (view) => simplifyMul(view, arithmetic()),
  scalar: ([x, y], _params, dtype) => wrapProduct(x!, y!, dtype),
  onHost: (x, y, _z, dtype) => wrapProduct(x, y, dtype),
  slopes: { number: (i, x, y) => (i === 0 ? y : x) },
  element: ([x, y]) => binary('mul', x!, y!),
  samples: [...binarySamples, ...integerSamples],
});

/** Integer quotient toward zero, with XLA's answers where there is none: x / 0 = −1 (all bits set), INT_MIN / −1 = INT_MIN. */
function divideScalar(x: number, y: number, dtype: DType): number {
  if (isFloat(dtype)) return x / y;
  return y === 0 ? -1 : Math.trunc(x / y);
}

/**
 * ∂z/∂x = 1/y, ∂z/∂y = −z/y. A cotangent times the float64 reciprocal rounds to float32 as their quotient does: the product errs by less than
 * 2⁻⁵¹, and no quotient of two 24-bit numbers is within 2⁻⁴⁹ of a boundary between roundings. In float64 it may differ by a bit.
 */
function quotientSlope(i: number, _x: number, y: number, z: number, dtype: DType): number {
  if (i === 0) return dtype === 'float32' ? 1 / y : NaN;
  return -castScalar(z / y, dtype);
}

/** z = x / y. */
export const divP: Primitive<NoParams> = defineElementwise<NoParams>({
  name: 'div',
  accepts: 'number',
  calculus: {
    // dz = dx / y − z · dy / y
    kind: 'smooth',
    jvp: ([, y], [tx, ty], [z]) => [
      sumTangents([tx! && div(tx, y!), ty! && neg(mul(ty, div(z!, y!)))], add, z!.aval.shape),
    ],
    transpose: ([ct], [x, y]) => [unbroadcast(div(ct!, residual(y!)), x!.aval.shape), null],
  },
  simplify: (view) => simplifyDiv(view, arithmetic()),
  scalar: ([x, y], _params, dtype) => divideScalar(x!, y!, dtype),
  onHost: (x, y, _z, dtype) => divideScalar(x, y, dtype),
  slopes: { number: quotientSlope },
  element: ([x, y]) => binary('div', x!, y!),
  samples: [...binarySamples.map((s) => ({ ...s, domain: [0.5, 2] as const })), ...integerSamples],
});

export const add = (x: Tensor, y: Tensor): Tensor => bind1(addP, [x, y], noParams);
export const sub = (x: Tensor, y: Tensor): Tensor => bind1(subP, [x, y], noParams);
export const mul = (x: Tensor, y: Tensor): Tensor => bind1(mulP, [x, y], noParams);
export const div = (x: Tensor, y: Tensor): Tensor => bind1(divP, [x, y], noParams);
export const neg = (x: Tensor): Tensor => bind1(negP, [x], noParams);

/** A scalar constant of the dtype of `x`. */
export const like = (x: Tensor, value: number): Tensor => scalarTensor(value, x.aval.dtype);

export interface UnaryRules {
  readonly name: string;
  readonly fn: UnaryOp;
  /** Default: floats. */
  readonly accepts?: Accepts;
  readonly resultDType?: DType;
  readonly scalar: (x: number, dtype: DType) => number;
  /** `scalar`, once rounded, is what kernels give. */
  readonly isExact?: boolean;
  /** f′(x), given x and y = f(x); absent for a derivative that is zero almost everywhere. */
  readonly derivative?: (x: Tensor, y: Tensor) => Tensor;
  readonly simplify?: SimplifyRule<NoParams>;
  /** The tangent f′(x)·t where that is better written as a whole. Linear in t. */
  readonly tangent?: (t: Tensor, x: Tensor, y: Tensor) => Tensor;
  /** Where samples are drawn from. */
  readonly domain?: readonly [number, number];
  /** Sample dtypes other than float. */
  readonly moreSamples?: readonly Sample<NoParams>[];
}

function unaryCalculus(rules: UnaryRules): Calculus<NoParams> {
  const { derivative, tangent } = rules;
  if (tangent) return { kind: 'smooth', jvp: ([x], [t], [y]) => [t! && tangent(t, x!, y!)] };
  if (derivative) return { kind: 'smooth', jvp: ([x], [t], [y]) => [t! && mul(t, derivative(x!, y!))] };
  return { kind: 'piecewise-constant' };
}

/** Declares y = f(x). */
export function defineUnary(rules: UnaryRules): Primitive<NoParams> {
  const domain = rules.domain ? { domain: rules.domain } : {};
  const accepts = rules.accepts ?? 'float';
  const floats: Sample<NoParams>[] =
    accepts === 'integer' || accepts === 'logical'
      ? []
      : [f32(2, 3), f64(5), f32(), f64(0)].map((a) => ({ avals: [a], params: noParams, ...domain }));
  return defineElementwise<NoParams>({
    name: rules.name,
    accepts,
    ...(rules.resultDType ? { resultDType: rules.resultDType } : {}),
    calculus: unaryCalculus(rules),
    scalar: ([x], _params, dtype) => rules.scalar(x!, dtype),
    ...(rules.isExact === true && { onHost: (x, _y, _z, dtype) => rules.scalar(x, dtype) }),
    ...(rules.simplify && { simplify: rules.simplify }),
    ...(rules.derivative && { slopes: { tensors: ([x], y) => [rules.derivative!(x!, y)] } }),
    element: ([x]) => unary(rules.fn, x!),
    samples: [...floats, ...(rules.moreSamples ?? [])],
  });
}

export interface BinaryRules {
  readonly name: string;
  readonly fn: BinaryOp;
  readonly accepts?: Accepts;
  readonly resultDType?: DType;
  readonly scalar: (x: number, y: number, dtype: DType) => number;
  /** `scalar`, once rounded, is what kernels give. */
  readonly isExact?: boolean;
  /** ∂f/∂x and ∂f/∂y given x, y, z = f(x, y); `null` for one that is zero; absent when both are. */
  readonly partials?: readonly [Partial | null, Partial | null];
  readonly simplify?: SimplifyRule<NoParams>;
  readonly domain?: Sample<NoParams>['domain'];
  readonly moreSamples?: readonly Sample<NoParams>[];
  /** In place of the usual samples. */
  readonly samples?: readonly Sample<NoParams>[];
}

export type Partial = (x: Tensor, y: Tensor, z: Tensor) => Tensor;

function binaryCalculus({ partials }: BinaryRules): Calculus<NoParams> {
  if (!partials) return { kind: 'piecewise-constant' };
  return {
    kind: 'smooth',
    jvp: ([x, y], tangents, [z]) => {
      const terms = partials.map((p, i): MaybeZero => {
        const t = tangents[i]!;
        return t && p && mul(t, p(x!, y!, z!));
      });
      return [sumTangents(terms, add, z!.aval.shape)];
    },
  };
}

/** Declares z = f(x, y). */
export function defineBinary(rules: BinaryRules): Primitive<NoParams> {
  const domain = rules.domain ? { domain: rules.domain } : {};
  const accepts = rules.accepts ?? 'float';
  const floats = accepts === 'integer' || accepts === 'logical' ? [] : binarySamples.map((s) => ({ ...s, ...domain }));
  return defineElementwise<NoParams>({
    name: rules.name,
    accepts,
    ...(rules.resultDType ? { resultDType: rules.resultDType } : {}),
    calculus: binaryCalculus(rules),
    scalar: ([x, y], _params, dtype) => rules.scalar(x!, y!, dtype),
    ...(rules.isExact === true && { onHost: (x, y, _z, dtype) => rules.scalar(x, y, dtype) }),
    ...(rules.simplify && { simplify: rules.simplify }),
    ...(rules.partials && { slopes: { tensors: ([x, y], z) => rules.partials!.map((p) => p && p(x!, y!, z)) } }),
    element: ([x, y]) => binary(rules.fn, x!, y!),
    samples: rules.samples ?? [...floats, ...(rules.moreSamples ?? [])],
  });
}

/** y = −x. */
export const negP: Primitive<NoParams> = defineElementwise<NoParams>({
  name: 'neg',
  accepts: 'number',
  calculus: { kind: 'linear', transpose: ([ct]) => [neg(ct!)] },
  simplify: (view) => simplifyNeg(view, arithmetic()),
  scalar: ([x]) => -x!,
  onHost: (x) => -x,
  slopes: { number: () => -1 },
  element: ([x]) => unary('neg', x!),
  samples: [
    { avals: [f32(2, 3)], params: noParams },
    { avals: [f64()], params: noParams },
    { avals: [i32(3)], params: noParams },
  ],
});

sumRules.push((view) => {
  const isAssociative = !isFloat(view.outputs[0]!.dtype);
  return reduceRepeated(view, movements(), { self: reduceSumP, combine: timesCount(arithmetic()), isAssociative });
});

export interface IntegerPowParams {
  readonly exponent: number;
}

/** xⁿ by repeated squaring, as an expression. */
function powerExpr(x: Expr, n: number): Expr {
  let [result, base]: [Expr | undefined, Expr] = [undefined, x];
  for (let k = Math.abs(n); k > 0; k = Math.floor(k / 2)) {
    if (k % 2 === 1) result = result ? binary('mul', result, base) : base;
    if (k > 1) base = binary('mul', base, base);
  }
  result ??= constant(1, x.dtype);
  return n < 0 ? binary('div', constant(1, x.dtype), result) : result;
}

/** y = xⁿ for a fixed integer n; x⁰ = 1 everywhere. */
export const integerPowP: Primitive<IntegerPowParams> = defineElementwise<IntegerPowParams>({
  name: 'integer_pow',
  accepts: 'number',
  calculus: {
    // dy = n xⁿ⁻¹ dx
    kind: 'smooth',
    jvp: ([x], [t], _outs, { exponent: n }) => [
      n === 0 || !t ? null : n === 1 ? t : mul(t, mul(like(x!, n), integerPow(x!, n - 1))),
    ],
  },
  scalar: ([x], { exponent }, dtype) => {
    if (isFloat(dtype)) return x! ** exponent;
    let y = 1;
    for (let i = 0; i < Math.abs(exponent); i++) y = Math.imul(y, x!);
    if (exponent >= 0) return y;
    // Integer division: towards zero, and −1 (all bits) for a divisor of 0.
    const divisor = dtype === 'uint32' ? y >>> 0 : dtype === 'uint8' ? y & 255 : y;
    return divisor === 0 ? -1 : Math.trunc(1 / divisor);
  },
  element: ([x], { exponent }) => powerExpr(x!, exponent),
  simplify: (view) => {
    const { exponent } = view.params;
    if (exponent === 1) return keepOperand(view, 0);
    // (−x)ⁿ = xⁿ for even n
    const positive = exponent % 2 === 0 ? operandOf(view, 0, negP) : undefined;
    return positive && otherEquation(integerPowP, [positive], view.params);
  },
  samples: [
    { avals: [f32(2, 3)], params: { exponent: 3 } },
    { avals: [f64(4)], params: { exponent: -2 }, domain: [0.5, 2] },
    { avals: [f64(2)], params: { exponent: 0 } },
    { avals: [i32(3)], params: { exponent: 5 } },
    { avals: [i32(3)], params: { exponent: -2 } },
  ],
});

export const integerPow = (x: Tensor, exponent: number): Tensor =>
  exponent === 1 ? x : bind1(integerPowP, [x], { exponent });

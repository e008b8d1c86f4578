/**
 * Elementwise arithmetic of two arrays: sums, products, quotients, remainders, powers, and float manipulation.
 * Operands broadcast, and promote as in JAX: a JavaScript number takes the dtype of the other operand.
 * May import: `ir`, `core`, `primitives`, `control`, `api/lift`, `api/custom`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { ArgumentError, DTypeError } from '../../ir/errors.ts';
import { broadcastShapes } from '../../ir/shape.ts';
import { traceClosedProgram } from '../../core/program-trace.ts';
import { Tensor } from '../../core/tensor.ts';
import { stopGradientOf } from '../../primitives/barrier.ts';
import * as prim from '../../primitives/index.ts';
import { whileLoop } from '../../control/while.ts';
import { customJvp, type CustomJvpFunction } from '../custom.ts';
import { asTensor, promote, promoteToFloat, type TensorLike } from '../lift.ts';
import { counted, isnan, isposinf, scaleByPower, signbit } from './unary.ts';

type Binary = (x: TensorLike, y: TensorLike) => Tensor;

/** Applies `f` to promoted operands; `onBool` stands in for booleans, which count as int32 without it. */
function promoting(f: (x: Tensor, y: Tensor) => Tensor, onBool?: (x: Tensor, y: Tensor) => Tensor): Binary {
  return (x, y) => {
    if (x instanceof Tensor && y instanceof Tensor && x.aval.dtype === y.aval.dtype && x.aval.dtype !== 'bool')
      return f(x.current(), y.current());
    const [a, b] = promote(x, y) as [Tensor, Tensor];
    if (a.dtype !== 'bool') return f(a, b);
    return onBool ? onBool(a, b) : f(counted(a), counted(b));
  };
}

const onFloats =
  (f: (x: Tensor, y: Tensor) => Tensor): Binary =>
  (x, y) => {
    const [a, b] = promoteToFloat(x, y) as [Tensor, Tensor];
    return f(a, b);
  };

/**
 * x + y; of booleans: or.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.add([[1], [2]], [10, 20]).toArray()); // => [ [ 11, 21 ], [ 12, 22 ] ]
 * ```
 */
export const add: Binary = promoting(prim.add, prim.or);

/** x − y. Booleans are an error, as in NumPy. */
export const subtract: Binary = promoting(prim.sub, (a, b) => {
  throw new DTypeError(
    `subtract: expected numbers, got ${a.aval.toString()} and ${b.aval.toString()}.`,
    'use logicalXor or notEqual for booleans.',
  );
});

/** x · y; of booleans: and. */
export const multiply: Binary = promoting(prim.mul, prim.and);

/** x / y, in floats: ±∞ or NaN where y is 0. */
export const divide: Binary = onFloats(prim.div);
export { divide as trueDivide };

/** Remainder of floats (or integers) with the sign of y, from that with the sign of x. */
function remainderLikeDivisor(x: Tensor, y: Tensor): Tensor {
  const r = prim.rem(x, y);
  const zero = prim.like(x, 0);
  const differs = prim.and(prim.ne(prim.lt(r, zero), prim.lt(y, zero)), prim.ne(r, zero));
  return prim.select(differs, prim.add(r, y), r);
}

function floorQuotient(x: Tensor, y: Tensor): Tensor {
  const zero = prim.like(x, 0);
  const r = prim.rem(x, y);
  if (!isFloat(x.dtype)) {
    const q = prim.div(x, y);
    const isBelow = prim.and(prim.ne(prim.sign(x), prim.sign(y)), prim.ne(r, zero));
    return x.dtype === 'int32' ? prim.select(isBelow, prim.sub(q, prim.like(q, 1)), q) : q;
  }
  const q = prim.div(prim.sub(x, r), y);
  const isBelow = prim.and(prim.ne(r, zero), prim.ne(prim.sign(y), prim.sign(r)));
  const whole = prim.round(prim.select(isBelow, prim.sub(q, prim.like(q, 1)), q));
  return prim.select(prim.eq(y, zero), prim.div(x, y), whole);
}

/** Largest integer not above x / y, in the promoted dtype. The derivative is 0. */
export const floorDivide: Binary = promoting((x, y) => floorQuotient(stopGradientOf(x), stopGradientOf(y)));

/**
 * x − y·⌊x/y⌋: the remainder with the sign of y.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.mod([-7, 7], [3, -3]).toArray()); // => [ 2, -2 ]
 * ```
 */
export const mod: Binary = promoting(remainderLikeDivisor);
export { mod as remainder };

/** The remainder with the sign of x, as C has it. */
export const fmod: Binary = promoting(prim.rem);

/** ⌊x/y⌋ and the remainder with the sign of y. */
export function divmod(x: TensorLike, y: TensorLike): [Tensor, Tensor] {
  return [floorDivide(x, y), mod(x, y)];
}

/**
 * x^y. With an integer number y this is repeated multiplication, whose derivatives are right at 0 too.
 * @throws ArgumentError for integers to a negative integer power
 * @example
 * ```ts
 * import { np, grad } from 'cotangent';
 * console.log(np.power([1, 2, 3], 2).toArray()); // => [ 1, 4, 9 ]
 * console.log(String(grad((x) => np.power(x, 2))(0))); // => 0
 * ```
 */
export function power(x: TensorLike, y: TensorLike): Tensor {
  if (typeof y !== 'number' || !Number.isInteger(y) || typeof x === 'number') return generalPower(x, y);
  const t = counted(asTensor(x));
  if (y < 0 && !isFloat(t.dtype)) {
    throw new ArgumentError(
      `power: expected a non-negative power of integers, got ${t.aval.toString()} to the power ${y}.`,
      'convert to float first: x.astype("float32").',
    );
  }
  return prim.integerPow(t, y);
}
export { power as pow };

/** Bits of an exponent that count: any base above 1 to the 64th power is 0 or garbage modulo 2³² already (as in JAX). */
const exponentBits = 6;

/** Integers by repeated squaring; they wrap. Negative exponents have no meaning. */
function integerPower(x: Tensor, y: Tensor): Tensor {
  let [result, base]: [Tensor, Tensor] = [
    prim.broadcastTo(prim.like(x, 1), broadcastShapes('power', x.shape, y.shape)),
    x,
  ];
  for (let bit = 0; bit < exponentBits; bit++) {
    const isSet = prim.ne(prim.and(y, prim.like(y, 2 ** bit)), prim.like(y, 0));
    result = prim.select(isSet, prim.mul(result, base), result);
    base = prim.mul(base, base);
  }
  return result;
}

const generalPower = promoting((x, y) => (isFloat(x.dtype) ? prim.pow(x, y) : integerPower(x, y)));

/** x^y in floats. */
export const floatPower: Binary = onFloats(prim.pow);

/** The angle of the point (x, y) = (second, first operand), in (−π, π]. */
export const arctan2: Binary = onFloats(prim.atan2);
export { arctan2 as atan2 };

/**
 * √(x² + y²) without overflow on the way: |h|·√(1 + (l/h)²), where h is the longer operand. Which one that is is a choice, and no
 * maximum, whose ties would share: so the derivatives of every order are right where |x| = |y|.
 */
export const hypot: Binary = onFloats((x, y) => {
  const [a, b] = [prim.abs(x), prim.abs(y)];
  const isLonger = prim.ge(a, b);
  const [high, low] = [prim.select(isLonger, x, y), prim.select(isLonger, y, x)];
  const infinity = prim.like(high, Number.POSITIVE_INFINITY);
  const isInfinite = prim.or(prim.eq(a, infinity), prim.eq(b, infinity));
  const isZero = prim.eq(high, prim.like(high, 0));
  const divisor = prim.select(isZero, prim.like(high, 1), high);
  const ratio = prim.div(low, divisor);
  const length = prim.mul(prim.abs(divisor), prim.sqrt(prim.add(prim.like(high, 1), prim.integerPow(ratio, 2))));
  const atOrigin = prim.mul(prim.add(a, b), prim.like(a, 0.5));
  return prim.select(isInfinite, infinity, prim.select(isZero, atOrigin, length));
});

type PairFunction = CustomJvpFunction<[Tensor, Tensor], Tensor>;

/** log of the sum of two powers of a base, with weights base^(x − out) as derivatives: 1 for an infinite x, 0 beside one. */
function logSumOfPowers(f: (x: Tensor, y: Tensor) => Tensor, powerOf: (x: Tensor) => Tensor): PairFunction {
  const g = customJvp<[Tensor, Tensor], Tensor>(f);
  g.defjvp(([x, y]: [Tensor, Tensor], [dx, dy]: [Tensor, Tensor]) => {
    const out = g(x, y) as Tensor;
    const weighted = (t: Tensor, d: Tensor): Tensor =>
      prim.mul(d, powerOf(prim.select(isposinf(t), prim.like(t, 0), prim.sub(t, out))));
    return [out, prim.add(weighted(x, dx), weighted(y, dy))] as const;
  });
  return g;
}

function logAddExpOf(x: Tensor, y: Tensor, log1pOfPower: (negative: Tensor) => Tensor): Tensor {
  const delta = prim.sub(x, y);
  const regular = prim.add(prim.max(x, y), log1pOfPower(prim.neg(prim.abs(delta))));
  // NaN: an operand is NaN, or both are the same infinity.
  return prim.select(isnan(delta), prim.add(x, y), regular);
}

const logAddExpPair = logSumOfPowers((x, y) => logAddExpOf(x, y, (d) => prim.log1p(prim.exp(d))), prim.exp);
const logAddExp2Pair = logSumOfPowers(
  (x, y) => logAddExpOf(x, y, (d) => prim.div(prim.log1p(prim.exp2(d)), prim.like(d, Math.LN2))),
  prim.exp2,
);

/**
 * log(eˣ + eʸ) without overflow; derivatives are finite at infinities.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.logaddexp(1000, 1000).item() > 1000.69); // => true
 * ```
 */
export const logaddexp: Binary = onFloats((x, y) => logAddExpPair(x, y) as Tensor);

/** log₂(2ˣ + 2ʸ) without overflow. */
export const logaddexp2: Binary = onFloats((x, y) => logAddExp2Pair(x, y) as Tensor);

/** |x| with the sign of y. */
export const copysign: Binary = onFloats((x, y) => {
  const magnitude = prim.abs(x);
  return prim.select(signbit(y), prim.neg(magnitude), magnitude);
});

/** The next representable number after x toward y. */
export const nextafter: Binary = onFloats(prim.nextAfter);

/** 0 below 0, 1 above, y at 0, NaN at NaN. */
export const heaviside: Binary = onFloats((x, y) => {
  const zero = prim.like(x, 0);
  const atMost = prim.select(prim.eq(x, zero), y, x);
  return prim.select(prim.lt(x, zero), zero, prim.select(prim.gt(x, zero), prim.like(x, 1), atMost));
});

/** x · 2^n for integers n. */
export function ldexp(x: TensorLike, n: TensorLike): Tensor {
  const [t] = promoteToFloat(x) as [Tensor];
  return scaleByPower(t, prim.convert(asTensor(n), t.dtype));
}

/** The larger; NaN if either is. A tie shares the derivative in halves. */
export const maximum: Binary = promoting(prim.max, prim.or);

/** The smaller; NaN if either is. A tie shares the derivative in halves. */
export const minimum: Binary = promoting(prim.min, prim.and);

/** The larger, ignoring a NaN if there is only one. */
export const fmax: Binary = promoting((x, y) => prim.select(prim.or(prim.gt(x, y), isnan(y)), x, y), prim.or);

/** The smaller, ignoring a NaN if there is only one. */
export const fmin: Binary = promoting((x, y) => prim.select(prim.or(prim.lt(x, y), isnan(y)), x, y), prim.and);

function onIntegers(op: string, x: TensorLike, y: TensorLike): [Tensor, Tensor] {
  const [a, b] = promote(x, y).map(counted) as [Tensor, Tensor];
  if (isFloat(a.dtype)) {
    throw new DTypeError(
      `${op}: expected integers, got ${a.aval.toString()} and ${b.aval.toString()}.`,
      'convert with astype("int32") first.',
    );
  }
  const shape = broadcastShapes(op, a.shape, b.shape);
  return [prim.broadcastTo(a, shape), prim.broadcastTo(b, shape)];
}

/** Greatest common divisor by Euclid's algorithm; never negative. */
export function gcd(x: TensorLike, y: TensorLike): Tensor {
  const [a, b] = onIntegers('gcd', x, y);
  const isSigned = a.dtype === 'int32';
  const start = isSigned ? [prim.abs(a), prim.abs(b)] : [a, b];
  const avals = start.map((t) => t.aval.strong());
  const axes = a.shape.map((_, i) => i);
  const isLeft = (t: Tensor): Tensor => prim.ne(t, prim.like(t, 0));
  const cond = traceClosedProgram('gcd', avals, ([, q]) => [prim.reduceOr(isLeft(q!), axes)]);
  // Where y is 0 the pair stays as it is.
  const body = traceClosedProgram('gcd', avals, ([p, q]) => {
    const goesOn = isLeft(q!);
    return [prim.select(goesOn, q!, p!), prim.select(goesOn, prim.rem(p!, q!), q!)];
  });
  const carry = start.map((t) => prim.convert(t, t.dtype));
  return whileLoop(carry, { cond, body, numCondConsts: 0, numBodyConsts: 0 })[0]!;
}

/** Least common multiple; 0 where an operand is 0. */
export function lcm(x: TensorLike, y: TensorLike): Tensor {
  const [a, b] = onIntegers('lcm', x, y);
  const magnitude = (t: Tensor): Tensor => (t.dtype === 'int32' ? prim.abs(t) : t);
  const divisor = gcd(a, b);
  const zero = prim.like(a, 0);
  const safe = prim.select(prim.eq(divisor, zero), prim.like(a, 1), divisor);
  return prim.mul(magnitude(a), prim.div(magnitude(b), safe));
}

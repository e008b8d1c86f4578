/**
 * Functions of single elements: of two or three tensors that broadcast.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { ArgumentError } from '../../ir/errors.ts';
import { ConcreteTensor, type Tensor as CoreTensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import * as np from '../../api/numpy/index.ts';
import { checkChoice, checkOptions, isOptions } from '../../api/options.ts';
import { toFloat } from '../../api/numpy/unary.ts';
import * as special from '../../api/scipy/special.ts';
import { Tensor } from '../tensor.ts';
import { to } from './convert.ts';
import {
  type Binary,
  binary,
  floatPair,
  lift,
  pair,
  promote,
  scalarBeside,
  type TensorLike,
  toTensor,
  unary,
  withParams,
} from './define.ts';
import { absOf, clampedOf } from './subgradients.ts';

export interface AlphaOption {
  /** Factor of the second operand; 1. */
  readonly alpha?: number | undefined;
}

type Sum = (x: TensorLike, y: TensorLike, options?: AlphaOption) => Tensor;

/** A sum or difference, whose second operand may have a factor. */
function scaling(op: string, f: (x: CoreTensor, y: CoreTensor) => CoreTensor): Sum {
  const plain = binary(op, f);
  const scaled = withParams<number>(op, (xs, alpha) => {
    const [x, y] = promote(xs);
    return f(x!, np.multiply(y!, prim.like(y!, alpha)));
  });
  return (x, y, options) => {
    if (options === undefined) return plain(x, y);
    checkOptions(op, options, ['alpha']);
    const { alpha = 1 } = options;
    if (alpha === 1) return plain(x, y);
    const operands = pair(x, y);
    if (!Number.isInteger(alpha) && !operands.some((t) => isFloat(t.dtype))) {
      throw new ArgumentError(
        `${op}: expected an integer alpha for integers, got ${alpha}: For integral input tensors, argument alpha must not be a floating ` +
          'point number.',
        'convert the tensors first.',
      );
    }
    return scaled(operands, alpha);
  };
}

/** x + alpha·y. */
export const add: Sum = scaling('add', np.add);
/** x − alpha·y. */
export const sub: Sum = scaling('sub', np.subtract);
export const subtract: Sum = sub;
/** y − alpha·x. */
export const rsub: Sum = (x, y, options) => sub(y, x, options);
export const mul: Binary = binary('mul', np.multiply);
export const multiply: Binary = mul;

export interface DivOptions {
  /** Round the quotient toward zero (`'trunc'`) or down (`'floor'`); the derivative is then 0. */
  readonly roundingMode?: 'trunc' | 'floor' | null | undefined;
}

const quotient = binary('div', np.divide, floatPair);
const truncated = binary(
  'div',
  (x, y) => (isFloat(x.dtype) ? np.trunc(np.divide(x, y)) : prim.div(x, y)),
  divisible('div'),
);

/** Operands of a quotient of integers, which does not exist for a divisor 0. */
function divisible(op: string): typeof pair {
  return (x, y) => {
    const operands = pair(x, y);
    const [, divisor] = operands;
    if (operands.some((t) => isFloat(t.dtype) || t.size === 0)) return operands;
    const value = divisor instanceof Tensor ? divisor.value : divisor;
    if (!(value instanceof ConcreteTensor) || !value.read().includes(0)) return operands;
    throw new ArgumentError(
      `${op}: expected integers to divide by, got ${divisor.aval.toString()} with a 0: ZeroDivisionError.`,
      'convert to floats for ∞ and NaN.',
    );
  };
}

/** x / y, in floats unless rounded. */
export function div(x: TensorLike, y: TensorLike, options?: DivOptions): Tensor {
  checkOptions('div', options, ['roundingMode']);
  const mode = options?.roundingMode ?? null;
  if (mode === null) return quotient(x, y);
  checkChoice('div', 'roundingMode', mode, ['trunc', 'floor']);
  return mode === 'floor' ? floorDivide(x, y) : truncated(x, y);
}
export const divide: typeof div = div;
export const trueDivide: Binary = quotient;
/** ⌊x / y⌋. */
export const floorDivide: Binary = binary('floorDivide', np.floorDivide, divisible('floorDivide'));
/** The remainder with the sign of y. */
export const remainder: Binary = binary('remainder', np.remainder, divisible('remainder'));
/** The remainder with the sign of x. */
export const fmod: Binary = binary('fmod', np.fmod, divisible('fmod'));

const powerOf = binary('pow', (x, y) => {
  const result = np.power(x, y);
  if (isFloat(x.dtype)) return result;
  if (x.dtype === 'bool') return prim.convert(result, 'bool');
  // An integer power below 0 is that of 1 or −1, or rounds to 0.
  const isOdd = np.notEqual(np.bitwiseAnd(y, 1), 0);
  const ofMinusOne = np.where(isOdd, prim.like(x, -1), prim.like(x, 1));
  const inverse = np.where(np.equal(x, 1), prim.like(x, 1), np.where(np.equal(x, -1), ofMinusOne, prim.like(x, 0)));
  return np.where(np.less(y, 0), inverse, result);
});
const integerPowerOf = withParams<number>('pow', ([x], n) => np.power(x!, n));

/** x^y. With an integer number y the derivatives are right at 0 too. */
export function pow(x: TensorLike, y: TensorLike): Tensor {
  return typeof y === 'number' && Number.isInteger(y) && typeof x !== 'number' ? integerPowerOf([x], y) : powerOf(x, y);
}
/** x^y in float64. */
export const floatPower: Binary = (x, y) => powerOf(to(x, 'float64'), to(y, 'float64'));
/** The angle of (y, x); at (0, 0) the derivative is 0. */
export const atan2: Binary = binary(
  'atan2',
  (y, x) => {
    const isOrigin = np.logicalAnd(np.equal(y, 0), np.equal(x, 0));
    const safe = np.arctan2(np.where(isOrigin, prim.stopGradientOf(y), y), np.where(isOrigin, prim.like(x, 1), x));
    return np.where(isOrigin, prim.stopGradientOf(np.arctan2(y, x)), safe);
  },
  floatPair,
);
export const arctan2: Binary = atan2;
/** The larger; a tie gives half of the derivative to each. NaN wins. */
export const maximum: Binary = binary('maximum', np.maximum);
export const minimum: Binary = binary('minimum', np.minimum);
/** The larger; NaN loses. A tie gives the derivative to x. */
export const fmax: Binary = binary('fmax', (x, y) => chosen(x, y, np.greaterEqual));
export const fmin: Binary = binary('fmin', (x, y) => chosen(x, y, np.lessEqual));

function chosen(x: CoreTensor, y: CoreTensor, isBetter: typeof np.greaterEqual): CoreTensor {
  const isFirst = isBetter(x, y);
  return np.where(isFloat(y.dtype) ? np.logicalOr(isFirst, np.isnan(y)) : isFirst, x, y);
}

/** √(x² + y²), without overflow; at (0, 0) the derivative is NaN. Beside an infinity a finite operand has derivative 0. */
export const hypot: Binary = binary('hypot', (x, y) => {
  const isOrigin = np.logicalAnd(np.equal(x, 0), np.equal(y, 0));
  // The root's derivative at the origin, of numbers that are finite elsewhere.
  const [x0, y0] = [x, y].map((t) => np.square(np.where(isOrigin, t, prim.like(t, 1))));
  const isLong = np.logicalOr(np.isinf(x), np.isinf(y));
  const [x1, y1] = [x, y].map((t) => np.where(isLong, prim.like(t, 1), t));
  const infinite = np.where(np.isinf(x), absOf(x), absOf(y));
  return np.where(isOrigin, np.sqrt(np.add(x0!, y0!)), np.where(isLong, infinite, np.hypot(x1!, y1!)));
});
/** |x| with the sign of y; where x is 0, so is the derivative. */
export const copysign: Binary = binary(
  'copysign',
  (x, y) => {
    const result = np.copysign(x, y);
    return np.where(np.equal(x, 0), prim.stopGradientOf(result), result);
  },
  floatPair,
);
/** 0 below 0 and for NaN, 1 above, y at 0. */
export const heaviside: Binary = binary('heaviside', (x, y) =>
  np.where(np.equal(x, 0), y, prim.convert(np.greater(x, 0), y.dtype)),
);
/** The next number after x towards y. */
export const nextafter: Binary = binary('nextafter', (x, y) =>
  np.where(np.equal(x, y), prim.stopGradientOf(y), np.nextafter(x, y)),
);
export const logaddexp: Binary = binary('logaddexp', np.logaddexp);
export const logaddexp2: Binary = binary('logaddexp2', np.logaddexp2);
/** x·log y, 0 where x is 0. */
export const xlogy: Binary = binary(
  'xlogy',
  (x, y) => {
    const isNothing = np.logicalAnd(np.equal(x, 0), np.lessEqual(y, 0));
    const value = special.xlogy(x, np.where(isNothing, prim.like(y, 1), y));
    return np.where(isNothing, prim.like(value, 0), value);
  },
  floatPair,
);
const powerOfTwo = unary('pow', (n) => np.exp2(toFloat(n)));

/** x·2ⁿ. */
export const ldexp: Binary = (x, n) => mul(x, powerOfTwo(n));
export const gcd: Binary = binary('gcd', np.gcd);
export const lcm: Binary = binary('lcm', np.lcm);

export const eq: Binary = binary('eq', np.equal);
export const ne: Binary = binary('ne', np.notEqual);
export const notEqual: Binary = ne;
export const lt: Binary = binary('lt', np.less);
export const less: Binary = lt;
export const le: Binary = binary('le', np.lessEqual);
export const lessEqual: Binary = le;
export const gt: Binary = binary('gt', np.greater);
export const greater: Binary = gt;
export const ge: Binary = binary('ge', np.greaterEqual);
export const greaterEqual: Binary = ge;
export const logicalAnd: Binary = binary('logicalAnd', np.logicalAnd);
export const logicalOr: Binary = binary('logicalOr', np.logicalOr);
export const logicalXor: Binary = binary('logicalXor', np.logicalXor);
export const bitwiseAnd: Binary = binary('bitwiseAnd', np.bitwiseAnd);
export const bitwiseOr: Binary = binary('bitwiseOr', np.bitwiseOr);
export const bitwiseXor: Binary = binary('bitwiseXor', np.bitwiseXor);
export const bitwiseLeftShift: Binary = binary('bitwiseLeftShift', np.leftShift);
export const bitwiseRightShift: Binary = binary('bitwiseRightShift', np.rightShift);

/** Whether shapes and all elements are equal. */
export function equal(x: TensorLike, y: TensorLike): boolean {
  return np.arrayEqual(toTensor(x).value, toTensor(y).value).item() !== 0;
}

export interface CloseOptions {
  readonly rtol?: number | undefined;
  readonly atol?: number | undefined;
  readonly equalNan?: boolean | undefined;
}

const closeOf = withParams<Required<{ [K in keyof CloseOptions]: NonNullable<CloseOptions[K]> }>>(
  'isclose',
  (xs, { rtol, atol, equalNan }) => {
    const [x, y] = promote(xs);
    return np.isclose(x!, y!, { rtol, atol, equalNan });
  },
);

/** |x − y| ≤ atol + rtol·|y|, element by element. */
export function isclose(x: TensorLike, y: TensorLike, options: CloseOptions = {}): Tensor {
  checkOptions('isclose', options, ['rtol', 'atol', 'equalNan']);
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = options;
  return closeOf(pair(x, y), { rtol, atol, equalNan });
}

/** Whether all elements are close. */
export const allclose = (x: TensorLike, y: TensorLike, options: CloseOptions = {}): boolean =>
  np.all(isclose(x, y, options).value).item() !== 0;

const selection = withParams<null>('where', ([c, x, y]) => {
  const [a, b] = promote([x!, y!]);
  return np.where(c!, a!, b!);
});

/** x where the condition holds, y elsewhere. The derivative goes to the one that was chosen. */
export const where = (condition: TensorLike, x: TensorLike, y: TensorLike): Tensor =>
  selection([condition, ...pair(x, y)], null);

interface Bounds {
  readonly hasMin: boolean;
  readonly hasMax: boolean;
}

const clampOf = withParams<Bounds>('clamp', (xs, { hasMin, hasMax }) => {
  const [x, ...bounds] = promote(xs) as [CoreTensor, ...CoreTensor[]];
  return clampedOf(x, hasMin ? bounds[0] : undefined, hasMax ? bounds.at(-1) : undefined);
});

export interface ClampOptions {
  readonly min?: TensorLike | null | undefined;
  readonly max?: TensorLike | null | undefined;
}

/** x with what is below `min` or above `max` replaced by these; inside and at the bounds the derivative is 1. */
export function clamp(x: TensorLike, min?: TensorLike | ClampOptions | null, max?: TensorLike | null): Tensor {
  const options: ClampOptions = isOptions(min)
    ? (min as ClampOptions)
    : { min: min as TensorLike | null | undefined, max };
  checkOptions('clamp', options, ['min', 'max']);
  const { min: low = null, max: high = null } = options;
  if (low === null && high === null) {
    throw new ArgumentError(
      "clamp: expected min or max, got neither: at least one of 'min' or 'max' must not be None.",
      'pass a bound.',
    );
  }
  const t = lift(x);
  const bound = (b: TensorLike): CoreTensor => (typeof b === 'number' ? scalarBeside(b, t.dtype) : lift(b));
  const bounds = [low, high].filter((b) => b !== null).map(bound);
  return clampOf([t, ...bounds], { hasMin: low !== null, hasMax: high !== null });
}
export const clip: typeof clamp = clamp;
export const clampMin = (x: TensorLike, min: TensorLike): Tensor => clamp(x, { min });
export const clampMax = (x: TensorLike, max: TensorLike): Tensor => clamp(x, { max });

/** Whether weights count from the start; undefined where that is another for each. */
type FromStart = boolean | undefined;

// From the nearer end, so that the ends are exact.
const lerpOf = withParams<FromStart>('lerp', (xs, isNearStart) => {
  const [x, y, w] = promote(xs);
  const span = np.subtract(y!, x!);
  const fromStart = np.add(x!, np.multiply(w!, span));
  if (isNearStart === true) return fromStart;
  const fromEnd = np.subtract(y!, np.multiply(span, np.subtract(1, w!)));
  return isNearStart === false ? fromEnd : np.where(np.less(np.abs(w!), 0.5), fromStart, fromEnd);
});

/** start + weight·(end − start). */
export const lerp = (start: TensorLike, end: TensorLike, weight: TensorLike): Tensor => {
  const [x, y] = pair(start, end);
  return typeof weight === 'number'
    ? lerpOf([x, y, scalarBeside(weight, x.dtype)], Math.abs(weight) < 0.5)
    : lerpOf([x, y, weight], undefined);
};

export interface ValueOption {
  /** Factor of the product or quotient; 1. */
  readonly value?: number | undefined;
}

const addcmulOf = withParams<number>('addcmul', (xs, value) => {
  const [x, a, b] = promote(xs);
  return np.add(x!, np.multiply(np.multiply(a!, prim.like(a!, value)), b!));
});

/** x + value·a·b. */
export function addcmul(x: TensorLike, a: TensorLike, b: TensorLike, options: ValueOption = {}): Tensor {
  checkOptions('addcmul', options, ['value']);
  return addcmulOf([x, a, b], options.value ?? 1);
}

const addcdivOf = withParams<number>('addcdiv', (xs, value) => {
  const [x, a, b] = promote(xs);
  return np.add(x!, np.divide(np.multiply(a!, prim.like(a!, value)), b!));
});

/** x + value·a / b. */
export function addcdiv(x: TensorLike, a: TensorLike, b: TensorLike, options: ValueOption = {}): Tensor {
  checkOptions('addcdiv', options, ['value']);
  return addcdivOf([x, a, b], options.value ?? 1);
}

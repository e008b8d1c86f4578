/**
 * Functions of single elements: of two or three tensors that broadcast.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { ArgumentError } from '../../ir/errors.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import * as np from '../../api/numpy/index.ts';
import { checkChoice, checkOptions, isOptions } from '../../api/options.ts';
import * as special from '../../api/scipy/special.ts';
import type { Tensor } from '../tensor.ts';
import {
  type Binary,
  binary,
  lift,
  pair,
  promote,
  scalarBeside,
  type TensorLike,
  toTensor,
  withParams,
} from './define.ts';

export interface AlphaOption {
  /** Factor of the second operand; 1. */
  readonly alpha?: number | undefined;
}

const sumOf = binary('add', np.add);
const differenceOf = binary('sub', np.subtract);

/** `y`, times the factor if there is one. */
function scaled(op: string, y: TensorLike, options: AlphaOption | undefined): TensorLike {
  checkOptions(op, options, ['alpha']);
  const alpha = options?.alpha ?? 1;
  return alpha === 1 ? y : mul(y, alpha);
}

/** x + alpha·y. */
export const add = (x: TensorLike, y: TensorLike, options?: AlphaOption): Tensor => sumOf(x, scaled('add', y, options));
/** x − alpha·y. */
export const sub = (x: TensorLike, y: TensorLike, options?: AlphaOption): Tensor =>
  differenceOf(x, scaled('sub', y, options));
export const subtract: typeof sub = sub;
/** y − alpha·x. */
export const rsub = (x: TensorLike, y: TensorLike, options?: AlphaOption): Tensor =>
  differenceOf(y, scaled('rsub', x, options));
export const mul: Binary = binary('mul', np.multiply);
export const multiply: Binary = mul;

export interface DivOptions {
  /** Round the quotient toward zero (`'trunc'`) or down (`'floor'`); the derivative is then 0. */
  readonly roundingMode?: 'trunc' | 'floor' | null | undefined;
}

const quotient = binary('div', np.divide);
const truncated = binary('div', (x, y) => (isFloat(x.dtype) ? np.trunc(np.divide(x, y)) : prim.div(x, y)));

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
export const floorDivide: Binary = binary('floorDivide', np.floorDivide);
/** The remainder with the sign of y. */
export const remainder: Binary = binary('remainder', np.remainder);
/** The remainder with the sign of x. */
export const fmod: Binary = binary('fmod', np.fmod);

const powerOf = binary('pow', np.power);
const integerPowerOf = withParams<number>('pow', ([x], n) => np.power(x!, n));

/** x^y. With an integer number y the derivatives are right at 0 too. */
export function pow(x: TensorLike, y: TensorLike): Tensor {
  return typeof y === 'number' && Number.isInteger(y) && typeof x !== 'number' ? integerPowerOf([x], y) : powerOf(x, y);
}
export const floatPower: Binary = binary('pow', np.floatPower);
/** The angle of (y, x); at (0, 0) the derivative is 0. */
export const atan2: Binary = binary('atan2', (y, x) => {
  const isOrigin = np.logicalAnd(np.equal(y, 0), np.equal(x, 0));
  const safe = np.arctan2(np.where(isOrigin, prim.stopGradientOf(y), y), np.where(isOrigin, prim.like(x, 1), x));
  return np.where(isOrigin, prim.stopGradientOf(np.arctan2(y, x)), safe);
});
export const arctan2: Binary = atan2;
/** The larger; a tie gives half of the derivative to each. NaN wins. */
export const maximum: Binary = binary('maximum', np.maximum);
export const minimum: Binary = binary('minimum', np.minimum);
/** The larger; NaN loses. A tie gives the derivative to x. */
export const fmax: Binary = binary('fmax', (x, y) => np.where(np.logicalOr(np.greaterEqual(x, y), np.isnan(y)), x, y));
export const fmin: Binary = binary('fmin', (x, y) => np.where(np.logicalOr(np.lessEqual(x, y), np.isnan(y)), x, y));
export const hypot: Binary = binary('hypot', np.hypot);
/** The size of x with the sign of y; at x = 0 the derivative is 0. */
export const copysign: Binary = binary('copysign', (x, y) => {
  const signed = np.copysign(x, y);
  return np.where(np.equal(x, 0), prim.stopGradientOf(signed), signed);
});
export const heaviside: Binary = binary('heaviside', np.heaviside);
export const nextafter: Binary = binary('nextafter', np.nextafter);
export const logaddexp: Binary = binary('logaddexp', np.logaddexp);
export const logaddexp2: Binary = binary('logaddexp2', np.logaddexp2);
/** x·log y, 0 where x is 0; there the derivative by x is log y, and 0 for y ≤ 0. */
export const xlogy: Binary = binary('xlogy', (x, y) => {
  const isNone = np.logicalAnd(np.equal(x, 0), np.lessEqual(y, 0));
  return special.xlogy(np.where(isNone, prim.stopGradientOf(x), x), y);
});
export const ldexp: Binary = (x, n) => mul(x, floatPower(2, n));
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

// At a bound the derivative is that of x: so select, and no maximum, whose ties share.
const clampOf = withParams<Bounds>('clamp', (xs, { hasMin, hasMax }) => {
  const [x, ...bounds] = promote(xs) as [CoreTensor, ...CoreTensor[]];
  const [min, max] = hasMin ? bounds : [x, ...bounds];
  const above = hasMin ? np.where(np.less(x, min!), min!, x) : x;
  return hasMax ? np.where(np.greater(above, max!), max!, above) : above;
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

const lerpOf = withParams<null>('lerp', (xs) => {
  const [x, y, w] = promote(xs);
  return np.add(x!, np.multiply(w!, np.subtract(y!, x!)));
});

/** start + weight·(end − start). */
export const lerp = (start: TensorLike, end: TensorLike, weight: TensorLike): Tensor => {
  const [x, y] = pair(start, end);
  return lerpOf([x, y, typeof weight === 'number' ? scalarBeside(weight, x.dtype) : weight], null);
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
export const addcmul = (x: TensorLike, a: TensorLike, b: TensorLike, options: ValueOption = {}): Tensor =>
  addcmulOf([x, a, b], options.value ?? 1);

const addcdivOf = withParams<number>('addcdiv', (xs, value) => {
  const [x, a, b] = promote(xs);
  return np.add(x!, np.divide(np.multiply(a!, prim.like(a!, value)), b!));
});

/** x + value·a / b. */
export const addcdiv = (x: TensorLike, a: TensorLike, b: TensorLike, options: ValueOption = {}): Tensor =>
  addcdivOf([x, a, b], options.value ?? 1);

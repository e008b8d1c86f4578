/**
 * Comparisons, logic, bits, and choice by predicates.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { ArgumentError, DTypeError } from '../../ir/errors.ts';
import { sameShape } from '../../ir/shape.ts';
import { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { asTensor, promote, promoteToFloat, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import { checkOptions, isOptions, optionsOf } from '../options.ts';
import { maximum, minimum } from './binary.ts';
import { nonzero } from './indexing.ts';
import type { SizedOptions } from './true-positions.ts';
import { isinf, isnan, truth } from './unary.ts';

type Binary = (x: TensorLike, y: TensorLike) => Tensor;

function comparing(f: (x: Tensor, y: Tensor) => Tensor): Binary {
  return (x, y) => {
    if (x instanceof Tensor && y instanceof Tensor && x.aval.dtype === y.aval.dtype) return f(x.current(), y.current());
    const [a, b] = promote(x, y) as [Tensor, Tensor];
    return f(a, b);
  };
}

/** x = y, elementwise. NaN equals nothing. */
export const equal: Binary = comparing(prim.eq);
/** x ≠ y, elementwise. */
export const notEqual: Binary = comparing(prim.ne);
/** x < y, elementwise. */
export const less: Binary = comparing(prim.lt);
/** x ≤ y, elementwise. */
export const lessEqual: Binary = comparing(prim.le);
/** x > y, elementwise. */
export const greater: Binary = comparing(prim.gt);
/** x ≥ y, elementwise. */
export const greaterEqual: Binary = comparing(prim.ge);

/** Both are nonzero. */
export const logicalAnd: Binary = (x, y) => prim.and(truth(x), truth(y));
/** Either is nonzero. */
export const logicalOr: Binary = (x, y) => prim.or(truth(x), truth(y));
/** Exactly one is nonzero. */
export const logicalXor: Binary = (x, y) => prim.xor(truth(x), truth(y));
/** x is zero. */
export const logicalNot = (x: TensorLike): Tensor => prim.not(truth(x));

function onBits(op: string, f: (x: Tensor, y: Tensor) => Tensor, acceptsBool = true): Binary {
  return (x, y) => {
    const [a, b] = promote(x, y) as [Tensor, Tensor];
    if (isFloat(a.dtype) || (!acceptsBool && a.dtype === 'bool')) {
      throw new DTypeError(
        `${op}: expected ${acceptsBool ? 'booleans or ' : ''}integers, got ${a.aval.toString()} and ${b.aval.toString()}.`,
        'convert with astype("int32") first.',
      );
    }
    return f(a, b);
  };
}

/** Bits set in both; of booleans: and. */
export const bitwiseAnd: Binary = onBits('bitwiseAnd', prim.and);
/** Bits set in either; of booleans: or. */
export const bitwiseOr: Binary = onBits('bitwiseOr', prim.or);
/** Bits set in exactly one; of booleans: exclusive or. */
export const bitwiseXor: Binary = onBits('bitwiseXor', prim.xor);
/** x · 2^y by shifting bits; a count of the width or more gives 0. */
export const leftShift: Binary = onBits('leftShift', prim.shiftLeft, false);
/** ⌊x / 2^y⌋ by shifting bits; signed integers keep their sign. */
export const rightShift: Binary = onBits(
  'rightShift',
  (x, y) => (x.dtype === 'int32' ? prim.shiftRightArithmetic(x, y) : prim.shiftRightLogical(x, y)),
  false,
);
export { leftShift as bitwiseLeftShift, rightShift as bitwiseRightShift };

/** An options object, or its members in order. */
export type CloseArguments = [
  rtol?: number | CloseOptions,
  atol?: number | CloseOptions,
  equalNan?: boolean | CloseOptions,
];

export interface CloseOptions {
  /** Relative to |y|; 1e-5. */
  readonly rtol?: number | undefined;
  /** 1e-8. */
  readonly atol?: number | undefined;
  /** Whether NaN is close to NaN; false. */
  readonly equalNan?: boolean | undefined;
}

/** |x − y| ≤ atol + rtol·|y|, elementwise. Infinities are close to themselves. */
export function isclose(x: TensorLike, y: TensorLike, ...options: CloseArguments): Tensor {
  const names = ['rtol', 'atol', 'equalNan'] as const;
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = readOptions<CloseOptions>('isclose', names, options);
  const [a, b] = promoteToFloat(x, y) as [Tensor, Tensor];
  const bound = prim.add(prim.like(b, atol), prim.mul(prim.like(b, rtol), prim.abs(b)));
  const isNear = prim.le(prim.abs(prim.sub(a, b)), bound);
  const hasInfinity = prim.or(isinf(a), isinf(b));
  const close = prim.select(hasInfinity, prim.eq(a, b), isNear);
  return equalNan ? prim.or(close, prim.and(isnan(a), isnan(b))) : close;
}

const allOf = (x: Tensor): Tensor =>
  prim.reduceAnd(
    x,
    x.shape.map((_, i) => i),
  );

/** Whether all elements are close, as a bool scalar. */
export const allclose = (x: TensorLike, y: TensorLike, ...options: CloseArguments): Tensor =>
  allOf(isclose(x, y, ...options));

/**
 * Whether shapes and all elements are equal, as a bool scalar.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.arrayEqual([1, 2], [1, 2]).toArray()); // => true
 * ```
 */
export function arrayEqual(x: TensorLike, y: TensorLike, options?: { readonly equalNan?: boolean }): Tensor {
  checkOptions('arrayEqual', options, ['equalNan']);
  const [a, b] = promote(x, y) as [Tensor, Tensor];
  if (!sameShape(a.shape, b.shape)) return asTensor(false);
  const same = prim.eq(a, b);
  return allOf(options?.equalNan ? prim.or(same, prim.and(isnan(a), isnan(b))) : same);
}

/** Whether all elements are equal after broadcasting. */
export const arrayEquiv = (x: TensorLike, y: TensorLike): Tensor => allOf(equal(x, y));

/**
 * `x` where the condition is true (or nonzero), `y` elsewhere. The branch not taken contributes neither value nor derivative — but
 * a NaN that arises *inside* it still reaches its own operands' derivatives: guard the operand too.
 *
 * Without `x` and `y` the positions of true elements, as {@link nonzero}: one int32 vector an axis.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.where([true, false], [1, 2], 0).toArray()); // => [ 1, 0 ]
 * ```
 */
export function where(condition: TensorLike, x: TensorLike, y: TensorLike): Tensor;
export function where(condition: TensorLike, options?: SizedOptions): Tensor[];
export function where(condition: TensorLike, ...rest: (TensorLike | SizedOptions | undefined)[]): Tensor | Tensor[] {
  const [x, y] = rest;
  if (rest.length === 0 || (rest.length === 1 && isOptions(x)))
    return nonzero(condition, x as SizedOptions | undefined);
  if (x === undefined || y === undefined) {
    throw new ArgumentError(
      'where: expected a condition alone or with two values, got one value.',
      'pass both x and y; for the positions of true elements neither of them.',
    );
  }
  const [a, b] = promote(x as TensorLike, y as TensorLike) as [Tensor, Tensor];
  return prim.select(truth(condition), a, b);
}

/**
 * From the first condition that is true, the element of its choice; the default elsewhere.
 * @param conditions booleans that broadcast with the choices
 */
export function select(
  conditions: readonly TensorLike[],
  choices: readonly TensorLike[],
  fallback?: TensorLike | { readonly default?: TensorLike },
): Tensor {
  const { default: otherwiseValue = 0 } = optionsOf<{ default?: TensorLike }>(
    'select',
    'default',
    fallback,
    undefined,
    ['default'],
  );
  if (conditions.length !== choices.length || conditions.length === 0) {
    throw new ArgumentError(
      `select: expected as many choices as conditions, got ${conditions.length} conditions and ${choices.length} choices.`,
    );
  }
  const [otherwise, ...values] = promote(otherwiseValue, ...choices) as [Tensor, ...Tensor[]];
  return values.reduceRight((rest, value, i) => prim.select(truth(conditions[i]!), value, rest), otherwise);
}

/**
 * A function by cases: where `conditions[i]` is true, `functions[i](x)`; of several the last. One more function is for the rest (0
 * without it). Functions may be numbers.
 */
export function piecewise(
  x: TensorLike,
  conditions: readonly TensorLike[],
  functions: readonly (TensorLike | ((x: Tensor, ...args: TensorLike[]) => Tensor))[],
  ...args: TensorLike[]
): Tensor {
  const extra = functions.length - conditions.length;
  if (extra !== 0 && extra !== 1) {
    throw new ArgumentError(
      `piecewise: expected ${conditions.length} or ${conditions.length + 1} functions, got ${functions.length}.`,
    );
  }
  const t = asTensor(x);
  const values = functions.map((f) => prim.convert(typeof f === 'function' ? f(t, ...args) : asTensor(f), t.dtype));
  const otherwise = extra === 1 ? values[conditions.length]! : prim.like(t, 0);
  const start = prim.broadcastTo(otherwise, t.shape);
  return conditions.reduce<Tensor>((rest, c, i) => prim.select(truth(c), values[i]!, rest), start);
}

export interface ClipOptions {
  readonly min?: TensorLike | null | undefined;
  readonly max?: TensorLike | null | undefined;
}

/**
 * x limited to [min, max]; a missing bound does not limit. At a bound the derivative is shared in halves, as in JAX.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.clip([-2, 0.5, 3], 0, 1).toArray()); // => [ 0, 0.5, 1 ]
 * ```
 */
export function clip(x: TensorLike, min?: TensorLike | ClipOptions | null, max?: TensorLike | null): Tensor {
  const { min: low, max: high } = optionsOf<ClipOptions>('clip', 'min', min ?? undefined, undefined, ['min', 'max']);
  const upper = max ?? high;
  const t = asTensor(x);
  const raised = low === undefined || low === null ? t : maximum(low, t);
  return upper === undefined || upper === null ? raised : minimum(upper, raised);
}

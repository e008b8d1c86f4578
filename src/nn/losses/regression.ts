/**
 * Losses of real numbers against targets.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { Tensor } from '../../core/tensor.ts';
import { ArgumentError } from '../../ir/errors.ts';
import type { TensorLike } from '../../api/lift.ts';
import { softplus } from '../../api/nn/activations.ts';
import { describe } from '../../api/options.ts';
import { add, like, mul, sub } from '../../primitives/arithmetic.ts';
import { lt } from '../../primitives/compare.ts';
import { log1p } from '../../primitives/elementwise-exp.ts';
import { abs, sign } from '../../primitives/elementwise-number.ts';
import { sinh } from '../../primitives/elementwise-trig.ts';
import { select } from '../../primitives/select.ts';
import { checkLoss, elementwiseLoss, type LossOptions } from './reduction.ts';

/**
 * (prediction − target)².
 * @example
 * ```ts
 * import { mseLoss } from 'cotangent/nn';
 * console.log(String(mseLoss([1, 2], [1, 4]))); // => 2
 * console.log(String(mseLoss([1, 2], [1, 4], { reduction: 'none' }))); // => [0, 4]
 * ```
 */
export function mseLoss(prediction: TensorLike, target: TensorLike, options: LossOptions = {}): Tensor {
  checkLoss('mseLoss', options);
  return elementwiseLoss('mseLoss', [prediction, target], options, [0, 0], (p, t) => {
    const error = sub(p!, t!);
    return mul(error, error);
  });
}

/**
 * |prediction − target|, with derivative 0 where they are equal.
 * @example
 * ```ts
 * import { l1Loss } from 'cotangent/nn';
 * console.log(String(l1Loss([1, 2], [1, 4], { reduction: 'none' }))); // => [0, 2]
 * ```
 */
export function l1Loss(prediction: TensorLike, target: TensorLike, options: LossOptions = {}): Tensor {
  checkLoss('l1Loss', options);
  return elementwiseLoss('l1Loss', [prediction, target], options, [0, 0], (p, t) => sizeOf(sub(p!, t!)));
}

/** |e| with derivative 0 at 0, where that of `abs` is 1. */
const sizeOf = (error: Tensor): Tensor => mul(error, sign(error));

function positive(op: string, name: string, value: number): number {
  if (typeof value === 'number' && value > 0) return value;
  throw new ArgumentError(`${op}: expected ${name} to be a positive number, got ${describe(value)}.`);
}

/** e²/2 for |e| < δ, and δ (|e| − δ/2) beyond. The branch not taken is computed at 0, so that no square overflows. */
function huberOf(error: Tensor, delta: number): Tensor {
  const size = abs(error);
  const bound = like(error, delta);
  const isSmall = lt(size, bound);
  const small = select(isSmall, error, like(error, 0));
  const quadratic = mul(mul(small, small), like(error, 0.5));
  return select(isSmall, quadratic, mul(bound, sub(size, like(error, delta / 2))));
}

export interface HuberOptions extends LossOptions {
  /** Where the square turns into a line; 1. */
  readonly delta?: number;
}

/**
 * e²/2 for |e| < δ, δ (|e| − δ/2) beyond, with e = prediction − target (Huber, 1964).
 * @example
 * ```ts
 * import { huberLoss } from 'cotangent/nn';
 * console.log(String(huberLoss([0.5, 3], [0, 0], { reduction: 'none' }))); // => [0.125, 2.5]
 * ```
 */
export function huberLoss(prediction: TensorLike, target: TensorLike, options: HuberOptions = {}): Tensor {
  checkLoss('huberLoss', options, ['delta']);
  const delta = positive('huberLoss', 'delta', options.delta ?? 1);
  return elementwiseLoss('huberLoss', [prediction, target], options, [0, 0], (p, t) => huberOf(sub(p!, t!), delta));
}

export interface SmoothL1Options extends LossOptions {
  /** Where the square turns into a line; 1. With 0 this is `l1Loss`. */
  readonly beta?: number;
}

/**
 * e² / (2 β) for |e| < β, |e| − β/2 beyond: `huberLoss` with δ = β, divided by β.
 * @example
 * ```ts
 * import { smoothL1Loss } from 'cotangent/nn';
 * console.log(String(smoothL1Loss([1, 3], [0, 0], { beta: 2, reduction: 'none' }))); // => [0.25, 2]
 * ```
 */
export function smoothL1Loss(prediction: TensorLike, target: TensorLike, options: SmoothL1Options = {}): Tensor {
  checkLoss('smoothL1Loss', options, ['beta']);
  const { beta = 1 } = options;
  if (beta !== 0) positive('smoothL1Loss', 'beta', beta);
  return elementwiseLoss('smoothL1Loss', [prediction, target], options, [0, 0], (p, t) => {
    const error = sub(p!, t!);
    return beta === 0 ? sizeOf(error) : mul(huberOf(error, beta), like(error, 1 / beta));
  });
}

/**
 * log cosh e with e = prediction − target, without overflow: a square near 0, |e| − log 2 far away.
 * @example
 * ```ts
 * import { logCosh } from 'cotangent/nn';
 * console.log(String(logCosh([0, 1000], [0, 0], { reduction: 'none' }))); // => [0, 999.306…]
 * ```
 */
export function logCosh(prediction: TensorLike, target: TensorLike, options: LossOptions = {}): Tensor {
  checkLoss('logCosh', options);
  return elementwiseLoss('logCosh', [prediction, target], options, [0, 0], (p, t) => logCoshOf(sub(p!, t!)));
}

/** log(1 + sinh² e)/2 near 0, where nothing cancels; |e| + log(1 + e^(−2|e|)) − log 2 beyond. */
function logCoshOf(error: Tensor): Tensor {
  const size = abs(error);
  const isNear = lt(size, like(size, 1));
  const s = sinh(select(isNear, error, like(error, 0)));
  const near = mul(log1p(mul(s, s)), like(s, 0.5));
  const far = select(isNear, like(size, 1), size);
  return select(isNear, near, add(far, sub(softplus(mul(far, like(far, -2))), like(far, Math.LN2))));
}

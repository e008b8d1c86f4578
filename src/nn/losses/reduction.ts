/**
 * What all losses share: options, masks and weights, and how one number comes of many.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { broadcastShapes, sameShape, type Shape } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { DTypeError } from '../../ir/errors.ts';
import { arrayFrom, asTensor, type TensorLike } from '../../api/lift.ts';
import { checkChoice, checkOptions } from '../../api/options.ts';
import { div, like, mul } from '../../primitives/arithmetic.ts';
import { eq, ne } from '../../primitives/compare.ts';
import { convert } from '../../primitives/convert.ts';
import { and } from '../../primitives/elementwise-bits.ts';
import { abs } from '../../primitives/elementwise-number.ts';
import { select } from '../../primitives/select.ts';
import { broadcastTo, reduceSum } from '../../primitives/structural.ts';
import { wideFloats } from '../precision.ts';

/** How losses become one number: not at all, by their mean (default), or by their sum. */
export type Reduction = 'none' | 'mean' | 'sum';

export interface LossOptions {
  /** `'mean'` by default; `'none'` keeps the losses apart. */
  readonly reduction?: Reduction;
  /**
   * Which losses count (booleans that broadcast to their shape). The others are 0, have derivative 0 whatever their inputs are (NaN and
   * infinities included), and a mean leaves them out. A mean of none is NaN, with derivative 0.
   */
  readonly where?: TensorLike;
  /** A factor for every loss (broadcasts to their shape). A mean divides by how many count, not by the sum of the factors. */
  readonly weights?: TensorLike;
}

export const lossNames = ['reduction', 'where', 'weights'] as const;

/** Throws for options that the loss does not have. */
export function checkLoss(op: string, options: LossOptions, names: readonly string[] = []): void {
  const all = [...names, ...lossNames];
  checkOptions(op, options, all, `options of ${op}: ${all.join(', ')}.`);
  if (options.reduction !== undefined) checkChoice(op, 'reduction', options.reduction, ['none', 'mean', 'sum']);
}

const allOf = (x: Tensor): number[] => x.shape.map((_, d) => d);

/** The mask with the shape of the losses. */
export function maskOf(op: string, options: LossOptions, shape: Shape): Tensor | undefined {
  if (options.where === undefined || options.where === null) return undefined;
  const given = asTensor(options.where);
  const mask = given.dtype === 'bool' ? given : ne(given, like(given, 0));
  return broadcastLike(op, 'where', mask, shape);
}

function broadcastLike(op: string, name: string, x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const joint = broadcastShapes(`${op}, ${name}`, x.shape, shape);
  return broadcastTo(x, sameShape(joint, shape) ? shape : broadcastShapes(`${op}, ${name}`, joint, shape));
}

/** One number, or the losses as they are. `mask` says which count. */
export function reduceLosses(op: string, losses: Tensor, mask: Tensor | undefined, options: LossOptions): Tensor {
  const weighted = weigh(op, losses, options);
  const kept = mask ? select(mask, weighted, like(weighted, 0)) : weighted;
  if (options.reduction === 'none') return kept;
  const total = reduceSum(kept, allOf(kept));
  if (options.reduction === 'sum') return total;
  const count = mask ? reduceSum(convert(mask, kept.dtype), allOf(mask)) : like(kept, kept.size);
  return div(total, count);
}

function weigh(op: string, losses: Tensor, { weights }: LossOptions): Tensor {
  if (weights === undefined || weights === null) return losses;
  return mul(losses, broadcastLike(op, 'weights', arrayFrom(weights, losses.dtype), losses.shape));
}

/** Floats of one dtype (float32 at least, so that losses of 16-bit floats are exact) and one shape. */
export function operandsOf(op: string, ...xs: TensorLike[]): Tensor[] {
  const floats = wideFloats(...xs);
  const shape = floats.map((x) => x.shape).reduce((a, b) => broadcastShapes(op, a, b));
  return floats.map((x) => (sameShape(x.shape, shape) ? x : broadcastTo(x, shape)));
}

/**
 * A loss of elements: broadcasts the operands, puts `neutral` values where the mask does not hold (so that nothing there can spoil a
 * derivative), computes and reduces.
 */
export function elementwiseLoss(
  op: string,
  operands: readonly TensorLike[],
  options: LossOptions,
  neutral: readonly number[],
  losses: (...xs: Tensor[]) => Tensor,
): Tensor {
  const xs = operandsOf(op, ...operands);
  const mask = maskOf(op, options, xs[0]!.shape);
  const safe = mask ? xs.map((x, i) => select(mask, x, like(x, neutral[i]!))) : xs;
  return reduceLosses(op, losses(...safe), mask, options);
}

/** a · log, where a factor 0 makes an infinite logarithm 0. Derivatives by both are those of the product elsewhere. */
export function timesLog(factor: Tensor, log: Tensor): Tensor {
  const isLimit = and(eq(factor, like(factor, 0)), isInfinite(log));
  return mul(factor, select(isLimit, like(log, 0), log));
}

const isInfinite = (x: Tensor): Tensor => eq(abs(x), like(x, Infinity));

/** Throws unless the tensor holds floats. */
export function checkFloat(op: string, name: string, x: Tensor): void {
  if (isFloat(x.dtype)) return;
  throw new DTypeError(
    `${op}: expected ${name} to be floats, got ${x.aval.toString()}.`,
    "convert with astype('float32').",
  );
}

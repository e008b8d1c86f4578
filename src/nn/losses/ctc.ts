/**
 * Connectionist temporal classification.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ShapeError } from '../../ir/errors.ts';
import type { Tensor } from '../../core/tensor.ts';
import { asTensor, type TensorLike } from '../../api/lift.ts';
import { scan } from '../../api/lax/loops.ts';
import { logSoftmax, logsumexp } from '../../api/nn/normalize.ts';
import { takeAlongAxis } from '../../api/numpy/indexing.ts';
import { add, like, sub } from '../../primitives/arithmetic.ts';
import { eq, gt, ne } from '../../primitives/compare.ts';
import { convert } from '../../primitives/convert.ts';
import { and } from '../../primitives/elementwise-bits.ts';
import { concatenate } from '../../primitives/movement.ts';
import { select } from '../../primitives/select.ts';
import { sliceAxis } from '../../primitives/slice.ts';
import { broadcastTo, reduceSum, reshape, transpose } from '../../primitives/structural.ts';
import { integerLabels } from './labels.ts';
import { checkLoss, type LossOptions, maskOf, reduceLosses } from './reduction.ts';
import { wideFloats } from '../precision.ts';

export interface CtcOptions extends LossOptions {
  /** The class that stands for no label; 0. */
  readonly blankId?: number;
  /** Count 0 in place of ∞ for labels that do not fit into their frames; false. Their derivative is 0 either way. */
  readonly zeroInfinity?: boolean;
}

interface Paths {
  /** Blank, label, blank, label, …, blank: `[B, 2 N + 1]`. */
  readonly states: Tensor;
  /** Where a path may come from two states before: at a label that differs from the one before. */
  readonly skips: Tensor;
}

function pathsOf(labels: Tensor, blank: number): Paths {
  const [batch, n] = labels.shape as [number, number];
  const blanks = broadcastTo(like(labels, blank), [batch, n, 1]);
  const pairs = reshape(concatenate([blanks, reshape(labels, [batch, n, 1])], 2), [batch, 2 * n]);
  const states = concatenate([pairs, broadcastTo(like(labels, blank), [batch, 1])], 1);
  const before = shifted(states, 2, blank);
  return { states, skips: and(ne(states, like(states, blank)), ne(states, before)) };
}

/** Entries moved up by `by` states; `fill` comes in. */
function shifted(x: Tensor, by: number, fill: number): Tensor {
  const [batch, n] = x.shape as [number, number];
  const count = Math.min(by, n);
  return concatenate([broadcastTo(like(x, fill), [batch, count]), sliceAxis(x, 1, 0, n - count)], 1);
}

/** log Σ exp of several of one shape, −∞ being no path. */
function logAdd(...xs: Tensor[]): Tensor {
  const columns = xs.map((x) => reshape(x, [...x.shape, 1]));
  return logsumexp(concatenate(columns, columns[0]!.ndim - 1), -1);
}

/** log probabilities of all ways to be in each state after the last frame: the forward recursion. */
function forward(scores: Tensor, { states, skips }: Paths, isPadding: Tensor): Tensor {
  const [batch, frames] = scores.shape as [number, number, number];
  const count = states.shape[1]!;
  const indices = broadcastTo(reshape(states, [batch, 1, count]), [batch, frames, count]);
  const emitted = transpose(takeAlongAxis(scores, indices, 2), [1, 0, 2]);
  const none = like(scores, -Infinity);
  const alpha0 = add(entry(scores, batch, count), reshape(sliceAxis(emitted, 0, 0, 1), [batch, count]));
  const step = (alpha: Tensor, [now, pad]: readonly [Tensor, Tensor]): readonly [Tensor, null] => {
    const skipped = select(skips, shifted(alpha, 2, -Infinity), broadcastTo(none, alpha.shape));
    const next = add(logAdd(alpha, shifted(alpha, 1, -Infinity), skipped), now);
    return [select(broadcastTo(reshape(pad, [batch, 1]), alpha.shape), alpha, next), null];
  };
  const later: [Tensor, Tensor] = [
    sliceAxis(emitted, 0, 1, frames),
    sliceAxis(transpose(isPadding, [1, 0]), 0, 1, frames),
  ];
  return scan(step as never, alpha0, later)[0];
}

/** A path starts at the first blank or at the first label: 0 there, −∞ elsewhere. */
function entry(scores: Tensor, batch: number, count: number): Tensor {
  const entries = Math.min(2, count);
  const at = (n: number, value: number): Tensor => broadcastTo(like(scores, value), [batch, n]);
  return concatenate([at(entries, 0), at(count - entries, -Infinity)], 1);
}

function checkShapes(logits: Tensor, logitPaddings: Tensor, labels: Tensor, labelPaddings: Tensor): void {
  const [b, t] = logits.shape;
  const fits =
    logits.ndim === 3 &&
    t! > 0 &&
    logitPaddings.ndim === 2 &&
    logitPaddings.shape[0] === b &&
    logitPaddings.shape[1] === t &&
    labels.ndim === 2 &&
    labels.shape[0] === b &&
    labelPaddings.ndim === 2 &&
    labelPaddings.shape.every((n, d) => n === labels.shape[d]);
  if (fits) return;
  throw new ShapeError(
    `ctcLoss: expected logits [B,T,K] with T ≥ 1, logitPaddings [B,T], labels [B,N], labelPaddings [B,N], got ${[
      logits,
      logitPaddings,
      labels,
      labelPaddings,
    ]
      .map((x) => x.aval.toString())
      .join(', ')}.`,
  );
}

/**
 * −log of the probability of the labels, summed over all their alignments with the frames (Graves et al., 2006). Arguments are optax's.
 *
 * @param logits `[B, T, K]`
 * @param logitPaddings `[B, T]`: 1 for frames beyond the end, 0 before; every sequence has a first frame
 * @param labels integers `[B, N]`
 * @param labelPaddings `[B, N]`: 1 for labels beyond the end
 * @returns one number, or `[B]` without reduction; ∞ where the labels do not fit into the frames
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import { ctcLoss } from 'cotangent/nn';
 * // Two frames, one label: the paths are 1 1, 0 1 and 1 0, of probability ¼ each.
 * console.log(String(ctcLoss(np.zeros([1, 2, 2]), [[0, 0]], [[1]], [[0]]).neg().exp())); // => 0.75
 * ```
 */
export function ctcLoss(
  logits: TensorLike,
  logitPaddings: TensorLike,
  labels: TensorLike,
  labelPaddings: TensorLike,
  options: CtcOptions = {},
): Tensor {
  checkLoss('ctcLoss', options, ['blankId', 'zeroInfinity']);
  const [x] = wideFloats(logits) as [Tensor];
  const [frames, given, ends] = [asTensor(logitPaddings), integerLabels('ctcLoss', labels), asTensor(labelPaddings)];
  checkShapes(x, frames, given, ends);
  const batch = x.shape[0]!;
  const mask = maskOf('ctcLoss', options, [batch]);
  const safe = mask ? select(broadcastTo(reshape(mask, [batch, 1, 1]), x.shape), x, like(x, 0)) : x;
  const paths = pathsOf(given, options.blankId ?? 0);
  const alpha = forward(logSoftmax(safe, -1), paths, ne(frames, like(frames, 0)));
  const count = reduceSum(convert(eq(ends, like(ends, 0)), 'int32'), [1]);
  const log = totalAt(alpha, count);
  const losses = sub(like(log, 0), log);
  const isInfinite = eq(losses, like(losses, Infinity));
  const kept = options.zeroInfinity ? select(isInfinite, like(losses, 0), losses) : losses;
  return reduceLosses('ctcLoss', kept, mask, options);
}

/** A path ends at the last label or at the blank behind it. */
function totalAt(alpha: Tensor, count: Tensor): Tensor {
  const batch = alpha.shape[0]!;
  const last = reshape(add(count, count), [batch, 1]);
  const at = (index: Tensor): Tensor => reshape(takeAlongAxis(alpha, index, 1), [batch]);
  const hasLabel = gt(count, like(count, 0));
  const beforeLast = select(reshape(hasLabel, [batch, 1]), sub(last, like(last, 1)), last);
  const label = select(hasLabel, at(beforeLast), like(alpha, -Infinity));
  return logAdd(at(last), label);
}

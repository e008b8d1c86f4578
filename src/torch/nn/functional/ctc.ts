/**
 * Connectionist temporal classification.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ShapeError } from '../../../ir/errors.ts';
import * as np from '../../../api/numpy/index.ts';
import { ctcLoss as ctc } from '../../../nn/losses/ctc.ts';
import { type TensorLike, toTensor, withParams } from '../../ops/define.ts';
import type { Tensor } from '../../tensor.ts';
import { checkLossOptions, type LossOptions } from './loss-options.ts';

export interface CtcOptions extends LossOptions {
  /** The class of no label; 0. */
  readonly blank?: number | undefined;
  /** Count 0 in place of ∞; false. */
  readonly zeroInfinity?: boolean | undefined;
}

type Lengths = TensorLike | readonly number[];

const numbers = (x: Lengths): number[] => [toTensor(x as TensorLike).tolist()].flat() as number[];

/** 1 behind the end of each row. */
const paddings = (lengths: readonly number[], size: number): number[][] =>
  lengths.map((n) => Array.from({ length: size }, (_, i) => (i < n ? 0 : 1)));

/** Targets one row a sequence, whichever way they are given. */
function rows(targets: Tensor, lengths: readonly number[]): number[][] {
  const width = Math.max(1, ...lengths);
  const flat = [...targets.dataSync()];
  const stride = targets.ndim === 2 ? targets.shape[1]! : undefined;
  let next = 0;
  return lengths.map((n, i) => {
    const start = stride === undefined ? next : i * stride;
    next += n;
    return Array.from({ length: width }, (_, k) => (k < n ? flat[start + k]! : 0));
  });
}

const losses = withParams<{ readonly blankId: number; readonly zeroInfinity: boolean }>(
  'ctcLoss',
  ([x, ends, labels, labelEnds], o) =>
    ctc(np.moveaxis(x!, 0, 1), ends!, labels!, labelEnds!, { ...o, reduction: 'none' }),
);

/**
 * −log of the probability of the targets, over all their alignments. A mean divides each loss by the length of its target first.
 * Log probabilities are normalised once more, which changes nothing where they are some.
 * @param logProbs `[T, N, C]` or `[T, C]`
 * @param targets `[N, S]`, or all in one row
 */
export function ctcLoss(
  logProbs: TensorLike,
  targets: TensorLike,
  inputLengths: Lengths,
  targetLengths: Lengths,
  options: CtcOptions = {},
): Tensor {
  checkLossOptions('ctcLoss', options, ['blank', 'zeroInfinity']);
  const { blank = 0, reduction = 'mean', zeroInfinity = false } = options;
  const given = toTensor(logProbs);
  const x = given.ndim === 2 ? given.unsqueeze(1) : given;
  const [ins, outs] = [numbers(inputLengths), numbers(targetLengths)];
  if (x.ndim !== 3 || ins.length !== x.shape[1] || outs.length !== x.shape[1]) {
    throw new ShapeError(
      `ctcLoss: expected log probabilities [T,N,C] and N lengths of inputs and targets, got ${given.aval.toString()}, ${ins.length} and ${outs.length}.`,
    );
  }
  const integers = { dtype: 'int32' } as const;
  const labels = rows(toTensor(targets), outs);
  const operands = [
    np.array(paddings(ins, x.shape[0]!), integers),
    np.array(labels, integers),
    np.array(paddings(outs, labels[0]!.length), integers),
  ];
  const each = losses([x, ...operands], { blankId: blank, zeroInfinity });
  if (reduction === 'none') return given.ndim === 2 ? each.squeeze(0) : each;
  if (reduction === 'sum') return each.sum();
  return each
    .div(
      toTensor(
        np.array(
          outs.map((n) => Math.max(n, 1)),
          { dtype: x.dtype },
        ),
      ),
    )
    .mean();
}

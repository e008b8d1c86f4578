/**
 * Classes as integers.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { isInteger } from '../../ir/dtype.ts';
import { DTypeError } from '../../ir/errors.ts';
import { Tensor } from '../../core/tensor.ts';
import { asTensor, type TensorLike } from '../../api/lift.ts';
import { takeAlongAxis } from '../../api/numpy/indexing.ts';
import { like } from '../../primitives/arithmetic.ts';
import { lt } from '../../primitives/compare.ts';
import { convert } from '../../primitives/convert.ts';
import { select } from '../../primitives/select.ts';
import { reshape } from '../../primitives/structural.ts';

/** Labels as integers; bare nested arrays of integral numbers count as such. */
export function integerLabels(op: string, labels: TensorLike): Tensor {
  const t = asTensor(labels);
  if (isInteger(t.dtype)) return convert(t, 'int32');
  if (!(labels instanceof Tensor) && t.concrete('labels').read().every(Number.isInteger)) return convert(t, 'int32');
  throw new DTypeError(
    `${op}: expected integer labels, or probabilities shaped like the scores, got ${t.aval.toString()}.`,
    "convert class numbers with astype('int32').",
  );
}

/**
 * The entry of each label along an axis, as wide as the labels. Labels that are no class give NaN (a negative one would count from the
 * end otherwise).
 */
export function pickClass(values: Tensor, labels: Tensor, axis: number): Tensor {
  const isNegative = lt(labels, like(labels, 0));
  const classes = values.shape[axis]!;
  const at = reshape(select(isNegative, like(labels, classes), labels), labels.shape.toSpliced(axis, 0, 1));
  return reshape(takeAlongAxis(values, at, axis), labels.shape);
}

/**
 * Products with weights, and rows of tables.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { isFloat } from '../../../ir/dtype.ts';
import { ShapeError } from '../../../ir/errors.ts';
import * as np from '../../../api/numpy/index.ts';
import * as nn from '../../../api/nn/index.ts';
import { like, mul } from '../../../primitives/arithmetic.ts';
import { dotGeneral } from '../../../primitives/dot.ts';
import { promote, type TensorLike, toTensor, withParams } from '../../ops/define.ts';
import type { Tensor } from '../../tensor.ts';

const linearOf = withParams<null>('linear', (xs) => {
  const [x, w, b] = promote(xs);
  const y = dotGeneral(x!, w!, { contract: [[x!.ndim - 1], [w!.ndim - 1]], batch: [[], []] });
  return b === undefined ? y : np.add(y, b);
});

/**
 * x Aᵀ + b.
 * @param x `[…, in]`
 * @param weight `[out, in]`, or `[in]`
 * @param bias `[out]`
 * @returns `[…, out]`
 */
export function linear(x: TensorLike, weight: TensorLike, bias?: TensorLike | null): Tensor {
  const [t, w] = [toTensor(x), toTensor(weight)];
  const size = w.shape.at(-1);
  if (t.ndim === 0 || w.ndim === 0 || t.shape.at(-1) !== size) {
    throw new ShapeError(
      `linear: expected input […,${size ?? 'in'}] for weight ${w.aval.toString()}, got ${t.aval.toString()}: mat1 and mat2 shapes cannot be multiplied.`,
      'check the number of features that the layer was made for.',
    );
  }
  return linearOf(bias === null || bias === undefined ? [t, w] : [t, w, bias], null);
}

const bilinearOf = withParams<null>('bilinear', (xs) => {
  const [x, y, w, b] = promote(xs);
  const out = np.einsum('...i,oij,...j->...o', x!, w!, y!);
  return b === undefined ? out : np.add(out, b);
});

/** Σᵢⱼ xᵢ Aₒᵢⱼ yⱼ + bₒ. @param weight `[out, in1, in2]` */
export const bilinear = (x: TensorLike, y: TensorLike, weight: TensorLike, bias?: TensorLike | null): Tensor =>
  bilinearOf(bias === null || bias === undefined ? [x, y, weight] : [x, y, weight, bias], null);

/** A 1 at each of the indices, along a new last dimension; integers. */
export function oneHot(x: TensorLike, numClasses = -1): Tensor {
  const at = toTensor(x);
  const count = numClasses < 0 ? at.max().item() + 1 : numClasses;
  return toTensor(nn.oneHot(at.value, count, { dtype: 'int32' }));
}

/** `x` times a mask of zeros and `scale`: what dropout computes. */
export const masked: (xs: readonly TensorLike[], scale: number) => Tensor = withParams<number>(
  'dropout',
  ([x, mask], scale) => {
    const kept = np.astype(mask!, isFloat(x!.dtype) ? x!.dtype : 'float32');
    return mul(mul(x!, np.broadcastTo(kept, x!.shape)), like(x!, scale));
  },
);

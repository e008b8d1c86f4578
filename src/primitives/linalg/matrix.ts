/**
 * What the factorisations share: the last two axes as a matrix, its triangles, products and transposes, as tensors and on the host.
 * May import: `ir`, `core`, and the families of movements, comparisons and products.
 * @module
 */
import { Aval } from '../../ir/aval.ts';
import { type DType, isFloat } from '../../ir/dtype.ts';
import { DTypeError, ShapeError } from '../../ir/errors.ts';
import { sizeOf } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { like, sub } from '../arithmetic.ts';
import { eq, ge, gt } from '../compare.ts';
import { convert } from '../convert.ts';
import { dotGeneral } from '../dot.ts';
import { iota } from '../iota.ts';
import { select } from '../select.ts';
import { broadcastTo, transpose } from '../structural.ts';

/** Throws unless `x` holds matrices of floats. */
export function checkMatrix(op: string, x: Aval): void {
  if (!isFloat(x.dtype)) {
    throw new DTypeError(`${op}: expected matrices of floats, got ${x.toString()}.`, 'convert with astype first.');
  }
  if (x.ndim >= 2) return;
  throw new ShapeError(
    `${op}: expected at least two axes, got ${x.toString()}.`,
    'the last two axes are the matrix, those before them a batch.',
    { shape: x.shape },
  );
}

/** Throws unless `x` holds square matrices of floats. */
export function checkSquare(op: string, x: Aval): void {
  checkMatrix(op, x);
  if (x.shape.at(-1) === x.shape.at(-2)) return;
  throw new ShapeError(
    `${op}: expected square matrices, got ${x.toString()}.`,
    'the last two axes must have one size.',
    { shape: x.shape },
  );
}

/** Rows, columns and number of the matrices of an array. */
export const extentsOf = (x: Aval): { readonly m: number; readonly n: number; readonly count: number } => ({
  m: x.shape.at(-2)!,
  n: x.shape.at(-1)!,
  count: sizeOf(x.shape.slice(0, -2)),
});

/** Distance from 1 to the next number. */
export const epsilonOf = (dtype: DType): number => (dtype === 'float32' ? 2 ** -23 : 2 ** -52);

/** An aval of the same leading axes with other last axes. */
export const withLast = (x: Aval, last: readonly number[], dtype: DType = x.dtype): Aval =>
  new Aval([...x.shape.slice(0, -2), ...last], dtype);

/** True where `compare(row, column − k)` is. */
function mask(x: Tensor, k: number, compare: (row: Tensor, column: Tensor) => Tensor): Tensor {
  const [m, n] = x.shape.slice(-2) as [number, number];
  const column = iota([m, n], 'int32', 1);
  const shifted = k === 0 ? column : sub(column, like(column, k));
  return broadcastTo(compare(iota([m, n], 'int32', 0), shifted), x.shape);
}

/** Zeros above the k-th diagonal. */
export const lowerPart = (x: Tensor, k = 0): Tensor => select(mask(x, k, ge), x, like(x, 0));

/** Zeros below the k-th diagonal. */
export const upperPart = (x: Tensor, k = 0): Tensor => select(mask(x, k, gt), like(x, 0), x);

/** The m × n identity, in the dtype of `x`. */
export const identityLike = (x: Tensor, m: number, n: number): Tensor =>
  convert(eq(iota([m, n], 'int32', 0), iota([m, n], 'int32', 1)), x.dtype);

/** The last two axes exchanged. */
export function transposed(x: Tensor): Tensor {
  const axes = x.shape.map((_, i) => i);
  return transpose(x, [...axes.slice(0, -2), x.ndim - 1, x.ndim - 2]);
}

/** Products of matrices with equal leading axes; `x` may be transposed first. */
export function product(x: Tensor, y: Tensor, transposeX = false): Tensor {
  const r = x.ndim;
  const batch = Array.from({ length: r - 2 }, (_, i) => i);
  return dotGeneral(x, y, { contract: [[transposeX ? r - 2 : r - 1], [r - 2]], batch: [batch, batch] });
}

/**
 * Products of vectors and matrices.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ShapeError } from '../../ir/errors.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as np from '../../api/numpy/index.ts';
import { Tensor } from '../tensor.ts';
import { type Binary, binary, promote, type TensorLike, toTensor, withParams } from './define.ts';

const product = (name: string): Binary => binary(name, (x, y) => np.matmul(x, y));
const products = { matmul: product('mm'), mm: product('mm'), bmm: product('bmm'), mv: product('mv') };
const scalarProduct = binary('dot', (x, y) => np.dot(x, y));

function ranked(op: string, x: TensorLike, y: TensorLike, ranks: readonly [number, number], apply: Binary): Tensor {
  const [a, b] = [toTensor(x), toTensor(y)];
  if (a.ndim === ranks[0] && b.ndim === ranks[1]) return apply(a, b);
  throw new ShapeError(
    `${op}: expected tensors of ${ranks[0]} and ${ranks[1]} dimensions, got ${a.aval.toString()} and ${b.aval.toString()}.`,
    'matmul takes any number of dimensions.',
  );
}

/** The matrix product; leading dimensions broadcast, a vector is a row on the left and a column on the right. */
export const matmul: Binary = products.matmul;
export const mm: Binary = (x, y) => ranked('mm', x, y, [2, 2], products.mm);
export const bmm: Binary = (x, y) => ranked('bmm', x, y, [3, 3], products.bmm);
export const mv: Binary = (x, y) => ranked('mv', x, y, [2, 1], products.mv);
/** Σxy of vectors. */
export const dot: Binary = (x, y) => ranked('dot', x, y, [1, 1], scalarProduct);
export const vdot: Binary = dot;
export const inner: Binary = binary('inner', (x, y) => np.inner(x, y));
export const outer: Binary = binary('outer', np.outer);
export const ger: Binary = outer;
export const kron: Binary = binary('kron', np.kron);

export interface AddmmOptions {
  /** Factor of the tensor that is added to; 1. */
  readonly beta?: number | undefined;
  /** Factor of the product; 1. */
  readonly alpha?: number | undefined;
}

function fused(name: string, multiply: (x: CoreTensor, y: CoreTensor) => CoreTensor) {
  const apply = withParams<{ readonly beta: number; readonly alpha: number }>(name, (xs, { beta, alpha }) => {
    const [x, a, b] = promote(xs);
    const by = (t: CoreTensor, c: number): CoreTensor => (c === 1 ? t : np.multiply(t, c));
    const result = by(multiply(a!, b!), alpha);
    return beta === 0 ? result : np.add(by(x!, beta), result);
  });
  return (x: TensorLike, a: TensorLike, b: TensorLike, { beta = 1, alpha = 1 }: AddmmOptions = {}): Tensor =>
    apply([x, a, b], { beta, alpha });
}

type Fused = (x: TensorLike, a: TensorLike, b: TensorLike, options?: AddmmOptions) => Tensor;

/** beta·x + alpha·a@b. */
export const addmm: Fused = fused('addmm', (a, b) => np.matmul(a, b));
export const addmv: Fused = fused('addmv', (a, b) => np.matmul(a, b));
export const baddbmm: Fused = fused('baddbmm', (a, b) => np.matmul(a, b));
/** beta·x + alpha·Σ a@b over the batch. */
export const addbmm: Fused = fused('addbmm', (a, b) => np.sum(np.matmul(a, b), { axis: 0 }));
/** beta·x + alpha·a⊗b. */
export const addr: Fused = fused('addr', np.outer);

const contraction = withParams<string>('einsum', (xs, subscripts) => np.einsum(subscripts, ...promote(xs)));

/** Sums of products by Einstein's convention: `einsum('ij,jk->ik', a, b)`. */
export const einsum = (subscripts: string, ...operands: readonly (TensorLike | readonly Tensor[])[]): Tensor => {
  const [first] = operands;
  const isList = operands.length === 1 && Array.isArray(first) && first[0] instanceof Tensor;
  return contraction((isList ? first : operands) as readonly TensorLike[], subscripts);
};

const contracted = withParams<number | readonly [readonly number[], readonly number[]]>('tensordot', (xs, dims) => {
  const [x, y] = promote(xs);
  return np.tensordot(x!, y!, dims);
});

/** Sums of products over the last `dims` dimensions of x and the first of y, or over those named. */
export const tensordot = (
  x: TensorLike,
  y: TensorLike,
  dims: number | readonly [readonly number[], readonly number[]] = 2,
): Tensor => contracted([x, y], dims);

const crossOf = withParams<number>('linalgCross', (xs, axis) => {
  const [x, y] = promote(xs);
  return np.cross(x!, y!, { axis });
});

/** The vector product along a dimension of size 3. */
export const cross = (x: TensorLike, y: TensorLike, dim = -1): Tensor => crossOf([x, y], dim);

const traceOf = withParams<null>('trace', ([x]) => np.trace(x!));
/** The sum of the diagonal of a matrix. */
export const trace = (x: TensorLike): Tensor => traceOf([x], null);

const lower = withParams<number>('tril', ([x], k) => np.tril(x!, k));
const upper = withParams<number>('triu', ([x], k) => np.triu(x!, k));
/** Zeros above the diagonal. */
export const tril = (x: TensorLike, diagonal = 0): Tensor => lower([x], diagonal);
/** Zeros below the diagonal. */
export const triu = (x: TensorLike, diagonal = 0): Tensor => upper([x], diagonal);

const diagOf = withParams<number>('diag', ([x], k) => np.diag(x!, k));
/** The matrix with a vector on its diagonal; of a matrix, its diagonal. */
export const diag = (x: TensorLike, diagonal = 0): Tensor => diagOf([x], diagonal);
const flatDiag = withParams<number>('diagflat', ([x], k) => np.diagflat(x!, k));
export const diagflat = (x: TensorLike, offset = 0): Tensor => flatDiag([x], offset);

const powered = withParams<number>('linalgMatrixPower', ([x], n) => np.linalg.matrixPower(x!, n));
/** x@…@x, n times; of the inverse for negative n. */
export const matrixPower = (x: TensorLike, n: number): Tensor => powered([x], n);

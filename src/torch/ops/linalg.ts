/**
 * Products of vectors and matrices.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ShapeError } from '../../ir/errors.ts';
import { normalizeAxis } from '../../ir/shape.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { updateIndexed } from '../../api/at.ts';
import * as np from '../../api/numpy/index.ts';
import { Tensor } from '../tensor.ts';
import { type Binary, binary, counted, promote, type TensorLike, toTensor, withParams } from './define.ts';
import { type Arguments, type Named, named, readArguments } from './named.ts';
import type { SomeDim } from './axes.ts';

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

export interface TensordotOptions {
  readonly dims?: number | readonly [readonly number[], readonly number[]] | undefined;
}

/** Sums of products over the last `dims` (2) dimensions of x and the first of y, or over those named. */
export const tensordot = (x: TensorLike, y: TensorLike, ...args: Arguments<TensordotOptions, ['dims']>): Tensor =>
  contracted([x, y], readArguments<TensordotOptions>('tensordot', ['dims'], args).dims ?? 2);

const crossOf = withParams<number>('linalgCross', (xs, axis) => {
  const [x, y] = promote(xs);
  return np.cross(x!, y!, { axis });
});

/** The vector product along a dimension (the last) of size 3. */
export const cross = (x: TensorLike, y: TensorLike, ...args: Arguments<SomeDim, ['dim']>): Tensor =>
  crossOf([x, y], readArguments<SomeDim>('cross', ['dim'], args).dim ?? -1);

const traceOf = withParams<null>('trace', ([x]) => np.trace(counted(x!)));
/** The sum of the diagonal of a matrix. */
export const trace = (x: TensorLike): Tensor => traceOf([x], null);

const lower = withParams<number>('tril', ([x], k) => np.tril(x!, k));
const upper = withParams<number>('triu', ([x], k) => np.triu(x!, k));
export interface DiagonalOption {
  /** Which diagonal: 0 the main one, positive ones above it. */
  readonly diagonal?: number | undefined;
}

type OfDiagonal = Named<DiagonalOption, ['diagonal']>;

const ofDiagonal = (op: string, apply: (xs: readonly TensorLike[], k: number) => Tensor): OfDiagonal =>
  named(op, ['diagonal'], (x, { diagonal = 0 }: DiagonalOption) => apply([x], diagonal));

/** Zeros above the diagonal. */
export const tril: OfDiagonal = ofDiagonal('tril', lower);
/** Zeros below the diagonal. */
export const triu: OfDiagonal = ofDiagonal('triu', upper);

const diagOf = withParams<number>('diag', ([x], k) => np.diag(x!, k));
/** The matrix with a vector on its diagonal; of a matrix, its diagonal. */
export const diag: OfDiagonal = ofDiagonal('diag', diagOf);
const flatDiag = withParams<number>('diagflat', ([x], k) => np.diagflat(x!, k));

interface OffsetOption {
  readonly offset?: number | undefined;
}

export const diagflat: Named<OffsetOption, ['offset']> = named(
  'diagflat',
  ['offset'],
  (x, { offset = 0 }: OffsetOption) => flatDiag([x], offset),
);

const powered = withParams<number>('linalgMatrixPower', ([x], n) => np.linalg.matrixPower(x!, n));
/** x@…@x, n times; of the inverse for negative n. */
export const matrixPower: Named<{ readonly n: number }, ['n']> = named(
  'matrixPower',
  ['n'],
  (x, { n }: { readonly n: number }) => powered([x], n),
);

export interface DiagEmbedOptions {
  readonly offset?: number | undefined;
  readonly dim1?: number | undefined;
  readonly dim2?: number | undefined;
}

interface Embedding {
  readonly offset: number;
  readonly axes: readonly [number, number];
}

const embedded = withParams<Embedding>('diagEmbed', ([x], { offset, axes }) => {
  const n = x!.shape.at(-1)! + Math.abs(offset);
  const rows = np.arange(x!.shape.at(-1)!);
  const [i, j] = offset >= 0 ? [rows, np.add(rows, offset)] : [np.subtract(rows, offset), rows];
  const empty = np.zeros([...x!.shape.slice(0, -1), n, n], { dtype: x!.dtype });
  const whole = x!.shape.slice(0, -1).map(() => ({}));
  return np.moveaxis(updateIndexed('diagEmbed', empty, [...whole, i, j], 'set', x!), [-2, -1], [...axes]);
});

/** Matrices with the last dimension of a tensor on their diagonals, in two dimensions (the last two). */
export const diagEmbed: Named<DiagEmbedOptions, ['offset', 'dim1', 'dim2']> = named(
  'diagEmbed',
  ['offset', 'dim1', 'dim2'],
  (x, { offset = 0, dim1 = -2, dim2 = -1 }: DiagEmbedOptions) => {
    const { ndim } = toTensor(x);
    const axis = (dim: number): number => normalizeAxis('diagEmbed', dim, ndim + 1);
    return embedded([x], { offset, axes: [axis(dim1), axis(dim2)] });
  },
);

const logDet = withParams<null>('logdet', ([x]) => {
  const [sign, logabs] = np.linalg.slogdet(x!) as [CoreTensor, CoreTensor];
  return np.where(np.less(sign, 0), prim.like(logabs, Number.NaN), logabs);
});
/** The logarithm of the determinant; NaN where that is negative. */
export const logdet = (x: TensorLike): Tensor => logDet([x], null);

export interface VanderOptions {
  /** Number of columns; as many as elements. */
  readonly N?: number | undefined;
  readonly increasing?: boolean | undefined;
}

const powers = withParams<VanderOptions>('vander', ([x], { N, increasing }) => np.vander(x!, { N, increasing }));

/** Powers of a vector as columns: xⁿ⁻¹, …, x, 1; with `increasing` the other way round. */
export const vander: Named<VanderOptions, ['N', 'increasing']> = named(
  'vander',
  ['N', 'increasing'],
  (x, options: VanderOptions) => powers([x], options),
);

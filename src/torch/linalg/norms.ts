/**
 * Norms of vectors and matrices.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import { normalizeAxis } from '../../ir/shape.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import * as np from '../../api/numpy/index.ts';
import { toFloat } from '../../api/numpy/unary.ts';
import { type Dtype, toDtype } from '../dtypes.ts';
import { axesOf } from '../ops/axes.ts';
import { toTensor, withParams } from '../ops/define.ts';
import { type Named, named } from '../ops/named.ts';
import type { Dims } from '../ops/reduce.ts';
import { absOf, type Norm, normAlong } from '../ops/subgradients.ts';
import type { Tensor } from '../tensor.ts';
import { inv } from './solve.ts';
import { svdvals } from './factor.ts';

export type MatrixOrder = number | 'fro' | 'nuc';

interface Common {
  readonly keepdim?: boolean | undefined;
  /** Dtype to convert to first. */
  readonly dtype?: Dtype | undefined;
}

export interface VectorNormOptions extends Common {
  /** Order; 2. */
  readonly ord?: number | undefined;
  readonly dim?: Dims | undefined;
}

const ofVectors = withParams<Norm & { readonly dtype: Dtype | undefined }>('linalgVectorNorm', ([x], how) =>
  normAlong(how.dtype === undefined ? x! : prim.convert(x!, toDtype(how.dtype)), how),
);

const vectorNames = ['ord', 'dim', 'keepdim', 'dtype'] as const;

/** (Σ|x|ᵖ)^(1/p) of all elements, or along dimensions; where the norm is 0, so is its derivative. */
export const vectorNorm: Named<VectorNormOptions, typeof vectorNames> = named(
  'linalg.vectorNorm',
  vectorNames,
  (x, { ord = 2, dim, keepdim = false, dtype }: VectorNormOptions) => {
    const tensor = toTensor(x);
    const axis = axesOf('linalg.vectorNorm', dim, tensor.ndim);
    return ofVectors([tensor], { p: ord, axis, keepdims: keepdim, dtype });
  },
);

export interface MatrixNormOptions extends Common {
  /** `'fro'` (the default), `'nuc'`, ±1, ±2, ±∞. */
  readonly ord?: MatrixOrder | undefined;
  /** The dimensions of rows and columns; the last two. */
  readonly dim?: readonly [number, number] | undefined;
}

interface MatrixNorm {
  readonly ord: MatrixOrder;
  readonly axes: readonly [number, number];
  readonly keepdims: boolean;
  readonly dtype: Dtype | undefined;
}

/** Of matrices in the last two axes. */
function normOfMatrices(x: CoreTensor, ord: MatrixOrder): CoreTensor {
  if (ord === 'fro') return normAlong(x, { p: 2, axis: [x.ndim - 2, x.ndim - 1], keepdims: false });
  if (ord === 'nuc') return np.sum(np.linalg.svdvals(x), { axis: -1 });
  const extreme = ord > 0 ? np.max : np.min;
  if (Math.abs(ord) === 2) return extreme(np.linalg.svdvals(x), { axis: -1 });
  return extreme(np.sum(absOf(x), { axis: Math.abs(ord) === 1 ? -2 : -1 }), { axis: -1 });
}

const ofMatrices = withParams<MatrixNorm>('linalgMatrixNorm', ([x], { ord, axes, keepdims, dtype }) => {
  const t = toFloat(dtype === undefined ? x! : prim.convert(x!, toDtype(dtype)));
  const result = normOfMatrices(np.moveaxis(t, [...axes], [-2, -1]), ord);
  const shape = t.shape.map((n, i) => (axes.includes(i) ? 1 : n));
  return keepdims ? prim.reshape(result, shape) : result;
});

const matrixNames = ['ord', 'dim', 'keepdim', 'dtype'] as const;

/** The norm of matrices: of all elements (`'fro'`), of singular values (`'nuc'`, ±2), of columns (±1) or rows (±∞). */
export const matrixNorm: Named<MatrixNormOptions, typeof matrixNames> = named(
  'linalg.matrixNorm',
  matrixNames,
  (x, { ord = 'fro', dim = [-2, -1], keepdim = false, dtype }: MatrixNormOptions) => {
    const tensor = toTensor(x);
    const axis = (d: number): number => normalizeAxis('linalg.matrixNorm', d, tensor.ndim);
    if (typeof ord === 'number' ? ![1, 2, Infinity].includes(Math.abs(ord)) : !['fro', 'nuc'].includes(ord)) {
      throw new ArgumentError(
        `linalg.matrixNorm: expected 'fro', 'nuc', ±1, ±2 or ±Infinity as ord, got ${String(ord)}.`,
      );
    }
    return ofMatrices([tensor], { ord, axes: [axis(dim[0]), axis(dim[1])], keepdims: keepdim, dtype });
  },
);

export interface NormOptions extends Common {
  readonly ord?: MatrixOrder | null | undefined;
  readonly dim?: Dims | undefined;
}

/** `vectorNorm` along one dimension or without an order, `matrixNorm` over two with one. */
export const norm: Named<NormOptions, typeof vectorNames> = named(
  'linalg.norm',
  vectorNames,
  (x, { ord, dim, keepdim, dtype }: NormOptions) => {
    const tensor = toTensor(x);
    const rest = { keepdim, dtype };
    if (ord === undefined || ord === null) return vectorNorm(tensor, { dim, ...rest });
    const count = dim === undefined || dim === null ? tensor.ndim : typeof dim === 'number' ? 1 : dim.length;
    if (count === 1 && typeof ord === 'number') return vectorNorm(tensor, { ord, dim, ...rest });
    if (count === 2) {
      const pair = Array.isArray(dim) ? (dim as unknown as readonly [number, number]) : undefined;
      return matrixNorm(tensor, { ord, dim: pair, ...rest });
    }
    throw new ArgumentError(
      `linalg.norm: expected one dimension and a number, or two dimensions, with an order, got ord ${String(ord)} and ${count} dimensions ` +
        `of ${tensor.aval.toString()}.`,
      'name the dimensions.',
    );
  },
);

export interface CondOptions {
  /** Order of the norm; 2. */
  readonly p?: MatrixOrder | null | undefined;
}

/** ‖x‖·‖x⁻¹‖. */
export const cond: Named<CondOptions, ['p']> = named('linalg.cond', ['p'], (x, { p }: CondOptions) => {
  if (p === undefined || p === null || p === 2 || p === -2) {
    const s = svdvals(x);
    const [first, last] = [s.select(-1, 0), s.select(-1, -1)];
    return p === -2 ? last.div(first) : first.div(last);
  }
  const tensor: Tensor = toTensor(x);
  return matrixNorm(tensor, p).mul(matrixNorm(inv(tensor), p));
});

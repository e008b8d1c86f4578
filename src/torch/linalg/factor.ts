/**
 * Factorisations of the matrices in the last two dimensions.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import { ConcreteTensor, type Tensor as CoreTensor } from '../../core/tensor.ts';
import * as np from '../../api/numpy/index.ts';
import { checkChoice } from '../../api/options.ts';
import { lu as luOf } from '../../api/scipy/linalg/factor.ts';
import { type TensorLike, toTensor, type Unary, unary, withParams, withResults } from '../ops/define.ts';
import { type Named, named } from '../ops/named.ts';
import type { Tensor } from '../tensor.ts';

/** Whether a value has numbers, of which one is not finite. */
const isBroken = (x: CoreTensor): boolean => x instanceof ConcreteTensor && !x.read().every(Number.isFinite);

/** Throws where a result is not finite although the operands are. */
export function checkFinite(op: string, result: Tensor, operands: readonly Tensor[], why: string, fix: string): Tensor {
  if (!isBroken(result.value) || operands.some((x) => isBroken(x.value))) return result;
  throw new ArgumentError(`linalg.${op}: expected ${fix}, got ${operands[0]!.aval.toString()}: ${why}.`);
}

interface UpperOption {
  /** Give the upper triangular factor; false. */
  readonly upper?: boolean | undefined;
}

const choleskyOf = withParams<boolean>('linalgCholesky', ([x], upper) => np.linalg.cholesky(x!, { upper }));

/**
 * The lower triangular L with L·Lᵀ = x, for a symmetric positive definite x.
 * @throws ArgumentError for a matrix that is not positive definite
 */
export const cholesky: Named<UpperOption, ['upper']> = named(
  'linalg.cholesky',
  ['upper'],
  (x, { upper = false }: UpperOption) => {
    const tensor = toTensor(x);
    return checkFinite(
      'cholesky',
      choleskyOf([tensor], upper),
      [tensor],
      'The factorization could not be completed because the input is not positive-definite',
      'a positive definite matrix',
    );
  },
);

export interface QrOptions {
  /** `'reduced'` (as many columns as rows or columns), `'complete'` (a square Q), `'r'` (an empty Q). */
  readonly mode?: 'reduced' | 'complete' | 'r' | undefined;
}

const orthogonal = withResults<'reduced' | 'complete'>('linalgQr', ([x], mode) => np.linalg.qr(x!, mode));
const triangular = withParams<null>('linalgQr', ([x]) => np.linalg.qr(x!, 'r'));

export interface QrResult {
  readonly Q: Tensor;
  readonly R: Tensor;
}

/** x = Q·R with orthonormal columns Q and an upper triangular R. */
export const qr: Named<QrOptions, ['mode'], QrResult> = named(
  'linalg.qr',
  ['mode'],
  (x, { mode = 'reduced' }: QrOptions) => {
    checkChoice('linalg.qr', 'mode', mode, ['reduced', 'complete', 'r']);
    if (mode === 'r') return { Q: empty(toTensor(x)), R: triangular([x], null) };
    const [Q, R] = orthogonal([x], mode);
    return { Q: Q!, R: R! };
  },
);

const nothing = withParams<null>('empty', ([x]) => np.zeros([0], { dtype: x!.dtype }));
const empty = (x: Tensor): Tensor => nothing([x.detach()], null);

const eigen = withResults<null>('linalgEigh', ([x]) => np.linalg.eigh(x!));

export interface EighResult {
  /** In ascending order. */
  readonly eigenvalues: Tensor;
  /** One in each column. */
  readonly eigenvectors: Tensor;
}

/** Eigenvalues and orthonormal eigenvectors of a symmetric matrix (of ½(x + xᵀ)). */
export function eigh(x: TensorLike): EighResult {
  const [eigenvalues, eigenvectors] = eigen([x], null);
  return { eigenvalues: eigenvalues!, eigenvectors: eigenvectors! };
}
/** Eigenvalues of a symmetric matrix, the smallest first. */
export const eigvalsh: Unary = unary('linalgEigvalsh', (x) => np.linalg.eigvalsh(x));

export interface SvdOptions {
  /** Complete U and Vh to square matrices; true. */
  readonly fullMatrices?: boolean | undefined;
}

const singular = withResults<boolean>('linalgSvd', ([x], fullMatrices) => np.linalg.svd(x!, { fullMatrices }));

export interface SvdResult {
  readonly U: Tensor;
  /** Singular values, the largest first. */
  readonly S: Tensor;
  readonly Vh: Tensor;
}

/** x = U·diag(S)·Vh. Derivatives of U and Vh need distinct singular values, and a square x or `fullMatrices: false`. */
export const svd: Named<SvdOptions, ['fullMatrices'], SvdResult> = named(
  'linalg.svd',
  ['fullMatrices'],
  (x, { fullMatrices = true }: SvdOptions) => {
    const [U, S, Vh] = singular([x], fullMatrices);
    return { U: U!, S: S!, Vh: Vh! };
  },
);
/** Singular values, the largest first. */
export const svdvals: Unary = unary('linalgSvdvals', (x) => np.linalg.svdvals(x));

const pivoted = withResults<null>('linalgLu', ([x]) => luOf(x!));

export interface LuResult {
  /** A permutation. */
  readonly P: Tensor;
  /** Lower triangular, with ones on its diagonal. */
  readonly L: Tensor;
  /** Upper triangular. */
  readonly U: Tensor;
}

/** x = P·L·U, with partial pivoting. */
export function lu(x: TensorLike): LuResult {
  const [P, L, U] = pivoted([x], null);
  return { P: P!, L: L!, U: U! };
}

/**
 * Factorisations with SciPy's results.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import type { TensorLike } from '../../lift.ts';
import { readOptions } from '../../named.ts';
import { checkChoice } from '../../options.ts';
import { matrices } from '../../numpy/linalg/operands.ts';
import { svd as decompose, svdvals } from '../../numpy/linalg/spectral.ts';
import { qr as factor } from '../../numpy/linalg/factor.ts';

export interface LuOptions {
  /** Give P L and U; false. */
  readonly permuteL?: boolean | undefined;
}

/**
 * A = P L U with partial pivoting: `[p, l, u]`, or `[p l, u]` with `permuteL`.
 * @param a `[..., m, n]`
 * @example
 * ```ts
 * import { scipy } from 'cotangent';
 * const [p, l, u] = scipy.linalg.lu([[1, 2], [4, 4]]);
 * console.log(String(p), String(l), String(u)); // => [[0, 1], [1, 0]] [[1, 0], [0.25, 1]] [[4, 4], [0, 1]]
 * ```
 */
export function lu(a: TensorLike, options: LuOptions & { readonly permuteL: true }): [Tensor, Tensor];
export function lu(a: TensorLike, options?: LuOptions): [Tensor, Tensor, Tensor];
export function lu(a: TensorLike, options?: LuOptions): Tensor[] {
  const x = matrices('linalg.lu', a);
  const { permuteL = false } = readOptions<LuOptions>('linalg.lu', ['permuteL'], [options ?? {}]);
  const [packed, , order] = prim.lu(x) as [Tensor, Tensor, Tensor];
  const [m, n] = x.shape.slice(-2) as [number, number];
  const k = Math.min(m, n);
  const below = prim.lowerPart(prim.sliceAxis(packed, x.ndim - 1, 0, k), -1);
  const l = prim.add(below, prim.identityLike(x, m, k));
  const u = prim.upperPart(prim.sliceAxis(packed, x.ndim - 2, 0, k));
  // Row i of P A' is row order[i] of A: P[order[i], i] = 1.
  const batch = x.shape.slice(0, -2);
  const rows = prim.broadcastTo(prim.reshape(order, [...batch, 1, m]), [...batch, m, m]);
  const p = prim.convert(prim.eq(rows, prim.iota([m, m], 'int32', 0)), x.dtype);
  return permuteL ? [prim.product(p, l), u] : [p, l, u];
}

export interface QrOptions {
  /** `'full'` gives a square Q, `'economic'` one of A's shape, `'r'` R alone; `'full'`. */
  readonly mode?: 'full' | 'economic' | 'r' | undefined;
}

/** A = Q R: `[q, r]`, or `[r]` with mode `'r'`. See `np.linalg.qr`. */
export function qr(a: TensorLike, options?: QrOptions): Tensor[] {
  const { mode = 'full' } = readOptions<QrOptions>('linalg.qr', ['mode'], [options ?? {}]);
  checkChoice('linalg.qr', 'mode', mode, ['full', 'economic', 'r']);
  const [q, r] = factor(a, mode === 'economic' ? 'reduced' : 'complete') as [Tensor, Tensor];
  return mode === 'r' ? [r] : [q, r];
}

export interface SvdOptions {
  readonly fullMatrices?: boolean | undefined;
  readonly computeUv?: boolean | undefined;
}

/** A = U diag(s) Vᵀ: `[u, s, vt]`, or s alone. See `np.linalg.svd`. */
export function svd(a: TensorLike, options?: SvdOptions): Tensor | [Tensor, Tensor, Tensor] {
  const o = readOptions<SvdOptions>('linalg.svd', ['fullMatrices', 'computeUv'], [options ?? {}]);
  return o.computeUv === false ? svdvals(a) : decompose(a, { fullMatrices: o.fullMatrices });
}

export interface EighOptions {
  /** Read the lower triangle; true. */
  readonly lower?: boolean | undefined;
  /** Give eigenvalues alone; false. */
  readonly eigvalsOnly?: boolean | undefined;
}

/** Eigenvalues (ascending) and eigenvectors of symmetric matrices, of which one triangle is read. See `np.linalg.eigh`. */
export function eigh(a: TensorLike, options?: EighOptions): Tensor | [Tensor, Tensor] {
  const o = readOptions<EighOptions>('linalg.eigh', ['lower', 'eigvalsOnly'], [options ?? {}]);
  const x = matrices('linalg.eigh', a);
  const read = o.lower === false ? prim.transposed(x) : x;
  return o.eigvalsOnly ? prim.eigvalsh(read) : (prim.eigh(read) as [Tensor, Tensor]);
}

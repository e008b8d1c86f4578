/**
 * Polynomials as vectors of coefficients, highest power first, and convolution of vectors.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { asTensor, promote, promoteToFloat, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import { checkChoice, checkOptions, optionsOf } from '../options.ts';
import { broadcastTo, range } from './movement.ts';
import { productOperands } from './products.ts';
import { counted } from './unary.ts';

/**
 * Value of a polynomial at x, by Horner's rule.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.polyval([1, 0, -2], 3).item()); // => 7
 * ```
 */
export function polyval(p: TensorLike, x: TensorLike, options?: { readonly unroll?: number }): Tensor {
  checkOptions('polyval', options, ['unroll']);
  const [c, t] = promote(p, x).map(counted) as [Tensor, Tensor];
  if (c.ndim !== 1) throw new ShapeError(`polyval: expected a vector of coefficients, got ${c.aval.toString()}.`);
  const coefficient = (i: number): Tensor => prim.reshape(prim.sliceAxis(c, 0, i, i + 1), []);
  return range(c.size).reduce(
    (y, i) => prim.add(prim.mul(y, t), coefficient(i)),
    prim.broadcastTo(prim.like(t, 0), t.shape),
  );
}

/** Sum of polynomials. */
export function polyadd(p: TensorLike, q: TensorLike): Tensor {
  const [a, b] = promote(p, q) as [Tensor, Tensor];
  const n = Math.max(a.size, b.size);
  const fill = (t: Tensor): Tensor => prim.pad(t, prim.like(t, 0), { low: [n - t.size], high: [0], interior: [0] });
  return prim.add(fill(a), fill(b));
}

/** Difference of polynomials. */
export const polysub = (p: TensorLike, q: TensorLike): Tensor => polyadd(p, prim.neg(counted(asTensor(q))));

/** Product of polynomials. */
export const polymul = (p: TensorLike, q: TensorLike): Tensor => convolve(p, q);

/** Derivative of a polynomial, m times. */
export function polyder(p: TensorLike, m?: number | { readonly m?: number }): Tensor {
  const { m: times = 1 } = readOptions<{ readonly m: number }>('polyder', ['m'], [m]);
  let c = counted(asTensor(p));
  for (let k = 0; k < times; k++) {
    const n = c.size;
    const powers = prim.sub(prim.like(c, n - 1), prim.iota([Math.max(0, n - 1)], c.dtype));
    c = prim.mul(prim.sliceAxis(c, 0, 0, Math.max(0, n - 1)), powers);
  }
  return c;
}

export interface PolyintOptions {
  /** How many times; 1. */
  readonly m?: number | undefined;
  /** The constant of each integration, or one for all; 0. */
  readonly k?: TensorLike | null | undefined;
}

/**
 * Antiderivative of a polynomial, m times.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.polyint([2, 1]).toArray()); // => [ 1, 1, 0 ]
 * ```
 */
export function polyint(p: TensorLike, m?: number | PolyintOptions, k?: TensorLike | PolyintOptions | null): Tensor {
  const { m: times = 1, k: constants = 0 } = readOptions<PolyintOptions>('polyint', ['m', 'k'], [m, k]);
  if (!Number.isInteger(times) || times < 0) {
    throw new ArgumentError(`polyint: expected m to be a whole number, got ${String(times)}.`);
  }
  const [c, given] = promoteToFloat(p, constants!) as [Tensor, Tensor];
  if (c.ndim !== 1) throw new ShapeError(`polyint: expected a vector of coefficients, got ${c.aval.toString()}.`);
  const ends = broadcastTo(given, [times]);
  return range(times).reduce((y, i) => {
    const powers = prim.sub(prim.like(y, y.size), prim.iota([y.size], y.dtype));
    return prim.concatenate([prim.div(y, powers), prim.sliceAxis(ends, 0, i, i + 1)], 0);
  }, c);
}

export interface ConvolveOptions {
  /** `'full'` (default): all overlaps; `'same'`: as long as the longer; `'valid'`: whole overlaps only. */
  readonly mode?: 'full' | 'same' | 'valid' | undefined;
  readonly precision?: unknown;
}

/** y[k] = Σ a[k + i] · v[i] for all overlaps of a with v: one product of v with a matrix of shifted copies of a. */
function slide(a: Tensor, v: Tensor): Tensor {
  const [n, m] = [a.size, v.size];
  const length = n + m - 1;
  const ends = { low: [m - 1], high: [m - 1], interior: [0] };
  const { tensors, restore } = productOperands([prim.pad(a, prim.like(a, 0), ends), v]);
  const [padded, kernel] = tensors as [Tensor, Tensor];
  const rows = prim.concatenate(
    range(m).map((i) => prim.reshape(prim.sliceAxis(padded, 0, i, i + length), [1, length])),
    0,
  );
  return restore(prim.dotGeneral(kernel, rows, { contract: [[0], [0]], batch: [[], []] }));
}

/** The part of a full result that a mode asks for; n and m are the lengths of the operands, n ≥ m. */
function trim(op: string, full: Tensor, mode: string, n: number, m: number): Tensor {
  checkChoice(op, 'mode', mode, ['full', 'same', 'valid']);
  if (mode === 'full') return full;
  const start = mode === 'same' ? Math.floor((m - 1) / 2) : m - 1;
  return prim.sliceAxis(full, 0, start, mode === 'same' ? start + n : n);
}

function vectors(op: string, a: TensorLike, v: TensorLike): [Tensor, Tensor] {
  const [x, y] = promote(a, v) as [Tensor, Tensor];
  if (x.ndim !== 1 || y.ndim !== 1 || x.size === 0 || y.size === 0) {
    throw new ShapeError(`${op}: expected two non-empty vectors, got ${x.aval.toString()} and ${y.aval.toString()}.`);
  }
  return [x, y];
}

/**
 * Convolution of vectors: y[k] = Σ a[i] · v[k − i].
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.convolve([1, 2, 3], [0, 1, 0.5]).toArray()); // => [ 0, 1, 2.5, 4, 1.5 ]
 * ```
 */
export function convolve(a: TensorLike, v: TensorLike, mode?: 'full' | 'same' | 'valid' | ConvolveOptions): Tensor {
  const o = optionsOf<ConvolveOptions>('convolve', 'mode', mode, undefined, ['mode', 'precision']);
  let [x, y] = vectors('convolve', a, v);
  if (x.size < y.size) [x, y] = [y, x];
  return trim('convolve', slide(x, prim.reverse(y, [0])), o.mode ?? 'full', x.size, y.size);
}

/** Correlation of vectors: y[k] = Σ a[k + i] · v[i]; `'valid'` by default. */
export function correlate(a: TensorLike, v: TensorLike, mode?: 'full' | 'same' | 'valid' | ConvolveOptions): Tensor {
  const o = optionsOf<ConvolveOptions>('correlate', 'mode', mode, undefined, ['mode', 'precision']);
  const [x, y] = vectors('correlate', a, v);
  const chosen = o.mode ?? 'valid';
  if (x.size >= y.size) return convolve(x, prim.reverse(y, [0]), chosen);
  // The shorter slides over the longer: the result comes out backwards.
  return prim.reverse(convolve(y, prim.reverse(x, [0]), chosen), [0]);
}

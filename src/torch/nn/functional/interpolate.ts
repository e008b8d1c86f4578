/**
 * Resizing images and other grids.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { makeTypedArray } from '../../../ir/dtype.ts';
import { ArgumentError, ShapeError } from '../../../ir/errors.ts';
import type { Tensor as CoreTensor } from '../../../core/tensor.ts';
import { arrayFrom } from '../../../api/lift.ts';
import * as np from '../../../api/numpy/index.ts';
import { checkChoice } from '../../../api/options.ts';
import { type TensorLike, toTensor, withParams } from '../../ops/define.ts';
import { type Arguments, readArguments } from '../../ops/named.ts';
import type { Tensor } from '../../tensor.ts';
import { type Sizes, spread } from './windows.ts';

export type ResizeMode = 'nearest' | 'nearest-exact' | 'linear' | 'bilinear' | 'bicubic' | 'trilinear' | 'area';

export interface InterpolateOptions {
  /** Spatial sizes of the result; or give `scaleFactor`. */
  readonly size?: Sizes | null | undefined;
  readonly scaleFactor?: Sizes | null | undefined;
  /** `'nearest'` (default); linear in one, two or three dimensions; cubic in two; or the mean of the area of each element. */
  readonly mode?: ResizeMode | undefined;
  /** Whether the outermost elements keep their places, for linear and cubic modes; false. */
  readonly alignCorners?: boolean | null | undefined;
  /** Whether to take the factor from the sizes, not as it was given; false. */
  readonly recomputeScaleFactor?: boolean | null | undefined;
}

/** Names in PyTorch's positions. */
export const interpolateNames = ['size', 'scaleFactor', 'mode', 'alignCorners', 'recomputeScaleFactor'] as const;

export type InterpolateArguments = Arguments<InterpolateOptions, typeof interpolateNames>;

type Kind = 'nearest' | 'nearest-exact' | 'linear' | 'cubic' | 'area';

interface Resize {
  readonly size: readonly number[];
  /** Input elements an output element. */
  readonly steps: readonly number[];
  readonly kind: Kind;
  readonly alignCorners: boolean;
}

/** What a mode does along each dimension, and for how many dimensions it is. */
const modes: { readonly [mode in ResizeMode]: { readonly kind: Kind; readonly ranks: readonly number[] } } = {
  nearest: { kind: 'nearest', ranks: [1, 2, 3] },
  'nearest-exact': { kind: 'nearest-exact', ranks: [1, 2, 3] },
  linear: { kind: 'linear', ranks: [1] },
  bilinear: { kind: 'linear', ranks: [2] },
  bicubic: { kind: 'cubic', ranks: [2] },
  trilinear: { kind: 'linear', ranks: [3] },
  area: { kind: 'area', ranks: [1, 2, 3] },
};

/** Weights of the four elements around a place at part t of the way from the second to the third. @see Keys (1981), with a = −0.75 */
function cubicWeights(t: number): readonly [number, number, number, number] {
  const a = -0.75;
  const near = (x: number): number => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x: number): number => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

/** Element i of `size` as a weighted sum of elements of n: their positions and weights. */
function partsOf(
  i: number,
  n: number,
  size: number,
  step: number,
  o: Resize,
): (readonly [at: number, weight: number])[] {
  if (o.kind === 'nearest') return [[Math.min(Math.floor(i * step), n - 1), 1]];
  if (o.kind === 'nearest-exact') return [[Math.min(Math.floor((i + 0.5) * step), n - 1), 1]];
  if (o.kind === 'area') {
    const [start, end] = [Math.floor((i * n) / size), Math.ceil(((i + 1) * n) / size)];
    return Array.from({ length: end - start }, (_, k) => [start + k, 1 / (end - start)] as const);
  }
  const aligned = size > 1 ? (i * (n - 1)) / (size - 1) : 0;
  const place = o.alignCorners ? aligned : (i + 0.5) * step - 0.5;
  if (o.kind === 'cubic') {
    const low = Math.floor(place);
    const clamped = (at: number): number => Math.min(Math.max(at, 0), n - 1);
    return cubicWeights(place - low).map((w, k) => [clamped(low - 1 + k), w] as const);
  }
  const inside = Math.max(0, place);
  const low = Math.min(Math.floor(inside), n - 1);
  const part = Math.min(inside - low, 1);
  return [
    [low, 1 - part],
    [Math.min(low + 1, n - 1), part],
  ];
}

/** For each output element of one dimension, the weights of the input elements. */
function weightsOf(n: number, size: number, step: number, o: Resize, dtype: CoreTensor['dtype']): CoreTensor {
  const matrix = makeTypedArray(dtype, size * n);
  for (let i = 0; i < size; i++) {
    for (const [at, weight] of partsOf(i, n, size, step, o)) matrix[i * n + at]! += weight;
  }
  return np.reshape(arrayFrom(matrix, dtype), [size, n]);
}

const resized = withParams<Resize>('upsample', ([x], o) =>
  o.size.reduce((t, size, d) => {
    const axis = d + 2;
    const matrix = weightsOf(t.shape[axis]!, size, o.steps[d]!, o, t.dtype);
    return np.moveaxis(np.tensordot(t, matrix, [[axis], [1]]), -1, axis);
  }, x!),
);

/** Spatial sizes of the result, and input elements an output element. */
function sizesOf(x: Tensor, options: InterpolateOptions): Pick<Resize, 'size' | 'steps'> {
  const { size, scaleFactor, recomputeScaleFactor } = options;
  const isSized = size !== null && size !== undefined;
  if (isSized === (scaleFactor !== null && scaleFactor !== undefined)) {
    throw new ArgumentError(
      'interpolate: expected one of size and scaleFactor, got both or neither: only one of size or scale_factor should be defined.',
    );
  }
  const spatial = x.shape.slice(2);
  if (isSized) {
    const sizes = spread('interpolate', 'size', size, spatial.length, 1);
    return { size: sizes, steps: spatial.map((n, d) => n / sizes[d]!) };
  }
  const factors = typeof scaleFactor === 'number' ? spatial.map(() => scaleFactor) : scaleFactor!;
  if (factors.length !== spatial.length || !factors.every((f) => f > 0)) {
    throw new ArgumentError(
      `interpolate: expected scaleFactor to be a number above 0 or ${spatial.length} of them, got ${JSON.stringify(scaleFactor)}.`,
    );
  }
  const sizes = spatial.map((n, d) => Math.floor(n * factors[d]!));
  const isRecomputed = recomputeScaleFactor === true;
  return { size: sizes, steps: spatial.map((n, d) => (isRecomputed ? n / sizes[d]! : 1 / factors[d]!)) };
}

/**
 * `[N, C, …]` with other spatial sizes.
 * @example
 * ```ts
 * import { nn, tensor } from 'cotangent/torch';
 * const { interpolate } = nn.functional;
 * console.log(interpolate(tensor([[[1, 2]]]), { scaleFactor: 2 }).tolist()); // => [ [ [ 1, 1, 2, 2 ] ] ]
 * console.log(interpolate(tensor([[[1, 2, 3, 4]]]), 2, { mode: 'area' }).tolist()); // => [ [ [ 1.5, 3.5 ] ] ]
 * ```
 */
export function interpolate(x: TensorLike, ...args: InterpolateArguments): Tensor {
  const t = toTensor(x);
  const options = readArguments<InterpolateOptions>('interpolate', interpolateNames, args);
  const { mode = 'nearest', alignCorners } = options;
  checkChoice('interpolate', 'mode', mode, Object.keys(modes));
  const { kind, ranks } = modes[mode];
  if (!ranks.includes(t.ndim - 2)) {
    throw new ShapeError(
      `interpolate: expected input [N,C,…] with spatial dimensions for mode '${mode}', got ${t.aval.toString()}.`,
      "'linear' is for one, 'bilinear' and 'bicubic' for two, 'trilinear' for three spatial dimensions.",
    );
  }
  if (typeof alignCorners === 'boolean' && kind !== 'linear' && kind !== 'cubic') {
    throw new ArgumentError(
      `interpolate: expected no alignCorners with mode '${mode}', got ${alignCorners}: align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear.`,
    );
  }
  return resized([t], { ...sizesOf(t, options), kind, alignCorners: alignCorners === true });
}

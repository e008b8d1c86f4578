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
import { type TensorLike, toTensor, withParams } from '../../ops/define.ts';
import type { Tensor } from '../../tensor.ts';
import { type Sizes, spread } from './windows.ts';

export type ResizeMode = 'nearest' | 'linear' | 'bilinear' | 'trilinear';

export interface InterpolateOptions {
  /** Spatial sizes of the result; or give `scaleFactor`. */
  readonly size?: Sizes | null | undefined;
  readonly scaleFactor?: Sizes | null | undefined;
  /** `'nearest'` (default), or linear in one, two or three dimensions. */
  readonly mode?: ResizeMode | undefined;
  /** Whether the outermost elements keep their places; false. */
  readonly alignCorners?: boolean | undefined;
}

interface Resize {
  readonly size: readonly number[];
  /** Input elements an output element. */
  readonly steps: readonly number[];
  readonly isLinear: boolean;
  readonly alignCorners: boolean;
}

const ranks: { readonly [mode in ResizeMode]: readonly number[] } = {
  nearest: [1, 2, 3],
  linear: [1],
  bilinear: [2],
  trilinear: [3],
};

/** For each output element of one dimension, the weights of the input elements. */
function weightsOf(n: number, size: number, step: number, o: Resize, dtype: CoreTensor['dtype']): CoreTensor {
  const matrix = makeTypedArray(dtype, size * n);
  for (let i = 0; i < size; i++) {
    if (!o.isLinear) {
      matrix[i * n + Math.min(Math.floor(i * step), n - 1)] = 1;
      continue;
    }
    const aligned = size > 1 ? (i * (n - 1)) / (size - 1) : 0;
    const place = o.alignCorners ? aligned : Math.max(0, (i + 0.5) * step - 0.5);
    const low = Math.min(Math.floor(place), n - 1);
    const part = Math.min(place - low, 1);
    matrix[i * n + low]! += 1 - part;
    matrix[i * n + Math.min(low + 1, n - 1)]! += part;
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

/** `[N, C, …]` with other spatial sizes. */
export function interpolate(x: TensorLike, options: InterpolateOptions): Tensor {
  const t = toTensor(x);
  const { size, scaleFactor, mode = 'nearest', alignCorners = false } = options;
  const rank = t.ndim - 2;
  if (!ranks[mode]?.includes(rank)) {
    throw new ShapeError(
      `interpolate: expected input [N,C,…] with spatial dimensions for mode '${mode}', got ${t.aval.toString()}.`,
      "'linear' is for one, 'bilinear' for two, 'trilinear' for three spatial dimensions.",
    );
  }
  const isSized = size !== null && size !== undefined;
  if (isSized === (scaleFactor !== null && scaleFactor !== undefined)) {
    throw new ArgumentError('interpolate: expected one of size and scaleFactor, got both or neither.');
  }
  const spatial = t.shape.slice(2);
  const factors = typeof scaleFactor === 'number' ? spatial.map(() => scaleFactor) : scaleFactor;
  const sizes = isSized
    ? spread('interpolate', 'size', size, rank, 1)
    : spatial.map((n, d) => Math.floor(n * factors![d]!));
  const steps = spatial.map((n, d) => (isSized ? n / sizes[d]! : 1 / factors![d]!));
  return resized([t], { size: sizes, steps, isLinear: mode !== 'nearest', alignCorners });
}

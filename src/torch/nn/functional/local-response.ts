/**
 * Normalisation by neighbouring channels.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ShapeError } from '../../../ir/errors.ts';
import * as np from '../../../api/numpy/index.ts';
import { mul } from '../../../primitives/arithmetic.ts';
import { reduceWindowSum } from '../../../primitives/window.ts';
import { type TensorLike, toTensor, withParams } from '../../ops/define.ts';
import { type Arguments, readArguments } from '../../ops/named.ts';
import type { Tensor } from '../../tensor.ts';

export interface LocalResponseOptions {
  readonly alpha?: number | undefined;
  readonly beta?: number | undefined;
  readonly k?: number | undefined;
}

interface LocalResponse {
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
}

const byNeighbours = withParams<LocalResponse>('localResponseNorm', ([x], { size, alpha, beta, k }) => {
  const before = Math.floor(size / 2);
  const ends = x!.shape.map((_, d) => (d === 1 ? ([before, size - 1 - before] as const) : ([0, 0] as const)));
  const ones = x!.shape.map(() => 1);
  const total = reduceWindowSum(mul(x!, x!), {
    windowDimensions: ones.map((n, d) => (d === 1 ? size : n)),
    windowStrides: ones,
    padding: ends,
    baseDilation: ones,
    windowDilation: ones,
  });
  return np.divide(x!, np.power(np.add(np.multiply(total, alpha / size), k), beta));
});

/** Each element divided by (k + alpha · the mean square of the `size` channels around it)^beta. @param x `[N, C, …]` */
export function localResponseNorm(
  x: TensorLike,
  size: number,
  ...options: Arguments<LocalResponseOptions, ['alpha', 'beta', 'k']>
): Tensor {
  const t = toTensor(x);
  const names = ['alpha', 'beta', 'k'] as const;
  const { alpha = 1e-4, beta = 0.75, k = 1 } = readArguments<LocalResponseOptions>('localResponseNorm', names, options);
  if (t.ndim < 3) {
    throw new ShapeError(
      `localResponseNorm: expected input [N,C,…] of at least 3 dimensions, got ${t.aval.toString()}: Expected 3D or higher dimensionality input.`,
    );
  }
  return byNeighbours([t], { size, alpha, beta, k });
}

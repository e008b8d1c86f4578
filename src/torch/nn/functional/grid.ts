/**
 * Images read at places that are given: spatial transformers.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ShapeError } from '../../../ir/errors.ts';
import { sizeOf } from '../../../ir/shape.ts';
import type { Tensor as CoreTensor } from '../../../core/tensor.ts';
import * as np from '../../../api/numpy/index.ts';
import { checkChoice } from '../../../api/options.ts';
import { like } from '../../../primitives/arithmetic.ts';
import { stopGradientOf } from '../../../primitives/barrier.ts';
import { promote, type TensorLike, toTensor, withParams } from '../../ops/define.ts';
import { type Arguments, readArguments } from '../../ops/named.ts';
import type { Tensor } from '../../tensor.ts';

export interface GridSampleOptions {
  /** `'bilinear'` (default; of volumes in all three dimensions), or `'nearest'`. */
  readonly mode?: 'bilinear' | 'nearest' | undefined;
  /** What stands around the image: zeros (default), its outermost pixels, or its mirror image. */
  readonly paddingMode?: 'zeros' | 'border' | 'reflection' | undefined;
  /** Whether −1 and 1 are the middles of the outermost pixels, not their outer edges; false. */
  readonly alignCorners?: boolean | null | undefined;
}

const names = ['mode', 'paddingMode', 'alignCorners'] as const;

interface Sampling {
  readonly mode: 'bilinear' | 'nearest';
  readonly paddingMode: 'zeros' | 'border' | 'reflection';
  readonly alignCorners: boolean;
}

/** x between two bounds, with derivative 0 at both. */
const clipped = (x: CoreTensor, low: number, high: number): CoreTensor =>
  np.where(np.lessEqual(x, low), like(x, low), np.where(np.greaterEqual(x, high), like(x, high), x));

/** x mirrored at two bounds until it lies between them. */
function reflected(x: CoreTensor, low: number, high: number): CoreTensor {
  const span = high - low;
  if (span === 0) return like(x, 0);
  const size = np.abs(np.subtract(x, low));
  const flips = stopGradientOf(np.floor(np.divide(size, span)));
  const rest = np.subtract(size, np.multiply(flips, span));
  return np.add(np.where(np.equal(np.mod(flips, 2), 0), rest, np.subtract(span, rest)), low);
}

/** From −1 to 1, to positions in a dimension of n elements, led inside where the padding says so. */
function positionsOf(x: CoreTensor, n: number, { alignCorners, paddingMode }: Sampling): CoreTensor {
  const shifted = np.add(x, 1);
  const at = alignCorners ? np.multiply(shifted, (n - 1) / 2) : np.divide(np.subtract(np.multiply(shifted, n), 1), 2);
  if (paddingMode === 'zeros') return at;
  const inside = paddingMode === 'border' ? at : reflected(at, alignCorners ? 0 : -0.5, alignCorners ? n - 1 : n - 0.5);
  return clipped(inside, 0, n - 1);
}

/** The elements around one coordinate: their positions and weights. */
function neighbours(at: CoreTensor, mode: Sampling['mode']): (readonly [at: CoreTensor, weight: CoreTensor | null])[] {
  if (mode === 'nearest') return [[stopGradientOf(np.round(at)), null]];
  const low = stopGradientOf(np.floor(at));
  const part = np.subtract(at, low);
  return [
    [low, np.subtract(1, part)],
    [np.add(low, 1), part],
  ];
}

const sampled = withParams<Sampling>('gridSampler', (xs, how) => {
  const [x, grid] = promote(xs) as [CoreTensor, CoreTensor];
  const [batch, channels, ...spatial] = x.shape as [number, number, ...number[]];
  const places = grid.shape.slice(1, -1);
  const flat = np.reshape(x, [batch, channels, sizeOf(spatial)]);
  const points = np.reshape(grid, [batch, sizeOf(places), spatial.length]);
  /** Coordinates come from the last dimension on. */
  const axes = spatial.map((n, d) => {
    const along = np.take(points, spatial.length - 1 - d, -1);
    return neighbours(positionsOf(along, n, how), how.mode);
  });
  let corners: Corner[] = [{ index: undefined, weight: null, isInside: undefined }];
  axes.forEach((ends, d) => {
    corners = corners.flatMap((c) => ends.map(([at, weight]) => extended(c, at, weight, spatial[d]!)));
  });
  const parts = corners.map(({ index, weight, isInside }) => {
    const wide = np.broadcastTo(np.expandDims(index!, 1), [batch, channels, points.shape[1]!]);
    const values = np.takeAlongAxis(flat, wide, -1);
    const kept = np.where(np.expandDims(isInside!, 1), values, like(values, 0));
    return weight === null ? kept : np.multiply(kept, np.expandDims(weight, 1));
  });
  return np.reshape(
    parts.reduce((a, b) => np.add(a, b)),
    [batch, channels, ...places],
  );
});

/** One of the elements around a place: its position in row-major order, its weight, and whether there is one. */
interface Corner {
  readonly index: CoreTensor | undefined;
  readonly weight: CoreTensor | null;
  readonly isInside: CoreTensor | undefined;
}

function extended({ index, weight, isInside }: Corner, at: CoreTensor, more: CoreTensor | null, n: number): Corner {
  const isHere = np.logicalAnd(np.greaterEqual(at, 0), np.lessEqual(at, n - 1));
  const own = np.astype(clipped(np.where(np.isnan(at), like(at, 0), at), 0, n - 1), 'int32');
  return {
    index: index === undefined ? own : np.add(np.multiply(index, n), own),
    weight: weight === null || more === null ? (weight ?? more) : np.multiply(weight, more),
    isInside: isInside === undefined ? isHere : np.logicalAnd(isInside, isHere),
  };
}

/**
 * Images at given places.
 * @param x `[N, C, H, W]`, or volumes `[N, C, D, H, W]`
 * @param grid `[N, …, 2]` (`[N, …, 3]`): x, y (and z) of each place, from −1 to 1 across the image
 * @returns `[N, C, …]`
 * @see Jaderberg et al. (2015), arXiv:1506.02025
 * @example
 * ```ts
 * import { nn, tensor } from 'cotangent/torch';
 * const { affineGrid, gridSample } = nn.functional;
 * const mirror = affineGrid(tensor([[[-1, 0, 0], [0, 1, 0]]]), [1, 1, 2, 2]);
 * console.log(gridSample(tensor([[[[1, 2], [3, 4]]]]), mirror).tolist()); // => [ [ [ [ 2, 1 ], [ 4, 3 ] ] ] ]
 * ```
 */
export function gridSample(
  x: TensorLike,
  grid: TensorLike,
  ...options: Arguments<GridSampleOptions, typeof names>
): Tensor {
  const [t, g] = [toTensor(x), toTensor(grid)];
  const given = readArguments<GridSampleOptions>('gridSample', names, options);
  const { mode = 'bilinear', paddingMode = 'zeros', alignCorners } = given;
  checkChoice('gridSample', 'mode', mode, ['bilinear', 'nearest']);
  checkChoice('gridSample', 'paddingMode', paddingMode, ['zeros', 'border', 'reflection']);
  const rank = t.ndim - 2;
  if ((rank !== 2 && rank !== 3) || g.ndim !== t.ndim || g.shape.at(-1) !== rank || g.shape[0] !== t.shape[0]) {
    throw new ShapeError(
      `gridSample: expected input [N,C,H,W] with a grid [N,H′,W′,2], or [N,C,D,H,W] with [N,D′,H′,W′,3], got ${t.aval.toString()} and ${g.aval.toString()}.`,
      'affineGrid makes grids.',
    );
  }
  return sampled([t, g], { mode, paddingMode, alignCorners: alignCorners === true });
}

interface Affine {
  readonly spatial: readonly number[];
  readonly alignCorners: boolean;
}

const affine = withParams<Affine>('affineGridGenerator', ([theta], { spatial, alignCorners }) => {
  const rank = spatial.length;
  const { dtype } = theta!;
  // x, y, …: the last dimension first; then 1.
  const coordinates = spatial.map((n, d) => {
    const line = np.linspace(-1, 1, n, { dtype });
    const along = n === 1 ? np.zeros([1], { dtype }) : alignCorners ? line : np.multiply(line, (n - 1) / n);
    return np.broadcastTo(
      np.reshape(
        along,
        spatial.map((_, k) => (k === d ? n : 1)),
      ),
      spatial,
    );
  });
  const points = np.stack([...coordinates.toReversed(), np.ones(spatial, { dtype })], -1);
  const flat = np.reshape(points, [1, sizeOf(spatial), rank + 1]);
  return np.reshape(np.matmul(flat, np.swapaxes(theta!, -1, -2)), [theta!.shape[0]!, ...spatial, rank]);
});

/**
 * The grid of an affine map of places in the result to places in the image, for `gridSample`.
 * @param theta `[N, 2, 3]`, or `[N, 3, 4]` for volumes
 * @param size of the result: `[N, C, H, W]` or `[N, C, D, H, W]`
 * @returns `[N, H, W, 2]` or `[N, D, H, W, 3]`
 */
export function affineGrid(theta: TensorLike, size: readonly number[], alignCorners?: boolean | null): Tensor {
  const t = toTensor(theta);
  const rank = size.length - 2;
  if (
    (rank === 2 || rank === 3) &&
    t.ndim === 3 &&
    t.shape[1] === rank &&
    t.shape[2] === rank + 1 &&
    t.shape[0] === size[0]
  ) {
    return affine([t], { spatial: size.slice(2), alignCorners: alignCorners === true });
  }
  throw new ShapeError(
    `affineGrid: expected theta [N,2,3] for a size [N,C,H,W], or [N,3,4] for [N,C,D,H,W], got ${t.aval.toString()} and [${size.join(',')}].`,
  );
}

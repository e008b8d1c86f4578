/**
 * The geometry of convolutions: which axis plays which part, how long the results are, what padding the derivatives need.
 * May import: `ir`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { DTypeError, ShapeError } from '../ir/errors.ts';
import type { Shape } from '../ir/shape.ts';

/**
 * Positions of the axes. `lhs` and `out`: batch, feature, spatial axes; `rhs`: output feature, input feature, spatial axes.
 * NCHW is `[0, 1, 2, 3]`, NHWC `[0, 3, 1, 2]`, HWIO `[3, 2, 0, 1]`.
 */
export interface ConvDimensionNumbers {
  readonly lhs: readonly number[];
  readonly rhs: readonly number[];
  readonly out: readonly number[];
}

export interface ConvParams {
  readonly dimensionNumbers: ConvDimensionNumbers;
  /** One entry per spatial axis, here and below. */
  readonly windowStrides: readonly number[];
  /** Zeros before and after (of the dilated lhs); negative entries cut off. */
  readonly padding: readonly (readonly [number, number])[];
  /** 1 for none; s − 1 zeros between neighbours of the lhs. */
  readonly lhsDilation: readonly number[];
  readonly rhsDilation: readonly number[];
  /** Output feature group g reads input feature group g. */
  readonly featureGroupCount: number;
  /** Output feature group g reads batch group g. */
  readonly batchGroupCount: number;
}

export const dilate = (n: number, dilation: number): number => (n === 0 ? 0 : (n - 1) * dilation + 1);

const spatialOf = (shape: Shape, spec: readonly number[]): number[] => spec.slice(2).map((d) => shape[d]!);

/** Spatial extents of the operands. */
export function spatialExtents(
  lhs: Shape,
  rhs: Shape,
  { dimensionNumbers: n }: ConvParams,
): { lhs: number[]; rhs: number[] } {
  return { lhs: spatialOf(lhs, n.lhs), rhs: spatialOf(rhs, n.rhs) };
}

function checkConv(lhs: Aval, rhs: Aval, params: ConvParams): void {
  const { dimensionNumbers: n, featureGroupCount: groups, batchGroupCount: batchGroups } = params;
  const fail = (rule: string, fix: string): never => {
    throw new ShapeError(`conv: expected ${rule}, got ${lhs.toString()} and ${rhs.toString()}.`, fix, {
      lhs: lhs.shape,
      rhs: rhs.shape,
      params,
    });
  };
  if (lhs.dtype !== rhs.dtype || lhs.dtype === 'bool' || lhs.dtype === 'uint8') {
    throw new DTypeError(
      `conv: expected operands of one dtype (float or 32-bit integer), got ${lhs.toString()} and ${rhs.toString()}.`,
      'convert with astype first.',
    );
  }
  const isPermutation = (spec: readonly number[]): boolean =>
    spec.length === lhs.ndim && [...spec].sort((a, b) => a - b).every((d, i) => d === i);
  if (lhs.ndim < 2 || rhs.ndim !== lhs.ndim || ![n.lhs, n.rhs, n.out].every(isPermutation)) {
    fail(
      'operands of one rank ≥ 2 that the dimension numbers permute',
      'add the batch axis, or check the layout strings.',
    );
  }
  const perAxis = [params.windowStrides, params.padding, params.lhsDilation, params.rhsDilation];
  if (perAxis.some((list) => list.length !== lhs.ndim - 2)) {
    fail(`${lhs.ndim - 2} window strides, paddings and dilations`, 'give one per spatial axis.');
  }
  if ([params.windowStrides, params.lhsDilation, params.rhsDilation].some((list) => list.some((s) => s < 1))) {
    fail('strides and dilations ≥ 1', 'use 1 for none.');
  }
  const [batch, features] = [lhs.shape[n.lhs[0]!]!, lhs.shape[n.lhs[1]!]!];
  const [outFeatures, inFeatures] = [rhs.shape[n.rhs[0]!]!, rhs.shape[n.rhs[1]!]!];
  if (groups < 1 || batchGroups < 1 || (groups > 1 && batchGroups > 1)) {
    fail('feature or batch groups, not both', 'leave one of the group counts at 1.');
  }
  if (features !== inFeatures * groups) {
    fail(
      `as many input features as the kernel's (${inFeatures}) times the feature groups (${groups}), not ${features}`,
      'check the layouts: dimensionNumbers names where the features are.',
    );
  }
  if (outFeatures % groups !== 0 || outFeatures % batchGroups !== 0 || batch % batchGroups !== 0) {
    fail('features and batch divisible by the group counts', 'change the group count.');
  }
}

/** Shape of the result; throws on operands that do not fit. */
export function convShape(lhs: Aval, rhs: Aval, params: ConvParams): number[] {
  checkConv(lhs, rhs, params);
  const { dimensionNumbers: n, windowStrides, padding, lhsDilation, rhsDilation } = params;
  const spatial = spatialExtents(lhs.shape, rhs.shape, params);
  const extents = spatial.lhs.map((size, d) => {
    const [low, high] = padding[d]!;
    const room = dilate(size, lhsDilation[d]!) + low + high - dilate(spatial.rhs[d]!, rhsDilation[d]!);
    return room < 0 ? 0 : Math.floor(room / windowStrides[d]!) + 1;
  });
  const canonical = [lhs.shape[n.lhs[0]!]! / params.batchGroupCount, rhs.shape[n.rhs[0]!]!, ...extents];
  const out: number[] = canonical.map(() => 0);
  n.out.forEach((d, i) => (out[d] = canonical[i]!));
  return out;
}

type Padding = ConvParams['padding'];

/**
 * Padding of the convolution that transposes one in its lhs: the cotangent, dilated by the strides, slides under the reversed kernel.
 * Position i of the dilated lhs meets the kernel's last element at i − low + (k − 1), hence k − 1 − low zeros before.
 */
export function lhsCotangentPadding(
  lhs: readonly number[],
  rhs: readonly number[],
  out: readonly number[],
  p: WindowGeometry,
): Padding {
  return lhs.map((n, d) => {
    const kernel = dilate(rhs[d]!, p.rhsDilation[d]!);
    const before = kernel - 1 - p.padding[d]![0];
    return [before, dilate(n, p.lhsDilation[d]!) + kernel - 1 - dilate(out[d]!, p.windowStrides[d]!) - before];
  });
}

/** Padding of the convolution of the lhs with the cotangent that gives the kernel's: the result must have the kernel's extent. */
export function rhsCotangentPadding(
  lhs: readonly number[],
  rhs: readonly number[],
  out: readonly number[],
  p: WindowGeometry,
): Padding {
  return lhs.map((n, d) => {
    const low = p.padding[d]![0];
    const kernel = dilate(rhs[d]!, p.rhsDilation[d]!);
    return [low, dilate(out[d]!, p.windowStrides[d]!) + kernel - 1 - dilate(n, p.lhsDilation[d]!) - low];
  });
}

export interface WindowGeometry {
  readonly windowStrides: readonly number[];
  readonly padding: Padding;
  readonly lhsDilation: readonly number[];
  readonly rhsDilation: readonly number[];
}

/**
 * Convolutions of `lax`.
 * May import: `ir`, `core`, `primitives`, `api/lift`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import type { Tensor } from '../../core/tensor.ts';
import { type ConvDimensionNumbers as ConvAxes, convGeneralDilated as convOf } from '../../primitives/conv.ts';
import { reverse } from '../../primitives/movement.ts';
import { transpose } from '../../primitives/structural.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import type { DTypeLike } from '../numpy/dtypes.ts';
import { readOptions } from '../named.ts';
import { inElementType } from './dot.ts';
import { adapt } from './operands.ts';
import { type Padding, resolvePadding } from './window.ts';

/**
 * Layouts of lhs, rhs and result as strings (`['NHWC', 'HWIO', 'NHWC']`), or positions of the axes: batch, feature, spatial axes of lhs
 * and result; output feature, input feature, spatial axes of rhs.
 */
export type ConvDimensionNumbers =
  | readonly string[]
  | { readonly lhsSpec: readonly number[]; readonly rhsSpec: readonly number[]; readonly outSpec: readonly number[] };

export interface ConvOptions {
  readonly windowStrides?: readonly number[];
  readonly padding?: Padding;
  readonly lhsDilation?: readonly number[] | null;
  readonly rhsDilation?: readonly number[] | null;
  /** Default: NCHW, OIHW, NCHW. */
  readonly dimensionNumbers?: ConvDimensionNumbers | null;
  readonly featureGroupCount?: number;
  readonly batchGroupCount?: number;
  /** Accepted for compatibility. */
  readonly precision?: unknown;
  readonly preferredElementType?: DTypeLike | null;
}

const convNames = [
  'windowStrides',
  'padding',
  'lhsDilation',
  'rhsDilation',
  'dimensionNumbers',
  'featureGroupCount',
  'batchGroupCount',
  'precision',
  'preferredElementType',
] as const;

/** Positions of two named axes, then of the spatial letters in `order`. */
function axesOf(spec: string, first: string, second: string, order: readonly string[]): number[] {
  const out = [first, second, ...order].map((letter) => spec.indexOf(letter));
  if (out.some((d) => d < 0) || spec.length !== order.length + 2 || new Set(spec).size !== spec.length) {
    throw new ArgumentError(
      `lax.conv: expected a layout with ${first}, ${second} and one letter for each of ${order.length} spatial axes, got '${spec}'.`,
      "write layouts as ['NCHW', 'OIHW', 'NCHW'].",
    );
  }
  return out;
}

function dimensionNumbersOf(rank: number, given: ConvDimensionNumbers | null | undefined): ConvAxes {
  if (given === null || given === undefined) {
    const plain = Array.from({ length: rank }, (_, d) => d);
    return { lhs: plain, rhs: plain, out: plain };
  }
  if ('lhsSpec' in given) return { lhs: given.lhsSpec, rhs: given.rhsSpec, out: given.outSpec };
  const [lhs, rhs, out] = given as readonly [string, string, string];
  const spatial = [...rhs].filter((letter) => letter !== 'O' && letter !== 'I');
  return {
    lhs: axesOf(lhs, 'N', 'C', spatial),
    rhs: axesOf(rhs, 'O', 'I', spatial),
    out: axesOf(out, 'N', 'C', spatial),
  };
}

/**
 * Convolution with strides, padding, dilation of either operand, and groups. (As everywhere in machine learning it is a correlation:
 * the kernel is not flipped.)
 *
 * @param lhs input, `rhs` kernel
 * @param windowStrides and what follows: by position, or by name in one object
 * @example
 * ```ts
 * import { lax, np } from 'cotangent';
 * const x = np.ones([1, 1, 3, 3]);
 * const w = np.ones([1, 1, 2, 2]);
 * console.log(String(lax.convGeneralDilated(x, w, [1, 1], 'VALID'))); // => [[[[4, 4], [4, 4]]]]
 * ```
 */
export function convGeneralDilated(
  lhs: TensorLike,
  rhs: TensorLike,
  windowStrides: readonly number[] | ConvOptions,
  padding?: Padding | ConvOptions,
  lhsDilation?: readonly number[] | null | ConvOptions,
  rhsDilation?: readonly number[] | null | ConvOptions,
  dimensionNumbers?: ConvDimensionNumbers | null | ConvOptions,
  options?: ConvOptions,
): Tensor {
  const given = [windowStrides, padding, lhsDilation, rhsDilation, dimensionNumbers, options];
  const o = readOptions<ConvOptions>('lax.convGeneralDilated', convNames, given);
  const [x, w] = adapt(lhs, rhs);
  const layout = dimensionNumbersOf(x!.ndim, o.dimensionNumbers);
  const ones = Array.from({ length: x!.ndim - 2 }, () => 1);
  const [strides, spread, dilation] = [o.windowStrides ?? ones, o.lhsDilation ?? ones, o.rhsDilation ?? ones];
  const sizes = layout.lhs.slice(2).map((d) => x!.shape[d]!);
  const windows = layout.rhs.slice(2).map((d, i) => (w!.shape[d]! - 1) * dilation[i]! + 1);
  const params = {
    dimensionNumbers: layout,
    windowStrides: strides,
    padding: resolvePadding('lax.convGeneralDilated', o.padding ?? 'VALID', sizes, windows, strides),
    lhsDilation: spread,
    rhsDilation: dilation,
    featureGroupCount: o.featureGroupCount ?? 1,
    batchGroupCount: o.batchGroupCount ?? 1,
  };
  const product = (a: Tensor, b: Tensor): Tensor => convOf(a, b, params);
  return inElementType('lax.convGeneralDilated', o.preferredElementType, product, x!, w!);
}

/** Convolution of NCHW input with an OIHW kernel. */
export const conv = (lhs: TensorLike, rhs: TensorLike, windowStrides: readonly number[], padding: Padding): Tensor =>
  convGeneralDilated(lhs, rhs, windowStrides, padding);

/** Convolution of NCHW input with an OIHW kernel, with explicit padding and dilation. */
export const convWithGeneralPadding = (
  lhs: TensorLike,
  rhs: TensorLike,
  windowStrides: readonly number[],
  padding: Padding,
  lhsDilation: readonly number[] | null = null,
  rhsDilation: readonly number[] | null = null,
): Tensor => convGeneralDilated(lhs, rhs, windowStrides, padding, { lhsDilation, rhsDilation });

export interface ConvTransposeOptions {
  readonly rhsDilation?: readonly number[] | null;
  /** Default: NHWC, HWIO, NHWC. */
  readonly dimensionNumbers?: ConvDimensionNumbers | null;
  /** Flip the spatial axes and swap the feature axes of the kernel: the gradient of a convolution with that kernel. */
  readonly transposeKernel?: boolean;
  readonly precision?: unknown;
}

const transposedLayouts: Readonly<Record<number, readonly string[]>> = {
  2: ['NC', 'IO', 'NC'],
  3: ['NHC', 'HIO', 'NHC'],
  4: ['NHWC', 'HWIO', 'NHWC'],
  5: ['NHWDC', 'HWDIO', 'NHWDC'],
};

/** Padding of the stride-dilated input that makes the result ⌈size · stride⌉ (`SAME`) or as large as windows reach (`VALID`). */
function transposePadding(window: number, stride: number, rule: string): readonly [number, number] {
  const isSame = rule.toUpperCase() === 'SAME';
  const total = window + stride - 2 + (isSame ? 0 : Math.max(window - stride, 0));
  const low = isSame && stride <= window - 1 ? Math.ceil(total / 2) : window - 1;
  return [low, total - low];
}

/** Transposed ("fractionally strided") convolution: each input element spreads over a window of the result. */
export function convTranspose(
  lhs: TensorLike,
  rhs: TensorLike,
  strides: readonly number[],
  padding: Padding,
  rhsDilation?: readonly number[] | ConvTransposeOptions | null,
  options?: ConvTransposeOptions,
): Tensor {
  const names = ['rhsDilation', 'dimensionNumbers', 'transposeKernel', 'precision'] as const;
  const o = readOptions<ConvTransposeOptions>('lax.convTranspose', names, [rhsDilation, options]);
  const x = asTensor(lhs);
  let w = asTensor(rhs);
  const axes = dimensionNumbersOf(x.ndim, o.dimensionNumbers ?? transposedLayouts[x.ndim]);
  const dilation = o.rhsDilation ?? strides.map(() => 1);
  const windows = axes.rhs.slice(2).map((d, i) => (w.shape[d]! - 1) * dilation[i]! + 1);
  const pads = typeof padding === 'string' ? windows.map((k, i) => transposePadding(k, strides[i]!, padding)) : padding;
  if (o.transposeKernel) {
    const [outAxis, inAxis] = axes.rhs as [number, number];
    const swapped = w.shape.map((_, d) => (d === outAxis ? inAxis : d === inAxis ? outAxis : d));
    w = transpose(reverse(w, axes.rhs.slice(2)), swapped);
  }
  return convGeneralDilated(
    x,
    w,
    strides.map(() => 1),
    pads,
    {
      lhsDilation: strides,
      rhsDilation: dilation,
      dimensionNumbers: { lhsSpec: axes.lhs, rhsSpec: axes.rhs, outSpec: axes.out },
    },
  );
}

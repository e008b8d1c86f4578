/**
 * Convolution with strides, padding, dilation and groups. Its transposes in both operands are convolutions again.
 * May import: `ir`, `core`, `primitives/{structural,fill,movement,conv-shape,conv-lower}`.
 * @module
 */
import { type Aval, f32, f64, i32 } from '../ir/aval.ts';
import { isFloat } from '../ir/dtype.ts';
import { rowMajorStrides } from '../ir/shape.ts';
import {
  type BatchContext,
  type BatchDim,
  type BatchRule,
  definePrimitive,
  type HostArray,
  isLinearInput,
  type Primitive,
  residual,
  type Sample,
} from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { lowerConv } from './conv-lower.ts';
import { type ConvParams, convShape, lhsCotangentPadding, rhsCotangentPadding, spatialExtents } from './conv-shape.ts';
import { filled } from './fill.ts';
import { reverse } from './movement.ts';
import { forEachIndex, moveAxis, reshape } from './structural.ts';

export type { ConvDimensionNumbers, ConvParams } from './conv-shape.ts';

/** Splits an axis of n elements into `outer` and n / outer. */
function splitAxis(x: Tensor, axis: number, outer: number): Tensor {
  const { shape } = x.aval;
  return reshape(x, shape.toSpliced(axis, 1, outer, shape[axis]! / outer));
}

/** Moves axis `from` in front of axis `into` and merges the two; both are counted with `from` in place, and `into` in the result without. */
function foldAxis(x: Tensor, from: number, into: number): Tensor {
  const moved = moveAxis(x, from, into);
  const { shape } = moved.aval;
  return reshape(moved, shape.toSpliced(into, 2, shape[into]! * shape[into + 1]!));
}

const swap = (spec: readonly number[]): number[] => [spec[1]!, spec[0]!, ...spec.slice(2)];

const spatialOf = (a: Aval, spec: readonly number[]): number[] => spec.slice(2).map((d) => a.shape[d]!);

/** Per group, the kernel's features change parts: [g·o, i] becomes [o, g·i]. */
function transposeFeatureGroups(rhs: Tensor, spec: readonly number[], groups: number): Tensor {
  if (groups === 1) return rhs;
  const split = splitAxis(rhs, spec[0]!, groups);
  return foldAxis(split, spec[0]!, spec[1]!);
}

function transposeLhs(ct: Tensor, rhs: Tensor, lhs: Aval, params: ConvParams): Tensor {
  const { dimensionNumbers: n, featureGroupCount, batchGroupCount } = params;
  if (lhs.size === 0 || ct.aval.size === 0) return filled(lhs, 0);
  const spatial = spatialExtents(lhs.shape, rhs.aval.shape, params);
  const groups = featureGroupCount * batchGroupCount;
  const kernel = reverse(transposeFeatureGroups(rhs, n.rhs, groups), n.rhs.slice(2));
  const out = convGeneralDilated(ct, kernel, {
    dimensionNumbers: { lhs: n.out, rhs: swap(n.rhs), out: n.lhs },
    windowStrides: params.lhsDilation,
    padding: lhsCotangentPadding(spatial.lhs, spatial.rhs, spatialOf(ct.aval, n.out), params),
    lhsDilation: params.windowStrides,
    rhsDilation: params.rhsDilation,
    featureGroupCount: groups,
    batchGroupCount: 1,
  });
  if (batchGroupCount === 1) return out;
  // The groups were batch groups: their axis goes from the features to the front of the batch.
  return foldAxis(splitAxis(out, n.lhs[1]!, batchGroupCount), n.lhs[1]!, n.lhs[0]!);
}

function transposeRhs(ct: Tensor, lhs: Tensor, rhs: Aval, params: ConvParams): Tensor {
  const { dimensionNumbers: n, featureGroupCount, batchGroupCount } = params;
  if (rhs.size === 0 || ct.aval.size === 0 || lhs.aval.size === 0) return filled(rhs, 0);
  const spatial = spatialExtents(lhs.aval.shape, rhs.shape, params);
  // Batch and features change parts in all three arrays, and so do the two kinds of groups.
  return convGeneralDilated(lhs, ct, {
    dimensionNumbers: { lhs: swap(n.lhs), rhs: swap(n.out), out: swap(n.rhs) },
    windowStrides: params.rhsDilation,
    padding: rhsCotangentPadding(spatial.lhs, spatial.rhs, spatialOf(ct.aval, n.out), params),
    lhsDilation: params.lhsDilation,
    rhsDilation: params.windowStrides,
    featureGroupCount: batchGroupCount,
    batchGroupCount: featureGroupCount,
  });
}

/** out[b, o, p] = Σ_{i, k} lhs[b, i, p·stride + k·dilation − low] · rhs[o, i, k] (a correlation: the kernel is not reversed). */
export const convGeneralDilatedP: Primitive<ConvParams> = definePrimitive<ConvParams>({
  name: 'conv_general_dilated',
  abstractEval: ([lhs, rhs], params) => {
    const shape = convShape(lhs!, rhs!, params);
    return [lhs!.weakType && rhs!.weakType ? lhs!.withShape(shape) : lhs!.strong().withShape(shape)];
  },
  calculus: {
    kind: 'multilinear',
    transpose: ([ct], [lhs, rhs], params) => [
      isLinearInput(lhs!) ? transposeLhs(ct!, residual(rhs!), lhs.aval, params) : null,
      isLinearInput(rhs!) ? transposeRhs(ct!, residual(lhs!), rhs.aval, params) : null,
    ],
  },
  batch: (context, args, dims, params) => batchConv(context, args, dims, params),
  reference: ([lhs, rhs], [out], params) => evaluateConv(lhs!, rhs!, out!, params),
  lower: { kind: 'loops', build: (b, [lhs, rhs], [out], params) => lowerConv(b, lhs!, rhs!, out!, params) },
  samples: convSamples(),
});

export const convGeneralDilated = (lhs: Tensor, rhs: Tensor, params: ConvParams): Tensor =>
  bind1(convGeneralDilatedP, [lhs, rhs], params);

/** Mapped lhs: more batch. Mapped rhs: more output features. Both: one group per example. */
function batchConv(
  { size }: BatchContext,
  [lhs, rhs]: readonly Tensor[],
  [ldim, rdim]: readonly BatchDim[],
  params: ConvParams,
): ReturnType<BatchRule<ConvParams>> {
  const { dimensionNumbers: n, featureGroupCount, batchGroupCount } = params;
  const conv = (l: Tensor, r: Tensor, changed: Partial<ConvParams> = {}): Tensor =>
    convGeneralDilated(l, r, { ...params, ...changed });
  if (ldim !== null && rdim !== null) {
    const groups =
      batchGroupCount > 1
        ? { batchGroupCount: batchGroupCount * size }
        : { featureGroupCount: featureGroupCount * size };
    const into = batchGroupCount > 1 ? n.lhs[0]! : n.lhs[1]!;
    const out = conv(foldAxis(lhs!, ldim!, into), foldAxis(rhs!, rdim!, n.rhs[0]!), groups);
    return [[splitAxis(out, n.out[1]!, size)], [n.out[1]!]];
  }
  if (ldim !== null) {
    const folded = foldIntoGroups(lhs!, ldim!, n.lhs[0]!, batchGroupCount);
    return [[splitAxis(conv(folded, rhs!), n.out[0]!, size)], [n.out[0]!]];
  }
  const groups = featureGroupCount * batchGroupCount;
  const out = conv(lhs!, foldIntoGroups(rhs!, rdim!, n.rhs[0]!, groups));
  const features = n.out[1]!;
  const byExample = splitAxis(splitAxis(out, features, groups), features + 1, size);
  // Now [group, example, feature] at `features`: the example's axis leaves, group and feature merge.
  return [[foldAxis(moveAxis(byExample, features + 1, 0), features + 1, features + 1)], [0]];
}

/** Folds axis `from` into `axis` behind its groups, which stay outermost: [g·n] and [size] become [g·size·n]. */
function foldIntoGroups(x: Tensor, from: number, axis: number, groups: number): Tensor {
  if (groups === 1) return foldAxis(x, from, axis);
  const first = moveAxis(x, from, 0);
  const split = splitAxis(first, axis + 1, groups);
  // [size, …, g, n, …] → […, g, size, n, …] → merged twice.
  const merged = foldAxis(split, 0, axis + 1);
  return foldAxis(merged, axis, axis);
}

function evaluateConv(lhs: HostArray, rhs: HostArray, out: HostArray, params: ConvParams): void {
  const { dimensionNumbers: n, windowStrides, padding, lhsDilation, rhsDilation } = params;
  const [ls, rs] = [rowMajorStrides(lhs.aval.shape), rowMajorStrides(rhs.aval.shape)];
  const kernel = n.rhs.slice(1).map((d) => rhs.aval.shape[d]!);
  const batchPerGroup = lhs.aval.shape[n.lhs[0]!]! / params.batchGroupCount;
  const outFeatures = rhs.aval.shape[n.rhs[0]!]!;
  const isInt = !isFloat(out.aval.dtype);
  forEachIndex(out.aval.shape, (index, o) => {
    const feature = index[n.out[1]!]!;
    const featureGroup = Math.floor((feature * params.featureGroupCount) / outFeatures);
    const batchGroup = Math.floor((feature * params.batchGroupCount) / outFeatures);
    const b = index[n.out[0]!]! + batchGroup * batchPerGroup;
    let sum = 0;
    forEachIndex(kernel, ([i, ...k]) => {
      let [l, r] = [
        b * ls[n.lhs[0]!]! + (i! + featureGroup * kernel[0]!) * ls[n.lhs[1]!]!,
        feature * rs[n.rhs[0]!]! + i! * rs[n.rhs[1]!]!,
      ];
      for (let d = 0; d < k.length; d++) {
        const at = index[n.out[d + 2]!]! * windowStrides[d]! + k[d]! * rhsDilation[d]! - padding[d]![0];
        const position = at / lhsDilation[d]!;
        if (!Number.isInteger(position) || position < 0 || position >= lhs.aval.shape[n.lhs[d + 2]!]!) return;
        l += position * ls[n.lhs[d + 2]!]!;
        r += k[d]! * rs[n.rhs[d + 2]!]!;
      }
      sum = isInt ? (sum + Math.imul(lhs.data[l]!, rhs.data[r]!)) | 0 : sum + lhs.data[l]! * rhs.data[r]!;
    });
    out.data[o] = sum;
  });
}

function convSamples(): readonly Sample<ConvParams>[] {
  const nchw = { lhs: [0, 1, 2, 3], rhs: [0, 1, 2, 3], out: [0, 1, 2, 3] };
  const nhwc = { lhs: [0, 3, 1, 2], rhs: [3, 2, 0, 1], out: [0, 3, 1, 2] };
  const odd = { lhs: [2, 0, 3, 1], rhs: [1, 3, 0, 2], out: [3, 1, 0, 2] };
  const plain: ConvParams = {
    dimensionNumbers: nchw,
    windowStrides: [1, 1],
    padding: [
      [0, 0],
      [0, 0],
    ],
    lhsDilation: [1, 1],
    rhsDilation: [1, 1],
    featureGroupCount: 1,
    batchGroupCount: 1,
  };
  const line = { lhs: [0, 1, 2], rhs: [0, 1, 2], out: [0, 1, 2] };
  const oneD: ConvParams = {
    ...plain,
    dimensionNumbers: line,
    windowStrides: [1],
    padding: [[0, 0]],
    lhsDilation: [1],
    rhsDilation: [1],
  };
  return [
    { avals: [f64(2, 2, 4, 5), f64(3, 2, 2, 3)], params: plain },
    {
      avals: [f32(2, 5, 5, 2), f32(3, 3, 2, 3)],
      params: {
        ...plain,
        dimensionNumbers: nhwc,
        padding: [
          [1, 1],
          [1, 1],
        ],
      },
    },
    {
      avals: [f64(1, 2, 5, 6), f64(2, 2, 3, 2)],
      params: {
        ...plain,
        windowStrides: [2, 3],
        padding: [
          [1, 2],
          [0, 1],
        ],
      },
    },
    {
      avals: [f64(1, 1, 6, 5), f64(2, 1, 2, 2)],
      params: {
        ...plain,
        rhsDilation: [2, 3],
        padding: [
          [1, -1],
          [2, 0],
        ],
      },
    },
    {
      avals: [f64(1, 2, 3, 3), f64(1, 2, 2, 3)],
      params: {
        ...plain,
        lhsDilation: [2, 3],
        padding: [
          [1, 2],
          [-1, 2],
        ],
      },
    },
    {
      avals: [f64(2, 4, 3, 3), f64(4, 2, 2, 2)],
      params: {
        ...plain,
        featureGroupCount: 2,
        padding: [
          [1, 0],
          [0, 1],
        ],
      },
    },
    { avals: [f64(4, 2, 3, 3), f64(4, 2, 2, 2)], params: { ...plain, batchGroupCount: 2 } },
    // Depthwise.
    {
      avals: [f32(1, 4, 4, 3), f32(3, 3, 1, 6)],
      params: { ...plain, dimensionNumbers: nhwc, featureGroupCount: 3, windowStrides: [2, 1] },
    },
    // Every axis somewhere else: lhs [i, w, b, h], rhs [h, o, w, i], out [h, o, w, b].
    {
      avals: [f64(2, 4, 3, 5), f64(2, 3, 2, 2)],
      params: {
        ...plain,
        dimensionNumbers: odd,
        windowStrides: [2, 1],
        padding: [
          [1, 1],
          [0, 0],
        ],
      },
    },
    { avals: [f64(2, 2, 5), f64(3, 2, 2)], params: { ...oneD, windowStrides: [2] } },
    // No spatial axes: a matrix product.
    {
      avals: [f64(2, 3), f64(4, 3)],
      params: {
        ...oneD,
        dimensionNumbers: { lhs: [0, 1], rhs: [0, 1], out: [0, 1] },
        windowStrides: [],
        padding: [],
        lhsDilation: [],
        rhsDilation: [],
      },
    },
    // The window is longer than the operand: nothing comes out.
    { avals: [f32(1, 1, 2), f32(1, 1, 3)], params: oneD },
    { avals: [i32(1, 2, 4), i32(2, 2, 3)], params: { ...oneD, padding: [[1, 1]] } },
  ];
}

/**
 * Matrix products and convolutions, in the layouts that ONNX has for them.
 * May import: `primitives`, `onnx/{graph,lowering,arrays}`.
 * @module
 */
import { isFloat } from '../ir/dtype.ts';
import { type Shape, sizeOf } from '../ir/shape.ts';
import * as p from '../primitives/index.ts';
import { padded } from './arrays.ts';
import { type OnnxGraph, type Operand, range } from './graph.ts';
import { entry, type Entry, type Lowering, refuse } from './lowering.ts';

const permuted = (shape: Shape, axes: readonly number[]): number[] => axes.map((d) => shape[d]!);

const freeAxes = (rank: number, used: readonly number[]): number[] => range(rank).filter((d) => !used.includes(d));

/** An operand as [batch…, rows, columns], of which each is a group of axes. */
function asMatrices(
  g: OnnxGraph,
  { name, aval }: Operand,
  batch: readonly number[],
  rows: readonly number[],
  columns: readonly number[],
): string {
  const order = [...batch, ...rows, ...columns];
  const sizes = [
    ...permuted(aval.shape, batch),
    sizeOf(permuted(aval.shape, rows)),
    sizeOf(permuted(aval.shape, columns)),
  ];
  return g.reshape(g.transpose(name, order), permuted(aval.shape, order), sizes);
}

function contraction(g: OnnxGraph, x: readonly Operand[], { contract, batch }: p.DotParams, shape: Shape): string {
  const [a, b] = x as [Operand, Operand];
  const free = [a, b].map((o, i) => freeAxes(o.aval.ndim, [...contract[i]!, ...batch[i]!])) as [number[], number[]];
  const product = g.op('MatMul', [
    asMatrices(g, a, batch[0], free[0], contract[0]),
    asMatrices(g, b, batch[1], contract[1], free[1]),
  ]);
  const sizes = [
    ...permuted(a.aval.shape, batch[0]),
    sizeOf(permuted(a.aval.shape, free[0])),
    sizeOf(permuted(b.aval.shape, free[1])),
  ];
  return g.reshape(product, sizes, shape);
}

const dot: Lowering<p.DotParams> = ({ g, x, params, outs }) => contraction(g, x, params, outs[0]!.shape);

const permutedDot: Lowering<p.DotParams & { readonly permutation: readonly number[] }> = ({ g, x, params, outs }) => {
  const { permutation } = params;
  const inOrder = permutation.map((_, r) => outs[0]!.shape[permutation.indexOf(r)]!);
  return g.transpose(contraction(g, x, params, inOrder), permutation);
};

/** Batch groups as feature groups: [g·b, c, …] becomes [b, g·c, …]. */
function batchGroupsAsFeatures(g: OnnxGraph, x: string, shape: Shape, groups: number): [string, Shape] {
  const [n, c, ...rest] = shape as [number, number, ...number[]];
  if (groups === 1) return [x, shape];
  const split = g.reshape(x, shape, [groups, n / groups, c, ...rest]);
  const moved = g.transpose(split, [1, 0, ...range(rest.length + 1, 2)]);
  const joined = [n / groups, groups * c, ...rest];
  return [g.reshape(moved, [n / groups, groups, c, ...rest], joined), joined];
}

const conv: Lowering<p.ConvParams> = ({ g, x, params, outs }) => {
  const [lhs, rhs] = x as [Operand, Operand];
  const { dtype } = lhs.aval;
  if (!isFloat(dtype)) refuse('a convolution of floats', x, "ONNX's Conv has no integers; convert with astype first.");
  const { dimensionNumbers: n, padding, lhsDilation } = params;
  const spatial = padding.length;
  const inShape = permuted(lhs.aval.shape, n.lhs);
  const zero = g.scalar(0, dtype);
  // Zeros between elements, and what negative padding cuts off, cannot be said with the operator.
  const isPlain = lhsDilation.every((d) => d === 1) && padding.flat().every((e) => e >= 0);
  const edges = isPlain ? padding.map((): [number, number] => [0, 0]) : padding;
  const around = {
    low: [0, 0, ...edges.map(([low]) => low)],
    high: [0, 0, ...edges.map(([, high]) => high)],
    interior: [0, 0, ...lhsDilation.map((d) => d - 1)],
  };
  const prepared = padded(g, g.transpose(lhs.name, n.lhs), inShape, around, zero);
  const extents = inShape.map((size, d) => {
    return (size === 0 ? 0 : (size - 1) * (around.interior[d]! + 1) + 1) + around.low[d]! + around.high[d]!;
  });
  const [input, shape] = batchGroupsAsFeatures(g, prepared, extents, params.batchGroupCount);
  const kernel = g.transpose(rhs.name, n.rhs);
  const kernelShape = permuted(rhs.aval.shape, n.rhs);
  const outShape = permuted(outs[0]!.shape, n.out);
  // Without spatial axes it is a convolution over one of length 1.
  const more = spatial === 0 ? [1] : [];
  const pads = isPlain ? padding : edges.map((): [number, number] => [0, 0]);
  const y = g.op(
    'Conv',
    [g.reshape(input, shape, [...shape, ...more]), g.reshape(kernel, kernelShape, [...kernelShape, ...more])],
    {
      group: params.featureGroupCount * params.batchGroupCount,
      strides: [...params.windowStrides, ...more],
      dilations: [...params.rhsDilation, ...more],
      pads: [...pads.map(([low]) => low), ...more.map(() => 0), ...pads.map(([, high]) => high), ...more.map(() => 0)],
    },
  );
  const back = range(n.out.length).map((d) => n.out.indexOf(d));
  return g.transpose(g.reshape(y, [...outShape, ...more], outShape), back);
};

export const contractions: readonly Entry[] = [
  entry(p.dotGeneralP, dot),
  entry(p.permutedDotP, permutedDot),
  entry(p.convGeneralDilatedP, conv),
];

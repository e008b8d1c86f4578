/**
 * Operations that move elements: shapes, slices, padding, joining, counting.
 * May import: `primitives`, `onnx/{graph,lowering}`.
 * @module
 */
import type { Shape } from '../ir/shape.ts';
import * as p from '../primitives/index.ts';
import { type OnnxGraph, range } from './graph.ts';
import { entry, type Entry } from './lowering.ts';

export interface Padding {
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly interior: readonly number[];
}

/** `interior` values between neighbours on one axis: each element with its followers, and those of the last cut off. */
function spread(g: OnnxGraph, x: string, shape: Shape, axis: number, interior: number, value: string): string {
  const n = shape[axis]!;
  const split = g.reshape(x, shape, shape.toSpliced(axis + 1, 0, 1));
  const ends = [
    ...range(shape.length + 1).map(() => 0),
    ...range(shape.length + 1).map((d) => (d === axis + 1 ? interior : 0)),
  ];
  const padded = g.op('Pad', [split, g.ints(ends), value]);
  const joined = g.reshape(padded, shape.toSpliced(axis + 1, 0, interior + 1), shape.with(axis, n * (interior + 1)));
  const limit = shape.with(axis, n * (interior + 1) - interior);
  return g.slice(
    joined,
    shape.map(() => 0),
    limit,
  );
}

/** Values between and around the elements, then what negative padding cuts off. */
export function padded(g: OnnxGraph, x: string, shape: Shape, padding: Padding, value: string): string {
  let [out, extents] = [x, [...shape]];
  padding.interior.forEach((count, axis) => {
    if (count === 0 || extents[axis]! < 2) return;
    out = spread(g, out, extents, axis, count, value);
    extents = extents.with(axis, (extents[axis]! - 1) * (count + 1) + 1);
  });
  const [low, high] = [padding.low, padding.high].map((list) => list.map((n) => Math.max(0, n))) as [
    number[],
    number[],
  ];
  if ([...low, ...high].some((n) => n > 0)) {
    out = g.op('Pad', [out, g.ints([...low, ...high]), value]);
    extents = extents.map((n, d) => n + low[d]! + high[d]!);
  }
  if (![...padding.low, ...padding.high].some((n) => n < 0)) return out;
  return g.slice(
    out,
    padding.low.map((n) => Math.max(0, -n)),
    padding.high.map((n, d) => extents[d]! - Math.max(0, -n)),
  );
}

/** Runs backward along the axes. */
export function reversed(g: OnnxGraph, x: string, axes: readonly number[]): string {
  if (axes.length === 0) return x;
  const every = (value: number): string => g.ints(axes.map(() => value));
  return g.op('Slice', [x, every(-1), every(-2147483648), g.ints(axes), every(-1)]);
}

export const arrays: readonly Entry[] = [
  entry(p.reshapeP, ({ g, x, params }) => g.reshape(x[0]!.name, x[0]!.aval.shape, params.shape)),
  entry(p.transposeP, ({ g, x, params }) => g.transpose(x[0]!.name, params.permutation)),
  entry(p.broadcastInDimP, ({ g, x, params: { shape, dims } }) => {
    const aligned = shape.map((_, d) => (dims.includes(d) ? x[0]!.aval.shape[dims.indexOf(d)]! : 1));
    return g.filled(g.reshape(x[0]!.name, x[0]!.aval.shape, aligned), shape);
  }),
  entry(p.sliceP, ({ g, x, params }) => g.slice(x[0]!.name, params.start, params.limit, params.strides)),
  entry(p.padP, ({ g, x, params, outs }) => {
    const [operand, value] = x as [(typeof x)[number], (typeof x)[number]];
    // Where nothing is left of the operand, all is padding.
    if (operand.aval.size === 0) return g.filled(value.name, outs[0]!.shape);
    return padded(g, operand.name, operand.aval.shape, params, value.name);
  }),
  entry(p.reverseP, ({ g, x, params }) => reversed(g, x[0]!.name, params.axes)),
  entry(p.concatenateP, ({ g, x, params }) =>
    g.op(
      'Concat',
      x.map(({ name }) => name),
      { axis: params.axis },
    ),
  ),
  entry(p.splitP, ({ g, x, params: { axis, sizes } }) =>
    g.node('Split', [x[0]!.name, g.ints(sizes)], { axis }, sizes.length),
  ),
  entry(p.iotaP, ({ g, params: { shape, dtype, axis } }) => {
    const line = g.reshape(
      g.count0(shape[axis]!, 'int64'),
      [shape[axis]!],
      shape.map((n, d) => (d === axis ? n : 1)),
    );
    return g.cast(g.filled(line, shape), dtype);
  }),
];

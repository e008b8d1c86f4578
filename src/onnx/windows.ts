/**
 * Reductions over sliding windows. Maxima of floats are MaxPool, sums of float32 a convolution with ones; everything else combines, for
 * each place in the window, the elements that all windows have there.
 * May import: `primitives`, `onnx/{graph,lowering,arrays}`.
 * @module
 */
import { type DType, isFloat } from '../ir/dtype.ts';
import { largestOf, leastOf } from '../ir/limits.ts';
import { type Shape, sizeOf } from '../ir/shape.ts';
import * as p from '../primitives/index.ts';
import { forEachIndex } from '../primitives/structural.ts';
import { padded } from './arrays.ts';
import { isUnsigned, type OnnxGraph, type Operand, range } from './graph.ts';
import { entry, type Entry, type Lowering } from './lowering.ts';
import type { OnnxType } from './proto.ts';

type Windows = p.WindowParams;

/** For each place in the window, the elements there. */
function patches(g: OnnxGraph, x: string, shape: Shape, out: Shape, w: Windows, outside: string): string[] {
  const whole = padded(
    g,
    x,
    shape,
    {
      low: w.padding.map(([low]) => low),
      high: w.padding.map(([, high]) => high),
      interior: w.baseDilation.map((d) => d - 1),
    },
    outside,
  );
  const found: string[] = [];
  forEachIndex(w.windowDimensions, (k) => {
    const start = k.map((e, d) => e * w.windowDilation[d]!);
    const limit = start.map((s, d) => s + (out[d]! - 1) * w.windowStrides[d]! + 1);
    found.push(g.slice(whole, start, limit, w.windowStrides));
  });
  return found;
}

type Combination = 'Add' | 'Mul' | 'Max' | 'Min';

function identityOf(op: Combination, dtype: DType): number {
  return { Add: 0, Mul: 1, Max: leastOf(dtype), Min: largestOf(dtype) }[op];
}

const byPatches =
  (op: Combination): Lowering<Windows> =>
  ({ g, x, params, outs }) => {
    const { shape, dtype } = x[0]!.aval;
    const type: OnnxType = isUnsigned(dtype) ? 'int64' : dtype;
    const outside = g.scalar(identityOf(op, dtype), type);
    const parts = patches(g, g.as(x[0]!, type), shape, outs[0]!.shape, params, outside);
    const y = parts.reduce((a, b) => g.op(op, [a, b]));
    return type === dtype ? y : g.cast(y, dtype);
  };

/** The axes that windows move along, behind the others, which become one: [n, 1, spatial…] and the way back. */
interface Pooling {
  readonly input: string;
  readonly attributes: Readonly<Record<string, readonly number[]>>;
  readonly window: readonly number[];
  readonly restore: (y: string) => string;
}

function pooling(g: OnnxGraph, x: Operand, w: Windows, out: Shape): Pooling | undefined {
  const { shape } = x.aval;
  const isPooled = (d: number): boolean =>
    w.windowDimensions[d] !== 1 || w.windowStrides[d] !== 1 || w.padding[d]!.some((e) => e !== 0);
  const pooled = range(shape.length).filter(isPooled);
  const isPlain = w.baseDilation.every((d) => d === 1) && w.padding.flat().every((e) => e >= 0);
  // Runtimes ask for padding smaller than the window.
  const fits = pooled.every((d) => w.padding[d]!.every((e) => e < w.windowDimensions[d]!));
  if (!isPlain || !fits || pooled.length === 0 || pooled.length > 3) return undefined;
  const kept = range(shape.length).filter((d) => !pooled.includes(d));
  const order = [...kept, ...pooled];
  const of = (list: readonly number[], axes: readonly number[]): number[] => axes.map((d) => list[d]!);
  const count = sizeOf(of(shape, kept));
  const flat = (from: Shape): number[] => [count, 1, ...of(from, pooled)];
  const back = range(order.length).map((d) => order.indexOf(d));
  return {
    input: g.reshape(g.transpose(x.name, order), of(shape, order), flat(shape)),
    window: of(w.windowDimensions, pooled),
    attributes: {
      strides: of(w.windowStrides, pooled),
      dilations: of(w.windowDilation, pooled),
      pads: [...pooled.map((d) => w.padding[d]![0]), ...pooled.map((d) => w.padding[d]![1])],
    },
    restore: (y) => g.transpose(g.reshape(y, flat(out), of(out, order)), back),
  };
}

const maxPool =
  (op: 'Max' | 'Min'): Lowering<Windows> =>
  (application) => {
    const { g, x, params, outs } = application;
    const pool = isFloat(x[0]!.aval.dtype) ? pooling(g, x[0]!, params, outs[0]!.shape) : undefined;
    if (!pool) return byPatches(op)(application);
    const sign = (y: string): string => (op === 'Min' ? g.op('Neg', [y]) : y);
    const y = g.op('MaxPool', [sign(pool.input)], { kernel_shape: pool.window, ...pool.attributes });
    return pool.restore(sign(y));
  };

const sumPool: Lowering<Windows> = (application) => {
  const { g, x, params, outs } = application;
  const pool = x[0]!.aval.dtype === 'float32' ? pooling(g, x[0]!, params, outs[0]!.shape) : undefined;
  if (!pool) return byPatches('Add')(application);
  const ones = g.filled(g.scalar(1, 'float32'), [1, 1, ...pool.window]);
  return pool.restore(g.op('Conv', [pool.input, ones], pool.attributes));
};

/** The first extreme element of each window by its position, found place by place. */
const argExtremum: Lowering<p.WindowArgParams> = ({ g, x, params, outs }) => {
  const { shape, dtype } = x[0]!.aval;
  const { batchDims, largest } = params;
  const none = range(batchDims);
  const w: Windows = {
    windowDimensions: [...none.map(() => 1), ...params.windowDimensions],
    windowStrides: [...none.map(() => 1), ...params.windowStrides],
    padding: [...none.map((): [number, number] => [0, 0]), ...params.padding],
    baseDilation: [...none.map(() => 1), ...params.baseDilation],
    windowDilation: [...none.map(() => 1), ...params.windowDilation],
  };
  const counted = shape.map((n, d) => (d < batchDims ? 1 : n));
  const numbers = g.filled(g.reshape(g.count0(sizeOf(counted), 'int32'), [sizeOf(counted)], counted), shape);
  const positions = patches(g, numbers, shape, outs[0]!.shape, w, g.scalar(-1, 'int32'));
  const type: OnnxType = isUnsigned(dtype) ? 'int64' : dtype;
  const values = patches(g, g.as(x[0]!, type), shape, outs[0]!.shape, w, g.scalar(0, type));
  let [best, at] = [values[0]!, positions[0]!];
  const not = (y: string): string => g.op('Not', [y]);
  for (let k = 1; k < values.length; k++) {
    const isFirst = g.op('Less', [at, g.scalar(0, 'int32')]);
    // Not within: beyond, or NaN.
    const isBeyond = not(g.op(largest ? 'LessOrEqual' : 'GreaterOrEqual', [values[k]!, best]));
    const isBetter = g.op('Or', [isFirst, g.op('And', [isBeyond, g.op('Equal', [best, best])])]);
    const isTaken = g.op('And', [isBetter, not(g.op('Less', [positions[k]!, g.scalar(0, 'int32')]))]);
    best = g.where(isTaken, values[k]!, best);
    at = g.where(isTaken, positions[k]!, at);
  }
  return at;
};

export const windows: readonly Entry[] = [
  entry(p.reduceWindowSumP, sumPool),
  entry(p.reduceWindowMaxP, maxPool('Max')),
  entry(p.reduceWindowMinP, maxPool('Min')),
  entry(p.reduceWindowMulP, byPatches('Mul')),
  entry(p.windowArgExtremumP, argExtremum),
];

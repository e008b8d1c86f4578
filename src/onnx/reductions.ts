/**
 * Reductions of axes, positions of extremes, and running reductions. A NaN among the elements of ReduceMax and ReduceMin is left to the
 * runtime: to look for it would cost every softmax a second pass.
 * May import: `primitives`, `onnx/{graph,lowering}`.
 * @module
 */
import { type DType, isFloat } from '../ir/dtype.ts';
import * as p from '../primitives/index.ts';
import { isIntegral, isUnsigned, type OnnxGraph, type Operand } from './graph.ts';
import { log1p } from './functions.ts';
import { entry, type Entry, type Lowering, refuse } from './lowering.ts';
import type { OnnxType } from './proto.ts';

interface Axes {
  readonly axes: readonly number[];
}

const reduced = (g: OnnxGraph, op: string, x: string, axes: readonly number[]): string =>
  axes.length === 0 ? x : g.op(op, [x, g.ints(axes)], { keepdims: 0 });

/** Unsigned integers in 64 bits, wrapped by the conversion back; so are products, which runtimes do not wrap in 32 bits. */
const reduction =
  (op: string, isWidened: (dtype: DType) => boolean = isUnsigned): Lowering<Axes> =>
  ({ g, x, params, outs }) => {
    const { dtype } = x[0]!.aval;
    if (!isWidened(dtype)) return reduced(g, op, x[0]!.name, params.axes);
    return g.cast(reduced(g, op, g.as(x[0]!, 'int64'), params.axes), outs[0]!.dtype);
  };

/** Booleans as numbers: all is the least, any the greatest. */
const logical =
  (op: string): Lowering<Axes> =>
  ({ g, x, params }) => {
    if (x[0]!.aval.dtype !== 'bool') {
      refuse(
        'a logical reduction of booleans',
        x,
        'ONNX has no bitwise reductions; compare first, or reduce on the host.',
      );
    }
    return g.cast(reduced(g, op, g.as(x[0]!, 'int32'), params.axes), 'bool');
  };

const reduceXor: Lowering<Axes> = (application) => {
  const { g, x, params } = application;
  if (x[0]!.aval.dtype !== 'bool') return logical('ReduceSum')(application);
  const sum = reduced(g, 'ReduceSum', g.as(x[0]!, 'int32'), params.axes);
  return g.cast(g.op('Mod', [sum, g.scalar(2, 'int32')]), 'bool');
};

/** The first NaN if there is one, as here; what ONNX says of NaN is nothing. */
const argReduce =
  (op: string): Lowering<{ readonly axis: number }> =>
  ({ g, x, params: { axis }, outs }) => {
    const [operand] = x as [Operand];
    const attributes = { axis, keepdims: 0, select_last_index: 0 };
    const { dtype } = operand.aval;
    const at = (y: string, by: string): string => g.op(by, [y], attributes);
    if (!isFloat(dtype)) {
      const type: OnnxType = dtype === 'uint32' ? 'float64' : 'int32';
      return g.cast(at(g.as(operand, type), op), outs[0]!.dtype);
    }
    const isNumber = g.cast(g.op('Equal', [operand.name, operand.name]), 'int32');
    const firstNaN = at(isNumber, 'ArgMin');
    const hasNaN = g.op('Equal', [reduced(g, 'ReduceMin', isNumber, [axis]), g.scalar(0, 'int32')]);
    return g.cast(g.where(hasNaN, firstNaN, at(operand.name, op)), outs[0]!.dtype);
  };

interface Running {
  readonly axis: number;
  readonly reverse: boolean;
}

type Combine = (g: OnnxGraph, a: string, b: string, dtype: DType) => string;

/** y[i] combined with y[i − 1], with y[i − 2], with y[i − 4] and so on: a running reduction in log₂ n steps. */
const running =
  (combine: Combine): Lowering<Running> =>
  ({ g, x, params: { axis, reverse }, outs }) => {
    const { shape, dtype } = x[0]!.aval;
    const isWidened = isUnsigned(dtype);
    let y = isWidened ? g.as(x[0]!, 'int64') : x[0]!.name;
    const part = (from: number, to: number): string =>
      g.slice(
        y,
        shape.map((_, d) => (d === axis ? from : 0)),
        shape.with(axis, to),
      );
    const n = shape[axis]!;
    for (let step = 1; step < n; step *= 2) {
      const [early, late] = [part(0, n - step), part(step, n)];
      const joined = reverse
        ? [combine(g, early, late, dtype), part(n - step, n)]
        : [part(0, step), combine(g, late, early, dtype)];
      y = g.op('Concat', joined, { axis });
    }
    return isWidened ? g.cast(y, outs[0]!.dtype) : y;
  };

const direct =
  (op: string): Combine =>
  (g, a, b) =>
    g.op(op, [a, b]);

/** By the larger; an infinite larger one is the answer itself. */
const logAddExp: Combine = (g, a, b, dtype) => {
  const c = (value: number): string => g.scalar(value, dtype);
  const larger = g.op('Max', [a, b]);
  const isWhole = g.op('Not', [g.op('Less', [g.op('Abs', [larger]), c(Infinity)])]);
  const gap = g.op('Exp', [g.op('Sub', [g.op('Min', [a, b]), larger])]);
  return g.where(isWhole, larger, g.op('Add', [larger, log1p(g, gap, c)]));
};

const cumsum: Lowering<Running> = ({ g, x, params: { axis, reverse }, outs }) => {
  const type = isUnsigned(x[0]!.aval.dtype) ? 'int64' : x[0]!.aval.dtype;
  const y = g.op('CumSum', [g.as(x[0]!, type), g.scalar(axis, 'int64')], { reverse: reverse ? 1 : 0 });
  return type === 'int64' ? g.cast(y, outs[0]!.dtype) : y;
};

/** Positions of the first `k` in ascending (or descending) order of one key; equal keys keep their order. */
function ranks(g: OnnxGraph, key: string, k: number, axis: number, largest = 0): string {
  return g.node('TopK', [key, g.ints([k])], { axis, largest, sorted: 1 }, 2)[1]!;
}

/** A key as keys that TopK orders: NaN, which comes last, by a key of its own. The most significant first. */
function keysOf(g: OnnxGraph, { name, aval }: Operand): string[] {
  if (!isFloat(aval.dtype)) return [g.cast(name, 'int64')];
  const isNumber = g.op('Equal', [name, name]);
  const isNaN = g.cast(g.op('Not', [isNumber]), 'int64');
  return [isNaN, g.where(isNumber, name, g.scalar(0, aval.dtype))];
}

/** From the least significant key to the most, each time by a stable sort. */
function orderBy(g: OnnxGraph, operands: readonly Operand[], axis: number, k: number, largest = 0): string {
  const n = operands[0]!.aval.shape[axis]!;
  let order: string | undefined;
  const keys = operands.flatMap((key) => keysOf(g, key));
  keys.reverse().forEach((key, i) => {
    const current = order === undefined ? key : g.op('GatherElements', [key, order], { axis });
    const next = ranks(g, current, i === keys.length - 1 ? k : n, axis, largest);
    order = order === undefined ? next : g.op('GatherElements', [order, next], { axis });
  });
  return order!;
}

const sort: Lowering<p.SortParams> = ({ g, x, params: { dimension: axis, numKeys } }) => {
  const order = orderBy(g, x.slice(0, numKeys), axis, x[0]!.aval.shape[axis]!);
  return x.map(({ name }) => g.op('GatherElements', [name, order], { axis }));
};

const topK: Lowering<p.TopKParams> = ({ g, x, params: { dimension: axis, k, largest } }) => {
  const order = orderBy(g, x, axis, k, largest ? 1 : 0);
  return [g.op('GatherElements', [x[0]!.name, order], { axis }), g.cast(order, 'int32')];
};

export const reductions: readonly Entry[] = [
  entry(p.reduceSumP, reduction('ReduceSum')),
  entry(p.reduceProdP, reduction('ReduceProd', isIntegral)),
  entry(p.reduceMaxP, reduction('ReduceMax')),
  entry(p.reduceMinP, reduction('ReduceMin')),
  entry(p.reduceAndP, logical('ReduceMin')),
  entry(p.reduceOrP, logical('ReduceMax')),
  entry(p.reduceXorP, reduceXor),
  entry(p.argmaxP, argReduce('ArgMax')),
  entry(p.argminP, argReduce('ArgMin')),
  entry(p.cumsumP, cumsum),
  entry(p.cumprodP, running(direct('Mul'))),
  entry(p.cummaxP, running(direct('Max'))),
  entry(p.cumminP, running(direct('Min'))),
  entry(p.cumlogsumexpP, running(logAddExp)),
  entry(p.sortP, sort),
  entry(p.topKP, topK),
];

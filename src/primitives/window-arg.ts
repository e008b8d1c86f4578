/**
 * Where the extremum of every window lies: the derivative of max and min pooling gathers there, and its transpose scatters there.
 * May import: `ir`, `core`, `primitives/{structural,strided-view,window-shape}`.
 * @module
 */
import { Aval, f32, f64, i32 } from '../ir/aval.ts';
import { binary, constant, type Expr, int, linearize, load, select, unary } from '../ir/loop/expr.ts';
import type { KernelBuilder } from '../ir/loop/kernel.ts';
import { sizeOf } from '../ir/shape.ts';
import { definePrimitive, type Primitive } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { nestedLoops } from './strided-view.ts';
import { forEachIndex, moveBatchToFront } from './structural.ts';
import {
  forEachWindowElement,
  insertWindowAxis,
  windowedShape,
  windowElement,
  type WindowParams,
} from './window-shape.ts';

/** The window's lists are about the axes after the first `batchDims`. */
export interface WindowArgParams extends WindowParams {
  /** Maximum or minimum. */
  readonly largest: boolean;
  /** Leading axes that are not counted in the positions. */
  readonly batchDims: number;
}

/** The window over all axes. */
function wholeWindow({ batchDims, ...rest }: WindowArgParams): WindowParams {
  let p: WindowParams = rest;
  for (let d = 0; d < batchDims; d++) p = insertWindowAxis(p, 0);
  return p;
}

/**
 * y[o] = the position, in row-major order, of the first extremal element of window o; −1 for a window of nothing but padding. NaN is
 * more extreme than every number.
 */
export const windowArgExtremumP: Primitive<WindowArgParams> = definePrimitive<WindowArgParams>({
  name: 'window_arg_extremum',
  abstractEval: ([x], params) => [new Aval(windowedShape('window_arg_extremum', x!, wholeWindow(params)), 'int32')],
  calculus: { kind: 'piecewise-constant' },
  batch: (_context, [x], [bdim], params) => [
    [windowArgExtremum(moveBatchToFront(x!, bdim!), { ...params, batchDims: params.batchDims + 1 })],
    [0],
  ],
  reference: ([x], [out], params) => {
    const counted = sizeOf(x!.aval.shape.slice(params.batchDims));
    const best = Array.from({ length: out!.data.length }, () => Number.NaN);
    out!.data.fill(-1);
    forEachWindowElement(x!, out!.aval.shape, wholeWindow(params), (o, i) => {
      const value = x!.data[i]!;
      const isBetter = params.largest ? value > best[o]! : value < best[o]!;
      if (out!.data[o] === -1 || (!Number.isNaN(best[o]!) && (isBetter || Number.isNaN(value)))) {
        best[o] = value;
        out!.data[o] = i % counted;
      }
    });
  },
  lower: { kind: 'loops', build: (b, [x], [out], params) => buildArg(b, x!, out!, params) },
  samples: [
    {
      avals: [f64(1, 4, 4, 2)],
      params: argSample(
        [1, 2, 2, 1],
        [1, 2, 2, 1],
        [
          [0, 0],
          [0, 0],
          [0, 0],
          [0, 0],
        ],
        true,
      ),
    },
    { avals: [f32(5)], params: argSample([3], [1], [[1, 1]], false) },
    { avals: [f32(2, 5)], params: { ...argSample([3], [2], [[4, 0]], true), batchDims: 1 } },
    { avals: [f32(0)], params: argSample([2], [1], [[2, 1]], true) },
    { avals: [i32(4)], params: argSample([2], [2], [[0, 0]], true), data: [[3, 3, 1, 2]] },
  ],
});

export const windowArgExtremum = (x: Tensor, params: WindowArgParams): Tensor => bind1(windowArgExtremumP, [x], params);

/** Windows up to this many elements are written out: straight-line code vectorises, a loop in a loop does not. */
const unrollLimit = 32;

function buildArg(b: KernelBuilder, x: Aval, out: Aval, params: WindowArgParams): void {
  const p = wholeWindow(params);
  const counted = x.shape.map((n, d) => (d < params.batchDims ? 1 : n));
  b.parallel(out.shape, (o) => {
    const [best, at] = [b.local(x.dtype, constant(0, x.dtype)), b.local('int32', int(-1))];
    const visit = (k: readonly Expr[]): void => {
      const { index, exists } = windowElement(x.shape, out.shape, o, k, p);
      const inside = load(b.inputs[0]!, linearize(index, x.shape));
      const value = b.keep(exists ? select(exists, inside, constant(0, x.dtype)) : inside);
      const better = isBetter(value, b.get(best), b.get(at), params.largest);
      const isTaken = b.keep(exists ? binary('and', exists, better) : better);
      b.set(best, select(isTaken, value, b.get(best)));
      b.set(at, select(isTaken, linearize(index, counted), b.get(at)));
    };
    if (x.size > 0) {
      if (sizeOf(p.windowDimensions) <= unrollLimit) forEachIndex(p.windowDimensions, (k) => visit(k.map(int)));
      else nestedLoops(b, p.windowDimensions, visit);
    }
    b.store(b.outputs[0]!, linearize(o, out.shape), b.get(at));
  });
}

/** The first element, or one beyond the best so far, or the first NaN. */
function isBetter(value: Expr, best: Expr, at: Expr, largest: boolean): Expr {
  const isFirst = binary('lt', at, int(0));
  const isWithin = binary(largest ? 'le' : 'ge', value, best);
  const isBeyond = binary('and', unary('not', isWithin), binary('eq', best, best));
  return binary('or', isFirst, isBeyond);
}

function argSample(
  window: number[],
  strides: number[],
  padding: [number, number][],
  largest: boolean,
): WindowArgParams {
  const ones = window.map(() => 1);
  return {
    windowDimensions: window,
    windowStrides: strides,
    padding,
    baseDilation: ones,
    windowDilation: ones,
    largest,
    batchDims: 0,
  };
}

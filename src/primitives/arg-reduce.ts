/**
 * Positions of extremes.
 * May import: `ir`, `core`.
 * @module
 */
import { Aval, bool, f32, f64, i32, u32 } from '../ir/aval.ts';
import { type DType, isFloat } from '../ir/dtype.ts';
import { ShapeError } from '../ir/errors.ts';
import { binary, convert, type Expr, int, linearize, select } from '../ir/loop/expr.ts';
import type { KernelBuilder } from '../ir/loop/kernel.ts';
import { sizeOf } from '../ir/shape.ts';
import { definePrimitive, type HostArray, type Primitive, type Sample } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';

export interface ArgReduceParams {
  readonly axis: number;
  readonly indexDType: DType;
}

/** NaN beats everything, as in NumPy; the first of equals stays. */
const wins = (v: number, best: number, isMax: boolean): boolean =>
  (isMax ? v > best : v < best) || (Number.isNaN(v) && !Number.isNaN(best));

function winsExpr(v: Expr, best: Expr, isMax: boolean): Expr {
  const isBetter = binary(isMax ? 'gt' : 'lt', v, best);
  if (!isFloat(v.dtype)) return isBetter;
  return binary('or', isBetter, binary('and', binary('ne', v, v), binary('eq', best, best)));
}

function evaluate(x: HostArray, out: HostArray, axis: number, isMax: boolean): void {
  const n = x.aval.shape[axis]!;
  const inner = sizeOf(x.aval.shape.slice(axis + 1));
  for (let o = 0; o < out.data.length; o++) {
    const start = Math.floor(o / inner) * n * inner + (o % inner);
    let best = 0;
    for (let k = 1; k < n; k++) {
      if (wins(x.data[start + k * inner]!, x.data[start + best * inner]!, isMax)) best = k;
    }
    out.data[o] = best;
  }
}

function build(b: KernelBuilder, x: Aval, out: Aval, { axis, indexDType }: ArgReduceParams, isMax: boolean): void {
  b.parallel(out.shape, (index) => {
    const at = (k: Expr): Expr => {
      const value = b.load(b.inputs[0]!, linearize([...index.slice(0, axis), k, ...index.slice(axis)], x.shape));
      return x.dtype === 'bool' ? convert(value, 'int32') : value;
    };
    const first = at(int(0));
    const best = b.local(first.dtype, first);
    const position = b.local(indexDType, 0);
    b.loop(x.shape[axis]!, (k) => {
      const isWinner = b.local('bool', winsExpr(at(k), b.get(best), isMax));
      b.set(position, select(b.get(isWinner), convert(k, indexDType), b.get(position)));
      b.set(best, select(b.get(isWinner), at(k), b.get(best)));
    });
    b.store(b.outputs[0]!, linearize(index, out.shape), b.get(position));
  });
}

const params = (axis: number): ArgReduceParams => ({ axis, indexDType: 'int32' });

const samples: readonly Sample<ArgReduceParams>[] = [
  { avals: [f32(3, 4)], params: params(1) },
  { avals: [f64(2, 3, 2)], params: params(1) },
  { avals: [f64(2, 3)], params: params(1), data: [[1, 3, 3, NaN, 1, NaN]] },
  { avals: [f32(4)], params: params(0), data: [[-0, 0, -0, 0]] },
  { avals: [f32(0, 3)], params: params(1) },
  { avals: [i32(3, 2)], params: { axis: 0, indexDType: 'uint32' }, data: [[-5, 7, 2, 7, -5, -9]] },
  { avals: [u32(3)], params: params(0), data: [[1, 4294967295, 0]] },
  { avals: [bool(2, 3)], params: params(1), data: [[0, 1, 1, 1, 0, 0]] },
];

function defineArgReduce(name: string, isMax: boolean): Primitive<ArgReduceParams> {
  const primitive: Primitive<ArgReduceParams> = definePrimitive<ArgReduceParams>({
    name,
    abstractEval: ([x], { axis, indexDType }) => {
      if (x!.shape[axis] === 0) {
        throw new ShapeError(
          `${name}: expected at least one element along axis ${axis}, got ${x!.toString()}.`,
          'an empty axis has no extreme; check the size first.',
        );
      }
      return [
        new Aval(
          x!.shape.filter((_, i) => i !== axis),
          indexDType,
        ),
      ];
    },
    calculus: { kind: 'piecewise-constant' },
    batch: (_context, [x], [bdim], { axis, indexDType }) => {
      const isAfter = axis >= bdim!;
      return [[bind1(primitive, [x!], { axis: isAfter ? axis + 1 : axis, indexDType })], [isAfter ? bdim! : bdim! - 1]];
    },
    reference: ([x], [out], { axis }) => evaluate(x!, out!, axis, isMax),
    lower: { kind: 'loops', build: (b, [x], [out], p) => build(b, x!, out!, p, isMax) },
    samples,
  });
  return primitive;
}

/** Index of the first maximum along an axis. */
export const argmaxP: Primitive<ArgReduceParams> = defineArgReduce('argmax', true);

/** Index of the first minimum along an axis. */
export const argminP: Primitive<ArgReduceParams> = defineArgReduce('argmin', false);

export const argmax = (x: Tensor, axis: number, indexDType: DType = 'int32'): Tensor =>
  bind1(argmaxP, [x], { axis, indexDType });
export const argmin = (x: Tensor, axis: number, indexDType: DType = 'int32'): Tensor =>
  bind1(argminP, [x], { axis, indexDType });

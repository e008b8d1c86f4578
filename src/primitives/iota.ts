/**
 * Counting along an axis.
 * May import: `ir`, `core`.
 * @module
 */
import { Aval } from '../ir/aval.ts';
import type { DType } from '../ir/dtype.ts';
import { convert } from '../ir/loop/expr.ts';
import { type Shape, sizeOf } from '../ir/shape.ts';
import { definePrimitive, type Primitive } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';

export interface IotaParams {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly axis: number;
}

/** y[i₀, i₁, …] = i at `axis`. No operands. */
export const iotaP: Primitive<IotaParams> = definePrimitive<IotaParams>({
  name: 'iota',
  abstractEval: (_avals, { shape, dtype }) => [new Aval(shape, dtype)],
  calculus: { kind: 'piecewise-constant' },
  batch: (_context, _args, _dims, params) => [[bind1(iotaP, [], params)], [null]],
  reference: (_args, [out], { shape, axis }) => {
    const inner = sizeOf(shape.slice(axis + 1));
    for (let i = 0; i < out!.data.length; i++) out!.data[i] = Math.floor(i / inner) % shape[axis]!;
  },
  lower: {
    kind: 'pointwise',
    element: ({ params, index }) => [convert(index[params.axis]!, params.dtype)],
  },
  samples: [
    { avals: [], params: { shape: [5], dtype: 'int32', axis: 0 } },
    { avals: [], params: { shape: [2, 3], dtype: 'float32', axis: 1 } },
    { avals: [], params: { shape: [3, 2, 2], dtype: 'uint32', axis: 0 } },
    { avals: [], params: { shape: [0, 2], dtype: 'float64', axis: 1 } },
  ],
});

export const iota = (shape: Shape, dtype: DType, axis = 0): Tensor => bind1(iotaP, [], { shape, dtype, axis });

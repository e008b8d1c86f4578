/**
 * Functions of functions, and conversions.
 * May import: `ir`, `core`, `primitives`, `transforms`, `api/lift`.
 * @module
 */
import { broadcastShapes, normalizeAxis, sizeOf } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { batchFlat } from '../../transforms/batch.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { type DTypeLike, toDType } from './dtypes.ts';

/** Elements converted: floats to integers toward zero, saturating; anything to bool by ≠ 0. */
export const astype = (x: TensorLike, dtype: DTypeLike): Tensor => prim.convert(asTensor(x), toDType('astype', dtype));

/** Whether the value is a single number or boolean. */
export const isscalar = (x: TensorLike): boolean =>
  typeof x === 'number' || typeof x === 'boolean' || asTensor(x).ndim === 0;

/** A function of slices along axis 0 applied to all of them; its result gets the mapped axis in front. */
function mapped(f: (...slices: Tensor[]) => Tensor, args: readonly Tensor[]): Tensor {
  const size = args[0]!.shape[0]!;
  const context = { size, axisName: undefined };
  const [[out], [dim]] = batchFlat(
    context,
    (slices) => [asTensor(f(...slices))],
    args,
    args.map(() => 0),
  );
  return prim.materializeBatch(size, [out!], [dim!])[0]!;
}

/**
 * A function of vectors applied to every vector along an axis; the axes of its result take the axis' place.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.applyAlongAxis((v) => np.max(v), 1, [[1, 5], [3, 2]]).toArray()); // => [ 5, 3 ]
 * ```
 */
export function applyAlongAxis(f: (line: Tensor) => Tensor, axis: number, x: TensorLike): Tensor {
  const t = asTensor(x);
  const d = normalizeAxis('applyAlongAxis', axis, t.ndim);
  const lines = prim.moveAxis(t, d, t.ndim - 1);
  const outer = lines.shape.slice(0, -1);
  const flat = prim.reshape(lines, [sizeOf(outer), t.shape[d]!]);
  const out = mapped(f, [flat]);
  const inner = out.shape.slice(1);
  const result = prim.reshape(out, [...outer, ...inner]);
  const order = [...outer.keys()];
  order.splice(d, 0, ...inner.map((_, i) => outer.length + i));
  return prim.transpose(result, order);
}

/**
 * A function of scalars as one of arrays, which broadcast.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * const f = np.vectorize((x, y) => np.where(np.greater(x, y), x, 0));
 * console.log(f([1, 5], 3).toArray()); // => [ 0, 5 ]
 * ```
 */
export function vectorize(f: (...scalars: Tensor[]) => Tensor): (...arrays: TensorLike[]) => Tensor {
  return (...arrays) => {
    const tensors = arrays.map(asTensor);
    const shape = broadcastShapes('vectorize', ...tensors.map((t) => t.shape));
    const size = sizeOf(shape);
    const flat = tensors.map((t) => prim.reshape(prim.broadcastTo(t, shape), [size]));
    return prim.reshape(mapped(f, flat), shape);
  };
}

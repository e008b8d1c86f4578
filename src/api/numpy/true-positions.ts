/**
 * Where a mask is true, and the elements there: as many as there are, or a number fixed beforehand.
 * May import: `ir`, `core`, `primitives`, `api/lift`.
 * @module
 */
import { TraceError } from '../../ir/errors.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { staticIntegers } from './rearrange.ts';
import { gatherAxis, indexTensor, takeStatic } from './static-take.ts';

export interface SizedOptions {
  /** Length of the result, needed where values are traced: cut, or filled up. */
  readonly size?: number | null | undefined;
  /** What fills up; 0. */
  readonly fillValue?: TensorLike | undefined;
}

/** As int32. */
export const int = (x: TensorLike): Tensor => prim.convert(asTensor(x), 'int32');

/** Positions of true elements of a flat mask, int32: as many as there are, or `size`. */
export function truePositions(op: string, mask: Tensor, size: number | null | undefined, fill: Tensor): Tensor {
  if (size !== undefined && size !== null) return sizedPositions(mask, size, fill);
  let data;
  try {
    data = mask.concrete(op).read();
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    throw new TraceError(
      `${op}: expected values with numbers, got the traced ${mask.aval.toString()}; the shape of the result would depend on them.`,
      'pass { size } (and fillValue), or use np.where(mask, x, y).',
    );
  }
  const found: number[] = [];
  data.forEach((v, i) => v !== 0 && found.push(i));
  return indexTensor(found);
}

/** The k-th true element goes to place k: a scatter by the running count. */
function sizedPositions(mask: Tensor, size: number, fill: Tensor): Tensor {
  const n = mask.size;
  const start = prim.broadcastTo(fill, [size]);
  if (n === 0 || size === 0) return start;
  const rank = prim.cumsum(prim.convert(mask, 'int32'), 0);
  const place = prim.select(mask, prim.sub(rank, prim.like(rank, 1)), prim.like(rank, size));
  return prim.scatter(start, prim.reshape(place, [n, 1]), prim.iota([n], 'int32'), {
    dimensionNumbers: prim.alongFirstAxis([]),
    mode: 'fill',
    uniqueIndices: false,
    indicesAreSorted: false,
  });
}

/** Slices of t along axis d where the mask is true. */
export function keepTrue(op: string, mask: Tensor, t: Tensor, d: number, { size, fillValue }: SizedOptions): Tensor {
  if (size === undefined || size === null) {
    const at = staticIntegers(op, 'positions', truePositions(op, mask, undefined, int(0)));
    return takeStatic(t, d, at);
  }
  const at = truePositions(op, mask, size, int(t.shape[d]!));
  const taken = gatherAxis(t, at, d, 'clip');
  const isMissing = prim.reshape(
    prim.ge(at, prim.like(at, t.shape[d]!)),
    taken.shape.map((n, k) => (k === d ? n : 1)),
  );
  return prim.select(prim.broadcastTo(isMissing, taken.shape), prim.convert(asTensor(fillValue ?? 0), t.dtype), taken);
}

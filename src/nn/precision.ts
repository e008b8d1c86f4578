/**
 * What 16-bit floats are too narrow for: sums of squares, logarithms of small numbers, losses.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { isHalf } from '../ir/dtype.ts';
import type { Tensor } from '../core/tensor.ts';
import { promoteToFloat, type TensorLike } from '../api/lift.ts';
import { convert } from '../primitives/convert.ts';

/** Operands of one dtype, float32 at least. */
export function wideFloats(...xs: TensorLike[]): Tensor[] {
  const floats = promoteToFloat(...xs);
  return isHalf(floats[0]!.dtype) ? floats.map((x) => convert(x, 'float32')) : floats;
}

/** A function computed in float32 at least, with the result in the dtype of x. */
export function inWide(x: Tensor, f: (wide: Tensor) => Tensor): Tensor {
  return isHalf(x.dtype) ? convert(f(convert(x, 'float32')), x.dtype) : f(x);
}

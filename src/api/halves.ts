/**
 * 16-bit floats in functions that are several operations.
 * May import: `ir`, `core`, `primitives`.
 * @module
 */
import { isHalf } from '../ir/dtype.ts';
import type { Tensor } from '../core/tensor.ts';
import { convert } from '../primitives/convert.ts';

/**
 * `f` of operands of one dtype: of 16-bit floats in float32, and rounded once. For formulas whose intermediate values overflow in 16 bits,
 * or would lose the few digits there are.
 */
export function viaFloat32(f: (...xs: Tensor[]) => Tensor, ...xs: Tensor[]): Tensor {
  const { dtype } = xs[0]!;
  if (!isHalf(dtype)) return f(...xs);
  return convert(f(...xs.map((x) => convert(x, 'float32'))), dtype);
}

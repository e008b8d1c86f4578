/**
 * Where reductions start.
 * May import: `ir`.
 * @module
 */
import type { DType } from '../../../ir/dtype.ts';
import type { Combine } from '../../../ir/loop/kernel.ts';

/** The value that `combine` starts from. */
export function identityOf(combine: Combine, dtype: DType): number {
  if (combine === 'mul') return 1;
  if (combine === 'and') return dtype === 'bool' ? 1 : dtype === 'int32' ? -1 : dtype === 'uint8' ? 255 : 4294967295;
  if (combine !== 'max' && combine !== 'min') return 0;
  const isMax = combine === 'max';
  switch (dtype) {
    case 'int32':
      return isMax ? -2147483648 : 2147483647;
    case 'uint32':
      return isMax ? 0 : 4294967295;
    case 'uint8':
      return isMax ? 0 : 255;
    case 'bool':
      return isMax ? 0 : 1;
    default:
      return isMax ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
}

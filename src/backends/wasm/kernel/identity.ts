/**
 * Where reductions start.
 * May import: `ir`.
 * @module
 */
import type { DType } from '../../../ir/dtype.ts';
import { allBits, largestOf, leastOf } from '../../../ir/limits.ts';
import type { Combine } from '../../../ir/loop/kernel.ts';

/** The value that `combine` starts from. */
export function identityOf(combine: Combine, dtype: DType): number {
  switch (combine) {
    case 'mul':
      return 1;
    case 'and':
      return allBits(dtype);
    case 'max':
      return leastOf(dtype);
    case 'min':
      return largestOf(dtype);
    default:
      return 0;
  }
}

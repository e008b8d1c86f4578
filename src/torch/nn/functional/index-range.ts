/**
 * Indices that have to lie within a table or a number of classes, where NumPy's functions would give NaN.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ArgumentError } from '../../../ir/errors.ts';
import { ConcreteTensor } from '../../../core/tensor.ts';
import type { Tensor } from '../../tensor.ts';

/**
 * Throws for an index that is not from 0 to `count` − 1, as far as there are numbers: not in a function that is traced.
 * @param phrase of PyTorch's message
 * @param ignored a number that counts as none
 */
export function checkRange(
  op: string,
  name: string,
  { value }: Tensor,
  count: number,
  phrase: string,
  fix: string,
  ignored?: number,
): void {
  const isOutside = (i: number): boolean => (i < 0 || i >= count) && i !== ignored;
  const bad = value instanceof ConcreteTensor ? value.read().find(isOutside) : undefined;
  if (bad === undefined) return;
  throw new ArgumentError(`${op}: expected ${name} from 0 to ${count - 1}, got ${bad}: ${phrase}.`, fix);
}

/**
 * What JavaScript does with a tensor where Python would do something else: operators, text, loops, and names with underscores.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ArgumentError, ShapeError, TraceError } from '../ir/errors.ts';
import { ConcreteTensor } from '../core/tensor.ts';
import { defaultFloat } from '../core/config.ts';
import { select } from './ops/parts.ts';
import type { Tensor } from './tensor.ts';

/** The numbers as text; the type of a traced value. */
function numbersOf(x: Tensor): string {
  const { value } = x;
  return value instanceof ConcreteTensor ? value.toString() : x.aval.toString();
}

/** As `print(x)` shows it in Python: `tensor([1, 2], gradFn: MulBackward0)`. */
export function inspected(x: Tensor): string {
  const notes = [numbersOf(x)];
  if (x.dtype !== defaultFloat() && x.dtype !== 'bool') notes.push(`dtype: ${x.dtype}`);
  if (x.gradFn !== null) notes.push(`gradFn: ${x.gradFn.name}`);
  else if (x.requiresGrad) notes.push('requiresGrad: true');
  return `tensor(${notes.join(', ')})`;
}

/** Text for templates; operators have no way to give a tensor, so a number is refused. */
export function primitiveOf(x: Tensor, hint: string): string {
  if (hint === 'string') return numbersOf(x);
  throw new TraceError(
    `operator: expected numbers, got a tensor ${x.aval.toString()}: JavaScript's operators work on numbers alone.`,
    'use methods: x.add(y), x.mul(2), x.neg(), x.gt(0), x.eq(y); x.item() gives the number of a tensor with one element.',
  );
}

/** The positions of the first dimension, as views. */
export function* rowsOf(x: Tensor): Generator<Tensor> {
  if (x.ndim === 0) {
    throw new ShapeError(
      `iteration: expected a tensor with dimensions, got ${x.aval.toString()}: iteration over a 0-d tensor.`,
      'x.item() gives its number.',
    );
  }
  for (let i = 0; i < x.shape[0]!; i++) yield select(x, 0, i);
}

/** Python's spelling of a name: `requires_grad_` for `requiresGrad_`. */
export const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Throws for a member by its name in Python, which JavaScript would silently take for absent. */
export function refuseName(wrong: string, right: string): never {
  throw new ArgumentError(`${wrong}: expected names in camelCase, got one in snake_case.`, `write ${right}.`);
}

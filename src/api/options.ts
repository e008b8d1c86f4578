/**
 * The trailing options object, whose leading member may also be given by position.
 * May import: `ir`, `core`.
 * @module
 */
import { ArgumentError } from '../ir/errors.ts';

/** A plain object: options; tensors, arrays, typed arrays and functions are values. */
const isOptions = (x: unknown): x is object => typeof x === 'object' && x !== null && Object.getPrototypeOf(x) === Object.prototype;

/**
 * Options from `first` (the options object, or the value of the member `positional`) and `rest` (an options object after a
 * positional value). Unknown keys are an error.
 */
export function optionsOf<T extends object>(
  op: string,
  positional: keyof T & string,
  first: unknown,
  rest: object | undefined,
  keys: readonly string[],
): T {
  const leading = isOptions(first) ? first : first === undefined ? {} : { [positional]: first };
  const all = { ...leading, ...rest };
  for (const key of Object.keys(all)) {
    if (keys.includes(key)) continue;
    throw new ArgumentError(`${op}: expected options ${keys.join(', ')}, got ${key}.`, 'option names are those of NumPy in camelCase.', { option: key });
  }
  return all as T;
}

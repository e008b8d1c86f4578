/**
 * Arguments that may be given by position or by name, with the names checked.
 * May import: `ir`.
 * @module
 */
import { ArgumentError } from '../ir/errors.ts';

/** A plain object: the trailing options, not an array, a tensor or a typed array. */
const isOptions = (x: unknown): x is Readonly<Record<string, unknown>> =>
  typeof x === 'object' && x !== null && Object.getPrototypeOf(x) === Object.prototype;

function unknownOption(op: string, key: string, names: readonly string[]): ArgumentError {
  return new ArgumentError(
    `${op}: expected options ${names.join(', ')}, got ${key}.`,
    'option names are those of JAX in camelCase.',
    { option: key },
  );
}

/** Throws if `options` has a key that is not one of `names`. */
export function checkOptions(op: string, options: object, names: readonly string[]): void {
  for (const key of Object.keys(options)) if (!names.includes(key)) throw unknownOption(op, key, names);
}

/**
 * Optional arguments given by position, by name in a trailing object, or both. `null` and `undefined` mean "not given".
 * @param names of the arguments in their positions
 * @param given what the caller passed in those positions
 */
export function readOptions<T extends object>(op: string, names: readonly (keyof T & string)[], given: readonly unknown[]): Partial<T> {
  const out: Record<string, unknown> = {};
  given.forEach((value, i) => {
    if (value === undefined || value === null) return;
    if (!isOptions(value)) {
      out[names[i]!] = value;
      return;
    }
    for (const [key, v] of Object.entries(value)) {
      if (!(names as readonly string[]).includes(key)) throw unknownOption(op, key, names);
      if (v !== undefined && v !== null) out[key] = v;
    }
  });
  return out as Partial<T>;
}

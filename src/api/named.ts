/**
 * Arguments that may be given by position or by name, with the names checked.
 * May import: `ir`, `api/options`.
 * @module
 */
import { checkOptions, isOptions } from './options.ts';

/**
 * Optional arguments given by position, by name in a trailing object, or both. `null` and `undefined` mean "not given".
 * @param names of the arguments in their positions
 * @param given what the caller passed in those positions
 */
export function readOptions<T extends object>(
  op: string,
  names: readonly (keyof T & string)[],
  given: readonly unknown[],
): Partial<T> {
  const out: Record<string, unknown> = {};
  given.forEach((value, i) => {
    if (value === undefined || value === null) return;
    if (!isOptions(value)) {
      out[names[i]!] = value;
      return;
    }
    checkOptions(op, value, names);
    for (const [key, v] of Object.entries(value)) if (v !== undefined && v !== null) out[key] = v;
  });
  return out as Partial<T>;
}

/** One required argument, given by position or as the only member of an options object. */
export function readArgument<T>(op: string, name: string, given: T | Readonly<Record<string, T>>): T {
  if (!isOptions(given)) return given as T;
  checkOptions(op, given, [name]);
  return (given as Readonly<Record<string, T>>)[name]!;
}

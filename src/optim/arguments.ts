/**
 * Arguments of optimisers and schedules: by position, by name in a trailing object, or all by name.
 * May import: `ir`, `api/options`.
 * @module
 */
import { checkOptions, isOptions } from '../api/options.ts';
import { ArgumentError } from '../ir/errors.ts';

/** `f(required…, optional…)`, `f(required…, { options })` or `f({ everything })`. */
export type Arguments<Required extends readonly unknown[], Optional extends readonly unknown[], Options, Everything> =
  | readonly [...Required, ...Partial<Optional>]
  | readonly [...Required, options: Options | undefined]
  | readonly [everything: Everything];

/** The only argument of a function, by position or by name. */
export type Only<Name extends string, T> = T | Readonly<Record<Name, T>>;

/**
 * Arguments by name. `names` are in positional order; those without an entry in `defaults` are required.
 * @throws ArgumentError for a name that is unknown, missing, or given twice
 */
export function readArguments<T extends object>(
  op: string,
  names: readonly (keyof T & string)[],
  defaults: Partial<T>,
  args: readonly unknown[],
): T {
  const last = args.at(-1);
  const options = isOptions(last) ? (last as Record<string, unknown>) : {};
  const byPosition = isOptions(last) ? args.slice(0, -1) : args;
  checkOptions(op, options, names);
  if (byPosition.length > names.length) {
    throw new ArgumentError(
      `${op}: expected at most ${names.length} arguments (${names.join(', ')}), got ${byPosition.length}.`,
    );
  }
  const values: Record<string, unknown> = { ...defaults };
  names.forEach((name, i) => {
    const [placed, named] = [byPosition[i], options[name]];
    if (placed !== undefined && named !== undefined) {
      throw new ArgumentError(`${op}: expected ${name} once, got it by position and by name.`, 'drop one of the two.', {
        option: name,
      });
    }
    const value = placed ?? named;
    if (value !== undefined) values[name] = value;
    else if (!Object.hasOwn(defaults, name)) {
      throw new ArgumentError(`${op}: expected ${name}, got nothing.`, `arguments: ${names.join(', ')}.`, {
        option: name,
      });
    }
  });
  return values as T;
}

/**
 * The trailing options object of public functions: recognised, checked, and merged with a leading member given by position.
 * May import: `ir`, `core`.
 * @module
 */
import { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../ir/errors.ts';

/** True for a plain object: neither a tensor nor an array, a typed array or a function. */
export function isOptions(x: unknown): x is object {
  if (typeof x !== 'object' || x === null) return false;
  const prototype: unknown = Object.getPrototypeOf(x);
  return prototype === Object.prototype || prototype === null;
}

/** Throws for a key that the function does not have; `fix` says what may have been meant. */
export function checkOptions(
  op: string,
  options: object | null | undefined,
  keys: readonly string[],
  fix?: string,
): void {
  if (options === undefined || options === null) return;
  if (!isOptions(options)) {
    throw new ArgumentError(
      `${op}: expected an options object, got ${describe(options)}.`,
      fix ?? `options: ${keys.join(', ')}.`,
    );
  }
  for (const key of Object.keys(options)) {
    if (keys.includes(key)) continue;
    throw new ArgumentError(`${op}: expected options ${keys.join(', ')}, got ${key}.`, fix ?? hintFor(key, keys), {
      option: key,
      valid: keys,
    });
  }
}

const otherNames: Readonly<Record<string, string>> = {
  axis: 'dim',
  dim: 'axis',
  keepdims: 'keepdim',
  keepdim: 'keepdims',
};

/** What an option that does not exist may have been meant for. */
function hintFor(key: string, keys: readonly string[]): string {
  const camel = key.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  const near = [camel, otherNames[key] ?? ''].find((name) => keys.includes(name));
  return near === undefined ? 'option names are those of NumPy, or PyTorch, in camelCase.' : `did you mean ${near}?`;
}

/** A value as an error message names it. */
export function describe(x: unknown): string {
  if (typeof x === 'function') return 'a function';
  if (typeof x === 'string') return JSON.stringify(x);
  if (x === null || typeof x !== 'object') return String(x);
  if (x instanceof Tensor) return 'a tensor';
  if (Array.isArray(x)) return 'an array';
  return `an instance of ${(x.constructor as { name: string } | undefined)?.name ?? 'Object'}`;
}

/**
 * Options from `first` (the options object, or the value of the member `positional`) and `rest` (an options object after a
 * positional value): `f(x, axis)`, `f(x, { axis })`, `f(x, axis, { keepdims })`. Unknown keys are an error.
 */
export function optionsOf<T extends object>(
  op: string,
  positional: keyof T & string,
  first: unknown,
  rest: object | null | undefined,
  keys: readonly string[],
): T {
  const leading = isOptions(first) ? first : first === undefined ? {} : { [positional]: first };
  checkOptions(op, leading, keys);
  checkOptions(op, rest, keys);
  return { ...leading, ...rest } as T;
}

/** Throws unless `value` is absent or an integer of at least `least`. */
export function checkCount(op: string, name: string, value: unknown, least: number): void {
  if (value === undefined || (Number.isInteger(value) && (value as number) >= least)) return;
  throw new ArgumentError(`${op}: expected ${name} to be an integer of at least ${least}, got ${describe(value)}.`);
}

/** Throws unless `value` is one of a set of words. */
export function checkChoice(op: string, name: string, value: unknown, choices: readonly string[]): void {
  if (choices.includes(value as string)) return;
  throw new ArgumentError(`${op}: expected ${name} to be one of ${choices.join(', ')}, got ${String(value)}.`);
}

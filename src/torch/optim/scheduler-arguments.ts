/**
 * Arguments of schedulers, by position as in PyTorch, or by name.
 * May import: everything up to `api`, `torch/ops/named`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import { isOptions } from '../../api/options.ts';
import { type Arguments, readArguments } from '../ops/named.ts';

export interface LastEpoch {
  /** The epoch to go on from; −1, the start. */
  readonly lastEpoch?: number | undefined;
}

/** Settings in the order K, and the epoch to go on from; the latter also behind an object of the others. */
export type SchedulerArguments<O extends object, K extends readonly (keyof O)[]> =
  | Arguments<O & LastEpoch, [...K, 'lastEpoch']>
  | [options: O, lastEpoch: number];

/**
 * The settings by name.
 * @param required of the names, those without a default
 * @throws ArgumentError for an unknown setting, and one that is missing
 */
export function readSettings<O extends object>(
  op: string,
  names: readonly (keyof O & string)[],
  required: readonly (keyof O & string)[],
  args: readonly unknown[],
): O & LastEpoch {
  const [options, lastEpoch] = args;
  const isTrailing = args.length === 2 && isOptions(options) && !isOptions(lastEpoch);
  const given = isTrailing ? [{ ...options, lastEpoch }] : args;
  const settings = readArguments<O & LastEpoch>(op, [...names, 'lastEpoch'], given);
  const missing = required.find((name) => settings[name] === undefined);
  if (missing === undefined) return settings;
  throw new ArgumentError(`${op}: expected ${missing}, got nothing.`, `arguments: ${names.join(', ')}.`);
}

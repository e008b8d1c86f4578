/**
 * Checks of settings.
 * May import: `ir`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';

/** Throws unless a setting is in its range. */
export function checkSetting(op: string, name: string, value: number, isGood: boolean): void {
  if (isGood) return;
  throw new ArgumentError(`${op}: expected ${name} in its range, got ${value}: invalid ${name} value: ${value}.`);
}

/** Throws unless settings are numbers of at least 0. */
export function checkNonNegative(op: string, settings: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(settings)) checkSetting(op, name, value, value >= 0);
}

/**
 * What is looked at must be over when the function returns.
 * May import: `ir`.
 * @module
 */
import { ArgumentError } from '../ir/errors.ts';

export function refusePromise(op: string, result: unknown): void {
  if (typeof result !== 'object' || result === null || !('then' in result)) return;
  throw new ArgumentError(
    `${op}: expected a function that returns at once, got one that returns a Promise.`,
    'pass the synchronous part: await inputs before, and outputs after.',
  );
}

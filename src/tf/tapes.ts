/**
 * Tapes that record now, as variables see them: reading a variable is what watches it.
 * May import: everything up to `api`.
 * @module
 */
import type { Variable } from './variable.ts';

/** What a variable tells when it is read. */
export interface VariableWatcher {
  readVariable(variable: Variable): void;
}

let watchers: readonly VariableWatcher[] = [];

export const activeWatchers = (): readonly VariableWatcher[] => watchers;

/** Runs `f` with these watchers in place of those that were there. */
export function withWatchers<T>(these: readonly VariableWatcher[], f: () => T): T {
  const before = watchers;
  watchers = these;
  try {
    return f();
  } finally {
    watchers = before;
  }
}

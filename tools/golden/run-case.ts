/**
 * Runs a case of either kind and classes the outcome.
 * @module
 */

import type { GoldenCase } from './cases.ts';
import { isComposite } from './cases.ts';
import { MissingError, SkipError, withFloat64 } from './library.ts';
import { runCompositeCase } from './run-composite.ts';
import { runOpCase } from './run-op.ts';
import type { Failure } from './run-op.ts';

/** How a case ended. `missing`: the library lacks a name; `wrong`: a result differs, or an error was thrown. */
export type Outcome =
  | { readonly kind: 'pass' }
  | { readonly kind: 'wrong'; readonly failures: readonly Failure[] }
  | { readonly kind: 'missing'; readonly api: string }
  | { readonly kind: 'skipped'; readonly reason: string };

function attempt(golden: GoldenCase): readonly Failure[] {
  return withFloat64(() => (isComposite(golden) ? runCompositeCase(golden) : runOpCase(golden)));
}

/** Runs one case; never throws. */
export function runCase(golden: GoldenCase): Outcome {
  if (golden.tags?.includes('unspecified') === true) return { kind: 'skipped', reason: 'unspecified' };
  try {
    const failures = attempt(golden);
    return failures.length === 0 ? { kind: 'pass' } : { kind: 'wrong', failures };
  } catch (error) {
    if (error instanceof MissingError) return { kind: 'missing', api: error.api };
    if (error instanceof SkipError) return { kind: 'skipped', reason: error.message };
    const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { kind: 'wrong', failures: [{ stage: 'value', detail }] };
  }
}

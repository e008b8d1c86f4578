/**
 * Options of all losses.
 * May import: `ir`, `api/options`, `nn`.
 * @module
 */
import { checkChoice, checkOptions } from '../../../api/options.ts';
import type { Reduction } from '../../../nn/losses/reduction.ts';

export interface LossOptions {
  /** How losses become one number: `'mean'` (default), `'sum'`, or not at all (`'none'`). */
  readonly reduction?: Reduction | undefined;
}

/** Throws for options that a loss does not have. */
export function checkLossOptions(
  op: string,
  options: { readonly reduction?: string | undefined },
  names: readonly string[],
  reductions: readonly string[] = ['none', 'mean', 'sum'],
): void {
  const all = ['reduction', ...names];
  checkOptions(op, options, all, `options of ${op}: ${all.join(', ')}.`);
  if (options.reduction !== undefined) checkChoice(op, 'reduction', options.reduction, reductions);
}

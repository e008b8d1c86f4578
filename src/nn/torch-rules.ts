/**
 * PyTorch's names for the parts of the modules that differ by more than spelling.
 * May import: `core`, `api`.
 * @module
 */
import type { Module } from './module.ts';
import { BatchNorm } from './batch-norm.ts';
import { Sequential } from './sequential.ts';
import type { Source } from './state-dict.ts';

/** From paths below a module to names below its place in the table. */
export type NameRules = Readonly<Record<string, string | Source>>;

/** Two parts of a name; either may be empty. */
export const join = (a: string, b: string): string => (a === '' || b === '' ? a + b : `${a}.${b}`);

/** The rules of one module. */
export function rulesOf(module: Module): NameRules {
  if (module instanceof Sequential) return { layers: '' };
  if (module instanceof BatchNorm) return { batchesTracked: 'num_batches_tracked' };
  return {};
}

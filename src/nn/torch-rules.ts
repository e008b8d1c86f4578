/**
 * PyTorch's names for the parts of the modules that differ by more than spelling.
 * May import: `core`, `api`.
 * @module
 */
import type { Tensor } from '../core/tensor.ts';
import { sliceAxis } from '../primitives/slice.ts';
import { MultiHeadAttention } from './attention.ts';
import type { Module } from './module.ts';
import { BatchNorm } from './batch-norm.ts';
import { Recurrent } from './recurrent.ts';
import { RecurrentCell } from './recurrent-cells.ts';
import { Sequential } from './sequential.ts';
import type { Source } from './state-dict.ts';
import { TransformerBlock } from './transformer.ts';

/** From paths below a module to names below its place in the table. */
export type NameRules = Readonly<Record<string, string | Source>>;

/** Two parts of a name; either may be empty. */
export const join = (a: string, b: string): string => (a === '' || b === '' ? a + b : `${a}.${b}`);

/** The rules of one module. */
export function rulesOf(module: Module): NameRules {
  if (module instanceof Sequential) return { layers: '' };
  if (module instanceof BatchNorm) return { batchesTracked: 'num_batches_tracked' };
  if (module instanceof TransformerBlock) return { attention: 'self_attn' };
  if (module instanceof MultiHeadAttention) return attentionRules(module);
  if (module instanceof Recurrent) return recurrentRules(module.cells.length, module.bidirectional);
  if (module instanceof RecurrentCell) return Object.fromEntries(cellNames);
  return {};
}

/** The three projections are one there, if their inputs are of one size: rows of the queries first, then keys, then values. */
function attentionRules({ query, key, value }: MultiHeadAttention): NameRules {
  const sizes = [query, key, value].map((l) => l.weight.shape[0]!) as [number, number, number];
  const starts = [0, sizes[0], sizes[0] + sizes[1]] as const;
  const isPacked = [key, value].every((l) => l.weight.shape[1] === query.weight.shape[1]);
  const rules: Record<string, string | Source> = { out: 'out_proj' };
  (['query', 'key', 'value'] as const).forEach((part, i) => {
    const rows = (x: Tensor): Tensor => sliceAxis(x, 0, starts[i]!, starts[i]! + sizes[i]!);
    rules[`${part}.bias`] = { name: 'in_proj_bias', transform: rows };
    const name = `${part[0]!}_proj_weight`;
    rules[`${part}.weight`] = isPacked ? { name: 'in_proj_weight', transform: rows } : { name };
  });
  return rules;
}

const cellNames = [
  ['inputWeight', 'weight_ih'],
  ['hiddenWeight', 'weight_hh'],
  ['inputBias', 'bias_ih'],
  ['hiddenBias', 'bias_hh'],
] as const;

/** All cells have their parameters in the layer there: `weight_ih_l0`, `weight_ih_l0_reverse`, `weight_ih_l1`, … */
function recurrentRules(cells: number, bidirectional: boolean): NameRules {
  const directions = bidirectional ? 2 : 1;
  const rules: Record<string, Source> = {};
  for (let i = 0; i < cells; i++) {
    const suffix = `_l${Math.floor(i / directions)}${i % directions === 1 ? '_reverse' : ''}`;
    for (const [field, name] of cellNames) rules[`cells.${i}.${field}`] = { name: name + suffix };
  }
  return rules;
}

/**
 * The operands of a scan: constants, carry, slices of xs; and what its rules share.
 * May import: `ir`.
 * @module
 */
import { Program } from '../ir/program.ts';

export interface ScanParams {
  /** Inputs: constants, carry, slices of xs. Outputs: carry, slices of ys. */
  readonly body: Program;
  readonly numConsts: number;
  readonly numCarry: number;
  readonly length: number;
  readonly reverse: boolean;
  /** Iterations that are compiled as one (default 1). Results do not depend on it. */
  readonly unroll?: number;
}

export interface Parts<T> {
  readonly consts: readonly T[];
  readonly carry: readonly T[];
  readonly xs: readonly T[];
}

export function partsOf<T>(list: readonly T[], { numConsts, numCarry }: ScanParams): Parts<T> {
  return {
    consts: list.slice(0, numConsts),
    carry: list.slice(numConsts, numConsts + numCarry),
    xs: list.slice(numConsts + numCarry),
  };
}

export const pick = <T>(list: readonly T[], mask: readonly boolean[]): T[] => list.filter((_, i) => mask[i]);
export const omit = <T>(list: readonly T[], mask: readonly boolean[]): T[] => list.filter((_, i) => !mask[i]);
/** The least carry mask that contains `start` and is closed under `step` (a carry that meets what the mask marks is marked). */
export function carryFixpoint(
  start: readonly boolean[],
  step: (mask: readonly boolean[]) => readonly boolean[],
): boolean[] {
  let mask = [...start];
  for (;;) {
    const out = step(mask);
    const next = mask.map((m, i) => m || out[i]!);
    if (next.every((m, i) => m === mask[i])) return mask;
    mask = next;
  }
}

/** The same Program with inputs and outputs in another order. */
export const reorder = (
  p: Program,
  inputs: readonly Program['inputs'][number][],
  outputs: Program['outputs'],
): Program => new Program(p.name, inputs, p.equations, outputs);

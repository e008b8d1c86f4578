/**
 * What the compiler reads of a primitive's record. The record itself is declared a layer up; the compiler sees this part of it only.
 * May import: `ir`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import type { TypedArray } from '../ir/dtype.ts';
import type { LoopsRule, LowerRule } from '../ir/loop/lower.ts';
import type { Equation, Params, PrimitiveInfo } from '../ir/program.ts';
import type { SimplifyRule } from '../ir/simplify.ts';

interface HostValue {
  readonly aval: Aval;
  readonly data: TypedArray;
}

export interface Rules extends PrimitiveInfo {
  readonly id: number;
  readonly abstractEval: (avals: readonly Aval[], params: Params) => readonly Aval[];
  readonly lower: LowerRule<Params>;
  readonly reference?: (args: readonly HostValue[], outs: readonly HostValue[], params: Params) => void;
  readonly simplify?: SimplifyRule<Params>;
  readonly prune?: (
    usedOutputs: readonly boolean[],
    params: Params,
  ) => { readonly params: Params; readonly inputs: readonly number[]; readonly outputs: readonly number[] } | undefined;
  readonly hasEffects?: boolean;
  /** Neither folded nor merged with its like: it keeps values apart on purpose. */
  readonly isOpaque?: boolean;
}

/** The record behind an equation: only declared primitives are ever put in one. */
export const rulesOf = (eqn: { readonly primitive: PrimitiveInfo }): Rules => eqn.primitive as Rules;

/** The loops that an equation is compiled to, if it is not fused. */
export function loopsOf(eqn: Equation): LoopsRule<Params> | undefined {
  const { lower } = rulesOf(eqn);
  if (lower.kind === 'loops') return lower;
  if (lower.kind !== 'pointwise' || lower.update === undefined) return undefined;
  const inputs = eqn.inputs.map((a) => a.aval);
  return lower.update.isBetter(inputs, eqn.params) ? lower.update : undefined;
}

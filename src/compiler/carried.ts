/**
 * Results that start as an operand: the carried values of loops, and arrays of which an operation changes a part.
 * May import: `ir`.
 * @module
 */
import type { Equation } from '../ir/program.ts';
import { loopsOf, rulesOf } from './rules.ts';

/** An operand whose memory a result takes over, when nobody else needs it. */
export interface CarriedOperand {
  readonly input: number;
  readonly output: number;
}

export function carriedOperands(eqn: Equation): CarriedOperand[] {
  const loops = loopsOf(eqn);
  if (loops?.startsFrom !== undefined) return [{ input: loops.startsFrom, output: 0 }];
  const { lower } = rulesOf(eqn);
  if (lower.kind !== 'control') return [];
  const control = lower.control(eqn.params);
  if (control.kind === 'branch') return [];
  const first = control.kind === 'while' ? control.condConstants + control.bodyConstants : control.constants;
  const count = control.kind === 'while' ? eqn.outputs.length : control.carry;
  return Array.from({ length: count }, (_, k) => ({ input: first + k, output: k }));
}

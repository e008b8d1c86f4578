/**
 * The body of a loop several times over, as one Program: values pass from one iteration to the next without going through memory where
 * the fuser lets them.
 * May import: `ir`.
 * @module
 */
import { inlineProgram } from '../ir/inline.ts';
import { type Atom, type Equation, Program, Var } from '../ir/program.ts';
import { cse } from './cse.ts';
import { dce } from './dce.ts';

/**
 * Inputs: constants, carry, then for each iteration its slices of xs. Outputs: carry, then for each iteration its slices of ys. What the
 * iterations have in common is computed once.
 */
export function repeatBody(body: Program, constants: number, carry: number, times: number): Program {
  const fresh = (v: Var): Var => new Var(v.aval);
  const shared = body.inputs.slice(0, constants).map(fresh);
  const start = body.inputs.slice(constants, constants + carry).map(fresh);
  const equations: Equation[] = [];
  const slices: Var[] = [];
  const ys: Atom[] = [];
  let state: readonly Atom[] = start;
  for (let i = 0; i < times; i++) {
    const xs = body.inputs.slice(constants + carry).map(fresh);
    slices.push(...xs);
    const inlined = inlineProgram(body, [...shared, ...state, ...xs]);
    equations.push(...inlined.equations);
    state = inlined.values.slice(0, carry);
    ys.push(...inlined.values.slice(carry));
  }
  const inputs = [...shared, ...start, ...slices];
  return dce(cse(new Program(body.name, inputs, equations, [...state, ...ys])));
}

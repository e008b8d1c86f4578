/**
 * The body of a loop several times over, as one Program: values pass from one iteration to the next without going through memory where
 * the fuser lets them.
 * May import: `ir`.
 * @module
 */
import { type Atom, Equation, Program, Var } from '../ir/program.ts';
import { cse } from './cse.ts';
import { dce } from './dce.ts';
import { Substitution } from './rewrite.ts';

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
    const outs = inline(body, [...shared, ...state, ...xs], equations);
    state = outs.slice(0, carry);
    ys.push(...outs.slice(carry));
  }
  const inputs = [...shared, ...start, ...slices];
  return dce(cse(new Program(body.name, inputs, equations, [...state, ...ys])));
}

/** Appends the equations of a Program applied to `args`, with variables of their own; gives its outputs. */
function inline(program: Program, args: readonly Atom[], equations: Equation[]): readonly Atom[] {
  const env = new Substitution();
  program.inputs.forEach((v, i) => env.set(v, args[i]!));
  for (const { primitive, inputs, params, outputs, site } of program.equations) {
    const own = outputs.map((v) => new Var(v.aval));
    equations.push(new Equation(primitive, env.all(inputs), params, own, site));
    outputs.forEach((v, i) => env.set(v, own[i]!));
  }
  return env.all(program.outputs);
}

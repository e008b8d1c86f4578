/**
 * A Program's equations as part of another.
 * May import: `ir`.
 * @module
 */
import { type Atom, Equation, type Program, Var } from './program.ts';

export interface Inlined {
  readonly equations: readonly Equation[];
  /** What the outputs of the Program are. */
  readonly values: readonly Atom[];
}

/** `program` applied to `args`: its equations with variables of their own. */
export function inlineProgram(program: Program, args: readonly Atom[]): Inlined {
  const env = new Map<Var, Atom>(program.inputs.map((v, i) => [v, args[i]!]));
  const of = (a: Atom): Atom => (a.kind === 'var' ? (env.get(a) ?? a) : a);
  const equations = program.equations.map(({ primitive, inputs, params, outputs, site }) => {
    const own = outputs.map((v) => new Var(v.aval));
    const eqn = new Equation(primitive, inputs.map(of), params, own, site);
    outputs.forEach((v, i) => env.set(v, own[i]!));
    return eqn;
  });
  return { equations, values: program.outputs.map(of) };
}

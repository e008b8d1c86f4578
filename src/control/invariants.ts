/**
 * What is the same in every iteration of a loop (operands that stay, and what is computed from them alone), and what matters to some of
 * its results.
 * May import: `ir`, `core`.
 * @module
 */
import { Literal, Program, type Equation, type Var } from '../ir/program.ts';
import { recordOf } from '../core/primitive.ts';

/** Which inputs of a Program the wanted outputs, and its effects, depend on. */
export function neededInputs(program: Program, isWanted: (output: number) => boolean): boolean[] {
  const needed = new Set<Var>();
  program.outputs.forEach((a, i) => {
    if (a.kind === 'var' && isWanted(i)) needed.add(a);
  });
  for (let i = program.equations.length - 1; i >= 0; i--) {
    const eqn = program.equations[i]!;
    if (!eqn.outputs.some((v) => needed.has(v)) && recordOf(eqn).hasEffects !== true) continue;
    for (const a of eqn.inputs) if (a.kind === 'var') needed.add(a);
  }
  return program.inputs.map((v) => needed.has(v));
}

/** Equations of a loop's body that depend on nothing but `fixed` inputs, as a Program of those inputs, for the `wanted` outputs. */
export function hoist(body: Program, fixed: ReadonlySet<Var>, wanted: readonly Var[]): Program {
  const needed = new Set<Var>(wanted);
  const equations: Equation[] = [];
  for (let i = body.equations.length - 1; i >= 0; i--) {
    const eqn = body.equations[i]!;
    if (!eqn.outputs.some((v) => needed.has(v))) continue;
    equations.push(eqn);
    for (const a of eqn.inputs) if (a.kind === 'var') needed.add(a);
  }
  const inputs = body.inputs.filter((v) => fixed.has(v));
  return new Program(`${body.name}.invariant`, inputs, equations.reverse(), wanted);
}

/** The variables of a body that have one value in all iterations, given the inputs that do. */
export function invariantVars(body: Program, fixed: ReadonlySet<Var>): ReadonlySet<Var> {
  const out = new Set<Var>(fixed);
  for (const eqn of body.equations) {
    if (eqn.inputs.every((a) => a instanceof Literal || out.has(a))) for (const v of eqn.outputs) out.add(v);
  }
  return out;
}

/**
 * Dead code: equations that nothing uses, and the parts of control flow that nothing uses (by the records' `prune`).
 * May import: `ir`.
 * @module
 */
import { Equation, type Program, type Var } from '../ir/program.ts';
import { deepPass, type Pass, rebuild, withBody } from './rewrite.ts';
import { rulesOf } from './rules.ts';

function dceOne(program: Program, recurse: Pass): Program {
  const live = new Set<Var>();
  for (const a of program.outputs) if (a.kind === 'var') live.add(a);
  const kept: Equation[] = [];
  for (let i = program.equations.length - 1; i >= 0; i--) {
    const eqn = program.equations[i]!;
    if (!eqn.outputs.some((v) => live.has(v)) && !rulesOf(eqn).hasEffects) continue;
    const pruned = prune(eqn, live);
    for (const a of pruned.inputs) if (a.kind === 'var') live.add(a);
    kept.push(rebuild(pruned, pruned.inputs, recurse));
  }
  return withBody(program, kept.reverse(), program.outputs);
}

function prune(eqn: Equation, live: ReadonlySet<Var>): Equation {
  const { prune: rule } = rulesOf(eqn);
  if (rule === undefined) return eqn;
  const used = eqn.outputs.map((v) => live.has(v));
  const smaller = rule(used, eqn.params);
  if (smaller === undefined) return eqn;
  return new Equation(
    eqn.primitive,
    smaller.inputs.map((i) => eqn.inputs[i]!),
    smaller.params,
    smaller.outputs.map((i) => eqn.outputs[i]!),
    eqn.site,
  );
}

export const dce = (program: Program): Program => deepPass(dceOne)(program);

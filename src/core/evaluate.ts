/**
 * Interpreting a Program: binds each equation under the current trace.
 * May import: `ir`, `core`.
 * @module
 */
import type { Atom, Program, Var } from '../ir/program.ts';
import { recordOf } from './primitive.ts';
import { replaySite, stopReplay } from './site.ts';
import type { Tensor } from './tensor.ts';
import { currentTrace } from './trace.ts';

/** Outputs of `program` at `args`, computed (or traced) one equation at a time; values are dropped after their last use. */
export function evalProgram(program: Program, args: readonly Tensor[]): Tensor[] {
  const env = new Map<Var, Tensor>();
  const read = (a: Atom): Tensor => (a.kind === 'var' ? env.get(a)! : (a.value as Tensor));
  program.inputs.forEach((v, i) => env.set(v, args[i]!));
  const lastUses = lastUsesOf(program);
  const trace = currentTrace();
  const { equations } = program;
  const before = replaySite(undefined);
  try {
    for (let i = 0; i < equations.length; i++) {
      const eqn = equations[i]!;
      replaySite(eqn.site);
      const outs = trace.process(recordOf(eqn), eqn.inputs.map(read), eqn.params);
      eqn.outputs.forEach((v, k) => env.set(v, outs[k]!));
      for (const v of lastUses[i]!) env.delete(v);
    }
  } finally {
    stopReplay(before);
  }
  return program.outputs.map(read);
}

const lastUseCache = new WeakMap<Program, readonly (readonly Var[])[]>();

/** For each equation, the variables no later equation or output reads. */
function lastUsesOf(program: Program): readonly (readonly Var[])[] {
  const cached = lastUseCache.get(program);
  if (cached) return cached;
  const seen = new Set<Var>();
  for (const o of program.outputs) if (o.kind === 'var') seen.add(o);
  const out: Var[][] = Array.from({ length: program.equations.length }, () => []);
  for (let i = program.equations.length - 1; i >= 0; i--) {
    const eqn = program.equations[i]!;
    for (const a of [...eqn.outputs, ...eqn.inputs]) {
      if (a.kind !== 'var' || seen.has(a)) continue;
      seen.add(a);
      out[i]!.push(a);
    }
  }
  lastUseCache.set(program, out);
  return out;
}

/**
 * Tools shared by the passes from Program to Program.
 * May import: `ir`.
 * @module
 */
import { type Atom, Equation, Program, type Params, type Var } from '../ir/program.ts';
import { rulesOf } from './rules.ts';

/** Values that stand for variables. Entries are resolved when they are made, so a look-up is one step. */
export class Substitution {
  private readonly map = new Map<Var, Atom>();

  of(atom: Atom): Atom {
    return atom.kind === 'var' ? (this.map.get(atom) ?? atom) : atom;
  }

  all(atoms: readonly Atom[]): readonly Atom[] {
    if (this.map.size === 0) return atoms;
    let changed: Atom[] | undefined;
    for (let i = 0; i < atoms.length; i++) {
      const to = this.of(atoms[i]!);
      if (to !== atoms[i]) (changed ??= [...atoms])[i] = to;
    }
    return changed ?? atoms;
  }

  set(v: Var, value: Atom): void {
    this.map.set(v, this.of(value));
  }
}

/** A pass over one Program. `recurse` applies the same pass to a sub-Program (each distinct one once). */
export type Pass = (program: Program) => Program;

/** Turns a rewrite of one Program into a pass that also reaches the sub-Programs of control flow. */
export function deepPass(rewrite: (program: Program, recurse: Pass) => Program): Pass {
  const done = new WeakMap<Program, Program>();
  const recurse: Pass = (program) => {
    let out = done.get(program);
    if (out === undefined) done.set(program, (out = rewrite(program, recurse)));
    return out;
  };
  return recurse;
}

/** `eqn` with other operands and with `f` applied to the sub-Programs it runs; the same object when nothing changes. */
export function rebuild(eqn: Equation, inputs: readonly Atom[], f: Pass): Equation {
  const params = rulesOf(eqn).lower.kind === 'control' ? mapPrograms(eqn.params, f) : eqn.params;
  if (inputs === eqn.inputs && params === eqn.params) return eqn;
  return new Equation(eqn.primitive, inputs, params, eqn.outputs, eqn.site);
}

function mapPrograms(params: Params, f: Pass): Params {
  let out: Record<string, unknown> | undefined;
  for (const [key, value] of Object.entries(params)) {
    const mapped = mapValue(value, f);
    if (mapped !== value) (out ??= { ...params })[key] = mapped;
  }
  return out ?? params;
}

function mapValue(value: unknown, f: Pass): unknown {
  if (value instanceof Program) return f(value);
  if (!Array.isArray(value) || !value.some((v) => v instanceof Program)) return value;
  const mapped = value.map((v: unknown) => (v instanceof Program ? f(v) : v));
  return mapped.every((v, i) => v === value[i]) ? value : mapped;
}

/** `program` with other equations and outputs. */
export const withBody = (program: Program, equations: readonly Equation[], outputs: readonly Atom[]): Program =>
  new Program(program.name, program.inputs, equations, outputs);

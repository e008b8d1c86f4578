/**
 * Constant folding, and the rewrite rules that primitives carry.
 * May import: `ir`.
 * @module
 */
import { makeTypedArray } from '../ir/dtype.ts';
import { InternalError } from '../ir/errors.ts';
import { type Atom, Equation, Literal, type Program, type Var } from '../ir/program.ts';
import { scalarOf } from '../ir/simplify.ts';
import { showEquation } from '../ir/verify.ts';
import { deepPass, type Pass, rebuild, Substitution, withBody } from './rewrite.ts';
import { rulesOf } from './rules.ts';

/** Rules may undo each other only through a bug; this bounds the damage. */
const maxRewrites = 16;

function simplifyOne(program: Program, recurse: Pass): Program {
  const env = new Substitution();
  const producers = new Map<Var, Equation>();
  const producer = (a: Atom): Equation | undefined => (a.kind === 'var' ? producers.get(a) : undefined);
  const out: Equation[] = [];
  for (const original of program.equations) {
    const result = rewrite(rebuild(original, env.all(original.inputs), recurse), producer);
    if (result instanceof Equation) {
      out.push(result);
      for (const v of result.outputs) producers.set(v, result);
    } else {
      original.outputs.forEach((v, i) => env.set(v, result[i]!));
    }
  }
  return withBody(program, out, env.all(program.outputs));
}

/** The equation in its simplest form, or the values that make it unnecessary. */
function rewrite(start: Equation, producer: (a: Atom) => Equation | undefined): Equation | readonly Atom[] {
  let eqn = start;
  for (let round = 0; round < maxRewrites; round++) {
    const folded = fold(eqn);
    if (folded !== undefined) return folded;
    const { simplify } = rulesOf(eqn);
    const outputs = eqn.outputs.map((v) => v.aval);
    const to = simplify?.({ inputs: eqn.inputs, params: eqn.params, outputs, producer });
    if (to === undefined) return eqn;
    if (to.kind === 'values') return checked(eqn, to.values);
    eqn = new Equation(to.primitive, to.inputs, to.params, eqn.outputs, eqn.site);
  }
  return eqn;
}

function checked(eqn: Equation, values: readonly Atom[]): readonly Atom[] {
  const fits =
    values.length === eqn.outputs.length && values.every((a, i) => a.aval.equals(eqn.outputs[i]!.aval, true));
  if (!fits) throw new InternalError(`a simplify rule changed the avals of\n    ${showEquation(eqn)}`);
  return values;
}

/** Scalars of scalars are computed now, by the reference rule. */
function fold(eqn: Equation): readonly Atom[] | undefined {
  const { reference, hasEffects, isOpaque } = rulesOf(eqn);
  if (reference === undefined || hasEffects || isOpaque) return undefined;
  if (!eqn.outputs.every((v) => v.aval.ndim === 0)) return undefined;
  if (!eqn.inputs.every((a) => scalarOf(a) !== undefined)) return undefined;
  const args = eqn.inputs.map((a) => {
    const data = makeTypedArray(a.aval.dtype, 1);
    data[0] = scalarOf(a)!;
    return { aval: a.aval, data };
  });
  const outs = eqn.outputs.map((v) => ({ aval: v.aval, data: makeTypedArray(v.aval.dtype, 1) }));
  reference(args, outs, eqn.params);
  return outs.map(({ aval, data }) => new Literal({ aval, scalar: data[0]! }));
}

export const simplify = (program: Program): Program => deepPass(simplifyOne)(program);

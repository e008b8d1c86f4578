/**
 * Constant folding, and the rewrite rules that primitives carry.
 * May import: `ir`.
 * @module
 */
import { makeTypedArray, makeUnrounded, rounded } from '../ir/dtype.ts';
import { InternalError } from '../ir/errors.ts';
import { type Atom, Equation, Literal, type Params, type Program, type Var } from '../ir/program.ts';
import { scalarOf, type SimplifyView } from '../ir/simplify.ts';
import { showEquation } from '../ir/verify.ts';
import { deepPass, type Pass, rebuild, Substitution, withBody } from './rewrite.ts';
import { rulesOf } from './rules.ts';

/** Rules may undo each other only through a bug; this bounds the damage. */
const maxRewrites = 16;

function simplifyOne(program: Program, recurse: Pass): Program {
  const { out, env, place } = new Simplifier(program);
  for (const original of program.equations) place(rebuild(original, env.all(original.inputs), recurse), 0);
  return withBody(program, out, env.all(program.outputs));
}

/** The equations of one Program, each in its simplest form. */
class Simplifier {
  readonly env = new Substitution();
  readonly out: Equation[] = [];
  private readonly producers = new Map<Var, Equation>();
  private readonly counts = new Map<Atom, number>();
  private readonly context: Context = {
    producer: (a) => (a.kind === 'var' ? this.producers.get(a) : undefined),
    uses: (a) => this.counts.get(a) ?? 0,
  };

  constructor(program: Program) {
    for (const { inputs } of program.equations) for (const a of inputs) this.count(a, 1);
    for (const a of program.outputs) this.count(a, 1);
  }

  private count(a: Atom, more: number): void {
    if (a.kind === 'var') this.counts.set(a, (this.counts.get(a) ?? 0) + more);
  }

  /** `depth`: how many rewrites the equation comes from, each of which made several of one. */
  readonly place = (eqn: Equation, depth: number): void => {
    const result = depth < maxRewrites ? rewrite(eqn, this.context) : eqn;
    if (result instanceof Equation) {
      this.out.push(result);
      for (const v of result.outputs) this.producers.set(v, result);
      return;
    }
    for (const { inputs } of result.equations) for (const a of inputs) this.count(a, 1);
    for (const e of result.equations) this.place(rebuild(e, this.env.all(e.inputs), asItIs), depth + 1);
    eqn.outputs.forEach((v, i) => {
      this.env.set(v, result.values[i]!);
      this.count(this.env.of(v), this.context.uses(v));
    });
  };
}

type Context = Pick<SimplifyView<Params>, 'producer' | 'uses'>;

const asItIs: Pass = (program) => program;

interface Values {
  readonly equations: readonly Equation[];
  readonly values: readonly Atom[];
}

/** The equation in its simplest form, or the values that make it unnecessary, with the equations they come from. */
function rewrite(start: Equation, context: Context): Equation | Values {
  let eqn = start;
  for (let round = 0; round < maxRewrites; round++) {
    const folded = fold(eqn);
    if (folded !== undefined) return { equations: [], values: folded };
    const { simplify } = rulesOf(eqn);
    const outputs = eqn.outputs.map((v) => v.aval);
    const to = simplify?.({ inputs: eqn.inputs, params: eqn.params, outputs, ...context });
    if (to === undefined) return eqn;
    if (to.kind === 'values') return { equations: [], values: checked(eqn, to.values) };
    if (to.kind === 'equations') return { equations: withSite(to.equations, eqn), values: checked(eqn, to.values) };
    eqn = new Equation(to.primitive, to.inputs, to.params, eqn.outputs, eqn.site);
  }
  return eqn;
}

const withSite = (equations: readonly Equation[], { site }: Equation): Equation[] =>
  equations.map((e) => (e.site === undefined ? new Equation(e.primitive, e.inputs, e.params, e.outputs, site) : e));

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
  const outs = eqn.outputs.map((v) => ({ aval: v.aval, data: makeUnrounded(v.aval.dtype, 1) }));
  reference(args, outs, eqn.params);
  return outs.map(({ aval, data }) => new Literal({ aval, scalar: rounded(data, aval.dtype)[0]! }));
}

export const simplify = (program: Program): Program => deepPass(simplifyOne)(program);

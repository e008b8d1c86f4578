/**
 * What is the same in every iteration of a loop (operands that stay, and what is computed from them alone), and what matters to some of
 * its results.
 * May import: `ir`, `core`.
 * @module
 */
import { type Atom, Equation, Literal, Program, Var } from '../ir/program.ts';
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

/** Values that a loop can find ready instead of computing them in each iteration. */
interface Hoisted {
  /** Before the loop: the values, from the inputs that stay. */
  readonly before: Program;
  /** The body, with the values as inputs after the first `position` ones. */
  readonly body: Program;
  readonly count: number;
}

/**
 * Takes out of a body what is the same in every iteration and needs loops or memory of its own there. Elementwise arithmetic that fuses
 * into what varies stays: doing it again costs less than reading it.
 */
export function hoistInvariants(body: Program, fixed: ReadonlySet<Var>, position: number): Hoisted | undefined {
  const wanted = invariantResults(body, fixed);
  if (wanted.length === 0) return undefined;
  const inputs = new Map<Var, Var>(wanted.map((v) => [v, new Var(v.aval)]));
  const of = (a: Atom): Atom => (a.kind === 'var' ? (inputs.get(a) ?? a) : a);
  const equations = body.equations.map((e) =>
    e.inputs.some((a) => of(a) !== a) && !e.outputs.some((v) => inputs.has(v))
      ? new Equation(e.primitive, e.inputs.map(of), e.params, e.outputs, e.site)
      : e,
  );
  const all = [...body.inputs.slice(0, position), ...inputs.values(), ...body.inputs.slice(position)];
  return {
    before: hoist(body, fixed, wanted),
    body: new Program(body.name, all, equations, body.outputs.map(of)),
    count: wanted.length,
  };
}

/** Results of constant equations that what varies reads, where one or the other is not plain elementwise arithmetic. */
function invariantResults(body: Program, fixed: ReadonlySet<Var>): Var[] {
  const isPlain = (e: Equation): boolean => recordOf(e).lower.kind === 'pointwise';
  /** Constant results, and whether something behind them takes loops. */
  const constant = new Map<Var, boolean>([...fixed].map((v) => [v, false]));
  const wanted = new Set<Var>();
  for (const e of body.equations) {
    const { hasEffects, isOpaque } = recordOf(e);
    const isFixed = e.inputs.every((a) => a.kind === 'literal' || constant.has(a));
    const isConstant = isFixed && hasEffects !== true && isOpaque !== true && e.inputs.some((a) => a.kind === 'var');
    if (isConstant) {
      const isDear = !isPlain(e) || e.inputs.some((a) => a.kind === 'var' && constant.get(a) === true);
      for (const v of e.outputs) constant.set(v, isDear);
      continue;
    }
    for (const a of e.inputs)
      if (a.kind === 'var' && !fixed.has(a) && constant.has(a) && (constant.get(a)! || !isPlain(e))) wanted.add(a);
  }
  for (const a of body.outputs) if (a.kind === 'var' && constant.get(a) === true) wanted.add(a);
  return [...wanted];
}

/** The variables of a body that have one value in all iterations, given the inputs that do. */
export function invariantVars(body: Program, fixed: ReadonlySet<Var>): ReadonlySet<Var> {
  const out = new Set<Var>(fixed);
  for (const eqn of body.equations) {
    if (eqn.inputs.every((a) => a instanceof Literal || out.has(a))) for (const v of eqn.outputs) out.add(v);
  }
  return out;
}

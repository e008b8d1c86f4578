/**
 * The verifier of Programs: every pass must leave what it accepts.
 * May import: `ir`.
 * @module
 */
import type { Aval } from './aval.ts';
import { CotangentError, InternalError } from './errors.ts';
import { type Atom, type Equation, Program, type PrimitiveInfo, subPrograms, type Var } from './program.ts';

/** What the verifier reads of a primitive's record. */
interface Checkable extends PrimitiveInfo {
  readonly abstractEval?: (avals: readonly Aval[], params: object) => readonly Aval[];
}

/** One equation as text, for the errors of passes. */
export const showEquation = (eqn: Equation): string =>
  new Program('equation', [], [eqn], []).toString().split('\n').slice(1, -1).join('\n').trim();

function fail(program: Program, problem: string, eqn?: Equation): never {
  const where = eqn === undefined ? '' : `\n    ${showEquation(eqn)}`;
  throw new InternalError(`program ${program.name}: ${problem}${where}`, { program: program.name });
}

function checkUse(program: Program, defined: ReadonlySet<Var>, atom: Atom, eqn?: Equation): void {
  if (atom.kind === 'var' && !defined.has(atom)) {
    fail(program, `expected variables defined before their use, got a free ${atom.aval.toString()}`, eqn);
  }
}

function define(program: Program, defined: Set<Var>, v: Var, eqn?: Equation): void {
  if (defined.has(v)) fail(program, `expected one definition a variable, got a second of ${v.aval.toString()}`, eqn);
  defined.add(v);
}

function inferAvals(program: Program, eqn: Equation): readonly Aval[] | undefined {
  const { abstractEval } = eqn.primitive as Checkable;
  if (abstractEval === undefined) return undefined;
  try {
    return abstractEval(
      eqn.inputs.map((a) => a.aval),
      eqn.params,
    );
  } catch (error) {
    if (!(error instanceof CotangentError)) throw error;
    return fail(program, `expected operands that the primitive takes; ${error.message}`, eqn);
  }
}

// Weak types are compared nowhere: a pass may replace a weak value by an equal strong one.
function checkAvals(program: Program, eqn: Equation): void {
  const inferred = inferAvals(program, eqn);
  if (inferred === undefined) return;
  const fits = inferred.length === eqn.outputs.length && inferred.every((a, i) => a.equals(eqn.outputs[i]!.aval, true));
  if (!fits) fail(program, `expected results ${inferred.map(String).join(', ')}`, eqn);
}

/**
 * Checks that every variable is defined once and before its uses, that nothing is free, that avals are those of the primitives'
 * `abstractEval`, and the same of every sub-Program. Linear in the number of equations; call depth does not grow with it.
 *
 * @throws InternalError with the equation at fault.
 */
export function verifyProgram(program: Program): void {
  const pending = [program];
  const seen = new Set<Program>(pending);
  for (let p = pending.pop(); p !== undefined; p = pending.pop()) {
    verifyOne(p, (sub) => {
      if (seen.has(sub)) return;
      seen.add(sub);
      pending.push(sub);
    });
  }
}

function verifyOne(program: Program, visit: (sub: Program) => void): void {
  const defined = new Set<Var>();
  for (const v of program.inputs) define(program, defined, v);
  for (const eqn of program.equations) {
    for (const a of eqn.inputs) checkUse(program, defined, a, eqn);
    for (const v of eqn.outputs) define(program, defined, v, eqn);
    checkAvals(program, eqn);
    for (const sub of subPrograms(eqn.params)) visit(sub);
  }
  for (const a of program.outputs) checkUse(program, defined, a);
}

/**
 * Replaces every equation whose lowering is a Program (`expand`) by the equations of that Program, until none is left.
 * May import: `ir`.
 * @module
 */
import { type Atom, Equation, type Program, Var } from '../ir/program.ts';
import { deepPass, type Pass, rebuild, Substitution, withBody } from './rewrite.ts';
import { rulesOf } from './rules.ts';

/** A Program being copied out: its own variables, and which equation of the frame below it stands for. */
interface Frame {
  readonly program: Program;
  readonly env: Substitution;
  readonly caller: Equation | undefined;
  next: number;
}

// Frames are kept on a stack of our own: expansions may nest as deep as they like.
function expandOne(program: Program, recurse: Pass): Program {
  const out: Equation[] = [];
  const root: Frame = { program, env: new Substitution(), caller: undefined, next: 0 };
  const stack = [root];
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const eqn = frame.program.equations[frame.next++];
    if (eqn === undefined) {
      stack.pop();
      if (frame.caller !== undefined) bindResults(frame, stack.at(-1)!);
    } else {
      const inputs = frame.env.all(eqn.inputs);
      const { lower } = rulesOf(eqn);
      if (lower.kind === 'expand') {
        const inner = lower.program(
          inputs.map((a) => a.aval),
          eqn.params,
        );
        stack.push(enter(inner, inputs, eqn));
      } else {
        out.push(emit(frame, eqn, inputs, recurse));
      }
    }
  }
  return withBody(program, out, root.env.all(program.outputs));
}

function enter(program: Program, args: readonly Atom[], caller: Equation): Frame {
  const env = new Substitution();
  program.inputs.forEach((v, i) => env.set(v, args[i]!));
  return { program, env, caller, next: 0 };
}

function bindResults(frame: Frame, below: Frame): void {
  const results = frame.env.all(frame.program.outputs);
  frame.caller!.outputs.forEach((v, i) => below.env.set(v, results[i]!));
}

function emit(frame: Frame, eqn: Equation, inputs: readonly Atom[], recurse: Pass): Equation {
  const built = rebuild(eqn, inputs, recurse);
  if (frame.caller === undefined) return built;
  // One Program may be expanded in several places: its variables are renamed in each.
  const outputs = eqn.outputs.map((v) => new Var(v.aval));
  eqn.outputs.forEach((v, i) => frame.env.set(v, outputs[i]!));
  return new Equation(built.primitive, built.inputs, built.params, outputs, eqn.site ?? frame.caller.site);
}

export const expand = (program: Program): Program => deepPass(expandOne)(program);

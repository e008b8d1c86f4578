/**
 * What control flow has in common: tracing users' functions to Programs over shared operands, and carries that keep their type.
 * May import: everything up to `control`, `api/args`.
 * @module
 */
import type { Aval } from '../../ir/aval.ts';
import { isInteger, promoteTypes } from '../../ir/dtype.ts';
import { DTypeError, ShapeError, TreeError } from '../../ir/errors.ts';
import { Program, Var } from '../../ir/program.ts';
import { sameShape } from '../../ir/shape.ts';
import { defaultFloat } from '../../core/config.ts';
import { evalProgram } from '../../core/evaluate.ts';
import type { TreeDef } from '../../core/pytree.ts';
import { traceClosedProgram, traceProgram } from '../../core/program-trace.ts';
import type { Tensor } from '../../core/tensor.ts';
import { convert } from '../../primitives/convert.ts';
import { type AnyFunction, FlatFunction, functionName } from '../args.ts';

/** A user's function as a Program whose first inputs are the traced values and the arrays it closed over. */
export interface TracedBranch {
  readonly program: Program;
  readonly captured: readonly Tensor[];
  /** Structure of the result. */
  readonly def: TreeDef;
}

export function traceBranch(op: string, f: AnyFunction, argsDef: TreeDef, avals: readonly Aval[]): TracedBranch {
  const flat = new FlatFunction(op, f, argsDef);
  const { program, captured } = traceProgram(`${op}(${functionName(f)})`, avals, flat.call, 'arrays');
  return { program, captured, def: flat.def };
}

/** Branches given the union of what they capture, so that all have the same inputs. */
export function shareCaptured(branches: readonly TracedBranch[]): { captured: Tensor[]; programs: Program[] } {
  const captured = [...new Set(branches.flatMap((b) => b.captured))];
  const programs = branches.map(({ program, captured: own }) => {
    const inputs = captured.map((t) => (own.includes(t) ? program.inputs[own.indexOf(t)]! : new Var(t.aval)));
    return new Program(
      program.name,
      [...inputs, ...program.inputs.slice(own.length)],
      program.equations,
      program.outputs,
    );
  });
  return { captured, programs };
}

/** The same Program with its first outputs converted to these avals (dtype and weakness; shapes agree). */
export function convertOutputs(program: Program, avals: readonly Aval[]): Program {
  const { outAvals } = program;
  if (avals.every((a, i) => a.equals(outAvals[i]!))) return program;
  return traceClosedProgram(program.name, program.inAvals, (args) =>
    evalProgram(program, args).map((o, i) => (avals[i] ? convert(o, avals[i].dtype, avals[i].weakType) : o)),
  );
}

/** A weakly typed carry takes the type that the body gives it; an integral number becomes an integer where the body has one. */
function widen(x: Tensor, out: Aval): Tensor {
  const { aval } = x;
  if (!aval.weakType || aval.equals(out) || !sameShape(aval.shape, out.shape)) return x;
  const fitsInteger = x.scalar !== undefined && Number.isInteger(x.scalar) && isInteger(out.dtype) && !out.weakType;
  if (fitsInteger) return convert(x, out.dtype);
  const joined = promoteTypes(aval, out, defaultFloat());
  return convert(x, joined.dtype, joined.weakType);
}

export interface Carry {
  readonly leaves: readonly Tensor[];
  readonly branch: TracedBranch;
}

/**
 * Traces a loop's body until weakly typed carries have settled (each can change only once), and checks that the carry keeps its type.
 * @param carryOut the structure of the carry in the body's result, which comes first in it
 */
export function settleCarry(
  op: string,
  start: readonly Tensor[],
  def: TreeDef,
  trace: (avals: readonly Aval[]) => TracedBranch,
  carryOut: (result: TreeDef) => TreeDef,
): Carry {
  let leaves = start;
  for (let round = 0; ; round++) {
    const branch = trace(leaves.map((x) => x.aval));
    checkStructure(op, def, carryOut(branch.def));
    const outs = branch.program.outAvals.slice(0, leaves.length);
    const widened = leaves.map((x, i) => widen(x, outs[i]!));
    if (round > 1 || widened.every((x, i) => x === leaves[i])) {
      checkCarry(op, leaves, outs, def);
      const fitted = convertOutputs(
        branch.program,
        leaves.map((x) => x.aval),
      );
      return { leaves, branch: { ...branch, program: fitted } };
    }
    leaves = widened;
  }
}

function checkStructure(op: string, expected: TreeDef, got: TreeDef): void {
  if (expected.equals(got)) return;
  throw new TreeError(
    `${op}: expected the carry to keep its structure, got ${expected.toString()} in, ${got.toString()} out.`,
    'return a carry with the same containers and keys as the initial one.',
  );
}

function checkCarry(op: string, leaves: readonly Tensor[], outs: readonly Aval[], def: TreeDef): void {
  const i = outs.findIndex((o, k) => !o.equals(leaves[k]!.aval, true));
  if (i < 0) return;
  const [before, after] = [leaves[i]!.aval, outs[i]!];
  const message = `${op}: expected the carry to keep its type, at carry${def.paths()[i]!}: ${before.strong().toString()} in, ${after.strong().toString()} out.`;
  const details = { before: before.toString(), after: after.toString() };
  if (before.dtype === after.dtype)
    throw new ShapeError(message, 'give the initial carry the shape that the body returns.', details);
  throw new DTypeError(message, 'convert the initial carry, or the result, with astype.', details);
}

/**
 * Transposition: runs a linear Program backward. Cotangents of outputs become cotangents of linear inputs, one equation at a time, in
 * one pass without recursion.
 * May import: `ir`, `core`, `primitives`.
 * @module
 */
import { DifferentiationError, InternalError } from '../ir/errors.ts';
import type { Atom, Equation, Program, Var } from '../ir/program.ts';
import {
  isLinearInput,
  LinearInput,
  type MaybeZero,
  recordOf,
  type TransposeOperand,
  type TransposeRule,
} from '../core/primitive.ts';
import { traceClosedProgram } from '../core/program-trace.ts';
import type { Tensor } from '../core/tensor.ts';
import { equationSite, replaySite, stopReplay } from '../core/site.ts';
import { bind, currentTrace, evalTrace } from '../core/trace.ts';
import { add } from '../primitives/arithmetic.ts';
import { bits, memo } from './memo.ts';

/**
 * Cotangents of the inputs that `operands` marks linear (`null` for the others and for zeros). Equations that depend on no linear
 * input are evaluated first.
 */
export function backwardPass(
  program: Program,
  operands: readonly TransposeOperand[],
  cts: readonly MaybeZero[],
): MaybeZero[] {
  // One site for all of them: the call that asked for the derivative.
  const before = currentTrace() === evalTrace ? undefined : replaySite(equationSite());
  try {
    return runBackward(program, operands, cts);
  } finally {
    stopReplay(before);
  }
}

function runBackward(program: Program, operands: readonly TransposeOperand[], cts: readonly MaybeZero[]): MaybeZero[] {
  const { values, linear } = evaluateResiduals(program, operands);
  const pending = new Map<Var, Tensor>();
  const accumulate = (a: Atom, ct: MaybeZero): void => {
    if (ct === null || a.kind !== 'var') return;
    const old = pending.get(a);
    pending.set(a, old ? add(old, ct) : ct);
  };
  program.outputs.forEach((o, i) => accumulate(o, cts[i]!));
  for (let i = linear.length - 1; i >= 0; i--) {
    const eqn = linear[i]!;
    const outCts = eqn.outputs.map((v) => pending.get(v) ?? null);
    if (outCts.every((ct) => ct === null)) continue;
    for (const v of eqn.outputs) pending.delete(v);
    const args = eqn.inputs.map((a) =>
      a.kind === 'var' ? (values.get(a) ?? new LinearInput(a.aval)) : (a.value as Tensor),
    );
    const grads = transposeRuleOf(eqn)(outCts, args, eqn.params);
    eqn.inputs.forEach((a, k) => {
      const g = grads[k] ?? null;
      if (g === null || !isLinearInput(args[k]!)) return;
      checkCotangent(eqn, k, g);
      accumulate(a, g);
    });
  }
  return program.inputs.map((v, i) => (isLinearInput(operands[i]!) ? (pending.get(v) ?? null) : null));
}

function checkCotangent(eqn: Equation, k: number, g: Tensor): void {
  const expected = eqn.inputs[k]!.aval;
  if (expected.equals(g.aval, true)) return;
  throw new InternalError(
    `the transpose of ${eqn.primitive.name} gave ${g.aval.toString()} for operand ${k}, which is ${expected.toString()}`,
    { params: eqn.params },
  );
}

function transposeRuleOf(eqn: Equation): TransposeRule<object> {
  const { calculus, name } = recordOf(eqn);
  const rule = 'transpose' in calculus ? calculus.transpose : undefined;
  if (rule) return rule;
  throw new DifferentiationError(
    `linearTranspose: expected a linear function, but ${name} is not linear in its operand.`,
    'for the derivative of a nonlinear function use vjp or grad.',
    { primitive: name },
  );
}

interface Residuals {
  readonly values: ReadonlyMap<Var, Tensor>;
  readonly linear: readonly Equation[];
}

function evaluateResiduals(program: Program, operands: readonly TransposeOperand[]): Residuals {
  const values = new Map<Var, Tensor>();
  const unknown = new Set<Var>();
  program.inputs.forEach((v, i) => {
    const x = operands[i]!;
    if (isLinearInput(x)) unknown.add(v);
    else values.set(v, x);
  });
  const linear: Equation[] = [];
  for (const eqn of program.equations) {
    if (eqn.inputs.some((a) => a.kind === 'var' && unknown.has(a))) {
      for (const v of eqn.outputs) unknown.add(v);
      linear.push(eqn);
    } else {
      const args = eqn.inputs.map((a) => (a.kind === 'var' ? values.get(a)! : (a.value as Tensor)));
      const outs = bind(recordOf(eqn), args, eqn.params);
      eqn.outputs.forEach((v, k) => values.set(v, outs[k]!));
    }
  }
  return { values, linear };
}

export interface TransposedProgram {
  /** Inputs: operands that are not linear, then cotangents that are not zero. Outputs: the cotangents present. */
  readonly program: Program;
  /** For each input of the original, whether it has a cotangent among the outputs. */
  readonly hasCotangent: readonly boolean[];
}

const transposeMemo = memo<TransposedProgram>();

/** The transpose of a Program as a Program. */
export function transposeProgram(
  program: Program,
  isLinear: readonly boolean[],
  hasCt: readonly boolean[],
): TransposedProgram {
  return transposeMemo(program, `${bits(isLinear)}:${bits(hasCt)}`, () => {
    const residualAvals = program.inAvals.filter((_, i) => !isLinear[i]);
    const ctAvals = program.outAvals.filter((_, i) => hasCt[i]).map((a) => a.strong());
    let hasCotangent: boolean[] = [];
    const transposed = traceClosedProgram(`${program.name}.transpose`, [...residualAvals, ...ctAvals], (args) => {
      let next = 0;
      const operands = program.inputs.map((v, i) => (isLinear[i] ? new LinearInput(v.aval) : args[next++]!));
      const cts = hasCt.map((has) => (has ? args[next++]! : null));
      const grads = backwardPass(program, operands, cts);
      hasCotangent = grads.map((g) => g !== null);
      return grads.filter((g) => g !== null);
    });
    return { program: transposed, hasCotangent };
  });
}

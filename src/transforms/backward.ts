/**
 * Transposition: runs a linear Program backward. Cotangents of outputs become cotangents of linear inputs, one equation at a time, in
 * one pass without recursion.
 * May import: `ir`, `core`, `primitives`.
 * @module
 */
import type { Equation, Program, Var } from '../ir/program.ts';
import { isLinearInput, LinearInput, type MaybeZero, recordOf, type TransposeOperand } from '../core/primitive.ts';
import { traceClosedProgram } from '../core/program-trace.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Scratch } from '../core/scratch.ts';
import { equationSite, replaySite, stopReplay } from '../core/site.ts';
import { bind, currentTrace } from '../core/trace.ts';
import { Cotangents, type Residuals } from './cotangents.ts';
import { bits, memo } from './memo.ts';

/**
 * Cotangents of the inputs that `operands` marks linear (`null` for the others and for zeros). Equations that depend on no linear
 * input are evaluated first; with `isAllLinear` there are none. `scratch` is the one that records what is computed meanwhile,
 * `residuals` what is to be freed on the way.
 */
export function backwardPass(
  program: Program,
  operands: readonly TransposeOperand[],
  cts: readonly MaybeZero[],
  isAllLinear = false,
  scratch?: Scratch,
  residuals?: Residuals,
): MaybeZero[] {
  // What stands for no operation of the user's stands for the call that asked for the derivative.
  const before = replaySite(currentTrace().wantsSites() ? equationSite() : undefined);
  try {
    return runBackward(program, operands, cts, isAllLinear, scratch, residuals);
  } finally {
    stopReplay(before);
  }
}

function runBackward(
  program: Program,
  operands: readonly TransposeOperand[],
  cts: readonly MaybeZero[],
  isAllLinear: boolean,
  scratch: Scratch | undefined,
  residuals: Residuals | undefined,
): MaybeZero[] {
  const values = givenValues(program, operands);
  const linear = isAllLinear ? program.equations : evaluateResiduals(program, values);
  // What has been computed up to here serves more than one equation.
  scratch?.takeRecent();
  const pending = new Cotangents(values, scratch);
  pending.consume(residuals);
  program.outputs.forEach((o, i) => pending.add(o, cts[i]!));
  pending.transpose(linear, 0, linear.length);
  return program.inputs.map((v, i) => (isLinearInput(operands[i]!) ? pending.take(v) : null));
}

function givenValues(program: Program, operands: readonly TransposeOperand[]): Map<Var, Tensor> {
  const values = new Map<Var, Tensor>();
  program.inputs.forEach((v, i) => {
    const x = operands[i]!;
    if (!isLinearInput(x)) values.set(v, x);
  });
  return values;
}

/** Computes into `values` what depends on no linear input; gives the other equations. */
function evaluateResiduals(program: Program, values: Map<Var, Tensor>): Equation[] {
  const unknown = new Set(program.inputs.filter((v) => !values.has(v)));
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
  return linear;
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

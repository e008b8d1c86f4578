/**
 * Compiling a Program, running its plan, and comparing with the reference device.
 * @module
 */
import type { Aval } from '../../src/ir/aval.ts';
import { isFloat, makeTypedArray, type TypedArray } from '../../src/ir/dtype.ts';
import type { Program } from '../../src/ir/program.ts';
import { verifyProgram } from '../../src/ir/verify.ts';
import { registerExecutor, setActiveExecutor } from '../../src/core/executor.ts';
import { traceClosedProgram } from '../../src/core/program-trace.ts';
import { hostTensor, type Tensor } from '../../src/core/tensor.ts';
import { ReferenceExecutor } from '../../src/backends/reference/executor.ts';
import { compileProgram, type PlanOptions } from '../../src/compiler/compile.ts';
import type { Plan } from '../../src/compiler/plan.ts';
import { interpretPlan } from './interpret-plan.ts';

const reference = new ReferenceExecutor();
registerExecutor('reference', () => reference);
setActiveExecutor('reference');

export function trace(avals: readonly Aval[], f: (args: readonly Tensor[]) => readonly Tensor[]): Program {
  const program = traceClosedProgram('test', avals, f);
  verifyProgram(program);
  return program;
}

/** Kernels round each operation where the reference rounds each equation: the last digits may differ. */
const tolerance = { float32: 4e-6, float64: 1e-13 } as const;

function close(a: number, b: number, tol: number): boolean {
  return Object.is(a, b) || a === b || Math.abs(a - b) <= tol * Math.max(1, Math.abs(a), Math.abs(b));
}

/** Elements drawn from small integers and halves: sums and products of few of them are exact. */
export function drawArgs(avals: readonly Aval[], seed: number): TypedArray[] {
  let state = seed * 2654435761 + 12345;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // Numerical Recipes' linear congruential generator
    return state >>> 16;
  };
  return avals.map((a) => {
    const data = makeTypedArray(a.dtype, a.size);
    for (let i = 0; i < data.length; i++)
      data[i] = a.dtype === 'bool' ? next() % 2 : isFloat(a.dtype) ? (next() % 17) / 4 - 2 : next() % 7;
    return data;
  });
}

/** Throws unless the compiled plan computes what the reference computes; gives the plan for further checks. */
export function expectPlanMatches(
  program: Program,
  args: readonly TypedArray[],
  what = '',
  options: PlanOptions = {},
): Plan {
  const plan = compileProgram(program, { verify: true, ...options });
  expectResults(program, args, interpretPlan(plan, args), what);
  return plan;
}

/** Throws unless `got` is what the reference computes, to `slack` times the usual tolerance. */
export function expectResults(
  program: Program,
  args: readonly TypedArray[],
  got: readonly TypedArray[],
  what = '',
  slack = 1,
): void {
  const tensors = args.map((data, i) => hostTensor(data.slice() as TypedArray, program.inputs[i]!.aval));
  const expected = reference
    .compile(program)(tensors)
    .map((t) => t.read());
  got.forEach((g, o) => {
    const aval = program.outAvals[o]!;
    const tol = aval.dtype === 'float32' || aval.dtype === 'float64' ? slack * tolerance[aval.dtype] : 0;
    if (g.length !== expected[o]!.length) throw new Error(`${what} output ${o}: ${g.length} elements`);
    g.forEach((x, i) => {
      const y = expected[o]![i]!;
      if (!close(x, y, tol))
        throw new Error(`${what} output ${o}[${i}]: expected ${y}, got ${x}\n${program.toString()}`);
    });
  });
}

/**
 * Functions with user-written derivatives inside Programs. Outside Programs the traces call the user's rule directly; here the rule
 * travels with the equation.
 * May import: `ir`, `core`, `primitives`, `transforms`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import type { Program } from '../ir/program.ts';
import { DifferentiationError } from '../ir/errors.ts';
import { evalProgram } from '../core/evaluate.ts';
import {
  type BatchContext,
  type BatchDim,
  type Calculus,
  definePrimitive,
  type MaybeZero,
  type Primitive,
} from '../core/primitive.ts';
import { type CustomCallStaging, type ProgramTrace, traceProgram } from '../core/program-trace.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind, currentTrace, type CustomJvpCall, type CustomVjpCall, withTrace } from '../core/trace.ts';
import { batchFlat } from '../transforms/batch.ts';
import { batchCustomJvp, batchCustomVjp } from '../transforms/batch-custom.ts';
import { applyCustomLinear } from '../transforms/custom-linear.ts';
import { instantiate } from '../transforms/jvp.ts';
import { transposeCall } from './call.ts';
import { checkOperands } from './operands.ts';

interface CustomParams<C> {
  readonly call: C;
  /** The function itself. Inputs: values it closed over, then its arguments. */
  readonly program: Program;
  readonly numCaptured: number;
}

export type CustomJvpParams = CustomParams<CustomJvpCall>;
export type CustomVjpParams = CustomParams<CustomVjpCall>;

function refuseCaptured(name: string, tangents: readonly MaybeZero[], numCaptured: number): void {
  if (tangents.slice(0, numCaptured).every((t) => t === null)) return;
  throw new DifferentiationError(
    `${name}: expected a function with a custom rule to depend on what is differentiated through its arguments only; it closes ` +
      'over such a value, for which its rule gives no derivative.',
    'pass the value as an argument.',
  );
}

const transposeInlined = (
  cts: readonly MaybeZero[],
  operands: Parameters<typeof transposeCall>[2],
  { program }: { readonly program: Program },
): MaybeZero[] => transposeCall(program, cts, operands, evalProgram);

const jvpCalculus: Calculus<CustomJvpParams> = {
  kind: 'structured',
  jvp: (primals, tangents, { call, numCaptured }) => {
    refuseCaptured(call.name, tangents, numCaptured);
    return call.jvp(primals.slice(numCaptured), tangents.slice(numCaptured));
  },
  transpose: transposeInlined,
};

const vjpCalculus: Calculus<CustomVjpParams> = {
  kind: 'structured',
  jvp: (primals, tangents, { call, numCaptured }) => {
    refuseCaptured(call.name, tangents, numCaptured);
    const args = primals.slice(numCaptured);
    const { outs, residuals } = call.fwd(args);
    return [outs, applyCustomLinear(call, residuals, instantiate(tangents.slice(numCaptured), args), outs)];
  },
  transpose: transposeInlined,
};

function abstractEval(avals: readonly Aval[], { program }: { readonly program: Program }): readonly Aval[] {
  checkOperands(program.name, avals, program.inAvals);
  return program.outAvals;
}

export const customJvpCallP: Primitive<CustomJvpParams> = definePrimitive<CustomJvpParams>({
  name: 'custom_jvp_call',
  runsUserCode: true,
  abstractEval,
  calculus: jvpCalculus,
  batch: (context, args, dims, params) => batchCustom(context, args, dims, params, customJvpCallP, batchCustomJvp),
  lower: { kind: 'expand', program: (_avals, { program }) => program },
  samples: [],
});

export const customVjpCallP: Primitive<CustomVjpParams> = definePrimitive<CustomVjpParams>({
  name: 'custom_vjp_call',
  runsUserCode: true,
  abstractEval,
  calculus: vjpCalculus,
  batch: (context, args, dims, params) => batchCustom(context, args, dims, params, customVjpCallP, batchCustomVjp),
  lower: { kind: 'expand', program: (_avals, { program }) => program },
  samples: [],
});

/** Maps function and rule; a closed-over value that is mapped becomes an argument (it carries no derivative, see above). */
function batchCustom<C extends CustomJvpCall | CustomVjpCall>(
  context: BatchContext,
  args: readonly Tensor[],
  dims: readonly BatchDim[],
  { call, program, numCaptured }: CustomParams<C>,
  primitive: Primitive<CustomParams<C>>,
  batchCall: (
    context: BatchContext,
    call: C,
    args: readonly Tensor[],
    dims: readonly BatchDim[],
    flat: typeof batchFlat,
  ) => { readonly call: C; readonly args: Tensor[]; readonly outDims: () => BatchDim[] },
): readonly [Tensor[], BatchDim[]] {
  const captured = args.slice(0, numCaptured);
  if (dims.slice(0, numCaptured).some((d) => d !== null)) {
    throw new DifferentiationError(
      `${call.name}: expected a function with a custom rule to use mapped values through its arguments only.`,
      'pass the value as an argument.',
    );
  }
  const inner = { ...call, fun: (xs: readonly Tensor[]) => evalProgram(program, [...captured, ...xs]) };
  const batched = batchCall(context, inner, args.slice(numCaptured), dims.slice(numCaptured), batchFlat);
  const avals = batched.args.map((x) => x.aval);
  const traced = traceProgram(program.name, avals, batched.call.fun);
  const outs = bind(primitive, [...traced.captured, ...batched.args], {
    call: batched.call,
    program: traced.program,
    numCaptured: traced.captured.length,
  });
  return [outs, batched.outDims()];
}

function stage<C extends CustomJvpCall | CustomVjpCall>(
  trace: ProgramTrace,
  primitive: Primitive<CustomParams<C>>,
  call: C,
  args: readonly Tensor[],
): Tensor[] {
  const { program, captured } = traceProgram(
    call.name,
    args.map((x) => x.aval),
    call.fun,
  );
  return withTrace(trace, () =>
    bind(primitive, [...captured, ...args], { call, program, numCaptured: captured.length }),
  );
}

/** What a Program trace does with custom calls; installed by the entry that makes custom functions. */
export const customCallStaging: CustomCallStaging = {
  stageJvp: (trace, call, args) => stage(trace, customJvpCallP, call, args),
  stageVjp: (trace, call, args) => stage(trace, customVjpCallP, call, args),
};

export const applyCustomJvp = (call: CustomJvpCall, args: readonly Tensor[]): Tensor[] =>
  currentTrace().processCustomJvp(call, args);

export const applyCustomVjp = (call: CustomVjpCall, args: readonly Tensor[]): Tensor[] =>
  currentTrace().processCustomVjp(call, args);

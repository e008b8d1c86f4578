/**
 * `call`: one equation that stands for a whole Program. `jit` makes it; every rule of it is the rule of its Program.
 * May import: `ir`, `core`, `primitives`, `transforms`.
 * @module
 */
import type { Program } from '../ir/program.ts';
import { f32 } from '../ir/aval.ts';
import {
  type BatchDim,
  definePrimitive,
  erase,
  isLinearInput,
  LinearInput,
  type MaybeZero,
  type PartialEvalResult,
  type Primitive,
  residual,
  type TransposeOperand,
} from '../core/primitive.ts';
import { traceProgram } from '../core/program-trace.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind } from '../core/trace.ts';
import { add, mul } from '../primitives/arithmetic.ts';
import { moveBatchToFront } from '../primitives/structural.ts';
import { checkOperands } from './operands.ts';
import { transposeProgram } from '../transforms/backward.ts';
import { partialEvalProgram } from '../transforms/partial-eval.ts';
import { batchProgram, jvpProgram } from '../transforms/program-transforms.ts';

export interface CallParams {
  readonly program: Program;
  /** Operands whose memory the call may take. */
  readonly donate: readonly number[];
}

/** Applies a Program under the current trace as one equation. */
export function call(program: Program, args: readonly Tensor[], donate: readonly number[] = []): Tensor[] {
  return bind(callP, args, { program, donate });
}

/** Known part called now; the unknown part staged as a call on the residuals. */
function partialEvalCall(operands: readonly (Tensor | LinearInput)[], { program }: CallParams): PartialEvalResult {
  const isUnknown = operands.map((x) => x instanceof LinearInput);
  const parts = partialEvalProgram(program, isUnknown);
  const knownArgs = operands.filter((x): x is Tensor => !(x instanceof LinearInput));
  const results = call(parts.known, knownArgs);
  const numKnown = parts.isOutputUnknown.filter((u) => !u).length;
  let [nextKnown, nextUnknown] = [0, 0];
  const known = parts.isOutputUnknown.map((u) => (u ? null : results[nextKnown++]!));
  return {
    known,
    primitive: erase(callP),
    params: { program: parts.unknown, donate: [] } satisfies CallParams,
    operands: [
      ...results.slice(numKnown),
      ...operands.flatMap((x, i) => (x instanceof LinearInput ? [{ unknown: i }] : [])),
    ],
    unknownOutputs: parts.isOutputUnknown.flatMap((u) => (u ? [nextUnknown++] : [])),
  };
}

/** Cotangents of the linear operands of an application of `program`, as one call of its transpose. */
export function transposeCall(
  program: Program,
  cts: readonly MaybeZero[],
  operands: readonly TransposeOperand[],
  apply: (p: Program, args: readonly Tensor[]) => Tensor[] = call,
): MaybeZero[] {
  const { program: transposed, hasCotangent } = transposeProgram(
    program,
    operands.map(isLinearInput),
    cts.map((ct) => ct !== null),
  );
  const residuals = operands.filter((x) => !isLinearInput(x)).map(residual);
  const grads = apply(transposed, [...residuals, ...cts.filter((ct) => ct !== null)]);
  let next = 0;
  return hasCotangent.map((has) => (has ? grads[next++]! : null));
}

const sampleProgram = traceProgram('sample', [f32(3), f32(3)], ([x, y]) => [add(mul(x!, x!), y!), mul(x!, y!)]).program;

export const callP: Primitive<CallParams> = definePrimitive<CallParams>({
  name: 'call',
  abstractEval: (avals, { program }) => {
    checkOperands(program.name, avals, program.inAvals);
    return program.outAvals;
  },
  calculus: {
    kind: 'structured',
    jvp: (primals, tangents, { program }) => {
      const hasTangent = tangents.map((t) => t !== null);
      const { program: pushed, hasTangent: outHas } = jvpProgram(program, hasTangent);
      const results = call(pushed, [...primals, ...tangents.filter((t) => t !== null)]);
      const outs = results.slice(0, program.outputs.length);
      let next = outs.length;
      return [outs, outHas.map((has) => (has ? results[next++]! : null))];
    },
    partialEval: partialEvalCall,
    transpose: (cts, operands, { program }) => transposeCall(program, cts, operands),
  },
  batch: (context, args, dims, { program }) => {
    const { program: batched, isMapped } = batchProgram(
      program,
      context,
      dims.map((d) => d !== null),
    );
    const outs = call(
      batched,
      args.map((x, i) => (dims[i] === null ? x : moveBatchToFront(x, dims[i]!))),
    );
    return [outs, isMapped.map((m): BatchDim => (m ? 0 : null))];
  },
  lower: { kind: 'expand', program: (_avals, { program }) => program, donate: ({ donate }) => donate },
  samples: [{ avals: [f32(3), f32(3)], params: { program: sampleProgram, donate: [] } }],
});

/**
 * `checkpoint` (rematerialization): a Program whose intermediate values are not kept for the backward pass but computed again.
 * May import: `ir`, `core`, `primitives`, `transforms`.
 * @module
 */
import { f32 } from '../ir/aval.ts';
import { Program } from '../ir/program.ts';
import {
  type BatchDim,
  definePrimitive,
  erase,
  LinearInput,
  type PartialEvalResult,
  type Primitive,
} from '../core/primitive.ts';
import { traceClosedProgram } from '../core/program-trace.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind } from '../core/trace.ts';
import { add, mul } from '../primitives/arithmetic.ts';
import { barrier } from '../primitives/barrier.ts';
import { moveBatchToFront } from '../primitives/structural.ts';
import { recomputeSplit, type SavePolicy } from '../transforms/partial-eval.ts';
import { batchProgram, jvpProgram } from '../transforms/program-transforms.ts';
import { call, transposeCall } from './call.ts';

export interface CheckpointParams {
  readonly program: Program;
  readonly policy: SavePolicy;
}

export const checkpointCall = (args: readonly Tensor[], params: CheckpointParams): Tensor[] => bind(checkpointP, args, params);

/** Keeps nothing: everything is computed again. */
export const nothingSaveable: SavePolicy = () => false;
export const everythingSaveable: SavePolicy = () => true;
/** Keeps the results of matrix products and convolutions, which cost most. */
export const dotsSaveable: SavePolicy = (primitive) => primitive === 'dot_general' || primitive === 'conv_general_dilated';

/**
 * The known part runs as usual and keeps its inputs and what the policy saves; the unknown part computes the rest again, behind a
 * barrier so that a compiler does not merge it with the first computation.
 */
function partialEval(operands: readonly (Tensor | LinearInput)[], { program, policy }: CheckpointParams): PartialEvalResult {
  const isUnknown = operands.map((x) => x instanceof LinearInput);
  const split = recomputeSplit(program, isUnknown, policy);
  const keepsInputs = program.inputs.filter((_, i) => !isUnknown[i]);
  const knownOutputs = program.outputs.filter((_, i) => !split.isOutputUnknown[i]);
  const wanted = new Set([...knownOutputs, ...split.savedVars]);
  const equations = neededFor(program, wanted);
  const known = new Program(`${program.name}.known`, keepsInputs, equations, [...knownOutputs, ...split.savedVars]);
  const knownArgs = operands.filter((x): x is Tensor => !(x instanceof LinearInput));
  const results = known.outputs.length > 0 ? call(known, knownArgs) : [];
  let [k, u] = [0, 0];
  return {
    known: split.isOutputUnknown.map((unknown) => (unknown ? null : results[k++]!)),
    primitive: erase(checkpointP),
    params: { program: split.unknown, policy } satisfies CheckpointParams,
    operands: [
      ...split.savedInputs.map((i) => operands[i] as Tensor),
      ...results.slice(knownOutputs.length),
      ...operands.flatMap((x, i) => (x instanceof LinearInput ? [{ unknown: i }] : [])),
    ],
    unknownOutputs: split.isOutputUnknown.flatMap((unknown) => (unknown ? [u++] : [])),
  };
}

function neededFor(program: Program, wanted: Set<unknown>): Program['equations'] {
  const needed = new Set(wanted);
  const out = [];
  for (const eqn of [...program.equations].reverse()) {
    if (!eqn.outputs.some((v) => needed.has(v))) continue;
    out.push(eqn);
    for (const a of eqn.inputs) needed.add(a);
  }
  return out.reverse();
}

/** Transposed with its residual inputs behind a barrier: the recomputation happens in the backward pass. */
const behindBarrier = (p: Program, args: readonly Tensor[]): Tensor[] => call(p, barrier(args));

const sampleProgram = traceClosedProgram('block', [f32(3), f32(3)], ([x, y]) => [mul(add(mul(x!, x!), y!), y!)]);

export const checkpointP: Primitive<CheckpointParams> = definePrimitive<CheckpointParams>({
  name: 'checkpoint',
  abstractEval: (_avals, { program }) => program.outAvals,
  calculus: {
    kind: 'structured',
    jvp: (primals, tangents, { program, policy }) => {
      const pushed = jvpProgram(
        program,
        tangents.map((t) => t !== null),
      );
      const results = checkpointCall([...primals, ...tangents.filter((t) => t !== null)], { program: pushed.program, policy });
      const outs = results.slice(0, program.outputs.length);
      let next = outs.length;
      return [outs, pushed.hasTangent.map((has) => (has ? results[next++]! : null))];
    },
    partialEval,
    transpose: (cts, operands, { program }) => transposeCall(program, cts, operands, behindBarrier),
  },
  batch: (context, args, dims, { program, policy }) => {
    const batched = batchProgram(
      program,
      context,
      dims.map((d) => d !== null),
    );
    const operands = args.map((x, i) => (dims[i] === null ? x : moveBatchToFront(x, dims[i]!)));
    return [checkpointCall(operands, { program: batched.program, policy }), batched.isMapped.map((m): BatchDim => (m ? 0 : null))];
  },
  lower: { kind: 'expand', program: (_avals, { program }) => program },
  samples: [{ avals: [f32(3), f32(3)], params: { program: sampleProgram, policy: nothingSaveable } }],
});


/**
 * `checkpoint` (rematerialization): a Program whose intermediate values are not kept for the backward pass but computed again.
 * May import: `ir`, `core`, `primitives`, `transforms`.
 * @module
 */
import { f32 } from '../ir/aval.ts';
import type { Program } from '../ir/program.ts';
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
import { bits, memo } from '../transforms/memo.ts';
import { type RecomputeSplit, recomputeSplit, type SavePolicy } from '../transforms/partial-eval.ts';
import { batchProgram, jvpProgram } from '../transforms/program-transforms.ts';
import { call, transposeCall } from './call.ts';
import { checkOperands } from './operands.ts';

export interface CheckpointParams {
  readonly program: Program;
  readonly policy: SavePolicy;
}

export const checkpointCall = (args: readonly Tensor[], params: CheckpointParams): Tensor[] =>
  bind(checkpointP, args, params);

/** Keeps nothing: everything is computed again. */
export const nothingSaveable: SavePolicy = () => false;
export const everythingSaveable: SavePolicy = () => true;
/** Keeps the results of matrix products and convolutions, which cost most. */
export const dotsSaveable: SavePolicy = (primitive) =>
  primitive === 'dot_general' || primitive === 'conv_general_dilated';

/** Splits by Program and mask; a policy is part of the key by identity. */
const splits = new WeakMap<SavePolicy, ReturnType<typeof memo<RecomputeSplit>>>();

function split(program: Program, isUnknown: readonly boolean[], policy: SavePolicy): RecomputeSplit {
  let byProgram = splits.get(policy);
  if (!byProgram) splits.set(policy, (byProgram = memo<RecomputeSplit>()));
  return byProgram(program, bits(isUnknown), () => recomputeSplit(program, isUnknown, policy));
}

/**
 * The known part runs as usual and keeps its inputs and what the policy saves; the unknown part computes the rest again, behind a
 * barrier so that a compiler does not merge it with the first computation.
 */
function partialEval(
  operands: readonly (Tensor | LinearInput)[],
  { program, policy }: CheckpointParams,
): PartialEvalResult {
  const isUnknown = operands.map((x) => x instanceof LinearInput);
  const { known, savedInputs, unknown, isOutputUnknown } = split(program, isUnknown, policy);
  const numKnown = isOutputUnknown.filter((u) => !u).length;
  const knownArgs = operands.filter((x): x is Tensor => !(x instanceof LinearInput));
  const results = known.outputs.length > 0 ? checkpointCall(knownArgs, { program: known, policy }) : [];
  let [k, u] = [0, 0];
  return {
    known: isOutputUnknown.map((isOut) => (isOut ? null : results[k++]!)),
    primitive: erase(checkpointP),
    params: { program: unknown, policy } satisfies CheckpointParams,
    operands: [
      ...savedInputs.map((i) => knownArgs[i]!),
      ...results.slice(numKnown),
      ...operands.flatMap((x, i) => (x instanceof LinearInput ? [{ unknown: i }] : [])),
    ],
    unknownOutputs: isOutputUnknown.flatMap((isOut) => (isOut ? [u++] : [])),
  };
}

/** Transposed with its residual inputs behind a barrier: the recomputation happens in the backward pass. */
const behindBarrier = (p: Program, args: readonly Tensor[]): Tensor[] => call(p, barrier(args));

const sampleProgram = traceClosedProgram('block', [f32(3), f32(3)], ([x, y]) => [mul(add(mul(x!, x!), y!), y!)]);

export const checkpointP: Primitive<CheckpointParams> = definePrimitive<CheckpointParams>({
  name: 'checkpoint',
  abstractEval: (avals, { program }) => {
    checkOperands(program.name, avals, program.inAvals);
    return program.outAvals;
  },
  calculus: {
    kind: 'structured',
    jvp: (primals, tangents, { program, policy }) => {
      const pushed = jvpProgram(
        program,
        tangents.map((t) => t !== null),
      );
      const results = checkpointCall([...primals, ...tangents.filter((t) => t !== null)], {
        program: pushed.program,
        policy,
      });
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
    return [
      checkpointCall(operands, { program: batched.program, policy }),
      batched.isMapped.map((m): BatchDim => (m ? 0 : null)),
    ];
  },
  lower: { kind: 'expand', program: (_avals, { program }) => program },
  samples: [{ avals: [f32(3), f32(3)], params: { program: sampleProgram, policy: nothingSaveable } }],
});

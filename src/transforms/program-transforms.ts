/**
 * jvp and vmap of Programs as Programs, for primitives that carry them. Results are cached by Program and by which operands take
 * part, so that nesting costs each transformation once.
 * May import: `ir`, `core`, `primitives`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import type { Program } from '../ir/program.ts';
import { evalProgram } from '../core/evaluate.ts';
import type { BatchContext, BatchDim, MaybeZero } from '../core/primitive.ts';
import { traceClosedProgram } from '../core/program-trace.ts';
import type { Tensor } from '../core/tensor.ts';
import { moveBatchToFront, materializeBatch } from '../primitives/structural.ts';
import { batchFlat } from './batch.ts';
import { jvpFlat, zeros } from './jvp.ts';
import { bits, memo } from './memo.ts';

export interface JvpProgram {
  /** Inputs: primals, then the tangents present. Outputs: primal outputs, then the tangents present. */
  readonly program: Program;
  readonly hasTangent: readonly boolean[];
}

const jvpMemo = memo<JvpProgram>();

/** `force` marks outputs whose tangent must be there even if it is zero. */
export function jvpProgram(
  program: Program,
  hasTangent: readonly boolean[],
  force: readonly boolean[] = [],
): JvpProgram {
  return jvpMemo(program, `${bits(hasTangent)}:${bits(force)}`, () => {
    const avals = program.inAvals;
    const tangentAvals = avals.filter((_, i) => hasTangent[i]).map((a) => a.strong());
    let outHas: boolean[] = [];
    const result = traceClosedProgram(`${program.name}.jvp`, [...avals, ...tangentAvals], (args) => {
      const primals = args.slice(0, avals.length);
      let next = avals.length;
      const tangents = hasTangent.map((has): MaybeZero => (has ? args[next++]! : null));
      const [outs, tOuts] = jvpFlat(program.name, (xs) => evalProgram(program, xs), primals, tangents);
      const full = tOuts.map((t, i) => t ?? (force[i] ? zeros(outs[i]!.aval) : null));
      outHas = full.map((t) => t !== null);
      return [...outs, ...full.filter((t) => t !== null)];
    });
    return { program: result, hasTangent: outHas };
  });
}

export interface BatchedProgram {
  /** Mapped inputs have their mapped axis first. */
  readonly program: Program;
  /** Which outputs are mapped (axis first). */
  readonly isMapped: readonly boolean[];
}

const batchMemo = memo<BatchedProgram>();

/** `force` marks outputs that must be mapped even if they do not depend on mapped inputs. */
export function batchProgram(
  program: Program,
  context: BatchContext,
  isMapped: readonly boolean[],
  force: readonly boolean[] = [],
): BatchedProgram {
  const key = `${context.size}:${context.axisName ?? ''}:${bits(isMapped)}:${bits(force)}`;
  return batchMemo(program, key, () => {
    const avals = program.inAvals.map((a, i): Aval => (isMapped[i] ? a.withShape([context.size, ...a.shape]) : a));
    let mapped: boolean[] = [];
    const result = traceClosedProgram(`${program.name}.vmap`, avals, (args) => {
      const dims = isMapped.map((m): BatchDim => (m ? 0 : null));
      const [outs, outDims] = batchFlat(context, (xs) => evalProgram(program, xs), args, dims);
      mapped = outDims.map((d, i) => d !== null || force[i] === true);
      return outs.map((o, i): Tensor => {
        if (!mapped[i]) return o;
        return outDims[i] === null ? materializeBatch(context.size, [o], [null])[0]! : moveBatchToFront(o, outDims[i]!);
      });
    });
    return { program: result, isMapped: mapped };
  });
}

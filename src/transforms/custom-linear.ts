/**
 * The linear half of a function with a user-written vjp: a primitive that exists only to be transposed. Forward mode cannot compute
 * it, and says so.
 * May import: `ir`, `core`, `primitives`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { isFloat } from '../ir/dtype.ts';
import { DifferentiationError, ShapeError } from '../ir/errors.ts';
import { definePrimitive, isLinearInput, type MaybeZero, type Primitive, residual } from '../core/primitive.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { bind, type CustomVjpCall } from '../core/trace.ts';
import { broadcastTo, materializeBatch } from '../primitives/structural.ts';
import { batchFlat } from './batch.ts';
import { mappedBackward } from './batch-custom.ts';

export interface CustomLinearParams {
  readonly call: CustomVjpCall;
  /** Operands: residuals, then tangents of the arguments. */
  readonly numResiduals: number;
  readonly outAvals: readonly Aval[];
}

function noForwardMode({ call }: CustomLinearParams): never {
  throw new DifferentiationError(
    `jvp: expected ${call.name} to have a forward-mode rule; it was defined by customVjp, which gives reverse mode only.`,
    'use grad or vjp, or define the function with customJvp (reverse mode follows from it).',
    { name: call.name },
  );
}

export const customLinearP: Primitive<CustomLinearParams> = definePrimitive<CustomLinearParams>({
  name: 'custom_linear',
  runsUserCode: true,
  abstractEval: (_avals, { outAvals }) => outAvals,
  calculus: {
    kind: 'linear',
    linearOperands: () => [],
    transpose: (cts, operands, { call, numResiduals, outAvals }) => {
      const residuals = operands.slice(0, numResiduals).map(residual);
      const full = cts.map((ct, i) => ct ?? broadcastTo(scalarTensor(0, outAvals[i]!.dtype), outAvals[i]!.shape));
      const grads = call.bwd(residuals, full);
      return operands.map((x, i): MaybeZero => {
        if (!isLinearInput(x)) return null;
        const g = grads[i - numResiduals] ?? null;
        if (g !== null) checkCotangent(call.name, i - numResiduals, x.aval, g.aval);
        return g;
      });
    },
  },
  // vmap of a linearized function: every operand gets a mapped axis, and the transpose maps bwd over it.
  batch: (context, args, dims, { call, numResiduals, outAvals }) => {
    const inDims = args.slice(numResiduals).map(() => 0);
    const mapped: CustomVjpCall = {
      ...call,
      bwd: (residuals, cts) => mappedBackward(context, call, residuals, cts, inDims, batchFlat),
    };
    const avals = outAvals.map((a) => a.withShape([context.size, ...a.shape]));
    const outs = bind(customLinearP, materializeBatch(context.size, args, dims), {
      call: mapped,
      numResiduals,
      outAvals: avals,
    });
    return [outs, outs.map(() => 0)];
  },
  reference: (_args, _outs, params) => noForwardMode(params),
  lower: { kind: 'expand', program: (_avals, params) => noForwardMode(params) },
  samples: [],
});

function checkCotangent(name: string, position: number, expected: Aval, got: Aval): void {
  if (got.equals(expected, true)) return;
  throw new ShapeError(
    `${name}: expected bwd to return ${expected.toString()} for argument ${position}, got ${got.toString()}.`,
    'a cotangent has the shape and dtype of its argument; return null for no gradient.',
    { position },
  );
}

/** Tangents of the outputs of a custom_vjp function, as one linear equation; integers have none. */
export function applyCustomLinear(
  call: CustomVjpCall,
  residuals: readonly Tensor[],
  tangents: readonly Tensor[],
  outs: readonly Tensor[],
): MaybeZero[] {
  const all = bind(customLinearP, [...residuals, ...tangents], {
    call,
    numResiduals: residuals.length,
    outAvals: outs.map((o) => o.aval.strong()),
  });
  return all.map((t) => (isFloat(t.dtype) ? t : null));
}

/**
 * vmap of functions with user-written derivatives: the function and its rule are mapped alike. Inside the mapped call every mapped
 * value has its axis first, and every result is mapped, so that function and rule agree.
 * May import: `ir`, `core`, `primitives`.
 * @module
 */
import type { BatchContext, BatchDim, MaybeZero } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import type { CustomJvpCall, CustomVjpCall } from '../core/trace.ts';
import { materializeBatch, moveBatchToFront, reduceSum } from '../primitives/structural.ts';

/** `batchFlat` of `transforms/batch`, handed in so that the two files do not import each other. */
export type BatchFlat = (
  context: BatchContext,
  f: (args: readonly Tensor[]) => readonly Tensor[],
  args: readonly Tensor[],
  dims: readonly BatchDim[],
) => [Tensor[], BatchDim[]];

interface Batched<C> {
  readonly call: C;
  readonly args: Tensor[];
  /** Known once the call has run. */
  readonly outDims: () => BatchDim[];
}

const toFront = (args: readonly Tensor[], dims: readonly BatchDim[]): Tensor[] =>
  args.map((x, i) => (dims[i] === null ? x : moveBatchToFront(x, dims[i]!)));

const frontDims = (dims: readonly BatchDim[]): BatchDim[] => dims.map((d) => (d === null ? null : 0));

export function batchCustomJvp(
  context: BatchContext,
  call: CustomJvpCall,
  args: readonly Tensor[],
  dims: readonly BatchDim[],
  batchFlat: BatchFlat,
): Batched<CustomJvpCall> {
  const inDims = frontDims(dims);
  const mapped = (
    f: (xs: readonly Tensor[]) => readonly Tensor[],
    xs: readonly Tensor[],
    ds: readonly BatchDim[],
  ): Tensor[] => materializeBatch(context.size, ...batchFlat(context, f, xs, ds));
  let numOuts = 0;
  const batched: CustomJvpCall = {
    name: call.name,
    fun: (xs) => {
      const outs = mapped(call.fun, xs, inDims);
      numOuts = outs.length;
      return outs;
    },
    jvp: (primals, tangents) => {
      const present = tangents.flatMap((t, i) => (t === null ? [] : [i]));
      let pattern: boolean[] = [];
      const flat = (xs: readonly Tensor[]): Tensor[] => {
        const ts: MaybeZero[] = tangents.map(() => null);
        present.forEach((i, k) => (ts[i] = xs[primals.length + k]!));
        const [outs, tOuts] = call.jvp(xs.slice(0, primals.length), ts);
        numOuts = outs.length;
        pattern = tOuts.map((t) => t !== null);
        return [...outs, ...tOuts.filter((t) => t !== null)];
      };
      const all = mapped(
        flat,
        [...primals, ...present.map((i) => tangents[i]!)],
        [...inDims, ...present.map((i) => inDims[i]!)],
      );
      let next = numOuts;
      return [all.slice(0, numOuts), pattern.map((has) => (has ? all[next++]! : null))];
    },
  };
  return { call: batched, args: toFront(args, dims), outDims: () => Array.from({ length: numOuts }, () => 0) };
}

export function batchCustomVjp(
  context: BatchContext,
  call: CustomVjpCall,
  args: readonly Tensor[],
  dims: readonly BatchDim[],
  batchFlat: BatchFlat,
): Batched<CustomVjpCall> {
  const inDims = frontDims(dims);
  let numOuts = 0;
  const mapped = (
    f: (xs: readonly Tensor[]) => readonly Tensor[],
    xs: readonly Tensor[],
    ds: readonly BatchDim[],
  ): Tensor[] => materializeBatch(context.size, ...batchFlat(context, f, xs, ds));
  const batched: CustomVjpCall = {
    name: call.name,
    fun: (xs) => {
      const outs = mapped(call.fun, xs, inDims);
      numOuts = outs.length;
      return outs;
    },
    fwd: (xs) => {
      const flat = (ys: readonly Tensor[]): Tensor[] => {
        const { outs, residuals } = call.fwd(ys);
        numOuts = outs.length;
        return [...outs, ...residuals];
      };
      const all = mapped(flat, xs, inDims);
      return { outs: all.slice(0, numOuts), residuals: all.slice(numOuts) };
    },
    bwd: (residuals, cts) => mappedBackward(context, call, residuals, cts, inDims, batchFlat),
  };
  return { call: batched, args: toFront(args, dims), outDims: () => Array.from({ length: numOuts }, () => 0) };
}

/** Cotangents of unmapped arguments are summed over the batch: each example used the same argument. */
export function mappedBackward(
  context: BatchContext,
  call: CustomVjpCall,
  residuals: readonly Tensor[],
  cts: readonly Tensor[],
  inDims: readonly BatchDim[],
  batchFlat: BatchFlat,
): MaybeZero[] {
  let pattern: boolean[] = [];
  const flat = (xs: readonly Tensor[]): Tensor[] => {
    const grads = call.bwd(xs.slice(0, residuals.length), xs.slice(residuals.length));
    pattern = grads.map((g) => g !== null);
    return grads.filter((g) => g !== null);
  };
  const operands = [...residuals, ...cts];
  const outs = materializeBatch(
    context.size,
    ...batchFlat(
      context,
      flat,
      operands,
      operands.map(() => 0),
    ),
  );
  let next = 0;
  return pattern.map((has, i): MaybeZero => {
    if (!has) return null;
    const g = outs[next++]!;
    return inDims[i] === null ? reduceSum(g, [0]) : g;
  });
}

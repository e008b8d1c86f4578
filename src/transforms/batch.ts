/**
 * vmap: every value carries the position of its mapped axis; every primitive's rule says what it does to a whole batch at once.
 * May import: `ir`, `core`, `primitives`.
 * @module
 */
import { Aval } from '../ir/aval.ts';
import { type Params, subPrograms } from '../ir/program.ts';
import { type AnyPrimitive, type BatchContext, type BatchDim, recordOf } from '../core/primitive.ts';
import { type Tensor, Tracer } from '../core/tensor.ts';
import { bind, currentTrace, type CustomJvpCall, type CustomVjpCall, Trace, withTrace } from '../core/trace.ts';
import { memo } from './memo.ts';
import { batchCustomJvp, batchCustomVjp } from './batch-custom.ts';

class BatchTracer extends Tracer {
  readonly value: Tensor;
  readonly dim: number;
  readonly aval: Aval;

  constructor(trace: BatchTrace, value: Tensor, dim: number) {
    super(trace);
    this.value = value;
    this.dim = dim;
    const { shape, dtype, weakType } = value.aval;
    this.aval = new Aval(
      shape.filter((_, i) => i !== dim),
      dtype,
      weakType,
    );
  }

  override parts(): readonly Tensor[] {
    return [this.value];
  }
}

export class BatchTrace extends Trace implements BatchContext {
  readonly parent: Trace;
  readonly size: number;
  readonly axisName: string | undefined;

  constructor(parent: Trace, size: number, axisName: string | undefined) {
    super('vmap');
    this.parent = parent;
    this.size = size;
    this.axisName = axisName;
  }

  lift(value: Tensor, dim: BatchDim): Tensor {
    return dim === null ? value : new BatchTracer(this, value, dim);
  }

  unbatched(x: Tensor): Tensor {
    return x instanceof BatchTracer && x.tracedBy === this ? x.value : x;
  }

  dimOf(x: Tensor): BatchDim {
    return x instanceof BatchTracer && x.tracedBy === this ? x.dim : null;
  }

  private join(outs: readonly Tensor[], dims: readonly BatchDim[]): Tensor[] {
    return outs.map((o, i) => this.lift(o, dims[i]!));
  }

  process(primitive: AnyPrimitive, args: readonly Tensor[], params: object): Tensor[] {
    const values = args.map((x) => this.unbatched(x));
    const dims = args.map((x) => this.dimOf(x));
    return withTrace(this.parent, () => {
      if (dims.every((d) => d === null) && !communicates(primitive, params, this.axisName)) {
        return bind(primitive, values, params);
      }
      return this.join(...primitive.batch(this, values, dims, params));
    });
  }

  override wantsSites(): boolean {
    return this.parent.wantsSites();
  }

  processCustomJvp(call: CustomJvpCall, args: readonly Tensor[]): Tensor[] {
    const values = args.map((x) => this.unbatched(x));
    const dims = args.map((x) => this.dimOf(x));
    return withTrace(this.parent, () => {
      if (dims.every((d) => d === null)) return this.parent.processCustomJvp(call, values);
      const batched = batchCustomJvp(this, call, values, dims, batchFlat);
      return this.join(this.parent.processCustomJvp(batched.call, batched.args), batched.outDims());
    });
  }

  processCustomVjp(call: CustomVjpCall, args: readonly Tensor[]): Tensor[] {
    const values = args.map((x) => this.unbatched(x));
    const dims = args.map((x) => this.dimOf(x));
    return withTrace(this.parent, () => {
      if (dims.every((d) => d === null)) return this.parent.processCustomVjp(call, values);
      const batched = batchCustomVjp(this, call, values, dims, batchFlat);
      return this.join(this.parent.processCustomVjp(batched.call, batched.args), batched.outDims());
    });
  }
}

/** True if the application, or one in a Program that it carries, communicates over the named axis. */
function communicates(primitive: AnyPrimitive, params: object, axisName: string | undefined): boolean {
  if (axisName === undefined) return false;
  if (primitive.usesAxisName?.(params, axisName)) return true;
  return subPrograms(params as Params).some((p) =>
    axisUse(p, axisName, () => p.equations.some((e) => communicates(recordOf(e), e.params, axisName))),
  );
}

const axisUse = memo<boolean>();

/** Runs a flat function on mapped values; results come with the position of their mapped axis. */
export function batchFlat(
  context: BatchContext,
  f: (args: readonly Tensor[]) => readonly Tensor[],
  args: readonly Tensor[],
  dims: readonly BatchDim[],
): [Tensor[], BatchDim[]] {
  const trace = new BatchTrace(currentTrace(), context.size, context.axisName);
  try {
    const outs = withTrace(trace, () => f(args.map((x, i) => trace.lift(x, dims[i]!))));
    return [outs.map((o) => trace.unbatched(o)), outs.map((o) => trace.dimOf(o))];
  } finally {
    trace.isAlive = false;
  }
}

/**
 * Dual numbers: every value carries a tangent, every primitive's rule pushes tangents through. Forward mode is that; linearization is
 * that with the tangents recorded.
 * May import: `ir`, `core`, `primitives`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { isFloat } from '../ir/dtype.ts';
import type { AnyPrimitive, MaybeZero } from '../core/primitive.ts';
import { scalarTensor, type Tensor, Tracer } from '../core/tensor.ts';
import { bind, currentTrace, type CustomJvpCall, type CustomVjpCall, Trace, withTrace } from '../core/trace.ts';
import { add } from '../primitives/arithmetic.ts';
import { broadcastTo } from '../primitives/structural.ts';
import { applyCustomLinear } from './custom-linear.ts';

class DualTracer extends Tracer {
  readonly primal: Tensor;
  readonly tangent: Tensor;

  constructor(trace: DualTrace, primal: Tensor, tangent: Tensor) {
    super(trace);
    this.primal = primal;
    this.tangent = tangent;
  }

  get aval(): Aval {
    return this.primal.aval;
  }

  protected override underlying(): Tensor {
    return this.primal;
  }
}

/**
 * Values with tangents. Primals are computed under `parent`, tangents under `rules`: the parent again for forward mode, or a trace that
 * records what depends on tangents, for linearization.
 */
export class DualTrace extends Trace {
  private readonly parent: Trace;
  private readonly rules: Trace;

  constructor(name: string, parent: Trace, rules: Trace) {
    super(name);
    this.parent = parent;
    this.rules = rules;
  }

  lift(primal: Tensor, tangent: MaybeZero): Tensor {
    return tangent === null ? primal : new DualTracer(this, primal, tangent);
  }

  primalOf(x: Tensor): Tensor {
    return x instanceof DualTracer && x.tracedBy === this ? x.primal : x;
  }

  tangentOf(x: Tensor): MaybeZero {
    return x instanceof DualTracer && x.tracedBy === this ? x.tangent : null;
  }

  private split(args: readonly Tensor[]): [Tensor[], MaybeZero[], boolean] {
    const tangents = args.map((x) => this.tangentOf(x));
    return [args.map((x) => this.primalOf(x)), tangents, tangents.every((t) => t === null)];
  }

  private join(outs: readonly Tensor[], tangents: readonly MaybeZero[]): Tensor[] {
    return outs.map((o, i) => this.lift(o, tangents[i] ?? null));
  }

  process(primitive: AnyPrimitive, args: readonly Tensor[], params: object): Tensor[] {
    const [primals, tangents, isConstant] = this.split(args);
    const { calculus } = primitive;
    if (!isConstant && calculus.kind === 'structured') {
      return this.join(...withTrace(this.rules, () => calculus.jvp(primals, tangents, params)));
    }
    const outs = withTrace(this.parent, () => bind(primitive, primals, params));
    if (isConstant || calculus.kind === 'piecewise-constant') return outs;
    return this.join(
      outs,
      withTrace(this.rules, () => tangentsOut(primitive, primals, tangents, outs, params)),
    );
  }

  processCustomJvp(call: CustomJvpCall, args: readonly Tensor[]): Tensor[] {
    const [primals, tangents, isConstant] = this.split(args);
    if (isConstant) return withTrace(this.parent, () => this.parent.processCustomJvp(call, primals));
    return this.join(...withTrace(this.rules, () => call.jvp(primals, tangents)));
  }

  processCustomVjp(call: CustomVjpCall, args: readonly Tensor[]): Tensor[] {
    const [primals, tangents, isConstant] = this.split(args);
    if (isConstant) return withTrace(this.parent, () => this.parent.processCustomVjp(call, primals));
    const { outs, residuals } = withTrace(this.parent, () => call.fwd(primals));
    const tangentOuts = (): readonly MaybeZero[] =>
      applyCustomLinear(call, residuals, instantiate(tangents, primals), outs);
    return this.join(outs, withTrace(this.rules, tangentOuts));
  }
}

/** A tensor of zeros. */
export const zeros = (aval: Aval): Tensor => broadcastTo(scalarTensor(0, aval.dtype), aval.shape);

/** Tangents with symbolic zeros made real. */
export const instantiate = (tangents: readonly MaybeZero[], like: readonly Tensor[]): Tensor[] =>
  tangents.map((t, i) => t ?? zeros(like[i]!.aval));

/** Tangents of the outputs of an unstructured primitive; uses only operations linear in `tangents`. */
function tangentsOut(
  primitive: AnyPrimitive,
  primals: readonly Tensor[],
  tangents: readonly MaybeZero[],
  outs: readonly Tensor[],
  params: object,
): readonly MaybeZero[] {
  const { calculus } = primitive;
  switch (calculus.kind) {
    case 'smooth':
      return calculus.jvp(primals, tangents, outs, params);
    case 'linear':
      return linearJvp(primitive, primals, tangents, params, calculus.linearOperands?.(params));
    case 'multilinear':
      return multilinearJvp(primitive, primals, tangents, params);
    default:
      return outs.map(() => null);
  }
}

/** f linear: df = f(dx). Operands it is not linear in stay; missing tangents are zeros. */
function linearJvp(
  primitive: AnyPrimitive,
  primals: readonly Tensor[],
  tangents: readonly MaybeZero[],
  params: object,
  linearOperands: readonly number[] | undefined,
): readonly MaybeZero[] {
  const isLinear = (i: number): boolean => (linearOperands ? linearOperands.includes(i) : isFloat(primals[i]!.dtype));
  const args = primals.map((x, i) => (isLinear(i) ? (tangents[i] ?? zeros(x.aval)) : x));
  return bind(primitive, args, params).map((o) => (isFloat(o.dtype) ? o : null));
}

/** f linear in each operand: df = Σ f(x₁, …, dxᵢ, …). */
function multilinearJvp(
  primitive: AnyPrimitive,
  primals: readonly Tensor[],
  tangents: readonly MaybeZero[],
  params: object,
): MaybeZero[] {
  let total: Tensor[] | undefined;
  tangents.forEach((t, i) => {
    if (t === null) return;
    const term = bind(
      primitive,
      primals.map((p, k) => (k === i ? t : p)),
      params,
    );
    total = total ? total.map((s, k) => add(s, term[k]!)) : term;
  });
  return total!;
}

/** Outputs and tangents of a flat function; inputs with tangent `null` are constants. */
export function jvpFlat(
  name: string,
  f: (args: readonly Tensor[]) => readonly Tensor[],
  primals: readonly Tensor[],
  tangents: readonly MaybeZero[],
): [Tensor[], MaybeZero[]] {
  const parent = currentTrace();
  const trace = new DualTrace(name, parent, parent);
  try {
    const outs = withTrace(trace, () => f(primals.map((p, i) => trace.lift(p, tangents[i]!))));
    return [outs.map((o) => trace.primalOf(o)), outs.map((o) => trace.tangentOf(o))];
  } finally {
    trace.isAlive = false;
  }
}

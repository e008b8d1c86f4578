/**
 * Dual numbers: every value carries a tangent, every primitive's rule pushes tangents through. Forward mode is that; linearization is
 * that with the tangents recorded.
 * May import: `ir`, `core`, `primitives`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { castScalar, isFloat } from '../ir/dtype.ts';
import type { AnyPrimitive, MaybeZero } from '../core/primitive.ts';
import { equationSite, maxSites, replaySite, stopReplay } from '../core/site.ts';
import { numberOf } from '../core/scalar.ts';
import { insideDerivative, outermostScratch, recordScratch, Scratch, tracedBytes } from '../core/scratch.ts';
import { ConcreteTensor, hostScalar, scalarTensor, type Tensor, Tracer } from '../core/tensor.ts';
import {
  bind,
  checkAlive,
  currentTrace,
  type CustomJvpCall,
  type CustomVjpCall,
  evalTrace,
  Trace,
  withTrace,
} from '../core/trace.ts';
import { add } from '../primitives/arithmetic.ts';
import { broadcastTo } from '../primitives/structural.ts';
import { applyCustomLinear } from './custom-linear.ts';
import { absent, type ScalarTape } from './scalar-tape.ts';

class DualTracer extends Tracer {
  readonly aval: Aval;
  private knownPrimal: Tensor | undefined;
  private knownTangent: Tensor | undefined;
  /** The value of a scalar whose tangent is on the tape. */
  private readonly number: number;
  private node: number | undefined;

  constructor(
    trace: DualTrace,
    aval: Aval,
    primal: Tensor | undefined,
    tangent: Tensor | undefined,
    number = 0,
    node?: number,
  ) {
    super(trace);
    this.aval = aval;
    this.knownPrimal = primal;
    this.knownTangent = tangent;
    this.number = number;
    this.node = node;
  }

  get primal(): Tensor {
    return (this.knownPrimal ??= hostScalar(this.number, this.aval));
  }

  get tangent(): Tensor {
    return (this.knownTangent ??= (this.tracedBy as DualTrace).tape!.tracerOf(this.node!, this.aval.strong()));
  }

  /** The number of a scalar that the host holds. */
  get primalNumber(): number | undefined {
    return this.knownPrimal === undefined ? this.number : numberOf(this.knownPrimal);
  }

  nodeOn(tape: ScalarTape): number | undefined {
    return (this.node ??= tape.nodeOf(this.tangent));
  }

  override parts(): readonly Tensor[] {
    return [this.knownPrimal, this.knownTangent].filter((x) => x !== undefined);
  }

  protected override underlying(): Tensor {
    return this.primal;
  }

  override concrete(use: string): ConcreteTensor {
    const { primal } = this;
    // Its numbers may have gone with the trace.
    if (primal instanceof ConcreteTensor && primal.isDisposed) checkAlive(this, use);
    return super.concrete(use);
  }
}

/**
 * Values with tangents. Primals are computed under `parent`, tangents under `rules`: the parent again for forward mode, or a trace that
 * records what depends on tangents, for linearization.
 */
export class DualTrace extends Trace {
  private readonly parent: Trace;
  private readonly rules: Trace;
  /** Takes tangents of scalars, where there is one. */
  readonly tape: ScalarTape | undefined;
  /** Places that may still be captured. */
  private sitesLeft: number;

  /** Owns what is computed for the derivative, where that is to be freed in the end. */
  private readonly scratch: Scratch | undefined;

  constructor(name: string, parent: Trace, rules: Trace, tape?: ScalarTape, scratch?: Scratch) {
    super(name);
    this.tape = tape;
    this.scratch = scratch;
    this.sitesLeft = parent.wantsSites() ? maxSites : 0;
    this.parent = parent;
    this.rules = rules;
  }

  lift(primal: Tensor, tangent: MaybeZero): Tensor {
    return tangent === null ? primal : new DualTracer(this, primal.aval, primal, tangent);
  }

  /** A scalar that the host holds, its tangent an input of the tape. */
  liftNumber(primal: Tensor, tape: ScalarTape): Tensor {
    return new DualTracer(this, primal.aval, primal, undefined, 0, tape.newInput());
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

  override wantsSites(): boolean {
    return this.sitesLeft > 0;
  }

  process(primitive: AnyPrimitive, args: readonly Tensor[], params: object): Tensor[] {
    if (this.sitesLeft <= 0) return this.push(primitive, args, params);
    this.sitesLeft--;
    // One place for the operation and for its tangent, from which the backward pass takes it.
    const before = replaySite(equationSite());
    try {
      return this.push(primitive, args, params);
    } finally {
      stopReplay(before);
    }
  }

  private own(x: Tensor | undefined): DualTracer | undefined {
    return x instanceof DualTracer && x.tracedBy === this ? x : undefined;
  }

  /**
   * An operation on one or two scalars, its tangent recorded on the tape. Undefined where numbers do not suffice. A NaN is among that, so
   * that its bits are those of kernels.
   */
  private pushScalar(
    tape: ScalarTape,
    primitive: AnyPrimitive,
    args: readonly Tensor[],
    params: object,
  ): Tensor | undefined {
    const first = args[0]!;
    const second = args[1];
    const { aval } = first;
    if (aval.shape.length > 0 || (second !== undefined && second.aval !== aval)) return undefined;
    const [one, two] = [this.own(first), this.own(second)];
    const x = one === undefined ? numberOf(first) : one.primalNumber;
    const y = second === undefined ? 0 : two === undefined ? numberOf(second) : two.primalNumber;
    if (x === undefined || y === undefined || (one === undefined && two === undefined)) return undefined;
    if (!tape.accepts(aval.dtype)) return undefined;
    const left = one === undefined ? absent : one.nodeOn(tape);
    const right = two === undefined ? absent : two.nodeOn(tape);
    if (left === undefined || right === undefined) return undefined;
    const { onHost, slopes } = primitive;
    if (onHost?.keepsFloats !== true || slopes?.number === undefined) {
      return this.pushBySlopes(tape, primitive, args, params, left, right);
    }
    const value = castScalar(onHost.compute(x, y, 0, aval.dtype, params), aval.dtype);
    const dx = left === absent ? 0 : slopes.number(0, x, y, value, aval.dtype);
    const dy = right === absent ? 0 : slopes.number(1, x, y, value, aval.dtype);
    if (Number.isNaN(value) || Number.isNaN(dx) || Number.isNaN(dy)) return undefined;
    return new DualTracer(this, aval, undefined, undefined, value, tape.record(left, dx, right, dy));
  }

  /** The same where value or slopes take operations on tensors: exp, tanh, max. */
  private pushBySlopes(
    tape: ScalarTape,
    primitive: AnyPrimitive,
    args: readonly Tensor[],
    params: object,
    left: number,
    right: number,
  ): Tensor | undefined {
    const primals = args.map((x) => this.primalOf(x));
    const [out, slopes] = withTrace(this.parent, () => {
      const result = bind(primitive, primals, params)[0]!;
      return [result, primitive.slopes?.tensors?.(primals, result, params)];
    });
    const value = numberOf(out);
    if (slopes === undefined || value === undefined || Number.isNaN(value) || out.aval !== args[0]!.aval)
      return undefined;
    const nodes = [left, right].map((node, i) => (slopes[i] ? node : absent));
    if (nodes.every((node) => node === absent)) return out;
    const [dx, dy] = nodes.map((node, i) => (node === absent ? 0 : (numberOf(slopes[i]!) ?? NaN))) as [number, number];
    if (Number.isNaN(dx) || Number.isNaN(dy)) return undefined;
    return new DualTracer(this, out.aval, out, undefined, value, tape.record(nodes[0]!, dx, nodes[1]!, dy));
  }

  private push(primitive: AnyPrimitive, args: readonly Tensor[], params: object): Tensor[] {
    if (this.tape !== undefined && primitive.slopes !== undefined) {
      const out = this.pushScalar(this.tape, primitive, args, params);
      if (out !== undefined) return [out];
    }
    const [primals, tangents, isConstant] = this.split(args);
    const { calculus } = primitive;
    if (!isConstant && calculus.kind === 'structured') {
      const rule = (): readonly [readonly Tensor[], readonly MaybeZero[]] => calculus.jvp(primals, tangents, params);
      const isOurs = primitive.runsUserCode !== true;
      if (!isOurs) this.expose([...primals, ...tangents]);
      const [results, resultTangents] = isOurs ? this.underRules(rule) : withTrace(this.rules, rule);
      this.expose(results.filter((_, i) => (resultTangents[i] ?? null) === null));
      return this.join(results, resultTangents);
    }
    const outs = withTrace(this.parent, () => bind(primitive, primals, params));
    if (isConstant || calculus.kind === 'piecewise-constant') return outs;
    const tangentOuts = (): readonly MaybeZero[] => tangentsOut(primitive, primals, tangents, outs, params);
    const outTangents = this.underRules(tangentOuts);
    // What is handed out with a tangent can be read by way of its tracer only.
    if (this.scratch !== undefined)
      for (let i = 0; i < outs.length; i++) if (outTangents[i]) this.scratch.own(outs[i]!, tracedBytes);
    return this.join(outs, outTangents);
  }

  /** Runs a rule of the library's: what it computes is seen by nobody else. */
  private underRules<T>(rule: () => T): T {
    if (this.scratch === undefined) return withTrace(this.rules, rule);
    const before = recordScratch(this.scratch);
    try {
      return withTrace(this.rules, rule);
    } finally {
      recordScratch(before);
    }
  }

  /** The user gets these values themselves. */
  private expose(values: readonly MaybeZero[]): void {
    if (this.scratch !== undefined) for (const x of values) if (x !== null) this.scratch.keep(x);
  }

  processCustomJvp(call: CustomJvpCall, args: readonly Tensor[]): Tensor[] {
    const [primals, tangents, isConstant] = this.split(args);
    if (isConstant) return withTrace(this.parent, () => this.parent.processCustomJvp(call, primals));
    this.expose([...primals, ...tangents]);
    return this.join(...withTrace(this.rules, () => call.jvp(primals, tangents)));
  }

  processCustomVjp(call: CustomVjpCall, args: readonly Tensor[]): Tensor[] {
    const [primals, tangents, isConstant] = this.split(args);
    if (isConstant) return withTrace(this.parent, () => this.parent.processCustomVjp(call, primals));
    this.expose(primals);
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
  const scratch = parent === evalTrace ? new Scratch() : undefined;
  const trace = new DualTrace(name, parent, parent, undefined, scratch);
  try {
    const args = primals.map((p, i) => trace.lift(p, tangents[i]!));
    const traced = insideDerivative(scratch ?? outermostScratch(), () => withTrace(trace, () => f(args)));
    const outs = traced.map((o) => trace.primalOf(o));
    const tangentOuts = traced.map((o) => trace.tangentOf(o));
    for (const x of [...outs, ...tangentOuts]) if (x !== null) scratch?.keep(x);
    scratch?.freeAll();
    return [outs, tangentOuts];
  } catch (error) {
    scratch?.keepAll();
    throw error;
  } finally {
    trace.isAlive = false;
  }
}

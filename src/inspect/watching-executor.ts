/**
 * A device in the place of another: it shows every operation with its operands and results to an observer. What carries Programs (a jitted
 * function, a loop, a branch) is gone through equation by equation.
 * May import: `api` and everything below it.
 * @module
 */
import type { Executor } from '../core/executor.ts';
import { type AnyPrimitive, recordOf } from '../core/primitive.ts';
import { equationSite, placeOf } from '../core/site.ts';
import { ConcreteTensor } from '../core/tensor.ts';
import type { Aval } from '../ir/aval.ts';
import { makeTypedArray, type TypedArray } from '../ir/dtype.ts';
import type { ControlFlow } from '../ir/loop/lower.ts';
import { type Atom, type Params, type Program, subPrograms, type Var } from '../ir/program.ts';
import { StandIn } from './stand-in.ts';

/** One operation that has run. */
export interface Operation {
  readonly primitive: AnyPrimitive;
  readonly params: object;
  readonly args: readonly ConcreteTensor[];
  readonly outs: readonly ConcreteTensor[];
  /** Line of the user's code: `src/train.ts:20`; empty when unknown. */
  readonly place: string;
  /** Loops around it: `scan, iteration 3`; empty outside. */
  readonly context: string;
}

export class WatchingExecutor extends StandIn {
  private readonly observe: (operation: Operation) => void;
  private place = '';
  private readonly contexts: string[] = [];

  constructor(inner: Executor, observe: (operation: Operation) => void) {
    super(inner);
    this.observe = observe;
  }

  execute(
    primitive: AnyPrimitive,
    args: readonly ConcreteTensor[],
    params: object,
    outAvals: readonly Aval[],
  ): ConcreteTensor[] {
    this.place = placeOf(equationSite());
    return this.apply(primitive, args, params, outAvals);
  }

  private apply(
    primitive: AnyPrimitive,
    args: readonly ConcreteTensor[],
    params: object,
    outAvals: readonly Aval[],
  ): ConcreteTensor[] {
    const { lower } = primitive;
    if (lower.kind === 'control') return this.control(primitive.name, lower.control(params), args, outAvals);
    if (lower.kind === 'expand' && subPrograms(params as Params).length > 0) {
      const avals = args.map((a) => a.aval);
      return this.run(lower.program(avals, params), args);
    }
    const outs = this.inner.execute(primitive, args, params, outAvals);
    const { place } = this;
    this.observe({ primitive, params, args, outs, place, context: this.contexts.join(', in ') });
    return outs;
  }

  private run(program: Program, args: readonly ConcreteTensor[]): ConcreteTensor[] {
    const env = new Map<Var, ConcreteTensor>();
    const read = (a: Atom): ConcreteTensor => (a.kind === 'var' ? env.get(a)! : (a.value as ConcreteTensor));
    program.inputs.forEach((v, i) => env.set(v, args[i]!));
    const around = this.place;
    for (const eqn of program.equations) {
      this.place = placeOf(eqn.site) || around;
      const outAvals = eqn.outputs.map((v) => v.aval);
      const outs = this.apply(recordOf(eqn), eqn.inputs.map(read), eqn.params, outAvals);
      eqn.outputs.forEach((v, k) => env.set(v, outs[k]!));
    }
    this.place = around;
    return program.outputs.map(read);
  }

  /** Runs one iteration of a loop under its name. */
  private inside<T>(context: string, run: () => T): T {
    this.contexts.push(context);
    try {
      return run();
    } finally {
      this.contexts.pop();
    }
  }

  private control(
    name: string,
    flow: ControlFlow,
    args: readonly ConcreteTensor[],
    outAvals: readonly Aval[],
  ): ConcreteTensor[] {
    if (flow.kind === 'scan') return this.scan(name, flow, args, outAvals);
    if (flow.kind === 'branch') {
      const index = Math.max(0, Math.min(flow.branches.length - 1, args[0]!.read()[0]!));
      return this.run(flow.branches[index]!, args.slice(1));
    }
    const numConstants = flow.condConstants + flow.bodyConstants;
    const [condArgs, bodyArgs] = [args.slice(0, flow.condConstants), args.slice(flow.condConstants, numConstants)];
    let carry = args.slice(numConstants);
    for (let i = 0; this.run(flow.cond, [...condArgs, ...carry])[0]!.read()[0] !== 0; i++)
      carry = this.inside(`${name}, iteration ${i}`, () => this.run(flow.body, [...bodyArgs, ...carry]));
    return carry;
  }

  private scan(
    name: string,
    flow: ControlFlow & { kind: 'scan' },
    args: readonly ConcreteTensor[],
    outAvals: readonly Aval[],
  ): ConcreteTensor[] {
    const consts = args.slice(0, flow.constants);
    let carry = args.slice(flow.constants, flow.constants + flow.carry);
    const xs = args.slice(flow.constants + flow.carry);
    const ys = outAvals.slice(flow.carry).map((a) => makeTypedArray(a.dtype, a.size));
    for (let step = 0; step < flow.length; step++) {
      const i = flow.reverse ? flow.length - 1 - step : step;
      const slices = xs.map((x) => this.slice(x, i));
      const outs = this.inside(`${name}, iteration ${i}`, () => this.run(flow.body, [...consts, ...carry, ...slices]));
      carry = outs.slice(0, flow.carry);
      outs.slice(flow.carry).forEach((y, k) => ys[k]!.set(y.read(), i * y.aval.size));
    }
    return [...carry, ...ys.map((data, k) => this.tensor(data, outAvals[flow.carry + k]!))];
  }

  private slice(x: ConcreteTensor, i: number): ConcreteTensor {
    const aval = x.aval.withShape(x.aval.shape.slice(1));
    return this.tensor(x.read().slice(i * aval.size, (i + 1) * aval.size) as TypedArray, aval);
  }

  private tensor(data: TypedArray, aval: Aval): ConcreteTensor {
    return new ConcreteTensor(aval, this.inner.fromHost(data, aval));
  }
}

/**
 * `autograd.Function` inside functions that the core transforms or compiles, and on dual numbers: the rules of the class become those of
 * the transformation.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { DifferentiationError } from '../../ir/errors.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import { currentTrace } from '../../core/trace.ts';
import { applyCustomVjp } from '../../control/custom.ts';
import { stopGradientOf } from '../../primitives/barrier.ts';
import { operand, shown, Tensor } from '../tensor.ts';
import { changeInPlace } from '../views.ts';
import { FunctionContext } from './context.ts';
import { makeDual, unpackDual } from './forward-ad.ts';
import {
  type AnyFunctionClass,
  fitted,
  type ForwardResult,
  gradsOf,
  runBackward,
  runForward,
} from './function-class.ts';

const hidden = (x: Tensor): CoreTensor => operand(x.asCore(), currentTrace());

/** One call of a function under a transformation of the core. */
class TracedCall {
  private readonly f: AnyFunctionClass;
  private readonly args: readonly unknown[];
  /** Which arguments are tensors. */
  private readonly places: readonly number[];
  private context = new FunctionContext();
  private dirty: readonly (number | undefined)[] = [];
  private isOne = true;

  constructor(f: AnyFunctionClass, args: readonly unknown[]) {
    this.f = f;
    this.args = args;
    this.places = args.flatMap((x, i) => (x instanceof Tensor ? [i] : []));
  }

  run(): ForwardResult {
    const here = currentTrace();
    const values = this.places.map((i) => operand((this.args[i] as Tensor).asCore(), here));
    const fun = (xs: readonly CoreTensor[]): CoreTensor[] => this.forward(xs);
    const fwd = (xs: readonly CoreTensor[]): { outs: CoreTensor[]; residuals: CoreTensor[] } => {
      const outs = this.forward(xs);
      return { outs, residuals: this.context.kept.flatMap((x) => (x === null ? [] : [hidden(x)])) };
    };
    const bwd = (residuals: readonly CoreTensor[], cts: readonly CoreTensor[]): (CoreTensor | null)[] =>
      this.backward(residuals, cts);
    const outs = applyCustomVjp({ name: this.f.name, fun, fwd, bwd }, values).map((o) => shown(o));
    const results = outs.map((o, k) => {
      const at = this.dirty[k];
      return at === undefined ? o : changeInPlace(this.f.name, this.args[at] as Tensor, () => o);
    });
    return { outs: results, isOne: this.isOne };
  }

  private forward(xs: readonly CoreTensor[]): CoreTensor[] {
    const ctx = new FunctionContext();
    ctx.needsInputGrad = this.args.map((x) => x instanceof Tensor && isFloat(x.dtype));
    const args = [...this.args];
    this.places.forEach((i, k) => (args[i] = new Tensor(xs[k]!)));
    const { outs, isOne } = runForward(this.f, ctx, args);
    this.context = ctx;
    this.isOne = isOne;
    this.dirty = outs.map((o) => (ctx.dirty.has(o) ? args.indexOf(o) : undefined));
    return outs.map((o) => (ctx.notDifferentiable.has(o) ? stopGradientOf(hidden(o)) : hidden(o)));
  }

  private backward(residuals: readonly CoreTensor[], cts: readonly CoreTensor[]): (CoreTensor | null)[] {
    const ctx = Object.assign(new FunctionContext(), this.context);
    let next = 0;
    const saved = ctx.kept.map((x) => (x === null ? null : new Tensor(residuals[next++]!)));
    ctx.saved = saved.map((x) => ({ restore: () => x }));
    const name = `${this.f.name}Backward`;
    const grads = runBackward(
      this.f,
      name,
      ctx,
      cts.map((ct) => shown(ct)),
      this.args.length,
    );
    return this.places.map((i) => {
      const g = grads[i] ?? null;
      const { aval } = this.args[i] as Tensor;
      return g === null || !isFloat(aval.dtype) ? null : fitted(name, hidden(g), aval, i);
    });
  }
}

/** Calls a function under a transformation of the core. */
export const applyTraced = (f: AnyFunctionClass, args: readonly unknown[]): ForwardResult =>
  new TracedCall(f, args).run();

/** Whether an argument is a dual number. */
export const isDual = (x: unknown): boolean => x instanceof Tensor && unpackDual(x).tangent !== null;

/** Calls a function on dual numbers: `record` on the primals, and its `jvp` on the tangents. */
export function applyDual(
  f: AnyFunctionClass,
  args: readonly unknown[],
  record: (f: AnyFunctionClass, ctx: FunctionContext, args: readonly unknown[]) => ForwardResult,
): ForwardResult {
  if (f.jvp === undefined) {
    throw new DifferentiationError(
      `${f.name}: expected a function with a static method jvp, got a dual number for one without: Trying to use forward AD with ${f.name} ` +
        'that does not support it because it has not been implemented yet.',
      'write static jvp(ctx, ...tangents), which gives the tangents of the outputs.',
    );
  }
  const pairs = args.map((x) => (x instanceof Tensor ? unpackDual(x) : { primal: x, tangent: null }));
  const ctx = new FunctionContext();
  const { outs, isOne } = record(
    f,
    ctx,
    pairs.map(({ primal }) => primal),
  );
  const tangents = gradsOf(
    `${f.name}.jvp`,
    f.jvp(ctx, ...(pairs.map(({ tangent }) => tangent) as never[])),
    outs.length,
  );
  const duals = outs.map((o, k) => {
    const t = tangents[k] ?? null;
    return t === null || !isFloat(o.dtype) ? o : makeDual(o, t);
  });
  return { outs: duals, isOne };
}
